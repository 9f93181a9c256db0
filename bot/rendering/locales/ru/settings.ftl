# Меню настроек.
settings-menu = ⚙️ <b>Настройки</b>, которые можно менять на ходу. ✎ отмечает изменённое здесь.
settings-changed = ✎ { $label }: <b>{ $value }</b>, в файле настроек { $configured } ({ $who })
row-setting = { $label }: { $value }
setting-title = ⚙️ <b>{ $label }</b>: { $value }
    <code>{ $name }</code>
setting-by = ✎ Изменено: { $who }, { $time }; в файле настроек { $configured }.
setting-of-cluster = У { $cluster } своё значение из CLUSTERS_FILE: { $value }
setting-other = <i>Другое значение: /settings { $name } и значение.</i>
setting-number = { NUMBER($value, maximumFractionDigits: 2) }
setting-percent = { NUMBER($value, maximumFractionDigits: 2) } %
mode-short = { $mode ->
    [auto] автоматический
    [assist] полуавтоматический
   *[approve] ручной
}
button-all = 📋 Все
button-reset = ↺ Как в файле
popup-set = { $name } теперь { $value }.
popup-reset = { $name } снова как в файле настроек.
setting-balance_mode = Режим
setting-balance_strategy = Стратегия
setting-cpu_overload_threshold = Порог CPU
setting-memory_overload_threshold = Порог памяти
setting-cpu_target_threshold = Порог приёма, CPU
setting-memory_target_threshold = Порог приёма, память
setting-balance_interval = Интервал проверок
setting-max_migrations_per_cycle = Миграций за проверку
setting-max_parallel_migrations = Миграций одновременно
setting-about-balance_mode = Спрашивать перед каждой миграцией, начинать безобидные самой или выполнять все и сообщать.
setting-about-balance_strategy = Как выбираются миграции: сначала самые маленькие ВМ, самый дешёвый план, лучшее из двух (adaptive) или ровная нагрузка.
setting-about-cpu_overload_threshold = Порог: сколько vCPU на CPU узел выдерживает без перегрузки.
setting-about-memory_overload_threshold = Порог: сколько процентов памяти можно выделить без перегрузки.
setting-about-cpu_target_threshold = Порог приёма: ниже этой оценки нагрузки CPU узел принимает ВМ (smallest-first и adaptive).
setting-about-memory_target_threshold = Порог приёма: ниже этого процента выделенной памяти узел принимает ВМ (smallest-first и adaptive).
setting-about-balance_interval = Как часто проверять кластеры.
setting-about-max_migrations_per_cycle = Сколько миграций одна проверка предлагает на кластер.
setting-about-max_parallel_migrations = Сколько миграций может идти одновременно.

## /reload
reload-done = ✅ Со следующего плана действуют настройки: { $names }
reload-none = Нет изменений, которые можно применить без перезапуска.
reload-restart = ⚠️ Изменены и настройки, для которых нужен перезапуск: { $names }
reload-refused = ❌ Ничего не изменено. В файлах есть ошибки:
reload-problem = • { $problem }
