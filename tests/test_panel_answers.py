"""The panel's other answers in every known shape: tables for the readers, and a server that replays answers which the
emulated panel does not give (odd envelopes, redirects, sessions that are granted but never accepted)."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import OutcomeUnknown, PanelAuthError, PanelDataError, PanelForbidden, PanelRefused, PanelUnavailable
from bot.panel import answers, responses, streaming, vocabulary
from bot.panel.answers import HistoryRow, TaskInfo
from bot.panel.client import VMManagerAPI
from bot.panel.responses import NotJSON, Refusal
from bot.panel.streaming import PIECE_BYTES, PackedBody

LOGIN = "/auth/v4/public/token"
CLUSTERS = {"list": [{"id": 1, "name": "one"}], "size": 1}


# --- tables


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        *(("complete", "succeeded"), ("Complete", "succeeded"), (" complete ", "succeeded")),
        *(("failed", "failed"), ("fail", "failed"), ("FAIL", "failed"), ("error", "failed"), ("aborted", "failed")),
        *(("cancelled", "failed"), ("canceled", "failed"), ("cancel", "failed")),
        *(("created", "pending"), ("running", "pending"), ("deferred", "pending"), ("", "pending")),
        *(("completed?", "pending"), ("incomplete", "pending"), ("not complete", "pending"), ("done?", "pending")),
        *((word, "succeeded") for word in ("completed", "Done", "SUCCESS", "finished")),
    ],
)
def test_task_states_are_recognized(raw: str, status: str) -> None:
    assert vocabulary.task_status(raw) == status


@pytest.mark.parametrize(
    ("key", "date", "created"),
    [
        ("date_create", "2026-11-01 10:00:00", "2026-11-01T10:00:00"),
        ("date_create", "2026-11-01T10:00:00Z", "2026-11-01T10:00:00+00:00"),
        ("date_create", "2026-11-01T10:00:00.1234567Z", "2026-11-01T10:00:00+00:00"),
        ("date_create", "2026-11-01T10:00:00+0300", "2026-11-01T10:00:00+03:00"),
        ("date_create", "2026-11-01 10:00:00 UTC", "2026-11-01T10:00:00+00:00"),
        ("date_create", "01.11.2026 10:00", "2026-11-01T10:00:00"),
        ("date_create", 1793527200, "2026-11-01T10:00:00+00:00"),
        ("date_create", "1793527200", "2026-11-01T10:00:00+00:00"),
        ("date_create", 1793527200000, "2026-11-01T10:00:00+00:00"),
        ("created_at", "2026-11-01 10:00:00", "2026-11-01T10:00:00"),
        *(("date_create", odd, None) for odd in ("0000-00-00 00:00:00", "1970-01-01 00:00:00", 0, "11/01/2026")),
        *(("date_create", odd, None) for odd in ("yesterday", "", None, [], {}, 1.5, True, "2026-13-45 99:00:00")),
    ],
)
def test_start_of_a_history_row_is_read(key: str, date: object, created: str | None) -> None:
    [row] = answers.history({"list": [{"name": "host_migrate", "state": "running", key: date}]})
    assert row.created_at == (None if created is None else datetime.fromisoformat(created))


FLAT = {"id": 12, "consul_id": "740", "name": "host_migrate", "status": "failed", "output": "a\nb", "running_time": 4}


@pytest.mark.parametrize("document", [FLAT, {"task": FLAT}, {"task": {**FLAT, "id": "12", "new": 1}}, {"list": [FLAT]}])
def test_task_is_read_in_every_known_shape(document: object) -> None:
    assert answers.task(document) == TaskInfo(12, 740, "host_migrate", "failed", "failed", "a b", 4)


def test_incomplete_task_is_pending() -> None:
    assert answers.task({"id": 3}) == TaskInfo(3, None, None, "pending", "")


@pytest.mark.parametrize("document", [None, [], "x", {}, {"task": None}, {"task": {"status": "complete"}}])
def test_malformed_task_is_none(document: object) -> None:
    with pytest.raises(PanelDataError):
        answers.task(document)


def test_migration_comes_first_among_several_tasks() -> None:
    rows = [{"id": 1, "name": "host_migrate"}, {"id": 9, "name": "x"}, {"id": 2, "name": "host_migrate"}]
    assert [task.id for task in answers.tasks({"list": rows})] == [2, 1, 9]


def test_a_history_is_newest_first() -> None:
    rows = [
        {"id": 5, "name": "host_start", "state": "complete", "task": 8, "date_create": "2026-01-01 00:00:00"},
        {"id": "6", "name": "host_migrate", "state": "running", "task": "9", "params": {"node": 2}, "user": "x"},
    ]
    assert answers.history({"list": rows, "max_id": 6}) == [
        HistoryRow(6, "host_migrate", "pending", "running", 9, 2),
        HistoryRow(5, "host_start", "succeeded", "complete", 8, None, datetime(2026, 1, 1)),
    ]
    assert answers.history({"list": [{"name": "host_start"}]}) == [HistoryRow(None, "host_start", "pending", "")]
    assert answers.history({"list": [5, None, {"intname": "host_start", "status": "complete"}]}) == [
        HistoryRow(None, "host_start", "succeeded", "complete")
    ]


def test_an_odd_row_of_a_task_list_hides_no_other_task() -> None:
    rows = [None, 7, {"name": "host_migrate", "status": None}, {"id": 3, "type": "node_evacuate", "state": "running"}]
    assert [(t.id, t.name, t.status) for t in answers.tasks({"list": rows})] == [
        (0, "host_migrate", "pending"),
        (3, "node_evacuate", "pending"),
    ]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"error": "no room"}, "no room"),
        ({"message": "no room"}, "no room"),
        ({"detail": "no room", "x": 1}, "no room"),
        ({"error": {"code": 4, "msg": "no room"}, "message": "other"}, "no room"),
        ({"x": 1}, ""),
        (["no room"], ""),
    ],
)
def test_words_of_a_refusal_are_read_in_other_shapes(body: object, words: str) -> None:
    with pytest.raises(Refusal) as caught:
        responses.read_answer(400, json.dumps(body).encode(), lambda document: document)
    assert caught.value.words == words
    if isinstance(body, dict) and not isinstance(body.get("error"), dict):
        assert responses.read_answer(200, json.dumps(body).encode(), lambda document: document) == body


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"nodes": [{"id": 1, "suitable": True}, {"id": "2", "suitable": 0}]}, {1: True, 2: False}),
        ({"nodes": [{"id": 1, "suitable": True}, {"id": 2}, "odd"]}, {1: True}),
        ({"nodes": []}, {}),
        ({"nodes": [{"id": 1}]}, None),
        ({"nodes": {}}, None),
        ({"list": [{"id": 1, "suitable": "no"}]}, {1: False}),
        ([{"node": {"id": 4}, "suitable": 1}, {"suitable": True}], {4: True}),
        ({}, None),
        ([], None),
        (None, None),
    ],
)
def test_migration_form_is_read(document: object, expected: object) -> None:
    assert answers.suitable_nodes(document) == expected


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"email": "Me@x.com", "roles": ["@user", "@admin"]}, ("@admin", "@user")),
        ({"account": {"roles": ["@admin"]}}, ("@admin",)),
        ({"user": {"roles": []}}, ()),
        ({"list": [{"email": "a@x.com", "roles": ["@user"]}, {"email": "ME@x.com", "roles": ["@admin"]}]}, ("@admin",)),
        ({"list": [{"email": "a@x.com", "roles": ["@user"]}]}, None),
        ({"id": 4}, None),
        ("x", None),
    ],
)
def test_roles_are_read(document: object, expected: object) -> None:
    assert responses.roles(document, "me@x.com") == expected


@pytest.mark.parametrize(
    ("document", "expected"),
    [("6.23.0", "6.23.0"), ({"version": "6.23.0"}, "6.23.0"), ({"version": {}}, None), ({"x": 1}, None), (None, None)],
)
def test_versions_are_read(document: object, expected: object) -> None:
    assert responses.version(document) == expected


@pytest.mark.parametrize("bad", [None, {}, [], {"token": None}, {"token": ""}, {"token": 5}, {"token": "a\r\nx: y"}])
def test_login_answer_without_a_usable_token_is_refused(bad: object) -> None:
    assert responses.token(bad) is None


@pytest.mark.parametrize("bad", [None, {}, {"id": 101}, {"task": None}, {"task": 0}, {"task": "soon"}])
def test_start_answer_without_a_task_is_unknown(bad: object) -> None:
    with pytest.raises(PanelDataError):
        answers.migration_start(bad)


@given(st.integers(100, 599), st.binary(max_size=40))
def test_any_body_is_parsed_or_refused(status: int, body: bytes) -> None:
    try:
        responses.read_answer(status, body, lambda document: document)
    except (Refusal, NotJSON):
        return
    assert 200 <= status < 300


def test_a_body_that_nests_too_deeply_is_no_json() -> None:
    with pytest.raises(NotJSON):
        responses.read_answer(200, b"[" * 200_000, lambda document: document)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


SLICES = st.sampled_from([1, 3, streaming.SLICE_BYTES])


@given(JSON, st.sampled_from([None, 1]), st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]), SLICES)
def test_reading_in_slices_gives_the_same_rows(document: Any, indent: int | None, encoding: str, size: int) -> None:
    body = json.dumps(document, indent=indent, ensure_ascii=False).encode(encoding)
    assert streaming.loads(body, slice_bytes=size) == document


@given(st.lists(JSON, max_size=4), SLICES)
def test_only_wanted_fields_of_a_row_are_kept(rows: list[Any], size: int) -> None:
    body = json.dumps({"list": rows, "size": len(rows)}).encode()
    kept = [json.dumps(row) for row in rows]
    assert streaming.loads(body, json.dumps, slice_bytes=size) == {"list": kept, "size": len(rows)}


@given(JSON, st.data())
def test_reading_in_slices_refuses_the_same_bodies(document: Any, data: st.DataObject) -> None:
    text = json.dumps({"list": [document], "size": 1})
    at = data.draw(st.integers(0, len(text) - 1))
    body = (text[:at] + data.draw(st.sampled_from(["", ",", "]", "}", ":", '"', "x", " "])) + text[at + 1 :]).encode()
    size = data.draw(SLICES)
    try:
        expected = json.loads(body)
    except ValueError:
        with pytest.raises(ValueError):
            streaming.loads(body, slice_bytes=size)
    else:
        assert streaming.loads(body, slice_bytes=size) == expected


# --- a server that plays back


def answer(document: Any, status: int = 200, **headers: str) -> Callable[[web.Request], web.Response]:
    return lambda request: web.Response(status=status, text=json.dumps(document), headers=headers)


@asynccontextmanager
async def playing(
    *answers: Callable[[web.Request], web.Response], login: Any = None
) -> AsyncIterator[tuple[VMManagerAPI, list[str]]]:
    """Replays the answers in order, the last one repeatedly; the list has the requests without logins."""
    asked: list[str] = []
    logins: list[str] = []
    rest = list(answers)

    async def handle(request: web.Request) -> web.Response:
        if request.path == LOGIN:
            logins.append(LOGIN)
            return web.json_response(login or {"token": f"t{len(logins)}"}, status=201)
        asked.append(f"{request.method} {request.headers['x-xsrf-token']}")
        return (rest.pop(0) if len(rest) > 1 else rest[0])(request)

    async def no_pause(seconds: float) -> None:
        pass

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        async with VMManagerAPI(f"http://127.0.0.1:{runner.addresses[0][1]}", "u", "p", sleep=no_pause) as api:
            yield api, asked
    finally:
        await runner.cleanup()


ENDED = {"error": {"code": 1000, "msg": "Not authorised"}}


@pytest.mark.parametrize("status", [200, 400, 401, 403, 500])
@pytest.mark.parametrize("body", [ENDED, ENDED["error"]])
async def test_code_1000_ends_a_session_with_any_http_status(status: int, body: dict[str, Any]) -> None:
    async with playing(answer(body, status), answer(CLUSTERS)) as (api, asked):
        assert len(await api.get_clusters()) == 1
    assert asked == ["GET t1", "GET t2"]


async def test_a_401_without_any_body_ends_a_session_too() -> None:
    async with playing(lambda request: web.Response(status=401), answer({"task": 7})) as (api, asked):
        assert (await api.start_migration(1, 2)).consul_id == 7
    assert asked == ["POST t1", "POST t2"]


async def test_rejected_new_sessions_end_in_a_pause() -> None:
    async with playing(answer(ENDED, 401)) as (api, asked):
        for _ in range(10):
            with pytest.raises(PanelAuthError):
                await api.get_clusters()
        with pytest.raises(PanelAuthError, match=r"does not accept them.*next login"):
            await api.start_migration(1, 2)
    assert {line.split()[1] for line in asked} == {"t1", "t2", "t3", "t4"}


async def test_function_that_rejects_the_session_does_not_block_others() -> None:
    async with playing(*[answer(ENDED, 401), answer(ENDED, 401), answer(CLUSTERS)] * 5) as (api, _):
        for _ in range(5):
            with pytest.raises(PanelAuthError):
                await api.task(1)
            assert await api.get_clusters()


async def test_a_login_without_a_token_is_a_refusal() -> None:
    async with playing(answer(CLUSTERS), login={"id": 1}) as (api, asked):
        with pytest.raises(PanelAuthError, match="without a token"):
            await api.get_clusters()
    assert asked == []


@pytest.mark.parametrize("status", [200, 400, 500])
async def test_function_closed_to_the_account_is_reported(status: int) -> None:
    async with playing(answer({"error": {"code": "3001", "msg": "Unauthorized"}}, status)) as (api, asked):
        with pytest.raises(PanelForbidden, match="Unauthorized"):
            await api.task(1)
        assert len(asked) == 2
        assert await api.migration_targets(1) is None
        assert await api.account_roles() is None


async def test_forbidden_answer_of_a_proxy_is_an_outage() -> None:
    async with playing(lambda request: web.Response(status=403, text="<html>")) as (api, asked):
        with pytest.raises(PanelForbidden):
            await api.start_migration(1, 2)
    assert len(asked) == 1


async def test_no_redirect_is_followed() -> None:
    async with playing(answer({}, 307, location="https://elsewhere.example.com/")) as (api, asked):
        with pytest.raises(PanelDataError, match=r"set VMMANAGER_HOST.*elsewhere"):
            await api.get_clusters()
        with pytest.raises(OutcomeUnknown):
            await api.start_migration(1, 2)
    assert asked == ["GET t1", "POST t1"]


HTML = "<!DOCTYPE html><title>VMmanager</title>"


@pytest.mark.parametrize("status", [200, 400, 403, 404, 405, 410, 422, 501])
@pytest.mark.parametrize("html", [False, True])
async def test_missing_function_of_the_panel_is_tolerated(status: int, html: bool) -> None:
    """In the panel's envelope or as a page of its web server. The list of active tasks, the form and the roles."""
    refused = {"error": {"code": 2, "msg": "Not found"}}

    def reply(request: web.Request) -> web.Response:
        return web.Response(status=status, text=HTML) if html else web.json_response(refused, status=status)

    async with playing(reply) as (api, _):
        assert await api.active_tasks() is None
        assert await api.migration_targets(1) is None
        assert await api.account_roles() is None
        assert await api.version() is None


async def test_unknown_column_is_a_server_error_and_tolerated() -> None:
    async with playing(lambda request: web.Response(status=500, text=HTML)) as (api, _):
        assert await api.active_tasks() is None


@pytest.mark.parametrize("status", [408, 429, 502, 503, 504])
async def test_outage_is_not_read_as_an_idle_panel(status: int) -> None:
    async with playing(lambda request: web.Response(status=status, text=HTML)) as (api, _):
        with pytest.raises(PanelUnavailable):
            await api.active_tasks()
        with pytest.raises(PanelUnavailable):
            await api.migration_targets(1)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        *((status, PanelRefused) for status in (400, 404, 405, 409, 422, 429)),
        *((status, OutcomeUnknown) for status in (302, 408, 500, 501, 502, 503, 504)),
    ],
)
async def test_start_fails_only_if_the_status_proves_that_nothing_started(status: int, error: type[Exception]) -> None:
    async with playing(lambda request: web.Response(status=status, text=HTML)) as (api, asked):
        with pytest.raises(error):
            await api.start_migration(1, 2)
    assert asked == ["POST t1"]


@pytest.mark.parametrize("status", [502, 504, 408, 429])
async def test_network_errors_between_client_and_panel_are_outages(status: int) -> None:
    async with playing(lambda request: web.Response(status=status)) as (api, asked):
        with pytest.raises(PanelUnavailable):
            await api.get_clusters()
        assert len(asked) == 3
        with pytest.raises(PanelRefused if status == 429 else OutcomeUnknown):
            await api.start_migration(1, 2)
        assert len(asked) == 4


@pytest.mark.parametrize(
    "reply",
    [answer({}), answer({"id": 1}), answer([]), lambda request: web.Response(status=204), answer({"task": "?"}, 201)],
)
async def test_accepted_start_without_a_task_is_unknown(reply: Any) -> None:
    async with playing(reply) as (api, asked):
        with pytest.raises(OutcomeUnknown):
            await api.start_migration(1, 2)
    assert len(asked) == 1


async def test_a_good_status_with_a_refusal_in_it_is_a_refusal() -> None:
    async with playing(answer({"error": {"code": 4012, "msg": "busy", "value": {}}})) as (api, _):
        with pytest.raises(PanelRefused, match="busy"):
            await api.start_migration(1, 2)


@pytest.mark.parametrize("parts", [0, 1, 3, 700])
def test_long_answer_is_compressed_in_memory_and_read_unchanged(parts: int) -> None:
    rows = [{"id": i, "name": f"vm-{i}-ж"} for i in range(20_000)]
    whole = json.dumps({"list": rows, "size": len(rows)}, ensure_ascii=False).encode()
    step = len(whole) // parts + 1 if parts else len(whole)
    body = PackedBody()
    for at in range(0, len(whole), step):
        body.append(whole[at : at + step])
    assert body.size == len(whole) > 4 * PIECE_BYTES
    assert responses.read_answer(200, body, lambda document: document, lambda row: row["id"])["list"] == [
        row["id"] for row in rows
    ]
    assert not body and body.whole() == b""
    for at in range(0, len(whole), step):
        body.append(whole[at : at + step])
    assert body.whole() == whole
