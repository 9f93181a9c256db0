"""How large a new VM may be: now and after moves, in the core, the chat, the terminal and the metrics."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from chat_fixture import running
from core_builders import node, snapshot, vm
from survival_oracle import draw
from test_charts import TWO
from test_room_requests import FULL, asked

from balancer.formats.codec import snapshot_to_dict
from balancer.model import Recent
from balancer.policy import Policy
from balancer.requests.make_room import make_room
from balancer.requests.place import place
from balancer.requests.room_table import RoomTable, ShapeRoom, room_table
from bot.cli import main
from bot.domain.room_tables import ROOM_KEY, as_text, parse_shapes, tables_of

SHAPES = ((2, 1024), (5, 4096), (9, 9216))


@pytest.mark.parametrize("seed", range(12))
def test_table_says_what_place_says_of_each_size(seed: int) -> None:
    seen, policy = draw(seed, nodes=4, vms=12)
    seen = replace(seen, nodes=tuple(replace(n, measured=None) for n in seen.nodes))
    for shape in room_table(seen, policy, Recent(), SHAPES).shapes:
        assert shape.vms == place(seen, policy, shape.vcpus, shape.memory_mib).total
        if not shape.vms:
            made = make_room(seen, policy, Recent(), shape.vcpus, shape.memory_mib)
            assert shape.moves == (None if made is None else len(made.moves))


def test_search_that_ends_without_proof_is_not_decided() -> None:
    seen = snapshot(
        [node(i, vcpus_allocated=66, vm_count=8) for i in (1, 2)], [vm(i, node_id=1 + i % 2) for i in range(16)]
    )
    [open_, closed] = room_table(seen, Policy(), Recent(), ((12, 1024), (4000, 1024)), work=1).shapes
    assert (open_.moves, open_.decided) == (None, False), "the work was over"
    assert (closed.moves, closed.decided) == (None, True), "no set of four VMs leaves as much room"


def test_largest_vm_grows_with_the_moves() -> None:
    shapes = (ShapeRoom(4, 8192, 2, 0, True), ShapeRoom(8, 16384, 0, 2, True), ShapeRoom(64, 1024, 5, 0, True))
    table = RoomTable(1, "c", shapes)
    assert [table.largest(n) for n in (0, 1, 2)] == [shapes[0], shapes[0], shapes[1]]
    assert tables_of({f"{ROOM_KEY}1": as_text(table), f"{ROOM_KEY}2": "{}", "mode": "auto"}) == {1: table}


@pytest.mark.parametrize(
    ("text", "needed"),
    [
        ("8", "vCPUs:GiB"),
        ("4:8,", "vCPUs:GiB"),
        ("a:b", "vCPUs:GiB"),
        ("0:8", "1 to 1024"),
        ("8:99999", "GiB"),
        ("4:8,4:8", "twice"),
        (",".join(f"{i}:1" for i in range(1, 10)), "at most 8"),
    ],
)
def test_bad_shape_is_refused_with_what_is_needed(text: str, needed: str) -> None:
    with pytest.raises(ValueError, match=needed):
        parse_shapes(text)


def test_terminal_lists_the_sizes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "s.json"
    path.write_text(json.dumps(snapshot_to_dict(snapshot([node(1), node(2)], [vm(1)]))), "utf-8")
    assert main(["plan", str(path), "--room"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("📐 c1: the largest new VM that fits: 8 vCPU and 16 GiB now")
    assert lines[1].strip().startswith("✅ 4 vCPU and 8 GiB: ") and len(lines) == 5
    assert main(["plan", str(path), "--room", "--json"]) == 0
    assert [len(table["shapes"]) for table in json.loads(capsys.readouterr().out)["rooms"]] == [4]


async def test_chat_and_digest_name_the_largest_vm(tmp_path: Path) -> None:
    async with running(tmp_path, FULL, room_shapes="8:16,12:2,4:900") as fixture:
        balancer = await fixture.start()
        shown = await asked(
            fixture, "/room", "8 vCPU and 16 GiB now", "one fits after 1 move", "4 vCPU and 900 GiB: none fits"
        )
        await fixture.pressed(shown, "12\xa0vCPU")
        await fixture.message("web-0: birch → oak")
        await balancer.service.cycle.run()
        await asked(fixture, "/digest", "the largest new VM that fits")
        assert balancer.service.room_tables.known == await balancer.service.room_tables.stored() != {}


async def test_room_of_clusters_out_of_sight_is_not_shown(tmp_path: Path) -> None:
    async with running(tmp_path, TWO) as fixture:
        await fixture.start()
        await asked(fixture, "/room lab", "📐 Lab")
        await asked(fixture, "/room nowhere", "nowhere")
