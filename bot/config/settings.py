"""Every setting, with its type, its default and its meaning. Frozen plain data; opens nothing.

sources.py gathers the values, loading.py reads them, validation.py finds contradictions. The docstring of a field
is its documentation: `--help-settings` prints it, and `make settings` writes it into config.env.example and
docs/configuration.md.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import timedelta, tzinfo
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, PrivateAttr, SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from balancer.policy import Policy
from bot.config.field_types import (
    Address,
    AnyCase,
    AnyCaseUpper,
    BotToken,
    ChatId,
    CommandWords,
    DigestTime,
    FilePath,
    HostMapping,
    IdList,
    Line,
    MainChatId,
    NameList,
    Percent,
    Positive,
    ProxyAddress,
    ReminderTimes,
    Seconds,
    Shapes,
    ThreadId,
    WebhookAddress,
    WebhookSecret,
    Windows,
    ZoneName,
    above,
    number,
    whole,
)
from bot.domain.room_tables import DEFAULT_SHAPES
from bot.domain.sanitize import MASK
from bot.domain.times import zone_named

POLICY_FIELDS: Mapping[str, str] = {
    "cpu_overload_threshold": "cpu_overload_ratio",
    "memory_overload_threshold": "memory_overload_percent",
    "cpu_target_threshold": "cpu_target_score",
    "memory_target_threshold": "memory_target_percent",
    "ssh_load_overload_threshold": "ssh_load_overload",
    "pressure_overload": "pressure_overload",
    "target_headroom": "target_headroom_percent",
    "balance_strategy": "strategy",
    "optimize_for": "optimize_for",
    "target_thresholds": "target_thresholds",
    "balance_margin": "balance_margin",
    "balance_deadband": "balance_deadband",
    "migration_overhead": "migration_overhead_s",
    "migration_bandwidth": "migration_bandwidth_mbit",
    "max_migrations_per_cycle": "max_moves",
    "kernel_rule": "kernel_rule",
    "placement_filters": "placement_filters",
    "survive_up_to": "survive_up_to",
    "keep_survivable": "keep_survivable",
}
"""Settings that are copied to the planner's policy. CLUSTERS_FILE may have other values for a cluster."""

ASSIST_FIELDS = ("auto_max_gib", "auto_max_per_day", "auto_hours", "auto_proven", "auto_after_outcomes")
"""What assist mode starts by itself; CLUSTERS_FILE may give a cluster its own."""

SECTIONS: Mapping[str, str] = {
    "VMmanager": "vmmanager_host",
    "Balancing": "balance_mode",
    "Assist mode": "auto_max_gib",
    "Strategy": "balance_strategy",
    "Thresholds": "cpu_overload_threshold",
    "Nodes and VMs to leave alone": "exclude_source_nodes",
    "Migrations": "migration_timeout",
    "Telegram": "telegram_bot_token",
    "SSH load monitoring": "ssh_enabled",
    "Monitoring": "metrics_port",
    "Files": "database_path",
}
"""Title of a section in the documentation -> its first field; the section ends before the next first field."""


class Settings(BaseSettings):
    """One field per setting; the environment variable is the field's name in capital letters."""

    model_config = SettingsConfigDict(
        extra="forbid", use_attribute_docstrings=True, frozen=True, hide_input_in_errors=True, validate_default=False
    )

    _places: dict[str, str] = PrivateAttr(default_factory=dict)
    _notes: tuple[str, ...] = PrivateAttr(default=())

    # VMmanager
    vmmanager_host: Address | None = None
    """Address of VMmanager, such as https://vmmanager.example.com"""
    vmmanager_username: Line | None = None
    """E-mail address of the account. Migrations need an administrator; a dry run only needs read access."""
    vmmanager_password: SecretStr | None = None
    """Password of the account."""
    vmmanager_password_file: FilePath | None = None
    """File that holds this password on its only line. Use it instead of VMMANAGER_PASSWORD."""
    vmmanager_token: SecretStr | None = None
    """Token of the account, instead of user name and password: for two-factor, SSO or LDAP (docs/first-contact.md)."""
    vmmanager_token_file: FilePath | None = None
    """File that holds this token on its only line. Read again when VMmanager no longer accepts the token."""
    panel_timeout: Annotated[float, number(1, 3600)] = 60.0
    """Seconds that one answer of VMmanager may take. The list of VMs of a large panel is slow."""
    verify_ssl: bool = True
    """Check VMmanager's TLS certificate."""
    vmmanager_ca_file: FilePath | None = None
    """PEM file with the CA of VMmanager's certificate, or with that certificate itself."""

    # Balancing
    balance_mode: Annotated[Literal["approve", "assist", "auto"], AnyCase] = "approve"
    """approve: people decide about each move. assist: harmless moves start, people decide the rest. auto: all start."""
    balance_interval: Annotated[int, whole(10)] = 600
    """Seconds between two checks."""
    cluster_ids: IdList = ()
    """Ids of the clusters to balance, separated by commas. Empty: all clusters."""
    max_migrations_per_cycle: Annotated[int, whole(1, 10_000)] = 1
    """How many moves are proposed at most, for each cluster and check. The plan behind them is always complete."""
    clusters_file: FilePath | None = None
    """JSON or TOML file with other values for single clusters and with rules about VMs (docs/clusters-file.md)."""
    dry_run: bool = False
    """Only plan and report: nothing is stored, nothing can be approved, nothing moves."""

    # Assist mode
    auto_max_gib: Annotated[float, above(0, 1_000_000)] = 32.0
    """Mode assist: a VM with more GiB of memory than this is moved only when a person agrees."""
    auto_max_per_day: Annotated[int, whole(1, 10_000)] = 20
    """Mode assist: how many moves it starts by itself at most within 24 hours, for each cluster."""
    auto_hours: Windows = ""
    """Mode assist: hours in which it starts moves by itself, in the form of MIGRATION_WINDOW. Empty: always."""
    auto_proven: bool = True
    """Mode assist: start only moves that relieve their node alone, or whose plan is proven to have the fewest moves."""
    auto_after_outcomes: Annotated[int, whole(1, 1000)] = 20
    """Mode assist: so many of the cluster's last migrations must have gone well. Fewer known ones: people are asked."""

    # Strategy
    balance_strategy: Annotated[Literal["adaptive", "smallest-first", "optimal", "balance"], AnyCase] = "adaptive"
    """adaptive: smaller VMs first, or optimal if clearly better. optimal: cheapest plan. balance: also even load."""
    optimize_for: Annotated[Literal["auto", "time", "moves", "memory"], AnyCase] = "auto"
    """What optimal keeps small: the moves' time, number or memory. auto: number up to 5 moves per check, else time."""
    migration_overhead: Annotated[float, number(0, 86_400)] = 20.0
    """Seconds that a migration takes in addition to copying. Measured instead once a cluster has enough history."""
    migration_bandwidth: Annotated[float, above(0, 1_000_000)] = 1000.0
    """Mbit per second at which a migration copies memory. Measured instead once a cluster has enough history."""
    balance_margin: Annotated[float, number(0, 100)] = 0.05
    """Strategy balance: least gain of a move that only evens out, as a part of one node's share of the imbalance."""
    balance_deadband: Annotated[float, number(0, 100)] = 0.1
    """Strategy balance: nothing is evened out while all nodes are this close to the mean (part of the threshold)."""
    overload_hold_cycles: Annotated[int, whole(1, 1000)] = 1
    """How many checks in a row must see a node overloaded (or, for balance, the load uneven) before a VM leaves it."""

    # Thresholds
    cpu_overload_threshold: Positive = 7.0
    """vCPUs per physical CPU core above which a node is overloaded."""
    memory_overload_threshold: Percent = 70.0
    """Percent of a node's memory that is allocated to VMs above which the node is overloaded."""
    cpu_target_threshold: Positive = 6.0
    """A node takes VMs only while its CPU load score is below this."""
    memory_target_threshold: Percent = 80.0
    """A node takes VMs only while its memory percent is below this, and never ends above the overload threshold."""
    target_thresholds: Annotated[Literal["auto", "hard", "preferred"], AnyCase] = "auto"
    """Are the target thresholds hard? auto: in adaptive if changed from the default. smallest-first: always hard."""
    target_headroom: Annotated[float, number(0, 90)] = 0.0
    """Percent of the overload thresholds that a move leaves free on its target."""
    survive_up_to: Annotated[Literal["physical", "overload"], AnyCase] = "overload"
    """How full other nodes may get if a node is lost. overload: to the thresholds. physical: to all of their memory."""
    keep_survivable: bool = False
    """No plan takes away the room for a node that could be lost before it. false: the proposal warns of it."""

    room_shapes: Shapes = DEFAULT_SHAPES
    """Sizes of new VMs for /room: vCPUs:GiB by commas, at most 8. 0: none; checks compute nothing then."""

    # Nodes and VMs to leave alone
    exclude_source_nodes: NameList = ()
    """Nodes that no VM leaves: names or ids, by commas. Write a name that contains a comma in double quotes."""
    exclude_target_nodes: NameList = ()
    """Nodes that no VM enters: names or ids, by commas. Write a name that contains a comma in double quotes."""
    respect_balancer_mode: bool = True
    """Leave a VM alone if its own balancer switch in VMmanager is off."""
    kernel_rule: Annotated[Literal["strict", "series", "off"], AnyCase] = "strict"
    """strict: no kernel on the target newer than on the source; series: no newer major.minor; off: any kernel."""
    placement_filters: Annotated[Literal["panel", "equal", "strict"], AnyCase] = "panel"
    """strict: a node with a filter takes no VM; equal: one with the source's filter does; panel: VMmanager decides."""
    allow_unknown_versions: bool = False
    """Allow moves between nodes whose QEMU or kernel version is missing or unreadable."""

    # Migrations
    migration_timeout: Annotated[int, whole(30)] = 3600
    """Seconds after which a running migration counts as unknown. Its VM and both nodes are then left alone."""
    migration_cooldown: Seconds = 3600
    """Seconds for which a migrated VM is not moved again."""
    failure_cooldown: Seconds = 86400
    """Seconds for which a VM is left alone after a failed migration."""
    skip_cooldown: Seconds = 21600
    """Seconds for which a skipped VM is not proposed again."""
    two_person_rule: bool = False
    """Each move needs the approval of two different people. Automatic mode and --yes are then refused."""
    confirm_large_moves: Annotated[float, number(0, 1_000_000)] = 0.0
    """A move of a VM with at least this many GiB of memory needs a second press by the same person. 0: never."""
    proposal_ttl: Annotated[int, whole(5)] = 3600
    """Seconds for which a proposal can be approved."""
    undo_window: Annotated[int, whole(0, 86_400)] = 600
    """Seconds for which a finished migration can be moved back with one press. 0: off."""
    max_parallel_migrations: Annotated[int, whole(1, 10_000)] = 1
    """How many migrations run at the same time at most. Two of them never share a node."""
    task_poll_interval: Annotated[float, number(0.1, 3600)] = 5.0
    """Seconds between two requests for the state of a running migration."""

    # Telegram
    telegram_bot_token: BotToken | None = None
    """Token of the bot, from @BotFather. Empty: Telegram is not used."""
    telegram_bot_token_file: FilePath | None = None
    """File that holds this token on its only line. Use it instead of TELEGRAM_BOT_TOKEN."""
    telegram_chat_id: MainChatId | None = None
    """Chat for reports: the id of a person, or the negative id of a group."""
    telegram_admin_ids: IdList = ()
    """Numeric ids of the people who may decide and change things, separated by commas."""
    telegram_viewer_ids: IdList = ()
    """Numeric ids of the people who may only look, separated by commas."""
    telegram_thread_id: ThreadId | None = None
    """Topic for reports, in a group with topics."""
    chats_file: FilePath | None = None
    """JSON or TOML file with more chats, each with its own clusters, people, language and topics (docs/chat.md)."""
    telegram_notifications: bool = True
    """Use Telegram if a token is set. false: the program neither posts nor listens."""
    telegram_api_url: Address | None = None
    """Address of a self-hosted Bot API server. Empty: Telegram's own."""
    telegram_proxy: ProxyAddress | None = None
    """Proxy for Telegram, such as socks5://user:password@host:1080"""
    telegram_proxy_file: FilePath | None = None
    """File that holds the proxy's address on its only line. Use it instead of TELEGRAM_PROXY."""
    telegram_webhook_url: WebhookAddress | None = None
    """Public address, with a path, to which Telegram sends updates. Empty: the bot asks Telegram for updates."""
    telegram_webhook_host: Line = "127.0.0.1"
    """Address on which the program listens for the webhook, behind the web server with the public certificate."""
    telegram_webhook_port: Annotated[int, whole(1, 65_535)] = 8443
    """Port on which the program listens for the webhook."""
    telegram_webhook_secret: WebhookSecret | None = None
    """Secret that Telegram sends with each update: A-Z, a-z, 0-9, _ and -. Empty: a new one at each start."""
    telegram_webhook_secret_file: FilePath | None = None
    """File that holds this secret on its only line. Use it instead of TELEGRAM_WEBHOOK_SECRET."""
    telegram_recent_features: bool = True
    """Use rich messages, and replies in a group that only one person sees. false: neither, for old Telegram apps."""
    pictures: bool = True
    """Put pictures into chat messages: a proposal before and after, status, charts. false: words alone."""
    bot_language: Annotated[Literal["en", "ru"], AnyCase] = "en"
    """Language of groups and of the terminal: en or ru."""
    remind_after: ReminderTimes = "30, 2h, 8h, daily"
    """When people are reminded of an unanswered question, outside QUIET_HOURS: minutes, or lengths. 0: never."""
    escalation_chat_id: ChatId | None = None
    """Another chat, which gets proposals that are still unanswered. People decide in the first chat."""
    escalate_after: Annotated[int, whole(1, 10_080)] = 45
    """Minutes after which ESCALATION_CHAT_ID gets an unanswered question, at any hour."""
    outage_after: Annotated[int, whole(1, 1000)] = 2
    """How many checks in a row must fail before an outage of the panel is reported."""
    digest: DigestTime = "08:00"
    """When a summary of the last day or week is posted: 08:00, or mon 08:00. Empty: never."""
    digest_quiet_days: bool = True
    """Post the summary also when nothing has happened."""
    timezone: ZoneName = ""
    """Time zone of the times in messages, such as Europe/Berlin. Empty: the machine's zone. Logs always use that."""
    migration_window: Windows = ""
    """Hours in which migrations may start: 22:00-06:00, or mon-fri 22:00-06:00, by commas. Empty: always."""
    quiet_hours: Windows = ""
    """Hours, in the same form, in which messages come without a sound. Failures and outages still make one."""

    allow_abort: bool = False
    """Let people stop a running migration. Try first what your panel does then: that is not documented."""

    roll_command: CommandWords = ""
    """Command that updates and reboots a node that /roll has emptied: the node's name is its last word. No shell."""
    roll_command_timeout: Annotated[int, whole(1, 86_400)] = 3600
    """Seconds that ROLL_COMMAND may run for one node. Then it is stopped, and the campaign pauses."""

    # SSH load monitoring
    ssh_enabled: bool = False
    """Read each node's real load over SSH."""
    ssh_username: Line | None = None
    """User for SSH if the panel names none. Empty: root."""
    ssh_private_key_path: FilePath | None = None
    """File of the private key for SSH. Empty: the keys of the agent and of ~/.ssh."""
    ssh_password: SecretStr | None = None
    """Password for SSH, or the passphrase of the key."""
    ssh_password_file: FilePath | None = None
    """File that holds this password or passphrase on its only line. Use it instead of SSH_PASSWORD."""
    ssh_timeout: Annotated[float, above(0, 3600)] = 10.0
    """Seconds that one node may take to answer over SSH."""
    ssh_hosts_mapping: HostMapping = Field(default_factory=dict)
    """JSON object: node name or id to the host for SSH (host, host:port, user@host:port), instead of the panel's."""
    ssh_host_keys: Annotated[Literal["accept-new", "strict", "ignore"], AnyCase] = "accept-new"
    """accept-new: remember a new host key, refuse a changed one. strict: known_hosts only. ignore: no check."""
    ssh_load_overload_threshold: Positive = 1.0
    """Load average (1 minute) per CPU above which a node measured over SSH is overloaded; replaces the vCPU ratio."""
    pressure_overload: Annotated[float, number(0, 100)] = 0.0
    """CPU pressure (PSI, some avg60, percent) above which a node measured over SSH is overloaded as by load. 0: off."""
    vm_metrics: Annotated[Literal["ssh", "panel", "off"], AnyCase] = "ssh"
    """Where SSH is on, plan by the load of each VM. ssh: of its node. panel: VMmanager's metrics. off: vCPU shares."""
    load_window: Annotated[int, whole(600, 86400)] = 3600
    """Seconds of which the load of a VM is the mean."""

    migration_progress: Annotated[Literal["estimate", "ssh"], AnyCase] = "estimate"
    """estimate: a running migration shows its estimated time. ssh: its node says how far it is (virsh -r)."""

    # Monitoring
    metrics_port: Annotated[int, whole(0, 65_535)] = 0
    """TCP port for /metrics (Prometheus) and /healthz. 0: no port is opened."""
    metrics_host: Line = "127.0.0.1"
    """Address on which METRICS_PORT is opened. There is no login: use this machine or a closed network only."""

    # Files
    database_path: FilePath = Path("vm_balancer.db")
    """SQLite database with every decision and migration."""
    history_keep_days: Annotated[int, whole(1, 36_500)] = 365
    """Days for which decisions, migrations and the audit trail are kept."""
    samples_keep_days: Annotated[int, whole(1, 3650)] = 90
    """Days for which load samples are kept for charts: all for 2 days, one an hour for 14 days, then 4 a day."""
    history_snapshots_days: Annotated[int, whole(0, 3650)] = 35
    """Days for which the program keeps what each check saw, for `vm-balancer replay`. 0: nothing is kept."""
    backup_keep: Annotated[int, whole(0, 1000)] = 7
    """How many daily backups of the database are kept, in the folder backups beside it. 0: none are made."""
    log_level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], AnyCaseUpper] = "INFO"
    """How much is logged: DEBUG, INFO, WARNING or ERROR."""
    log_format: Annotated[Literal["text", "json"], AnyCase] = "text"
    """text: lines for people. json: one JSON object a line, for log collectors."""
    log_file: FilePath = Path("vm_balancer.log")
    """Log file."""

    def place(self, field: str) -> str:
        """The source of a value: an option, the environment, a file with the line, or the default."""
        return self._places.get(field) or ("given" if field in self.model_fields_set else "default")

    @property
    def notes(self) -> tuple[str, ...]:
        """Probable mistakes: typos, values without effect."""
        return self._notes

    def with_origin(self, places: Mapping[str, str], notes: Iterable[str]) -> Settings:
        """The same settings with the sources of their values and notes about probable mistakes."""
        known = self.model_copy()
        known._places = dict(places)
        known._notes = tuple(notes)
        return known

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only the values of sources.py. The library's sources replace ``${…}`` in a password and have no places."""
        return (init_settings,)

    def policy(self) -> Policy:
        """The policy for the planner. Excluded names are matched to nodes later, with a snapshot."""
        return Policy(
            **{of_policy: getattr(self, field) for field, of_policy in POLICY_FIELDS.items()},
            migration_cooldown=timedelta(seconds=self.migration_cooldown),
            failure_cooldown=timedelta(seconds=self.failure_cooldown),
            skip_cooldown=timedelta(seconds=self.skip_cooldown),
            respect_balancer_mode=self.respect_balancer_mode,
            allow_unknown_versions=self.allow_unknown_versions,
        )

    @property
    def zone(self) -> tzinfo | None:
        """The zone of TIMEZONE; ``None`` = the machine's zone."""
        return zone_named(self.timezone)

    @property
    def admin_ids(self) -> frozenset[int]:
        """The people who may decide. If no roles are set in a private chat, its person may."""
        if not self.telegram_admin_ids and not self.telegram_viewer_ids and (self.telegram_chat_id or 0) > 0:
            return frozenset({self.telegram_chat_id or 0})
        return frozenset(self.telegram_admin_ids)

    @property
    def viewer_ids(self) -> frozenset[int]:
        """The people who may look, but not decide."""
        return frozenset(self.telegram_viewer_ids)


def env_name(field: str) -> str:
    """The environment variable of a field."""
    return field.upper()


def is_secret(field: str) -> bool:
    """Whether the value must never be shown."""
    return "SecretStr" in str(Settings.model_fields[field].annotation)


SECRET_FILES: Mapping[str, str] = {field: f"{field}_file" for field in Settings.model_fields if is_secret(field)}
"""A secret setting -> the setting that names a file with it."""


def secrets(settings: Settings) -> list[str]:
    """Every secret value, to remove them from texts."""
    values = (getattr(settings, field) for field in Settings.model_fields)
    return [v.get_secret_value() for v in values if isinstance(v, SecretStr) and v.get_secret_value()]


def masked(settings: Settings) -> dict[str, str]:
    """Every setting as text, secrets masked."""
    return {env_name(field): _as_text(getattr(settings, field)) for field in Settings.model_fields}


def _as_text(value: Any) -> str:
    if value is None or value == () or value == {}:
        return ""
    if isinstance(value, SecretStr):
        return MASK
    if isinstance(value, tuple):
        return ",".join(f'"{v}"' if "," in str(v) else str(v) for v in value)
    if isinstance(value, Mapping):
        return json.dumps(dict(value), ensure_ascii=False)
    return str(value).lower() if isinstance(value, bool) else str(value)
