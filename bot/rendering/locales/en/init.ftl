# `vm-balancer init`
init-welcome = This command writes { $file }. It tests each answer at once. Ctrl-C stops it; nothing is written before the last answer.
init-host = Address of VMmanager, such as https://vmmanager.example.com:
init-certificate = Its certificate is not accepted. Enter the path of a PEM file with its CA, or write insecure to accept any certificate; leave empty to change the address:
init-no-file = There is no file { $file }.
init-username = E-mail address of the account (empty = log in with a token):
init-panel-token = Token for VMmanager (it is not shown):
init-password = Password of the account (it is not shown):
init-token = Token of the bot, from @BotFather (it is not shown; empty = no chat):
init-listen = Write /start to { $bot }, or add { $bot } to the group that will get the reports. Listening for { NUMBER($seconds) } s …
init-again = Nobody wrote to the bot. Listen again?
init-chat-id = Id of the chat for the reports:
init-chat = Id of the chat for the reports, one of { $ids }:
init-admins = Ids of the people who may approve, separated by commas:
init-dry-run = Only watch for the first week: plan and report, but move no VM (DRY_RUN=true)?
init-dry-run-end = To let it move VMs later: set DRY_RUN=false in { $file } and start the program again.
init-needed = { $setting } is needed.
init-written = { $file } is written; only this user can read it. Now the whole check:
init-next = Next: `vm-balancer --dry-run --once` shows what it would do; `vm-balancer` starts it.
