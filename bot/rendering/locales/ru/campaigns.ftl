# Поочерёдное освобождение узлов. Простой текст, кроме отмеченных строк сообщений.
campaign-title = { $kind ->
    [maintenance] 🔧 { $cluster }: обслуживание узла { $node }.
   *[roll] 🔁 { $cluster }: узлы освобождаются по очереди.
} { $state ->
    [planned] Начало: { $time }, узлов: { NUMBER($count) }.
    [paused] ⏸ Приостановлено, готово { NUMBER($done) } из { NUMBER($count) }.
    [done] Закончено: готово { NUMBER($done) } из { NUMBER($count) }.
    [stopped] Остановлено, готово { NUMBER($done) } из { NUMBER($count) }.
   *[running] Готово { NUMBER($done) } из { NUMBER($count) }.
}
# Строка сообщения.
campaign-bold = <b>{ $text }</b>
campaign-by = Кампания { NUMBER($number) }, запустил { $who }
campaign-approved = Все узлы одобрил { $who }
campaign-until = Конец: { $time }. После этого новые узлы не освобождаются.
campaign-back-at = Конец: { $time }. Тогда узел снова принимает ВМ.
campaign-node = { $state ->
    [asked] ждёт одобрения
    [emptying] освобождается, перенесено ВМ: { NUMBER($done) } из { NUMBER($total) }
    [empty] пуст: обновите и перезагрузите его
    [working] пуст, выполняется ROLL_COMMAND
    [away] недоступен (обслуживание или нет связи)
    [back] вернулся
    [filling] заполняется, перенесено ВМ: { NUMBER($done) } из { NUMBER($total) }
    [done] готов
    [skipped] пропущен
    [failed] ошибка
   *[waiting] ждёт очереди
}
picture-campaign = { $state ->
    [asked] ждёт одобрения
    [emptying] освобождается
    [empty] пуст
    [working] ROLL_COMMAND
    [away] недоступен
    [back] вернулся
    [filling] заполняется
    [done] готов
    [skipped] пропущен
    [failed] ошибка
   *[waiting] ждёт очереди
}
campaign-more = ещё узлов: { NUMBER($count) }
campaign-kernel = ядро { $kernel }, было { $before }
campaign-hint = { $state ->
    [asked] Нажмите «Освободить», когда { $node } можно освободить.
    [empty] { $node } не принимает ВМ. Обновите и перезагрузите его. Кампания продолжится, когда закончится его обслуживание, когда он вернётся с другим ядром или когда вы нажмёте «Готово».
    [away] Кампания продолжится, когда { $node } снова будет в строю.
    [back] { $node } снова принимает ВМ. «Заполнить» вернёт на него ВМ сейчас; без этого балансировщик сделает это позже, если понадобится.
   *[failed] Устраните названную причину и нажмите «Продолжить» или пропустите { $node }.
}
campaign-command-left = Кнопка «Остановить» не завершает ROLL_COMMAND: команда, возможно, ещё выполняется на узле { $node }. Не переносите туда ВМ, пока она не завершится.
campaign-output = Конец вывода ROLL_COMMAND:

row-roll-ask = ▶️ Начать, спрашивать об узлах
row-roll-all = ✅ Одобрить все узлы
row-maintenance-start = ▶️ Освободить: { $time }
row-roll-empty = ✅ Освободить { $node }
row-roll-fill = ✅ Заполнить { $node }
row-roll-finish = Закончить без заполнения
row-roll-ready = Готово: { $node }
row-roll-skip = ⏭ Пропустить { $node }
button-roll-pause = ⏸ Пауза
button-roll-resume = ▶️ Продолжить
popup-roll-all = Все миграции { $count ->
    [one] с { NUMBER($count) } узла
    [few] с { NUMBER($count) } узлов
    [many] с { NUMBER($count) } узлов
   *[other] с { NUMBER($count) } узлов
} начнутся без новых вопросов, больших ВМ тоже. Нажмите ещё раз в течение { NUMBER($seconds) } с.
popup-roll-stop = { $count ->
    [1] Узел снова будет
   *[other] Все узлы снова будут
} принимать ВМ, а то, что не началось, отменится. Нажмите ещё раз в течение { NUMBER($seconds) } с.
popup-roll-open = В этом кластере уже есть незаконченная кампания.
popup-roll-started = Начато: ход виден в новом сообщении.
popup-roll-second = Начато. Одобрить все узлы должен ещё один человек.
popup-roll-nothing = Переносить нечего: { $node }.
popup-roll-done = { $press ->
    [pause] Приостановлено.
    [resume] Продолжаем.
    [skip] Пропущен.
    [ready] Узел снова принимает ВМ.
    [finish] Закончено.
    [stop] Остановлено. Закрытых узлов нет.
   *[approve-all] Одобрено.
}
terminal-roll-none = Такой кампании нет.
terminal-roll-several = Идёт несколько кампаний: назовите кластер.
terminal-roll-old = Сейчас это ничего не меняет.
terminal-roll-ask-each = Начать кампанию в кластере { $cluster }? Каждый узел ждёт одобрения. [да/нет]
terminal-roll-ask-all = Начать кампанию в кластере { $cluster }? Этим одобряются все узлы, большие ВМ тоже. [да/нет]

# Строки сообщения.
roll-from = Начало: { $start }. До этого ничего не происходит.
roll-hours = Начало: { $start }. Конец: { $end }, потом новые узлы не освобождаются.
maintenance-hours = Начало: { $start }. Конец: { $end }, тогда узел снова принимает ВМ.
maintenance-title = 🔧 <b>{ $node }</b>: план обслуживания
roll-command-note = Когда узел пуст, для него выполняется ROLL_COMMAND.
no-such-time = { $problem ->
    [past] «{ $text }» уже прошло.
    [far] До «{ $text }» больше 60 дней.
   *[none] «{ $text }» — не дата или не время суток.
} Укажите день и часы, например <code>сб 02:00</code>, <code>2026-12-05 02:00-06:00</code> или <code>завтра 02:00</code>.

# Причины.
reason-cluster-campaign = узлы этого кластера освобождаются по очереди; балансировщик не трогает его ещё 30 минут после этого
reason-campaign-asks = ❓ { $cluster }: { $node } можно освободить. Кнопка — в сообщении кампании.
reason-campaign-empty = 🔧 { $cluster }: { $node } пуст. Обновите и перезагрузите его.
reason-campaign-paused = ⏸ { $cluster }: кампания приостановлена на узле { $node }. Причина — в сообщении кампании.
reason-campaign-stands-still = ⏰ { $cluster }: кампания стоит на узле { $node } уже { $hours ->
    [0] { $minutes } мин
   *[other] { NUMBER($hours) } ч
}. Кнопки — в сообщении кампании. До её окончания балансировщик не трогает кластер.
reason-campaign-stays-away = ⚠️ { $cluster }: { $node } недоступен уже { $minutes } мин.
reason-campaign-hours-over = ⏸ { $cluster }: часы кампании закончились, новые узлы не освобождаются. Дальше — кнопкой «Продолжить».
reason-campaign-done = ✅ { $cluster }: кампания закончена, готово узлов: { NUMBER($done) } из { NUMBER($count) }.
reason-campaign-node-away = узел { $node } на обслуживании, недоступен или не в этом кластере
reason-campaign-vms-stay = на узле { $node } ещё есть ВМ: { NUMBER($count) }
reason-campaign-stay = не могут уйти ВМ: { NUMBER($count) } ({ $vm })
reason-campaign-vms-came = после освобождения на узле { $node } появились ВМ: { NUMBER($count) }
reason-campaign-command-unknown = неизвестно, чем закончилась ROLL_COMMAND для { $node }: она выполнялась слишком долго или программа перезапускалась; повторно она не запускается
reason-campaign-command-failed = ROLL_COMMAND для { $node } закончилась с кодом { NUMBER($exit_code) }; повторно она не запускается
reason-campaign-move-failed = перенос { $vm } на { $target } не удался, или его исход неизвестен
reason-campaign-other-request = { $node } освобождается или заполняется по другому запросу; сначала остановите его
reason-campaign-paused-by = приостановил { $who }
