# Надписи на картинках: их мало, места нет.
picture-nodes = { $nodes ->
    [one] { $nodes } узел
    [few] { $nodes } узла
   *[many] { $nodes } узлов
}, { $overloaded ->
    [0] перегруженных нет
    [one] { $overloaded } перегружен
    [few] { $overloaded } перегружены
   *[many] { $overloaded } перегружено
}
picture-clusters = { $count ->
    [one] { $count } кластер
    [few] { $count } кластера
   *[many] { $count } кластеров
}
picture-over-of = { $overloaded } из { $nodes } перегружено
picture-more-clusters = { $count ->
    [one] и ещё { $count } кластер
    [few] и ещё { $count } кластера
   *[many] и ещё { $count } кластеров
}
picture-threshold = порог
picture-calm = ниже 85 % порога
picture-near = 85–100 %
picture-over = перегрузка
picture-unknown = неизвестно
picture-proposed = предложено
picture-running = идёт
picture-others = { $nodes ->
    [one] Ещё { $nodes } узел
    [few] Ещё { $nodes } узла
   *[many] Ещё { $nodes } узлов
}, сначала самые загруженные
picture-more = { $nodes ->
    [one] +{ $nodes } узел не показан
    [few] +{ $nodes } узла не показаны
   *[many] +{ $nodes } узлов не показаны
}
picture-ratio = { CPU($value) }
picture-load = { NUMBER($value, minimumFractionDigits: 2, maximumFractionDigits: 2) }
picture-percent = { MEMORY($value) } %
picture-cpu-is = CPU { $figure }
picture-load-is = нагр. { $figure }
picture-memory-is = память { $figure }
picture-limit = порог: { $figures }
picture-more-arrows = { $count ->
    [one] и ещё { $count } миграция
    [few] и ещё { $count } миграции
   *[many] и ещё { $count } миграций
}
picture-cpu = CPU
picture-measured = нагр.
picture-memory = память
picture-moves = { $moves ->
    [one] { $moves } миграция
    [few] { $moves } миграции
   *[many] { $moves } миграций
}, { $nodes ->
    [one] { $nodes } узел
    [few] { $nodes } узла
   *[many] { $nodes } узлов
}
picture-vms-more = +{ $vms } ВМ
picture-vms-fewer = −{ $vms } ВМ
picture-before = до
picture-after = после
picture-cpu-long = vCPU на CPU
picture-vm-long = Занято CPU
picture-size = vCPU: { $figures }
picture-vcpus = её vCPU
picture-load-long = Нагрузка на CPU
picture-memory-long = Память
picture-mean-max = средн. { $mean }, макс. { $max }
picture-mean = среднее
picture-up-to-max = до максимума
picture-migration = миграция
picture-left = ВМ ушла
picture-came = ВМ пришла
picture-no-figures = за этот период данных нет
picture-number = { NUMBER($value, maximumFractionDigits: 2) }
picture-exact-percent = { NUMBER($value, maximumFractionDigits: 2) } %
picture-last-hours = { $hours ->
    [one] Последний { $hours } час
    [few] Последние { $hours } часа
   *[many] Последние { $hours } часов
}
picture-last-days = { $days ->
    [one] Последний { $days } день
    [few] Последние { $days } дня
   *[many] Последние { $days } дней
}
picture-weekday = { $weekday ->
    [1] пн
    [2] вт
    [3] ср
    [4] чт
    [5] пт
    [6] сб
   *[7] вс
} { $day }
picture-date = { $day } { $month ->
    [1] янв
    [2] фев
    [3] мар
    [4] апр
    [5] мая
    [6] июн
    [7] июл
    [8] авг
    [9] сен
    [10] окт
    [11] ноя
   *[12] дек
}
picture-by-day = Часы перегрузки по дням
picture-hours-short = { NUMBER($hours, maximumFractionDigits: 1) }
picture-busiest = Самые загруженные узлы
picture-busy = { NUMBER($hours, maximumFractionDigits: 1) } ч, CPU { CPU($ratio) }, память { MEMORY($memory) } %
