# Журнал результатов: что дали миграции и что они обещали.

outcome-relief = { $resource ->
    [memory] память узла { $node } снижена на { NUMBER($relieved, maximumFractionDigits: 1) } из обещанных { NUMBER($promised, maximumFractionDigits: 1) } п. п.
    [load] нагрузка узла { $node } снижена на { NUMBER($relieved, maximumFractionDigits: 2) } из обещанных { NUMBER($promised, maximumFractionDigits: 2) }
   *[cpu] CPU узла { $node } снижен на { NUMBER($relieved, maximumFractionDigits: 2) } из обещанных { NUMBER($promised, maximumFractionDigits: 2) }
}
outcome-more-relief = { $resource ->
    [memory] память узла { $node } снижена на { NUMBER($relieved, maximumFractionDigits: 1) } п. п. (обещано { NUMBER($promised, maximumFractionDigits: 1) })
    [load] нагрузка узла { $node } снижена на { NUMBER($relieved, maximumFractionDigits: 2) } (обещано { NUMBER($promised, maximumFractionDigits: 2) })
   *[cpu] CPU узла { $node } снижен на { NUMBER($relieved, maximumFractionDigits: 2) } (обещано { NUMBER($promised, maximumFractionDigits: 2) })
}
outcome-no-relief = { $resource ->
    [memory] память узла { $node } выросла на { NUMBER($rise, maximumFractionDigits: 1) } п. п., обещано было снижение на { NUMBER($promised, maximumFractionDigits: 1) }
    [load] нагрузка узла { $node } выросла на { NUMBER($rise, maximumFractionDigits: 2) }, обещано было снижение на { NUMBER($promised, maximumFractionDigits: 2) }
   *[cpu] CPU узла { $node } вырос на { NUMBER($rise, maximumFractionDigits: 2) }, обещано было снижение на { NUMBER($promised, maximumFractionDigits: 2) }
}
outcome-after = { $after ->
    [ten-minutes] 10 мин
    [hour] 1 ч
   *[day] 1 день
}
outcome-with-cause = { $words }: { $cause }
outcome-line = 📉 { $words }
outcome-in-span = { $span } · 📉 { $words }
outcome-in-history = { $state }, { $words }
outcome-missing-node-gone = результат неизвестен: узла больше нет
outcome-missing-no-figure = результат неизвестен: нет данных об узле
outcome-missing-vm-gone = результат неизвестен: ВМ больше нет
outcome-missing-vm-back = результат неизвестен: ВМ снова на прежнем узле
outcome-missing-not-checked = результат неизвестен: в это время не было проверки
outcome-missing-nothing-promised = результат неизвестен: снижение не обещалось
outcome-cause-vms-grew = оставшиеся на узле ВМ потребляют больше
outcome-cause-others-moved = на узел пришли другие ВМ
outcome-cause-vm-carries-less = перенесённые ВМ создают меньше нагрузки, чем ожидалось
outcome-cause-not-vms = нагрузку создают не ВМ
outcome-cause-unknown = причина неизвестна
outcomes-broken = ⚠️ { $cluster }: миграции дают { $percent }% обещанного (миграций за неделю: { $moves }). { $cause }
outcomes-broken-vms-grew = Растёт нагрузка ВМ, которые остаются на узлах.
outcomes-broken-others-moved = На разгружаемые узлы приходят другие ВМ.
outcomes-broken-vm-carries-less = Перенесённые ВМ создают меньше нагрузки, чем ожидалось.
outcomes-broken-not-vms = Нагрузку узлов создают не ВМ: проверьте сами узлы.
outcomes-broken-unknown = Причина неизвестна. Её помогут найти измерения нагрузки ВМ: SSH_ENABLED и VM_METRICS.
digest-kept = 📉 Сравнено миграций с обещанным: { $count }, медиана { $percent }%.
terminal-outcome = { $after }: { $vm } { $source } → { $target }: { $words }
terminal-no-outcomes = Ни одна миграция ещё не сравнивалась с обещанным.
