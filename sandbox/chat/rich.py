"""Rich messages as blocks, checked strictly by the types and limits of Bot API 10.3.

The emulated server knows the blocks that the bot sends. It also refuses unknown fields, which Telegram ignores, so that
a misspelt field fails a test. Source: core.telegram.org/bots/api#rich-messages.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sandbox.chat.html import utf16_length
from sandbox.chat.model import ApiError, Json, bad_request
from sandbox.chat.text import MAX_CALLBACK_BYTES, STYLES

MAX_CHARS, MAX_BLOCKS, MAX_DEPTH, MAX_MEDIA, MAX_COLUMNS, MAX_BUTTONS = 32_768, 500, 16, 50, 20, 8
FURTHEST_TIME_S = 1098 * 86_400
ALIGN, VALIGN = ("left", "center", "right"), ("top", "middle", "bottom")
TEXT_STYLES = ("bold", "italic", "underline", "strikethrough", "code")
BUTTON_STYLES = (*STYLES, "link")
BUTTON_KINDS = ("callback_data", "url", "copy_text", "disabled")
DATE_TIME_FORMAT = re.compile(r"r|w?[dD]?[tT]?")
FIELDS: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    "paragraph": (frozenset({"text"}), frozenset()),
    "heading": (frozenset({"text", "size"}), frozenset()),
    "footer": (frozenset({"text"}), frozenset()),
    "divider": (frozenset(), frozenset()),
    "details": (frozenset({"summary", "blocks"}), frozenset({"is_open"})),
    "table": (frozenset({"cells"}), frozenset({"is_bordered", "is_striped", "is_compact", "caption"})),
    "photo": (frozenset({"photo"}), frozenset({"caption"})),
    "buttons": (frozenset({"buttons"}), frozenset({"align"})),
}
"""The fields of each block besides ``type``: required ones, and optional ones."""

StoreMedia = Callable[[str], Json]
"""Stores the ``media`` of an InputMediaPhoto, and returns the photo as in a returned message."""


def rich_message(
    message: Any, store: StoreMedia, now: float, *, buttons_known: bool = True
) -> tuple[str, tuple[Json, ...]]:
    """The plain words, and the blocks as Telegram returns them.

    Args:
        now: Unix time in seconds; limits the times that a text may contain.
        buttons_known: ``False``: a server before Bot API 10.3, without buttons in a message.

    Raises:
        ApiError: the message breaks a rule.
    """
    if not isinstance(message, dict):
        raise bad_request("object expected as rich message")
    _only(message, {"blocks"}, {"is_rtl", "skip_entity_detection"}, "InputRichMessage")
    if not isinstance(message["blocks"], list) or not message["blocks"]:
        raise _wrong("InputRichMessage: blocks are needed")
    reading = _Reading(store, now, buttons_known)
    words, blocks = reading.blocks(message["blocks"], 1)
    reading.check_limits()
    if not words.strip():
        raise bad_request("message text is empty")
    return words, tuple(blocks)


def _wrong(what: str) -> ApiError:
    return bad_request(f"can't parse rich message: {what}")


def _only(given: Json, needed: set[str] | frozenset[str], allowed: set[str] | frozenset[str], what: str) -> None:
    """Refuses an object without a required field, or with an unknown one."""
    missing, unknown = sorted(needed - set(given)), sorted(set(given) - needed - allowed)
    if missing:
        raise _wrong(f'{what}: field "{missing[0]}" is needed')
    if unknown:
        raise _wrong(f'{what}: unknown field "{unknown[0]}"')


@dataclass
class _Reading:
    """Reads one message and counts the limited things."""

    store: StoreMedia
    now: float
    buttons_known: bool
    counts: dict[str, int] = field(default_factory=lambda: {"characters": 0, "blocks": 0, "media": 0})

    def check_limits(self) -> None:
        for what, most in (("characters", MAX_CHARS), ("blocks", MAX_BLOCKS), ("media", MAX_MEDIA)):
            if self.counts[what] > most:
                raise bad_request(f"rich message is too long: {self.counts[what]} {what}, the limit is {most}")

    def blocks(self, blocks: Any, depth: int) -> tuple[str, list[Json]]:
        if not isinstance(blocks, list) or not blocks:
            raise _wrong("blocks must be a non-empty Array")
        read = [self._block(block, depth) for block in blocks]
        return "\n".join(words for words, _ in read if words), [block for _, block in read]

    def _block(self, block: Any, depth: int) -> tuple[str, Json]:
        kind = block.get("type") if isinstance(block, dict) else None
        if kind not in FIELDS or (kind == "buttons" and not self.buttons_known):
            raise _wrong(f"the server knows no block {kind!r}")
        if depth > MAX_DEPTH:
            raise _wrong(f"blocks are nested deeper than {MAX_DEPTH}")
        needed, allowed = FIELDS[kind]
        _only(block, needed | {"type"}, allowed, f"block {kind}")
        self.counts["blocks"] += 1
        read = getattr(self, f"_{kind}", None)
        if read is None:  # a block of text alone
            return self.text(block["text"], depth) if "text" in needed else "", block
        words, returned = read(block, depth)
        return words, returned

    def _heading(self, block: Json, depth: int) -> tuple[str, Json]:
        if block["size"] not in range(1, 7):
            raise _wrong("block heading: size is 1 to 6")
        return self.text(block["text"], depth), block

    def _details(self, block: Json, depth: int) -> tuple[str, Json]:
        summary = self.text(block["summary"], depth)
        words, inner = self.blocks(block["blocks"], depth + 1)
        return f"{summary}\n{words}", {**block, "blocks": inner}

    def _photo(self, block: Json, depth: int) -> tuple[str, Json]:
        photo = block["photo"]
        if not isinstance(photo, dict) or photo.get("type") != "photo" or not isinstance(photo.get("media"), str):
            raise _wrong("block photo: InputMediaPhoto expected")
        self.counts["media"] += 1
        returned = {"type": "photo", "photo": self.store(photo["media"])}
        caption = block.get("caption")
        if caption is None:
            return "", returned
        _only(caption, {"text"}, {"credit"}, "RichBlockCaption")
        return self.text(caption["text"], depth), {**returned, "caption": caption}

    def _table(self, block: Json, depth: int) -> tuple[str, Json]:
        rows = block["cells"]
        if not isinstance(rows, list) or not rows or not all(isinstance(row, list) and row for row in rows):
            raise _wrong("block table: cells must be an Array of Arrays")
        self.counts["blocks"] += len(rows)
        if max(len(row) for row in rows) > MAX_COLUMNS:
            raise _wrong(f"block table: more than {MAX_COLUMNS} columns")
        caption = [self.text(block["caption"], depth)] if "caption" in block else []
        return "\n".join([*caption, *("  ".join(self._cell(cell, depth) for cell in row) for row in rows)]), block

    def _cell(self, cell: Any, depth: int) -> str:
        if not isinstance(cell, dict):
            raise _wrong("RichBlockTableCell must be an Object")
        _only(cell, {"align", "valign"}, {"text", "is_header", "colspan", "rowspan"}, "RichBlockTableCell")
        if cell["align"] not in ALIGN or cell["valign"] not in VALIGN:
            raise _wrong("RichBlockTableCell: unknown align or valign")
        return self.text(cell["text"], depth) if "text" in cell else ""

    def _buttons(self, block: Json, depth: int) -> tuple[str, Json]:
        row = block["buttons"]
        if not isinstance(row, list) or not 1 <= len(row) <= MAX_BUTTONS:
            raise _wrong(f"block buttons: 1 to {MAX_BUTTONS} buttons")
        if block.get("align", "left") not in ALIGN:
            raise _wrong("block buttons: unknown align")
        for button in row:
            self._button(button, depth)
        return "", block

    def _button(self, button: Any, depth: int) -> None:
        if not isinstance(button, dict):
            raise _wrong("RichMessageButton must be an Object")
        _only(button, {"text"}, {"style", *BUTTON_KINDS}, "RichMessageButton")
        kinds = [kind for kind in BUTTON_KINDS if kind in button]
        if len(kinds) != 1:
            raise _wrong("RichMessageButton: exactly one field must say what the button does")
        if not self.text(button["text"], depth, ("date_time",)).strip():
            raise _wrong("RichMessageButton: text must be non-empty")
        style = button.get("style")
        if style is not None and (style not in BUTTON_STYLES or (style == "link" and kinds != ["callback_data"])):
            raise _wrong(f"RichMessageButton: invalid style {style!r}")
        data = button.get("callback_data")
        if data is not None and not (isinstance(data, str) and 1 <= len(data.encode()) <= MAX_CALLBACK_BYTES):
            raise bad_request("BUTTON_DATA_INVALID")
        if "disabled" in button and button["disabled"] != {}:
            raise _wrong("DisabledButton has no fields")

    def text(self, text: Any, depth: int, kinds: tuple[str, ...] = (*TEXT_STYLES, "date_time")) -> str:
        """The plain words of a RichText. ``kinds``: the entities that it may contain."""
        if depth > MAX_DEPTH:
            raise _wrong(f"texts are nested deeper than {MAX_DEPTH}")
        if isinstance(text, str):
            self.counts["characters"] += utf16_length(text)
            return text
        if isinstance(text, list):
            return "".join(self.text(part, depth + 1, kinds) for part in text)
        kind = text.get("type") if isinstance(text, dict) else None
        if kind not in kinds:
            raise _wrong(f"no RichText {kind!r} can stand here")
        if kind == "date_time":
            _only(text, {"type", "text", "unix_time", "date_time_format"}, set(), "RichTextDateTime")
            self._check_time(text)
        else:
            _only(text, {"type", "text"}, set(), f"RichText {kind}")
        return self.text(text["text"], depth + 1, kinds)

    def _check_time(self, text: Json) -> None:
        unix_time, wanted = text["unix_time"], text["date_time_format"]
        if not isinstance(unix_time, int) or not 0 <= unix_time <= self.now + FURTHEST_TIME_S:
            raise _wrong("RichTextDateTime: invalid unix_time")
        if not isinstance(wanted, str) or not DATE_TIME_FORMAT.fullmatch(wanted):
            raise _wrong("RichTextDateTime: invalid date_time_format")
