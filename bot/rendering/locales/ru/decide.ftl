# Причины, связанные с решениями и пожеланиями людей.
reason-called-back = отозвано до начала (решение: { $who })
reason-decided-already = решение тем временем уже принято
reason-node-draining = узел сейчас освобождают; сначала остановите это
reason-nothing-to-move = перемещать нечего
reason-snoozed = не трогаем: кластер отложен (решение: { $who })
reason-snoozed-until = отложено до { $until } (решение: { $who })
reason-stopped-by = остановлено (решение: { $who })
reason-undo-moved-since = с тех пор ВМ перемещали
reason-undo-too-late = время для возврата истекло
reason-undone-already = ВМ уже возвращали
reason-wish-vm-busy = одна из ВМ тем временем начала переезжать
reason-wished-otherwise = вместо этого выбрано другое (решение: { $who })

# Для чего перемещение.
purpose-target = другой узел
purpose-undo = возврат
purpose-drain = освобождение узла
purpose-fill = наполнение узла

not-found-vm = ВМ { $name } нет.
not-found-node-or-vm = Нет ни узла, ни ВМ { $name }.
not-found-move = Перемещения { $name } больше нет.
not-found-migration = Миграции { $name } больше нет.
not-found-setting = Настройки { $name }, которую можно менять здесь, нет.
