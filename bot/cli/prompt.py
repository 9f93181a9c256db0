"""Asks at the terminal without blocking the event loop, so that signals are handled. Only for a tty."""

from __future__ import annotations

import asyncio
import codecs
import os
import sys
from collections.abc import Callable
from typing import TextIO

from bot.cli.output import say


async def ask(question: str) -> str:
    """The next line that a person types at this terminal.

    Raises:
        EOFError: the input ends.
    """
    return await Prompt(sys.stdin, lambda text: say(text, end="")).ask(question)


class Prompt:
    """``await ask(question)`` is the next line that a person types; EOFError when the input ends."""

    def __init__(self, source: TextIO, write: Callable[[str], None]) -> None:
        self._source = source
        self._write = write
        self._typed = ""
        self._decode = codecs.getincrementaldecoder("utf-8")(errors="replace").decode

    async def ask(self, question: str) -> str:
        self._write(question)
        while "\n" not in self._typed:
            more = await self._more()
            if not more:
                raise EOFError
            self._typed += more
        line, _, self._typed = self._typed.partition("\n")
        return line

    async def _more(self) -> str:
        loop = asyncio.get_running_loop()
        number = self._source.fileno()
        readable = asyncio.Event()
        try:
            loop.add_reader(number, readable.set)
        except NotImplementedError:  # Windows: a thread, which a signal cannot wake
            return await asyncio.to_thread(self._source.readline)
        try:
            await readable.wait()
        finally:
            loop.remove_reader(number)
        try:
            data = os.read(number, 4096)
        except OSError:  # the terminal was closed
            return ""
        return self._decode(data) or ("\ufffd" if data else "")
