# Карточки узлов и ВМ, почему их не трогают, куда поместится новая ВМ; освобождение и заполнение узла.
menu-vm = Одна ВМ
menu-why = Почему что-то не перемещено
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
button-heed = ✅ Снова можно
button-drain-now = 🚰 Начать ({ $count })
button-fill-now = 🪣 Начать ({ $count })

vms-title = <b>{ $node }</b>: { $count ->
    [0] ни одной ВМ
    [one] { $count } ВМ
    [few] { $count } ВМ, сначала большие
   *[many] { $count } ВМ, сначала большие
}
vm-usage = Какая ВМ? /vm ИМЯ
vm-choose = Имя { $name } носят несколько ВМ. Какая из них?
vm-title = 🧩 <b>{ $vm }</b> (ID { NUMBER($id, useGrouping: 0) })
vm-place = на <b>{ $node }</b>, кластер { $cluster }
vm-size = { $size } · { $state }
vm-disk = Диск { NUMBER($gib, maximumFractionDigits: 0) } ГиБ
vm-ignored-by = ⏭ { $who } в { $time }: никогда не перемещать.
vm-stays = 🔒 { $reason }
vm-may-go = Может переехать на: { $nodes }
vm-no-target = 🔒 Сейчас её не может принять ни один другой узел.
vm-past = <b>Прошлые решения</b>

why-usage = О чём? /why и имя ВМ или узла
why-vm-title = ❓ <b>{ $vm }</b> на { $node }
why-answer = <b>{ $reason }</b>
why-keeps = 🔒 { $reason }
why-instead = Вместо неё перемещаются:
why-open = Могла бы переехать на:
why-move = { $vm }: { $source } → { $target }
why-refused = { $count ->
    [one] { $names }: { $reason }
    [few] { $count } ({ $names }): { $reason }
   *[many] { $count } ({ $names }): { $reason }
}
why-node-title = ❓ ⚠️ Узел <b>{ $node }</b> перегружен
why-node-fine = ❓ ✅ Узел <b>{ $node }</b> не перегружен
why-level = { $resource ->
    [cpu] vCPU на ЦП
    [load] Нагрузка на ЦП
   *[memory] Память, %
}: { NUMBER($value, maximumFractionDigits: 2) }, предел { NUMBER($limit, maximumFractionDigits: 2) }
why-not-source = 📤 ничего не отдаёт: { $reason }
why-not-target = 📥 ничего не принимает: { $reason }
why-leaving = План сейчас уносит:
why-coming = План сейчас приносит:

place-usage = { $text } — не размер. Напишите vCPU и ГиБ памяти: /place 8 16
place-pick = 📦 Куда лучше поместить новую ВМ? Какого она размера?
place-title = 📦 <b>{ $cluster }</b>: { $total ->
    [0] нет места для ВМ
    [one] есть место ещё для { NUMBER($total) } ВМ
    [few] есть место ещё для { NUMBER($total) } ВМ
   *[many] есть место ещё для { NUMBER($total) } ВМ
} размером { $size }
place-room = <i>вместит таких: { NUMBER($vms) }</i>

drain-choose = 🚰 <b>Какой узел</b> освободить? Сначала будет показан план. Худшие первыми.
fill-choose = 🪣 <b>Какой узел</b> снова заполнить? Сначала будет показан план. Худшие первыми.
drain-plan = { $count ->
    [0] 🚰 <b>{ $node }</b>: увезти нечего или нельзя.
    [one] 🚰 <b>{ $node }</b>: уедет { $count } ВМ.
    [few] 🚰 <b>{ $node }</b>: уедут { $count } ВМ.
   *[many] 🚰 <b>{ $node }</b>: уедет { $count } ВМ.
}
fill-plan = { $count ->
    [0] 🪣 <b>{ $node }</b>: ничего не приедет.
    [one] 🪣 <b>{ $node }</b>: приедет { $count } ВМ.
    [few] 🪣 <b>{ $node }</b>: приедут { $count } ВМ.
   *[many] 🪣 <b>{ $node }</b>: приедет { $count } ВМ.
}
wish-towards = → { $node }: { $count }
wish-staying = { $count ->
    [one] 🔒 Остаётся { $count }, и вот почему:
    [few] 🔒 Остаются { $count }, и вот почему:
   *[many] 🔒 Остаётся { $count }, и вот почему:
}
popup-heeded = { $vm } снова можно перемещать.
popup-heeded-already = { $vm } и так можно перемещать.
