# The summary of a day or a week.
menu-digest = Summary of the day or week
digest-days = { $days ->
    [one] 1 day
   *[other] { $days } days
}
digest-title = 📰 <b>The last { $days ->
    [one] day
   *[other] { $days } days
}</b>
digest-quiet = ✅ Nothing was overloaded, nothing was moved, nothing waits.
digest-overload = { $nodes ->
    [0] ✅ No node was overloaded.
    [one] ⚠️ 1 node was overloaded, for { NUMBER($hours, maximumFractionDigits: 1) } h.
   *[other] ⚠️ { $nodes } nodes were overloaded, for { NUMBER($hours, maximumFractionDigits: 1) } h in total.
}
digest-migrations = { $failed ->
    [0] 🚚 Migrations: { $count }, none failed.
   *[other] 🚚 Migrations: { $count } done, { $failed } failed.
}
digest-restarted = ⚠️ VMs restarted by their migration: { $count }.
digest-unanswered = { $count ->
    [one] ⌛ Nobody answered 1 proposal in time.
   *[other] ⌛ Nobody answered { $count } proposals in time.
}
digest-busiest = <b>Overloaded longest</b>
digest-node = { $bar } <b>{ $node }</b>: { NUMBER($hours, maximumFractionDigits: 1) } h, CPU up to { CPU($ratio) }, memory up to { MEMORY($memory) } %
