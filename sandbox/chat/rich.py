"""Rich messages, as far as the bot sends them: paragraphs, tables and details, given as blocks.

Checked as strictly as the types of the Bot API say; what a rich message would be as plain text, for previews and tests.
"""

from __future__ import annotations

from typing import Any

from sandbox.chat.model import Json, bad_request

ALIGN, VALIGN = ("left", "center", "right"), ("top", "middle", "bottom")
STYLES = ("bold", "italic", "code")


def rich_message(wish: Any) -> tuple[str, tuple[Json, ...]]:
    """The plain words, and the blocks as they were given."""
    blocks = wish.get("blocks") if isinstance(wish, dict) else None
    if not isinstance(blocks, list) or not blocks:
        raise bad_request("the sandbox knows rich messages made of blocks, and there is none")
    words = "\n".join(_block(block) for block in blocks)
    if not words.strip():
        raise bad_request("message text is empty")
    return words, tuple(blocks)


def _block(block: Any) -> str:
    kind = block.get("type") if isinstance(block, dict) else None
    if kind == "paragraph":
        return _text(block.get("text"))
    if kind == "details":
        inner = block.get("blocks")
        if not isinstance(inner, list):
            raise bad_request("can't parse details: blocks are needed")
        return "\n".join([_text(block.get("summary")), *(_block(one) for one in inner)])
    if kind == "table":
        cells = block.get("cells")
        if not isinstance(cells, list) or not cells:
            raise bad_request("can't parse table: cells are needed")
        return "\n".join("  ".join(_cell(cell) for cell in row) for row in cells)
    raise bad_request(f"can't parse rich message: the sandbox knows no block {kind!r}")


def _cell(cell: Any) -> str:
    if not isinstance(cell, dict) or cell.get("align") not in ALIGN or cell.get("valign") not in VALIGN:
        raise bad_request("can't parse table cell: align and valign are needed")
    return _text(cell["text"]) if "text" in cell else ""


def _text(text: Any) -> str:
    if isinstance(text, str):
        return text
    if isinstance(text, list):
        return "".join(_text(part) for part in text)
    if isinstance(text, dict) and text.get("type") in STYLES:
        return _text(text.get("text"))
    raise bad_request("can't parse rich text")
