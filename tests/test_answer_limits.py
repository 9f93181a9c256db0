"""Answers that are larger than any real one end in one clear error, in little memory."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from bot.errors import OutcomeUnknown, PanelDataError
from bot.panel.client import VMManagerAPI
from bot.panel.fields import count, positive, text, whole
from bot.panel.streaming import MOST_ROWS, MOST_VALUE_BYTES, AnswerTooLarge, PackedBody, loads


@pytest.fixture
async def bomb() -> AsyncIterator[str]:
    """A server whose answers, except to the login, unpack to 8 MB (with an error) or 300 MB (without)."""
    bodies = {500: gzip.compress(b"0" * 8_000_000), 200: gzip.compress(b"[" + b" " * 300_000_000)}

    async def answer(request: web.Request) -> web.Response:
        if request.path.endswith("/token"):
            return web.json_response({"token": "4-x"}, status=201)
        status = 500 if request.path.endswith(("/cluster", "/migrate")) else 200
        return web.Response(body=bodies[status], status=status, headers={"content-encoding": "gzip"})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def test_compressed_bomb_is_refused(bomb: str) -> None:
    async with VMManagerAPI(bomb, "u", "p") as api:
        with pytest.raises(PanelDataError, match="larger than 1 MiB"):
            await api.get_clusters()
        with pytest.raises(PanelDataError, match="larger than 256 MiB"):
            await api.get_vms()
        with pytest.raises(OutcomeUnknown):
            await api.start_migration(1, 2)


def test_one_long_value_is_refused() -> None:
    with pytest.raises(AnswerTooLarge, match="4 MiB"):
        loads(b'{"list":["' + b"a" * (2 * MOST_VALUE_BYTES) + b'"]}')
    assert loads(b'{"list":["' + b"a" * 100_000 + b'"]}')["list"][0] == "a" * 100_000


def test_a_list_of_too_many_rows_is_refused() -> None:
    rows = b",".join([b"{}"] * (MOST_ROWS + 1))
    with pytest.raises(AnswerTooLarge, match="200000 rows"):
        loads(b'{"list":[' + rows + b"]}")


def test_body_is_read_up_to_its_limit() -> None:
    body = PackedBody(most_bytes=10)
    body.append(b"12345")
    with pytest.raises(AnswerTooLarge):
        body.append(b"678901")


@pytest.mark.parametrize("figure", [2**53, 2**41, 1e308, float("inf"), float("nan"), "1e308", -1, "9" * 5000])
def test_figure_out_of_range_is_unknown(figure: object) -> None:
    assert (count(figure), positive(figure)) == (None, None)


def test_ids_may_be_larger_than_sizes() -> None:
    assert whole(2**53) == 2**53
    assert whole(2**53 + 2) is None


def test_a_long_text_is_cut() -> None:
    assert text("n" * 30_000) == "n" * 1000
