# Меню настроек.
settings-menu = ⚙️ <b>Настройки</b>, которые можно менять на ходу. ✎ отмечает изменённое здесь.
row-setting = { $label }: { $value }
setting-title = ⚙️ <b>{ $label }</b>: { $value }
    <code>{ $name }</code>
setting-by = ✎ Изменил(а) { $who } в { $time }; в файле настроек { $configured }.
setting-of-cluster = У { $cluster } своё, по CLUSTERS_FILE: { $value }
setting-other = <i>Другое значение: /settings { $name } и значение.</i>
mode-short = { $mode ->
    [auto] автоматически
   *[approve] спрашивать
}
button-all = 📋 Все
button-reset = ↺ Как в файле
popup-set = { $name } теперь { $value }.
popup-reset = { $name } снова как в файле настроек.
setting-balance_mode = Режим
setting-balance_strategy = Стратегия
setting-cpu_overload_threshold = Предел ЦП
setting-memory_overload_threshold = Предел памяти
setting-cpu_target_threshold = ЦП целей
setting-memory_target_threshold = Память целей
setting-balance_interval = Проверка каждые
setting-max_migrations_per_cycle = Миграций за раз
setting-max_parallel_migrations = Одновременно
setting-about-balance_mode = Спрашивать перед каждой миграцией или выполнять сразу и сообщать.
setting-about-balance_strategy = Как выбираются миграции: сначала самые маленькие ВМ, самый дешёвый план целиком или ровная нагрузка.
setting-about-cpu_overload_threshold = vCPU на один ЦП, выше чего узел перегружен.
setting-about-memory_overload_threshold = Выделенная память в процентах, выше чего узел перегружен.
setting-about-cpu_target_threshold = Оценка нагрузки ЦП, ниже которой smallest-first выбирает цели.
setting-about-memory_target_threshold = Выделенная память в процентах, ниже которой smallest-first выбирает цели.
setting-about-balance_interval = Как часто смотреть на кластеры.
setting-about-max_migrations_per_cycle = Сколько миграций одна проверка предлагает на кластер.
setting-about-max_parallel_migrations = Сколько миграций может идти одновременно.
