# Что можно сделать с предложением, кроме простого «да» или «нет».
wish-target = 🎯 <b>Выбран другой узел</b> ({ $who })
wish-room = 📐 <b>Освобождение места</b> (по запросу: { $who })
wish-undo = ↩️ <b>Возврат ВМ</b> (по запросу: { $who })
move-cost = { $size }, ≈ { $duration }
migration-copying = ▶️ { $bar } { $percent }%, осталось { NUMBER($gib, maximumFractionDigits: 1) } ГиБ, ВМ пишет { NUMBER($dirty, maximumFractionDigits: 0) } МиБ/с
migration-copying-left = ▶️ { $bar } { $percent }%, осталось { NUMBER($gib, maximumFractionDigits: 1) } ГиБ, ВМ пишет { NUMBER($dirty, maximumFractionDigits: 0) } МиБ/с, ещё { $duration }
migration-under-way = ▶️ { $bar } { $duration } из ≈ { $expected }
migration-window = 🕑 ждёт окна миграций (с { $time })
migration-waits = 🕑 начнётся в { $time }

button-more = ⋯ Ещё
button-stop = ⏹ Остановить
button-undo = ↩️ Вернуть { $number }
button-call-back = ✋ Отозвать { $number }
button-all-later = 🕑 Все позже…
button-close = ✖ Закрыть
button-rest = ⏭ Пропуск { $duration }
button-rest-always = ⏭ Не предлагать
button-approve-one = Одобрить
button-later = 🕑 Позже…
button-targets = 🎯 Другой узел…
button-why = ❓ Почему
button-snooze = 💤 Отложить { $duration }
button-at = 🕑 { $time }
tomorrow = завтра { $time }

options-title = ⋯ <b>{ $cluster }</b>: { $count ->
    [1] что сделать с миграцией?
   *[other] какая из миграций ({ $count })?
} «Отложить» на время оставляет в покое весь кластер.
options-legend = <i>«Пропуск» — не трогать эту ВМ указанное время. «Отложить» — не трогать весь кластер, если не перегрузится другой узел.</i>
later-title = 🕑 <b>{ $vm }</b> → <b>{ $target }</b>: когда? Перед самым началом миграция проверяется ещё раз.
later-title-all = 🕑 { $count ->
    [one] { $count } миграция
    [few] Все { $count } миграции
   *[many] Все { $count } миграций
}: когда? Перед самым началом каждая миграция проверяется ещё раз.
targets-title = 🎯 <b>{ $vm }</b>: на какой узел вместо { $target }? Нажатие сразу одобряет перенос.
targets-none = 🎯 <b>{ $vm }</b>: сейчас её может принять только { $target }.
target-line = <b>{ $node }</b>: CPU { CPU($before) } → { CPU($after) }, память { MEMORY($memory_before) } → { MEMORY($memory_after) } % ({ NUMBER($full, maximumFractionDigits: 0) } % порога)

notice-reminder = ⏰ <b>{ $cluster }</b>: { $count ->
    [one] { $count } миграция ждёт
    [few] { $count } миграции ждут
   *[many] { $count } миграций ждут
} уже { $duration }; одобрить можно до { $time }.
notice-escalation = 🚨 <b>{ $cluster }</b>: уже { $duration } никто не отвечает. Перегружено узлов: { $overloaded }; ждут решения: { $count }, до { $time }. Решение принимают в чате балансировщика.

popup-approved-at = { $count ->
    [one] Одобрено: { $count } миграция начнётся в { $time }. До этого её можно отозвать.
    [few] Одобрено: { $count } миграции начнутся в { $time }. До этого их можно отозвать.
   *[many] Одобрено: { $count } миграций начнётся в { $time }. До этого их можно отозвать.
}
popup-time-over = Это время прошло; выберите другое.
popup-skipped-always = { $vm } больше не предлагается. Отменить: /vm и её имя.
popup-snoozed = { $cluster } отложен до { $time }, если не перегрузится другой узел.
popup-stopped = Остановлено: отозвано миграций: { $count }, продолжается: { $running }.
popup-called-back = Отозвано: миграция не начнётся.
popup-started-already = Поздно: миграция уже началась или отозвана.
popup-refused = Нельзя: { $reason }.
popup-moving = Одобрено: { $vm } переносится на { $target }.
