# What is written on pictures: very little, there is no room.
picture-nodes = { $nodes ->
    [one] 1 node
   *[other] { $nodes } nodes
}, { $overloaded ->
    [0] none overloaded
   *[other] { $overloaded } overloaded
}
picture-clusters = { $count ->
    [one] 1 cluster
   *[other] { $count } clusters
}
picture-over-of = { $overloaded } of { $nodes } overloaded
picture-more-clusters = { $count ->
    [one] and 1 more cluster
   *[other] and { $count } more clusters
}
picture-threshold = limit
picture-calm = below 85 % of the limit
picture-near = 85–100 %
picture-over = overloaded
picture-unknown = unknown
picture-proposed = proposed
picture-running = running
picture-others = { $nodes ->
    [one] 1 more node
   *[other] { $nodes } more nodes
}, most loaded first
picture-more = { $nodes ->
    [one] +1 more, not drawn
   *[other] +{ $nodes } more, not drawn
}
picture-ratio = { CPU($value) }
picture-load = { NUMBER($value, minimumFractionDigits: 2, maximumFractionDigits: 2) }
picture-percent = { MEMORY($value) } %
picture-cpu-is = CPU { $figure }
picture-load-is = load { $figure }
picture-memory-is = memory { $figure }
picture-limit = limit: { $figures }
picture-more-arrows = { $count ->
    [one] +1 more move
   *[other] +{ $count } more moves
}
picture-cpu = CPU
picture-measured = load
picture-memory = memory
picture-moves = { $moves ->
    [one] 1 move
   *[other] { $moves } moves
}, { $nodes ->
    [one] 1 node
   *[other] { $nodes } nodes
}
picture-vms-more = { $vms ->
    [one] +1 VM
   *[other] +{ $vms } VMs
}
picture-vms-fewer = { $vms ->
    [one] −1 VM
   *[other] −{ $vms } VMs
}
picture-before = before
picture-after = after
picture-cpu-long = vCPU per CPU
picture-vm-long = CPUs in use
picture-size = vCPUs: { $figures }
picture-vcpus = its vCPUs
picture-load-long = Measured load per CPU
picture-memory-long = Memory
picture-mean-max = mean { $mean }, max { $max }
picture-mean = mean
picture-up-to-max = up to the maximum
picture-migration = migration
picture-left = a VM left
picture-came = a VM came
picture-no-figures = no data for this period
picture-number = { NUMBER($value, maximumFractionDigits: 2) }
picture-exact-percent = { NUMBER($value, maximumFractionDigits: 2) } %
picture-last-hours = { $hours ->
    [one] The last hour
   *[other] The last { $hours } hours
}
picture-last-days = { $days ->
    [one] The last day
   *[other] The last { $days } days
}
picture-weekday = { $weekday ->
    [1] Mon
    [2] Tue
    [3] Wed
    [4] Thu
    [5] Fri
    [6] Sat
   *[7] Sun
} { $day }
picture-date = { $day } { $month ->
    [1] Jan
    [2] Feb
    [3] Mar
    [4] Apr
    [5] May
    [6] Jun
    [7] Jul
    [8] Aug
    [9] Sep
    [10] Oct
    [11] Nov
   *[12] Dec
}
picture-by-day = Hours of overload by day
picture-hours-short = { NUMBER($hours, maximumFractionDigits: 1) }
picture-busiest = Busiest nodes
picture-busy = { NUMBER($hours, maximumFractionDigits: 1) } h, CPU { CPU($ratio) }, memory { MEMORY($memory) } %
