### Assist mode: the list of what is harmless, and what a move's line says.

harmless-size = the VM has at most { NUMBER($gib, maximumFractionDigits: 1) } GiB of memory (AUTO_MAX_GIB)
harmless-per-day = { $count ->
    [one] at most 1 such start within 24 hours in a cluster (AUTO_MAX_PER_DAY)
   *[other] at most { $count } such starts within 24 hours in a cluster (AUTO_MAX_PER_DAY)
}
harmless-hours = it starts in the hours { $hours } (AUTO_HOURS)
harmless-any-hour = it may start at any hour (AUTO_HOURS)
harmless-thresholds = both nodes stay below their thresholds
harmless-outcomes = { $count ->
    [one] the cluster's last migration went well (AUTO_AFTER_OUTCOMES)
   *[other] the cluster's last { $count } migrations went well (AUTO_AFTER_OUTCOMES)
}
harmless-tag = the VM has no tag “ask”
harmless-odd = nothing odd was seen, and nobody looks into the incident
harmless-proven = no plan has fewer moves (AUTO_PROVEN)
mode-harmless = Harmless is a move if:
mode-harmless-line = • { $rule }
mode-of-cluster = { $cluster }: { $mode }
mode-clusters = In CLUSTERS_FILE:
mode-held = ⚠️ People are asked about every move in { $cluster }: { $reason }
mode-shadow = { $days ->
    [one] 👥 In the last day assist mode would have started { $done } of { $total } moves by itself.
   *[other] 👥 In the last { $days } days assist mode would have started { $done } of { $total } moves by itself.
}
mode-ask-assist = 🤝 Switch to <b>assist mode</b>? Harmless moves then start without asking; people are asked about the rest. Bad outcomes so far do not count any more.
button-mode-assist = 🤝 Assist…
button-mode-yes-assist = 🤝 Yes, assist
button-mode-go-on = 🤝 Go on…
state-assist = 🤝 by itself
state-asks = 🙋 asks: { $reason }
move-rules = { $number }. by itself, because: { $rules }
console-rules = By itself, because: { $rules }
console-asks = Asks: { $reason }
