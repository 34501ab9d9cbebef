"""Messages without their secrets.

What stands in a field that is made for a secret is replaced by a pseudonym, such as ``access-token-1``: the same secret
gets the same one as long as the redactor lives, and nothing of the secret is in it. What was seen in such a field is
remembered and taken out of everything else that comes after it.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from ctrader_twisted.errors import UndecodablePayload
from ctrader_twisted.wire import catalogue, codec
from ctrader_twisted.wire.envelope import Envelope
from ctrader_twisted.wire.secrecy import SECRET_FIELDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from google.protobuf.message import Message

REMEMBERED: Final = 1000
"""Secrets that are remembered unless told otherwise; beyond that the one not seen for longest is forgotten."""

SHORTEST: Final = 4
"""Bytes that a secret must have to be looked for outside the fields made for it: a shorter one is in everything."""

FIELDS: Final = (SECRET_FIELDS - {"payload"}) | {"clientId"}
"""The fields whose values are replaced. (``payload`` is the envelope's, which never comes here.)"""


def _bears(descriptor: Any, seen: frozenset[str] = frozenset()) -> bool:
    if descriptor.full_name in seen:
        return False
    seen |= {descriptor.full_name}
    return any(
        _bears(field.message_type, seen) if field.message_type is not None else field.name in FIELDS
        for field in descriptor.fields
    )


BEARING: Final = frozenset(number for number, cls in catalogue.PARSERS.items() if _bears(cls.DESCRIPTOR))
"""Payload types whose messages have such a field, at whatever depth."""

_KINDS: Final = {name: re.sub(r"(?=[A-Z])", "-", name).lower() for name in FIELDS}


def blank(payload_type: int, payload: bytes) -> bytes:
    """Give a payload with nothing in the fields that are made for secrets, to compare it with another."""
    if payload_type not in BEARING:
        return payload
    try:
        message = codec.unpack(Envelope(payload_type, payload))
    except UndecodablePayload:
        return b""
    message.DiscardUnknownFields()
    _edit(message, lambda name, value: "" if name in FIELDS else value)
    return message.SerializePartialToString()


def _edit(message: Message, edit: Callable[[str, Any], Any]) -> None:
    """Put something else in the place of every text, given its field's name; one that is not UTF-8 comes as bytes."""
    for field, value in message.ListFields():
        if field.message_type is not None:
            for part in (value,) if hasattr(value, "ListFields") else value:
                _edit(part, edit)
        elif isinstance(value, str | bytes):
            setattr(message, field.name, edit(field.name, value))
        elif field.type in (field.TYPE_STRING, field.TYPE_BYTES):
            value[:] = [edit(field.name, one) for one in value]


def _texts_of(payload: bytes) -> Iterator[bytes]:
    """Give what stands in the texts of a message that can't be parsed, as far as it can be walked through."""
    place = 0
    while place < len(payload):
        kind = payload[place] & 7
        place = _after_number(payload, place)
        if kind == _DELIMITED:
            begin = _after_number(payload, place)
            if begin - place > _NUMBER_AT_MOST:
                return
            size = sum((byte & 0x7F) << 7 * number for number, byte in enumerate(payload[place:begin]))
            place = begin + size
            if SHORTEST <= len(payload[begin:place]) <= _LONGEST:
                yield payload[begin:place]
        elif kind == 0:
            place = _after_number(payload, place)
        else:
            place += {1: 8, 5: 4}.get(kind, len(payload))


def _after_number(payload: bytes, place: int) -> int:
    """Give the place behind a number of variable length."""
    while place < len(payload) and payload[place] & 0x80:
        place += 1
    return place + 1


_DELIMITED: Final = 2  # the wire type of texts
_NUMBER_AT_MOST: Final = 5  # bytes of a length
_LONGEST: Final = 4096  # bytes of a secret
_TEXTS_AT_MOST: Final = 16


class Redactor:
    """Takes secrets out of messages and texts.

    :param secrets: secrets that are known in advance, wherever they may occur. They are never forgotten.
    :param remember: how many others are remembered.
    """

    def __init__(self, secrets: Iterable[str] = (), *, remember: int = REMEMBERED) -> None:
        self._remember = remember
        self._pseudonyms: dict[bytes, bytes] = {}  # by secret, the one not seen for longest first
        self._given = {secret.encode("utf-8", "surrogateescape") for secret in secrets if secret}
        self._counts: dict[str, int] = {}
        self._sought: dict[bytes, bytes] = {}  # what to look for, and the secret that it is a form of
        self.shortest: int = 0
        self._look_for_them()

    def payload(self, payload_type: int, payload: bytes) -> bytes | None:
        """Give a payload without its secrets; None if it can't be read and its type is one that bears secrets. What it
        seems to hold is then taken for secret.

        Outside the fields that are made for secrets a secret is overwritten in place, so that sizes stay right.
        """
        if payload_type not in BEARING:
            return self._overwritten(payload)
        try:
            message = codec.unpack(Envelope(payload_type, payload))
        except UndecodablePayload:
            for text in islice(_texts_of(payload), _TEXTS_AT_MOST):
                self._pseudonym(text, "withheld")
            return None
        message.DiscardUnknownFields()
        _edit(message, self._replaced)
        return message.SerializePartialToString()

    def text(self, text: str) -> str:
        """Give a text without the secrets known so far."""
        data = text.encode("utf-8", "surrogatepass")
        if not self.occurs_in(data):
            return text
        for form, secret in list(self._sought.items()):
            if form in data:
                data = data.replace(form, self._pseudonym(secret, "secret"))
        return data.decode("utf-8", "replace")

    def occurs_in(self, data: bytes) -> bool:
        """Say whether a known secret occurs in some bytes. None does in fewer than `shortest`."""
        if len(data) >= self.shortest:
            for secret in self._sought:
                if secret in data:
                    return True
        return False

    def _overwritten(self, data: bytes) -> bytes:
        if self.occurs_in(data):
            for form, secret in list(self._sought.items()):
                if form in data:
                    size = len(form)
                    data = data.replace(form, self._pseudonym(secret, "secret").ljust(size, b"*")[:size])
        return data

    def _replaced(self, name: str, value: Any) -> Any:
        kind = _KINDS.get(name)
        if kind is None:
            return self.text(value) if isinstance(value, str) else self._overwritten(value)
        if not value:
            return value
        return self._pseudonym(value.encode() if isinstance(value, str) else value, kind).decode()

    def _pseudonym(self, secret: bytes, kind: str) -> bytes:
        """Give the pseudonym of a secret, which is a new one the first time it is seen."""
        pseudonym = self._pseudonyms.pop(secret, None)
        new = pseudonym is None
        if pseudonym is None:
            self._counts[kind] = number = self._counts.get(kind, 0) + 1
            pseudonym = f"{kind}-{number}".encode()
        self._pseudonyms[secret] = pseudonym
        if new and secret not in self._given:
            others = [known for known in self._pseudonyms if known not in self._given]
            for forgotten in others[: max(0, len(others) - self._remember)]:
                del self._pseudonyms[forgotten]
            self._look_for_them()
        return pseudonym

    def _look_for_them(self) -> None:
        # The longest first: one may be a part of another.
        known = {secret: secret for secret in (*self._given, *self._pseudonyms) if len(secret) >= SHORTEST}
        for secret in tuple(known):
            known.setdefault(quote(secret, safe="").encode(), secret)  # as an address has it
        self._sought = {form: known[form] for form in sorted(known, key=lambda form: (-len(form), form))}
        self.shortest = min(map(len, known), default=SHORTEST)
