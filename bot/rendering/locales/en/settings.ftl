# The menu of settings.
settings-menu = ⚙️ <b>Settings</b> that can be changed while the program runs. ✎ marks values changed here.
settings-changed = ✎ { $label }: <b>{ $value }</b>, the settings file says { $configured } ({ $who })
row-setting = { $label }: { $value }
setting-title = ⚙️ <b>{ $label }</b>: { $value }
    <code>{ $name }</code>
setting-by = ✎ Changed by { $who } at { $time }; the settings file says { $configured }.
setting-of-cluster = { $cluster } has its own from CLUSTERS_FILE: { $value }
setting-other = <i>Another value: /settings { $name } and the value.</i>
setting-number = { NUMBER($value, maximumFractionDigits: 2) }
setting-percent = { NUMBER($value, maximumFractionDigits: 2) } %
mode-short = { $mode ->
    [auto] automatic
    [assist] assist
   *[approve] ask first
}
button-all = 📋 All
button-reset = ↺ Use the file
popup-set = { $name } is { $value } from now on.
popup-reset = { $name } has the value of the settings file again.
setting-balance_mode = Mode
setting-balance_strategy = Strategy
setting-cpu_overload_threshold = CPU limit
setting-memory_overload_threshold = Memory limit
setting-cpu_target_threshold = Target CPU limit
setting-memory_target_threshold = Target memory limit
setting-balance_interval = Check interval
setting-max_migrations_per_cycle = Moves per check
setting-max_parallel_migrations = Parallel migrations
setting-about-balance_mode = Ask before each move, start the harmless ones by itself, or start all of them and report.
setting-about-balance_strategy = How moves are chosen: smaller VMs first, the cheapest plan, the better of these two (adaptive), or an even load.
setting-about-cpu_overload_threshold = vCPU per CPU above which a node is overloaded.
setting-about-memory_overload_threshold = Allocated memory in percent above which a node is overloaded.
setting-about-cpu_target_threshold = The CPU load score below which a node takes VMs (smallest-first and adaptive).
setting-about-memory_target_threshold = Allocated memory in percent below which a node takes VMs (smallest-first and adaptive).
setting-about-balance_interval = How often the clusters are checked.
setting-about-max_migrations_per_cycle = How many moves one check proposes for a cluster.
setting-about-max_parallel_migrations = How many migrations may run at the same time.

## /reload
reload-done = ✅ These settings hold from the next plan on: { $names }
reload-none = Nothing has changed that can be taken without a restart.
reload-restart = ⚠️ These settings have changed too, and need a restart: { $names }
reload-refused = ❌ Nothing was changed. There are mistakes in the files:
reload-problem = • { $problem }
