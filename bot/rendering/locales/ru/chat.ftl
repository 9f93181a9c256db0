# Сообщения чата. Здесь допустим HTML Telegram; все аргументы приходят экранированными.
# Имена не склоняются и рода не имеют: рядом с ними стоит слово, которое с ними не согласуется.

## Длительности и моменты
duration-seconds = { $seconds } с
duration-minutes = { $minutes } мин
duration-minutes-seconds = { $minutes } мин { $seconds } с
duration-hours = { $hours } ч
duration-hours-minutes = { $hours } ч { $minutes } мин
duration-days = { $days } д
duration-days-hours = { $days } д { $hours } ч
until-time = до { $time }
until-ended = до отмены
size = { $vcpus } vCPU, { NUMBER($gib, maximumFractionDigits: 1) } ГиБ

## Предложение
report-title = { $overloaded ->
    [0] ✅ <b>{ $cluster }</b>: перегруженных узлов нет
    [one] ⚠️ <b>{ $cluster }</b>: перегружен { $overloaded } узел из { $nodes }
    [few] ⚠️ <b>{ $cluster }</b>: перегружено { $overloaded } узла из { $nodes }
   *[many] ⚠️ <b>{ $cluster }</b>: перегружено { $overloaded } узлов из { $nodes }
}
table-head = узел
table-cpu = CPU
table-load = нагр.
table-memory = память
table-vms = ВМ
table-unknown = ?
table-more = … ещё { $count }
proposal-open = { $count ->
    [one] <b>Предложена { $count } миграция</b>
    [few] <b>Предложены { $count } миграции</b>
   *[many] <b>Предложено { $count } миграций</b>
}
proposal-memory = { NUMBER($gib, maximumFractionDigits: 1) } ГиБ
proposal-time = ≈ { $duration }
proposal-until = предложение до { $time }
proposal-brings = { $count ->
    [one] <b>{ $count } миграция</b> снизит { $after }
    [few] <b>{ $count } миграции</b> снизят { $after }
   *[many] <b>{ $count } миграций</b> снизят { $after }
}
proposal-stays-later = ⏳ После этого { $left ->
    [0] узел ещё будет перегружен
    [one] { $left } узел ещё будет перегружен
    [few] { $left } узла ещё будут перегружены
   *[many] { $left } узлов ещё будут перегружены
}: продолжат следующие проверки.
proposal-stays = ⚠️ узел { $node } останется перегружен: { $reason }
after-cpu = CPU до { CPU($after) }
after-load = нагрузку до { LOAD($after) }
after-both = CPU до { CPU($cpu) }, память до { MEMORY($memory) } %
after-memory = память до { MEMORY($after) } %
headline-node = ⚠️ <b>{ $cluster }</b>: узел { $node } перегружен, { $reason }
headline-running = ▶️ <b>{ $cluster }</b>: выполнено миграций { $done } из { $count }
headline-done = ✅ <b>{ $cluster }</b>: выполнено миграций: { $count } за { $duration }
headline-relieved = ✅ <b>{ $cluster }</b>: { $change } ({ $count ->
    [one] { $count } миграция
    [few] { $count } миграции
   *[many] { $count } миграций
} за { $duration })
headline-eased = ⏳ <b>{ $cluster }</b>: { $change }, узел ещё перегружен ({ $count ->
    [one] { $count } миграция
    [few] { $count } миграции
   *[many] { $count } миграций
} за { $duration })
headline-failed = ❌ <b>{ $cluster }</b>: миграций с ошибкой: { $failed } из { $count }
headline-closed = 🔁 <b>{ $cluster }</b>: { $reason }
headline-expired = ⌛ <b>{ $cluster }</b>: срок истёк, решения не было. Если узел останется перегружен, предложу снова при следующей проверке.
headline-nothing = ⏹ <b>{ $cluster }</b>: решение принято, миграций не было
change-cpu = { $node } CPU { CPU($before) } → { CPU($after) }
change-load = { $node } нагрузка { LOAD($before) } → { LOAD($after) }
change-memory = { $node } память { MEMORY($before) } → { MEMORY($after) } %
move-short-target = <b>{ $number }. { $vm }</b> → <b>{ $target }</b> · { $size }
move-detail = { $number }. { $effects } · <i>{ $reason }</i>
move-short = <b>{ $number }. { $vm }</b>: { $source } → <b>{ $target }</b> · { $size }
proposal-automatic = { $count ->
    [one] <b>{ $count } миграция</b>, запущена автоматически
    [few] <b>{ $count } миграции</b>, запущены автоматически
   *[many] <b>{ $count } миграций</b>, запущены автоматически
}
proposal-closed = 🔁 { $reason }
proposal-page = Миграции { $first }–{ $last } из { $count }
move-line = <b>{ $number }. { $vm }</b> · { $size }
move-route = { $source } → <b>{ $target }</b>
move-effect = { $node }: CPU { CPU($before) } → { CPU($after) }; память { MEMORY($memory_before) } → { MEMORY($memory_after) } %
move-effect-load = { $node }: нагрузка { LOAD($before) } → примерно { LOAD($after) } на CPU
report-load = <b>{ $node }</b>: { $load }
load-ssh = нагрузка { LOAD($load) } на CPU (SSH, { NUMBER($seconds) } с назад)
load-panel = CPU { CPU($ratio) } (панель)
move-why = <i>{ $reason }</i>
move-caution = ⚠️ { $reason }
rejections-title = { $count ->
    [one] Что не подошло: { $count } причина
    [few] Что не подошло: { $count } причины
   *[many] Что не подошло: { $count } причин
}
rejection-line = { $name }: { $reason }
rejection-per-target = { $reason } ({ $count })
rejection-count = { $reason } ({ $count }×)
rejections-more = … и ещё { $count }

state-pending = ⏳ ждёт решения
state-first = 👥 одобрено: { $who }, нужен ещё один человек
state-approved = ✅ одобрено: { $who }
state-skipped = ⏭ пропущено: { $who }
state-expired = ⌛ срок истёк
state-superseded = 🔁 заменено новым планом
state-withdrawn = ⛔ отозвано
state-auto = 🤖 автоматически
migration-queued = ждёт очереди
migration-starting = ▶️ запускается
migration-running = ▶️ идёт { $duration }
migration-succeeded = ✅ готово за { $duration }
migration-restarted = ⚠️ перенесена за { $duration }, но перезапущена
migration-failed = ❌ не удалось: { $reason }
migration-unknown = ❓ исход неизвестен: { $reason }
migration-stale = 🚫 не запущена: { $reason }
migration-skipped = ⏭ не потребовалась: { $reason }
migration-called-back = ✋ отозвана ({ $who })
sighting = 👀 Первая миграция на этом VMmanager. До: { $state_before }, uptime { $uptime_before }. После: { $state_after }, uptime { $uptime_after }. Задача: { $task }.{ $verdict ->
    [alive] {" "}ВМ не перезапускалась.
    [restarted] {" "}ВМ была перезапущена.
   *[other] {""}
}
panel-words = Ответ панели: <i>{ $error }</i>

button-approve = ✅ Одобрить { $number } { $vm }
button-approve-named = ✅ { $number } { $vm }
button-skip = ⏭ Пропуск { $number }
button-skip-one = ⏭ Пропуск
move-needs-second = 👥 Одобрено: { $who }, нужен ещё один человек
table-ratio = { CPU($value) }
table-load-value = { NUMBER($value, minimumFractionDigits: 2, maximumFractionDigits: 2) }
table-percent = { MEMORY($value) } %
table-change-cpu = { CPU($before) } → { CPU($after) }
table-change-memory = { MEMORY($before) } → { MEMORY($after) } %
# Без числа: с ним слова не помещаются в половину строки на телефоне.
button-approve-all = { $count ->
   *[other] ✅ Одобрить все
}
button-skip-all = ⏭ Пропуск всех
button-details = ℹ️ Детали
button-compare = 💡 Сравнить с { $strategy }
button-previous = ‹ Ранее
button-next = Далее ›

## К чему ведёт план (чат и терминал; простой текст)
outlook-budget = Всего в плане миграций: { $total }. Сейчас { $shown ->
    [1] предложена первая
   *[other] предложены первые { $shown }
}, остальные будут предложены при следующих проверках.
outlook-effort = { $moves ->
    [one] { $moves } миграция
    [few] { $moves } миграции
   *[many] { $moves } миграций
}, { NUMBER($gib, maximumFractionDigits: 1) } ГиБ, около { $duration }
outlook-proven = { $effort }: лучше нельзя — ни быстрее, ни меньшим числом миграций.
outlook-optimal = { $effort }. Доказано: ни один план не обойдётся { $goal ->
    [moves-and-time] ни меньшим числом миграций, ни меньшим временем
    [moves] меньшим числом миграций
    [time] меньшим временем
    [once] дешевле, если переносить каждую ВМ не больше одного раза
   *[memory] меньшим объёмом копируемой памяти
}.
outlook-optimal-left = { $effort }. Доказано: ни один план не оставит меньше перегруженных узлов и не разгрузит их сильнее.
outlook-optimal-nothing = Доказано: ни один план не уменьшит перегрузку этих узлов.
outlook-certificate = { $effort }: ни один план не обойдётся { $limits }.
outlook-bound-moves = меньше чем { $moves ->
    [one] { $moves } миграцией
    [few] { $moves } миграциями
   *[many] { $moves } миграциями
}
outlook-bound-time = меньшим временем, чем { $duration }
outlook-bound-memory = меньшим объёмом, чем { NUMBER($gib, maximumFractionDigits: 1) } ГиБ
outlook-or = {" "}или{" "}
outlook-as-few = При таком числе миграций перенести придётся не меньше { NUMBER($gib, maximumFractionDigits: 1) } ГиБ.
outlook-loads = { $by ->
    [own] Каждая ВМ учтена по собственной измеренной нагрузке.
    [mixed] ВМ учтены по собственной измеренной нагрузке, остальные — по доле vCPU.
   *[shares] Нагрузка отдельных ВМ не измерена: каждая учтена по доле vCPU.
}
outlook-evenness = Неравномерность нагрузки { NUMBER($before, maximumFractionDigits: 3) } → { NUMBER($after, maximumFractionDigits: 3) }, { $moves ->
    [one] { $moves } миграция
    [few] { $moves } миграции
   *[many] { $moves } миграций
}.
outlook-evenness-proven = Неравномерность нагрузки { NUMBER($before, maximumFractionDigits: 3) } → { NUMBER($after, maximumFractionDigits: 3) }, { $moves ->
    [one] { $moves } миграция
    [few] { $moves } миграции
   *[many] { $moves } миграций
}; лучший возможный результат — { NUMBER($bound, maximumFractionDigits: 3) }.
outlook-choice = Правило: { $rule ->
    [smallest-first] сначала самые маленькие ВМ
   *[other] { $rule }
} ({ $reason }).
outlook-choice-passed = Правило: { $rule ->
    [smallest-first] сначала самые маленькие ВМ
   *[other] { $rule }
} ({ $reason }). В этот раз миграции могут превысить пороги приёма.
outlook-beyond-targets = 💡 Из-за порогов приёма остаётся перегруженных узлов: { $kept }. План, который превысит эти пороги, { $left ->
    [0] разгрузит все узлы
   *[other] оставит перегруженных узлов: { $left }
}, миграций: { $moves }.
outlook-clears-all = 💡 Стратегия «{ $strategy }» разгрузила бы все узлы ({ $overloaded }), { $moves ->
    [one] { $moves } миграция
    [few] { $moves } миграции
   *[many] { $moves } миграций
}; этот план оставляет перегруженных: { $left }.
outlook-clears-more = 💡 Стратегия «{ $strategy }» оставила бы перегруженных узлов: { $remaining }, { $moves ->
    [one] { $moves } миграция
    [few] { $moves } миграции
   *[many] { $moves } миграций
}; этот план оставляет: { $left }.
outlook-fewer-moves = 💡 Стратегии «{ $strategy }» хватило бы: { $moves ->
    [one] { $moves } миграция
    [few] { $moves } миграции
   *[many] { $moves } миграций
} вместо { $own }.
outlook-caution = ⚠️ { $reason }
outlook-cautions-more = ⚠️ … и ещё нарушенных правил: { $count }
outlook-strategy = { $strategy }: { $effort }; { $left ->
    [0] перегруженных узлов не останется
    [one] останется перегружен { $left } узел из { $overloaded }
    [few] останутся перегружены { $left } узла из { $overloaded }
   *[many] останутся перегружены { $left } узлов из { $overloaded }
}
outlook-nothing = { $strategy }: переносить нечего; { $left ->
    [0] перегруженных узлов нет
    [one] остаётся перегружен { $left } узел
    [few] остаются перегружены { $left } узла
   *[many] остаются перегружены { $left } узлов
}
button-propose = 📋 Предложить это
button-once = 💡 { $strategy } один раз
button-pass-targets = ⤴️ Превысить
switch-strategy = 💡 Включить { $strategy }
strategy-reach = <i>«Один раз» предлагает этот план; следующая проверка планирует как раньше. «Включить» меняет стратегию всех кластеров со следующей проверки.</i>

## Первое сообщение в чате
hello = 👋 <b>VM Balancer { $version }</b> начал работу. Кластеров: { $clusters }, узлов: { $nodes }.
hello-state = { $overloaded ->
    [0] ✅ Перегруженных узлов нет. Если узел будет перегружен, придёт сообщение.
    [one] ⚠️ Перегружен { $overloaded } узел, но сейчас ничего не предложено. Причину покажет /why с именем узла.
    [few] ⚠️ Перегружены { $overloaded } узла, но сейчас ничего не предложено. Причину покажет /why с именем узла.
   *[many] ⚠️ Перегружены { $overloaded } узлов, но сейчас ничего не предложено. Причину покажет /why с именем узла.
}
hello-commands = /start объясняет сообщения, /status показывает кластеры.

## Всплывающие ответы (простой текст, не длиннее 200 знаков)
popup-approved = Одобрено: { $vm } → { $target }.
popup-skipped = Пропущено: { $vm } остаётся на месте. Снова предложу не раньше чем через { $duration }.
popup-approved-all = { $count ->
    [one] Одобрена { $count } миграция.
    [few] Одобрены { $count } миграции.
   *[many] Одобрено { $count } миграций.
}
popup-skipped-all = { $count ->
    [one] Пропущена { $count } миграция.
    [few] Пропущены { $count } миграции.
   *[many] Пропущено { $count } миграций.
}
popup-first-approved = Уже одобрено: { $who }, { $duration } назад.
popup-first-skipped = Уже пропущено: { $who }, { $duration } назад.
popup-expired = Поздно: срок предложения истёк. Если нужно, предложу снова при следующей проверке.
popup-superseded = Это предложение заменено новым планом.
popup-withdrawn = Узел этой миграции исключён.
popup-nothing-left = По этому предложению всё уже решено.
popup-noted = Учтено: { $vm } → { $target }, когда одобрит ещё один человек.
popup-noted-all = { $count ->
    [one] Учтено: { $count } миграция. Нужно одобрение ещё одного человека.
    [few] Учтено: { $count } миграции. Нужно одобрение ещё одного человека.
   *[many] Учтено: { $count } миграций. Нужно одобрение ещё одного человека.
}
popup-noted-partly = Одобрено: { $count }. Нужно одобрение ещё одного человека: { $noted }.
popup-same-person = Вы уже одобрили; нужно одобрение другого человека.
popup-overloads = ⚠️ { $vm } перегрузит узел { $node }: CPU { CPU($cpu) }, память { MEMORY($memory) } %. Нажмите ещё раз в течение { $seconds } с.
popup-confirm-overloads = ⚠️ { $vm } ({ NUMBER($gib, maximumFractionDigits: 1) } ГиБ) перегрузит { $node }: CPU { CPU($cpu) }, память { MEMORY($memory) } %. Нажмите ещё раз в течение { $seconds } с.
popup-confirm = Точно перенести { $vm } ({ NUMBER($gib, maximumFractionDigits: 1) } ГиБ)? Чтобы подтвердить, нажмите ту же кнопку ещё раз в течение { $seconds } с.
popup-room-lost = ⚠️ После этого при отказе { $node } места не хватит.
popup-confirm-all = { $count ->
    [one] Точно перенести { $count } большую ВМ ({ NUMBER($gib, maximumFractionDigits: 1) } ГиБ)?
    [few] Точно перенести { $count } большие ВМ (вместе { NUMBER($gib, maximumFractionDigits: 1) } ГиБ)?
   *[many] Точно перенести { $count } больших ВМ (вместе { NUMBER($gib, maximumFractionDigits: 1) } ГиБ)?
} Чтобы подтвердить, нажмите ту же кнопку ещё раз в течение { $seconds } с.
popup-too-fast = Слишком много нажатий: подождите немного.
popup-not-yours = Эта кнопка не для вас.
popup-viewer = У вас доступ только на просмотр.
popup-old = Эта кнопка больше не работает. Что ждёт решения: /proposals
popup-dry-run = Пробный прогон: решения не принимаются.
popup-paused = { $text } Балансировщик на паузе: запуск после /resume.
popup-strategy = Со следующей проверки стратегия { $strategy }. Проверить сейчас: /balance.
popup-proposed = Предложено. Следующая проверка снова следует настройкам.
popup-proposed-nothing = Сейчас переносить нечего.
popup-pass-targets = Предложен план, который может превысить пороги приёма.
popup-pass-targets-nothing = Переносить нечего даже с превышением порогов приёма.
popup-strategy-already = Стратегия { $strategy } уже включена. Проверить сейчас: /balance.

## Уведомления
notice-failed-stays = ❌ <b>{ $vm }</b> остаётся на { $source }. Миграция на { $target } не удалась: { $reason }.
notice-failed-running = ❌ <b>{ $vm }</b> остаётся на { $source } и работает. Миграция на { $target } не удалась: { $reason }.
notice-failed-stopped = ❌ <b>{ $vm }</b> на { $source } и не запущена. Миграция на { $target } не удалась: { $reason }.
notice-failed-away = ❌ <b>{ $vm }</b>: миграция с { $source } на { $target } не удалась: { $reason }.
notice-failed-earlier = ❌ До этого не удалось миграций: { $count }.
notice-quarantine = Следующая попытка не раньше чем через { $duration }, если вы не решите иначе.
button-retry = 🔁 Повторить
retry-none = 🎯 <b>{ $vm }</b>: кроме { $target }, её сейчас не может принять ни один узел.
notice-unknown = ❓ <b>{ $vm }</b> ({ $source } → { $target }): { $reason }. Пока панель не сообщит исход, эти узлы не участвуют в других миграциях.
notice-settled = ✅ <b>{ $vm }</b> ({ $source } → { $target }): миграция всё же завершилась, узлы снова участвуют.
notice-late = 🕓 Отправлено позже: событие было в { $time }, Telegram был недоступен.
dry-run-note = 🧪 Пробный прогон: ничего не сохраняется и не переносится.

## Команды
menu-start = Кратко о боте
menu-help = Все команды
menu-status = Состояние кластеров
menu-nodes = Узлы, сначала самые загруженные
menu-node = Один узел
menu-dryrun = Какие миграции нужны сейчас
menu-balance = Проверить кластеры сейчас
menu-proposals = Что ждёт решения
menu-history = Последние решения и миграции
menu-whatif = Что сделала бы другая стратегия
menu-exclude = Исключить узел
menu-include = Вернуть узел
menu-exclusions = Исключённые узлы
menu-mode = Режим: ручной, полуавтомат, автомат
menu-strategy = Как выбираются миграции
menu-pause = Поставить на паузу
menu-resume = Снять с паузы
menu-reload = Перечитать файлы настроек
menu-settings = Действующие настройки

start-viewer = У вас доступ только на просмотр; решения принимают администраторы.
help-group-look = <b>Просмотр</b>
help-group-decide = <b>Решения</b>
help-group-nodes = <b>Узлы</b>
help-group-settings = <b>Настройки</b>
argument-cluster = КЛАСТЕР
argument-gib = ГИБ
argument-n = N
argument-name = ИМЯ
argument-node = УЗЕЛ
argument-nodes = УЗЛЫ
argument-strategy = СТРАТЕГИЯ
argument-value = ЗНАЧЕНИЕ
argument-vcpus = VCPU
argument-vm = ВМ
help-line = /{ $command } { $arguments } — { $text }
help-line-plain = /{ $command } — { $text }

status-title = <b>VM Balancer</b> · { $mode ->
    [auto] автоматический режим
    [assist] полуавтоматический режим
   *[approve] ручной режим
}
status-paused = ⏸ Пауза { $until }
status-age = Данные: { $duration } назад
status-never = Панель ещё ни разу не ответила.
status-problem = 🔌 Нет доступа к панели: { $problem }
status-next = проверка { $time }
status-more-clusters = … и ещё { $count ->
    [one] { NUMBER($count) } кластер
    [few] { NUMBER($count) } кластера
   *[many] { NUMBER($count) } кластеров
}: /status и имя кластера
status-calm = ✅ Перегруженных узлов нет.
status-waiting = { $count ->
    [0] Ничего не ждёт решения.
    [one] ⏳ { $count } миграция ждёт решения: /proposals
    [few] ⏳ { $count } миграции ждут решения: /proposals
   *[many] ⏳ { $count } миграций ждут решения: /proposals
}
status-running = { $count ->
    [0] Сейчас миграций нет.
   *[other] Идёт миграций: { $count }
}
status-queued = 🕑 Ждут запуска: { $count }
status-running-line = { $vm }: { $source } → { $target }
    { $state }
status-exclusions = { $count ->
    [one] ⛔ { $count } исключение: /exclusions
    [few] ⛔ { $count } исключения: /exclusions
   *[many] ⛔ { $count } исключений: /exclusions
}
status-dry-run = 🧪 Пробный прогон: миграций не будет.
no-clusters = В панели нет ни одного кластера.
nodes-title = <b>{ $cluster }</b>: { $count ->
    [one] { $count } узел
    [few] { $count } узла
   *[many] { $count } узлов
}, сначала самые загруженные
node-title = <b>{ $node }</b>, кластер { $cluster }
node-state-overloaded = ⚠️ перегружен: { $reason }
node-state-unknown = ❓ нагрузка неизвестна: { $reason }
node-state-fine = ✅ не перегружен
node-cpu = CPU: { $used } vCPU на { $cpus } CPU = { CPU($ratio) } на CPU
node-averages = Load average: { NUMBER($one, maximumFractionDigits: 2) }; { NUMBER($five, maximumFractionDigits: 2) }; { NUMBER($fifteen, maximumFractionDigits: 2) }. Доступно памяти: { NUMBER($free, maximumFractionDigits: 1) } из { NUMBER($total, maximumFractionDigits: 1) } ГиБ
node-pressure = Давление (PSI) за минуту: CPU { NUMBER($cpu, maximumFractionDigits: 1) } %, память { NUMBER($memory, maximumFractionDigits: 1) } %
node-memory = Память: { MEMORY($percent) } % ({ NUMBER($used, maximumFractionDigits: 1) } из { NUMBER($total, maximumFractionDigits: 1) } ГиБ)
node-vms = { $count } ВМ, активные занимают { $vcpus } vCPU и { NUMBER($gib, maximumFractionDigits: 1) } ГиБ
node-versions = QEMU: { $qemu }, ядро: { $kernel }
node-flag-maintenance = 🔧 на обслуживании
node-flag-creation = 🚷 новые ВМ не принимает
node-flag-state = состояние: { $state }
node-no-target = Сейчас не принимает ВМ: { $reason }
node-excluded = ⛔ исключён: { $role }, { $until } ({ $who })
node-vm-line = { $vm } · { $size }
node-vm-other-line = { $vm } · { $size } · { $state }
vm-state = { $state ->
    [active] активна
    [stopped] остановлена
    [crashed] аварийно остановлена
    [creating] создаётся
    [importing] импортируется
    [cloning] клонируется
    [deleting] удаляется
    [reinstalling] переустанавливается
    [migrating] переносится
   *[other] { $state }
}
node-vm-load = { $vm } · { NUMBER($cpus, maximumFractionDigits: 1, minimumFractionDigits: 1) } из { NUMBER($vcpus) } vCPU, среднее за { NUMBER($minutes) } мин ({ $source }, { $ago } назад)
node-busiest = Самые нагруженные ВМ:
node-biggest = Самые крупные ВМ:
unknown-value = неизвестно

dryrun-nothing = { $overloaded ->
    [0] Делать ничего не нужно.
   *[other] Сейчас ничего нельзя перенести.
}
balance-started = 🔎 Проверяю кластеры…
balance-busy = Проверка уже идёт.
balance-paused = ⏸ Балансировщик на паузе: сначала /resume.
balance-failed = 🔌 Проверка не удалась: { $problem }
balance-done = { $proposed ->
    [0] ✅ { $clusters ->
        [one] Проверен { $clusters } кластер
        [few] Проверено { $clusters } кластера
       *[many] Проверено { $clusters } кластеров
    }: новых предложений нет.
    [one] ✅ Проверено: { $proposed } новое предложение.
    [few] ✅ Проверено: { $proposed } новых предложения.
   *[many] ✅ Проверено: { $proposed } новых предложений.
}
balance-left-alone = { $cluster }: { $reason }
proposals-none = Ничего не ждёт решения.
proposals-line = <b>{ $cluster }</b>: { $count ->
    [one] { $count } миграция ждёт
    [few] { $count } миграции ждут
   *[many] { $count } миграций ждут
} решения до { $time }
proposals-again = То, что ждёт решения, повторяю ниже.
history-none = Решений пока не было.
history-title = <b>Последние решения</b>, новые сверху
history-line = { $time } · { $source } → { $target }: { $state } ({ $who })
history-group = { $sign } <b>{ $name }</b>: { $counts } · { $time } · { $who }
history-alone = { $sign } { $vm } · { $time } · { $who }
history-vm = <b>{ $vm }</b> { $source } → { $target }: { $state }
history-automatic = автоматически
button-older = Раньше ›
button-newer = ‹ Позже
history-running = выполняется: { $count }
history-failed = с ошибкой: { $count }
history-unknown = исход неизвестен: { $count }
history-restarted = перенесено с перезапуском: { $count }
history-succeeded = перенесено: { $count }
history-stale = не запущено: { $count }
history-called-back = отозвано: { $count }
history-not-needed = уже не требуется: { $count }
history-queued = ждёт запуска: { $count }
history-skipped = пропущено: { $count }
history-withdrawn = снято: { $count }
history-expired = срок истёк: { $count }
history-superseded = заменено новым планом: { $count }
history-pending = ждёт решения: { $count }
history-vm-running = ▶️ переносится { $duration }
history-vm-failed = ❌ не удалось: { $reason }
history-vm-unknown = ❓ исход неизвестен: { $reason }
history-vm-restarted = ⚠️ перенесена за { $duration }, но перезапущена
history-vm-succeeded = ✅ перенесена за { $duration }
history-vm-stale = 🚫 не запущена: { $reason }
history-vm-called-back = ✋ отозвана
history-vm-not-needed = уже не требуется: { $reason }
history-vm-queued = ждёт запуска
history-vm-skipped = ⏭ пропущена
history-vm-withdrawn = ⛔ снята
history-vm-expired = ⌛ срок истёк
history-vm-superseded = 🔁 заменена новым планом
history-vm-pending = ⏳ ждёт решения
role-source = не отдаёт ВМ
role-target = не принимает ВМ
role-both = не отдаёт и не принимает ВМ
exclude-done = ⛔ Узел <b>{ $node }</b> исключён: { $role }, { $until }.
exclude-choose = С именем { $name } есть несколько узлов. Какой из них?
include-done = ✅ Узел <b>{ $node }</b> снова участвует в балансировке.
include-none = Узел { $node } в чате не исключали. Узлы, исключённые в настройках, остаются исключёнными.
exclusions-none = Исключённых узлов нет.
exclusions-title = <b>Исключённые узлы</b>
exclusion-line = ⛔ <b>{ $node }</b>: { $role }, { $until } ({ $who })
exclusion-setting = ⚙️ <b>{ $node }</b>: { $role }, из настроек
mode-now = { $mode ->
    [auto] 🤖 Автоматический режим: миграции выполняются без вопросов, в чат приходит отчёт.
    [assist] 🤝 Полуавтоматический режим: безобидные миграции начинаются сами, об остальных программа спрашивает.
   *[approve] 🙋 Ручной режим: без одобрения ничего не переносится.
}
mode-two-persons = Включено TWO_PERSON_RULE: каждую миграцию одобряют двое, без них ничего не начинается.
mode-usage = /mode approve, /mode assist или /mode auto
mode-changed = { $text } ({ $who })
strategy-now = { $strategy ->
    [adaptive] 🧭 Стратегия <b>adaptive</b>: сначала самые маленькие ВМ. Если план «optimal» явно лучше, проверка берёт его.
    [optimal] 🎯 Стратегия <b>optimal</b>: самый дешёвый план, который разгружает как можно больше узлов.
    [balance] ⚖️ Стратегия <b>balance</b>: как optimal, а оставшиеся миграции проверки выравнивают нагрузку.
   *[smallest-first] 🪶 Стратегия <b>smallest-first</b>: самая маленькая ВМ переносится с самого загруженного узла на самый свободный.
}
strategy-set-by = Задана в чате ({ $who }).
strategy-of-cluster = У { $cluster } своя, из CLUSTERS_FILE: { $strategy }
strategy-usage = Стратегии { $text } нет. Есть: { $known }
mode-ask = 🤖 Включить <b>автоматический режим</b>? Тогда каждая запланированная миграция выполняется без вопросов, в чат приходит отчёт.
first-migration-missing = На этом VMmanager программа ещё не выполнила ни одной миграции под наблюдением. Поэтому автоматический режим начнёт с одной миграции. Её можно сделать сейчас.
first-migration-none = Сейчас нельзя перенести ни одну ВМ. Что мешает, покажет /why с именем ВМ.
first-migration-proposed = 🐣 Первая миграция: <b>{ $vm }</b> ({ $size }), самая маленькая ВМ, которую можно перенести. С узла <b>{ $source }</b> её можно перенести на:
first-migration-what-then = Программа сравнит uptime и состояние ВМ до и после. Если ВМ перезапустится, вы сразу получите сообщение.
button-first-migration = 🐣 Первая ВМ…
button-first-migration-now = 🐣 Перенести на { $target }
popup-mode = { $mode ->
    [auto] Автоматический режим включён.
    [assist] Полуавтоматический режим включён.
   *[approve] Ручной режим включён.
}
button-mode-auto = 🤖 Автоматически…
button-mode-yes = 🤖 Да, включить
button-mode-approve = 🙋 Ручной режим
button-resume = ▶️ Снять паузу
button-wake = ⏰ Возобновить { $cluster }
popup-awake = { $cluster }: предложения возобновятся со следующей проверки.
popup-awake-already = { $cluster } не отложен.
status-snoozed = 💤 { $cluster } отложен до { $time } ({ $who })
setting-refused = { $problem }
pause-done = ⏸ Пауза { $until }. Начатые миграции продолжатся, новые не начнутся.
resume-done = ▶️ Пауза снята.
resume-none = Балансировщик не на паузе.
settings-title = <b>Настройки</b>
settings-differ = <b>Отличаются от значений по умолчанию:</b>
settings-default = <b>Значения по умолчанию:</b>
settings-line = <code>{ $name }</code> { $value }
settings-stored = 💬 задано в чате: { $name } = { $value } ({ $who })
settings-measured = ⏱ { $cluster }: миграция занимает { NUMBER($seconds, maximumFractionDigits: 0) } с плюс копирование памяти со скоростью { NUMBER($mbit, maximumFractionDigits: 0) } Мбит/с (измерено: { $count ->
    [one] { $count } миграция
    [few] { $count } миграции
   *[many] { $count } миграций
})
not-found-node = Узла { $name } нет.
not-found-cluster = Кластера { $name } нет.
not-found-near = Возможно, вы имели в виду: { $names }?
duration-bad = { $text } — не срок: напишите 30m, 2h или 3d, можно и 30м, 2ч или 3д.
number-bad = { $text } — не число от 1 до { $most }.
only-admins = Это доступно только администраторам.
unknown-command = Неизвестная команда { $command }.
problem = Ошибка: { $problem }
