"""The record of checks and its replays: the same inputs come back, and the simulation of other policies."""

from __future__ import annotations

import asyncio
import json
import pickle
import random
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from bot_builders import NOW
from bot_fixture import HOT_WORLD, HOUR, BotFixture, bot_on, hot_clusters, running_bot
from core_builders import cluster, node, vm
from stack import VERA, plain, running_stack, world

from balancer.check_inputs import CheckInputs
from balancer.formats import neutral
from balancer.formats.frames import Frame, FrameReader, FrameWriter
from balancer.formats.reading import FormatError
from balancer.model import Measurement, Reason, Recent, Remark, Snapshot, VMLoad
from balancer.policy import Policy
from balancer.replay.simulation import Replay, Variant
from balancer.replay.world import Elsewhere, OwnMove, placed
from benchmarks import closed_loop, generate, what_if
from bot.cli import main
from bot.service.replays import checks_of, read_record, verify
from bot.store.check_record import packed, unpacked
from bot.store.store import Store, open_for_reading

CHECK = timedelta(minutes=10)


def inputs_of(snapshot: Snapshot) -> CheckInputs:
    return CheckInputs(snapshot, {c.id: Policy() for c in snapshot.clusters}, Recent())


def drawn(rng: random.Random, before: CheckInputs) -> CheckInputs:
    """The next check: some rows changed, some gone, some new."""
    seen = before.snapshot
    now = seen.taken_at + CHECK
    vms = [
        replace(v, vcpus=rng.randint(1, 9), load=rng.choice([None, VMLoad(rng.random(), now, 600.0)]))
        if rng.random() < 0.2
        else v
        for v in seen.vms
        if rng.random() > 0.05
    ]
    vms += [vm(100 * rng.randint(10, 10_000) + i, node_id=rng.choice(seen.nodes).id, tags=("a,b",)) for i in range(2)]
    nodes = [
        replace(n, measured=rng.choice([None, Measurement(now, rng.random(), 1.0, 1.0, 16, 1024, 2048)]))
        for n in seen.nodes
    ]
    remarks = rng.choice([(), (Remark(Reason.of("odd", count=2), 1),)])
    unique = {v.id: v for v in vms}
    snapshot = Snapshot(now, seen.clusters, tuple(nodes), tuple(unique[i] for i in sorted(unique)), remarks)
    recent = Recent(
        migrated={rng.randint(1, 5): now}, left={3: frozenset({1, 2})}, ignored={7: "Анна"}, busy_nodes=frozenset({1})
    )
    policies = {i: replace(p, cpu_overload_ratio=rng.choice([6.5, 7.0])) for i, p in before.policies.items()}
    return replace(
        before,
        snapshot=snapshot,
        recent=recent,
        policies=policies,
        overloaded={1: rng.randint(0, 2)},
        passing=rng.choice([frozenset(), frozenset({1})]),
        restarted=rng.choice([{}, {1: "mail"}]),
    )


@pytest.mark.parametrize("seed", range(20))
def test_frames_give_every_check_back(seed: int) -> None:
    rng = random.Random(seed)
    inputs = inputs_of(Snapshot(NOW, (cluster(1),), (node(1), node(2)), (vm(1, node_id=1), vm(2, node_id=2))))
    writer, reader = FrameWriter(), FrameReader()
    for number in range(12):
        if number == 7:
            writer.begin_again()
        frame = writer.write(inputs)
        assert frame.key is (number in (0, 7))
        assert reader.read(frame) == inputs
        inputs = drawn(rng, inputs)


def test_frame_without_its_key_frame_is_refused() -> None:
    writer = FrameWriter()
    inputs = inputs_of(Snapshot(NOW, (cluster(1),), (node(1),), ()))
    writer.write(inputs)
    with pytest.raises(FormatError, match="key frame"):
        FrameReader().read(writer.write(inputs))


@pytest.mark.parametrize("damage", [b"", b"\x00\x01", b"[1]", b'{"set": {"vms": 7}}', None])
def test_damaged_frame_is_refused_and_the_next_key_frame_is_read(damage: bytes | None) -> None:
    writer, reader = FrameWriter(), FrameReader()
    inputs = inputs_of(Snapshot(NOW, (cluster(1),), (node(1),), (vm(1, node_id=1),)))
    frame = writer.write(inputs)
    with pytest.raises(FormatError):
        reader.read(Frame(True, frame.text[:-9] if damage is None else damage))
    writer.begin_again()
    assert reader.read(writer.write(inputs)) == inputs


@pytest.mark.parametrize("key", [True, False])
def test_stored_frame_that_is_damaged_is_read_as_an_empty_one(key: bool) -> None:
    frame = Frame(key, b"{}" * 50)
    data = packed(frame)
    assert unpacked(key, data) == frame
    for damaged in (b"", data[:-3], b"\x00" + data[1:]):
        assert unpacked(key, damaged).text == b""


def test_month_of_checks_of_15000_vms_takes_less_than_25_mib() -> None:
    """2 % of the VMs change per day; a check every ten minutes, a key frame every day."""
    case = neutral.read(generate.named("gen-512x12000-easy"))
    more = [replace(v, id=v.id + 100_000) for v in case.snapshot.vms[:3000]]
    vms = [replace(v, name=f"customer-{v.id * 7919 % 99_991}.example.org") for v in (*case.snapshot.vms, *more)]
    rng, writer, sizes = random.Random(1), FrameWriter(), list[int]()
    for number in range(6):
        snapshot = replace(case.snapshot, taken_at=NOW + number * CHECK, vms=tuple(vms))
        sizes.append(len(packed(writer.write(inputs_of(snapshot)))))
        for place in rng.sample(range(len(vms)), 3):
            vms[place] = replace(vms[place], vcpus=rng.randint(1, 32), memory_mib=1024 * rng.randint(1, 64))
    key, *others = sizes
    month = 30 * (key + 143 * sum(others) / len(others))
    assert month < 25 * 2**20, f"{month / 2**20:.1f} MiB"


# The stored record ---------------------------------------------------------------------------------


@pytest.fixture
async def fixture(tmp_path: Path) -> AsyncIterator[BotFixture]:
    async with running_bot(tmp_path, hot_clusters(2)) as running:
        yield running


async def test_recorded_checks_give_every_stored_plan_back_to_the_byte(fixture: BotFixture) -> None:
    for _ in range(6):
        await fixture.service.cycle.run()
        fixture.pass_time(3600)
    async with open_for_reading(fixture.path) as store:
        record = await read_record(store, NOW - timedelta(days=1), fixture.clock())
    assert len(list(checks_of(record))) == 6
    verified = verify(record)
    assert len(verified.same) >= 2 and not verified.different and not verified.unrecorded


async def test_changed_plan_in_the_database_is_reported_as_a_difference(fixture: BotFixture) -> None:
    await fixture.service.cycle.run()
    record = await read_record(fixture.store, NOW - timedelta(days=1), fixture.clock())
    (number, text), *others = record.plans
    document = json.loads(text)
    document["moves"] = []
    verified = verify(replace(record, plans=((number, json.dumps(document)), *others)))
    assert verified.different == (number,)


async def test_two_programs_on_one_database_keep_a_record_that_can_be_read(fixture: BotFixture) -> None:
    async with bot_on(fixture.panel, fixture.path) as other:
        for _ in range(3):
            await fixture.service.cycle.run()
            await other.service.cycle.run()
            fixture.pass_time(3600)
            other.clock.advance(3600)
        record = await read_record(fixture.store, NOW - timedelta(days=1), fixture.clock())
    assert len(list(checks_of(record))) == 6


async def test_record_takes_no_more_memory_than_it_takes_of_the_database(fixture: BotFixture) -> None:
    for _ in range(40):
        await fixture.service.cycle.run()
        fixture.pass_time(600)
    record = await read_record(fixture.store, NOW, fixture.clock())
    checks, size = await fixture.store.check_record.size()
    assert checks == 40 and len(pickle.dumps(record.frames)) < size + 200 * checks
    assert len(list(checks_of(record))) == 40


async def test_record_is_kept_for_the_days_of_the_setting(fixture: BotFixture) -> None:
    for _ in range(3):
        await fixture.service.cycle.run()
        fixture.pass_time(25 * 3600)
    checks, size = await fixture.store.check_record.size()
    assert checks == 3 and size > 0
    while await fixture.store.check_record.thin(NOW + timedelta(hours=26)):
        pass
    record = await read_record(fixture.store, NOW, fixture.clock())
    assert [inputs.snapshot.taken_at for inputs in checks_of(record)] == [NOW + timedelta(hours=50)]


async def test_oldest_days_of_a_record_that_is_too_large_go_and_the_newest_stays(fixture: BotFixture) -> None:
    for _ in range(3):
        await fixture.service.cycle.run()
        fixture.pass_time(25 * 3600)
    _, size = await fixture.store.check_record.size()
    assert not await fixture.store.check_record.thin(NOW - timedelta(days=1), size)
    assert await fixture.store.check_record.thin(NOW - timedelta(days=1), size - 1)
    assert (await fixture.store.check_record.size())[0] == 2
    while await fixture.store.check_record.thin(NOW - timedelta(days=1), 0):
        pass
    assert (await fixture.store.check_record.size())[0] == 1, "the last chain goes on"


async def test_nothing_is_recorded_when_the_setting_is_0(tmp_path: Path) -> None:
    async with running_bot(tmp_path, HOT_WORLD, history_snapshots_days=0) as running:
        await running.service.cycle.run()
        assert await running.store.check_record.size() == (0, 0)


async def test_dry_run_records_nothing(fixture: BotFixture) -> None:
    await fixture.service.cycle.dry_run()
    assert await fixture.store.check_record.size() == (0, 0)


# Simulation ----------------------------------------------------------------------------------------


def test_vm_that_the_program_moved_stays_and_the_vm_of_a_person_goes() -> None:
    nodes = tuple(node(i) for i in (1, 2, 3))
    before = Snapshot(NOW, (cluster(1),), nodes, (vm(1, node_id=1), vm(2, node_id=1), vm(3, node_id=1)))
    now = replace(before, vms=(vm(1, node_id=2), vm(2, node_id=3)))
    elsewhere = Elsewhere({3: 2}).follow(before, now, [OwnMove(1, 2, NOW, NOW)])
    assert elsewhere.nodes == {1: 1}, "moved by the program: stays; by a person: goes; deleted: is dropped"


def test_sums_of_nodes_follow_the_vms_that_stand_elsewhere() -> None:
    nodes = (node(1, vcpus_allocated=40, memory_allocated_mib=9000, vm_count=4), node(2, vcpus_allocated=4))
    seen = Snapshot(NOW, (cluster(1),), nodes, (vm(1, node_id=1, vcpus=8, memory_mib=2048),))
    shown = Elsewhere({1: 2}).apply_to(seen, Policy())
    assert [(n.vcpus_allocated, n.vm_count) for n in shown.nodes] == [(32, 3), (12, (nodes[1].vm_count or 0) + 1)]
    assert shown.vms[0].node_id == 2


def test_new_vm_goes_to_the_node_that_is_as_full_among_the_others() -> None:
    empty, full = {"vcpus_allocated": 10}, {"vcpus_allocated": 60}
    before = Snapshot(NOW, (cluster(1),), (node(1, **full), node(2, **empty)), ())
    world = Snapshot(NOW, (cluster(1),), (node(1, **empty), node(2, **full)), ())
    now = replace(before, vms=(vm(9, node_id=2),))
    assert placed(before, world, now, Policy()) == {9: 1}
    assert placed(before, before, now, Policy()) == {}


@pytest.mark.parametrize("under", ["nothing", "optimal, moves"])
def test_replay_agrees_with_the_true_run(under: str) -> None:
    scene = closed_loop.Scene("gen-8x100-tight", 4.0)
    recording = what_if.record(scene, under)
    truth = closed_loop.simulate(scene, "optimal, moves", 1)
    outcome = what_if.replayed(recording, "optimal, moves")
    assert abs(outcome.total.moves - truth.moves) <= max(2, 0.1 * truth.moves)
    assert abs(outcome.overloaded_percent - truth.overloaded_percent) < 0.1


def test_what_happened_is_measured_as_the_variants_are() -> None:
    recording = what_if.record(closed_loop.Scene("gen-8x100-tight", 4.0), "optimal, moves")
    happened = Replay(None)
    for inputs in recording.checks():
        happened.step(inputs, recording.own)
    assert happened.outcome.total.moves == recording.lived.moves
    assert happened.outcome.overloaded_percent == pytest.approx(recording.lived.overloaded_percent, abs=0.1)


def test_same_policy_over_its_own_record_repeats_it() -> None:
    recording = what_if.record(closed_loop.Scene("gen-8x100-tight", 4.0), "optimal, moves")
    outcome = what_if.replayed(recording, "optimal, moves")
    assert outcome.placed_elsewhere == 0 and outcome.total.moves == recording.lived.moves


@pytest.mark.parametrize("seed", range(8))
def test_clock_that_leaps_gives_no_negative_times_and_moves_go_on(seed: int) -> None:
    rng = random.Random(seed)
    recording = what_if.record(closed_loop.Scene("gen-8x100-tight", 2.0), "nothing")
    leaps = [timedelta(days=-400), timedelta(hours=-3), timedelta(days=-1), timedelta(days=400), timedelta(hours=25)]
    variant = Variant((("strategy", "smallest-first"),))
    happened, replayed, steady, leap = Replay(None), Replay(variant), Replay(variant), timedelta(0)
    for number, inputs in enumerate(recording.checks()):
        leap += rng.choice(leaps) if number % 40 == 20 else timedelta(0)
        later = replace(inputs, snapshot=replace(inputs.snapshot, taken_at=inputs.snapshot.taken_at + leap))
        happened.step(later, ())
        replayed.step(later, ())
        steady.step(inputs, ())
    for outcome in (happened.outcome, replayed.outcome):
        assert all(0 <= day.overloaded_s <= day.node_s + 1 for day in outcome.days.values())
    assert replayed.outcome.total.moves >= steady.outcome.total.moves / 2


def test_variant_without_values_keeps_the_recorded_policy() -> None:
    assert Variant().policy(Policy(cpu_overload_ratio=6.0), 1) == Policy(cpu_overload_ratio=6.0)


# The command ---------------------------------------------------------------------------------------


@pytest.fixture
async def recorded(fixture: BotFixture) -> Path:
    """A database with checks of the last hours by the clock of this machine."""
    fixture.clock.advance((datetime.now(timezone.utc) - fixture.clock() - 6 * HOUR).total_seconds())
    for _ in range(5):
        await fixture.service.cycle.run()
        fixture.pass_time(3600)
    return fixture.path


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(["replay", *arguments])
    output = capsys.readouterr()
    return code, output.out, output.err


async def test_replay_prints_what_happened_beside_each_strategy(
    recorded: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code, out, _ = await asyncio.to_thread(
        run, capsys, "--database-path", str(recorded), "--days", "2", "--by-day", "--config", _empty(tmp_path)
    )
    assert code == 0
    rows = [line.split()[0] for line in out.splitlines() if "%" in line]
    assert rows[:4] == ["what", "adaptive", "optimal", "smallest-first"]


async def test_replay_with_another_threshold_says_so_and_moves_more(
    recorded: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    arguments = ("--database-path", str(recorded), "--days", "2", "--json", "--config", _empty(tmp_path))
    tried = ("--strategy", "optimal", "--set", "MAX_MIGRATIONS_PER_CYCLE=10")
    _, out, _ = await asyncio.to_thread(run, capsys, *arguments, "--strategy", "optimal")
    _, more, _ = await asyncio.to_thread(run, capsys, *arguments, *tried)
    [happened, plain], [_, changed] = json.loads(out), json.loads(more)
    assert happened["moves"] == 0 and plain["questions"] >= changed["questions"] > 0
    assert changed["moves"] >= plain["moves"] > 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--set", "NONSENSE=1"], "--set is 'NONSENSE=1': NAME=VALUE is needed"),
        (["--set", "CPU_OVERLOAD_THRESHOLD=abc"], "--set CPU_OVERLOAD_THRESHOLD"),
        (["--strategy", "best"], "--strategy is 'best'"),
        (["--days", "x"], "--days is 'x'"),
        ([], "no check of this time is recorded"),
    ],
)
async def test_bad_request_is_one_clear_error(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "empty.db"
    store = Store(path)
    await store.open()
    await store.close()
    options = ("--database-path", str(path), "--config", _empty(tmp_path), *arguments)
    code, out, err = await asyncio.to_thread(run, capsys, *options)
    assert code == 2 and words in err and "Traceback" not in err and not out


async def test_verify_says_how_many_plans_come_out_again(
    recorded: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    options = ("--verify", "--database-path", str(recorded), "--config", _empty(tmp_path))
    code, out, _ = await asyncio.to_thread(run, capsys, *options)
    assert code == 0 and "come out again to the byte, 0 differ" in out and not out.startswith("0 ")


def run_diff(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(["policy", "diff", *arguments])
    output = capsys.readouterr()
    return code, output.out, output.err


async def test_policy_diff_names_each_value_and_rule_that_differs_and_shows_both_plans(
    recorded: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    new = tmp_path / "new.toml"
    new.write_text(
        "[clusters.c1]\ncpu_overload_threshold = 9\nmigration_window = '01:00-05:00'\n"
        "[[clusters.c2.rules]]\ntype = 'ignore'\nvms = ['small-2']\n",
        "utf-8",
    )
    options = (str(new), "--database-path", str(recorded), "--config", _empty(tmp_path), "--days", "2")
    code, out, _ = await asyncio.to_thread(run_diff, capsys, *options)
    assert code == 0
    lines = out.splitlines()
    assert "Cluster c1: CPU_OVERLOAD_THRESHOLD 7.0 → 9.0" in lines
    assert "Cluster c1: MIGRATION_WINDOW - → 01:00-05:00" in lines
    assert "Cluster c2: rule “small-2” (ignore) is added" in lines
    assert "Cluster c1 (ID 1): no node of 2 is overloaded" in lines and "small-2" in out
    assert [line.split("  ")[0] for line in lines if "%" in line][-3:] == [
        "what happened",
        "as it is",
        "with the change",
    ]


async def test_policy_diff_without_a_change_says_so(
    recorded: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    options = ("--database-path", str(recorded), "--config", _empty(tmp_path), "--days", "2")
    code, out, _ = await asyncio.to_thread(run_diff, capsys, *options)
    assert code == 0 and out.strip() == "Nothing would change: the policies of all clusters stay the same."


async def test_policy_diff_refuses_a_bad_file_whole(
    recorded: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    new = tmp_path / "new.toml"
    new.write_text("[clusters.c1]\ncpu_overload_threshold = -1\n", "utf-8")
    options = (str(new), "--database-path", str(recorded), "--config", _empty(tmp_path))
    code, out, err = await asyncio.to_thread(run_diff, capsys, *options)
    assert code == 2 and not out and "cpu_overload_threshold" in err and "Traceback" not in err


def _empty(tmp_path: Path) -> str:
    path = tmp_path / "settings.env"
    path.write_text("", "utf-8")
    return str(path)


# The chat ------------------------------------------------------------------------------------------


async def test_whatif_in_the_chat_compares_the_strategies(tmp_path: Path) -> None:
    async with running_stack(tmp_path, world(), migration_s=1) as stack:
        stack.start_program(BALANCE_INTERVAL="60")
        await stack.message("small-a", buttons=True)
        assert "No check" not in (words := plain(await stack.ask("/whatif 2", "What would have been")))
        assert all(name in words for name in ("what happened", "adaptive", "optimal", "smallest-first")), words
        words = plain(await stack.ask("/whatif 2 optimal", "What would have been"))
        assert "optimal" in words and "adaptive" not in words
        assert "neither a number of days" in await stack.ask("/whatif <b>", "For example")
        await stack.ask("/whatif", "Only admins", user_id=VERA)
