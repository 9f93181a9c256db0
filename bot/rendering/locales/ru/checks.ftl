# Сообщения `vm-balancer check` и `vm-balancer health`. Простой текст. В ошибке названы настройки, которые нужно изменить.
check-title-settings = Настройки
check-title-strategy = Стратегия
check-title-database = База данных
check-title-held = Остановленный кластер
check-title-outcomes = Результаты миграций
check-title-log-file = Файл журнала
check-title-running = Программа
check-title-panel-name = Имя панели
check-title-panel-port = Порт панели
check-title-panel-certificate = Сертификат панели
check-title-panel-kind = Панель
check-title-panel-login = Вход
check-title-panel-rights = Права
check-title-panel-clock = Часы
check-title-clusters = Кластеры
check-title-nodes = Узлы и ВМ
check-title-versions = Версии
check-title-exclusions = Имена узлов
check-title-ssh = SSH
check-title-telegram-token = Telegram
check-title-telegram-listening = Telegram, приём
check-title-telegram-chat = Telegram, чат
check-title-telegram-posting = Telegram, отправка
check-title-telegram-people = Telegram, люди
check-title-telegram-chats = Telegram, другие чаты
check-title-telegram-escalation = Telegram, эскалация
check-title-telegram-test = Telegram, проверочное сообщение

check-after = не проверено: сначала исправьте { $title }
check-strategy-default = { $strategy }, по умолчанию с версии 3: сначала самые маленькие ВМ, если нет явно лучшего плана; пороги приёма со значением по умолчанию теперь желательны, а не обязательны. BALANCE_STRATEGY=smallest-first оставляет правило версии 2
check-settings-fine = ошибок нет
check-database = { $path } читается и не повреждена
check-database-new = { $path } можно создать
check-database-memory = только в памяти: решения и миграции забываются, когда программа завершается. Укажите файл в DATABASE_PATH.
check-database-unreadable = { $problem }. Укажите другой файл в DATABASE_PATH или восстановите { $path } из копии.
check-database-newer = { $path } создана более новой версией программы: обновите программу или укажите другой файл в DATABASE_PATH.
check-database-damaged = { $path } повреждена ({ $problem }): восстановите её из копии или укажите другой файл в DATABASE_PATH.
check-held = кластер { $cluster }: { $reason }
check-log-file = в { $path } можно писать
check-running = с этой базой работает процесс { $pid } на { $host }, с { $since }
check-not-running = с этой базой никто не работает

check-name-known = { $host } — это { $ips }
check-name-unknown = у { $host } нет адреса ({ $words }): исправьте VMMANAGER_HOST или DNS-серверы этой машины.
check-port-open = { $where } принимает соединения
check-port-closed = на { $where } никто не слушает: исправьте имя или порт в VMMANAGER_HOST или запустите панель.
check-port-silent = { $where } не ответил за { NUMBER($seconds) } с: исправьте VMMANAGER_HOST или откройте этой машине доступ в межсетевом экране.
check-port-unreachable = { $where } недоступен ({ $words }): исправьте VMMANAGER_HOST или сеть.
check-not-encrypted = соединение не шифруется, пароль могут прочитать посторонние: напишите https:// в VMMANAGER_HOST.
check-no-tls = { $where } не отвечает по TLS как следует ({ $words }): исправьте порт или напишите http:// в VMMANAGER_HOST.
check-certificate-fine = доверенный
check-certificate-until = доверенный, действует до { $date }
check-certificate-ends = доверенный, но действует только до { $date }: обновите его.
check-certificate-fine-unchecked = не проверяется, но прошёл бы проверку: задайте VERIFY_SSL=true.
check-certificate-unchecked = не проверяется и проверку не прошёл бы ({ $words }): укажите в VMMANAGER_CA_FILE файл PEM с ним или с его CA и задайте VERIFY_SSL=true.
check-certificate-self-signed = самоподписанный: укажите в VMMANAGER_CA_FILE файл PEM с этим сертификатом или задайте VERIFY_SSL=false, чтобы доверять любому.
check-certificate-issuer = издатель здесь неизвестен: укажите в VMMANAGER_CA_FILE файл PEM с CA или задайте VERIFY_SSL=false, чтобы доверять любому.
check-certificate-expired = срок истёк: обновите сертификат на панели. До тех пор VERIFY_SSL=false доверяет любому.
check-certificate-not-yet = срок ещё не начался: исправьте часы или обновите сертификат на панели. До тех пор VERIFY_SSL=false доверяет любому.
check-certificate-name = выдан для { $names }, а не для { $host }: напишите это имя в VMMANAGER_HOST или обновите сертификат на панели для { $host }.
check-certificate-other = недоверенный ({ $words }): укажите в VMMANAGER_CA_FILE файл PEM с CA или задайте VERIFY_SSL=false, чтобы доверять любому.
check-panel-answers = { $address } — это VMmanager
check-panel-stranger = по адресу { $address } отвечает не VMmanager 6: исправьте VMMANAGER_HOST. Пароль не отправлялся.
check-panel-elsewhere = адрес перенаправляет на { $location }: укажите в VMMANAGER_HOST саму панель. Пароль не отправлялся.
check-panel-starting = VMmanager запускается
check-panel-unclear = неясно, VMmanager ли отвечает по адресу { $address }: если вход не удастся, исправьте VMMANAGER_HOST.
check-panel-silent = соединение есть, но ответа нет за { NUMBER($seconds) } с: проверьте панель или исправьте VMMANAGER_HOST.
check-panel-trouble = { $words }. Проверьте панель или исправьте VMMANAGER_HOST.
check-login = { $user }: вход выполнен
check-login-version = { $user }: вход выполнен; VMmanager { $version }
check-login-refused = вход { $user } отклонён: { $words }. Исправьте VMMANAGER_USERNAME и VMMANAGER_PASSWORD; у учётной записи не должно быть двухфакторного входа, а её список доступа должен разрешать эту машину.
check-token-refused = VMmanager не принимает токен из { $setting }: он истёк или отозван. Создайте новый (docs/first-contact.md) и запишите его туда.
check-rights-admin = администратор, миграции разрешены
check-rights-dry-run = роли { $roles }: для пробного прогона достаточно
check-rights-readonly = учётная запись только для чтения ({ $roles }), миграции ей запрещены: укажите администратора в VMMANAGER_USERNAME или задайте DRY_RUN=true.
check-rights-other = учётная запись не администратор ({ $roles }): она видит не все узлы, миграции ей запрещены. Укажите администратора в VMMANAGER_USERNAME или задайте DRY_RUN=true.
check-rights-unknown = VMmanager не сообщает роли учётной записи: разрешены ли миграции, покажет первая из них. В VMMANAGER_USERNAME должен быть администратор.
check-clock-fine = время панели и этой машины совпадает
check-clock-ahead = часы панели спешат относительно этой машины на { $by }: настройте NTP на обеих.
check-clock-behind = часы панели отстают от этой машины на { $by }: настройте NTP на обеих.
check-unreadable = Списки кластеров, узлов и ВМ не читаются: { $words }
check-clusters = { $count ->
    [one] { $count } кластер: { $names }
    [few] { $count } кластера: { $names }
   *[many] { $count } кластеров: { $names }
}
check-clusters-none = учётная запись из VMMANAGER_USERNAME не видит ни одного кластера
check-clusters-missing = кластера { $ids } нет, есть только { $known }: исправьте CLUSTER_IDS.
check-nodes = кластеров для балансировки: { NUMBER($clusters) }, { NUMBER($nodes) ->
    [one] { NUMBER($nodes) } узел,{" "}
    [few] { NUMBER($nodes) } узла,{" "}
   *[many] { NUMBER($nodes) } узлов,{" "}
}{ NUMBER($vms) } ВМ
check-versions = QEMU и ядро известны везде; QEMU { $qemu }
check-versions-allowed = { $count ->
    [one] QEMU или ядро неизвестны на { $count } узле ({ $names }), и это разрешено
    [few] QEMU или ядро неизвестны на { $count } узлах ({ $names }), и это разрешено
   *[many] QEMU или ядро неизвестны на { $count } узлах ({ $names }), и это разрешено
}
check-versions-unknown = { $count ->
    [one] QEMU или ядро неизвестны на { $count } узле ({ $names }): ВМ на него и с него не переносятся. ALLOW_UNKNOWN_VERSIONS=true это разрешит.
    [few] QEMU или ядро неизвестны на { $count } узлах ({ $names }): ВМ на них и с них не переносятся. ALLOW_UNKNOWN_VERSIONS=true это разрешит.
   *[many] QEMU или ядро неизвестны на { $count } узлах ({ $names }): ВМ на них и с них не переносятся. ALLOW_UNKNOWN_VERSIONS=true это разрешит.
}
check-exclusions = все исключённые узлы существуют
check-exclusion-near = узла { $name } нет; похожие: { $near }. Исправьте { $setting }.
check-exclusion-unknown = узла { $name } нет: исправьте { $setting }.
check-mapping-unknown = узла { $name } нет: исправьте SSH_HOSTS_MAPPING.

check-ssh-fine = { $count ->
    [one] отвечает { $count } узел: { $names }
    [few] отвечают { $count } узла: { $names }
   *[many] отвечают { $count } узлов: { $names }
}
check-vms-matched = нагрузку отдельных ВМ можно читать: на узлах { $count ->
    [one] найдена { $count } ВМ ({ $nodes })
    [few] найдены { $count } ВМ ({ $nodes })
   *[many] найдено { $count } ВМ ({ $nodes })
}
check-vms-none = { $node }: среди процессов и контрольных групп узла не найдена ни одна из работающих ВМ ({ NUMBER($count) }), поэтому учитываются их доли vCPU.
check-vms-unmatched = { $node }: найдено { NUMBER($matched) } из { NUMBER($count) } работающих ВМ; остальные учитываются по доле vCPU. Есть на узле, но неизвестно, чьи это ВМ: { $others }. VM_METRICS=off отключает чтение.
check-ssh-key = { $problem }. См. SSH_PRIVATE_KEY_PATH и SSH_PASSWORD.
check-ssh-address = { $node }: панель не называет адреса: укажите его в SSH_HOSTS_MAPPING.
check-ssh-port = { $node }: на { $where } никто не слушает: укажите другой порт в SSH_HOSTS_MAPPING или запустите sshd.
check-ssh-login = { $node }: { $where } не пускает { $user }: исправьте SSH_USERNAME, SSH_PRIVATE_KEY_PATH или SSH_PASSWORD либо добавьте там ключ в authorized_keys.
check-ssh-host-key = { $node }: { $problem } (проверку ключей задаёт SSH_HOST_KEYS).
check-ssh-timeout = { $node }: { $where } не ответил за { NUMBER($seconds) } с: исправьте SSH_HOSTS_MAPPING, откройте этой машине доступ или увеличьте SSH_TIMEOUT.
check-ssh-answer = { $node }: { $problem }. Пользователю из SSH_USERNAME нужна оболочка с grep.
check-ssh-other = { $node }: { $problem }. См. SSH_HOSTS_MAPPING.

check-telegram-off = не используется: TELEGRAM_BOT_TOKEN не задан, одобрить некому; задайте его или BALANCE_MODE=auto.
check-telegram-switched-off = не используется: TELEGRAM_NOTIFICATIONS=false
check-token = токен принадлежит { $bot }
check-token-unknown = Telegram не знает этого токена: скопируйте TELEGRAM_BOT_TOKEN у @BotFather ещё раз.
check-telegram-unreachable = { $where } недоступен ({ $words }): исправьте TELEGRAM_PROXY, TELEGRAM_API_URL или сеть.
check-telegram-no-api = по адресу { $where } отвечает не сервер Bot API, или он неисправен: исправьте TELEGRAM_API_URL или TELEGRAM_PROXY.
check-telegram-trouble = Telegram отвечает: { $words }. См. TELEGRAM_BOT_TOKEN и TELEGRAM_CHAT_ID.
check-listening = бот может принимать сообщения
check-webhook-set = Telegram доставляет обновления на { $url }
check-webhook-will-be = при запуске программа попросит Telegram доставлять обновления на { $url }
check-webhook = другая программа установила для этого бота вебхук, принимать сообщения здесь нельзя: создайте у @BotFather отдельного бота и задайте TELEGRAM_BOT_TOKEN.
check-listen = TELEGRAM_CHAT_ID не задан. Чтобы увидеть ID, отправьте /start боту { $bot } или добавьте { $bot } в группу для отчётов. Жду { NUMBER($seconds) } с.
check-listen-nobody = боту никто не написал
check-seen-group = у группы { $name } ID { $id }: TELEGRAM_CHAT_ID={ $id }
check-seen-person = { $name }: ID { $id }, для TELEGRAM_ADMIN_IDS или, для личного чата, TELEGRAM_CHAT_ID
check-chat = { $chat } — это { $name }
check-chat-topic = { $chat } — это { $name }; есть ли там тема { $topic }, покажет --send-test
check-chat-no-topics = { $chat } — это { $name }, тем там нет: оставьте TELEGRAM_THREAD_ID пустым.
check-chat-person = Telegram не даёт боту писать { $chat } ({ $words }): этот человек должен сначала отправить /start боту { $bot }, или исправьте TELEGRAM_CHAT_ID.
check-chat-group = бот не видит чат { $chat } ({ $words }): добавьте туда { $bot } или исправьте TELEGRAM_CHAT_ID.
check-other = { $chat } — это { $name }
check-other-fault = Telegram не даёт боту писать в { $chat } ({ $words }): добавьте бота в эту группу, пусть этот человек отправит ему /start, или исправьте { $setting }.
check-other-migrated = у группы { $chat } новый ID: укажите { $new } в { $setting }.
check-other-muted = бот не может писать в { $name } ({ $chat }): добавьте его туда администратором или исправьте { $setting }.
check-chat-migrated = у группы { $chat } новый ID: задайте TELEGRAM_CHAT_ID={ $new }.
check-bot-outside = { $bot } не участник { $name }: добавьте его туда или исправьте TELEGRAM_CHAT_ID.
check-bot-muted = { $bot } не может писать в { $name }: сделайте его там администратором или исправьте TELEGRAM_CHAT_ID.
check-bot-inside = бот — участник и может писать
check-people = { $count ->
    [one] бот знает { $count } человека
    [few] бот знает { $count } человека
   *[many] бот знает { $count } человек
}
check-person-unknown = { $user } нет в чате, и бот его не знает: исправьте { $setting }, добавьте человека в чат, или пусть он отправит боту /start.
check-test-message = Проверочное сообщение vm-balancer check --send-test: чат настроен. Делать ничего не нужно.
check-test-sent = отправлено
check-test-failed = не отправлено: { $words }. Исправьте TELEGRAM_CHAT_ID или разрешите боту писать там.
check-test-topic = не отправлено ({ $words }): темы { $topic } нет, исправьте TELEGRAM_THREAD_ID.

check-summary-fine = Всё работает.
check-summary-warned = { $warnings ->
    [one] Работает, { $warnings } предупреждение.
    [few] Работает, { $warnings } предупреждения.
   *[many] Работает, { $warnings } предупреждений.
}
check-summary-nothing-moves = Панель читается, но сейчас ничего перенести нельзя: см. «Можно перенести сейчас».
check-summary-failed = { $faults ->
    [one] { $faults } ошибка.
    [few] { $faults } ошибки.
   *[many] { $faults } ошибок.
}

health-healthy = исправно: последняя проверка закончилась { $ago } назад
health-starting = запускается: первая проверка ещё не закончилась, прошло { $ago }
health-paused = исправно: пауза
health-panel = работает, но уже { $ago } без доступа к VMmanager: { $problem }
health-chat = работает, но Telegram недоступен уже { $ago }: { $problem }
health-late = неисправно: ни одна проверка не закончилась за { $ago }
health-failing = неисправно: уже { $ago } ни одна проверка не завершилась успешно: { $problem }
health-silent = неисправно: признаков жизни нет уже { $ago }
health-gone = неисправно: процесса больше нет, последний признак жизни — { $ago } назад
health-stopped = не работает: программа остановлена { $ago } назад
health-never = не работает: с базой { $path } ещё не работала ни одна программа
health-unreadable = неисправно: { $problem }

check-title-answers = Ответы VMmanager
check-title-figures = Выделенные ресурсы
check-title-readiness = Можно перенести сейчас
check-answers-known = все строки и значения известны
check-figures = { $figure ->
    [vcpus] выделенные vCPU
   *[memory] выделенная память
 } по данным панели, узлов { NUMBER($told) }: у { NUMBER($every) } равны сумме по всем ВМ, у { NUMBER($active) } — сумме по активным, у { NUMBER($neither) } — ни той, ни другой
check-readiness = { $cluster }: ВМ { NUMBER($movable) } из { NUMBER($vms) }; из { NUMBER($nodes) } узлов отдавать ВМ могут { NUMBER($giving) }, принимать { NUMBER($taking) }{ $why ->
    [none] {""}
   *[other] ; причины: { $why }
}
check-recorded = В файле { $file } ответы VMmanager на запросы ({ NUMBER($requests) }). Имена, адреса, теги и секреты заменены. Файл никуда не отправлен. Прочитайте его, прежде чем делиться им.
