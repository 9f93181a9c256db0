"""The program as a library: every documented example runs unchanged, and the statements about it are true.

Examples run in a separate process (tests/fake_dns.py), with the emulated panel and chat over TLS. Only name
resolution and the trusted certificate authority differ from a real run.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
import os
import re
import shutil
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import FrozenInstanceError, is_dataclass
from datetime import datetime, timedelta, timezone
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest
from bot_fixture import HOT_WORLD, running_panel
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from processes import PATIENCE_S, ROOT
from pydantic import SecretStr
from ssh_server import USER as USER_HERE
from ssh_server import Sshd, free_port, keygen
from stack import TOKEN

import vm_balancer
from bot import errors
from bot.store.instance_lock import Instance
from sandbox.chat.server import start_chat
from sandbox.panel.server import RunningPanel
from vm_balancer import (
    BalancerError,
    ChatError,
    ClusterInfo,
    ConfigError,
    InstanceRunning,
    MigrationState,
    MoveState,
    NodeInfo,
    PanelUnavailable,
    Settings,
    SSHMonitor,
    TelegramNotifier,
    VMBalancer,
    VMInfo,
    VMManagerAPI,
)

SEED_SIMPLE = """\
from vm_balancer import VMBalancer
import asyncio

async def main():
    # Create a balancer with configuration
    balancer = VMBalancer(config_path='.env', dry_run=True)

    # Perform a single balancing run
    await balancer.run_once()

if __name__ == "__main__":
    asyncio.run(main())
"""
SEED_COMPONENTS = """\
from vm_balancer import VMManagerAPI, TelegramNotifier

# API client
api = VMManagerAPI(
    host="https://vmmanager.example.com",
    username="admin", 
    password="password"
)

# Notifications
notifier = TelegramNotifier(
    bot_token="your_bot_token",
    chat_id="your_chat_id",
    enabled=True
)

# Get clusters
clusters = await api.get_clusters()
"""  # noqa: W291
"""Both examples of the specification, character for character."""
SEED_NAMES = ("VMBalancer", "VMManagerAPI", "TelegramNotifier", "SSHMonitor", "ClusterInfo", "NodeInfo", "VMInfo")
PANEL_HOST, TELEGRAM_HOST = "vmmanager.example.com", "api.telegram.org"
USER, PASSWORD = "admin", "password"
CHAT = -1001000000001


def documented_examples() -> list[str]:
    page = (ROOT / "docs" / "library.md").read_text("utf-8")
    return re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)


# The remote servers ---------------------------------------------------------------------------------


def certificate(folder: Path, *hosts: str) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "fake servers")])
    now = datetime.now(timezone.utc)
    cert = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    files = folder / "cert.pem", folder / "key.pem"
    private = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    files[0].write_bytes(cert.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(key.private_bytes(*private))
    return files


@asynccontextmanager
async def tls_front(url: str, context: ssl.SSLContext) -> AsyncIterator[int]:
    """A port that speaks TLS before a server that does not."""

    async def pipe(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65536):
                sink.write(data)
                await sink.drain()
        except ConnectionError:
            pass
        finally:
            sink.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_connection(urlsplit(url).hostname, urlsplit(url).port)
        await asyncio.gather(pipe(reader, inner_writer), pipe(inner_reader, writer))

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


class ScriptRunner:
    """A panel and a chat under their public host names, and a folder to run scripts in."""

    def __init__(self, folder: Path, panel: RunningPanel, chat: Any, env: dict[str, str]) -> None:
        self.folder = folder
        self.panel = panel
        self.chat = chat
        self._env = env

    async def run(self, text: str, *names: str, quiet: bool = True, **env: str) -> list[str]:
        """The output of the text and then of ``names``. Python's own warnings (unclosed resources) are part of it."""
        path = self.folder / "text.py"
        path.write_text(text, "utf-8")
        command = (sys.executable, "-W", "always::ResourceWarning", str(ROOT / "tests" / "fake_dns.py"), str(path))
        program = await asyncio.create_subprocess_exec(
            *command,
            *names,
            env=self._env | env,
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        out, err = await asyncio.wait_for(program.communicate(), PATIENCE_S)
        path.unlink()
        assert program.returncode == 0, err.decode()
        assert not (quiet and err), err.decode()
        return out.decode().splitlines()

    async def posted(self) -> list[str]:
        async with aiohttp.ClientSession() as http, http.get(f"{self.chat.url}/sandbox/messages?chat_id={CHAT}") as r:
            document = await r.json()
        return [m["text"] for m in (document["messages"] if isinstance(document, dict) else document) if m["from_bot"]]


@pytest.fixture
async def script_runner(tmp_path: Path) -> AsyncIterator[ScriptRunner]:
    files = certificate(tmp_path, PANEL_HOST, TELEGRAM_HOST)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*files)
    world = running_panel(HOT_WORLD, user=USER, password=PASSWORD, speed=1, migration_s=0.3)
    async with world as panel, await start_chat(token=TOKEN) as chat:  # noqa: SIM117
        async with tls_front(panel.url, context) as panel_port, tls_front(chat.url, context) as chat_port:
            folder = tmp_path / "here"
            folder.mkdir()
            (folder / ".env").write_text(
                f"VMMANAGER_HOST=https://{PANEL_HOST}\nVMMANAGER_USERNAME={USER}\nVMMANAGER_PASSWORD={PASSWORD}\n"
                "TASK_POLL_INTERVAL=0.1\n",
                "utf-8",
            )
            env = {
                "PATH": os.environ["PATH"],
                "PYTHONPATH": str(ROOT),
                "HOME": str(tmp_path),
                "SSL_CERT_FILE": str(files[0]),
                "FAKE_DNS_PORTS": json.dumps({PANEL_HOST: panel_port, TELEGRAM_HOST: chat_port}),
                "TELEGRAM_BOT_TOKEN": TOKEN,
                "TELEGRAM_CHAT_ID": str(CHAT),
                "TELEGRAM_ADMIN_IDS": "1001",
            }
            yield ScriptRunner(folder, panel, chat, env)


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[Sshd]:
    """A node that accepts the key in the home folder of the examples."""
    (tmp_path / ".ssh").mkdir(mode=0o700)
    key = keygen(tmp_path / ".ssh" / "id_ed25519")
    server = Sshd(tmp_path / "sshd", key.with_suffix(".pub").read_text()).start()
    yield server
    server.stop()


def left_in(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


# The seed's examples, and ours ---------------------------------------------------------------------


async def test_simple_example_of_the_specification_runs_unchanged(script_runner: ScriptRunner) -> None:
    result = await script_runner.run(SEED_SIMPLE, TELEGRAM_BOT_TOKEN="")
    assert result == [], "a library prints nothing"
    assert left_in(script_runner.folder) == [".env"], "a dry run leaves nothing behind"
    assert script_runner.panel.requests.since(0, "/vm/v3/host", "GET") and not script_runner.panel.requests.since(
        0, "/vm/v3/host", "POST"
    )


async def test_component_example_of_the_specification_runs_unchanged_without_warnings(
    script_runner: ScriptRunner,
) -> None:
    [clusters] = await script_runner.run(SEED_COMPONENTS, "clusters")
    assert clusters.startswith("[Cluster(id=1, name='Production'")


def test_documentation_has_the_examples_of_the_specification_word_for_word() -> None:
    examples = documented_examples()
    assert SEED_SIMPLE in examples and SEED_COMPONENTS in examples and len(examples) == 4


async def test_documented_example_without_chat_and_database_runs(script_runner: ScriptRunner) -> None:
    [text] = [e for e in documented_examples() if ":memory:" in e]
    result = await script_runner.run(text)
    assert result == ["Production 1 overloaded, 1 moves", "big-0 -> cool succeeded"]
    [big] = [vm for vm in script_runner.panel.world.vms.values() if vm.name == "big-0"]
    assert script_runner.panel.world.nodes[big.node].name == "cool"
    assert left_in(script_runner.folder) == [".env"]
    assert await script_runner.posted() == []


@pytest.mark.ssh
async def test_documented_example_of_the_components_runs(script_runner: ScriptRunner, sshd: Sshd) -> None:
    for node in script_runner.panel.world.nodes.values():
        port = sshd.port if node.name == "hot" else free_port()
        script_runner.panel.world.set_node(node, ip="127.0.0.1", port=port, ssh_user=USER_HERE)
    [text] = [e for e in documented_examples() if "SSHMonitor" in e]
    assert await script_runner.run(text) == []
    [posted] = await script_runner.posted()
    hot, *others = posted.splitlines()
    assert re.fullmatch(r"hot: \d+\.\d+", hot), "its load"
    assert [line.split(":")[0] for line in others] == ["cool", "mild"]
    assert all("127.0.0.1" in line for line in others), "why they could not be read"
    result = await script_runner.run(text, TELEGRAM_BOT_TOKEN="123456:WRONG-TOKEN")
    assert len(result) == 1 and result[0].startswith("nobody was told: ") and "WRONG" not in result[0]
    assert await script_runner.posted() == [posted]


async def test_components_that_are_never_closed_end_with_the_event_loop(script_runner: ScriptRunner) -> None:
    text = f"""\
import asyncio
from vm_balancer import TelegramNotifier, VMManagerAPI
api = VMManagerAPI("https://{PANEL_HOST}", "{USER}", "{PASSWORD}")
notifier = TelegramNotifier("{TOKEN}", "{CHAT}")
async def use():
    await notifier.send("<b>as it stands</b>")
    return len(await api.get_clusters())
counts = [asyncio.run(use()), asyncio.run(use())]
"""
    assert await script_runner.run(text, "counts") == ["[1, 1]"]
    assert await script_runner.posted() == ["<b>as it stands</b>"] * 2


# Statements of the documentation -------------------------------------------------------------------


@pytest.fixture
async def panel() -> AsyncIterator[RunningPanel]:
    async with running_panel(speed=1, migration_s=0.2) as running:
        yield running


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty folder, no setting in the environment, the loggers as they were."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    folder = tmp_path / "cwd"
    folder.mkdir()
    monkeypatch.chdir(folder)
    ours = logging.getLogger("bot")
    level = ours.level
    yield
    ours.setLevel(level)


def settings(panel: RunningPanel, **given: Any) -> Settings:
    login = {
        "vmmanager_host": panel.url,
        "vmmanager_username": "admin@example.com",
        "balance_strategy": "smallest-first",
    }
    more = {"database_path": Path(":memory:"), "task_poll_interval": 0.1, **given}
    return Settings(**login, vmmanager_password=SecretStr("secret"), **more)  # type: ignore[arg-type]


def test_names_and_arguments_of_the_specification_keep_their_order() -> None:
    for name in SEED_NAMES:
        assert getattr(vm_balancer, name) and name in vm_balancer.__all__ and name in dir(vm_balancer)

    def positional(what: Any) -> list[str]:
        kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD,)
        return [p.name for p in inspect.signature(what).parameters.values() if p.kind in kinds]

    assert positional(VMBalancer) == ["config_path", "dry_run", "verbose"]
    assert positional(VMManagerAPI) == ["host", "username", "password"]
    assert positional(TelegramNotifier) == ["bot_token", "chat_id", "enabled"]
    assert positional(SSHMonitor) == ["username", "private_key_path", "password", "timeout_s", "hosts_mapping"]
    with pytest.raises(AttributeError, match="VMBalancr"):
        vm_balancer.VMBalancr  # type: ignore[attr-defined]  # noqa: B018


def test_every_public_name_exists_and_every_error_is_public() -> None:
    assert all(hasattr(vm_balancer, name) for name in vm_balancer.__all__)
    tree = {e.__name__ for e in vars(errors).values() if isinstance(e, type) and issubclass(e, BalancerError)}
    assert tree <= set(vm_balancer.__all__)
    assert all(issubclass(getattr(vm_balancer, name), BalancerError) for name in tree)


def test_import_loads_no_large_library_and_logs_nothing() -> None:
    code = (
        "import sys, vm_balancer, logging\n"
        "vm_balancer.PanelError, vm_balancer.NodeInfo\n"
        "assert not {'aiogram', 'aiohttp', 'asyncssh', 'pydantic'} & sys.modules.keys()\n"
        "assert not logging.getLogger().handlers"
    )
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


async def test_results_are_frozen_dataclasses(panel: RunningPanel) -> None:
    async with VMManagerAPI(panel.url, "admin@example.com", "secret") as api:
        results = [(await api.get_clusters())[0], (await api.get_nodes())[0], (await api.get_vms())[0]]
    assert [type(x) for x in results] == [ClusterInfo, NodeInfo, VMInfo]
    one: Any
    for one in results:
        assert is_dataclass(one)
        with pytest.raises(FrozenInstanceError):
            setattr(one, "name", "x")  # noqa: B010


async def test_dry_run_reports_and_approves_nothing(panel: RunningPanel) -> None:
    async with VMBalancer(settings=settings(panel), dry_run=True) as balancer:
        report = await balancer.run_once()
        [result] = report.results
        assert report.outcome == "done" and result.published is None
        assert result.plan is not None and [m.vm_name for m in result.plan.moves] == ["small-a"]
        assert await balancer.waiting() == []
        with pytest.raises(ConfigError, match="DRY_RUN"):
            await balancer.approve([])


async def test_code_can_plan_decide_and_migrate(panel: RunningPanel) -> None:
    given = settings(panel, max_migrations_per_cycle=2)
    async with VMBalancer(settings=given) as balancer:
        [plan] = await balancer.plan("Production")
        assert [m.vm_name for m in plan.moves] == ["small-a", "small-b"] and await balancer.waiting() == []
        report = await balancer.run_once()
        [proposal] = await balancer.waiting()
        assert report.proposed == (proposal.id,)
        first, second = proposal.pending
        [done] = await balancer.approve([first], by="nightly job")
        await balancer.skip([second])
        assert done.migration is not None and done.migration.state is MigrationState.SUCCEEDED
        assert done.decided_by is not None and (done.decided_by.kind.value, done.decided_by.name) == (
            "code",
            "nightly job",
        )
        assert await balancer.waiting() == []
        [again] = await balancer.approve([second])
        assert again.state is MoveState.SKIPPED and again.migration is None, "the first word counts"
        await balancer.run_once()
        next_one, *_ = (await balancer.waiting())[0].pending
        [failed] = await _while_it_fails(panel, balancer.approve([next_one]))
        assert failed.migration is not None and failed.migration.state is MigrationState.FAILED
    assert [panel.world.vms[i].node for i in (11, 12)] == [2, 1]
    assert list(Path.cwd().iterdir()) == []


async def _while_it_fails(panel: RunningPanel, work: Any) -> Any:
    panel.faults.add("migrate_fails", output="qemu: no")
    return await work


async def test_balancer_can_be_opened_again_after_close(panel: RunningPanel) -> None:
    balancer = VMBalancer(settings=settings(panel, balance_mode="auto"))
    for name in ("small-a", "small-b"):
        report = await balancer.run_once()
        assert report.results[0].plan is not None and [m.vm_name for m in report.results[0].plan.moves] == [name]
    assert [panel.world.vms[i].node for i in (11, 12)] == [2, 2]


async def test_run_continues_until_stop(panel: RunningPanel) -> None:
    async with VMBalancer(settings=settings(panel, balance_mode="auto")) as balancer:
        running = asyncio.create_task(balancer.run())
        deadline = asyncio.get_running_loop().time() + PATIENCE_S
        while panel.world.vms[11].node != 2:
            assert asyncio.get_running_loop().time() < deadline and not running.done()
            await asyncio.sleep(0.02)
        balancer.stop()
        await running


async def test_dry_run_creates_no_database_and_changes_none(panel: RunningPanel, tmp_path: Path) -> None:
    path = tmp_path / "bot.db"
    given = settings(panel, database_path=path)
    await VMBalancer(settings=given, dry_run=True).run_once()
    assert not path.exists()
    async with VMBalancer(settings=given) as worker:
        await worker.run_once()
        looking = VMBalancer(settings=given, dry_run=True)
        assert (await looking.run_once()).outcome == "done", "it may look while another one works"
        with pytest.raises(InstanceRunning):
            await VMBalancer(settings=given).run_once()
        with pytest.raises(InstanceRunning):
            await looking.run()
        assert len(await worker.waiting()) == 1
    Instance(path).acquire(datetime.now(timezone.utc))


async def test_arguments_override_given_settings(panel: RunningPanel) -> None:
    async with VMBalancer(None, True, True, settings=settings(panel, dry_run=False)) as balancer:
        assert balancer.settings.dry_run and balancer.settings.log_level == "DEBUG"
        assert logging.getLogger("bot").isEnabledFor(logging.DEBUG)
    async with VMBalancer(dry_run=False, settings=settings(panel, dry_run=True)) as balancer:
        assert not balancer.settings.dry_run


async def test_all_errors_share_one_base_class(panel: RunningPanel) -> None:
    with pytest.raises(ConfigError, match=r"'no\.env' does not exist"):
        await VMBalancer("no.env").run_once()
    with pytest.raises(ConfigError, match=r"there is no \.env in .*vm-balancer init"):
        await VMBalancer().plan()
    with pytest.raises(ConfigError):
        VMManagerAPI("not an address", "u", "p")
    with pytest.raises(ConfigError):
        SSHMonitor(hosts_mapping={"n": "a b"})
    with pytest.raises(PanelUnavailable):
        await VMManagerAPI("http://127.0.0.1:9", "u", "p").get_clusters()
    panel.faults.add("http_500", path="/vm/")
    with pytest.raises(PanelUnavailable):
        await VMBalancer(settings=settings(panel), dry_run=True).run_once()
    report = await VMBalancer(settings=settings(panel)).run_once()
    assert report.outcome == "failed" and report.problem


# The notifier alone --------------------------------------------------------------------------------


async def test_disabled_notifier_needs_no_settings_and_sends_nothing() -> None:
    for notifier in (TelegramNotifier(enabled=False), TelegramNotifier("", "", False)):
        await notifier.send("x")
        await notifier.close()
    for missing in ({}, {"bot_token": TOKEN}, {"chat_id": 1}, {"bot_token": "", "chat_id": ""}):
        with pytest.raises(ConfigError, match="bot_token and chat_id"):
            TelegramNotifier(**missing)


async def test_message_that_telegram_rejects_raises_chat_error() -> None:
    async with await start_chat(token=TOKEN) as chat:
        for token, chat_id, wanted in (
            ("your_bot_token", "your_chat_id", "does not look like a token"),
            (TOKEN, "your_chat_id", "chat not found"),
            ("1:wrong-token", CHAT, "Unauthorized"),
        ):
            async with TelegramNotifier(token, chat_id, api_url=chat.url) as notifier:
                with pytest.raises(ChatError, match=f"(?i){wanted}") as caught:
                    await notifier.send("x")
            assert token not in str(caught.value) and token not in repr(notifier)


async def test_message_goes_to_the_group_if_its_topic_is_deleted(caplog: pytest.LogCaptureFixture) -> None:
    async with await start_chat(token=TOKEN) as chat:
        forum = next(c for c in chat.state.chats.values() if c.id < 0)
        forum.is_forum = True
        async with TelegramNotifier(TOKEN, forum.id, api_url=chat.url, thread_id=4711) as notifier:
            await notifier.send("one")
            await notifier.send("two")
        sent = [m for (c, _), m in sorted(chat.state.messages.items()) if c == forum.id]
        assert [m.content.text for m in sent] == ["one", "two"]
    assert caplog.text.count("there is no topic 4711 now") == 1


# Types ---------------------------------------------------------------------------------------------

USES = """\
import asyncio

from vm_balancer import ClusterInfo, Plan, VMBalancer, VMManagerAPI, load_settings


async def main() -> list[ClusterInfo]:
    async with VMBalancer(settings=load_settings({"dry_run": True})) as balancer:
        plans: tuple[Plan, ...] = await balancer.plan()
        reveal_type(plans[0].moves[0].memory_mib)
    return await VMManagerAPI("h", "u", "p").get_clusters()


asyncio.run(main())
VMBalancer(config_path=3)
from vm_balancer import Nonsense
"""


@pytest.mark.slow
def test_installed_copy_is_typed(tmp_path: Path) -> None:
    """Another environment that has the three packages and sees the libraries of this one."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "env")], check=True)
    python = tmp_path / "env" / ("Scripts" if os.name == "nt" else "bin") / "python"
    where = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = Path(subprocess.run([python, "-c", where], capture_output=True, text=True, check=True).stdout.strip())
    for name in ("vm_balancer", "bot", "balancer"):
        shutil.copytree(ROOT / name, site / name, ignore=shutil.ignore_patterns("__pycache__"))
    (site / "libraries.pth").write_text(str(Path(str(metadata.distribution("mypy").locate_file("")))), "utf-8")
    (tmp_path / "uses.py").write_text(USES, "utf-8")
    command = [sys.executable, "-m", "mypy", "--strict", "--python-executable", str(python), "uses.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    texts = [line.split(": ", 1)[-1] for line in done.stdout.splitlines()]
    assert texts[0] == 'note: Revealed type is "int"', done.stdout
    assert texts[1].startswith('error: Argument "config_path" to "VMBalancer" has incompatible type "int"')
    assert texts[2].startswith('error: Module "vm_balancer" has no attribute "Nonsense"')
    assert len(texts) == 4, done.stdout


def test_docstrings_are_required_of_every_module_with_public_names() -> None:
    [line] = [
        line for line in (ROOT / "pyproject.toml").read_text("utf-8").splitlines() if line.endswith('.py" = ["D"]')
    ]
    required = set(line.partition("!{")[2].partition("}")[0].split(","))
    homes = {module.replace(".", "/") for module in vm_balancer._HOMES} - {"balancer/model"}
    assert required == {"balancer/**", "vm_balancer/**", "bot/errors", *homes}
