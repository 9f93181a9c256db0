# Хватит ли места для ВМ отказавшего узла: доказательства и то, что неизвестно.
reason-survive-no-node = { $vms ->
    [one] ни на одном другом узле нет места для { $vm }
   *[other] ни на одном другом узле нет места для { $vm } вместе с ВМ её группы (всего ВМ: { NUMBER($vms) })
 }
reason-survive-sum = ВМ: { NUMBER($vms) }, им нужно { $resource ->
    [vcpus] { NUMBER($need, maximumFractionDigits: 0) } vCPU, на других подходящих узлах ({ NUMBER($nodes) }) свободно { NUMBER($free, maximumFractionDigits: 0) }
    [memory] { NUMBER($need, maximumFractionDigits: 1) } ГиБ памяти, на других подходящих узлах ({ NUMBER($nodes) }) свободно { NUMBER($free, maximumFractionDigits: 1) } ГиБ
    [load] { NUMBER($need, maximumFractionDigits: 1) } CPU по нагрузке, на других подходящих узлах ({ NUMBER($nodes) }) свободно { NUMBER($free, maximumFractionDigits: 1) }
    [available] { NUMBER($need, maximumFractionDigits: 1) } ГиБ, на других подходящих узлах ({ NUMBER($nodes) }) реально доступно { NUMBER($free, maximumFractionDigits: 1) } ГиБ памяти
   *[vms] { NUMBER($need, maximumFractionDigits: 0) } мест в пределах ограничений на число ВМ, на других узлах ({ NUMBER($nodes) }) их { NUMBER($free, maximumFractionDigits: 0) }
 }
reason-survive-large = ВМ не меньше { NUMBER($vcpus) } vCPU и { NUMBER($memory_gib, maximumFractionDigits: 1) } ГиБ: { NUMBER($vms) }, на других узлах ({ NUMBER($nodes) }) места под такой размер: { NUMBER($places) }
reason-survive-apart = ВМ, которые должны быть на разных узлах: { NUMBER($vms) }, других узлов, которые могут принять хотя бы одну из них: { NUMBER($nodes) }
reason-survive-searched = разместить все ВМ нельзя: полный перебор, проверено вариантов: { NUMBER($tried) }
reason-survive-work = не решено: проверено вариантов: { NUMBER($tried) }, ни размещение, ни доказательство не найдены
reason-survive-size-unknown = не решено: неизвестен размер { $vm }{ $vms ->
    [one] {""}
   *[other] {" "}(всего таких ВМ: { NUMBER($vms) })
 }
reason-survive-node-doubtful = не решено: данные панели об узле { $node } противоречивы
reason-survive-left-out = места для неё не остаётся
reason-survive-stays = правило «{ $rule }» разрешает ей работать только на этом узле
reason-move-survive-room = { $nodes ->
    [1] освобождает место на случай отказа { $node }
   *[other] освобождает место на случай отказа { $node } и других узлов
 }
reason-move-place-room = освобождает место на { $node } для новой ВМ: { $vcpus } vCPU, { NUMBER($memory_gib, maximumFractionDigits: 1) } ГиБ
reason-vm-keeps-survivable = после переноса при отказе { $node } { $vms ->
    [0] не было бы уверенности, что места хватит всем его ВМ
   *[other] не хватило бы места для его ВМ: { NUMBER($vms) }
 } (KEEP_SURVIVABLE)
reason-caution-survive-lost = после этих миграций кластер уже не переживёт отказ { $node }: { $vms ->
    [0] нет уверенности, что места хватит всем его ВМ
   *[other] не хватит места для его ВМ: { NUMBER($vms) }
 }
reason-caution-survive-local = в { $cluster } диски лежат на узлах: место может найтись, но диски отказавшего узла пропадут вместе с ним
reason-caution-survive-busy = узлы, на которых идёт миграция, считаются не принимающими ВМ: { NUMBER($nodes) }
