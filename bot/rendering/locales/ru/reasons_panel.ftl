### Причины, которые следуют из ответов панели. Простой текст, как в reasons.ftl.

## Что вызывает сомнения и потому не трогается

reason-node-twice = панель дважды перечисляет { $role ->
    [source] узел-источник
    [target] узел-приёмник
   *[node] узел
 }, с разными показателями
reason-brief-node-twice = указан дважды
reason-node-vm-twice = панель показывает ВМ «{ $vm }» и на { $role ->
    [source] узле-источнике
    [target] узле-приёмнике
   *[node] этом узле
 }, и на другом узле; возможно, её кто-то переносит
reason-brief-node-vm-twice = одна из ВМ указана на двух узлах
reason-node-vms-missing = по счётчику панели на { $role ->
    [source] узле-источнике
    [target] узле-приёмнике
   *[node] узле
 } { NUMBER($counted) } ВМ, а в списке { NUMBER($listed) }
reason-brief-node-vms-missing = в списке меньше ВМ, чем считает панель
reason-vm-twice = панель показывает ВМ на двух узлах (ID { NUMBER($one, useGrouping: 0) } и { NUMBER($other, useGrouping: 0) }); возможно, её кто-то переносит
reason-vm-live-migration-off = панель не разрешает живую миграцию этой ВМ
reason-vm-mode-unknown = режим балансировщика «{ $mode }» неизвестен; автоматический режим не трогает такую ВМ
reason-fit-not-suitable = панель не считает узел-приёмник подходящим для этой ВМ
reason-brief-fit-not-suitable = панель не считает узел подходящим
reason-cluster-twice = панель дважды перечисляет кластер, с разными показателями
reason-cluster-odd-rows = { NUMBER($odd) } из { NUMBER($rows) } строк ВМ кластера использовать нельзя, поэтому здесь ничего не планируется
reason-cluster-foreign-task = с кластером работает кто-то другой: { $task }{ $count ->
    [one] {""}
   *[other] {" "}(всего задач: { NUMBER($count) })
 }; пока он не закончит, ничего не запускается

## Что стоит знать

reason-remark-node-left-out = узлы без кластера не учтены, их { NUMBER($count) }: { $names }
reason-remark-vm-left-out = ВМ без узла или кластера не учтены, их { NUMBER($count) }: { $names }
reason-remark-unplaced = строки без кластера не учтены, их { NUMBER($count) }; имена покажет `vm-balancer check`
reason-remark-word = панель сообщает неизвестное значение: { $field } = «{ $word }» (строк: { NUMBER($rows) })
reason-remark-computed = панель не сообщает, сколько { $figure ->
    [vcpus] vCPU
   *[memory] памяти
 } выделено на узлах, их { NUMBER($count) }; вместо этого взята сумма по их ВМ: { $names }
reason-remark-sums = выделенные { $figure ->
    [vcpus] vCPU
   *[memory] объёмы памяти
 } по данным панели не равны ни сумме по всем ВМ, ни сумме по активным; узлов { NUMBER($count) }: { $names }
reason-caution-mode-unknown = режим балансировщика «{ $mode }» неизвестен; убедитесь, что эту ВМ можно переносить
reason-caution-updates-wait = для живой миграции ядро на узле-приёмнике не должно быть новее, а QEMU — старее; узлы, которые ждут обновления ({ NUMBER($count) }): { $names }
reason-remark-vm-metrics = метрики ВМ из панели на узле { $node } не учитываются, вместо них доли по vCPU: ни в одной известной единице они не сходятся с нагрузкой узла
reason-remark-vm-loads = нагрузка отдельных ВМ на узле { $node } не учитывается, вместо неё доли по vCPU: вместе ВМ заняли { NUMBER($vms, maximumFractionDigits: 1) } CPU, а сам узел сообщает { NUMBER($node_cpus, maximumFractionDigits: 1) }
