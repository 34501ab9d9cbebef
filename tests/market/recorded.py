"""The recorded server messages, which stay outside the repository."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import pytest

from tests.paths import SHARED

if TYPE_CHECKING:
    from google.protobuf.message import Message

M = TypeVar("M", bound="Message")

FOLDER = SHARED / "recordings"

needs_recordings = pytest.mark.skipif(
    not FOLDER.is_dir(), reason=f"{FOLDER} is absent; CTRADER_SHARED can name the directory that has it"
)


class Recorded(NamedTuple):
    note: str
    payload_type: int
    payload: bytes

    def read(self, message_class: type[M]) -> M:
        return message_class.FromString(self.payload)


def recording(name: str) -> list[Recorded]:
    lines = (FOLDER / name).read_text("utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    return [Recorded(row["note"], row["type"], base64.b64decode(row["payload"])) for row in rows]
