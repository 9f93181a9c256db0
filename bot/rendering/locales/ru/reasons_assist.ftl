### Что правила полуавтоматического режима говорят о миграции (balancer/harmless.py): почему она начинается сама или
### почему нужен ответ человека. Простой текст. Фразы: со строчной буквы, без точки.

reason-auto-size = { NUMBER($value, maximumFractionDigits: 1) } ГиБ памяти (не больше { NUMBER($limit, maximumFractionDigits: 1) })
reason-auto-per-day = { NUMBER($value) }-й собственный запуск за 24 часа (не больше { NUMBER($limit) })
reason-auto-any-hour = любое время
reason-auto-hours = часы { $hours }
reason-auto-hours-closed = вне разрешённых часов ({ $hours })
reason-auto-relieves-alone = одна разгружает { $node }
reason-auto-proven = доказано: миграций нужно не меньше { NUMBER($moves) }
reason-auto-unproven = не доказано, что миграций нужно не меньше { NUMBER($moves) }
reason-auto-thresholds = { $source } и { $target } ниже порогов, { $target }: { $resource ->
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
reason-auto-no-tag = нет тега «ask»
reason-auto-vm-unseen = панель не показывает ВМ такой, какой она была
reason-auto-outcomes = хороших миграций подряд: { NUMBER($value) }
reason-auto-outcomes-few = хороших миграций здесь пока { NUMBER($value) }, нужно { NUMBER($limit) }
reason-auto-nothing-odd = ничего необычного
reason-auto-request = её запросил человек
reason-auto-targets-passed = она может превысить пороги узлов-приёмников
reason-auto-in-order = не зависит от вопросов
reason-auto-after = она ждёт миграции ВМ { $vm }, о которой задан вопрос
reason-auto-makes-room = она только освобождает место для другой миграции
