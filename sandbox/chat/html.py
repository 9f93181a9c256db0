"""Telegram's HTML parse mode: markup -> plain text and entities, with the same errors as Telegram.

Strict about tags (unknown, unclosed, crossed), with the server's own wording and byte offsets; lenient
about a lone `&`, which Telegram passes through. Offsets and lengths count UTF-16 units.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

Entity = dict[str, Any]

_KINDS = {
    "b": "bold",
    "strong": "bold",
    "i": "italic",
    "em": "italic",
    "u": "underline",
    "ins": "underline",
    "s": "strikethrough",
    "strike": "strikethrough",
    "del": "strikethrough",
    "tg-spoiler": "spoiler",
    "span": "spoiler",
    "a": "text_link",
    "code": "code",
    "pre": "pre",
    "blockquote": "blockquote",
    "tg-emoji": "custom_emoji",
}
_REFERENCE = re.compile(r"&(?:#x(?P<hex>[0-9a-fA-F]+)|#(?P<dec>[0-9]+)|(?P<name>[A-Za-z]+));?")
_NAMED = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}
_SPACE = re.compile(r"\s*")
_TAG_NAME = re.compile(r"[^\s>]*")
_ATTRIBUTE = re.compile(r"[^\s=>/\"']*")
_TOKEN = re.compile(r"[A-Za-z0-9.-]*")
_MENTION = re.compile(r"tg://user\?id=(\d+)$")


class HtmlError(ValueError):
    """The error text, without Telegram's "can't parse entities" prefix."""


@dataclass
class _OpenTag:
    name: str
    attributes: dict[str, str]
    offset: int  # UTF-16, in the plain text
    start: int  # characters, in the plain text


def utf16_length(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def parse_html(source: str) -> tuple[str, list[Entity]]:
    """The plain text and the entities, in the order in which their tags were closed. Raises HtmlError."""
    return _Parser(source).run()


def _decode(reference: re.Match[str]) -> str | None:
    """The character of an HTML entity; None if Telegram leaves the text unchanged."""
    if reference["name"]:
        return _NAMED.get(reference["name"])
    code = int(reference["hex"], 16) if reference["hex"] else int(reference["dec"])
    digits_end = reference.end("hex") if reference["hex"] else reference.end("dec")
    if code == 0 or code >= 0x10FFFF or digits_end - reference.start() >= 10:
        return None
    if 0xD800 <= code <= 0xDFFF:
        raise HtmlError(
            "Text contains invalid Unicode characters after decoding HTML entities, "
            "check for unmatched surrogate code units"
        )
    return chr(code)


def _unescape(text: str) -> str:
    return _REFERENCE.sub(lambda match: _decode(match) or match[0], text)


class _Parser:
    def __init__(self, source: str) -> None:
        self.source = source
        self.at = 0
        self.plain = ""
        self.offset = 0
        self.open: list[_OpenTag] = []
        self.entities: list[Entity] = []

    def run(self) -> tuple[str, list[Entity]]:
        while self.at < len(self.source):
            tag = self.source.find("<", self.at)
            end = len(self.source) if tag < 0 else tag
            text = _unescape(self.source[self.at : end])
            self.plain += text
            self.offset += utf16_length(text)
            self.at = end
            if tag >= 0:
                self.at += 1
                if self.source.startswith("/", self.at):
                    self._close_tag(tag)
                else:
                    self._open_tag(tag)
        if self.open:
            raise HtmlError(f'Can\'t find end tag corresponding to start tag "{self.open[-1].name}"')
        for entity in self.entities:
            if entity["type"] == "code":
                entity.pop("language", None)
        return self.plain, self.entities

    def _fail(self, what: str, begin: int) -> HtmlError:
        return HtmlError(f"{what} at byte offset {len(self.source[:begin].encode())}")

    def _take(self, pattern: re.Pattern[str]) -> str:
        matches = pattern.match(self.source, self.at)
        taken = matches[0] if matches else ""
        self.at += len(taken)
        return taken

    def _peek(self) -> str:
        return self.source[self.at : self.at + 1]

    def _open_tag(self, begin: int) -> None:
        name = self._take(_TAG_NAME).lower()
        if not self._peek():
            raise self._fail("Unclosed start tag", begin)
        if name not in _KINDS:
            raise self._fail(f'Unsupported start tag "{name}"', begin)
        attributes = self._attributes(name, begin)
        if name == "span" and attributes.get("class") != "tg-spoiler":
            raise self._fail('Tag "span" must have class "tg-spoiler"', begin)
        self.open.append(_OpenTag(name, attributes, self.offset, len(self.plain)))

    def _attributes(self, tag: str, begin: int) -> dict[str, str]:
        attributes: dict[str, str] = {}
        while True:
            self._take(_SPACE)
            if self._peek() == ">":
                self.at += 1
                return attributes
            name = self._take(_ATTRIBUTE)
            if not name:
                raise self._fail(f'Empty attribute name in the tag "{tag}"', begin)
            self._take(_SPACE)
            attributes[name] = "1"
            if self._peek() == "=":
                self.at += 1
                self._take(_SPACE)
                attributes[name] = self._attribute_value()
            if not self._peek():
                raise self._fail(f'Unclosed start tag "{tag}"', begin)

    def _attribute_value(self) -> str:
        quote = self._peek()
        if quote not in ("'", '"'):
            begin = self.at
            value = self._take(_TOKEN).lower()
            if self._peek() and not re.match(r"[\s>]", self._peek()):
                raise self._fail("Unexpected end of name token", begin)
            return value
        end = self.source.find(quote, self.at + 1)
        end = len(self.source) if end < 0 else end
        value = _unescape(self.source[self.at + 1 : end])
        self.at = min(end + 1, len(self.source))
        return value

    def _close_tag(self, begin: int) -> None:
        if not self.open:
            raise self._fail("Unexpected end tag", begin)
        self.at += 1
        name = self._take(_TAG_NAME).lower()
        self._take(_SPACE)
        if self._peek() != ">":
            raise self._fail("Unclosed end tag", begin)
        self.at += 1
        expected = self.open[-1]
        if name and name != expected.name:
            what = f"Unmatched end tag at byte offset {len(self.source[:begin].encode())}"
            raise HtmlError(f'{what}, expected "</{expected.name}>", found "</{name}>"')
        self.open.pop()
        if self.offset > expected.offset:
            self._add(expected)

    def _add(self, tag: _OpenTag) -> None:
        entity: Entity = {
            "type": _KINDS[tag.name],
            "offset": tag.offset,
            "length": self.offset - tag.offset,
        }
        if tag.name == "a":
            link = tag.attributes.get("href") or self.plain[tag.start :]
            if mention := _MENTION.match(link):
                entity.update(type="text_mention", user_id=int(mention[1]))
            elif not (url := checked_url(link)):
                return  # Telegram shows the text of a link that it does not accept, without an error
            else:
                entity["url"] = url
        elif tag.name == "blockquote" and "expandable" in tag.attributes:
            entity["type"] = "expandable_blockquote"
        elif tag.name == "tg-emoji":
            if not re.fullmatch(r"-?[1-9]\d*", tag.attributes.get("emoji-id", "")):
                raise HtmlError("Invalid custom emoji identifier specified")
            entity["custom_emoji_id"] = tag.attributes["emoji-id"]
        elif tag.name in ("pre", "code") and self._joins_previous(tag, entity):
            return
        self.entities.append(entity)

    def _joins_previous(self, tag: _OpenTag, entity: Entity) -> bool:
        """`<pre><code class="language-x">` is one entity; so is the reverse nesting."""
        language = tag.attributes.get("class", "")
        language = language[9:] if language.startswith("language-") else ""
        other = "code" if tag.name == "pre" else "pre"
        last = self.entities[-1] if self.entities else {}
        same = (last.get("type"), last.get("offset"), last.get("length")) == (
            other,
            entity["offset"],
            entity["length"],
        )
        language = language if tag.name == "code" else str(last.get("language", "")) if same else ""
        if same and language:
            last.update(type="pre", language=language)
            return True
        if tag.name == "code" and language:
            entity["language"] = language
        return False


def checked_url(link: str) -> str:
    """The link as Telegram stores it, or "" for one it refuses (a host without a dot, a strange scheme)."""
    if re.match(r"(?:tg|ton|tonsite):(?://)?[\w?&=.%/-]+$", link, re.IGNORECASE):
        return link
    matches = re.match(r"(?:(https?)://)?(?:[^/?#@\s]+@)?([^/?#:\s]+|\[[0-9a-fA-F:]+\])(:\d+)?([/?#]\S*)?$", link)
    if not matches or ("." not in matches[2] and not matches[2].startswith("[")):
        return ""
    url = link if matches[1] else "http://" + link
    return url if matches[4] else url + "/"
