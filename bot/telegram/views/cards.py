"""Cards of single things: a VM, why it stays, what a node is, where a new one fits. Pure: values in, text out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from markupsafe import Markup

from balancer.model import VM, Move, Plan, Purpose, Rejection
from balancer.reasons import brief
from balancer.requests.results import Placement, Refused, TargetChoice, WhyNode, WhyVM
from bot.domain.exclusions import IgnoredVM
from bot.domain.proposals import ProposedMove
from bot.rendering.catalog import Texts
from bot.rendering.phrases import load_figures
from bot.service.queries import VMDetails
from bot.telegram.views import wording
from bot.telegram.views.history import history_line
from bot.telegram.views.node_requests import plan_lines

CHOICES_SHOWN = 3
NAMES_SHOWN = 5
REASONS_SHOWN = 8
Lines = list[Markup | str]


def vm_lines(texts: Texts, details: VMDetails, cluster: str, ignored: IgnoredVM | None, now: datetime) -> Lines:
    """Where a VM is, how large it is, whether and where it may go, and past decisions about it."""
    vm, why = details.vm, details.why
    unknown = texts.text("unknown-value")
    place = details.node.name if details.node is not None else unknown
    size = wording.size(texts, vm.vcpus or 0, vm.memory_mib or 0)
    lines: Lines = [
        texts.html("vm-title", vm=vm.name, id=vm.id),
        texts.html("vm-place", node=place, cluster=cluster),
        texts.html("vm-size", size=size, state=wording.vm_state(texts, vm)),
    ]
    if vm.disk_mib:
        lines.append(texts.html("vm-disk", gib=vm.disk_mib / 1024))
    lines.append(load_line(texts, vm, now))
    if details.writing is not None:
        length = wording.duration(texts, timedelta(seconds=details.writing.seconds))
        rate, count = details.writing.dirty_mib_s, details.writing.migrations
        lines.append(texts.html("vm-writes", duration=length, rate=rate, count=count))
    lines.append("")
    if ignored is not None:
        lines.append(texts.html("vm-ignored-by", who=ignored.by.name, time=wording.moment(texts, ignored.at, now)))
    if why.refusals:
        lines += [texts.html("vm-stays", reason=texts.reason(reason)) for reason in why.refusals]
    elif why.open:
        lines.append(texts.html("vm-may-go", nodes=", ".join(c.node_name for c in why.open[:CHOICES_SHOWN])))
    else:
        lines.append(texts.html("vm-no-target"))
    if details.past:
        lines += ["", texts.html("vm-past"), *past_lines(texts, details.past, now)]
    return lines


def load_line(texts: Texts, vm: VM, now: datetime) -> Markup:
    """How busy the VM was, by its own load; or that it counts with its share of its node's."""
    if vm.load is None:
        return texts.html("vm-load-share")
    return texts.html("vm-load", **load_figures(texts, vm.load, vm.vcpus, now))


def past_lines(texts: Texts, moves: Sequence[ProposedMove], now: datetime) -> Lines:
    return [history_line(texts, proposed, now) for proposed in moves]


def why_vm_lines(texts: Texts, why: WhyVM, now: datetime) -> tuple[Lines, Lines]:
    """The answer, and what folds away below it."""
    lines: Lines = [
        texts.html("why-vm-title", vm=why.vm_name, node=why.node_name or texts.text("unknown-value")),
        texts.html("why-answer", reason=texts.reason(why.reason)),
    ]
    if why.load is not None:
        lines.append(texts.html("why-load", **load_figures(texts, why.load, why.vcpus, now)))
    lines += [texts.html("why-keeps", reason=texts.reason(reason)) for reason in why.refusals[:REASONS_SHOWN]]
    if why.instead:
        lines += ["", texts.html("why-instead"), *(_move_line(texts, m) for m in why.instead[:CHOICES_SHOWN])]
    if why.open:
        lines += ["", texts.html("why-open"), *(choice_line(texts, c) for c in why.open[:CHOICES_SHOWN])]
    below: Lines = [_refused_line(texts, refused) for refused in why.refused]
    below += [_rejection(texts, rejection) for rejection in why.nearest]
    return lines, below


def why_node_lines(texts: Texts, why: WhyNode) -> tuple[Lines, Lines]:
    """What the node is to the plan of this moment, and which of its VMs may not leave."""
    lines: Lines = [texts.html("why-node-title" if why.overloaded else "why-node-fine", node=why.node_name)]
    for level in why.levels:
        lines.append(texts.html("why-level", resource=level.resource, value=level.value, limit=level.limit))
    if why.stays_overloaded is not None:
        lines.append(texts.html("why-answer", reason=texts.reason(why.stays_overloaded)))
    lines += [texts.html("why-not-source", reason=texts.reason(r)) for r in why.not_source]
    lines += [texts.html("why-not-target", reason=texts.reason(r)) for r in why.not_target]
    if why.leaving:
        lines += ["", texts.html("why-leaving"), *(_move_line(texts, m) for m in why.leaving[:REASONS_SHOWN])]
    if why.coming:
        lines += ["", texts.html("why-coming"), *(_move_line(texts, m) for m in why.coming[:REASONS_SHOWN])]
    return lines, [_refused_line(texts, refused) for refused in why.staying]


def place_lines(texts: Texts, placement: Placement) -> Lines:
    """How many more fit, the best nodes, and why others take none."""
    lines: Lines = [
        texts.html(
            "place-title",
            cluster=placement.cluster_name,
            total=placement.total,
            size=wording.size(texts, placement.vcpus, placement.memory_mib),
        )
    ]
    rooms = {room.node_id: room.vms for room in placement.rooms}
    for choice in placement.best:
        lines += [choice_line(texts, choice), texts.html("place-room", vms=rooms[choice.node_id])]
    closed: dict[str, list[str]] = {}
    for rejection in placement.rejections:
        closed.setdefault(texts.reason(brief(rejection.reason)), []).append(rejection.name)
    for why, names in sorted(closed.items(), key=lambda item: -len(item[1]))[:REASONS_SHOWN]:
        lines.append(texts.html("why-refused", count=len(names), names=_some(names), reason=why))
    return lines


def request_lines(texts: Texts, plan: Plan, title: Markup) -> tuple[Lines, Lines]:
    """What emptying or filling a node comes to; what cannot leave, folded."""
    lines: Lines = [title, *plan_lines(texts, plan)]
    if plan.moves and plan.purpose is Purpose.DRAIN:
        lines += ["", texts.html("drain-excludes", node=plan.moves[0].source_name)]
    lines += [texts.html("move-caution", reason=texts.reason(c)) for c in plan.cautions[:REASONS_SHOWN]]
    if plan.rejections:
        staying = texts.html("wish-staying", count=len(plan.rejections))
        of_vms = plan.purpose is Purpose.DRAIN and all(r.subject == "vm" for r in plan.rejections)
        lines += ["", staying if of_vms else texts.html("fill-blocked")]
    return lines, [_rejection(texts, rejection) for rejection in plan.rejections]


def folded(texts: Texts, lines: Lines, below: Lines) -> Markup:
    """One message: the lines, and as many of those below as fit, in a block that opens on a tap."""
    head = wording.joined(lines)
    if not below:
        return head
    room = wording.SAFE_TEXT - len(head)
    if room < 200:
        return wording.fitted(lines, [], texts)
    block = wording.fitted([], below, texts, room)
    return Markup("{}\n<blockquote expandable>{}</blockquote>").format(head, block)


def choice_line(texts: Texts, choice: TargetChoice) -> Markup:
    """A node that may take a VM: what it would be like before and after."""
    return texts.html(
        "target-line",
        node=choice.node_name,
        before=choice.before.cpu_ratio,
        after=choice.after.cpu_ratio,
        memory_before=choice.before.memory_percent,
        memory_after=choice.after.memory_percent,
        full=100 * choice.fullness,
    )


def _move_line(texts: Texts, move: Move) -> Markup:
    return texts.html("why-move", vm=move.vm_name, source=move.source_name, target=move.target_name)


def _refused_line(texts: Texts, refused: Refused) -> Markup:
    names = _some(refused.names)
    return texts.html("why-refused", count=len(refused.ids), names=names, reason=texts.reason(refused.reason))


def _some(names: Sequence[str]) -> str:
    """The first names, and a sign if there are more."""
    return ", ".join(names[:NAMES_SHOWN]) + (" …" if len(names) > NAMES_SHOWN else "")


def _rejection(texts: Texts, rejection: Rejection) -> Markup:
    return texts.html("rejection-line", name=rejection.name, reason=texts.reason(rejection.reason))
