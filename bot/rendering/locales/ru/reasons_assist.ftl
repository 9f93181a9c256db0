### Что правила полуавтоматического режима говорят о миграции (balancer/harmless.py): почему она начинается сама или
### почему нужен ответ человека. Простой текст. Фразы: со строчной буквы, без точки.

reason-auto-size = у ВМ { NUMBER($value, maximumFractionDigits: 1) } ГиБ памяти (без вопроса не больше { NUMBER($limit, maximumFractionDigits: 1) })
reason-auto-per-day = { NUMBER($value) }-я собственная миграция за 24 часа (не больше { NUMBER($limit) })
reason-auto-any-hour = часы не заданы
reason-auto-hours = в разрешённые часы ({ $hours })
reason-auto-hours-closed = вне разрешённых часов ({ $hours })
reason-auto-relieves-alone = одной этой миграции хватает, чтобы разгрузить { $node }
reason-auto-proven = доказано: меньше чем за { NUMBER($moves) } миграций не обойтись
reason-auto-unproven = не доказано: возможен план, где миграций меньше чем { NUMBER($moves) }
reason-auto-thresholds = { $source } и { $target } остаются ниже порогов; после миграции { $target }: { $resource ->
    [pressure] нехватка CPU { NUMBER($value, maximumFractionDigits: 1) } % (порог { NUMBER($limit, maximumFractionDigits: 2) } %)
    [load] нагрузка { LOAD($value, $limit) } на CPU (порог { NUMBER($limit, maximumFractionDigits: 2) })
    [cpu] CPU { CPU($value, $limit) } (порог { NUMBER($limit, maximumFractionDigits: 2) })
   *[memory] память { MEMORY($value, $limit) } % (порог { NUMBER($limit, maximumFractionDigits: 2) } %)
 }
reason-auto-source-above = { $node } и после плана останется выше порога
reason-auto-target-above = { $node } превысит порог: { $resource ->
    [pressure] нехватка CPU { NUMBER($value, maximumFractionDigits: 1) } % (порог { NUMBER($limit, maximumFractionDigits: 2) } %)
    [load] нагрузка { LOAD($value, $limit) } на CPU (порог { NUMBER($limit, maximumFractionDigits: 2) })
    [cpu] CPU { CPU($value, $limit) } (порог { NUMBER($limit, maximumFractionDigits: 2) })
   *[memory] память { MEMORY($value, $limit) } % (порог { NUMBER($limit, maximumFractionDigits: 2) } %)
 }
reason-auto-tag = у ВМ есть тег «ask»
reason-auto-no-tag = у ВМ нет тега «ask»
reason-auto-vm-unseen = панель не показывает ВМ такой, какой она была
reason-auto-outcomes = последние миграции здесь прошли хорошо: { NUMBER($value) }
reason-auto-outcomes-few = хороших миграций здесь пока { NUMBER($value) }, нужно { NUMBER($limit) }
reason-auto-nothing-odd = на панели ничего необычного
reason-auto-request = её запросил человек
reason-auto-targets-passed = она может превысить пороги узлов-приёмников
reason-auto-in-order = она не зависит от миграций, о которых задан вопрос
reason-auto-after = она ждёт миграции ВМ { $vm }, о которой задан вопрос
reason-auto-makes-room = она только освобождает место для другой миграции
