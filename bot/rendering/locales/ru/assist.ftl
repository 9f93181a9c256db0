### Полуавтоматический режим: список безобидных миграций и слова в строке миграции.

harmless-size = у ВМ не больше { NUMBER($gib, maximumFractionDigits: 1) } ГиБ памяти (AUTO_MAX_GIB)
harmless-per-day = { $count ->
    [one] за 24 часа в кластере не больше { $count } такого запуска (AUTO_MAX_PER_DAY)
    [few] за 24 часа в кластере не больше { $count } таких запусков (AUTO_MAX_PER_DAY)
   *[many] за 24 часа в кластере не больше { $count } таких запусков (AUTO_MAX_PER_DAY)
}
harmless-hours = она начинается в часы { $hours } (AUTO_HOURS)
harmless-any-hour = она может начаться в любое время (AUTO_HOURS)
harmless-thresholds = оба узла остаются ниже порогов
harmless-outcomes = { $count ->
    [one] последняя { $count } миграция в кластере прошла хорошо (AUTO_AFTER_OUTCOMES)
    [few] последние { $count } миграции в кластере прошли хорошо (AUTO_AFTER_OUTCOMES)
   *[many] последние { $count } миграций в кластере прошли хорошо (AUTO_AFTER_OUTCOMES)
}
harmless-tag = у ВМ нет тега «ask»
harmless-odd = ничего необычного не видно, и инцидентом никто не занимается
harmless-proven = план с меньшим числом миграций невозможен (AUTO_PROVEN)
mode-harmless = Миграция безобидна, если:
mode-harmless-line = • { $rule }
mode-of-cluster = { $cluster }: { $mode }
mode-clusters = В CLUSTERS_FILE:
mode-held = ⚠️ В кластере { $cluster } программа спрашивает о каждой миграции: { $reason }
mode-shadow = { $days ->
    [one] 👥 За последний { NUMBER($days) } день полуавтоматический режим начал бы сам { $done } из { $total } миграций.
    [few] 👥 За последние { NUMBER($days) } дня полуавтоматический режим начал бы сам { $done } из { $total } миграций.
   *[many] 👥 За последние { NUMBER($days) } дней полуавтоматический режим начал бы сам { $done } из { $total } миграций.
}
mode-ask-assist = 🤝 Включить <b>полуавтоматический режим</b>? Тогда безобидные миграции начинаются без вопросов, об остальных программа спрашивает. Прежние неудачи больше не учитываются.
button-mode-assist = 🤝 Полуавтомат…
button-mode-yes-assist = 🤝 Да, включить
button-mode-go-on = 🤝 Продолжать…
state-assist = 🤝 сама
state-asks = 🙋 вопрос: { $reason }
move-rules = { $number }. начата без вопроса, потому что: { $rules }
console-rules = Начата без вопроса, потому что: { $rules }
console-asks = Вопрос: { $reason }
