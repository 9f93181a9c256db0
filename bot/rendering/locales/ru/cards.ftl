# Карточки узлов и ВМ, причины отказов, место для новой ВМ; освобождение и заполнение узла.
menu-vm = Одна ВМ
menu-why = Почему ВМ не переносится
menu-place = Куда поместится новая ВМ
menu-drain = Освободить узел
menu-fill = Снова заполнить узел

button-refresh = 🔄 Обновить
button-all-clusters = ‹ Все кластеры
button-nodes = 🖥 Узлы
button-vm = 🧩 ВМ
button-vms = 🧩 ВМ ({ $count })
button-drain = 🚰 Освободить
button-fill = 🪣 Заполнить
button-heed = ✅ Разрешить
button-drain-now = 🚰 Начать ({ $count })
button-fill-now = 🪣 Начать ({ $count })

vms-title = <b>{ $node }</b>: { $count ->
    [0] ни одной ВМ
    [one] { $count } ВМ
    [few] { $count } ВМ, сначала большие
   *[many] { $count } ВМ, сначала большие
}
vm-usage = Какая ВМ? Напишите /vm и имя или выберите её узел.
vm-choose = С именем { $name } есть несколько ВМ. Какая из них?
vm-title = 🧩 <b>{ $vm }</b> (ID { NUMBER($id, useGrouping: 0) })
vm-place = на <b>{ $node }</b>, кластер { $cluster }
vm-size = { $size } · { $state }
vm-disk = Диск { NUMBER($gib, maximumFractionDigits: 0) } ГиБ
vm-ignored-by = ⏭ Не переносить никогда: { $who }, { $time }.
vm-stays = 🔒 { $reason }
vm-may-go = Можно перенести на: { $nodes }
vm-no-target = 🔒 Сейчас её не может принять ни один другой узел.
vm-past = <b>История решений</b>

why-usage = Укажите ВМ или узел, например /why web-1, или выберите узел.
why-vm-title = ❓ <b>{ $vm }</b> на { $node }
why-answer = <b>{ $reason }</b>
why-keeps = 🔒 { $reason }
why-instead = Вместо неё переносятся:
why-open = Можно было бы перенести на:
why-move = { $vm }: { $source } → { $target }
why-refused = { $count ->
    [one] { $names }: { $reason }
    [few] { $count } ({ $names }): { $reason }
   *[many] { $count } ({ $names }): { $reason }
}
why-node-title = ❓ ⚠️ Узел <b>{ $node }</b> перегружен
why-node-fine = ❓ ✅ Узел <b>{ $node }</b> не перегружен
why-level = { $resource ->
    [cpu] vCPU на CPU
    [load] Нагрузка на CPU
   *[memory] Память, %
}: { NUMBER($value, maximumFractionDigits: 2) }, порог { NUMBER($limit, maximumFractionDigits: 2) }
why-not-source = 📤 не отдаёт ВМ: { $reason }
why-not-target = 📥 не принимает ВМ: { $reason }
why-leaving = По текущему плану уйдут:
why-coming = По текущему плану придут:

place-usage = { $text } — не размер. Напишите vCPU и ГиБ памяти: /place 8 16
place-pick = 📦 Куда лучше поместить новую ВМ? Какого она размера?
place-title = 📦 <b>{ $cluster }</b>: { $total ->
    [0] нет места для ВМ
    [one] есть место ещё для { NUMBER($total) } ВМ
    [few] есть место ещё для { NUMBER($total) } ВМ
   *[many] есть место ещё для { NUMBER($total) } ВМ
} размером { $size }
place-room = <i>поместится ещё { NUMBER($vms) }</i>

drain-choose = 🚰 <b>Какой узел</b> освободить? Сначала будет показан план. Первыми — самые загруженные.
fill-choose = 🪣 <b>Какой узел</b> снова заполнить? Сначала будет показан план. Первыми — самые загруженные.
drain-plan = { $count ->
    [0] 🚰 <b>{ $node }</b>: переносить нечего или нельзя.
    [one] 🚰 <b>{ $node }</b>: уйдёт { $count } ВМ.
    [few] 🚰 <b>{ $node }</b>: уйдут { $count } ВМ.
   *[many] 🚰 <b>{ $node }</b>: уйдёт { $count } ВМ.
}
fill-plan = { $count ->
    [0] 🪣 <b>{ $node }</b>: ни одна ВМ не придёт.
    [one] 🪣 <b>{ $node }</b>: придёт { $count } ВМ.
    [few] 🪣 <b>{ $node }</b>: придут { $count } ВМ.
   *[many] 🪣 <b>{ $node }</b>: придёт { $count } ВМ.
}
wish-towards = → { $node }: { $count }
wish-staying = { $count ->
    [one] 🔒 Остаётся { $count }, причины:
    [few] 🔒 Остаются { $count }, причины:
   *[many] 🔒 Остаётся { $count }, причины:
}
fill-blocked = 🔒 Почему не больше:
popup-heeded = { $vm } снова можно переносить.
popup-heeded-already = { $vm } уже можно переносить.
