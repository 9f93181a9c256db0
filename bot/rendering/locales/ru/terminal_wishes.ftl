# Что терминал говорит о месте для новой ВМ. Простой текст.
terminal-place = Кластер { $cluster } (ID { NUMBER($id, useGrouping: 0) }): { $total ->
    [0] нет места для ВМ
   *[other] есть место ещё для { NUMBER($total) } ВМ
 } на { $vcpus } vCPU и { NUMBER($gib, maximumFractionDigits: 2) } ГиБ
terminal-place-node = { $number }. { $effect }, место для { NUMBER($vms) }
