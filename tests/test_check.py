"""`vm-balancer check` names the right fault of a panel, a chat or an SSH server.

Each test breaks one thing and expects that exactly one line fails and names the settings to change.
"""

from __future__ import annotations

import asyncio
import json
import os
import pty
import sqlite3
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from bot_fixture import running_panel
from certificates import Issued, issue
from processes import PATIENCE_S, ROOT, Bot
from ssh_server import USER, Sshd, free_port, keygen, require_sshd
from stack import ANNA, BORIS, GROUP, TOKEN, VERA, plain

from bot.app.program import VMBalancer
from bot.cli import BAD_SETTINGS, main
from bot.cli.arguments import OPTIONS
from bot.cli.checks.run import run_checks
from bot.cli.checks.sheet import CHECKS, PANEL, TELEGRAM, CheckStatus, Line
from bot.config.loading import find_settings, load_settings
from bot.config.settings import Settings, env_name
from bot.domain.heartbeat import Heartbeat
from bot.errors import PanelError
from bot.rendering.catalog import texts_for
from bot.store.database import SCHEMA_VERSION
from bot.store.store import Store
from sandbox.chat.server import RunningChat, start_chat
from sandbox.nodes.files import NodeFiles, scope_name
from sandbox.nodes.sshd import NodeServer
from sandbox.panel.server import RunningPanel

PASSWORD = "hunter2/ß%"
HANDED = (
    "exclusions",
    "held",
    "outcomes",
    "ssh",
    "telegram-chats",
    "telegram-escalation",
    "telegram-test",
    "panel-certificate",
)
"""Checks that run only if there is something to check."""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder, a separate home, and no setting in the environment."""
    for name in (*map(env_name, Settings.model_fields), "SSH_AUTH_SOCK"):
        monkeypatch.delenv(name, raising=False)
    work = tmp_path / "work"
    work.mkdir()
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(work)
    return work


class Place:
    """A panel and a chat without faults, and their settings."""

    def __init__(self, panel: RunningPanel, chat: RunningChat) -> None:
        self.panel = panel
        self.chat = chat
        self.settings: dict[str, str] = {
            "vmmanager_host": panel.url,
            "vmmanager_username": "admin@example.com",
            "vmmanager_password": PASSWORD,
            "telegram_bot_token": TOKEN,
            "telegram_api_url": chat.url,
            "telegram_chat_id": str(GROUP),
            "telegram_admin_ids": f"{ANNA},{BORIS}",
            "telegram_viewer_ids": str(VERA),
        }

    async def lines(self, *, send_test: bool = False, **changes: str | None) -> list[Line]:
        given = {k: v for k, v in {**self.settings, **changes}.items() if v is not None}
        settings_file = find_settings(given, options=OPTIONS)
        texts = texts_for(settings_file.settings.bot_language)
        return [line async for line in run_checks(settings_file, texts, send_test=send_test)]

    @property
    def logins(self) -> int:
        return len(self.panel.requests.since(0, "/auth/v4/public/token", "POST"))


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    async with running_panel(password=PASSWORD) as panel, await start_chat() as chat:
        yield Place(panel, chat)


def with_status(lines: list[Line], status: CheckStatus) -> list[Line]:
    return [line for line in lines if line.status is status]


def the_fault(lines: list[Line], check: str, *settings: str) -> str:
    """The text of the one line that fails; it names these settings, and nothing else has a fault or a warning."""
    troubled = [
        (line.status.value, line.check, line.text)
        for line in lines
        if line.status in (CheckStatus.FAIL, CheckStatus.WARN)
    ]
    assert [row[:2] for row in troubled] == [("fail", check)], troubled
    [line] = with_status(lines, CheckStatus.FAIL)
    assert set(settings) <= set(line.settings), line.text
    assert PASSWORD not in line.text
    return line.text


def the_warning(lines: list[Line], check: str) -> str:
    assert [
        (line.status.value, line.check) for line in lines if line.status in (CheckStatus.FAIL, CheckStatus.WARN)
    ] == [("warn", check)]
    return with_status(lines, CheckStatus.WARN)[0].text


def skipped(lines: list[Line]) -> set[str]:
    return {line.check for line in with_status(lines, CheckStatus.SKIP)}


def after(check: str) -> set[str]:
    """The checks that come after those of the panel."""
    return set(PANEL[PANEL.index(check) + 1 :])


async def test_check_reports_ok_and_changes_nothing(place: Place, folder: Path) -> None:
    lines = await place.lines()
    assert {line.status for line in lines} == {CheckStatus.OK}, [
        line.text for line in lines if line.status is not CheckStatus.OK
    ]
    assert [line.check for line in lines] == [c for c in CHECKS if c not in HANDED]
    text = {line.check: line.text for line in lines}
    assert "1 cluster: Production (1)" in text["clusters"] and "3 nodes, 11 VMs" in text["nodes"]
    assert "admin@example.com can log in" in text["panel-login"] and "3 people" in text["telegram-people"]
    assert list(folder.iterdir()) == [], "no database, no log, no host keys"
    posts = place.panel.requests.since(0, "", "POST")
    assert [row["path"] for row in posts] == ["/auth/v4/public/token"], "it logs in once and changes nothing"
    assert place.chat.state.messages == {}


async def test_check_reports_in_both_languages(place: Place) -> None:
    russian = await place.lines(bot_language="ru")
    assert [line.status for line in russian] == [line.status for line in await place.lines()]
    assert any("Кластеры" in line.title for line in russian)


# --- the panel


async def test_wrong_password_is_reported(place: Place) -> None:
    lines = await place.lines(vmmanager_password="other")
    assert "Invalid email or password" in the_fault(lines, "panel-login", "VMMANAGER_USERNAME", "VMMANAGER_PASSWORD")
    assert skipped(lines) == after("panel-login")
    assert place.logins == 1, "tried once: more could lock the account"


async def test_host_without_an_address_is_reported(place: Place) -> None:
    lines = await place.lines(vmmanager_host="https://panel.invalid")
    assert "panel.invalid has no address" in the_fault(lines, "panel-name", "VMMANAGER_HOST")
    assert skipped(lines) == after("panel-name")


async def test_closed_port_is_reported(place: Place) -> None:
    lines = await place.lines(vmmanager_host=f"http://127.0.0.1:{free_port()}")
    assert "nothing listens at 127.0.0.1:" in the_fault(lines, "panel-port", "VMMANAGER_HOST")
    assert skipped(lines) == after("panel-port")


@asynccontextmanager
async def web_server(answer: bytes) -> AsyncIterator[tuple[str, list[bytes]]]:
    """The server of somebody else: its address, and the requests that it received."""
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError):
            heard.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(answer)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", heard


def page(status: str, body: bytes, *headers: str) -> bytes:
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join([*head, "", ""]).encode() + body


STRANGERS = {
    "a web site": page("200 OK", b"<html>Welcome</html>", "Content-Type: text/html"),
    "another API": page("404 Not Found", b'{"error": {"code": 7, "msg": "no such page"}}'),
    "JSON of another kind": page("200 OK", b'{"hello": "world"}', "Content-Type: application/json"),
}


@pytest.mark.parametrize("kind", STRANGERS)
async def test_a_host_that_is_no_vmmanager_does_not_get_the_password(kind: str, place: Place) -> None:
    async with web_server(STRANGERS[kind]) as (url, heard):
        lines = await place.lines(vmmanager_host=url)
    assert "is not VMmanager 6" in the_fault(lines, "panel-kind", "VMMANAGER_HOST")
    assert skipped(lines) == after("panel-kind")
    assert [request.split(b" ")[0] for request in heard] == [b"GET"]


async def test_redirecting_address_is_reported(place: Place) -> None:
    moved = page("301 Moved Permanently", b"", "Location: https://panel.example/vm")
    async with web_server(moved) as (url, heard):
        lines = await place.lines(vmmanager_host=url)
    assert "redirects to https://panel.example/vm" in the_fault(lines, "panel-kind", "VMMANAGER_HOST")
    assert len(heard) == 1


async def test_starting_panel_is_reported(place: Place) -> None:
    place.panel.faults.add("http_503", path="/vm/v3/cluster", count=1)
    assert "starting" in the_warning(await place.lines(), "panel-kind"), "and by then it has started"
    closed = page("401 Unauthorized", b"<html>who are you?</html>")
    async with web_server(closed) as (url, _):
        lines = await place.lines(vmmanager_host=url)
    assert [line.check for line in with_status(lines, CheckStatus.WARN)] == ["panel-kind"]
    assert [line.check for line in with_status(lines, CheckStatus.FAIL)] == ["panel-login"]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Issued:
    return issue(tmp_path_factory.mktemp("ca"), "Test CA", ca=True)


@asynccontextmanager
async def tls_panel(place: Place, certificate: Issued) -> AsyncIterator[str]:
    async with running_panel(password=PASSWORD, tls=certificate.server()) as panel:
        yield panel.url


async def with_certificate(place: Place, certificate: Issued, **changes: str) -> list[Line]:
    async with tls_panel(place, certificate) as url:
        return await place.lines(vmmanager_host=url, **changes)


async def test_self_signed_certificate_is_reported(place: Place, tmp_path: Path) -> None:
    own = issue(tmp_path, "self")
    lines = await with_certificate(place, own)
    text = the_fault(lines, "panel-certificate", "VMMANAGER_CA_FILE", "VERIFY_SSL")
    assert "self-signed" in text
    assert skipped(lines) == after("panel-certificate")
    lines = await with_certificate(place, own, vmmanager_ca_file=str(own.cert_file))
    assert {line.status for line in lines} == {CheckStatus.OK}, "the remedy helps"
    lines = await with_certificate(place, own, verify_ssl="false")
    assert "would not pass" in the_warning(lines, "panel-certificate"), "the other remedy helps, with a warning"


async def test_expired_certificate_is_reported(place: Place, tmp_path: Path, authority: Issued) -> None:
    old = issue(tmp_path, "old", authority, days=(-20, -10))
    lines = await with_certificate(place, old, vmmanager_ca_file=str(authority.cert_file))
    assert "it has expired" in the_fault(lines, "panel-certificate", "VERIFY_SSL")
    assert skipped(lines) == after("panel-certificate")


async def test_certificate_that_is_not_valid_yet_is_reported(place: Place, tmp_path: Path, authority: Issued) -> None:
    early = issue(tmp_path, "early", authority, days=(10, 20))
    lines = await with_certificate(place, early, vmmanager_ca_file=str(authority.cert_file))
    assert "not valid yet" in the_fault(lines, "panel-certificate", "VERIFY_SSL")


async def test_certificate_for_another_name_is_reported(place: Place, tmp_path: Path, authority: Issued) -> None:
    other = issue(tmp_path, "other", authority, names=("panel.example", "www.panel.example"))
    lines = await with_certificate(place, other, vmmanager_ca_file=str(authority.cert_file))
    text = the_fault(lines, "panel-certificate", "VMMANAGER_HOST")
    assert "it is for panel.example, www.panel.example, not for 127.0.0.1" in text


async def test_certificate_of_an_unknown_issuer_is_reported(place: Place, tmp_path: Path, authority: Issued) -> None:
    fine = issue(tmp_path, "fine", authority)
    lines = await with_certificate(place, fine)
    assert "issuer is not known" in the_fault(lines, "panel-certificate", "VMMANAGER_CA_FILE", "VERIFY_SSL")
    lines = await with_certificate(place, fine, vmmanager_ca_file=str(authority.cert_file))
    assert {line.status for line in lines} == {CheckStatus.OK}
    assert "valid until" in next(line.text for line in lines if line.check == "panel-certificate")


async def test_the_program_itself_uses_the_ca_file(place: Place, tmp_path: Path, authority: Issued) -> None:
    fine = issue(tmp_path, "fine", authority)
    async with tls_panel(place, fine) as url:
        given = {**place.settings, "vmmanager_host": url, "database_path": ":memory:", "telegram_notifications": "no"}
        async with VMBalancer(settings=load_settings(given)) as balancer:
            with pytest.raises(PanelError, match="VMMANAGER_CA_FILE"):
                await balancer.plan()
        given["vmmanager_ca_file"] = str(authority.cert_file)
        async with VMBalancer(settings=load_settings(given)) as balancer:
            [plan] = await balancer.plan()
            assert plan.cluster_name == "Production"


async def test_certificate_that_expires_soon_is_a_warning(place: Place, tmp_path: Path, authority: Issued) -> None:
    soon = issue(tmp_path, "soon", authority, days=(-80, 7))
    lines = await with_certificate(place, soon, vmmanager_ca_file=str(authority.cert_file))
    assert "it expires on" in the_warning(lines, "panel-certificate")


async def test_unusable_ca_file_is_reported(place: Place, tmp_path: Path, authority: Issued) -> None:
    (tmp_path / "empty.pem").write_text("nothing\n")
    lines = await with_certificate(place, authority, vmmanager_ca_file=str(tmp_path / "empty.pem"))
    the_fault(lines, "panel-certificate", "VMMANAGER_CA_FILE")
    lines = await with_certificate(place, authority, vmmanager_ca_file=str(tmp_path / "none.pem"))
    assert with_status(lines, CheckStatus.FAIL)[0].check == "settings"


async def test_http_instead_of_https_is_reported(place: Place) -> None:
    lines = await place.lines(vmmanager_host=place.panel.url.replace("http:", "https:"))
    assert "does not speak TLS" in the_fault(lines, "panel-certificate", "VMMANAGER_HOST")


async def test_read_only_account_is_reported(place: Place) -> None:
    reader = {"vmmanager_username": "readonly@example.com"}
    lines = await place.lines(**reader)
    text = the_fault(lines, "panel-rights", "VMMANAGER_USERNAME", "DRY_RUN")
    assert "read-only (@admin.readonly)" in text
    assert skipped(lines) == set(), "it reads, so everything else is tested"
    lines = await place.lines(**reader, dry_run="true")
    assert {line.status for line in lines} == {CheckStatus.OK}, "enough for a dry run"


async def test_differing_clocks_are_reported(place: Place) -> None:
    for ahead, words in ((7_230.0, "2 h ahead of"), (-3 * 86_400 - 60.0, "3 d behind")):
        place.panel.faults.clear()
        place.panel.faults.add("clock_ahead", ahead=ahead)
        assert words in plain(the_warning(await place.lines(), "panel-clock"))


async def test_unknown_cluster_is_reported(place: Place) -> None:
    lines = await place.lines(cluster_ids="1,7,8")
    assert "no cluster 7, 8, only Production (1)" in the_fault(lines, "clusters", "CLUSTER_IDS")
    assert skipped(lines) == after("clusters")


async def test_exclusion_of_an_unknown_node_is_reported(place: Place) -> None:
    lines = await place.lines(exclude_source_nodes="HOT,2", exclude_target_nodes="cold,3")
    text = the_fault(lines, "exclusions", "EXCLUDE_TARGET_NODES")
    assert "no node cold; nearest: cool" in text and "EXCLUDE_SOURCE_NODES" not in text


async def test_unknown_versions_are_reported(place: Place) -> None:
    place.panel.faults.add("missing_fields", path="/vm/v3/node", fields=["qemu_version"], ids=[2])
    assert "1 node is not known (cool)" in the_warning(await place.lines(), "versions")
    lines = await place.lines(allow_unknown_versions="true")
    assert {line.status for line in lines} == {CheckStatus.OK}


async def test_failing_panel_is_not_reported_as_a_wrong_login(place: Place) -> None:
    place.panel.faults.add("broken_json", path="/vm/v3/host")
    fault = the_fault(await place.lines(), "clusters")
    assert "no JSON" in fault and "VMMANAGER_USERNAME" not in fault
    place.panel.faults.clear()
    place.panel.faults.add("http_500", path="/auth/v4/public/token")
    the_fault(await place.lines(), "panel-login")


# --- Telegram


@pytest.mark.parametrize("in_file", [False, True])
async def test_refused_token_says_where_to_put_a_new_one(place: Place, folder: Path, in_file: bool) -> None:
    (folder / "token").write_text("4-expired")
    given = {"vmmanager_token_file": str(folder / "token")} if in_file else {"vmmanager_token": "4-expired"}
    lines = await place.lines(vmmanager_username=None, vmmanager_password=None, **given)
    text = the_fault(lines, "panel-login", "VMMANAGER_TOKEN_FILE" if in_file else "VMMANAGER_TOKEN")
    assert "docs/first-contact.md" in text and "VMMANAGER_PASSWORD" not in text and "4-expired" not in text
    assert place.logins == 0


async def test_bad_token_is_reported(place: Place) -> None:
    lines = await place.lines(telegram_bot_token="123456:ANOTHER-TOKEN")
    assert "Telegram does not know the token" in the_fault(lines, "telegram-token", "TELEGRAM_BOT_TOKEN")
    assert skipped(lines) == set(TELEGRAM[1:])
    assert "ANOTHER-TOKEN" not in "".join(line.text for line in lines)


@pytest.mark.parametrize("status", ["left", "kicked"])
async def test_bot_outside_the_chat_is_reported(status: str, place: Place) -> None:
    place.chat.state.chats[GROUP].bot_status = status
    lines = await place.lines(send_test=True)
    text = the_fault(lines, "telegram-posting", "TELEGRAM_CHAT_ID")
    assert "is not a member of Ops" in text
    assert skipped(lines) == {"telegram-people", "telegram-test"}


async def test_unknown_chat_is_reported(place: Place) -> None:
    lines = await place.lines(telegram_chat_id="-1009999999999")
    assert "chat not found" in the_fault(lines, "telegram-chat", "TELEGRAM_CHAT_ID")
    lines = await place.lines(telegram_chat_id="424242", telegram_admin_ids=None, telegram_viewer_ids=None)
    assert "/start" in the_fault(lines, "telegram-chat", "TELEGRAM_CHAT_ID")


async def test_escalation_chat_is_checked(place: Place) -> None:
    [line] = [x for x in await place.lines(escalation_chat_id=str(ANNA)) if x.check == "telegram-escalation"]
    assert line.status is CheckStatus.OK and str(ANNA) in line.text
    the_fault(await place.lines(escalation_chat_id="-1009999999999"), "telegram-escalation", "ESCALATION_CHAT_ID")
    the_fault(await place.lines(escalation_chat_id="424242"), "telegram-escalation", "ESCALATION_CHAT_ID")
    place.chat.state.chats[GROUP].bot_status = "left"
    lines = await place.lines(telegram_chat_id=str(ANNA), escalation_chat_id=str(GROUP))
    the_fault(lines, "telegram-escalation", "ESCALATION_CHAT_ID")
    lines = await place.lines(telegram_bot_token="1:ANOTHER-TOKEN-" + "x" * 30, escalation_chat_id=str(ANNA))
    assert "telegram-escalation" in skipped(lines)


async def test_chats_of_the_file_are_checked(place: Place, tmp_path: Path) -> None:
    path = tmp_path / "chats.toml"
    path.write_text(f"[[chats]]\nid = {ANNA}\n[[chats]]\nid = -1009999999999\n", "utf-8")
    lines = [x for x in await place.lines(chats_file=str(path)) if x.check == "telegram-chats"]
    assert [x.status for x in lines] == [CheckStatus.OK, CheckStatus.FAIL] and "CHATS_FILE" in lines[1].text
    lines = await place.lines(chats_file=str(path), telegram_chat_id=None)
    assert [x.status for x in lines if x.check == "telegram-chat"] == [CheckStatus.OK], "the first of the file"


async def test_foreign_webhook_is_reported(place: Place) -> None:
    place.chat.state.updates.set_webhook({"url": "http://127.0.0.1:9/hook", "secret_token": ""})
    assert "webhook" in the_fault(await place.lines(), "telegram-listening", "TELEGRAM_BOT_TOKEN")


async def test_unreachable_telegram_is_reported(place: Place) -> None:
    lines = await place.lines(telegram_api_url=f"http://127.0.0.1:{free_port()}")
    assert "cannot be reached" in the_fault(lines, "telegram-token", "TELEGRAM_PROXY", "TELEGRAM_API_URL")
    async with web_server(STRANGERS["a web site"]) as (url, _):
        lines = await place.lines(telegram_api_url=url)
    assert "not a working Bot API server" in the_fault(lines, "telegram-token", "TELEGRAM_API_URL")
    assert TOKEN not in "".join(line.text for line in lines)


async def test_people_whom_the_bot_cannot_reach_are_reported(place: Place) -> None:
    place.chat.state.chats[GROUP].members[BORIS] = "left"
    lines = await place.lines(telegram_admin_ids=f"{ANNA},{BORIS}")
    assert {line.status for line in lines} == {CheckStatus.OK}, "there is his private chat"
    text = the_warning(await place.lines(telegram_admin_ids=f"{ANNA},5555"), "telegram-people")
    assert text.startswith("5555 ") and "TELEGRAM_ADMIN_IDS" in text, "Anna can still approve"
    text = the_warning(await place.lines(telegram_viewer_ids="5555"), "telegram-people")
    assert "TELEGRAM_VIEWER_IDS" in text
    the_fault(await place.lines(telegram_admin_ids="5555"), "telegram-people", "TELEGRAM_ADMIN_IDS")


async def test_topics_are_checked(place: Place) -> None:
    text = the_warning(await place.lines(telegram_thread_id="5"), "telegram-chat")
    assert "has no topics" in text and "TELEGRAM_THREAD_ID" in text
    group = place.chat.state.chats[GROUP]
    group.is_forum, group.topics = True, {7: "Balancer"}
    lines = await place.lines(telegram_thread_id="7", send_test=True)
    assert {line.status for line in lines} == {CheckStatus.OK}
    lines = await place.lines(telegram_thread_id="5", send_test=True)
    assert "no topic 5" in the_fault(lines, "telegram-test", "TELEGRAM_THREAD_ID")


async def test_a_test_message_is_sent_only_on_request(place: Place) -> None:
    lines = await place.lines(send_test=True)
    assert (lines[-1].check, lines[-1].status) == ("telegram-test", CheckStatus.OK)
    [message] = place.chat.state.messages.values()
    assert message.chat.id == GROUP and message.silent and "vm-balancer check" in message.content.text


async def test_check_runs_without_telegram(place: Place) -> None:
    lines = await place.lines(telegram_bot_token=None, telegram_chat_id=None)
    assert "nobody can approve" in the_warning(lines, "telegram-token")
    lines = await place.lines(telegram_bot_token=None, telegram_chat_id=None, balance_mode="auto")
    assert skipped(lines) == {"telegram-token"} and with_status(lines, CheckStatus.WARN) == []
    lines = await place.lines(telegram_notifications="false", telegram_bot_token="1:wrong")
    assert skipped(lines) == {"telegram-token"} and with_status(lines, CheckStatus.FAIL) == []


# --- SSH


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[Sshd]:
    key = keygen(tmp_path / "id")
    server = Sshd(tmp_path / "sshd", key.with_suffix(".pub").read_text()).start()
    yield server
    server.stop()


def over_ssh(tmp_path: Path, **nodes: int) -> dict[str, str]:
    """Settings for the three nodes, each at its port of this machine."""
    mapping = {name: f"{USER}@127.0.0.1:{port}" for name, port in nodes.items()}
    return {
        "ssh_enabled": "true",
        "ssh_private_key_path": str(tmp_path / "id"),
        "ssh_hosts_mapping": json.dumps(mapping),
    }


@pytest.mark.ssh
async def test_ssh_is_checked_on_every_node(place: Place, sshd: Sshd, tmp_path: Path, folder: Path) -> None:
    lines = await place.lines(**over_ssh(tmp_path, hot=sshd.port, cool=sshd.port, mild=sshd.port))
    assert {line.status for line in lines} == {CheckStatus.OK}
    assert next(line.text for line in lines if line.check == "ssh") == "3 nodes answer: hot, cool, mild"
    assert list(folder.iterdir()) == [], "no host key is remembered"


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[NodeServer]:
    require_sshd()
    server = NodeServer(tmp_path / "nodes", [1, 2, 3])
    server.start()
    yield server
    server.stop()


async def vm_lines(place: Place, nodes: NodeServer, **changes: str) -> list[tuple[str, str]]:
    """Status and text of the lines about SSH, after the line about answering nodes."""
    names = {1: "hot", 2: "cool", 3: "mild"}
    mapping = {names[node_id]: nodes.address(node_id) for node_id in nodes.ports}
    given = {"ssh_enabled": "true", "ssh_private_key_path": str(nodes.key), "ssh_hosts_mapping": json.dumps(mapping)}
    lines = await place.lines(**given, **changes)
    return [(line.status.value, line.text) for line in lines if line.check == "ssh"][1:]


@pytest.mark.ssh
async def test_vms_that_are_found_on_their_nodes_are_counted_by_node(place: Place, nodes: NodeServer) -> None:
    files = NodeFiles({node_id: nodes.files_of(node_id) for node_id in nodes.ports})
    files.write(place.panel.world.to_dict())
    found = "the load of each VM can be read: 11 VMs were found on their nodes (hot: 10, mild: 1)"
    assert await vm_lines(place, nodes) == [("ok", found)]
    [(_, text)] = await vm_lines(place, nodes, bot_language="ru")
    assert "найдено 11\xa0ВМ (hot: 10, mild: 1)" in text
    assert await vm_lines(place, nodes, vm_metrics="off") == []


@pytest.mark.ssh
async def test_vms_that_are_not_found_on_their_node_are_reported(place: Place, nodes: NodeServer) -> None:
    world = place.panel.world
    files = NodeFiles({node_id: nodes.files_of(node_id) for node_id in nodes.ports})
    document = world.to_dict()
    files.write({**document, "vms": [vm for vm in document["vms"] if vm["id"] not in (11, 40)]})
    stray = nodes.files_of(1) / "sys/fs/cgroup/machine.slice" / scope_name(99, "stray\x1b[31m")
    stray.mkdir()
    (stray / "cpu.stat").write_text("usage_usec 5\n")
    (warned, partial), (status, none) = await vm_lines(place, nodes)
    assert (
        warned == "warn" and "hot: 9 of 10 running VMs were found" in partial and "of no known VM: stray31m" in partial
    )
    assert status == "ok" and "mild: none of 1 running VMs" in none


@pytest.mark.ssh
async def test_closed_ssh_port_is_reported(place: Place, sshd: Sshd, tmp_path: Path) -> None:
    port = free_port()
    lines = await place.lines(**over_ssh(tmp_path, hot=sshd.port, cool=port, mild=sshd.port))
    text = the_fault(lines, "ssh", "SSH_HOSTS_MAPPING")
    assert text.startswith(f"cool: nothing listens at 127.0.0.1:{port}")
    assert "2 nodes answer: hot, mild" in [line.text for line in lines]


@pytest.mark.ssh
async def test_changed_host_key_is_reported(place: Place, sshd: Sshd, tmp_path: Path, folder: Path) -> None:
    """The program's own list of host keys, beside the database."""
    remembered = folder / "vm_balancer.known_hosts"
    remembered.write_text(sshd.host_line)
    nodes = over_ssh(tmp_path, hot=sshd.port, cool=sshd.port, mild=sshd.port)
    assert {line.status for line in await place.lines(**nodes)} == {CheckStatus.OK}
    sshd.stop()
    sshd.new_host_key()
    sshd.start()
    lines = await place.lines(**nodes)
    faults = with_status(lines, CheckStatus.FAIL)
    assert [line.check for line in faults] == ["ssh"] * 3 and with_status(lines, CheckStatus.WARN) == []
    for line, name in zip(faults, ("hot", "cool", "mild"), strict=True):
        assert line.text.startswith(f"{name}: the host key of 127.0.0.1:{sshd.port} has changed")
        assert "vm_balancer.known_hosts" in line.text and "SSH_HOST_KEYS" in line.settings
    assert remembered.read_text().count("\n") == 1, "and nothing is written"


@pytest.mark.ssh
async def test_refused_ssh_login_and_locked_key_are_reported(place: Place, sshd: Sshd, tmp_path: Path) -> None:
    nodes = over_ssh(tmp_path, hot=sshd.port, cool=sshd.port, mild=sshd.port)
    stranger, locked = keygen(tmp_path / "stranger"), keygen(tmp_path / "locked", "passphrase")
    lines = await place.lines(**nodes | {"ssh_private_key_path": str(stranger)})
    assert [line.check for line in with_status(lines, CheckStatus.FAIL)] == ["ssh"] * 3
    assert all("refuses the login" in line.text for line in with_status(lines, CheckStatus.FAIL))
    lines = await place.lines(**nodes | {"ssh_private_key_path": str(locked)})
    assert "is encrypted" in the_fault(lines, "ssh", "SSH_PASSWORD"), "said once, not for every node"


async def test_silent_ssh_port_is_reported(place: Place, tmp_path: Path) -> None:
    keygen(tmp_path / "id")
    held: list[asyncio.StreamWriter] = []  # a forgotten one closes its connection, from Python 3.13 on
    silent = await asyncio.start_server(lambda reader, writer: held.append(writer), "127.0.0.1", 0)
    async with silent:
        port = silent.sockets[0].getsockname()[1]
        settings = over_ssh(tmp_path, hot=port, cool=port, mild=port) | {"ssh_timeout": "0.5"}
        faults = with_status(await place.lines(**settings), CheckStatus.FAIL)
        for writer in held:  # the server waits for them when it ends, from Python 3.12 on
            writer.close()
    assert len(faults) == 3 and all("does not answer within 0.5\u00a0s" in line.text for line in faults)


async def test_ssh_is_skipped_until_the_panel_answers(place: Place, tmp_path: Path) -> None:
    keygen(tmp_path / "id")
    lines = await place.lines(vmmanager_password="other", **over_ssh(tmp_path, hot=free_port()))
    assert {"ssh", *after("panel-login")} == skipped(lines)
    mapping = {"ssh_hosts_mapping": json.dumps({"nobody": "127.0.0.1:9"}), "ssh_timeout": "0.5"}
    lines = await place.lines(**over_ssh(tmp_path) | mapping)
    assert ["no node nobody" in line.text for line in with_status(lines, CheckStatus.WARN)] == [True]


# --- files


async def test_sound_database_is_left_unchanged(place: Place, folder: Path) -> None:
    store = Store(folder / "vm_balancer.db")
    await store.open()
    await store.close()
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    assert {line.status for line in await place.lines()} == {CheckStatus.OK}
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == before


async def test_unusable_databases_are_reported(place: Place, folder: Path) -> None:
    path = folder / "vm_balancer.db"
    path.write_bytes(b"these are somebody's notes, and no database at all" * 50)
    assert "not a database" in the_fault(await place.lines(), "database", "DATABASE_PATH")
    path.unlink()
    with sqlite3.connect(path) as db:
        db.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    db.close()
    assert "newer version" in the_fault(await place.lines(), "database", "DATABASE_PATH")
    lines = await place.lines(database_path="nowhere/x.db")
    assert "there is no folder" in the_fault(lines, "database", "DATABASE_PATH")
    lines = await place.lines(log_file="nowhere/x.log", database_path="fine.db")
    assert "there is no folder" in the_fault(lines, "log-file", "LOG_FILE")
    lines = await place.lines(log_file="./one.db", database_path="one.db")
    assert "cannot be the database" in the_fault(lines, "log-file", "LOG_FILE")


async def test_damaged_database_is_reported(place: Place, folder: Path) -> None:
    path = folder / "vm_balancer.db"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE t (a)")
        db.executemany("INSERT INTO t VALUES (?)", [("x" * 500,)] * 200)
    db.close()
    data = bytearray(path.read_bytes())
    data[4096 * 3 : 4096 * 3 + 200] = b"\xff" * 200
    path.write_bytes(data)
    the_fault(await place.lines(), "database", "DATABASE_PATH")


async def test_running_program_is_noted(place: Place, folder: Path) -> None:
    now = datetime.now(timezone.utc)
    async with opened(folder / "vm_balancer.db") as store:
        await store.heartbeats.save(Heartbeat(now, now, 4711, "here", 600))
        lines = await place.lines()
        assert "process 4711 on here" in next(line.text for line in lines if line.check == "running")
        await store.heartbeats.save(Heartbeat(now - timedelta(hours=1), now - timedelta(hours=2), 4711, "here", 600))
        lines = await place.lines()
        assert "no program works" in next(line.text for line in lines if line.check == "running")
    assert {line.status for line in lines} == {CheckStatus.OK}


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[Store]:
    store = Store(path)
    await store.open()
    try:
        yield store
    finally:
        await store.close()


# --- settings


async def test_bad_settings_leave_the_other_checks_running(place: Place) -> None:
    lines = await place.lines(balance_interval="soon", telegram_chat_id="abc")
    faults = with_status(lines, CheckStatus.FAIL)
    assert [line.settings for line in faults] == [("BALANCE_INTERVAL",), ("TELEGRAM_CHAT_ID",)]
    assert {line.check for line in faults} == {"settings"}
    assert skipped(lines) == set(TELEGRAM)
    assert {line.status for line in lines if line.check in PANEL} == {CheckStatus.OK}
    lines = await place.lines(vmmanager_host=None)
    assert [line.settings for line in with_status(lines, CheckStatus.FAIL)] == [("VMMANAGER_HOST",)]
    assert skipped(lines) == set(PANEL)


# --- the command


def environment(place: Place, **changes: str) -> dict[str, str]:
    given = {env_name(k): v for k, v in {**place.settings, **changes}.items() if v}
    return {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": os.environ["HOME"], "TERM": "xterm", **given}


async def run(place: Place, *words: str, **changes: str) -> tuple[int, str]:
    """Exit code and all that it prints."""
    output = Path(os.environ["HOME"]) / "output.txt"
    output.unlink(missing_ok=True)
    child = Bot(output, "check", *words, env=environment(place, **changes), cwd=Path.cwd())
    try:
        return await child.ended(), "\n".join(child.lines)
    finally:
        child.kill()


async def test_piped_command_prints_plain_lines(place: Place, folder: Path) -> None:
    code, out = await run(place, "--send-test")
    assert code == 0, out
    lines = out.splitlines()
    assert all(line.startswith("ok   ") for line in lines[:-1]) and lines[-1] == "Everything works."
    assert len(place.chat.state.messages) == 1
    code, out = await run(place, vmmanager_password="Wrong-hunter2", balance_interval="soon")
    assert code == 1
    assert [line[:12] for line in out.splitlines() if line.startswith("FAIL")] == ["FAIL Setting", "FAIL Login: "]
    assert out.splitlines()[-1] == "2 faults." and "hunter2" not in out
    assert list(folder.iterdir()) == []


async def test_command_prints_json(place: Place) -> None:
    code, out = await run(place, "--json", vmmanager_username="readonly@example.com")
    document = json.loads(out)
    assert (code, document["ok"]) == (1, False)
    [fault] = [row for row in document["checks"] if row["result"] == "fail"]
    assert (fault["check"], fault["settings"]) == ("panel-rights", ["VMMANAGER_USERNAME", "DRY_RUN"])
    assert {row["check"] for row in document["checks"]} <= set(CHECKS)


async def test_the_command_on_a_terminal_is_coloured(place: Place) -> None:
    env = environment(place, telegram_bot_token="", telegram_chat_id="", vmmanager_password="wrong")
    master, slave = pty.openpty()
    line = [sys.executable, "-m", "bot", "check"]
    child = await asyncio.create_subprocess_exec(*line, env=env, stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    shown = await asyncio.to_thread(everything_from, master)
    assert await asyncio.wait_for(child.wait(), PATIENCE_S) == 1
    assert "\x1b[32m✓" in shown and "\x1b[31m✗" in shown and "FAIL" not in shown


def everything_from(master: int) -> str:
    parts = []
    with suppress(OSError):  # EIO: the other side is closed
        while part := os.read(master, 65536):
            parts.append(part)
    os.close(master)
    return b"".join(parts).decode("utf-8", "replace")


@pytest.mark.parametrize(
    ("words", "wanted"),
    [(["--send-tset"], "--send-test is probably meant"), (["--config", "missing.env"], "does not exist")],
)
def test_check_that_cannot_run_reports_no_fault(
    words: list[str], wanted: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", *words]) == BAD_SETTINGS
    output = capsys.readouterr()
    assert output.out == "" and wanted in output.err


async def test_ids_are_shown_while_the_chat_is_not_set(place: Place) -> None:
    given = {**place.settings, "telegram_chat_id": "", "telegram_admin_ids": "", "telegram_viewer_ids": ""}
    settings_file = find_settings(given, options=OPTIONS)
    lines: list[Line] = []
    async for line in run_checks(settings_file, texts_for("en"), listen_s=3):
        lines.append(line)
        if "Listening for 3" in line.text:
            place.chat.state.write(GROUP, ANNA, "/start")
            place.chat.state.write(BORIS, BORIS, "/start")
    texts = [line.text for line in lines if line.check == "telegram-chat"][1:]
    assert texts == [
        f"the group Ops has the id {GROUP}: TELEGRAM_CHAT_ID={GROUP}",
        f"Anna Admin has the id {ANNA}: for TELEGRAM_ADMIN_IDS, or for TELEGRAM_CHAT_ID in a private chat",
        f"Boris Backup has the id {BORIS}: for TELEGRAM_ADMIN_IDS, or for TELEGRAM_CHAT_ID in a private chat",
    ]
    assert len(place.chat.state.messages) == 2, "the bot posts nothing"


async def test_check_says_that_the_default_strategy_has_changed_since_version_2(place: Place) -> None:
    _, out = await run(place)
    assert "adaptive, the default since version 3" in out and "BALANCE_STRATEGY=smallest-first" in out
    assert "target thresholds left at their default are a preference" in out
    _, out = await run(place, balance_strategy="optimal")
    assert "Strategy: optimal" in out and "version 2" not in out
