# The plan of a rolling campaign. Plain text, except the title.
menu-roll = Empty node after node: plan and campaign
roll-title = 🔁 <b>{ $cluster }</b>: the plan for emptying node after node
roll-note = Nothing moves until somebody starts it.
roll-nothing = There is no node to empty.
roll-moves = { $count ->
    [one] 1 move
   *[other] { NUMBER($count) } moves
}; no order takes fewer than { NUMBER($bound) }.
roll-duration = The migrations take { $duration } one after another, without your work on the nodes.
roll-survives = While a node is away, the VMs of any other node have room on the rest.
roll-survives-not = ⚠️ It is not certain that the VMs of another node have room on the rest while these are away: { $nodes }.
roll-step = { $number }. { $nodes }: { $count ->
    [0] no VM has to move
    [one] 1 move
   *[other] { NUMBER($count) } moves
}, { $duration }
roll-again = ({ $count ->
    [one] 1 VM moves
   *[other] { NUMBER($count) } VMs move
} again later)
roll-stay = { $count ->
    [one] 1 VM stays
   *[other] { NUMBER($count) } VMs stay
}: { $reason }
roll-several = Several clusters are there: name one of them, as in /roll { $name }
terminal-roll = Cluster { $cluster }: the plan for emptying node after node
