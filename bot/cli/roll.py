"""`vm-balancer roll`: shows and starts campaigns, with the same actions as the chat. The program carries them out."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from bot.cli.arguments import add_settings
from bot.cli.given import log_to, read_settings
from bot.cli.output import FAILED, OK, print_all, say
from bot.cli.parsing import Parser, make_parser, understood
from bot.cli.prompt import ask
from bot.cli.single_move import is_yes
from bot.config.clusters_file import check_clusters_file
from bot.config.validation import check_files, check_panel
from bot.domain.campaigns import Campaign, Press
from bot.domain.dates import NoSuchTime, split_when
from bot.domain.sanitize import one_line
from bot.errors import ConfigError, NotFound
from bot.rendering.campaigns import campaign_lines, title_words
from bot.rendering.roll import roll_lines
from bot.service.campaigns import arrived_of
from bot.service.local_actor import at_the_terminal

if TYPE_CHECKING:
    from bot.app.program import VMBalancer

SHOWN = 5
"""How many of the newest campaigns are shown."""
PRESSES = {
    "approve": Press.APPROVE_ALL,
    "pause": Press.PAUSE,
    "resume": Press.RESUME,
    "skip": Press.SKIP,
    "ready": Press.READY,
    "finish": Press.FINISH,
    "stop": Press.STOP,
}
Ask = Callable[[str], Awaitable[str]]


def parser() -> Parser:
    parser = make_parser(
        "vm-balancer roll",
        "Shows the campaigns that empty node after node; starts one, or pauses, resumes and stops it.",
    )
    parser.add_argument("action", nargs="?", default="show", choices=("show", "start", *PRESSES), help="default: show")
    parser.add_argument("what", nargs="?", default="", help="start: a cluster or nodes by commas; else a cluster")
    parser.add_argument("--at", metavar="TIME", default="", help='start: "sat 02:00" or "2026-12-05 02:00-06:00"')
    parser.add_argument("--ask", action="store_true", help="start: each node waits for an approval in the chat")
    add_settings(parser)
    return parser


def run(arguments: list[str]) -> int:
    from bot.app.program import VMBalancer

    given, problems = understood(parser(), arguments)
    if given.action == "start" and not sys.stdin.isatty():
        problems.append("roll start asks before it starts, and nobody can answer here: use a terminal")
    settings = read_settings(given, problems, lambda _: [check_panel, check_clusters_file, check_files])
    log_to(settings, to_file=True)

    async def work() -> int:
        update = {"telegram_notifications": False}
        async with VMBalancer(settings=settings.model_copy(update=update), exclusive=False) as balancer:
            if given.action == "show":
                return await show(balancer)
            if given.action == "start":
                return await start(balancer, given.what, given.at, ask, each=given.ask)
            return await pressed(balancer, PRESSES[given.action], given.what)

    return asyncio.run(work())


async def show(balancer: VMBalancer) -> int:
    """Prints the newest campaigns."""
    campaigns = await balancer.store.campaigns.newest(SHOWN)
    if not campaigns:
        say(balancer.texts.text("terminal-roll-none"))
        return OK
    print_all("\n\n".join([await _words(balancer, campaign) for campaign in campaigns]))
    return OK


async def _words(balancer: VMBalancer, campaign: Campaign) -> str:
    texts, now = balancer.texts, balancer.service.clock()
    lines = campaign_lines(texts, campaign, await arrived_of(balancer.store, campaign), now)
    title = one_line(title_words(texts, campaign, now))
    return "\n".join([title, *(f"  {one_line(line)}".rstrip() for line in lines)])


async def start(balancer: VMBalancer, what: str, at: str, ask: Ask, *, each: bool) -> int:
    """Shows the plan and starts it after a question. Returns the exit code."""
    service, texts = balancer.service, balancer.texts
    try:
        rest, when = split_when(at, service.wall(), service.settings.zone)
    except NoSuchTime as error:
        words = (
            "is over" if error.code == "past" else "is too far away" if error.code == "far" else "is no date or time"
        )
        raise ConfigError([f'--at is {at!r}: "{error.text}" {words}; "sat 02:00" is a time']) from error
    if rest:
        raise ConfigError([f'--at is {at!r}: {rest!r} is no date; "sat 02:00" or "2026-12-05 02:00" is one'])
    try:
        plan = await service.queries.roll_plan(what)
    except NotFound as error:
        near = " or ".join(error.near) or "give a cluster, or nodes of one cluster by commas"
        raise ConfigError([f"nothing is called {what!r}: {near}"]) from error
    print_all("\n".join(one_line(line) for line in roll_lines(texts, plan)))
    question = texts.text("terminal-roll-ask-each" if each else "terminal-roll-ask-all", cluster=plan.cluster_name)
    try:
        answer = await ask(f"{question} ")
    except EOFError:
        answer = ""
    if not plan.steps or not is_yes(answer):
        say(texts.text("terminal-abort-declined"))
        return OK
    draft = service.campaigns.draft(service.campaigns.draft_of(plan, when))
    campaign = None if draft is None else await service.campaigns.start(draft, at_the_terminal(), approve_all=not each)
    say(texts.text("popup-roll-open") if campaign is None else await _words(balancer, campaign))
    return FAILED if campaign is None else OK


async def pressed(balancer: VMBalancer, what: Press, cluster: str) -> int:
    """Does the action of a chat's button with the open campaign of a cluster. Returns the exit code."""
    texts = balancer.texts
    wanted = cluster.strip().casefold()
    open_ones = await balancer.store.campaigns.open()
    chosen = [c for c in open_ones if wanted in ("", c.cluster_name.casefold(), str(c.cluster_id))]
    if len(chosen) != 1:
        say(texts.text("terminal-roll-several" if len(chosen) > 1 else "terminal-roll-none"))
        return FAILED
    changed = await balancer.service.campaigns.press(chosen[0].id, what, at_the_terminal())
    say(texts.text("terminal-roll-old") if changed is None else await _words(balancer, changed))
    return FAILED if changed is None else OK
