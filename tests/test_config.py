"""Settings: the order of their sources, all problems at once, and no secret in a message."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from bot.cli.arguments import ENVIRONMENT_ONLY, OPTIONS, add_settings, settings_of
from bot.cli.parsing import make_parser
from bot.config.loading import find_settings, load_settings
from bot.config.settings import SECRET_FILES, Settings, env_name, is_secret, masked, secrets
from bot.config.validation import check_chat, check_files, check_panel, notes
from bot.errors import ConfigError

ROOT = Path(__file__).resolve().parent.parent

# Three values for each setting as text, all unlike the default and each other: argument, environment, file.
SAMPLES: dict[str, tuple[str, str, str]] = {
    "vmmanager_host": ("https://a.example", "https://b.example", "https://c.example"),
    "vmmanager_username": ("ann", "bob", "cid"),
    "vmmanager_password": ("pw-a", "pw-b", "pw-c"),
    "vmmanager_password_file": ("pw-1", "pw-2", "pw-3"),
    "vmmanager_token": ("4-a", "4-b", "4-c"),
    "vmmanager_token_file": ("token-1", "token-2", "token-3"),
    "panel_timeout": ("11", "22", "33"),
    "kernel_rule": ("series", "off", "series"),
    "placement_filters": ("equal", "strict", "equal"),
    "verify_ssl": ("false", "true", "false"),
    "vmmanager_ca_file": ("/a", "/b", "/c"),
    "balance_mode": ("auto", "approve", "assist"),
    "auto_max_gib": ("1.5", "64", "8"),
    "auto_max_per_day": ("1", "2", "3"),
    "auto_hours": ("22:00-06:00", "mon-fri 01:00-02:00", "sat 00:00-24:00"),
    "auto_proven": ("false", "true", "false"),
    "auto_after_outcomes": ("1", "2", "3"),
    "balance_interval": ("11", "22", "33"),
    "cluster_ids": ("1", "2,3", "4"),
    "max_migrations_per_cycle": ("2", "3", "4"),
    "clusters_file": ("/a", "/b", "/c"),
    "dry_run": ("true", "false", "true"),
    "balance_strategy": ("optimal", "smallest-first", "optimal"),
    "optimize_for": ("moves", "memory", "moves"),
    "keep_survivable": ("true", "false", "true"),
    "room_shapes": ("1:1", "8:16, 4:8", "0"),
    "survive_up_to": ("physical", "overload", "physical"),
    "target_thresholds": ("hard", "preferred", "hard"),
    "migration_overhead": ("1.5", "2.5", "3.5"),
    "migration_bandwidth": ("100", "200", "300"),
    "balance_margin": ("0.1", "0.2", "0.3"),
    "balance_deadband": ("0.2", "0.3", "0.4"),
    "overload_hold_cycles": ("2", "3", "4"),
    "target_headroom": ("1.5", "2.5", "3.5"),
    "cpu_overload_threshold": ("1.5", "2.5", "3.5"),
    "memory_overload_threshold": ("11", "22", "33"),
    "cpu_target_threshold": ("1.5", "2.5", "3.5"),
    "memory_target_threshold": ("11", "22", "33"),
    "exclude_source_nodes": ("a", "b,c", "d"),
    "exclude_target_nodes": ("a", "b,c", "d"),
    "respect_balancer_mode": ("false", "true", "false"),
    "allow_unknown_versions": ("true", "false", "true"),
    "migration_timeout": ("31", "32", "33"),
    "migration_cooldown": ("1", "2", "3"),
    "failure_cooldown": ("1", "2", "3"),
    "history_keep_days": ("1", "2", "3"),
    "samples_keep_days": ("1", "2", "3"),
    "history_snapshots_days": ("0", "2", "3"),
    "backup_keep": ("1", "2", "3"),
    "skip_cooldown": ("1", "2", "3"),
    "migration_progress": ("ssh", "estimate", "ssh"),
    "allow_abort": ("true", "false", "true"),
    "roll_command": ("/bin/a b", "reboot-node", "/opt/c 'd e'"),
    "roll_command_timeout": ("60", "120", "7200"),
    "two_person_rule": ("true", "false", "true"),
    "confirm_large_moves": ("1.5", "2.5", "64"),
    "proposal_ttl": ("6", "7", "8"),
    "undo_window": ("1", "2", "3"),
    "remind_after": ("0", "5", "30, 2h, daily"),
    "outage_after": ("1", "3", "4"),
    "escalation_chat_id": ("-11", "22", "33"),
    "escalate_after": ("1", "5", "60"),
    "digest": ("08:00", "mon 09:30", "7:05"),
    "digest_quiet_days": ("false", "true", "false"),
    "timezone": ("Europe/Berlin", "Asia/Omsk", "UTC"),
    "migration_window": ("22:00-06:00", "mon-fri 01:00-02:00", "sat 00:00-24:00,sun 00:00-24:00"),
    "quiet_hours": ("22:00-06:00", "mon-fri 01:00-02:00", "23:00-07:00"),
    "max_parallel_migrations": ("2", "3", "4"),
    "task_poll_interval": ("1.5", "2.5", "3.5"),
    "telegram_bot_token": ("1:aaaa", "2:bbbb", "3:cccc"),
    "telegram_bot_token_file": ("token-1", "token-2", "token-3"),
    "telegram_chat_id": ("-11", "22", "33"),
    "telegram_admin_ids": ("1", "2,3", "4"),
    "telegram_viewer_ids": ("1", "2,3", "4"),
    "telegram_thread_id": ("1", "2", "3"),
    "chats_file": ("/a", "/b", "/c"),
    "telegram_notifications": ("false", "true", "false"),
    "telegram_api_url": ("http://a.example", "http://b.example", "http://c.example"),
    "telegram_proxy": ("socks5://a:1", "socks5://b:2", "http://c:3"),
    "telegram_proxy_file": ("proxy-1", "proxy-2", "proxy-3"),
    "telegram_webhook_url": ("https://a.example/x", "https://b.example/x", "http://127.0.0.1:8/x"),
    "telegram_webhook_host": ("127.0.0.2", "127.0.0.3", "::1"),
    "telegram_webhook_port": ("9201", "9202", "9203"),
    "telegram_webhook_secret": ("hook-a", "hook-b", "hook-c"),
    "telegram_webhook_secret_file": ("hook-1", "hook-2", "hook-3"),
    "telegram_recent_features": ("false", "true", "false"),
    "pictures": ("false", "true", "false"),
    "bot_language": ("ru", "en", "ru"),
    "ssh_enabled": ("true", "false", "true"),
    "ssh_username": ("ann", "bob", "cid"),
    "ssh_private_key_path": ("/a", "/b", "/c"),
    "ssh_password": ("pw-a", "pw-b", "pw-c"),
    "ssh_password_file": ("ssh-1", "ssh-2", "ssh-3"),
    "ssh_timeout": ("1.5", "2.5", "3.5"),
    "ssh_host_keys": ("strict", "ignore", "strict"),
    "vm_metrics": ("off", "ssh", "off"),
    "pressure_overload": ("10", "20", "30.5"),
    "load_window": ("900", "1800", "7200"),
    "ssh_load_overload_threshold": ("0.8", "1.2", "2"),
    "ssh_hosts_mapping": ('{"n": "a"}', '{"n": "b"}', '{"n": "c"}'),
    "metrics_port": ("9101", "9102", "9103"),
    "metrics_host": ("127.0.0.2", "127.0.0.3", "::1"),
    "database_path": ("a.db", "b.db", "c.db"),
    "log_level": ("DEBUG", "WARNING", "ERROR"),
    "log_format": ("json", "text", "json"),
    "log_file": ("a.log", "b.log", "c.log"),
}

SEED_ENV = """\
# VMManager connection
VMMANAGER_HOST=https://your-vmmanager.com
VMMANAGER_USERNAME=admin
VMMANAGER_PASSWORD=your_password

# Balancing settings
BALANCE_INTERVAL=600                    # Check interval (seconds)
CLUSTER_IDS=1,2,3                      # Target clusters (empty = all)
MAX_MIGRATIONS_PER_CYCLE=1              # Migrations per cycle

# Load thresholds
CPU_OVERLOAD_THRESHOLD=7.0              # CPU allocation ratio trigger
MEMORY_OVERLOAD_THRESHOLD=70.0          # Memory usage % trigger
CPU_TARGET_THRESHOLD=6.0                # CPU target ratio
MEMORY_TARGET_THRESHOLD=80.0            # Memory target %

# Node exclusions
EXCLUDE_SOURCE_NODES=node1,node2        # Exclude as sources
EXCLUDE_TARGET_NODES=node3,node4        # Exclude as targets

# Logging
LOG_LEVEL=INFO                          # DEBUG, INFO, WARNING, ERROR

# SSH Monitoring (Optional)
SSH_ENABLED=false                       # Enable SSH load monitoring
SSH_USERNAME=root                       # SSH username
SSH_PRIVATE_KEY_PATH=/path/to/key       # SSH private key path
SSH_PASSWORD=                           # SSH password (if no key)
SSH_TIMEOUT=10                          # SSH timeout (seconds)
SSH_HOSTS_MAPPING={"node1": "192.168.1.10"}  # Node name to IP mapping

# Telegram Notifications (Optional)
TELEGRAM_BOT_TOKEN=                     # Bot token
TELEGRAM_CHAT_ID=                       # Chat ID
"""
SEED_SSH = """\
SSH_ENABLED=true
SSH_TIMEOUT=10

# Authentication (choose one method)
SSH_PRIVATE_KEY_PATH=/root/.ssh/id_rsa  # Key-based
# SSH_PASSWORD=mysecretpassword         # Password-based

# Optional: Override API-provided hostnames
SSH_HOSTS_MAPPING='{
  "node-1": "192.168.1.10",
  "node-2": "192.168.1.11", 
  "node-3": "node3.example.com"
}'
"""  # noqa: W291 - the blank is the seed's


@pytest.fixture(autouse=True)
def clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to stand in, and no setting in the environment."""
    for name in map(env_name, Settings.model_fields):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def any_settings(arguments: Mapping[str, Any] | None = None, env_file: str | Path | None = None) -> Settings:
    """Loads settings without the checks for a program."""
    return load_settings(arguments, env_file, checks=lambda _settings: ())


def parsed(*words: str) -> dict[str, Any]:
    """The settings of a command line."""
    parser = make_parser("test", "")
    add_settings(parser)
    return settings_of(parser.parse_args(words))


def as_argument(field: str, text: str) -> dict[str, Any]:
    option = OPTIONS[field]
    if Settings.model_fields[field].annotation is bool:
        return parsed(option if text == "true" else f"--no-{option[2:]}")
    return parsed(option, *(text.split(",") if field.endswith(("_ids", "_nodes")) else [text]))


def value_of(field: str, text: str) -> Any:
    return getattr(Settings(**{field: text}), field)  # type: ignore[arg-type]


def problems(arguments: Mapping[str, Any] | None = None, **options: Any) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_settings(arguments, **options)
    return list(caught.value.problems)


# --- where values come from


@pytest.mark.parametrize("field", Settings.model_fields)
def test_option_wins_over_environment_over_file_over_default(
    field: str, clean: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    argument, environment, file = SAMPLES[field]
    name = env_name(field)
    default = Settings.model_fields[field].get_default(call_default_factory=True)
    assert getattr(any_settings(), field) == default
    assert any_settings().place(field) == "default"
    for secret in (s for s, named in SECRET_FILES.items() if named == field):
        for file_name, held in zip(SAMPLES[field], SAMPLES[secret], strict=True):
            (clean / file_name).write_text(f"{held}\n", "utf-8")

    (clean / ".env").write_text(f"\n{name}={file}\n", "utf-8")
    assert getattr(any_settings(), field) == value_of(field, file) != default
    assert any_settings().place(field) == ".env line 2"

    monkeypatch.setenv(name, environment)
    assert getattr(any_settings(), field) == value_of(field, environment) != value_of(field, file)
    assert any_settings().place(field) == "environment"

    if field not in ENVIRONMENT_ONLY:
        given = as_argument(field, argument)
        settings = load_settings(given, options=OPTIONS, checks=lambda _settings: ())
        assert getattr(settings, field) == value_of(field, argument) != value_of(field, environment)
        assert settings.place(field) == OPTIONS[field]


def test_every_setting_has_an_option_or_is_listed_as_environment_only(capsys: pytest.CaptureFixture[str]) -> None:
    assert set(OPTIONS) | set(ENVIRONMENT_ONLY) == set(Settings.model_fields)
    assert all(is_secret(field) for field in ENVIRONMENT_ONLY)
    parser = make_parser("test", "")
    add_settings(parser)
    parser.show_settings()
    text = " ".join(parser.format_help().split())
    for field, option in OPTIONS.items():
        assert re.search(rf" {option}\b", text), field
    for field in ENVIRONMENT_ONLY:
        assert env_name(field) in text


def test_empty_value_means_default_and_empty_option_wins(clean: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (clean / ".env").write_text("CLUSTER_IDS=1\nLOG_FILE=x.log\nBALANCE_INTERVAL=\n", "utf-8")
    monkeypatch.setenv("CLUSTER_IDS", " ")
    assert any_settings().cluster_ids == (1,)
    assert any_settings().balance_interval == 600
    settings = any_settings(parsed("--cluster-ids", "", "--log-file", ""))
    assert settings.cluster_ids == () and settings.log_file == Path("vm_balancer.log")


def test_named_settings_file_replaces_the_one_of_the_folder(clean: Path) -> None:
    (clean / ".env").write_text("BALANCE_INTERVAL=11\nSSH_USERNAME=root\n", "utf-8")
    (clean / "other.env").write_text("BALANCE_INTERVAL=22\n", "utf-8")
    settings = any_settings(env_file="other.env")
    assert settings.balance_interval == 22 and settings.ssh_username is None
    assert settings.place("balance_interval") == "other.env line 1"


def test_settings_constructed_in_code_read_neither_environment_nor_file(
    clean: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (clean / ".env").write_text("BALANCE_INTERVAL=11\n", "utf-8")
    monkeypatch.setenv("PROPOSAL_TTL", "7")
    assert Settings() == Settings(balance_interval=600, proposal_ttl=3600)
    with pytest.raises(ValidationError, match="vmmanager_hots"):
        Settings(vmmanager_hots="https://h")  # type: ignore[call-arg]


# --- the file as people write it


def test_settings_file_of_version_2_is_read(clean: Path) -> None:
    (clean / ".env").write_text(SEED_ENV, "utf-8")
    settings = load_settings()
    assert settings.vmmanager_host == "https://your-vmmanager.com"
    assert secrets(settings) == ["your_password"]
    assert settings.cluster_ids == (1, 2, 3)
    assert settings.balance_interval == 600 and settings.cpu_target_threshold == 6.0
    assert settings.exclude_source_nodes == ("node1", "node2")
    assert settings.exclude_target_nodes == ("node3", "node4")
    assert settings.ssh_hosts_mapping == {"node1": "192.168.1.10"}
    assert settings.ssh_password is None and settings.telegram_bot_token is None and settings.telegram_chat_id is None
    assert settings.notes == ()


def test_ssh_example_of_version_2_is_read(clean: Path) -> None:
    (clean / ".env").write_text(SEED_SSH, "utf-8")
    settings = any_settings()
    assert settings.ssh_private_key_path == Path("/root/.ssh/id_rsa")
    wanted = {"node-1": "192.168.1.10", "node-2": "192.168.1.11", "node-3": "node3.example.com"}
    assert settings.ssh_hosts_mapping == wanted
    assert any_settings(parsed("--ssh-hosts-mapping", '{"node1":"ip"}')).ssh_hosts_mapping == {"node1": "ip"}


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ('"a # b"  # comment', "a # b"),
        ("'a # b'", "a # b"),
        ("a#b", "a#b"),
        ("a${HOME}b$c", "a${HOME}b$c"),
        ("'  blanks  '", "  blanks  "),
        (r"'back\slash'", r"back\slash"),
        ("пароль=€", "пароль=€"),
    ],
)
def test_password_is_taken_literally(clean: Path, written: str, meant: str) -> None:
    (clean / ".env").write_text(f"VMMANAGER_PASSWORD={written}\r\nSSH_USERNAME= root \n", "utf-8")
    settings = any_settings()
    assert secrets(settings) == [meant]
    assert settings.ssh_username == "root"


def test_settings_file_from_another_system_is_read(clean: Path) -> None:
    """A byte order mark, Windows line ends, `export`, and a pipe that can be read only once."""
    (clean / ".env").write_bytes("\ufeffBALANCE_INTERVAL=11\r\nexport PROPOSAL_TTL=7\r\n".encode())
    assert any_settings().balance_interval == 11 and any_settings().proposal_ttl == 7
    os.mkfifo(clean / "pipe")
    writer = threading.Thread(target=(clean / "pipe").write_text, args=("SSH_USERNAME=ann\nSSH_USER=x\n",))
    writer.start()
    settings = any_settings(env_file=clean / "pipe")
    writer.join()
    assert settings.ssh_username == "ann"


def test_unreadable_line_is_reported_by_number_without_its_text(clean: Path) -> None:
    (clean / ".env").write_text("LOG_LEVEL=INFO\nthis is text\nVMMANAGER_PASSWORD='hunter2\nDRY_RUN\n", "utf-8")
    messages = problems()
    assert [line.split(" cannot")[0] for line in messages[:3]] == [".env line 2", ".env line 3", ".env line 4"]
    assert "hunter2" not in "\n".join(messages)
    assert any(line.startswith("VMMANAGER_PASSWORD is not set") for line in messages)


def test_typo_and_repeated_name_are_noted(clean: Path) -> None:
    (clean / ".env").write_text("BALANCE_INTERVALL=1\nlog_level=DEBUG\nDRY_RUN=1\nPATHS=x\nDRY_RUN=0\n", "utf-8")
    assert any_settings().notes == (
        "BALANCE_INTERVALL in .env line 1 is not a setting and does nothing: BALANCE_INTERVAL is probably meant",
        "log_level in .env line 2 is not a setting and does nothing: LOG_LEVEL is probably meant",
        "DRY_RUN is in .env twice, in lines 3 and 5: the last one counts",
    )
    assert any_settings().notes[0] in problems(), "a typo explains what is missing"


def test_value_without_effect_is_noted() -> None:
    (chat,) = any_settings({"telegram_chat_id": 5}).notes
    assert chat.startswith("TELEGRAM_CHAT_ID=5 (argument) has no effect")


@pytest.mark.parametrize("required", [True, False])
def test_unreadable_settings_file_is_one_error_with_remedy(clean: Path, required: bool) -> None:
    path = clean / ".env"
    options = {"env_file": path} if required else {}
    path.mkdir()
    [line] = problems(**options)
    assert "cannot be read (Is a directory)" in line and ".env" in line
    path.rmdir()
    path.write_bytes(b"A=1\nVMMANAGER_PASSWORD=\xff\xfehunter2\n")
    [line] = problems(**options)
    assert "is not UTF-8 in line 2" in line and "hunter2" not in line
    path.unlink()
    if required:
        assert "does not exist" in problems(**options)[0]


# --- lists


@pytest.mark.parametrize("words", [["1", "2", "3"], ["1,2,3"], ["1,", "2", "3"], ["1 2", "3,3"], ["1;2;3"]])
def test_cluster_ids_are_read_in_any_common_form(words: list[str]) -> None:
    assert any_settings(parsed("--cluster-ids", *words)).cluster_ids == (1, 2, 3)


def test_repeated_list_option_adds_values() -> None:
    assert any_settings(parsed("--cluster-ids", "1", "--cluster-ids", "2")).cluster_ids == (1, 2)


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["a", "b"], ("a", "b")),
        (["a,b", "c"], ("a", "b", "c")),
        (["rack 1", " b "], ("rack 1", "b")),
        (['"rack 1, unit 2"', "b"], ("rack 1, unit 2", "b")),
        (['x,"rack 1, unit 2"'], ("x", "rack 1, unit 2")),
        ([",", "a,,a"], ("a",)),
    ],
)
def test_node_names_are_read_in_any_common_form(words: list[str], names: tuple[str, ...]) -> None:
    settings = any_settings(parsed("--exclude-source-nodes", *words))
    assert settings.exclude_source_nodes == names
    again = Settings(exclude_source_nodes=masked(settings)["EXCLUDE_SOURCE_NODES"])  # type: ignore[arg-type]
    assert again.exclude_source_nodes == names, "what /settings shows can be copied"


@given(st.lists(st.integers(1, 2**53 - 1), max_size=20), st.data())
def test_id_list_is_read_with_any_separators(ids: list[int], data: st.DataObject) -> None:
    separators = st.text(alphabet=",; \t\n", min_size=1, max_size=3)
    text = "".join(str(i) + data.draw(separators) for i in ids)
    assert Settings(cluster_ids=text).cluster_ids == tuple(dict.fromkeys(ids))  # type: ignore[arg-type]


@given(st.text(min_size=1))
def test_any_text_for_an_id_list_is_read_or_refused(text: str) -> None:
    try:
        ids = Settings(telegram_admin_ids=text).telegram_admin_ids  # type: ignore[arg-type]
    except ValidationError as error:
        assert "whole numbers above 0" in str(error)
    else:
        assert all(i > 0 for i in ids)


# --- what is wrong is said


BAD = {
    "VMMANAGER_HOST": ["https://", "ftp://h", "https:/h", "http//h", "h h", "https://h:99999", "https://h/?a=b"],
    "VERIFY_SSL": ["maybe"],
    "BALANCE_MODE": ["manual"],
    "BALANCE_INTERVAL": ["ten", "9", "1.5", "10**9", "9" * 30, "-5", "600s"],
    "CLUSTER_IDS": ["1,x", "0", "-1", "1.5", "٣"],
    "MAX_MIGRATIONS_PER_CYCLE": ["0"],
    "CPU_OVERLOAD_THRESHOLD": ["0", "nan", "inf", "-1", "7,5", "1e999"],
    "MEMORY_OVERLOAD_THRESHOLD": ["101", "70%"],
    "EXCLUDE_SOURCE_NODES": ['"open'],
    "MIGRATION_COOLDOWN": ["-1", "99999999999"],
    "TASK_POLL_INTERVAL": ["0"],
    "TELEGRAM_CHAT_ID": ["0", "@channel", "1" * 40],
    "TELEGRAM_ADMIN_IDS": ["@anna", "-1001"],
    "BOT_LANGUAGE": ["de"],
    "SSH_HOST_KEYS": ["yes"],
    "SSH_LOAD_OVERLOAD_THRESHOLD": ["0", "nan"],
    "SSH_HOSTS_MAPPING": [
        '{"n": "a b"}',
        '{"n": "h:0"}',
        "{",
        "[]",
        '{"a": 1}',
        '{"a": ""}',
        "'{}'",
        "[" * 100_000,
    ],
    "SSH_TIMEOUT": ["0", "inf"],
    "LOG_LEVEL": ["LOUD"],
    "LOG_FILE": ["a\nb", "~nobody-here/x.log"],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in BAD.items() for value in values])
def test_bad_value_is_one_line_with_name_value_place_and_remedy(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError) as caught:
        any_settings()
    [line] = caught.value.problems
    shown = r"\(hidden\)" if "?" in value else re.escape(repr(value)[:50])
    assert re.match(rf"{name} is {shown}.* \(environment\): .*(needed|write)", line), line
    assert "\n" not in line and len(line) < 300 and "pydantic" not in line.lower()


def test_all_problems_are_reported_together(clean: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Values, missing settings, contradictions, files, unreadable lines and the caller's own findings."""
    (clean / "my.env").write_text("BALANCE_INTERVAL=5\n???\nTELEGRAM_BOT_TOKEN=1:abcd\nLOG_FLE=x\n", "utf-8")
    monkeypatch.setenv("CLUSTER_IDS", "a")
    messages = problems(
        {"vmmanager_username": "ann", "telegram_chat_id": "-100", "database_path": "no/such/x.db"},
        env_file="my.env",
        options=OPTIONS,
        checks=lambda _settings: (check_panel, check_chat, check_files),
        problems=["--foo is not an option"],
    )
    assert [re.split(r"[ =]", line)[0] for line in messages] == [
        "--foo",
        "my.env",
        "BALANCE_INTERVAL",
        "CLUSTER_IDS",
        "VMMANAGER_HOST",
        "VMMANAGER_PASSWORD",
        "TELEGRAM_ADMIN_IDS",
        "DATABASE_PATH",
        "LOG_FLE",
    ]
    assert "(my.env line 1)" in messages[2] and "(environment)" in messages[3]
    assert "TELEGRAM_CHAT_ID=-100 (--telegram-chat-id)" in messages[6] and "(--database-path)" in messages[7]


def test_problem_that_follows_from_a_broken_setting_is_not_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"HOST": "https://h", "USERNAME": "u", "PASSWORD": "p"}.items():
        monkeypatch.setenv(f"VMMANAGER_{name}", value)
    for name, value in {"BOT_TOKEN": "1:abcd", "CHAT_ID": "-5", "ADMIN_IDS": "anna"}.items():
        monkeypatch.setenv(f"TELEGRAM_{name}", value)
    assert [line.split()[0] for line in problems()] == ["TELEGRAM_ADMIN_IDS"]
    monkeypatch.setenv("TELEGRAM_ADMIN_IDS", "1")
    monkeypatch.setenv("TELEGRAM_CHAT_ID", "group")
    assert [line.split()[0] for line in problems()] == ["TELEGRAM_CHAT_ID"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("VMMANAGER_HOST", "https://root:hunter2@h"),
        ("VMMANAGER_HOST", "https://h/?password=hunter2"),
        ("TELEGRAM_API_URL", "http://hunter2@h"),
        ("TELEGRAM_PROXY", "user:hunter2@h"),
        ("TELEGRAM_PROXY", "ftp://user:hunter2@h:1"),
        ("TELEGRAM_PROXY", "socks5://user:hunter2@h:port"),
        ("TELEGRAM_BOT_TOKEN", "hunter2"),
        ("TELEGRAM_CHAT_ID", "123456:hunter2-hunter2-hunter2"),
        ("SSH_HOSTS_MAPPING", '{"n": "root:hunter2@h"'),
        ("SSH_TIMEOUT", "hunter2"),
        ("LOG_LEVEL", "https://u:hunter2@h"),
    ],
)
def test_error_contains_no_secret(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    if name == "SSH_TIMEOUT":
        monkeypatch.setenv("SSH_PASSWORD", "hunter2")  # the two lines were mixed up
    messages = problems()
    assert [line for line in messages if line.startswith(name)]
    assert "hunter2" not in "\n".join(messages)


def test_secrets_are_masked_in_every_text_form() -> None:
    wanted = {
        "vmmanager_password": "hunter2-a",
        "vmmanager_token": "4-hunter2-f",
        "telegram_bot_token": "123:hunter2-b",
        "telegram_proxy": "socks5://u:hunter2-c@h:1",
        "ssh_password": "hunter2-d",
        "telegram_webhook_secret": "hunter2-e",
    }
    assert set(wanted) == {field for field in Settings.model_fields if is_secret(field)}
    assert set(wanted) == {f for f in Settings.model_fields if re.search("(password|token|secret|proxy)$", f)}
    settings = Settings(**{field: SecretStr(value) for field, value in wanted.items()})  # type: ignore[arg-type]
    assert sorted(secrets(settings)) == sorted(wanted.values())
    shown = masked(settings)
    assert set(shown) == {env_name(field) for field in Settings.model_fields}
    assert "hunter2" not in f"{shown} {settings} {settings!r} {settings.model_dump_json()}"
    assert masked(Settings())["VMMANAGER_PASSWORD"] == ""
    assert shown["VERIFY_SSL"] == "true" and masked(Settings(cluster_ids=(1, 2)))["CLUSTER_IDS"] == "1,2"


def test_address_gets_its_scheme() -> None:
    hosts = {"h": "https://h", " h:8443/ ": "https://h:8443", "HTTP://H/sub/": "http://h/sub"}
    assert {written: Settings(vmmanager_host=written).vmmanager_host for written in hosts} == hosts


# --- what contradicts what


def chat(**fields: Any) -> list[str]:
    return [p.text for p in check_chat(Settings(telegram_bot_token=SecretStr("1:abcd"), **fields))]


def test_chat_without_admins_is_refused_in_approve_mode() -> None:
    assert check_chat(Settings(telegram_chat_id=-5)) == [], "without a token there is no chat"
    assert chat()[0].startswith("TELEGRAM_CHAT_ID is not set")
    assert chat(telegram_chat_id=-5)[0].startswith("TELEGRAM_ADMIN_IDS is not set, and TELEGRAM_CHAT_ID=-5")
    assert chat(telegram_chat_id=-5, telegram_viewer_ids=(7,))[0].startswith("TELEGRAM_ADMIN_IDS")
    assert chat(telegram_chat_id=7, telegram_viewer_ids=(7,))[0].startswith("TELEGRAM_ADMIN_IDS is not set, so nobody")
    assert chat(telegram_chat_id=7, telegram_viewer_ids=(7,), balance_mode="auto") == []
    assert chat(telegram_chat_id=-5, telegram_admin_ids=(7,)) == []
    assert chat(telegram_chat_id=7) == []
    assert Settings(telegram_chat_id=7).admin_ids == {7}
    assert Settings(telegram_chat_id=7, telegram_viewer_ids=(8,)).admin_ids == frozenset()


def test_unwritable_or_shared_database_and_log_are_refused(clean: Path) -> None:
    def check(database: str, log: str) -> list[str]:
        return [p.text for p in check_files(Settings(database_path=Path(database), log_file=Path(log)))]

    assert check("x.db", "x.log") == [] == check(":memory:", "/dev/null")
    assert list(clean.iterdir()) == [], "a check leaves nothing behind"
    assert "cannot be the database" in check("x", "./x")[0]
    assert "it is a folder" in check(".", "x.log")[0]
    assert "there is no folder" in check("x.db", "no/x.log")[0]
    assert "nothing can be created" in check("/proc/x.db", "x.log")[0]
    assert len(check("/no/x.db", "/no/x.log")) == 2


NO_NAME = "the numeric id of a person, or the negative id of a group, is needed, not a name"


@pytest.mark.parametrize(
    ("field", "text", "needed"),
    [
        ("cpu_overload_threshold", "1e308", "a number of at most 1000000000.0 is needed"),
        ("cpu_target_threshold", "1e-320", "a number of at least 0.001 is needed"),
        ("memory_overload_threshold", "0", "a number of at least 0.001 is needed"),
        (
            "telegram_chat_id",
            "@ops",
            "the numeric id of a person, or the negative id of a group, is needed, not a name",
        ),
        (
            "escalation_chat_id",
            "Ops",
            "the numeric id of a person, or the negative id of a group, is needed, not a name",
        ),
        ("ssh_hosts_mapping", '{"a": "b", "a": "c"}', "'a' is in one object twice"),
    ],
)
def test_value_that_would_overflow_or_be_lost_is_refused(field: str, text: str, needed: str) -> None:
    [problem] = find_settings({field: text}, checks=lambda _settings: ()).problems
    assert problem == f"{env_name(field)} is {text!r} (argument): {needed}"


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="there is no endless file on this system")
def test_endless_file_is_refused(clean: Path) -> None:
    assert problems(env_file="/dev/zero")[0].startswith(
        "the settings file '/dev/zero' is refused: it is larger than 1024 KiB"
    )
    (clean / "clusters.toml").symlink_to("/dev/zero")
    (clean / "chats.json").symlink_to("/dev/zero")
    files = {"clusters_file": "clusters.toml", "chats_file": "chats.json", "vmmanager_password_file": "/dev/zero"}
    given = {"vmmanager_host": "https://h.example", "vmmanager_username": "u", **files}
    result = "\n".join(problems(given))
    assert "CLUSTERS_FILE: clusters.toml is refused: it is larger than 16384 KiB" in result
    assert "CHATS_FILE: chats.json is refused: it is larger than 16384 KiB" in result
    assert "it is too large for a secret" in result


def test_file_name_that_no_system_accepts_is_refused(clean: Path) -> None:
    settings = any_settings({"log_file": "a" * 300, "database_path": "ж" * 200})
    assert [p.text.rpartition(": ")[2] for p in check_files(settings)] == [
        "a name of more than 240 bytes is not possible; name another file"
    ] * 2


# --- the documentation


def test_config_env_example_has_every_setting_once_with_meaning_and_default() -> None:
    result: dict[str, tuple[str, str]] = {}
    comment: list[str] = []
    for line in (ROOT / "config.env.example").read_text("utf-8").splitlines():
        if line.startswith("#"):
            comment.append(line.removeprefix("# "))
        elif line:
            name, value = line.split("=", 1)
            assert name not in result, f"{name} stands twice"
            result[name] = (" ".join(comment), value)
        if not line.startswith("#"):
            comment = []
    wanted = {
        env_name(f): (info.description, masked(Settings())[env_name(f)]) for f, info in Settings.model_fields.items()
    }
    assert result == wanted
    assert list(result) == list(wanted), "in the order of Settings"


def test_config_env_example_can_be_copied(clean: Path) -> None:
    (clean / ".env").write_text((ROOT / "config.env.example").read_text("utf-8"), "utf-8")
    assert any_settings() == any_settings().model_copy()
    assert masked(any_settings()) == masked(Settings()) and any_settings().notes == ()
    assert [line.split()[0] for line in problems()] == ["VMMANAGER_HOST", "VMMANAGER_USERNAME", "VMMANAGER_PASSWORD"]


# --- secrets from the environment, and names of version 2


@pytest.mark.parametrize("end", ["\n", "\r\n", ""])
def test_a_secret_from_the_environment_loses_the_end_of_its_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, end: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VMMANAGER_PASSWORD", f" pass word {end}")
    settings = load_settings(checks=lambda _: ())
    assert settings.vmmanager_password is not None
    assert settings.vmmanager_password.get_secret_value() == " pass word "


@pytest.mark.parametrize(("value", "noted"), [('"secret"', True), ("'secret'", True), ('se"cret', False), ('"', False)])
def test_quotes_around_a_secret_are_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, value: str, noted: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VMMANAGER_PASSWORD", value)
    notes = [note for note in load_settings(checks=lambda _: ()).notes if "quotes" in note]
    assert len(notes) == noted
    assert "secret" not in "".join(notes)


@pytest.mark.parametrize(("value", "language"), [("ru", "ru"), ("ru_RU.UTF-8", "ru"), ("en", "en")])
def test_the_language_of_version_2_is_accepted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, value: str, language: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VM_BALANCER_LANG", value)
    assert load_settings(checks=lambda _: ()).bot_language == language
    monkeypatch.setenv("BOT_LANGUAGE", "en")
    assert load_settings(checks=lambda _: ()).bot_language == "en"


def test_a_token_replaces_user_name_and_password() -> None:
    host = "https://panel.example.com"
    assert check_panel(Settings(vmmanager_host=host, vmmanager_token=SecretStr("4-abc"))) == []
    assert [p.fields for p in check_panel(Settings(vmmanager_host=host))] == [
        ("vmmanager_username",),
        ("vmmanager_password",),
    ]


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"vm_metrics": "panel"}, "VM_METRICS=panel"),
        ({"pressure_overload": 20.0}, "PRESSURE_OVERLOAD"),
        ({"vm_metrics": "panel", "pressure_overload": 20.0, "ssh_enabled": True}, None),
        ({}, None),
    ],
)
def test_settings_that_need_ssh_are_named_where_it_is_off(given: dict[str, Any], named: str | None) -> None:
    lines = [line for line in notes(Settings(**given)) if "SSH_ENABLED" in line]
    assert [line.split(" has no effect")[0] for line in lines] == ([] if named is None else [named])


@pytest.mark.parametrize("token", ["4-a b", "4-ж", "4-a\rb", "4-\x1b[31m", '"token": "4-a"'])
def test_a_token_with_characters_that_no_token_has_is_refused_without_showing_it(token: str) -> None:
    [problem] = check_panel(Settings(vmmanager_host="https://h", vmmanager_token=SecretStr(token)))
    assert problem.fields == ("vmmanager_token",) and "copy it again" in problem.text and token not in problem.text
    assert check_panel(Settings(vmmanager_host="https://h", vmmanager_token=SecretStr(" 4-a \n"))) == []
