# Сообщения терминала и журнала, которых нет в чате. Простой текст.
terminal-title = Кластер { $cluster } (ID { NUMBER($id, useGrouping: 0) }): { $overloaded ->
    [0] перегруженных узлов нет, всего { $nodes }
    [one] перегружен { $overloaded } узел из { $nodes }
    [few] перегружено { $overloaded } узла из { $nodes }
   *[many] перегружено { $overloaded } узлов из { $nodes }
}
terminal-move = { $number }. { $vm } ({ $vcpus } vCPU, { NUMBER($gib, maximumFractionDigits: 1) } ГиБ): { $source } → { $target }
terminal-pending = ждёт решения
terminal-first = одобрено: { $who }, нужен ещё один человек
terminal-approved = одобрено
terminal-skipped = пропущено
terminal-expired = срок истёк, решения не было
terminal-superseded = заменено новым планом
terminal-withdrawn = отозвано: узел исключён
terminal-queued = одобрена, не запущена
terminal-starting = запускается
terminal-running = идёт
terminal-succeeded = готово за { $seconds } с
terminal-restarted = перенесена за { $seconds } с, но перезапущена
terminal-failed = не удалось: { $reason }
terminal-unknown = исход неизвестен: { $reason }
terminal-not-needed = не потребовалась: { $reason }
terminal-called-back = отозвана ({ $who })
terminal-stale = не запущена: { $reason }
terminal-ask = Одобрить? [д]а, [н]ет, [в]се, [q] — выйти без решения:{" "}
terminal-confirm = { $count ->
    [one] Точно перенести { $vms } ({ NUMBER($gib, maximumFractionDigits: 1) } ГиБ)? [д]а, [н]ет:{" "}
    [few] Точно перенести { $vms } (вместе { NUMBER($gib, maximumFractionDigits: 1) } ГиБ)? [д]а, [н]ет:{" "}
   *[many] Точно перенести { $vms } (вместе { NUMBER($gib, maximumFractionDigits: 1) } ГиБ)? [д]а, [н]ет:{" "}
}
terminal-second = Нужно одобрение ещё одного человека: в `vm-balancer console`, под своим пользователем. Жду его или окончания срока.
terminal-dry-run = Пробный прогон: ничего не изменено.
terminal-nobody = Ничего не сделано: BALANCE_MODE=approve, а спросить некого. Запустите в терминале, задайте TELEGRAM_BOT_TOKEN, добавьте --yes или задайте BALANCE_MODE=auto.
terminal-nothing = Делать ничего не нужно.
terminal-paused = Балансировщик на паузе, ничего не сделано. Отправьте /resume в чат или подождите.
terminal-left-alone = Кластер { $cluster }: { $reason }
terminal-waiting-chat = Предложение в чате; жду решения или окончания срока.
terminal-headless = Telegram не используется (TELEGRAM_BOT_TOKEN не задан или TELEGRAM_NOTIFICATIONS=false), одобрить некому. Предложения только пишутся в журнал; чтобы программа действовала, задайте BALANCE_MODE=auto или запустите --once в терминале.
report-vm = ВМ
report-why = почему
report-figure = { NUMBER($value, minimumFractionDigits: 2, maximumFractionDigits: 2) }
report-percent = { NUMBER($value, minimumFractionDigits: 1, maximumFractionDigits: 1) } %
report-size = { $vcpus } vCPU, { NUMBER($gib, maximumFractionDigits: 1) } ГиБ
terminal-no-history = Решений пока не было.

## first-move
first-move-none = Сейчас нельзя перенести ни одну ВМ: почему, покажет `vm-balancer check`.
first-move-proposed = Самая маленькая ВМ, которую можно перенести: { $vm } ({ NUMBER($vcpus) } vCPU, { NUMBER($memory, maximumFractionDigits: 1) } ГиБ) на { $target }.
first-move-question = Перенести её сейчас? [д/Н]
record-migration-question = ВМ { $vm } (ID { $id }) будет перенесена на { $target } под наблюдением. Это тестовая ВМ, переносим? [д/Н]
first-move-declined = Ничего не перенесено.
first-move-refused = Перенос невозможен: { $reason }
first-move-seen = на { $node }, { $state }, uptime { $uptime }, последняя задача: { $task }
first-move-alive = ВМ перенесена без перезапуска. На этом VMmanager можно включать автоматический режим.
first-move-not-alive = ВМ перезапустилась или остановилась: это была не живая миграция. Выясните причину, прежде чем переносить следующую.
