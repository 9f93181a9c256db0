# Charts and pictures in the chat, and links to proposals.
menu-chart = Load over time, as a picture
chart-title = 📈 <b>{ $name }</b>, the last { $duration }
chart-nothing = Nothing is recorded of this time yet: every check adds to it.
chart-figures = CPU { NUMBER($ratio, minimumFractionDigits: 1, maximumFractionDigits: 1) } vCPUs per CPU on average, { NUMBER($ratio_max, minimumFractionDigits: 1, maximumFractionDigits: 1) } at most. Memory { NUMBER($memory, maximumFractionDigits: 0) }% on average, { NUMBER($memory_max, maximumFractionDigits: 0) }% at most.
chart-choose = Which cluster?
button-chart = 📈 Load
button-picture = 🖼 Picture
popup-no-picture = No picture can be drawn now; the log says why.
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
link-gone = That proposal is no longer kept, or is not yours to see. /proposals shows what waits.
