# Что можно сделать с предложением, кроме простого «да» или «нет».
wish-target = 🎯 <b>Другая цель</b>, так решил(а) { $who }
wish-undo = ↩️ <b>Миграция назад</b>, по просьбе { $who }
wish-drain = 🚰 <b>Узел { $node } освобождается</b>, по просьбе { $who }
wish-fill = 🪣 <b>Узел { $node } снова заполняется</b>, по просьбе { $who }
wish-progress = { $bar } { $done } из { $count }
move-cost = { $size }, ≈ { $duration }
migration-under-way = ▶️ { $bar } { $duration } примерно из { $expected }
migration-window = 🕑 ждёт своих часов, с { $time }
migration-waits = 🕑 начнётся в { $time }

button-more = ⋯ Ещё
button-stop = ⏹ Остановить
button-undo = ↩️ Вернуть { $number }
button-call-back = ✋ Отозвать { $number }
button-all-later = 🕑 Все позже…
button-close = ✖ Закрыть
button-rest = ⏭ { $duration }
button-rest-always = ⏭ всегда
button-approve-one = ✅ Одобрить
button-later = 🕑 Позже…
button-targets = 🎯 Куда ещё…
button-why = ❓ Почему
button-snooze = 💤 { $duration }
button-at = 🕑 { $time }
tomorrow = завтра { $time }

options-title = ⋯ <b>{ $cluster }</b>: о какой миграции из { $count } речь? 💤 оставляет на время в покое весь кластер.
options-legend = <i>⏭ на это время не трогать ВМ; 💤 весь кластер, если не перегрузится другой узел.</i>
options-decided = { $count ->
    [one] { $count } миграция решена.
    [few] { $count } миграции решены.
   *[many] { $count } миграций решено.
}
later-title = 🕑 <b>{ $vm }</b> → <b>{ $target }</b>: когда? Прямо перед началом всё проверяется ещё раз.
later-title-all = 🕑 { $count ->
    [one] { $count } миграция
    [few] Все { $count } миграции
   *[many] Все { $count } миграций
}: когда? Прямо перед началом каждая проверяется ещё раз.
targets-title = 🎯 <b>{ $vm }</b>: куда вместо { $target }? Нажатие — это одобрение.
targets-none = 🎯 <b>{ $vm }</b>: сейчас никто, кроме { $target }, её принять не может.
target-line = <b>{ $node }</b>: ЦП { NUMBER($before, minimumFractionDigits: 1, maximumFractionDigits: 1) } → { NUMBER($after, minimumFractionDigits: 1, maximumFractionDigits: 1) }, память { NUMBER($memory_before, maximumFractionDigits: 0) } → { NUMBER($memory_after, maximumFractionDigits: 0) }%, потом { NUMBER($full, maximumFractionDigits: 0) }% предела

notice-reminder = ⏰ <b>{ $cluster }</b>: { $count ->
    [one] { $count } миграция ждёт
    [few] { $count } миграции ждут
   *[many] { $count } миграций ждёт
} уже { $duration }; одобрить можно до { $time }.
notice-escalation = 🚨 <b>{ $cluster }</b>: уже { $duration } никто не отвечает. Перегружено узлов: { $overloaded }; ждёт миграций: { $count }, до { $time }. Решают в самом чате балансировщика.

popup-approved-at = { $count ->
    [one] Одобрено: { $count } миграция начнётся в { $time }. До этого её можно отозвать.
    [few] Одобрено: { $count } миграции начнутся в { $time }. До этого их можно отозвать.
   *[many] Одобрено: { $count } миграций начнётся в { $time }. До этого их можно отозвать.
}
popup-time-over = Это время прошло; выберите другое.
popup-skipped-always = { $vm } не трогаем, пока кто-нибудь не отменит: /vm и её имя.
popup-snoozed = { $cluster } в покое до { $time }, если не перегрузится другой узел.
popup-stopped = Остановлено: отозвано миграций: { $count }, продолжается: { $running }.
popup-called-back = Отозвано: миграция не начнётся.
popup-started-already = Поздно: он уже начался или отозван.
popup-refused = Нельзя: { $reason }.
popup-moving = Одобрено: { $vm } едет на { $target }.
