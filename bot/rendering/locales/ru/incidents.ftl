# Инцидент: перегрузка кластера от первой проверки, которая её увидела, до конца.

## Что новый план меняет для тех, кто решает
reason-plan-other-vm = { $vm } вместо { $instead }
reason-plan-vm-changed = { $vm } переименована или изменила размер
reason-plan-vm-moved = { $vm } теперь на узле { $source }
reason-plan-other-target = { $vm } переносится на { $target } вместо { $instead }
reason-plan-other-count = миграций: { $count } вместо { $before }
reason-plan-other-order = те же миграции в другом порядке
reason-nothing-possible = перегрузка остаётся, но переносить сейчас нечего
reason-node-joined = перегружен и узел { $node }
reason-cluster-not-checked = панель больше не показывает этот кластер, или он исключён в CLUSTER_IDS
