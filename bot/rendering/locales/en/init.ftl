# `vm-balancer init`
init-welcome = This makes { $file }. Every answer is tested at once. Ctrl-C ends it; nothing is written before the last answer.
init-host = Address of VMmanager, such as https://vmmanager.example.com:
init-certificate = Its certificate is not accepted. Name a file with its CA (PEM), or write insecure to accept every certificate; empty = another address:
init-no-file = There is no file { $file }.
init-username = E-mail address of the account (empty = log in with a token):
init-panel-token = Token for VMmanager (it is not shown):
init-password = Password of the account (it is not shown):
init-token = Token of the bot, from @BotFather (it is not shown; empty = no chat):
init-listen = Write /start to { $bot }, or add { $bot } to the group that gets the reports. Listening for { NUMBER($seconds) } s …
init-again = Nobody wrote to the bot. Listen again?
init-chat-id = Id of the chat for the reports:
init-chat = Id of the chat for the reports, one of { $ids }:
init-admins = Ids of those who may approve, separated by commas:
init-dry-run = Only look for the first week: plan and report, but move no VM (DRY_RUN=true)?
init-dry-run-end = To let it move VMs later: set DRY_RUN=false in { $file } and start the program again.
init-needed = { $setting } is needed.
init-written = { $file } is written; only this user can read it. Now the whole check:
