menu-survive = Хватит ли места при отказе узла
# Хватит ли места на других узлах, если узел откажет? Для чата, терминала и консоли; без разметки.
survive-yes = 🛟 { $cluster }: { $losses ->
    [0] нет узла, который мог бы отказать
   *[other] при отказе любого узла (всего { NUMBER($losses) }) его ВМ поместятся на других
 } ({ $upto ->
    [physical] в пределах физической памяти
   *[overload] в пределах порогов перегрузки
 })
survive-no = ⚠️ { $cluster }: узлов, при отказе которых ВМ не поместятся на других: { NUMBER($no) } из { NUMBER($losses) } ({ $upto ->
    [physical] в пределах физической памяти
   *[overload] в пределах порогов перегрузки
 })
survive-undecided = ❔ { $cluster }: узлов, при отказе которых неизвестно, поместятся ли ВМ на других: { NUMBER($undecided) } из { NUMBER($losses) }; при отказе остальных поместятся ({ $upto ->
    [physical] в пределах физической памяти
   *[overload] в пределах порогов перегрузки
 })
survive-short-yes = 🛟 отказ любого узла: места хватит
survive-short-no = ⚠️ отказ узла: нет места для { NUMBER($no) } из { NUMBER($losses) }
survive-short-undecided = ❔ отказ узла: неизвестно для { NUMBER($undecided) } из { NUMBER($losses) }
survive-loss-yes = ✅ { $nodes }: { $vms ->
    [0] работающих ВМ нет
   *[other] есть место для всех работающих там ВМ ({ NUMBER($vms) })
 }
survive-loss-no = ❌ { $nodes }: нет места для { NUMBER($left) } из { NUMBER($vms) } ВМ: { $names }
survive-loss-undecided = ❔ { $nodes } (ВМ: { NUMBER($vms) })
survive-proof = { $reason }
survive-why = { $vm }: { $reason } ({ NUMBER($count) } ×)
survive-place = → { $node }: { $vms ->
    [1] { $names }
   *[other] ВМ: { NUMBER($vms) } — { $names }
 }
survive-caution = ℹ️ { $reason }

## Новая ВМ, которая сейчас никуда не помещается

room-moves = { $count ->
    [1] Одна миграция освободит
   *[other] Миграции по порядку ({ NUMBER($count) }) освободят
 } место на { $node }{ $proven ->
    [yes] ; меньшим числом не обойтись
   *[no] {""}
 }:
room-move = { $number }. { $vm }: { $source } → { $target } ({ $vcpus } vCPU, { NUMBER($gib, maximumFractionDigits: 1) } ГиБ)
popup-room = Предложено миграций: { NUMBER($count) }. Одобрите их в сообщении с предложением.
popup-room-waits = Эти миграции уже предложены. Они ждут одобрения в сообщении с предложением.
row-propose-room = 📋 Предложить это: { $cluster }
room-no-moves = плана до четырёх миграций, который освободит место, не нашлось

## Какого размера может быть новая ВМ

menu-room = Какого размера может быть новая ВМ
room-title = 📐 { $cluster }: самая большая новая ВМ: { $largest }
room-nothing = 📐 { $cluster }: новая ВМ обычных размеров не поместится и после миграций
room-largest = { $moves ->
    [0] сейчас { NUMBER($vcpus) } vCPU и { NUMBER($gib) } ГиБ
    [one] после { NUMBER($moves) } миграции { NUMBER($vcpus) } vCPU и { NUMBER($gib) } ГиБ
    [few] после { NUMBER($moves) } миграций { NUMBER($vcpus) } vCPU и { NUMBER($gib) } ГиБ
    [many] после { NUMBER($moves) } миграций { NUMBER($vcpus) } vCPU и { NUMBER($gib) } ГиБ
   *[other] после { NUMBER($moves) } миграций { NUMBER($vcpus) } vCPU и { NUMBER($gib) } ГиБ
 }
room-shape-fits = ✅ { NUMBER($vcpus) } vCPU и { NUMBER($gib) } ГиБ: сейчас поместится { NUMBER($vms) }
room-shape-moves = 🔁 { NUMBER($vcpus) } vCPU и { NUMBER($gib) } ГиБ: одна поместится { $moves ->
    [one] после { NUMBER($moves) } миграции
    [few] после { NUMBER($moves) } миграций
    [many] после { NUMBER($moves) } миграций
   *[other] после { NUMBER($moves) } миграций
 }
room-shape-none = ❌ { NUMBER($vcpus) } vCPU и { NUMBER($gib) } ГиБ: не поместится и после четырёх миграций
room-shape-undecided = ❔ { NUMBER($vcpus) } vCPU и { NUMBER($gib) } ГиБ: сейчас не поместится; помогут ли миграции, не установлено

## Что вернёт запас места

restore-moves = { $count ->
    [1] 🔁 Одна миграция вернёт
   *[other] 🔁 Миграции по порядку ({ NUMBER($count) }) вернут
 } запас места на случай отказа { $nodes }{ $proven ->
    [yes] ; меньшим числом не обойтись
   *[no] {""}
 }:
restore-none = 🔁 план до четырёх миграций, который вернёт запас места на случай отказа { $nodes }, не найден
restore-hopeless = 🔁 никакие миграции не вернут запас места на случай отказа { $nodes }: { $reason }
