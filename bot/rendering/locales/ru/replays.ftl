# Что выводит `vm-balancer replay`. Обычный текст.
replay-title = Пересчёт записанных проверок с { $since } по { $until } ({ $days ->
    [one] { $days } день
    [few] { $days } дня
   *[many] { $days } дней
})
replay-changed = С настройками { $settings }
replay-nothing = Пересчитывать нечего: за это время записано меньше двух проверок.
replay-happened = как было
replay-overloaded = перегрузка
replay-moves = миграции
replay-gib = ГиБ
replay-questions = вопросы
replay-percent = { NUMBER($percent, minimumFractionDigits: 2, maximumFractionDigits: 2) } %
replay-number = { NUMBER($number) }
replay-cell = { NUMBER($percent, minimumFractionDigits: 2, maximumFractionDigits: 2) } % / { NUMBER($moves) }
replay-assumed = Перегрузка — доля времени всех узлов по порогам, которые тогда действовали. Допущения: каждый план одобряют сразу, каждая миграция длится расчётное время.
replay-placed = { $placed ->
    [one] За это время создана { $placed } ВМ.
    [few] За это время создано { $placed } ВМ.
   *[many] За это время создано { $placed } ВМ.
} Допущение: VMmanager выбирает узел по нагрузке, поэтому до { $elsewhere } из них стоят не на том узле, что в записи.

# Что выводит `vm-balancer policy diff`. Обычный текст.
policy-same = Ничего не изменится: политики всех кластеров остаются прежними.
policy-value = Кластер { $cluster }: { $name } { $old } → { $new }
policy-rule-gone = Кластер { $cluster }: правило «{ $rule }» ({ $kind }) удаляется
policy-rule-new = Кластер { $cluster }: правило «{ $rule }» ({ $kind }) добавляется
policy-now = План последней записанной проверки ({ $at }):
policy-same-plan = Кластер { $cluster }: план тот же.
policy-before = Сейчас:
policy-after = С изменением:
policy-label-before = без изменения
policy-label-after = с изменением

## /whatif
whatif-title = <b>Как было бы</b> · { $days ->
    [one] последний { $days } день
    [few] последние { $days } дня
   *[many] последние { $days } дней
}, { $checks ->
    [one] { NUMBER($checks) } проверка
    [few] { NUMBER($checks) } проверки
   *[many] { NUMBER($checks) } проверок
}
whatif-line = <b>{ $label }</b>: перегрузка { NUMBER($percent, minimumFractionDigits: 2, maximumFractionDigits: 2) } % · { $moves ->
    [one] { NUMBER($moves) } миграция
    [few] { NUMBER($moves) } миграции
   *[many] { NUMBER($moves) } миграций
} · { NUMBER($gib) } ГиБ · { $questions ->
    [one] { NUMBER($questions) } вопрос
    [few] { NUMBER($questions) } вопроса
   *[many] { NUMBER($questions) } вопросов
}
whatif-nothing = За { $days ->
    [one] последний { $days } день
    [few] последние { $days } дня
   *[many] последние { $days } дней
} не записано ни одной проверки. Программа записывает каждую проверку, если HISTORY_SNAPSHOTS_DAYS больше 0.
whatif-usage = «{ $text }» — не число дней (от 1 до { $most }) и не стратегия ({ $known }). Например: /whatif 30 optimal
