"""Text and keyboards as Telegram accepts them: entities normalized, spaces trimmed, sizes checked.

Pure functions from request parameters to the content of a message; refusals are ApiError in Telegram's words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from sandbox.chat.html import Entity, HtmlError, checked_url, parse_html, utf16_length
from sandbox.chat.model import Json, Keyboard, User, bad_request

MAX_TEXT = 4096
MAX_CAPTION = 1024
MAX_POPUP = 200
MAX_CALLBACK_BYTES = 64
MAX_BUTTONS = 100
STYLES = ("danger", "success", "primary")

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_SPLITTABLE = ("bold", "italic", "underline", "strikethrough", "spoiler")
_BLOCKS = ("blockquote", "expandable_blockquote")
_GIVEN = (*_SPLITTABLE, *_BLOCKS, "code", "pre", "text_link", "text_mention", "custom_emoji", "date_time")
_PATTERNS = (
    ("url", re.compile(r"https?://[^\s<>\"']+[^\s<>\"'.,!?:;)\]]")),
    ("email", re.compile(r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+")),
    ("bot_command", re.compile(r"(?<![\w/@<>])/[A-Za-z0-9_]{1,64}(?:@[A-Za-z0-9_]{3,32})?(?![\w/])")),
    ("mention", re.compile(r"(?<![\w@])@[A-Za-z]\w{3,31}\b", re.ASCII)),
    ("hashtag", re.compile(r"(?<!\w)#\w*[^\W\d]\w*")),
)


def formatted(source: str, parse_mode: str, given: Any, users: Mapping[int, User]) -> tuple[str, tuple[Entity, ...]]:
    """The plain text and its entities, also those that Telegram detects by itself."""
    if len(source.encode("utf-8", "replace")) > 1 << 15:
        raise bad_request("text is too long")
    mode = parse_mode.lower()
    if mode == "html":
        try:
            text, entities = parse_html(_CONTROL.sub(" ", source.replace("\r", "")))
        except HtmlError as error:
            raise bad_request(f"can't parse entities: {error}") from error
    elif mode and mode != "none":
        known = mode in ("markdown", "markdownv2")
        raise bad_request("the sandbox understands parse_mode HTML only" if known else "unsupported parse_mode")
    else:
        text, entities = _CONTROL.sub(" ", source), _given_entities(given)
    settled = _settle(_with_users(entities, users))
    text, settled = _trim(text, settled)
    return text, tuple(_sorted([*settled, *_entities_in(text, settled)]))


def message_text(source: str, parse_mode: str, given: Any, users: Mapping[int, User]) -> tuple[str, tuple[Entity, ...]]:
    if not source:
        raise bad_request("message text is empty")
    text, entities = formatted(source, parse_mode, given, users)
    if not text:
        raise bad_request("text must be non-empty")
    if utf16_length(text) > MAX_TEXT:
        raise bad_request("message is too long")
    return text, entities


def caption_text(source: str, parse_mode: str, given: Any, users: Mapping[int, User]) -> tuple[str, tuple[Entity, ...]]:
    text, entities = formatted(source, parse_mode, given, users)
    if utf16_length(text) > MAX_CAPTION:
        raise bad_request("message caption is too long")
    return text, entities


def typed_text(text: str) -> tuple[str, tuple[Entity, ...]]:
    """The text and entities of a typed message: no markup, but commands, links and mentions are detected."""
    return text, tuple(_sorted(_entities_in(text, [])))


def inline_keyboard(markup: Any) -> Keyboard | None:
    """The rows of an inline keyboard; None if there is none, or for other kinds of markup."""
    if markup is None:
        return None
    if not isinstance(markup, dict):
        raise bad_request("object expected as reply markup")
    rows = markup.get("inline_keyboard") or []
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise bad_request(
            'field "inline_keyboard" of the InlineKeyboardMarkup must be an Array of Arrays',
        )
    keyboard = [[_button(button) for button in row] for row in rows if row]
    if sum(len(row) for row in keyboard) > MAX_BUTTONS:
        raise bad_request("reply markup is too long")
    return keyboard or None


def _button(button: Any) -> Json:
    trouble = "can't parse inline keyboard button: "
    if not isinstance(button, dict):
        raise bad_request(trouble + "InlineKeyboardButton must be an Object")
    if not isinstance(button.get("text"), str):
        raise bad_request(trouble + 'Field "text" must be of type String')
    if not button["text"].strip():
        raise bad_request("inline keyboard button text must be non-empty")
    kept: Json = {"text": button["text"]}
    style = str(button.get("style") or "").lower()
    if style and style != "default":
        if style not in STYLES:
            raise bad_request(trouble + "invalid button style specified")
        kept["style"] = style
    return kept | _button_action(button)


def _button_action(button: Json) -> Json:
    """The field that says what a press does. Raises Telegram's error if there is none or a wrong one."""
    if url := button.get("url"):
        checked = checked_url(url)
        if not checked:
            raise bad_request(f"inline keyboard button URL '{url}' is invalid: Wrong HTTP URL")
        return {"url": checked}
    if data := button.get("callback_data"):
        if len(data.encode()) > MAX_CALLBACK_BYTES:
            raise bad_request("BUTTON_DATA_INVALID")
        return {"callback_data": data}
    if copy := button.get("copy_text"):
        if not 1 <= len(copy.get("text", "")) <= 256:
            raise bad_request("BUTTON_COPY_TEXT_INVALID")
        return {"copy_text": {"text": copy["text"]}}
    if isinstance(button.get("disabled"), dict):
        return {"disabled": button["disabled"]}
    raise bad_request("can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard")


def _given_entities(given: Any) -> list[Entity]:
    if not given:
        return []
    entities: list[Entity] = []
    for entity in given if isinstance(given, list) else []:
        if not isinstance(entity, dict):
            raise bad_request("can't parse MessageEntity: expected an Object")
        kind, offset, length = entity.get("type"), entity.get("offset"), entity.get("length")
        if not isinstance(offset, int) or not isinstance(length, int):
            raise bad_request('can\'t parse MessageEntity: Field "offset" must be of type Number')
        if kind not in _GIVEN or offset < 0 or length <= 0:
            continue  # url, mention, bot_command, … are found again below, as Telegram does
        kept = {key: value for key, value in entity.items() if value is not None and key != "user"}
        if kind == "text_mention":
            kept["user_id"] = int((entity.get("user") or {}).get("id", 0))
        if kind == "text_link":
            kept["url"] = checked_url(str(entity.get("url") or ""))
            if not kept["url"]:
                continue
        entities.append(kept)
    return entities


def _with_users(entities: list[Entity], users: Mapping[int, User]) -> list[Entity]:
    kept = []
    for entity in entities:
        if entity["type"] != "text_mention":
            kept.append(entity)
        elif person := users.get(entity["user_id"]):
            bare = {key: value for key, value in entity.items() if key != "user_id"}
            kept.append({**bare, "user": person.to_api()})
    return kept


def _end(entity: Entity) -> int:
    return int(entity["offset"]) + int(entity["length"])


def _sorted(entities: Iterable[Entity]) -> list[Entity]:
    return sorted(entities, key=lambda e: (e["offset"], -e["length"], e["type"] not in _BLOCKS, e["type"]))


def _settle(entities: list[Entity]) -> list[Entity]:
    """Inside `code` and `pre` there is no other entity: links are dropped, bold is split around them."""
    solid: list[Entity] = []
    for entity in _sorted(e for e in entities if e["type"] not in (*_SPLITTABLE, *_BLOCKS)):
        if not solid or entity["offset"] >= _end(solid[-1]):
            solid.append(entity)
    holes = [e for e in solid if e["type"] in ("code", "pre")]
    settled = solid + [e for e in entities if e["type"] in _BLOCKS]
    for entity in (e for e in entities if e["type"] in _SPLITTABLE):
        at = int(entity["offset"])
        for hole in holes:
            if hole["offset"] >= _end(entity) or _end(hole) <= at:
                continue
            if hole["offset"] > at:
                settled.append({**entity, "offset": at, "length": hole["offset"] - at})
            at = _end(hole)
        if at < _end(entity):
            settled.append({**entity, "offset": at, "length": _end(entity) - at})
    return _sorted(settled)


def _trim(text: str, entities: list[Entity]) -> tuple[str, list[Entity]]:
    """Removes space at the end, and space at the start up to the first entity."""
    text = text.rstrip()
    size = utf16_length(text)
    entities = [{**e, "length": min(_end(e), size) - e["offset"]} for e in entities if e["offset"] < size]
    first = min((e["offset"] for e in entities), default=size)
    lead = min(len(text) - len(text.lstrip(" \n")), first)
    return text[lead:], [{**e, "offset": e["offset"] - lead} for e in entities]


def _entities_in(text: str, known: list[Entity]) -> list[Entity]:
    taken = [(e["offset"], _end(e)) for e in known if e["type"] in ("code", "pre", "text_link", "text_mention")]
    results: list[Entity] = []
    for kind, pattern in _PATTERNS:
        for match in pattern.finditer(text):
            start = utf16_length(text[: match.start()])
            end = start + utf16_length(match[0])
            if all(end <= low or start >= high for low, high in taken):
                taken.append((start, end))
                results.append({"type": kind, "offset": start, "length": end - start})
    return results
