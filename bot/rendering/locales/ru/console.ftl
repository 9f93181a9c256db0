# Интерактивная консоль. Простой текст, коротко: в строке 80 знаков, слову внизу нужно около десяти.

## Заголовок
console-mode = { $mode ->
    [auto] автоматический режим
    [assist] полуавтоматический режим
   *[approve] ручной режим
}
console-dry-run = ПРОБНЫЙ ПРОГОН
console-started-here = процесс { $pid }
console-attached = подключено к процессу { $pid }
console-nobody-runs = БАЛАНСИРОВЩИК НЕ ЗАПУЩЕН
console-paused = ПАУЗА { $until }
console-problem = панель не отвечает: { $problem }
console-reading = читаю панель …
console-overloaded-of = { $overloaded ->
    [0] перегруженных узлов нет, всего { $nodes }
   *[other] перегружено { $overloaded } из { $nodes }
}
console-waiting = ждут решения: { $count }
console-moving = идёт миграций: { $count }
console-age = данные: { $duration } назад
console-last = проверка { $time }

## Вкладки
console-tab-nodes = Узлы
console-tab-plan = План
console-tab-moves = Миграции
console-tab-history = История
console-tab-exclusions = Исключения
console-tab-log = Журнал
console-tab-settings = Настройки

## Клавиши внизу
console-key-approve = Одобрить
console-key-skip = Пропустить
console-key-approve_all = Одобрить все
console-key-skip_all = Пропустить все
console-key-snooze = Отложить
console-key-wake = Возобновить
console-key-abort = Прервать
console-key-stop = Остановить
console-key-open = ВМ
console-key-leave = Назад
console-key-exclude = Исключить
console-key-include = Вернуть
console-key-drain = Освободить
console-key-fill = Заполнить
console-key-why = Почему
console-key-warnings = Важное
console-key-dry_run = Прогон
console-key-strategy = Стратегия
console-key-pass_targets = Превысить
console-key-change = Изменить
console-key-reset = Сбросить
console-key-check = Проверить
console-key-pause = Пауза
console-key-resume = Снять паузу
console-key-mode = Режим
console-key-what_if = Что если
console-key-room = Место
console-key-start = Запустить
console-key-theme = Тема
console-key-refresh = Обновить
console-key-help = Справка
console-key-quit = Выход

## Справка
console-help-approve = одобрить выбранную миграцию
console-help-skip = пропустить выбранную миграцию
console-help-approve_all = одобрить все миграции предложения
console-help-skip_all = пропустить все миграции предложения
console-help-snooze = отложить кластер этого предложения
console-help-wake = возобновить предложения отложенного кластера
console-help-abort = остановить идущую миграцию
console-help-stop = остановить освобождение или заполнение
console-help-open = ВМ выбранного узла
console-help-leave = назад к узлам
console-help-exclude = исключить узел: не отдаёт ВМ, не принимает или и то и другое
console-help-include = вернуть выбранный узел в балансировку
console-help-drain = освободить узел; сначала виден план
console-help-fill = вернуть ВМ на узел; сначала виден план
console-help-why = почему ВМ или узел остаются как есть
console-help-warnings = журнал: только важное или всё
console-help-dry_run = прочитать панель и составить план без записи
console-help-strategy = другая стратегия
console-help-pass_targets = один раз предложить план, который может превысить пороги приёма
console-help-change = изменить выбранную настройку
console-help-reset = вернуть значение из файла настроек
console-help-check = проверить кластеры сейчас и предложить миграции
console-help-pause = поставить на паузу или снять с неё
console-help-mode = ручной, полуавтоматический или автоматический режим
console-help-what_if = что сделали бы другие стратегии
console-help-room = место на случай отказа узла и для новых ВМ
console-help-start = запустить балансировщик, если он не работает
console-help-theme = тёмная или светлая тема
console-help-refresh = прочитать панель ещё раз
console-help-help = эта страница
console-help-quit = закрыть консоль
console-legend = Полоса заканчивается на 125 % порога, засечка — порог. ! — перегружен, ? — нагрузка неизвестна. Тренд: нагрузка CPU с запуска консоли. Можно пользоваться мышью.

## Узлы
console-column-node = узел
console-column-cpu = CPU
console-column-memory = память
console-column-vms = ВМ
console-column-trend = тренд
console-column-state = состояние
console-column-vm = ВМ
console-column-vcpus = vCPU
console-column-load = CPU
console-vm-load = нагрузка { NUMBER($cpus, maximumFractionDigits: 1, minimumFractionDigits: 1) } из { NUMBER($vcpus) } vCPU, среднее за { NUMBER($minutes) } мин ({ $source }, { $ago } назад)
console-column-ram = память ГиБ
console-column-disk = диск ГиБ
console-column-vm-state = {"  "}состояние
console-column-remarks = почему остаётся
console-column-route = откуда → куда
console-column-size = размер
console-column-time = время
console-column-who = кто
console-column-role = запрет
console-column-until = до
console-strategy-default = по умолчанию с версии 3; в версии 2: smallest-first
console-column-setting = настройка
console-column-value = значение
console-column-configured = в файле
console-side-vms = ВМ (vCPU, память ГиБ)
console-cluster-over = { $overloaded ->
    [0] норма
   *[other] перегружено
}
console-unknown-load = неизв.
console-flag-state = состояние { $state }
console-flag-maintenance = обслуживание
console-flag-creation = без новых ВМ
console-flag-reserved = резерв
console-reserved = зарезервировано для новой ВМ: { NUMBER($vcpus) } vCPU, { NUMBER($gib, maximumFractionDigits: 1) } ГиБ, { $until } ({ $who })
console-flag-moving = миграция
console-flag-out-source = не отдаёт
console-flag-out-target = не принимает
console-flag-out-both = исключён
console-node = { $node } (ID { NUMBER($id, useGrouping: 0) })
console-in-cluster = кластер { $cluster }
console-no-node = Этого узла больше нет.
console-overloaded = Перегружен: { $reason }
console-unknown = Нагрузка неизвестна: { $reason }
console-fine = Не перегружен
console-excluded = Исключён: { $role }, { $until } ({ $who })

## Миграции
console-vm = { $vm }
console-route = { $source } → { $target }
console-waits = { $cluster }: ждёт решения, осталось { $duration }
console-running = Выполняется
console-lately = Недавно
console-by-policy = автоматически
console-by-terminal = { $who } (терминал)
console-by-chat = { $who }
console-panel-words = Ответ панели: { $error }
console-migration-queued = одобрена, ждёт очереди
console-migration-starting = запускается
console-migration-running = идёт { $duration }
console-migration-succeeded = готово за { $duration }
console-migration-restarted = перенесена за { $duration }, но перезапущена
console-migration-failed = не удалось: { $reason }
console-migration-unknown = исход неизвестен: { $reason }
console-migration-stale = не запущена: { $reason }
console-migration-skipped = не потребовалась: { $reason }
console-plan-note = Какие миграции нужны сейчас (данные: { $duration } назад). Здесь ничего не сохраняется; что ждёт решения — на странице 3.
console-approve = Одобрить
console-skip = Пропустить
console-approve-all = Одобрить все
console-skip-all = Пропустить все
console-confirm-ask = { $count ->
    [one] Точно перенести { $vms } ({ NUMBER($gib, maximumFractionDigits: 1) } ГиБ)?
    [few] Точно перенести { $vms } (вместе { NUMBER($gib, maximumFractionDigits: 1) } ГиБ)?
   *[many] Точно перенести { $vms } (вместе { NUMBER($gib, maximumFractionDigits: 1) } ГиБ)?
}
console-approve-ask = Одобрить все миграции ({ $count }), кластер { $cluster }?
console-skip-ask = Пропустить все миграции ({ $count }), кластер { $cluster }?
console-choose-move = Сначала выберите миграцию.
console-move-over = Эта миграция уже завершена.
console-starts-later = Балансировщик на паузе: миграция начнётся после её снятия.
console-starts-never = Балансировщик не запущен: миграция начнётся, когда его запустят.

## Исключения
console-exclude = Исключить
console-exclude-which = Какой узел? Имя или ID:
console-exclude-node = Исключить узел { $node }?
console-exclude-role = Запрет
console-as-both = не отдаёт и не принимает ВМ
console-as-source = не отдаёт ВМ
console-as-target = не принимает ВМ
console-length = На какой срок? 30м, 2ч, 3д; пусто — до отмены
console-exclude-done = Узел { $node } исключён: { $role }, { $until }.
console-include-done = Узел { $node } снова участвует в балансировке.
console-include-none = Узел { $node } здесь не исключали; узлы, исключённые в настройках, остаются исключёнными.
console-choose-node = Сначала выберите узел.
console-choose-exclusion = Сначала выберите исключение; заданные в настройках остаются.
console-no-such-node = Узел { $name } не найден.
console-near = Похожие: { $names }
console-by-settings = настройки
console-for-ever = без срока

## Пауза, режим, проверка
console-cancel = Отмена
console-switch = Переключить
console-pause-ask = Поставить балансировщик на паузу? Новых проверок и миграций не будет; начатые миграции продолжатся.
console-pause-done = Пауза { $until }. Начатые миграции продолжатся, новые не начнутся.
console-resumed = Пауза снята.
console-not-paused = Балансировщик не на паузе.
console-mode-choose = Какой режим?
console-room-runs = Считаю место …
console-room-ask = Предложить миграции ниже, чтобы при отказе узла снова хватало места ({ $clusters })?
console-room-propose = Предложить
console-room-proposed = Предложено миграций: { NUMBER($count) }. Одобрите их на странице миграций.
console-room-waits = Эти миграции уже предложены.
console-what-if-ask = За сколько последних дней (от 1 до { $most })?
console-what-if-days = «{ $text }» не число дней: нужно от 1 до { NUMBER($most) }.
console-what-if-runs = Повторяю записанные проверки …
console-what-if-nothing = { $days ->
    [one] За последний { NUMBER($days) } день проверки не записаны.
    [few] За последние { NUMBER($days) } дня проверки не записаны.
   *[many] За последние { NUMBER($days) } дней проверки не записаны.
}
console-mode-ask = { $mode ->
    [auto] Включить автоматический режим? Тогда каждая запланированная миграция выполняется без вопросов.
    [assist] Включить полуавтоматический режим? Тогда безобидные миграции начинаются без вопросов. Прежние неудачи больше не учитываются.
   *[approve] Вернуть ручной режим? Тогда без одобрения ничего не переносится; миграции, поставленные в очередь без человека, не начнутся.
}
console-mode-done = { $mode ->
    [auto] Автоматический режим: миграции выполняются без вопросов.
    [assist] Полуавтоматический режим: безобидные миграции начинаются сами.
   *[approve] Ручной режим: без одобрения ничего не переносится.
}
console-looking = Читаю панель …
console-planned = Какие миграции нужны сейчас.
console-checking = Проверяю кластеры …
console-check-done = { $proposed ->
    [0] { $clusters ->
        [one] Проверен { $clusters } кластер
        [few] Проверено { $clusters } кластера
       *[many] Проверено { $clusters } кластеров
    }: новых предложений нет.
    [one] Проверено: { $proposed } новое предложение.
    [few] Проверено: { $proposed } новых предложения.
   *[many] Проверено: { $proposed } новых предложений.
}
console-check-failed = Проверка не удалась: { $problem }
console-check-busy = Проверка уже идёт.
console-check-paused = Балансировщик на паузе: сначала снимите её.
console-check-rehearsed = Проверено; пробный прогон ничего не предлагает.
console-left-alone = { $cluster }: { $reason }
console-nobody-checks = Балансировщик не запущен: проверки не было.
console-no-answer = Балансировщик остановился, не ответив.
console-warnings-only = Только предупреждения и ошибки.
console-warnings-all = Все строки.

## Освобождение, заполнение, причины
console-drain-ask = Освободить { $node }? Все миграции ниже ({ $count }) будут одобрены, и { $node } не будет принимать ВМ, пока его не вернут.
console-fill-ask = Вернуть ВМ на { $node }? Все миграции ниже ({ $count }) будут одобрены.
console-request-nothing = { $node }: переносить нечего
console-stop-nothing = Эта миграция не входит в открытое освобождение или заполнение.
console-outcome = через { $after }: { $words }
console-abort-nothing = Идущая миграция не выбрана.
console-abort-first = Остановить миграцию { $vm }? ВМ должна остаться на { $source }. Как поведёт себя панель, заранее неизвестно.
console-abort-last = Точно остановить миграцию { $vm }? Запрос уйдёт в панель сразу.
console-stopped = Остановлено: отозвано { $back }, выполняется до конца { $running }.
console-why-vm = { $vm } на { $node }
console-why-closed = Сюда перенести нельзя:
console-why-overloaded = { $node } перегружен
console-why-fine = { $node } не перегружен
console-why-not-source = Не отдаёт ВМ: { $reason }
console-why-not-target = Не принимает ВМ: { $reason }
console-why-staying = ВМ, которые переносить нельзя:

## Стратегия, настройки, отложенные кластеры
console-pass-targets-ask = Один раз предложить план, который может превысить пороги приёма: { $clusters }?
console-pass-targets-none = Пороги приёма не мешают ни одному плану.
console-strategy-ask = Какая стратегия для всех кластеров со следующей проверки?
console-strategy-done = Стратегия { $strategy }: со следующей проверки.
console-choose-setting = Сначала выберите настройку.
console-setting-ask = Изменить { $setting }
console-change = Изменить
console-setting-done = { $setting }: теперь { $value }.
console-setting-reset = { $setting }: снова { $value }, как в файле настроек.
console-setting-unchanged = { $setting } здесь не меняли: { $value } взято из файла настроек.
console-snooze-ask = Отложить { $cluster }? Предложение будет отозвано, новых не будет, пока не перегрузится другой узел.
console-snooze-length = Укажите срок не меньше минуты, например 2h.
console-snooze-done = { $cluster }: отложено { $until }.
console-snoozed = { $cluster }: отложено { $until } ({ $who })
console-choose-snooze = Сначала выберите отложенный кластер.
console-wake-done = { $cluster }: следующая проверка снова предложит миграции.
console-starting = Запускаю балансировщик …
console-start-ask = Балансировщик не запущен. Запустить? Он завершится вместе с консолью.
console-start-late = Балансировщик уже запущен другим процессом.
console-started = Балансировщик запущен.
console-quit-ask = { $count ->
    [one] Идёт { $count } миграция. Она продолжится в панели и будет учтена при следующем запуске. Закрыть консоль?
    [few] Идут { $count } миграции. Они продолжатся в панели и будут учтены при следующем запуске. Закрыть консоль?
   *[many] Идёт { $count } миграций. Они продолжатся в панели и будут учтены при следующем запуске. Закрыть консоль?
}
