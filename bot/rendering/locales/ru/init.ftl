# `vm-balancer init`
init-welcome = Будет создан файл { $file }. Каждый ответ сразу проверяется. Ctrl-C — выход; до последнего ответа ничего не записывается.
init-host = Адрес VMmanager, например https://vmmanager.example.com:
init-certificate = Сертификат не принят. Укажите путь к PEM-файлу с его CA или напишите insecure, чтобы принимать любой сертификат; пусто — изменить адрес:
init-no-file = Файла { $file } нет.
init-username = E-mail учётной записи (пусто — вход по токену):
init-panel-token = Токен VMmanager (не отображается):
init-password = Пароль учётной записи (не отображается):
init-token = Токен бота от @BotFather (не отображается; пусто — без чата):
init-listen = Отправьте /start боту { $bot } или добавьте { $bot } в группу для отчётов. Жду { NUMBER($seconds) } с …
init-again = Боту никто не написал. Подождать ещё?
init-chat-id = ID чата для отчётов:
init-chat = ID чата для отчётов, один из: { $ids }:
init-admins = ID тех, кто может одобрять миграции, через запятую:
init-dry-run = Первую неделю только наблюдать: планировать и сообщать, но ничего не переносить (DRY_RUN=true)?
init-dry-run-end = Чтобы разрешить перенос ВМ: укажите DRY_RUN=false в { $file } и перезапустите программу.
init-needed = Нужно значение { $setting }.
init-written = Файл { $file } записан, читать его может только этот пользователь. Теперь полная проверка:
init-next = Дальше: `vm-balancer --dry-run --once` покажет план; `vm-balancer` запустит программу.
