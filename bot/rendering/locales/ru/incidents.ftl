# Инцидент: перегрузка кластера от первой проверки, которая её увидела, до конца.

## Что новый план меняет для тех, кто решает
reason-plan-other-vm = { $vm } вместо { $instead }
reason-plan-vm-changed = { $vm } переименована или изменила размер
reason-plan-vm-moved = { $vm } теперь на узле { $source }
reason-plan-other-target = { $vm } переносится на { $target } вместо { $instead }
reason-plan-other-count = миграций: { $count } вместо { $before }
reason-plan-other-order = те же миграции в другом порядке
reason-nothing-possible = перегрузка остаётся, но сейчас ничего нельзя перенести
reason-node-joined = перегружен и узел { $node }
reason-cluster-not-checked = панель больше не показывает этот кластер, или его нет в CLUSTER_IDS

## Сообщение об инциденте
incident-changed = 🔁 план изменён { $time }: { $reason }
incident-looking = 👀 { $who } смотрит, в чём дело; до { $time } без напоминаний
incident-stuck = ⚠️ <b>{ $cluster }</b>: { $node }{ $more ->
    [0] {" "}перегружен
    [one] {" "}и ещё { $more } узел перегружены
    [few] {" "}и ещё { $more } узла перегружены
   *[many] {" "}и ещё { $more } узлов перегружены
}, { $figure }; сейчас ничего нельзя перенести
incident-figure = { $resource ->
    [memory] память { MEMORY($value, $limit) } % (порог { NUMBER($limit, maximumFractionDigits: 2) } %)
    [pressure] нехватка CPU { NUMBER($value, maximumFractionDigits: 1) } % (порог { NUMBER($limit, maximumFractionDigits: 2) } %)
    [load] нагрузка { LOAD($value, $limit) } на CPU (порог { NUMBER($limit, maximumFractionDigits: 2) })
   *[cpu] CPU { CPU($value, $limit) } (порог { NUMBER($limit, maximumFractionDigits: 2) })
}
incident-figure-change = { $resource ->
    [memory] память { MEMORY($before) } → { MEMORY($after) } %
    [pressure] нехватка CPU { NUMBER($before, maximumFractionDigits: 1) } → { NUMBER($after, maximumFractionDigits: 1) } %
    [load] нагрузка { LOAD($before) } → { LOAD($after) }
   *[cpu] CPU { CPU($before) } → { CPU($after) }
}
incident-figure-before = { $resource ->
    [memory] память { MEMORY($before) } %
    [pressure] нехватка CPU { NUMBER($before, maximumFractionDigits: 1) } %
    [load] нагрузка { LOAD($before) }
   *[cpu] CPU { CPU($before) }
}
incident-relieved = ✅ <b>{ $cluster }</b>: { $node }{ $more ->
    [0] {" "}разгружен
    [one] {" "}и ещё { $more } узел разгружены
    [few] {" "}и ещё { $more } узла разгружены
   *[many] {" "}и ещё { $more } узлов разгружены
}, { $change }, { $moved ->
    [one] { $moved } миграция
    [few] { $moved } миграции
   *[many] { $moved } миграций
}, { $took }
incident-evened = ✅ <b>{ $cluster }</b>: нагрузка выровнена, { $moved ->
    [one] { $moved } миграция
    [few] { $moved } миграции
   *[many] { $moved } миграций
}, { $took }
incident-with-failed = { $headline }, ❌ не удалось: { $failed }
incident-with-restarted = { $headline }, ⚠️ с перезапуском: { $restarted }
incident-failed = ❌ <b>{ $cluster }</b>: не удалось миграций: { $failed }; перегрузка прошла сама через { $lasted }
incident-over = ✅ <b>{ $cluster }</b>: перегрузка прошла сама через { $lasted }, { $node } { $change }
incident-even-over = ✅ <b>{ $cluster }</b>: перегрузка прошла сама через { $lasted }
incident-span = 🕓 { $begin } – { $end } · { $moves }
incident-move = { $vm } → { $target }
incident-moved = { $moves } ({ $who })
incident-skipped = { $moves }: пропущено ({ $who })
incident-unanswered = { $moves }: решения не было
incident-earlier = { $vm } → { $target } · { $state }
incident-earlier-more = … и до этого ещё { $count }
button-look = 👀 Посмотрю
button-undo-vm = ↩️ Вернуть { $vm }
button-call-back-vm = ✋ Отозвать { $vm }
popup-look = Вы смотрите, в чём дело. До { $time } напоминаний не будет.
popup-look-other = { $who } уже смотрит, до { $time }.
popup-look-over = Перегрузка уже прошла.
notice-worse = ⚠️ <b>{ $cluster }</b>: { $reason }. { $count ->
    [one] { $count } миграция ждёт
    [few] { $count } миграции ждут
   *[many] { $count } миграций ждут
} решения до { $time }.
