# Charts and pictures in the chat, and links to proposals.
menu-chart = Load over time, as a picture
chart-title = 📈 <b>{ $name }</b>, the last { $duration }
chart-nothing = No data for this period yet.
chart-figures =
    CPU: average { CPU($ratio) }, peak { CPU($ratio_max) } vCPU per CPU
    Memory: average { MEMORY($memory) } %, peak { MEMORY($memory_max) } %
chart-vm-figures = Load: average { NUMBER($mean, maximumFractionDigits: 1, minimumFractionDigits: 1) }, peak { NUMBER($peak, maximumFractionDigits: 1, minimumFractionDigits: 1) } of { NUMBER($vcpus) } vCPU
chart-vm-moves = { $count ->
    [0] No migration.
    [one] 1 migration.
   *[other] { $count } migrations.
}
chart-vm-nothing = The load of this VM was not measured in this period. Single VMs are measured over SSH (SSH_ENABLED, VM_METRICS).
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
