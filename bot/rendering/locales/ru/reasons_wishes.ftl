### Причины того, о чём просят люди (balancer/requests/): освобождение и заполнение узла, другой узел, возврат, «почему нет».
### Простой текст. Части фраз после двоеточия или тире: со строчной буквы, без точки.

## Почему эта миграция

reason-move-chosen = узел выбрал администратор
reason-move-chosen-relieve = узел выбрал администратор; источник перегружен ({ $resource ->
    [load] нагрузка { LOAD($value, $limit) } на CPU при пороге { NUMBER($limit, maximumFractionDigits: 2) }
    [cpu] CPU { CPU($value, $limit) } при пороге { NUMBER($limit, maximumFractionDigits: 2) }
   *[memory] память { MEMORY($value, $limit) } % при пороге { NUMBER($limit, maximumFractionDigits: 2) } %
 })
reason-move-back = ВМ возвращается на прежний узел
reason-move-drain = узел освобождается; { $targets ->
    [1] единственный узел, где есть место
    [one] самый свободный из { NUMBER($targets) } узла, где есть место
   *[other] самый свободный из { NUMBER($targets) } узлов, где есть место
 }; около { NUMBER($seconds, maximumFractionDigits: 0) } с
reason-move-drain-packed = узел освобождается; { $targets ->
    [1] единственный узел, где есть место
    [one] из { NUMBER($targets) } узла, где есть место, тот, при котором места хватит и остальным
   *[other] из { NUMBER($targets) } узлов, где есть место, тот, при котором места хватит и остальным
 }; около { NUMBER($seconds, maximumFractionDigits: 0) } с
reason-move-drain-together = узел освобождается; по правилу «{ $rule }» { $vms ->
    [1] ВМ уходит
    [one] { NUMBER($vms) } ВМ уходит
   *[other] { NUMBER($vms) } ВМ уходят
 } на один узел; около { NUMBER($seconds, maximumFractionDigits: 0) } с
reason-move-fill = узел получает свою долю: у источника CPU { CPU($cpu) } и память { MEMORY($memory) } %, в среднем { CPU($mean_cpu) } и { MEMORY($mean_memory) } %

## Чего сделать нельзя

reason-drain-together = правило «{ $rule }» держит { $vms ->
    [1] её вместе с её группой
   *[other] вместе { NUMBER($vms) } ВМ
 }, и ни на одном узле нет места для всех
reason-drain-no-room = не нашлось плана, в котором ей хватает места рядом с остальными
reason-fill-fair-share = ни одна ВМ не выровняет нагрузку настолько, чтобы её стоило переносить: на узле CPU { CPU($cpu) } и память { MEMORY($memory) } %, в среднем { CPU($mean_cpu) } и { MEMORY($mean_memory) } %
reason-caution-drain-excluded = узел { $node } исключён (не отдаёт ВМ), но всё равно будет освобождён
reason-caution-drain-open = узел { $node } по-прежнему принимает ВМ: исключите его для приёма, иначе ВМ вернутся

## Почему ВМ остаётся на месте

reason-why-not-needed = её узел не перегружен: CPU { CPU($cpu) }, память { MEMORY($memory) } %
reason-why-not-needed-load = её узел не перегружен: нагрузка { LOAD($load) } на CPU, память { MEMORY($memory) } %
reason-why-even-enough = её узел не перегружен, а её перенос почти не выровняет нагрузку
reason-why-smaller-first = узел { $vms ->
    [1] разгружает ВМ поменьше
    [one] разгружает { NUMBER($vms) } ВМ поменьше
   *[other] разгружают { NUMBER($vms) } ВМ поменьше
 }
reason-why-others = узел { $vms ->
    [1] разгружает другая ВМ
    [one] разгружает { NUMBER($vms) } другая ВМ
    [few] разгружают { NUMBER($vms) } другие ВМ
   *[other] разгружают { NUMBER($vms) } других ВМ
 }
reason-why-no-target = { $targets ->
    [0] других узлов нет
    [1] единственный другой узел не может её принять
    [one] её не может принять ни один из { NUMBER($targets) } другого узла
   *[other] её не может принять ни один из { NUMBER($targets) } других узлов
 }
reason-why-not-enough = её перенос не разгрузит узел
reason-roll-kernel-rule = KERNEL_RULE = «{ $rule }»: если работы ставят более новое ядро, ВМ со старых узлов нельзя перенести на готовые; на время работ задайте off или примите больше миграций
reason-roll-kernels-differ = ядра различаются ({ $versions }): ВМ переносится только туда, где ядро не новее, и это задаёт часть порядка
reason-roll-qemu-differs = версии QEMU различаются ({ $versions }): ВМ переносится только туда, где QEMU не старее, и это задаёт часть порядка
