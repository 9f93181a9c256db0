# When a cluster is full. Plain text, except the title.
menu-capacity = When the cluster is full
capacity-title = 📅 <b>{ $cluster }</b>: when it is full
capacity-choose = 📅 When is each cluster full?
capacity-line = <b>{ $cluster }</b>: { $when }
capacity-nothing = Nothing is known yet. The program keeps a sample every six hours.
capacity-cpu = vCPU: { NUMBER($allocated, maximumFractionDigits: 0) } allocated, the threshold ({ NUMBER($threshold, maximumFractionDigits: 2) } per CPU) is at { NUMBER($limit, maximumFractionDigits: 0) }.
capacity-memory = Memory: { NUMBER($allocated, maximumFractionDigits: 0) } GiB allocated, the threshold ({ NUMBER($threshold, maximumFractionDigits: 1) }%) is at { NUMBER($limit, maximumFractionDigits: 0) } GiB.
capacity-range = Reaches the threshold between { $first } and { $last } (80% likely). Growth: { $change } a day.
capacity-day = Reaches the threshold on about { $date }. Growth: { $change } a day.
capacity-open = Reaches the threshold on { $first } at the earliest (90% likely), perhaps after { $horizon }. Growth: { $change } a day.
capacity-later = Grows by { $change } a day, but will probably not reach the threshold before { $date }.
capacity-reached = ⚠️ The threshold is reached.
capacity-none = No trend, so there is no date.
capacity-falling = It falls, so there is no date.
capacity-short = The past is too short for a date: { $days } days are needed.
capacity-vcpus = { $sign }{ NUMBER($amount, maximumFractionDigits: 1) } vCPU
capacity-gib = { $sign }{ NUMBER($amount, maximumFractionDigits: 1) } GiB
capacity-order = { $date }: { $change } at once. The trend leaves this out.
capacity-nodes = { $date }: other nodes in service, { $nodes } nodes, { $cpus } CPUs.
capacity-growth = VMs since { $date }, by size:
capacity-size = { $size } vCPU: { NUMBER($before) } → { NUMBER($now) } VMs
capacity-standard = { $fit ->
    [0] No room for another VM
    [one] Room for 1 more VM
   *[other] Room for { NUMBER($fit) } more VMs
} of { $vcpus } vCPU and { NUMBER($gib, maximumFractionDigits: 2) } GiB, the commonest size.
capacity-out-of-service = { $count ->
    [one] 1 node is in maintenance or not healthy and does not count.
   *[other] { $count } nodes are in maintenance or not healthy and do not count.
}
capacity-switch-off = Could be switched off tonight, and the cluster still survives the loss of any other node: { $nodes } ({ $count ->
    [0] no move
    [one] 1 move
   *[other] { NUMBER($count) } moves
}).
capacity-switch-off-none = No node could be switched off without losing the room for another loss.
capacity-since = Samples since { $date }.
capacity-year = { $date } { $year }
digest-full-cpu = 📅 { $cluster }, vCPU: { $when }
digest-full-memory = 📅 { $cluster }, memory: { $when }
console-capacity = { $cluster }: when it is full
picture-capacity-vcpu = vCPU allocated
picture-capacity-memory = Memory allocated, GiB
picture-capacity-legend = allocated
picture-likely = 80% likely
