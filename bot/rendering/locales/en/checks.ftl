# What `vm-balancer check` and `vm-balancer health` say. Plain text. A fault names the settings to change.
check-title-settings = Settings
check-title-strategy = Strategy
check-title-database = Database
check-title-held = Held cluster
check-title-outcomes = What moves bring
check-title-log-file = Log file
check-title-running = Program
check-title-panel-name = Panel's name
check-title-panel-port = Panel's port
check-title-panel-certificate = Panel's certificate
check-title-panel-kind = Panel
check-title-panel-login = Login
check-title-panel-rights = Rights
check-title-panel-clock = Clocks
check-title-clusters = Clusters
check-title-nodes = Nodes and VMs
check-title-versions = Versions
check-title-exclusions = Names of nodes
check-title-ssh = SSH
check-title-telegram-token = Telegram
check-title-telegram-listening = Telegram, listening
check-title-telegram-chat = Telegram, chat
check-title-telegram-posting = Telegram, posting
check-title-telegram-people = Telegram, people
check-title-telegram-chats = Telegram, more chats
check-title-telegram-escalation = Telegram, escalation
check-title-telegram-test = Telegram, test message

check-after = not tested: first fix { $title }
check-strategy-default = { $strategy }, the default since version 3: smaller VMs first, unless another plan is clearly better; target thresholds left at their default are a preference. BALANCE_STRATEGY=smallest-first keeps the rule of version 2
check-settings-fine = all valid
check-database = { $path } is readable and undamaged
check-database-new = { $path } can be created
check-database-memory = kept in memory only: decisions and migrations are forgotten when the program ends. Set DATABASE_PATH to a file.
check-database-unreadable = { $problem }. Set DATABASE_PATH to another file, or restore { $path } from a backup.
check-database-newer = { $path } was created by a newer version of this program: update it, or set DATABASE_PATH to another file.
check-database-damaged = { $path } is damaged ({ $problem }): restore it from a backup, or set DATABASE_PATH to another file.
check-held = cluster { $cluster }: { $reason }
check-log-file = { $path } can be written
check-running = process { $pid } on { $host } works with this database, since { $since }
check-not-running = no program works with this database

check-name-known = { $host } is { $ips }
check-name-unknown = { $host } has no address ({ $words }): correct VMMANAGER_HOST, or this machine's DNS servers.
check-port-open = { $where } accepts connections
check-port-closed = nothing listens at { $where }: correct host or port in VMMANAGER_HOST, or start the panel.
check-port-silent = { $where } does not answer within { NUMBER($seconds) } s: correct VMMANAGER_HOST, or allow this machine in the firewall.
check-port-unreachable = { $where } cannot be reached ({ $words }): correct VMMANAGER_HOST, or the network.
check-not-encrypted = the connection is not encrypted, so others can read the password: write https:// in VMMANAGER_HOST.
check-no-tls = { $where } does not speak TLS as it should ({ $words }): correct the port or write http:// in VMMANAGER_HOST.
check-certificate-fine = trusted
check-certificate-until = trusted, valid until { $date }
check-certificate-ends = trusted, but it expires on { $date }: renew it.
check-certificate-fine-unchecked = it is not checked, but it would pass: set VERIFY_SSL=true.
check-certificate-unchecked = it is not checked, and it would not pass ({ $words }): set VMMANAGER_CA_FILE to a PEM file with it or its CA, and VERIFY_SSL=true.
check-certificate-self-signed = it is self-signed: set VMMANAGER_CA_FILE to a PEM file with this certificate, or VERIFY_SSL=false to trust any.
check-certificate-issuer = its issuer is not known here: set VMMANAGER_CA_FILE to a PEM file with the CA, or VERIFY_SSL=false to trust any.
check-certificate-expired = it has expired: renew it on the panel. VERIFY_SSL=false trusts any until then.
check-certificate-not-yet = it is not valid yet: correct the clocks, or renew it on the panel. VERIFY_SSL=false trusts any until then.
check-certificate-name = it is for { $names }, not for { $host }: write that name in VMMANAGER_HOST, or renew it on the panel for { $host }.
check-certificate-other = it is not trusted ({ $words }): set VMMANAGER_CA_FILE to a PEM file with its CA, or VERIFY_SSL=false to trust any.
check-panel-answers = { $address } is a VMmanager
check-panel-stranger = { $address } answers, but it is not VMmanager 6: correct VMMANAGER_HOST. The password was not sent.
check-panel-elsewhere = the address redirects to { $location }: set VMMANAGER_HOST to the panel itself. The password was not sent.
check-panel-starting = VMmanager is starting
check-panel-unclear = { $address } does not say whether it is a VMmanager: if the login fails, correct VMMANAGER_HOST.
check-panel-silent = there is a connection, but no answer within { NUMBER($seconds) } s: check the panel, or correct VMMANAGER_HOST.
check-panel-trouble = { $words }. Check the panel, or correct VMMANAGER_HOST.
check-login = { $user } can log in
check-login-version = { $user } can log in; VMmanager { $version }
check-login-refused = { $user } is refused: { $words }. Correct VMMANAGER_USERNAME and VMMANAGER_PASSWORD; the account must have no two-factor login, and its access list must allow this machine.
check-token-refused = VMmanager does not accept the token in { $setting }: it has expired or was revoked. Make a new one (docs/first-contact.md) and put it there.
check-rights-admin = administrator, may migrate
check-rights-dry-run = roles { $roles }: enough for a dry run
check-rights-readonly = the account is read-only ({ $roles }) and may not migrate: name an administrator in VMMANAGER_USERNAME, or set DRY_RUN=true.
check-rights-other = the account is not an administrator ({ $roles }): it does not see all nodes and may not migrate. Name an administrator in VMMANAGER_USERNAME, or set DRY_RUN=true.
check-rights-unknown = VMmanager does not report the account's roles: the first migration will show whether it may migrate. VMMANAGER_USERNAME should name an administrator.
check-clock-fine = panel and this machine agree
check-clock-ahead = the panel's clock is { $by } ahead of this machine's: set both by NTP.
check-clock-behind = the panel's clock is { $by } behind this machine's: set both by NTP.
check-unreadable = The lists of clusters, nodes and VMs cannot be read: { $words }
check-clusters = { $count ->
    [one] { $count } cluster: { $names }
   *[other] { $count } clusters: { $names }
}
check-clusters-none = the account in VMMANAGER_USERNAME sees no cluster
check-clusters-missing = there is no cluster { $ids }, only { $known }: correct CLUSTER_IDS.
check-nodes = { NUMBER($clusters) ->
    [one] in { NUMBER($clusters) } cluster to balance:{" "}
   *[other] in { NUMBER($clusters) } clusters to balance:{" "}
}{ NUMBER($nodes) ->
    [one] { NUMBER($nodes) } node,{" "}
   *[other] { NUMBER($nodes) } nodes,{" "}
}{ NUMBER($vms) ->
    [one] { NUMBER($vms) } VM
   *[other] { NUMBER($vms) } VMs
}
check-versions = QEMU and kernel are known everywhere; QEMU { $qemu }
check-versions-allowed = { $count ->
    [one] QEMU or kernel of { $count } node is not known ({ $names }), and that is allowed
   *[other] QEMU or kernel of { $count } nodes is not known ({ $names }), and that is allowed
}
check-versions-unknown = { $count ->
    [one] QEMU or kernel of { $count } node is not known ({ $names }): no VM leaves or enters it. ALLOW_UNKNOWN_VERSIONS=true would allow it.
   *[other] QEMU or kernel of { $count } nodes is not known ({ $names }): no VM leaves or enters them. ALLOW_UNKNOWN_VERSIONS=true would allow it.
}
check-exclusions = every excluded node exists
check-exclusion-near = there is no node { $name }; nearest: { $near }. Correct { $setting }.
check-exclusion-unknown = there is no node { $name }: correct { $setting }.
check-mapping-unknown = there is no node { $name }: correct SSH_HOSTS_MAPPING.

check-ssh-fine = { $count ->
    [one] { $count } node answers: { $names }
   *[other] { $count } nodes answer: { $names }
}
check-vms-matched = the load of each VM can be read: { NUMBER($count) } { $count ->
    [one] VM was found on its node ({ $nodes })
   *[other] VMs were found on their nodes ({ $nodes })
}
check-vms-none = { $node }: none of { NUMBER($count) } running VMs was found among the node's processes and control groups, so their share of the vCPUs is used.
check-vms-unmatched = { $node }: { NUMBER($matched) } of { NUMBER($count) } running VMs were found; for the others their share of the vCPUs is used. Found there, but of no known VM: { $others }. VM_METRICS=off reads none.
check-ssh-key = { $problem }. See SSH_PRIVATE_KEY_PATH and SSH_PASSWORD.
check-ssh-address = { $node }: the panel names no address: name one in SSH_HOSTS_MAPPING.
check-ssh-port = { $node }: nothing listens at { $where }: name another port in SSH_HOSTS_MAPPING, or start sshd.
check-ssh-login = { $node }: { $where } refuses the login of { $user }: correct SSH_USERNAME, SSH_PRIVATE_KEY_PATH or SSH_PASSWORD, or add the key to authorized_keys there.
check-ssh-host-key = { $node }: { $problem } (SSH_HOST_KEYS says how keys are checked).
check-ssh-timeout = { $node }: { $where } does not answer within { NUMBER($seconds) } s: correct SSH_HOSTS_MAPPING, allow this machine in the firewall, or raise SSH_TIMEOUT.
check-ssh-answer = { $node }: { $problem }. The user of SSH_USERNAME needs a shell with grep.
check-ssh-other = { $node }: { $problem }. See SSH_HOSTS_MAPPING.

check-telegram-off = not used: TELEGRAM_BOT_TOKEN is not set, so nobody can approve; set it, or BALANCE_MODE=auto.
check-telegram-switched-off = not used: TELEGRAM_NOTIFICATIONS=false
check-token = the token is { $bot }'s
check-token-unknown = Telegram does not know the token: copy TELEGRAM_BOT_TOKEN again from @BotFather.
check-telegram-unreachable = { $where } cannot be reached ({ $words }): correct TELEGRAM_PROXY, TELEGRAM_API_URL or the network.
check-telegram-no-api = { $where } answers, but it is not a working Bot API server: correct TELEGRAM_API_URL or TELEGRAM_PROXY.
check-telegram-trouble = Telegram reports: { $words }. See TELEGRAM_BOT_TOKEN and TELEGRAM_CHAT_ID.
check-listening = the bot can listen
check-webhook-set = Telegram sends updates to { $url }
check-webhook-will-be = when the program starts, it asks Telegram to send updates to { $url }
check-webhook = another program has set a webhook for this bot, so it cannot listen here: create another bot with @BotFather and set TELEGRAM_BOT_TOKEN.
check-listen = TELEGRAM_CHAT_ID is not set. To see ids: write /start to { $bot }, or add { $bot } to the group that gets the reports. Listening for { NUMBER($seconds) } s.
check-listen-nobody = nobody wrote to the bot
check-seen-group = the group { $name } has the id { $id }: TELEGRAM_CHAT_ID={ $id }
check-seen-person = { $name } has the id { $id }: for TELEGRAM_ADMIN_IDS, or for TELEGRAM_CHAT_ID in a private chat
check-chat = { $chat } is { $name }
check-chat-topic = { $chat } is { $name }; --send-test shows whether it has topic { $topic }
check-chat-no-topics = { $chat } is { $name }, which has no topics: leave TELEGRAM_THREAD_ID empty.
check-chat-person = Telegram does not let the bot write to { $chat } ({ $words }): that person has to send /start to { $bot } first, or correct TELEGRAM_CHAT_ID.
check-chat-group = the bot does not see the chat { $chat } ({ $words }): add { $bot } to it, or correct TELEGRAM_CHAT_ID.
check-other = { $chat } is { $name }
check-other-fault = Telegram does not let the bot write to { $chat } ({ $words }): add the bot to that group, let that person send it /start, or correct { $setting }.
check-other-migrated = the group { $chat } has a new id: set { $new } in { $setting }.
check-other-muted = the bot may not write in { $name } ({ $chat }): add it there as an administrator, or correct { $setting }.
check-chat-migrated = the group { $chat } has a new id: set TELEGRAM_CHAT_ID={ $new }.
check-bot-outside = { $bot } is not a member of { $name }: add it there, or correct TELEGRAM_CHAT_ID.
check-bot-muted = { $bot } may not write in { $name }: make it an administrator there, or correct TELEGRAM_CHAT_ID.
check-bot-inside = the bot is a member and may write
check-people = { $count ->
    [one] { $count } person is known to the bot
   *[other] { $count } people are known to the bot
}
check-person-unknown = { $user } is neither in the chat nor known to the bot: correct { $setting }, add that person to the chat, or let them send /start to the bot.
check-test-message = Test of vm-balancer check --send-test: this chat is set up. Nothing to do.
check-test-sent = posted
check-test-failed = not posted: { $words }. Correct TELEGRAM_CHAT_ID, or let the bot write there.
check-test-topic = not posted ({ $words }): there is no topic { $topic }, correct TELEGRAM_THREAD_ID.

check-summary-fine = Everything works.
check-summary-warned = { $warnings ->
    [one] It works, with { $warnings } warning.
   *[other] It works, with { $warnings } warnings.
}
check-summary-nothing-moves = The panel can be read, but nothing could be moved now: see “Could move now”.
check-summary-failed = { $faults ->
    [one] { $faults } fault.
   *[other] { $faults } faults.
}

health-healthy = healthy: the last check ended { $ago } ago
health-starting = starting: the first check has not ended yet, after { $ago }
health-paused = healthy: paused
health-panel = alive, but without access to VMmanager for { $ago }: { $problem }
health-chat = alive, but Telegram has been out of reach for { $ago }: { $problem }
health-late = unhealthy: no check has ended for { $ago }
health-failing = unhealthy: no check has succeeded for { $ago }: { $problem }
health-silent = unhealthy: no sign of life for { $ago }
health-gone = unhealthy: the process is gone, its last sign of life came { $ago } ago
health-stopped = not running: it was stopped { $ago } ago
health-never = not running: no program has worked with the database { $path } yet
health-unreadable = unhealthy: { $problem }

check-title-answers = VMmanager's answers
check-title-figures = Allocations
check-title-readiness = Could move now
check-answers-known = every row and every value is known
check-figures = allocated { $figure ->
    [vcpus] vCPUs
   *[memory] memory
 } as the panel reports it, { NUMBER($told) } nodes: on { NUMBER($every) } equal to the sum of all VMs, on { NUMBER($active) } to the sum of the active VMs, on { NUMBER($neither) } to neither
check-readiness = { $cluster }: { NUMBER($movable) } of { NUMBER($vms) } VMs; of { NUMBER($nodes) } nodes { NUMBER($giving) } can give VMs and { NUMBER($taking) } can take VMs{ $why ->
    [none] {""}
   *[other] ; reasons: { $why }
}
check-recorded = { $file } holds what VMmanager answered to { NUMBER($requests) } requests. Names, addresses, tags and secrets were replaced. Nothing was sent anywhere. Read the file before you share it.
