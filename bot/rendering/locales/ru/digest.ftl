# Сводка за день или неделю.
menu-digest = Сводка за день или неделю
digest-days = { $days ->
    [one] { $days } день
    [few] { $days } дня
   *[many] { $days } дней
}
digest-title = 📰 <b>За { $days ->
    [one] последний день
    [few] последние { $days } дня
   *[many] последние { $days } дней
}</b>
digest-quiet = ✅ Перегрузок не было, миграций не было, ничего не ждёт решения.
digest-overload = { $nodes ->
    [0] ✅ Перегруженных узлов не было.
    [one] ⚠️ { $nodes } узел был перегружен, { NUMBER($hours, maximumFractionDigits: 1) } ч.
    [few] ⚠️ { $nodes } узла были перегружены, всего { NUMBER($hours, maximumFractionDigits: 1) } ч.
   *[many] ⚠️ { $nodes } узлов были перегружены, всего { NUMBER($hours, maximumFractionDigits: 1) } ч.
}
digest-migrations = { $failed ->
    [0] 🚚 Миграций: { $count }, ошибок нет.
   *[other] 🚚 Миграций выполнено: { $count }, с ошибкой: { $failed }.
}
digest-restarted = ⚠️ ВМ, перезапущенных при переносе: { $count }.
digest-unanswered = ⌛ Предложений без ответа: { $count }.
digest-busiest = <b>Дольше всего перегружены</b>
digest-node = { $bar } <b>{ $node }</b>: { NUMBER($hours, maximumFractionDigits: 1) } ч, CPU до { CPU($ratio) }, память до { MEMORY($memory) } %
