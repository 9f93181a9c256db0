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
row-drain-now = 🚰 Освободить и исключить ({ $count })
row-fill-now = 🪣 Заполнить ({ $count })

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
vm-writes = Миграция займёт около { $duration }: ВМ в это время пишет { NUMBER($rate, maximumFractionDigits: 0) } МиБ/с (медиана её миграций: { $count })
vm-load = Нагрузка { NUMBER($cpus, maximumFractionDigits: 1, minimumFractionDigits: 1) } из { NUMBER($vcpus) } vCPU, среднее за { NUMBER($minutes) } мин ({ $source }, { $ago } назад)
vm-load-share = Нагрузка не измерена: оценивается по доле vCPU
why-load = Нагрузка { NUMBER($cpus, maximumFractionDigits: 1, minimumFractionDigits: 1) } из { NUMBER($vcpus) } vCPU, среднее за { NUMBER($minutes) } мин ({ $source }, { $ago } назад); планы её учитывают.
vm-label-load = { $vm } · { NUMBER($cpus, maximumFractionDigits: 1, minimumFractionDigits: 1) } CPU
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
    [cpu] CPU { CPU($value, $limit) } (порог { NUMBER($limit, maximumFractionDigits: 2) })
    [pressure] Нехватка CPU { NUMBER($value, maximumFractionDigits: 1) } % (порог { NUMBER($limit, maximumFractionDigits: 2) } %)
    [load] Нагрузка { LOAD($value, $limit) } на CPU (порог { NUMBER($limit, maximumFractionDigits: 2) })
   *[memory] Память { MEMORY($value, $limit) } % (порог { NUMBER($limit, maximumFractionDigits: 2) } %)
}
why-not-source = 📤 не отдаёт ВМ: { $reason }
why-not-target = 📥 не принимает ВМ: { $reason }
why-leaving = По текущему плану уйдут:
why-coming = По текущему плану придут:

place-usage = { $text } — не размер. Напишите vCPU и ГиБ памяти: /place 8 16
place-hold-usage = Укажите, на сколько зарезервировать место, не больше { NUMBER($days) } дней: /place 8 16 hold 2h. «{ $text }» — не срок.
place-hold-cluster = В каком кластере? Напишите его имя: /place 8 16 hold 2h КЛАСТЕР
reservation-line = 🔒 <b>{ $node }</b>: зарезервировано { $size }, { $until } ({ $who })
reservation-about = Миграции не занимают это место. Резерв снимется сам, в том числе как только на узле появится ВМ такого размера или больше.
button-hold = 🔒 Резерв на 2 ч
button-place = 📦 Место
row-release = 🔓 Снять резерв: { $node }
popup-released = { $node }: место больше не зарезервировано.
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
wish-staying = { $count ->
    [one] 🔒 Остаётся { $count } ВМ, причины:
    [few] 🔒 Остаются { $count } ВМ, причины:
   *[many] 🔒 Остаётся { $count } ВМ, причины:
}
fill-blocked = 🔒 Причина:
popup-heeded = { $vm } снова можно переносить.
popup-heeded-already = { $vm } уже можно переносить.

# Освобождение и заполнение узла: план, затем ход выполнения.
node-effect = { $node }: CPU { CPU($before) } → { CPU($after) }; память { MEMORY($memory_before) } → { MEMORY($memory_after) } % ({ $count } ВМ)
drain-excludes = После этого узел { $node } не принимает ВМ, пока его не вернут или не заполнят.
request-by = по запросу: { $who }
proposal-until-line = ⏳ одобрить можно до { $time }
drain-waiting = 🚰 <b>{ $node }</b>: { $count ->
    [one] { $count } ВМ ждёт
    [few] { $count } ВМ ждут
   *[many] { $count } ВМ ждут
} одобрения · ≈ { $duration }
drain-progress = 🚰 <b>{ $node }</b>: { $done } из { $count } · осталось ≈ { $duration }
drain-empty = ✅ Узел <b>{ $node }</b> пуст: { $count ->
    [one] перенесена { $count } ВМ
    [few] перенесены { $count } ВМ
   *[many] перенесено { $count } ВМ
} за { $duration }
drain-ended = 🚰 <b>{ $node }</b>: перенесено { $done } из { $count } ВМ за { $duration }
drain-nothing = ⏹ Узел <b>{ $node }</b> не освобождён: ни одна ВМ не перенесена
fill-waiting = 🪣 <b>{ $node }</b>: { $count ->
    [one] { $count } ВМ ждёт
    [few] { $count } ВМ ждут
   *[many] { $count } ВМ ждут
} одобрения · ≈ { $duration }
fill-progress = 🪣 <b>{ $node }</b>: { $done } из { $count } · осталось ≈ { $duration }
fill-ended = 🪣 <b>{ $node }</b>: перенесено сюда { $done } из { $count } ВМ за { $duration }
fill-nothing = ⏹ Узел <b>{ $node }</b> не заполнен: ни одна ВМ не перенесена
request-arrived-more = ✅ перенесено ещё { $count }
request-waiting-more = · ждут ещё: { $count }
request-vm-pending = ⏳ { $vm } → { $target }
request-vm-approved = · { $vm } → { $target }
request-vm-skipped = ⏭ { $vm } остаётся: пропущена
request-vm-expired = ⌛ { $vm } остаётся: не одобрена вовремя
request-vm-superseded = 🔁 { $vm }: заменено новым запросом
request-vm-withdrawn = ⛔ { $vm } остаётся: отозвана
request-vm-queued = · { $vm } → { $target }
request-vm-starting = ▶️ { $vm } → { $target }
request-vm-running = ▶️ { $vm } → { $target } · { $duration }
request-vm-succeeded = ✅ { $vm } → { $target } · { $duration }
request-vm-restarted = ⚠️ { $vm } → { $target }: перенесена, но перезапущена
request-vm-failed = ❌ { $vm }, миграция не удалась: { $reason }
request-vm-failed-stays = ❌ { $vm } остаётся на { $source }: { $reason }
request-vm-unknown = ❓ { $vm }: исход неизвестен
request-vm-stale = 🚫 { $vm } остаётся: { $reason }
request-vm-not-needed = ⏭ { $vm }: { $reason }
request-vm-called-back = ✋ { $vm } остаётся: отозвана
