"""JSON that isn't quite: NaN and infinity, half of an emoji, bytes that are not UTF-8.

msgspec decodes what is JSON. The standard library takes what it refuses, and numbers that are too large as infinity, so
that one field is refused and not everything around it.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable

decode: Callable[[bytes | msgspec.Raw], Any] = msgspec.json.Decoder().decode
_decode_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode

NOT_JSON = (msgspec.MsgspecError, ValueError, RecursionError)
"""All that decoders raise."""
LOST = "\ufffd"
"""What stands for a part of a text that could not be read."""

_LONGEST_WHOLE = 40  # digits: no field takes more, and many cost much
_HIGH, _LOW = r"u[dD][89abAB][0-9a-fA-F]{2}", r"u[dD][c-fC-F][0-9a-fA-F]{2}"
_escapes = re.compile(rf"\\(?:{_HIGH}(?:\\{_LOW})?|{_LOW}|.)", re.DOTALL)


def loosely(text: bytes) -> Any:
    """Decode JSON, or what is nearly JSON."""
    try:
        return decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        mended = _escapes.sub(_with_both_halves, text.decode(errors="replace"))
        return json.loads(mended, parse_int=_whole_or_large)


def members_of(frame: bytes) -> dict[str, msgspec.Raw]:
    """Take an object apart, each member's text as it is if msgspec can tell where it ends.

    :raises ValidationError: if it is JSON, but no object.
    """
    try:
        return _decode_members(frame)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        if isinstance(error, msgspec.ValidationError):
            raise
        members = loosely(frame)
    if not isinstance(members, dict):
        raise msgspec.ValidationError
    return {name: msgspec.Raw(json.dumps(value).encode()) for name, value in members.items()}


def _with_both_halves(escape: re.Match[str]) -> str:
    """Put what stands for what was lost in the place of a surrogate that lacks its other half."""
    said = escape[0]
    return "\\ufffd" if len(said) == 6 else said  # one character has 2, a pair 12


def _whole_or_large(digits: str) -> float:
    return int(digits) if len(digits) <= _LONGEST_WHOLE else float(digits)


def is_utf_8(text: bytes) -> bool:
    """Say whether it is UTF-8."""
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True
