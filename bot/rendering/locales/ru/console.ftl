# Интерактивная консоль. Простой текст, коротко: в строке 80 знаков, слову внизу нужно около десяти.

## Заголовок
console-mode = { $mode ->
    [auto] автоматический режим
   *[approve] перемещает с одобрения
}
console-dry-run = ПРОБНЫЙ ПРОГОН
console-runs-here = работает здесь
console-attached = подключено: { $holder }
console-nobody-runs = БАЛАНСИРОВЩИК НЕ ЗАПУЩЕН: T — запустить здесь
console-paused = ПАУЗА { $until }
console-problem = панель не отвечает: { $problem }
console-reading = читаю панель …
console-overloaded-of = { $overloaded ->
    [0] перегруженных узлов нет, всего { $nodes }
   *[other] перегружено узлов: { $overloaded } из { $nodes }
}
console-waiting = ждут решения: { $count }
console-moving = перемещается: { $count }
console-age = данным { $duration }
console-next = проверка в { $time }
console-last = последняя проверка { $time }

## Вкладки
console-tab-nodes = Узлы
console-tab-plan = План
console-tab-moves = Миграции
console-tab-history = История
console-tab-exclusions = Исключения
console-tab-log = Журнал

## Клавиши внизу
console-key-approve = Одобрить
console-key-skip = Пропустить
console-key-approve_all = Одобрить все
console-key-skip_all = Пропустить все
console-key-open = ВМ
console-key-leave = Назад
console-key-exclude = Исключить
console-key-include = Вернуть
console-key-warnings = Важное
console-key-dry_run = Прогон
console-key-check = Проверить
console-key-pause = Пауза
console-key-resume = Дальше
console-key-mode = Режим
console-key-take_over = Запустить здесь
console-key-theme = Тема
console-key-refresh = Обновить
console-key-help = Справка
console-key-quit = Выход

## Справка
console-help-approve = одобрить выбранную миграцию
console-help-skip = пропустить выбранную миграцию
console-help-approve_all = одобрить все миграции предложения
console-help-skip_all = пропустить все миграции предложения
console-help-open = ВМ выбранного узла
console-help-leave = назад к узлам
console-help-exclude = исключить узел: как источник, цель или совсем
console-help-include = вернуть выбранный узел
console-help-warnings = журнал: только важное или всё
console-help-dry_run = посмотреть на панель и составить план без записи
console-help-check = проверить кластеры сейчас и предложить миграции
console-help-pause = поставить на паузу или продолжить
console-help-mode = с одобрения или автоматически
console-help-take_over = запустить балансировщик здесь, если он не работает
console-help-theme = тёмная или светлая тема
console-help-refresh = посмотреть на панель ещё раз
console-help-help = эта страница
console-help-quit = закончить
console-legend = Полоса кончается на 125 % порога, засечка — сам порог. ! — перегружен, ? — нагрузка неизвестна. Тренд: нагрузка CPU с запуска консоли. На всё можно нажать мышью.

## Узлы
console-column-node = узел
console-column-cpu = CPU
console-column-memory = память
console-column-vms = ВМ
console-column-trend = тренд
console-column-state = состояние
console-column-vm = ВМ
console-column-vcpus = vCPU
console-column-ram = ОЗУ, ГиБ
console-column-disk = диск ГиБ
console-column-vm-state = {"  "}состояние
console-column-remarks = почему остаётся
console-column-route = откуда → куда
console-column-size = размер
console-column-time = время
console-column-who = кто
console-column-role = как
console-column-until = до
console-cluster-over = { $overloaded ->
    [0] норма
   *[other] перегружено
}
console-unknown-load = неизв.
console-flag-state = состояние { $state }
console-flag-maintenance = обслуживание
console-flag-creation = без новых ВМ
console-flag-moving = перемещение
console-flag-out-source = не источник
console-flag-out-target = не цель
console-flag-out-both = исключён
console-node = { $node } (ID { NUMBER($id, useGrouping: 0) })
console-in-cluster = кластер { $cluster }
console-no-node = Этого узла больше нет.
console-overloaded = Перегружен: { $reason }
console-unknown = Нагрузка неизвестна: { $reason }
console-fine = Не перегружен
console-excluded = Исключён как { $role } { $until } (автор: { $who })

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
console-migration-queued = одобрено, ждёт очереди
console-migration-starting = запускается
console-migration-running = идёт { $duration }
console-migration-succeeded = готово за { $duration }
console-migration-failed = не удалось: { $reason }
console-migration-unknown = исход неизвестен: { $reason }
console-migration-stale = не запущено: { $reason }
console-migration-skipped = не потребовалось: { $reason }
console-plan-note = Что переместилось бы сейчас; данным { $duration }. Здесь ничего не сохраняется; что ждёт решения — на странице 3.
console-approve = Одобрить
console-skip = Пропустить
console-approve-all = Одобрить все
console-skip-all = Пропустить все
console-confirm-ask = { $count ->
    [one] Точно переместить { $vms } ({ NUMBER($gib, maximumFractionDigits: 1) } ГиБ)?
    [few] Точно переместить { $vms } (вместе { NUMBER($gib, maximumFractionDigits: 1) } ГиБ)?
   *[many] Точно переместить { $vms } (вместе { NUMBER($gib, maximumFractionDigits: 1) } ГиБ)?
}
console-approve-ask = Одобрить все миграции ({ $count }), кластер { $cluster }?
console-skip-ask = Пропустить все миграции ({ $count }), кластер { $cluster }?
console-choose-move = Сначала выберите миграцию.
console-starts-later = Балансировщик на паузе: запуск после её окончания.
console-starts-never = Балансировщик не запущен: миграция начнётся, когда его запустят.

## Исключения
console-exclude = Исключить
console-exclude-which = Какой узел? Имя или ID:
console-exclude-node = Исключить узел { $node }?
console-exclude-role = Как
console-as-both = источник и цель
console-as-source = источник: ВМ с него не уходят
console-as-target = цель: ВМ на него не приходят
console-length = Надолго? 30м, 2ч, 3д; пусто — до отмены
console-exclude-done = Узел { $node } исключён как { $role } { $until }.
console-include-done = Узел { $node } снова участвует.
console-include-none = Узел { $node } никто не исключал; исключённые в настройках остаются исключёнными.
console-choose-node = Сначала выберите узел.
console-choose-exclusion = Сначала выберите исключение; заданные в настройках остаются.
console-no-such-node = Одного узла с именем { $name } нет.
console-near = Похожие: { $names }
console-by-settings = настройки
console-for-ever = всегда

## Пауза, режим, проверка
console-cancel = Отмена
console-switch = Переключить
console-pause-ask = Поставить балансировщик на паузу? Новых проверок и миграций не будет; что идёт, продолжится.
console-pause-done = Пауза { $until }. Что уже идёт, продолжится; новое не начнётся.
console-resumed = Продолжаем.
console-not-paused = Паузы и не было.
console-mode-ask = { $mode ->
    [auto] Включить автоматический режим? Тогда каждая запланированная миграция выполняется без вопросов.
   *[approve] Вернуть режим одобрения? Тогда ничего не перемещается без решения; поставленное в очередь автоматически не начнётся.
}
console-mode-done = { $mode ->
    [auto] Автоматический режим: миграции выполняются сами.
   *[approve] Пока никто не одобрит, ничего не перемещается.
}
console-looking = Смотрю на панель …
console-planned = Вот что было бы сделано сейчас.
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
console-check-paused = Балансировщик на паузе: сначала продолжите.
console-check-rehearsed = Проверено; пробный прогон ничего не предлагает.
console-left-alone = { $cluster }: { $reason }
console-nobody-checks = Балансировщик не запущен: проверки не было.
console-no-answer = Балансировщик остановился, не ответив.
console-warnings-only = Только предупреждения и ошибки.
console-warnings-all = Все строки.
console-take-over-ask = Программа, где работал балансировщик, завершилась. Запустить его здесь?
console-take-over-late = Другой успел раньше: балансировщик работает там.
console-taken-over = Балансировщик теперь работает здесь.
console-quit-ask = { $count ->
    [one] Идёт { $count } миграция. Она продолжится в панели и будет учтена при следующем запуске. Закончить?
    [few] Идут { $count } миграции. Они продолжатся в панели и будут учтены при следующем запуске. Закончить?
   *[many] Идёт { $count } миграций. Они продолжатся в панели и будут учтены при следующем запуске. Закончить?
}
