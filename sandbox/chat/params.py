"""The parameters of one Bot API call, from query, JSON, form or multipart."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.chat.model import Json, bad_request

MAX_PHOTO_BYTES = 10 * 1024 * 1024


@dataclass(frozen=True)
class Upload:
    name: str
    mime_type: str
    data: bytes


class Params:
    def __init__(self, values: Mapping[str, Any], files: Mapping[str, Upload]) -> None:
        self.values = values
        self.files = files

    def text(self, name: str) -> str:
        value = self.values.get(name)
        return "" if value is None else str(value)

    def integer(self, name: str, default: int = 0) -> int:
        try:
            return int(self.text(name) or default)
        except ValueError:
            return default

    def flag(self, name: str) -> bool:
        return self.text(name).lower() in ("true", "1", "yes", "t", "y")

    def json(self, name: str) -> Any:
        """The parsed value; None = absent. In a JSON body it is parsed already, in a form it is text."""
        value = self.values.get(name)
        if not isinstance(value, str):
            return value
        if not value:
            return None
        try:
            return json.loads(value)
        except ValueError as error:
            raise bad_request(f"can't parse {name.replace('_', ' ')} JSON object") from error

    def upload(self, reference: str) -> Upload | None:
        """The uploaded file of `attach://name` or of a field."""
        return self.files.get(reference.removeprefix("attach://"))

    def for_log(self, token: str) -> Json:
        """The parameters without the token and without file bytes."""
        shown: Json = {}
        for name, value in self.values.items():
            shown[name] = value.replace(token, "***") if isinstance(value, str) else value
        for name, file in self.files.items():
            shown[name] = f"<{file.name}, {len(file.data)} bytes>"
        return shown


def photo_size(upload: Upload) -> tuple[int, int]:
    """Width and height of a picture that Telegram would accept as a photo."""
    if not upload.data:
        raise bad_request("file must be non-empty")
    if len(upload.data) > MAX_PHOTO_BYTES:
        raise bad_request("too big file for a photo")
    size = _png_size(upload.data) or _jpeg_size(upload.data)
    if size is None:
        raise bad_request("IMAGE_PROCESS_FAILED")
    if sum(size) > 10_000 or max(size) > 20 * min(size):
        raise bad_request("PHOTO_INVALID_DIMENSIONS")
    return size


def _png_size(data: bytes) -> tuple[int, int] | None:
    if not data.startswith(b"\x89PNG\r\n\x1a\n") or len(data) < 24:
        return None
    width, height = struct.unpack(">II", data[16:24])
    return (width, height) if width and height else None


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    at = 2
    if not data.startswith(b"\xff\xd8"):
        return None
    while at + 9 <= len(data):
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return (width, height) if width and height else None
        at += 2 + length
    return None
