# Charts and pictures in the chat, and links to proposals.
menu-chart = Load over time, as a picture
chart-title = 📈 <b>{ $name }</b>, the last { $duration }
chart-nothing = No data for this period yet.
chart-figures = CPU: average { NUMBER($ratio, minimumFractionDigits: 1, maximumFractionDigits: 1) }, peak { NUMBER($ratio_max, minimumFractionDigits: 1, maximumFractionDigits: 1) } vCPU per CPU. Memory: average { NUMBER($memory, maximumFractionDigits: 0) }%, peak { NUMBER($memory_max, maximumFractionDigits: 0) }%.
chart-choose = Which cluster?
button-chart = 📈 Load
popup-no-picture = The picture cannot be drawn now; the log says why.
chart-overload = { $count ->
    [0] No migration.
    [one] 1 migration.
   *[other] { $count } migrations.
} Overloaded for { NUMBER($hours, maximumFractionDigits: 1) } h.
picture-caption = 🖼 <b>{ $cluster }</b>: what { $count ->
    [one] 1 move changes
   *[other] { $count } moves change
}
open-proposal = ➡️ { $cluster }: { $count ->
    [one] 1 move waits
   *[other] { $count } moves wait
}
link-gone = This proposal no longer exists, or you may not see it. /proposals shows what waits.
