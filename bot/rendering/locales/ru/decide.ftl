# Причины из решений и запросов людей.
reason-called-back = отозвана до начала ({ $who })
reason-second-needed = одобрено одним человеком до включения TWO_PERSON_RULE; предложено ещё раз
reason-decided-already = решение уже принято
reason-node-draining = узел освобождается; сначала остановите освобождение
reason-nothing-to-move = переносить нечего
reason-snoozed = кластер отложен ({ $who })
reason-snoozed-until = отложено до { $until } ({ $who })
reason-stopped-by = остановлено ({ $who })
reason-undo-moved-since = после этого ВМ переносили ещё раз
reason-reservation-length = место резервируется на срок от 1 минуты до { NUMBER($days) } дней
reason-reservation-most = резервов в кластере уже { NUMBER($most) }, больше нельзя: снимите один из них
reason-undo-too-late = время для возврата истекло
reason-room-there-already = место уже есть, переносить ничего не нужно
reason-room-no-plan = миграции, которые освободят место, не найдены
reason-undone-already = ВМ уже возвращали
reason-wish-vm-busy = миграция одной из ВМ уже началась
reason-wished-otherwise = выбран другой вариант ({ $who })

# Цель миграции.
purpose-target = другой узел
purpose-undo = возврат
purpose-drain = освобождение узла
purpose-fill = заполнение узла
purpose-room = освобождение места

not-found-vm = ВМ { $name } нет.
not-found-node-or-vm = Нет ни узла, ни ВМ { $name }.
not-found-move = Миграции { $name } больше нет.
not-found-migration = Миграции { $name } больше нет.
not-found-setting = Настройки { $name }, которую можно менять здесь, нет.
