"""Cards of the chat: from the status to a VM and back by buttons; why, place, drain, fill; settings."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from stack import ANNA, VERA, Stack, buttons, plain, running_stack, world

CALM: dict[str, Any] = {
    "clusters": [{"id": 1, "name": "Production"}, {"id": 2, "name": "Lab"}],
    "nodes": [
        *(
            {"id": i, "name": name, "cpu_number": 16, "ram_mib": 131072}
            for i, name in ((1, "one"), (2, "two"), (3, "three"))
        ),
        {"id": 9, "name": "spare", "cluster": 2, "cpu_number": 16, "ram_mib": 131072},
    ],
    "vms": [
        *({"id": 10 + i, "name": f"a-{i}", "node": 1, "cpu_number": 4, "ram_mib": 4096} for i in range(10)),
        {"id": 20, "name": "b-0", "node": 2, "cpu_number": 4, "ram_mib": 4096},
    ],
}


@pytest.fixture
async def stack(tmp_path: Path) -> AsyncIterator[Stack]:
    async with running_stack(tmp_path, world(), migration_s=1, task_row_delay_s=0.1) as running:
        yield running


@pytest.fixture
async def calm(tmp_path: Path) -> AsyncIterator[Stack]:
    async with running_stack(tmp_path, CALM, migration_s=1, task_row_delay_s=0.1) as running:
        yield running


def labels(message: dict[str, Any]) -> list[str]:
    return [plain(text) for text in buttons(message)]


async def test_buttons_lead_from_the_status_to_a_vm_and_back(stack: Stack) -> None:
    stack.start_program()
    await stack.message("small-a", buttons=True)
    status = await stack.asked("/status", "VM Balancer", "1 of 3 nodes")
    assert labels(status) == ["⚠️ hot", "mild", "cool", "🖥 Nodes", "📈 Load", "🔄 Refresh", "🔎 Dry run", "✖ Close"]
    await stack.tap(status, "Refresh", VERA)
    dry = await stack.opened(status, "Dry run", "Dry run: nothing is stored", "hot → cool", user_id=VERA)
    status = await stack.opened(dry, "Status", "1 of 3 nodes", user_id=VERA)
    node = await stack.opened(status, "hot", "hot in Production", "overloaded", user_id=VERA)
    assert "🧩 VMs (10)" in labels(node)
    vms = await stack.opened(node, "VMs", "10 VMs, largest first", user_id=VERA)
    second = await stack.opened(vms, "Next", "10 VMs", user_id=VERA)
    assert "small-a · 2 vCPU, 2 GiB" in labels(second)
    vm = await stack.opened(second, "small-a", "small-a (ID 11)", "on hot in Production", "May go to: cool, mild")
    why = await stack.opened(vm, "Why", "small-a on hot", "cool: CPU 0.0 → 0.1")
    node = await stack.opened(await stack.opened(why, "VM", "small-a (ID 11)"), "Node", "hot in Production")
    reasons = await stack.opened(node, "Why", "hot is overloaded", "CPU 7.5 (limit 7)", "small-a: hot → cool")
    await stack.opened(await stack.opened(reasons, "Node", "hot in"), "Nodes", "3 nodes, most loaded first")
    assert await stack.starts() == []


async def test_viewers_see_no_button_that_decides(stack: Stack) -> None:
    stack.start_program()
    await stack.message("small-a", buttons=True)
    shown = labels(await stack.asked("/node hot", "hot in Production", user_id=VERA))
    assert not {"🚰 Drain", "🪣 Fill", "⛔ Exclude"} & set(shown)
    admins = await stack.asked("/node hot", "hot in Production")
    assert {"🚰 Drain", "🪣 Fill", "⛔ Exclude"} <= set(labels(admins))
    assert await stack.tap(admins, "⛔ Exclude", VERA) == "You may look, but not decide."
    assert "Only admins" in await stack.ask("/drain hot", "admins", user_id=VERA)


async def test_a_node_is_excluded_in_steps_without_typing_its_name(stack: Stack) -> None:
    stack.start_program()
    await stack.message("→ cool", buttons=True)
    asked = await stack.asked("/exclude", "Which node")
    assert labels(asked) == ["⚠️ hot", "mild", "cool", "✖ Close"]
    how = await stack.opened(asked, "cool", "cool: how should it be excluded?")
    length = await stack.opened(how, "Gives and takes no VM", "Exclude cool as source and target: for how long?")
    done = await stack.opened(length, "2 h", "cool is excluded as source and target until")
    await stack.message("Anna Admin excluded cool", "1. small-a", buttons=False)
    await stack.opened(done, "Include", "cool is balanced again")
    assert "No node is excluded" in await stack.ask("/exclusions", "excluded")


async def test_why_command_and_unknown_words_are_answered(stack: Stack) -> None:
    stack.start_program()
    await stack.message("small-a", buttons=True)
    assert "no other" not in await stack.ask("/why big-0", "big-0 on hot")
    assert "cool is not overloaded" in await stack.ask("/why COOL", "cool")
    assert "Did you mean" in await stack.ask("/why smal-a", "neither a node nor a VM")
    assert "hot in Production" in await stack.ask("hot", "hot in", chat_id=ANNA)
    assert "small-b (ID 12)" in await stack.ask("small-b", "small-b", chat_id=ANNA)
    assert "small-a" in await stack.ask("small", "Did you mean", chat_id=ANNA)
    assert "Did you mean: /status," in await stack.ask("/staus", "Did you mean")
    before = len(await stack.messages())
    await stack.say("hot is slow today, isn't it?")
    await stack.ask("/resume", "not paused")
    assert len(await stack.messages()) == before + 1, "people talk to each other in a group"


async def test_place_command_lists_nodes_for_a_new_vm(calm: Stack) -> None:
    calm.start_program()
    words = plain(await calm.ask("/place 8 16", "room for"))
    assert "Production: room for" in words and "Lab: room for" in words and "spare: CPU 0.0 → 0.5" in words
    assert "Lab" not in await calm.ask("/place 8 16 production", "room for")
    asked = await calm.asked("/place", "How large is it?")
    await calm.opened(asked, "32 vCPU, 64 GiB", "of 32 vCPU, 64 GiB")
    assert "is not a size" in await calm.ask("/place x 16", "not a size")
    assert "is not a size" in await calm.ask("/place 0 16", "not a size")


async def test_node_is_drained_and_filled_by_buttons(calm: Stack) -> None:
    calm.start_program()
    plan = await calm.asked("/drain one", "one: 10 VMs would leave", "two: CPU", "three: CPU", "takes no VM")
    assert await calm.tap(plan, "Empty and exclude (10)", VERA) == "You may look, but not decide."
    assert await calm.tap(plan, "Empty and exclude (10)") == "10 moves approved."
    done = await calm.message("one is empty: 10 VMs moved in", "requested by Anna Admin", "✅ 6 more moved")
    assert len(await calm.starts()) == 10 and "⏹ Stop" not in labels(done)
    shown = await calm.asked("/node one", "excluded as target")
    back = await calm.opened(shown, "Fill", "one: ", "would come")
    await calm.tap(back, "Fill (")
    await calm.message("one: ", " moved here in ", "requested by Anna Admin", "✅ ", " → one · ")
    assert "excluded" not in await calm.ask("/node one", "one in Production")


async def test_a_drain_can_be_stopped(calm: Stack) -> None:
    calm.start_program()
    plan = await calm.asked("/drain 1", "10 VMs would leave")
    await calm.tap(plan, "Empty and exclude (10)")
    under_way = await calm.message("one: ", " of 10 · ≈ ", " left", "▶️ a-", buttons=True)
    words = await calm.tap(under_way, "Stop")
    assert words.startswith("Stopped:") and "called back" in words
    await calm.message("one: ", " of 10 moved away in ", "Anna Admin stopped it", "✋ a-", " stays: called back")
    assert 0 < len(await calm.starts()) < 10
    assert "excluded" not in await calm.ask("/node one", "one in Production")


async def test_settings_are_changed_by_buttons_and_by_commands(stack: Stack) -> None:
    stack.start_program()
    await stack.message("small-a", buttons=True)
    menu = await stack.asked("/settings", "Settings that can be changed")
    assert "CPU limit: 7" in labels(menu)
    one = await stack.opened(menu, "CPU limit", "vCPU per CPU above which", "CPU_OVERLOAD_THRESHOLD")
    assert await stack.tap(one, "7.5", VERA) == "You may look, but not decide."
    assert await stack.tap(one, "7.5") == "CPU_OVERLOAD_THRESHOLD is 7.5 from now on."
    changed = await stack.message("CPU limit: 7.5", "Changed by Anna Admin", "the settings file says 7")
    await stack.ask("/balance", "nothing new to propose")
    await stack.tap(changed, "Use the file")
    await stack.ask("/settings MAX_MIGRATIONS_PER_CYCLE 3", "Moves per check: 3")
    assert "✎" in "".join(labels(await stack.asked("/settings", "can be changed")))
    for words in ("BALANCE_MODE auto", "balance_mode = AUTO", "BALANCE-MODE =auto"):
        await stack.ask(f"/settings {words}", "Switch to automatic mode?")
        assert "Approve mode" in await stack.ask("/mode"), f"a question changes nothing: {words}"
    assert "is 'x'" in await stack.ask("/settings BALANCE_INTERVAL x", "BALANCE_INTERVAL")
    assert "No setting HOST" in await stack.ask("/settings HOST x", "HOST")
    typo = await stack.ask("/settings BALANCE_INTERVL 5", "BALANCE_INTERVAL")
    assert "MAX_PARALLEL_MIGRATIONS" not in typo, "only the nearest names"
    await stack.ask("/balance", "new proposal")
    await stack.message("3 moves", buttons=True)
    every = await stack.opened(await stack.asked("/settings", "can be changed"), "All", "VMMANAGER_HOST")
    assert "secret" not in every["text"]
