# Причины, которые даёт работающая программа, сверх причин планировщика.
reason-newer-plan = заменено новым планом
reason-no-longer-needed = больше не нужно: перемещать здесь сейчас нечего
reason-excluded-by = узел { $node } исключён (автор: { $who })
reason-in-motion = не трогаем, здесь идёт миграция
reason-changed-meanwhile = не трогаем: во время проверки здесь приняли решение; следующая проверка составит новый план
reason-outage = 🔌 Панель не отвечает: { $problem }. Пока она не вернётся, планов не будет.
reason-outage-over = { $minutes ->
    [one] 🔌 Панель снова отвечает, перерыв — { $minutes } минута.
    [few] 🔌 Панель снова отвечает, перерыв — { $minutes } минуты.
   *[many] 🔌 Панель снова отвечает, перерыв — { $minutes } минут.
}
reason-approval-lapsed = одобрение устарело; следующая проверка предложит заново
reason-mode-changed = автоматический режим выключили раньше, чем миграция началась
reason-cluster-gone = этого кластера больше нет
reason-cannot-check = повторить проверку не удалось
reason-vm-has-task = панель занята этой ВМ ({ $task })
reason-panel-says-unsuitable = сама панель считает, что узел { $node } не подходит
reason-not-sent = панель недоступна, ничего не отправлено
reason-refused = панель отказала
reason-never-started = программа прервалась, а панель миграцию так и не начала; ВМ осталась на месте
reason-task-failed = задача миграции завершилась с ошибкой
reason-not-arrived = задача завершена, но ВМ всё ещё на прежнем узле
reason-vanished = задача исчезла, а ВМ всё ещё на прежнем узле
reason-no-answer = панель не отвечает
reason-timeout = миграция не закончилась за { $minutes ->
    [one] { $minutes } минуту
    [few] { $minutes } минуты
   *[many] { $minutes } минут
}
