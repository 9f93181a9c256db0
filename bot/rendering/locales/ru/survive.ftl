menu-survive = Хватит ли места при отказе узла
# Хватит ли места на других узлах, если узел откажет? Для чата, терминала и консоли; без разметки.
survive-yes = 🛟 { $cluster }: { $losses ->
    [0] нет узла, который мог бы отказать
   *[other] какой бы из узлов ни отказал (всего { NUMBER($losses) }), на других есть место для всего, что на нём работает
 } ({ $upto ->
    [physical] в пределах физической памяти
   *[overload] в пределах порогов перегрузки
 })
survive-no = ⚠️ { $cluster }: отказ не пережить для { NUMBER($no) } из { NUMBER($losses) } узлов: на других не хватит места для всего, что там работает ({ $upto ->
    [physical] в пределах физической памяти
   *[overload] в пределах порогов перегрузки
 })
survive-undecided = ❔ { $cluster }: не решено для { NUMBER($undecided) } из { NUMBER($losses) } узлов, хватит ли места на других узлах; для остальных хватит ({ $upto ->
    [physical] в пределах физической памяти
   *[overload] в пределах порогов перегрузки
 })
survive-short-yes = 🛟 отказ любого узла: места хватит
survive-short-no = ⚠️ отказ не пережить: { NUMBER($no) } из { NUMBER($losses) } узлов
survive-short-undecided = ❔ отказ узла: не решено для { NUMBER($undecided) } из { NUMBER($losses) }
survive-loss-yes = ✅ { $nodes }: { $vms ->
    [0] работающих ВМ нет
   *[other] есть место для всех работающих там ВМ ({ NUMBER($vms) })
 }
survive-loss-no = ❌ { $nodes }: нет места для { NUMBER($left) } из { NUMBER($vms) } ВМ: { $names }
survive-loss-undecided = ❔ { $nodes } (ВМ: { NUMBER($vms) })
survive-proof = { $reason }
survive-why = { $vm }: { $reason } ({ NUMBER($count) } ×)
survive-place = → { $node }: { $vms ->
    [one] { $names }
   *[other] ВМ: { NUMBER($vms) } — { $names }
 }
survive-caution = ℹ️ { $reason }
