### Все причины ядра (balancer/reasons.py), по сообщению на код: reason-<код>.
### Простой текст. Фразы после двоеточия или тире: со строчной буквы, без точки.

## Узел как источник или узел-приёмник

reason-node-figure-unknown = { $figure ->
    [cpus] неизвестно число CPU
    [vcpus] неизвестно число выделенных vCPU
    [memory] неизвестен объём памяти
   *[allocated] неизвестен объём выделенной памяти
 } { $role ->
    [source] узла-источника
    [target] узла-приёмника
   *[node] узла
 }
reason-node-state = { $role ->
    [source] узел-источник
   *[target] узел-приёмник
 } не активен, его состояние — «{ $state }»
reason-node-state-unknown = неизвестно состояние { $role ->
    [source] узла-источника
   *[target] узла-приёмника
 }
reason-node-maintenance = { $role ->
    [source] узел-источник
   *[target] узел-приёмник
 } в режиме обслуживания
reason-node-excluded = { $role ->
    [source] узел исключён: не отдаёт ВМ
   *[target] узел исключён: не принимает ВМ
 }
reason-node-live-migration-off = панель запрещает живую миграцию на { $role ->
    [source] узле-источнике
   *[target] узле-приёмнике
 }
reason-node-busy = { $role ->
    [source] узел-источник
   *[target] узел-приёмник
 } занят другой миграцией

## Узел-приёмник

reason-target-creation-blocked = создание ВМ на узле-приёмнике запрещено
reason-target-creation-unknown = неизвестно, можно ли создавать ВМ на узле-приёмнике
reason-target-filter = у узла-приёмника свой фильтр размещения
reason-target-vm-limit = узел-приёмник заполнен: { NUMBER($count) } ВМ при лимите узла { NUMBER($limit) }
reason-target-cluster-vm-limit = узел-приёмник заполнен: { NUMBER($count) } ВМ при лимите кластера { NUMBER($limit) } на узел
reason-target-overloaded = узел-приёмник сам перегружен: { $resource ->
    [pressure] нехватка CPU { NUMBER($value, maximumFractionDigits: 1) } % (порог { NUMBER($limit, maximumFractionDigits: 2) } %)
    [load] нагрузка { LOAD($value, $limit) } на CPU (порог { NUMBER($limit, maximumFractionDigits: 2) })
    [cpu] CPU { CPU($value, $limit) } (порог { NUMBER($limit, maximumFractionDigits: 2) })
   *[memory] память { MEMORY($value, $limit) } % (порог { NUMBER($limit, maximumFractionDigits: 2) } %)
 }
reason-target-reserved = на узле-приёмнике зарезервировано для новой ВМ: { NUMBER($vcpus) } vCPU, { NUMBER($memory_gib, maximumFractionDigits: 1) } ГиБ
reason-target-score = оценка нагрузки CPU узла-приёмника { CPU($value, $limit) }, нужно меньше { NUMBER($limit, maximumFractionDigits: 2) }
reason-target-memory = память узла-приёмника выделена на { MEMORY($value, $limit) } %, нужно меньше { NUMBER($limit, maximumFractionDigits: 2) } %

## Оба узла

reason-pair-other-cluster = узел-приёмник в другом кластере
reason-pair-same-node = ВМ уже на этом узле
reason-pair-filter = на узле-приёмнике действуют другие фильтры размещения, чем на источнике
reason-pair-qemu-older = QEMU { $target } на узле-приёмнике старее, чем QEMU { $source } на источнике
reason-pair-qemu-unknown = версии QEMU двух узлов нельзя сравнить
reason-pair-kernel-newer = ядро { $target } на узле-приёмнике новее, чем ядро { $source } на источнике
reason-pair-kernel-unknown = версии ядра двух узлов нельзя сравнить

## ВМ на узле-приёмнике

reason-fit-cpu = CPU узла-приёмника достигнет { CPU($value, $limit) }, нужно меньше { NUMBER($limit, maximumFractionDigits: 2) }
reason-fit-memory = память узла-приёмника достигнет { MEMORY($value, $limit) } %, нужно меньше { NUMBER($limit, maximumFractionDigits: 2) } %
reason-fit-load = измеренная нагрузка узла-приёмника достигнет примерно { LOAD($value, $limit) } на CPU, нужно меньше { NUMBER($limit, maximumFractionDigits: 2) }
reason-fit-memory-available = на узле-приёмнике доступно только { NUMBER($available_gib, maximumFractionDigits: 1) } ГиБ памяти, нужно { NUMBER($needed_gib, maximumFractionDigits: 1) } ГиБ
reason-fit-pin = правило «{ $rule }» разрешает только другие узлы
reason-fit-just-left = ВМ ушла с этого узла меньше суток назад, обратно пока не переносим
reason-fit-apart = правило «{ $rule }» держит её отдельно от { $vms ->
    [one] { NUMBER($vms) } ВМ, которая уже там
   *[other] { NUMBER($vms) } ВМ, которые уже там
 }
reason-fit-together = правило «{ $rule }» держит её вместе с { $vms ->
    [one] { NUMBER($vms) } ВМ, которая рядом
   *[other] { NUMBER($vms) } ВМ, которые рядом
 }

## То же для подсчёта, «12 × не хватит CPU»

reason-brief-node-figure-unknown = неизвестны показатели
reason-brief-node-state = не активен
reason-brief-node-state-unknown = состояние неизвестно
reason-brief-node-maintenance = на обслуживании
reason-brief-node-excluded = исключён, не принимает ВМ
reason-brief-node-live-migration-off = живая миграция запрещена
reason-brief-node-busy = занят другой миграцией
reason-brief-target-creation-blocked = создание ВМ запрещено
reason-brief-target-creation-unknown = неизвестно, можно ли создавать ВМ
reason-brief-target-filter = есть фильтр размещения
reason-brief-target-vm-limit = достигнут лимит ВМ
reason-brief-target-cluster-vm-limit = достигнут лимит ВМ кластера
reason-brief-target-overloaded = перегружен
reason-brief-target-reserved = место зарезервировано для новой ВМ
reason-brief-target-score = слишком высокая оценка CPU
reason-brief-target-memory = слишком занята память
reason-brief-pair-other-cluster = в другом кластере
reason-brief-pair-same-node = ВМ уже здесь
reason-brief-pair-filter = другие фильтры размещения
reason-brief-pair-qemu-older = QEMU старее, чем на источнике
reason-brief-pair-qemu-unknown = версия QEMU неизвестна
reason-brief-pair-kernel-newer = ядро новее, чем на источнике
reason-brief-pair-kernel-unknown = версия ядра неизвестна
reason-brief-fit-cpu = не хватит CPU
reason-brief-fit-memory = не хватит памяти
reason-brief-fit-load = измеренная нагрузка станет слишком высокой
reason-brief-fit-memory-available = мало доступной памяти
reason-brief-fit-pin = не разрешён её правилом
reason-brief-fit-just-left = с него она ушла меньше суток назад
reason-brief-fit-apart = нарушит правило «держать раздельно»
reason-brief-fit-together = нарушит правило «держать вместе»

## Кластер

reason-cluster-virtualization = живой миграции нет ({ $virtualization })
reason-cluster-virtualization-unknown = миграций нет: виртуализация неизвестна, а живая миграция есть только у KVM
reason-cluster-all-opted-out = { $vms ->
    [1] у единственной ВМ балансировщик выключен
   *[other] у всех { NUMBER($vms) } ВМ балансировщик выключен
 }: см. RESPECT_BALANCER_MODE

## Почему узел перегружен

reason-overload-cpu = CPU { CPU($value, $limit) } (порог { NUMBER($limit, maximumFractionDigits: 2) })
reason-overload-memory = память { MEMORY($value, $limit) } % (порог { NUMBER($limit, maximumFractionDigits: 2) } %)
reason-overload-load = нагрузка { LOAD($value, $limit) } на CPU (порог { NUMBER($limit, maximumFractionDigits: 2) })
reason-overload-pressure = нехватка CPU { NUMBER($value, maximumFractionDigits: 1) } % времени (порог { NUMBER($limit, maximumFractionDigits: 2) } %)
reason-overload-pressure-memory = нехватка CPU { NUMBER($pressure, maximumFractionDigits: 1) } % времени (порог { NUMBER($pressure_limit, maximumFractionDigits: 2) } %), память { MEMORY($memory, $memory_limit) } % (порог { NUMBER($memory_limit, maximumFractionDigits: 2) } %)
reason-overload-load-memory = нагрузка { LOAD($load, $load_limit) } на CPU (порог { NUMBER($load_limit, maximumFractionDigits: 2) }), память { MEMORY($memory, $memory_limit) } % (порог { NUMBER($memory_limit, maximumFractionDigits: 2) } %)
reason-overload-both = CPU { CPU($cpu, $cpu_limit) } (порог { NUMBER($cpu_limit, maximumFractionDigits: 2) }), память { MEMORY($memory, $memory_limit) } % (порог { NUMBER($memory_limit, maximumFractionDigits: 2) } %)

## Почему узел остаётся перегружен

reason-source-no-movable-vm = { $vms ->
    [0] на нём нет ВМ
    [1] его единственную ВМ переносить нельзя
   *[other] ни одну из его { NUMBER($vms) } ВМ переносить нельзя
 }
reason-source-not-enough = { $moved ->
    [1] переноса единственной доступной ВМ недостаточно
   *[other] переноса всех доступных ВМ ({ NUMBER($moved) }) недостаточно
 }
reason-source-no-target = его ВМ не может принять ни один узел
reason-source-no-fit = { $vms ->
    [1] единственная доступная для переноса ВМ не помещается ни на один узел
   *[other] ни одна из доступных для переноса ВМ ({ NUMBER($vms) }) не помещается ни на один узел
 }
reason-source-budget = исчерпан лимит: { NUMBER($limit) } { $limit ->
    [one] миграция
    [few] миграции
   *[many] миграций
 } за проверку, остальные — при следующих
reason-source-unclearable-few = { $vms ->
    [1] переноса единственной доступной ВМ недостаточно при любом плане
   *[other] переноса всех доступных ВМ ({ NUMBER($vms) }) недостаточно при любом плане
 }
reason-source-unclearable-large = { $vms ->
    [1] единственная доступная для переноса ВМ не поместится ни на один другой узел, даже если освободить его от всего, что можно перенести
   *[other] слишком многие из { NUMBER($vms) } доступных для переноса ВМ не поместятся ни на один другой узел, даже если освободить его от всего, что можно перенести
 }
reason-source-unclearable-qemu = ни на одном другом узле, принимающем ВМ, нет QEMU ≥ { $version }
reason-source-unclearable-kernel = ни на одном другом узле, принимающем ВМ, нет ядра ≤ { $version }
reason-source-no-room = { $vms ->
    [1] не найден план, в котором есть место для его ВМ
    [one] не найден план, в котором хватает места для { NUMBER($vms) } его ВМ
   *[other] не найден план, в котором хватает места для { NUMBER($vms) } его ВМ
 }
reason-source-hard-targets = на узлах ниже порогов приёма недостаточно места для ВМ этого узла
reason-source-hold = перегружен недавно: нужно подтверждение ещё { $checks ->
    [one] { NUMBER($checks) } проверки
    [few] { NUMBER($checks) } проверок
   *[many] { NUMBER($checks) } проверок
 }

## ВМ

reason-vm-state = ВМ не активна, её состояние — «{ $state }»
reason-vm-state-unknown = состояние ВМ неизвестно
reason-vm-iso = подключён ISO-образ
reason-vm-iso-unknown = неизвестно, подключён ли ISO-образ
reason-vm-snapshots = у ВМ { NUMBER($count) } { $count ->
    [one] снимок
    [few] снимка
   *[many] снимков
 }
reason-vm-snapshots-unknown = неизвестно, есть ли у ВМ снимки
reason-vm-disabled = ВМ заблокирована
reason-vm-rescue = ВМ в режиме восстановления
reason-vm-change-pending = новый размер ВМ ждёт перезапуска
reason-vm-restricted = ограничения, оставшиеся от VMmanager 5: { $restrictions }
reason-vm-nested = включена вложенная виртуализация
reason-vm-opted-out = балансировщик для этой ВМ выключен
reason-vm-ignored = исключена правилом «{ $rule }»
reason-vm-stays = правило «{ $rule }» держит её на её узле
reason-vm-size-unknown = размер ВМ неизвестен
reason-vm-cooldown = недавно перенесена, снова можно через { NUMBER($minutes) } мин
reason-vm-quarantine = прошлая миграция не удалась, повтор возможен через { NUMBER($minutes) } мин
reason-vm-skipped-always = исключена из предложений ({ $who })
reason-vm-skipped = пропущена администратором, снова предложу через { NUMBER($minutes) } мин
reason-vm-busy = ВМ уже участвует в миграции
reason-vm-fits-nowhere = { NUMBER($vcpus) } vCPU и { NUMBER($memory_gib, maximumFractionDigits: 2) } ГиБ не помещаются ни на один из { $targets ->
    [one] { NUMBER($targets) } другого узла
   *[other] { NUMBER($targets) } других узлов
 }

## Почему эта миграция

reason-move-smallest = { $tried ->
    [0] наименьшая ВМ, которую можно перенести
   *[other] наименьшая ВМ из тех, что где-то помещаются
 } ({ $resource ->
    [pressure] нехватка CPU { NUMBER($value, maximumFractionDigits: 1) } %, порог { NUMBER($limit, maximumFractionDigits: 2) } %
    [load] нагрузка { LOAD($value, $limit) } на CPU при пороге { NUMBER($limit, maximumFractionDigits: 2) }
    [cpu] CPU { CPU($value, $limit) } при пороге { NUMBER($limit, maximumFractionDigits: 2) }
   *[memory] память { MEMORY($value, $limit) } % при пороге { NUMBER($limit, maximumFractionDigits: 2) } %
 }); { $targets ->
    [1] единственный подходящий узел
    [one] наименее нагруженный из { NUMBER($targets) } подходящего узла
   *[other] наименее нагруженный из { NUMBER($targets) } подходящих узлов
 } (оценка { CPU($score) })
reason-move-relieve = { $vms ->
    [1] одной этой ВМ достаточно, чтобы разгрузить узел
    [one] одна из { NUMBER($vms) } ВМ, которые вместе разгружают узел
   *[other] одна из { NUMBER($vms) } ВМ, которые вместе разгружают узел
 } ({ $resource ->
    [pressure] нехватка CPU { NUMBER($value, maximumFractionDigits: 1) } %, порог { NUMBER($limit, maximumFractionDigits: 2) } %
    [load] нагрузка { LOAD($value, $limit) } на CPU при пороге { NUMBER($limit, maximumFractionDigits: 2) }
    [cpu] CPU { CPU($value, $limit) } при пороге { NUMBER($limit, maximumFractionDigits: 2) }
   *[memory] память { MEMORY($value, $limit) } % при пороге { NUMBER($limit, maximumFractionDigits: 2) } %
 }); около { NUMBER($seconds, maximumFractionDigits: 0) } с
reason-move-partly = разгрузить узел нельзя, но можно уменьшить перегрузку ({ $resource ->
    [pressure] нехватка CPU { NUMBER($value, maximumFractionDigits: 1) } %, порог { NUMBER($limit, maximumFractionDigits: 2) } %
    [load] нагрузка { LOAD($value, $limit) } на CPU при пороге { NUMBER($limit, maximumFractionDigits: 2) }
    [cpu] CPU { CPU($value, $limit) } при пороге { NUMBER($limit, maximumFractionDigits: 2) }
   *[memory] память { MEMORY($value, $limit) } % при пороге { NUMBER($limit, maximumFractionDigits: 2) } %
 }); около { NUMBER($seconds, maximumFractionDigits: 0) } с
reason-move-make-room = освобождает место для { $vm }: её перенос разгрузит { $node }
reason-move-even = выравнивает нагрузку: на узле CPU { CPU($cpu) } и память { MEMORY($memory) } %, в среднем { CPU($mean_cpu) } и { MEMORY($mean_memory) } %
reason-caution-cpu-passthrough = ВМ использует модель CPU узла: если CPU узлов различаются, она может зависнуть
reason-caution-totals = панель противоречит сама себе об узле { $node }: в итогах { NUMBER($total) } ВМ, в списке { NUMBER($listed) }; учитываются бо́льшие значения
reason-caution-above-cpu-target = { $node }: оценка CPU станет { CPU($value, $limit) }, выше порога приёма { NUMBER($limit, maximumFractionDigits: 2) }
reason-caution-above-memory-target = { $node }: память станет { MEMORY($value, $limit) } %, выше порога приёма { NUMBER($limit, maximumFractionDigits: 2) } %
reason-caution-versions-unknown = известны не все версии QEMU и ядра на двух узлах

## Какое правило выбрало миграции плана

reason-choice-as-good = явно лучшего плана нет
reason-choice-clears-more = если переносить сначала самые маленькие ВМ, останется перегруженных узлов: { NUMBER($documented) }, с этим планом — { NUMBER($left) }
reason-choice-fewer-moves = если переносить сначала самые маленькие ВМ, миграций будет { NUMBER($documented) } вместо { NUMBER($moves) }
reason-choice-steadier = если переносить сначала самые маленькие ВМ, уйдут ВМ с непостоянной нагрузкой; узлов, которые могут скоро снова оказаться перегружены: { NUMBER($nodes) }
reason-choice-set = задано администратором

## Правила о ВМ, которые уже нарушены

reason-caution-not-apart = правило «{ $rule }» нарушено на { $node }: вместе { $names }{ $more ->
    [0] {""}
   *[other] {" "}и ещё { NUMBER($more) }
 }
reason-caution-not-together = правило «{ $rule }» нарушено: { NUMBER($vms) } ВМ группы — на { $nodes ->
    [one] { NUMBER($nodes) } узле
   *[other] { NUMBER($nodes) } узлах
 }
reason-caution-off-pin = правило «{ $rule }» нарушено: { $vm } находится на { $node }

## Повторная проверка перед действием

reason-vm-gone = этой ВМ больше нет
reason-vm-place-unknown = неизвестно, на каком узле ВМ
reason-vm-elsewhere = теперь ВМ на узле { $node }
reason-already-there = ВМ уже на узле-приёмнике
reason-target-gone = узла-приёмника больше нет
reason-source-relieved-load = узел-источник больше не перегружен: нагрузка { LOAD($load) } на CPU, память { MEMORY($memory) } %
reason-source-relieved = узел-источник больше не перегружен: CPU { CPU($cpu) }, память { MEMORY($memory) } %
