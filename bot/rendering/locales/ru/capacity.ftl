# Когда кластер заполнится. Простой текст, кроме заголовка.
menu-capacity = Когда кластер заполнится
capacity-title = 📅 <b>{ $cluster }</b>: когда заполнится
capacity-choose = 📅 Когда заполнится каждый кластер?
capacity-line = <b>{ $cluster }</b>: { $when }
capacity-nothing = Пока данных нет. Программа сохраняет замер каждые шесть часов.
capacity-cpu = vCPU: выделено { NUMBER($allocated, maximumFractionDigits: 0) }, порог ({ NUMBER($threshold, maximumFractionDigits: 2) } на CPU) — { NUMBER($limit, maximumFractionDigits: 0) }.
capacity-memory = Память: выделено { NUMBER($allocated, maximumFractionDigits: 0) } ГиБ, порог ({ NUMBER($threshold, maximumFractionDigits: 1) } %) — { NUMBER($limit, maximumFractionDigits: 0) } ГиБ.
capacity-range = Порог будет достигнут между { $first } и { $last } (вероятность 80%). Рост: { $change } в день.
capacity-day = Порог будет достигнут примерно { $date }. Рост: { $change } в день.
capacity-open = Порог будет достигнут не раньше { $first } (вероятность 90%), возможно, после { $horizon }. Рост: { $change } в день.
capacity-later = Рост { $change } в день, но до { $date } порог, скорее всего, не будет достигнут.
capacity-reached = ⚠️ Порог достигнут.
capacity-none = Тренда нет, поэтому и даты нет.
capacity-falling = Значение снижается, поэтому даты нет.
capacity-short = Данных для даты мало: нужно { $days } дней.
capacity-vcpus = { $sign }{ NUMBER($amount, maximumFractionDigits: 1) } vCPU
capacity-gib = { $sign }{ NUMBER($amount, maximumFractionDigits: 1) } ГиБ
capacity-order = { $date }: сразу { $change }. В тренде это не учтено.
capacity-nodes = { $date }: изменились узлы в работе, узлов { $nodes }, CPU { $cpus }.
capacity-growth = ВМ с { $date } по размеру:
capacity-size = { $size } vCPU: { NUMBER($before) } → { NUMBER($now) } ВМ
capacity-standard = { $fit ->
    [0] Нет места для ВМ самого частого размера
   *[other] Место ещё для { NUMBER($fit) } ВМ самого частого размера
}: { $vcpus } vCPU и { NUMBER($gib, maximumFractionDigits: 2) } ГиБ.
capacity-out-of-service = Узлов на обслуживании или неисправных: { $count }. Они не учитываются.
capacity-switch-off = Этой ночью можно выключить, и кластер переживёт потерю любого другого узла: { $nodes } (миграций: { NUMBER($count) }).
capacity-switch-off-none = Ни один узел нельзя выключить: не останется места на случай потери ещё одного.
capacity-since = Замеры с { $date }.
capacity-year = { $date } { $year }
digest-full-cpu = 📅 { $cluster }, vCPU. { $when }
digest-full-memory = 📅 { $cluster }, память. { $when }
console-capacity = { $cluster }: когда заполнится
picture-capacity-vcpu = Выделено vCPU
picture-capacity-memory = Выделено памяти, ГиБ
picture-capacity-legend = выделено
picture-likely = вероятность 80%
