"""Stores rolling campaigns. Each change happens once, and the end of a campaign opens all its nodes.

Every change is one transaction together with its consequences: the exclusions of the nodes that are closed now, and
the moves that must not begin any more.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from balancer.model import Reason
from bot.domain.campaigns import (
    REST,
    Campaign,
    CampaignNode,
    CampaignState,
    CommandRun,
    NodeState,
    closed_nodes,
    proposals_in_force,
)
from bot.domain.proposals import Actor, ActorKind
from bot.store import rows
from bot.store.audit import write_audit
from bot.store.database import Connection, Database, Part, all_rows, json_list, scalar
from bot.store.notices import add_notice
from bot.store.publishing import set_closed_reason
from bot.store.reading import Reader
from bot.store.requests import called_off
from bot.store.values import NoticeKind

_OPEN = json_list(state.value for state in (CampaignState.RUNNING, CampaignState.PAUSED))


class Campaigns(Part):
    def __init__(self, database: Database, reader: Reader) -> None:
        super().__init__(database)
        self._reader = reader

    async def create(self, campaign: Campaign) -> Campaign | None:
        """Stores a new campaign; ``None``: one is open in its cluster already."""
        async with self._database.transaction() as db:
            known = "SELECT count(*) FROM campaign WHERE cluster_id = ? AND state IN (SELECT value FROM json_each(?))"
            if await scalar(db, known, (campaign.cluster_id, _OPEN)):
                return None
            cursor = await db.execute(
                "INSERT INTO campaign (cluster_id, cluster_name, state, by_kind, by_name, by_id, created_at, "
                "starts_at, ends_at, maintenance, approved) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *(campaign.cluster_id, campaign.cluster_name, campaign.state.value),
                    *(campaign.by.kind.value, campaign.by.name, campaign.by.user_id),
                    *(rows.to_text(campaign.created_at), rows.maybe_to_text(campaign.starts_at)),
                    *(rows.maybe_to_text(campaign.ends_at), int(campaign.maintenance), _actors(campaign.approved)),
                ),
            )
            campaign_id = int(cursor.lastrowid or 0)
            for position, node in enumerate(campaign.nodes):
                await _write_node(db, campaign_id, position, node)
            detail = {
                "campaign": campaign_id,
                "cluster": campaign.cluster_id,
                "state": campaign.state.value,
                "nodes": [node.node_id for node in campaign.nodes],
                "starts_at": campaign.starts_at,
                "approved": len(campaign.approved),
            }
            await write_audit(db, campaign.created_at, campaign.by, "campaign", detail)
            stored = await self._all(db, "WHERE id = ?", (campaign_id,))
        return stored[0]

    async def get(self, campaign_id: int) -> Campaign | None:
        async with self._database.reading() as db:
            found = await self._all(db, "WHERE id = ?", (campaign_id,))
        return found[0] if found else None

    async def open(self) -> list[Campaign]:
        """The campaigns that are not over, oldest first."""
        async with self._database.reading() as db:
            return await self._all(db, "WHERE state IN (SELECT value FROM json_each(?)) ORDER BY id", (_OPEN,))

    async def newest(self, limit: int) -> list[Campaign]:
        """The newest campaigns, newest first."""
        async with self._database.reading() as db:
            return await self._all(db, "ORDER BY id DESC LIMIT ?", (limit,))

    async def holding(self, now: datetime) -> dict[int, Reason]:
        """The clusters that the balancer leaves alone because of a campaign, and why."""
        async with self._database.reading() as db:
            near = await self._all(
                db,
                "WHERE state IN (SELECT value FROM json_each(?)) OR ended_at > ? ORDER BY id",
                (_OPEN, rows.to_text(now - REST)),
            )
        return {c.cluster_id: Reason.of("cluster-campaign") for c in near if c.holds(now)}

    async def save(
        self, old: Campaign, new: Campaign, actor: Actor, now: datetime, *, news: Reason | None = None
    ) -> tuple[int, ...] | None:
        """Stores a change; returns the proposals that it changed. ``None``: the campaign is not as ``old`` any more.

        Args:
            news: the notices about it for people, each sent once.
        """
        async with self._database.transaction() as db:
            cursor = await db.execute(
                "UPDATE campaign SET state = ?, approved = ?, reason = ?, starts_at = ?, ends_at = ?, ended_at = ?, "
                "version = version + 1 WHERE id = ? AND version = ?",
                (
                    *(new.state.value, _actors(new.approved), rows.reason_to_text(new.reason)),
                    *(rows.maybe_to_text(new.starts_at), rows.maybe_to_text(new.ends_at)),
                    *(rows.maybe_to_text(new.ended_at), old.id, old.version),
                ),
            )
            if not cursor.rowcount:
                return None
            for position, (before, after) in enumerate(zip(old.nodes, new.nodes, strict=True)):
                if before != after:
                    await _write_node(db, old.id, position, after)
            await _close(db, old, new, actor, now)
            ended = sorted(proposals_in_force(old) - proposals_in_force(new))
            changed = [i for i in ended if (await called_off(db, i, actor, now)).any]
            await set_closed_reason(db, changed, Reason.of("stopped-by", who=actor.name))
            await write_audit(db, now, actor, "campaign", _detail(old, new))
            if news is not None:
                await add_notice(db, NoticeKind.OUTAGE, now, body=news, subject=f"campaign-news-{old.id}")
        return tuple(changed)

    async def _all(self, db: Connection, where: str, values: Sequence[Any]) -> list[Campaign]:
        found = await all_rows(db, f"SELECT * FROM campaign {where}", values)  # noqa: S608 - fixed words
        nodes = await all_rows(
            db,
            "SELECT * FROM campaign_node WHERE campaign_id IN (SELECT value FROM json_each(?)) "
            "ORDER BY campaign_id, position",
            (json_list(row["id"] for row in found),),
        )
        by_campaign: dict[int, list[CampaignNode]] = {}
        for row in nodes:
            by_campaign.setdefault(row["campaign_id"], []).append(self._reader.decode(row, node_of))
        return [self._reader.decode(row, lambda row: campaign_of(row, by_campaign.get(row["id"], ()))) for row in found]


async def _close(db: Connection, old: Campaign, new: Campaign, actor: Actor, now: datetime) -> None:
    """Closes the nodes that are closed from now on, and opens all others of the campaign."""
    closed = closed_nodes(new)
    moment = rows.to_text(now)
    await db.execute(
        "UPDATE exclusion SET ended_at = ?, ended_by = ? WHERE campaign_id = ? AND ended_at IS NULL "
        "AND node_id NOT IN (SELECT value FROM json_each(?))",
        (moment, actor.name, old.id, json_list(sorted(closed))),
    )
    for node in new.nodes:
        if node.node_id in closed - closed_nodes(old):
            await db.execute(
                "INSERT INTO exclusion (node_id, node_name, role, by_kind, by_name, by_id, created_at, campaign_id) "
                "VALUES (?, ?, 'target', ?, ?, ?, ?, ?)",
                (node.node_id, node.name, new.by.kind.value, new.by.name, new.by.user_id, moment, old.id),
            )


def _detail(old: Campaign, new: Campaign) -> dict[str, object]:
    """What changed, for the audit trail."""
    detail: dict[str, object] = {"campaign": old.id, "cluster": old.cluster_id, "state": new.state.value}
    changed = [n for before, n in zip(old.nodes, new.nodes, strict=True) if before != n]
    detail["nodes"] = [{"node": n.node_id, "state": n.state.value, "proposal": n.proposal_id} for n in changed]
    if len(new.approved) != len(old.approved):
        detail["approved"] = len(new.approved)
    runs = [n.command for n in changed if n.command is not None and n.command.ended_at is not None]
    if runs:
        detail["exit_code"] = runs[-1].code
    return detail


async def _write_node(db: Connection, campaign_id: int, position: int, node: CampaignNode) -> None:
    await db.execute(
        "INSERT INTO campaign_node (campaign_id, position, node_id, name, state, since, proposal_id, emptied_at, "
        "kernel, kernel_after, reason, told, command) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (campaign_id, node_id) DO UPDATE SET state = excluded.state, since = excluded.since, "
        "proposal_id = excluded.proposal_id, emptied_at = excluded.emptied_at, kernel = excluded.kernel, "
        "kernel_after = excluded.kernel_after, reason = excluded.reason, told = excluded.told, "
        "command = excluded.command",
        (
            *(campaign_id, position, node.node_id, node.name, node.state.value, rows.to_text(node.since)),
            *(node.proposal_id, rows.maybe_to_text(node.emptied_at), node.kernel, node.kernel_after),
            *(rows.reason_to_text(node.reason), int(node.told), _command_to_text(node.command)),
        ),
    )


# Rows -------------------------------------------------------------------------------------------------


def campaign_of(row: sqlite3.Row, nodes: Sequence[CampaignNode]) -> Campaign:
    return Campaign(
        id=row["id"],
        cluster_id=row["cluster_id"],
        cluster_name=row["cluster_name"],
        state=CampaignState(row["state"]),
        by=rows.actor_of(row),
        created_at=rows.from_text(row["created_at"]),
        nodes=tuple(nodes),
        starts_at=rows.maybe_from_text(row["starts_at"]),
        ends_at=rows.maybe_from_text(row["ends_at"]),
        maintenance=bool(row["maintenance"]),
        approved=tuple(
            Actor(ActorKind(raw["kind"]), str(raw["name"]), raw["id"]) for raw in json.loads(row["approved"])
        ),
        reason=rows.reason_from_text(row["reason"]),
        ended_at=rows.maybe_from_text(row["ended_at"]),
        version=row["version"],
    )


def node_of(row: sqlite3.Row) -> CampaignNode:
    return CampaignNode(
        node_id=row["node_id"],
        name=row["name"],
        state=NodeState(row["state"]),
        since=rows.from_text(row["since"]),
        proposal_id=row["proposal_id"],
        emptied_at=rows.maybe_from_text(row["emptied_at"]),
        kernel=row["kernel"],
        kernel_after=row["kernel_after"],
        reason=rows.reason_from_text(row["reason"]),
        told=bool(row["told"]),
        command=_command_from_text(row["command"]),
    )


def _actors(actors: Collection[Actor]) -> str:
    return json.dumps([{"kind": a.kind.value, "name": a.name, "id": a.user_id} for a in actors], ensure_ascii=False)


def _command_to_text(run: CommandRun | None) -> str | None:
    if run is None:
        return None
    document = {
        "started_at": rows.to_text(run.started_at),
        "ended_at": rows.maybe_to_text(run.ended_at),
        "code": run.code,
        "output": run.output,
    }
    return json.dumps(document, ensure_ascii=False)


def _command_from_text(text: str | None) -> CommandRun | None:
    if text is None:
        return None
    raw = json.loads(text)
    code = raw["code"]
    return CommandRun(
        rows.from_text(raw["started_at"]),
        rows.maybe_from_text(raw["ended_at"]),
        None if code is None else int(code),
        str(raw["output"]),
    )
