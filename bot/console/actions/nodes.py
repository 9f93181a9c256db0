"""What is done to a node: excluded from balancing, and included again."""

from __future__ import annotations

from datetime import timedelta

from balancer.model import Node
from bot.console.base import ConsoleBase
from bot.console.dialogs import AskExclusion, Exclude
from bot.console.node import NodeView
from bot.console.nodes import NodesView
from bot.console.pages import ExclusionsView
from bot.errors import NotFound
from bot.rendering.phrases import role, until

FRESH = timedelta(seconds=60)


def open_node(app: ConsoleBase) -> None:
    """The VMs of the chosen node."""
    node_id = app.page(NodesView).node_id
    if app.front == "nodes" and node_id is not None:
        app.page(NodeView).node_id = node_id
        app.show_page("node")


def leave(app: ConsoleBase) -> None:
    if app.front == "node":
        app.show_page("nodes")


def exclude(app: ConsoleBase) -> None:
    node = None if app.front == "exclusions" else chosen_node(app)

    def chosen(wanted: Exclude | None) -> None:
        if wanted is not None:
            app.do(lambda: _exclude(app, wanted, node))

    app.push_screen(AskExclusion(app.texts, None if node is None else node.name), chosen)


async def _exclude(app: ConsoleBase, wanted: Exclude, node: Node | None) -> None:
    service, texts = app.backend.service, app.texts
    node = node or await find_node(app, wanted.node)
    exclusion = await service.admin.exclude(node, wanted.role, wanted.length, app.actor)
    lasts = until(texts, exclusion.until, service.clock())
    app.say(texts.text("console-exclude-done", node=node.name, role=role(texts, wanted.role), until=lasts))


async def find_node(app: ConsoleBase, name: str) -> Node:
    """The node of this name; where several have it, none is guessed.

    Raises:
        NotFound: no node has this name, or several.
    """
    nodes = await app.backend.service.queries.find_nodes(name, FRESH)
    if len(nodes) > 1:
        raise NotFound("node", name, [f"{n.id}" for n in nodes])
    return nodes[0]


def include(app: ConsoleBase) -> None:
    node_id = _node_id(app)
    if node_id is None:
        app.say_key("console-choose-exclusion" if app.front == "exclusions" else "console-choose-node", "warn")
        return
    excluded = next((e for e in app.stored.exclusions if e.node_id == node_id), None)
    node = chosen_node(app) or (Node(node_id, excluded.node_name, 0) if excluded is not None else None)
    if node is None:
        return

    async def work() -> None:
        ended = await app.backend.service.admin.include(node, app.actor)
        key = "console-include-done" if ended else "console-include-none"
        app.say(app.texts.text(key, node=node.name), "good" if ended else "warn")

    app.do(work)


def chosen_node(app: ConsoleBase) -> Node | None:
    """The node that the page in front is about, as last seen."""
    node_id, snapshot = _node_id(app), app.world.snapshot
    return None if snapshot is None else next((n for n in snapshot.nodes if n.id == node_id), None)


def _node_id(app: ConsoleBase) -> int | None:
    if app.front == "exclusions":
        return app.page(ExclusionsView).node_id
    return app.page(NodeView).node_id if app.front == "node" else app.page(NodesView).node_id
