# Графики и картинки в чате, ссылки на предложения.
menu-chart = График нагрузки
chart-title = 📈 <b>{ $name }</b> за { $duration }
chart-nothing = За этот период данных ещё нет.
chart-figures =
    CPU: среднее { CPU($ratio) }, максимум { CPU($ratio_max) } vCPU на CPU
    Память: среднее { MEMORY($memory) } %, максимум { MEMORY($memory_max) } %
chart-vm-figures = Нагрузка: среднее { NUMBER($mean, maximumFractionDigits: 1, minimumFractionDigits: 1) }, максимум { NUMBER($peak, maximumFractionDigits: 1, minimumFractionDigits: 1) } из { NUMBER($vcpus) } vCPU
chart-vm-moves = { $count ->
    [0] Миграций не было.
    [one] { $count } миграция.
    [few] { $count } миграции.
   *[many] { $count } миграций.
}
chart-vm-nothing = За этот период нагрузка этой ВМ не измерялась. Отдельные ВМ измеряются по SSH (SSH_ENABLED, VM_METRICS).
chart-choose = Какой кластер?
button-chart = 📈 Нагрузка
popup-no-picture = Не удалось нарисовать картинку; причина в журнале.
chart-overload = { $count ->
    [0] Миграций не было.
    [one] { $count } миграция.
    [few] { $count } миграции.
   *[many] { $count } миграций.
} Перегрузка: { NUMBER($hours, maximumFractionDigits: 1) } ч.
picture-caption = 🖼 <b>{ $cluster }</b>: что изменит { $count ->
    [one] { $count } миграция
    [few] { $count } миграции
   *[many] { $count } миграций
}
open-proposal = ➡️ { $cluster }: { $count ->
    [one] ждёт { $count } миграция
    [few] ждут { $count } миграции
   *[many] ждут { $count } миграций
}
link-gone = Этого предложения больше нет, или оно вам недоступно. Что ждёт решения: /proposals
