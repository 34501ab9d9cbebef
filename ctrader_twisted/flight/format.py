"""One line of a recording, and what happened: bytes to values and back.

A recording is JSON Lines: one object a line, ASCII, the time of a line (``at``) in seconds since the epoch. Each part
begins with a header. `docs/flight-recorder.md` describes every key; keys that a reader does not know are to be ignored.
"""

from __future__ import annotations

import hashlib
import json
from binascii import Error as Base64Error
from binascii import a2b_base64, a2b_hex, b2a_base64, b2a_hex
from dataclasses import dataclass
from enum import StrEnum
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any, Final

from ctrader_twisted.wire import catalogue
from ctrader_twisted.wire.envelope import Envelope
from ctrader_twisted.wire.schema import ProtoMessage

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

VERSION: Final = 1
"""Of the format. A reader refuses a version that it does not know."""

MARK: Final = b'{"flight":'
"""What every part begins with."""

SCHEMA: Final = hashlib.sha256(ProtoMessage.DESCRIPTOR.file.serialized_pb).hexdigest()[:12]
"""Names the schema that messages are named and read by."""


class Way(StrEnum):
    """Which way a message went, as the client sees it."""

    OUT = "out"
    IN = "in"


@dataclass(frozen=True, slots=True)
class Header:
    """A part of a recording begins.

    :ivar at: when its first entry happened.
    :ivar part: counts the parts of one run of the recorder, from 1.
    :ivar package: the version of this package that wrote it.
    :ivar schema: `SCHEMA` of that version.
    :ivar dropped: entries that came before this part and were given up for want of room; known in a dump only.
    """

    at: float
    part: int
    package: str
    schema: str
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class Opened:
    """A connection was made.

    :ivar connection: counts the connections of a run.
    :ivar where: what to.
    """

    at: float
    connection: int
    where: str


@dataclass(frozen=True, slots=True)
class Said:
    """A message was sent or arrived, or a run of messages of one type and without id arrived.

    :ivar payload_type: their type.
    :ivar payloads: each one's payload, without its secrets.
    :ivar client_msg_id: the id of the one message, or None.
    :ivar withheld: the size of its payload, if that could not be read and may have held a secret; ``payloads`` then
        holds an empty one in its place.
    """

    at: float
    connection: int
    way: Way
    payload_type: int
    payloads: tuple[bytes, ...]
    client_msg_id: str | None = None
    withheld: int | None = None

    @property
    def name(self) -> str:
        """The schema's name of the type, or ``"payload type N"``."""
        return catalogue.name(self.payload_type)

    def envelopes(self) -> Iterator[Envelope]:
        """Give the messages one by one."""
        for payload in self.payloads:
            yield Envelope(self.payload_type, payload, self.client_msg_id)


@dataclass(frozen=True, slots=True)
class Ended:
    """A connection ended.

    :ivar reason: why.
    """

    at: float
    connection: int
    reason: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Something arrived that can't be read.

    :ivar kind: which error of `ctrader_twisted.errors` it was.
    :ivar size: bytes of the frame: those that came, or of one that is too long those it announced.
    :ivar problem: what that error said.
    :ivar expected: bytes that a frame should have had which the end of the connection cut short, if that is known.
    """

    at: float
    connection: int
    kind: str
    size: int
    problem: str
    expected: int | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """A connection could not be made.

    :ivar where: what to.
    :ivar reason: why.
    """

    at: float
    where: str
    reason: str


Entry = Header | Opened | Said | Unreadable | Ended | Failed
"""What one line of a recording says."""


class MalformedLine(ValueError):
    """A line is no entry. Its text says why and holds nothing of the line."""


# Writing. Recording a busy market passes here, so lines are put together by hand.

_quote = json.JSONEncoder().encode  # ASCII only, in C


class _Heads(dict[int, bytes]):
    """By payload type: the type, its name, and all that comes before them but the connection."""

    def __init__(self, way: Way) -> None:
        super().__init__()
        self._way = way

    def __missing__(self, number: int) -> bytes:
        head = f'"way":"{self._way}","type":{number}'
        if number in catalogue.PARSERS:
            head += f',"name":"{catalogue.name(number)}"'
            self[number] = head.encode()
        return head.encode()  # unknown ones are not kept: there are four thousand million


_HEADS: Final = {way: _Heads(way) for way in Way}


def header_line(header: Header) -> bytes:
    """Write the header of a part."""
    dropped = f',"dropped":{header.dropped}' if header.dropped else ""
    line = (
        f'{MARK.decode()}{VERSION},"at":{header.at:.6f},"part":{header.part},'
        f'"package":{_quote(header.package)},"schema":{_quote(header.schema)}{dropped}}}\n'
    )
    return line.encode()


def start(at: float, connection: int) -> bytes:
    """Give what every line of a connection begins with."""
    return b'{"at":%.6f,"connection":%d,' % (at, connection)


def opened_line(start: bytes, where: str) -> bytes:
    """Write that a connection was made."""
    return b'%b"way":"opened","where":%b}\n' % (start, _quote(where).encode())


def ended_line(start: bytes, reason: str) -> bytes:
    """Write that a connection ended."""
    return b'%b"way":"ended","reason":%b}\n' % (start, _quote(reason).encode())


def unreadable_line(start: bytes, kind: str, size: int, problem: str, expected: int | None) -> bytes:
    """Write that something could not be read."""
    more = b"" if expected is None else b',"expected":%d' % expected
    words = (start, _quote(kind).encode(), size, _quote(problem).encode(), more)
    return b'%b"way":"unreadable","kind":%b,"size":%d,"problem":%b%b}\n' % words


def failed_line(at: float, where: str, reason: str) -> bytes:
    """Write that a connection could not be made."""
    return b'{"at":%.6f,"way":"failed","where":%b,"reason":%b}\n' % (
        at,
        _quote(where).encode(),
        _quote(reason).encode(),
    )


def message_line(start: bytes, way: Way, payload_type: int, payload: bytes, client_msg_id: str | None) -> bytes:
    """Write one message."""
    key = b"" if client_msg_id is None else b',"id":' + _quote(client_msg_id).encode()
    return b'%b%b%b,"payload":"%b"}\n' % (start, _HEADS[way][payload_type], key, b2a_base64(payload, newline=False))


def withheld_line(start: bytes, way: Way, payload_type: int, size: int, client_msg_id: str | None) -> bytes:
    """Write one message without its payload."""
    key = b"" if client_msg_id is None else b',"id":' + _quote(client_msg_id).encode()
    return b'%b%b%b,"withheld":%d}\n' % (start, _HEADS[way][payload_type], key, size)


def run_line(start: bytes, way: Way, payload_type: int, sizes: Sequence[int], joined: bytes) -> bytes:
    """Write a run of messages: their payloads one behind the other, and the size of each, which is less than 256."""
    return b'%b%b,"sizes":"%b","payload":"%b"}\n' % (
        start,
        _HEADS[way][payload_type],
        b2a_hex(bytes(sizes)),
        b2a_base64(joined, newline=False),
    )


# Reading


def parse(line: bytes) -> Entry:
    """Read one line.

    :raises MalformedLine: if it is none.
    """
    try:
        document = json.loads(line)
    except (ValueError, RecursionError):
        raise MalformedLine("it is not JSON") from None
    if not isinstance(document, dict):
        raise MalformedLine("it is not a JSON object")
    read = _Reader(document)
    if "flight" in document:
        version = read("flight", int)
        if version != VERSION:
            raise MalformedLine(f"its format is version {version}; this release reads version {VERSION}")
        return Header(
            read.at(), read("part", int), read("package", str), read("schema", str), read.given("dropped", int) or 0
        )
    at, way = read.at(), read("way", str)
    if way == "failed":
        return Failed(at, read("where", str), read("reason", str))
    connection: int = read("connection", int)
    if way == "opened":
        return Opened(at, connection, read("where", str))
    if way == "ended":
        return Ended(at, connection, read("reason", str))
    if way == "unreadable":
        kind, size, problem = read("kind", str), read("size", int), read("problem", str)
        return Unreadable(at, connection, kind, size, problem, read.given("expected", int))
    if way not in ("out", "in"):
        raise MalformedLine('its "way" is not one that is known')
    withheld, sizes = read.given("withheld", int), read.given("sizes", str)
    payload = b"" if withheld is not None else _from_base64(read("payload", str))
    payloads = (payload,) if sizes is None else tuple(_cut(payload, sizes))
    return Said(at, connection, Way(way), read("type", int), payloads, read.given("id", str), withheld)


class _Reader:
    """Takes values out of an object and says what is wrong with them."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document

    def __call__(self, key: str, kind: type[Any]) -> Any:
        value = self.given(key, kind)
        if value is None:
            raise MalformedLine(f'it has no "{key}"')
        return value

    def given(self, key: str, kind: type[Any]) -> Any:
        value = self._document.get(key)
        if value is not None and type(value) is not kind:
            raise MalformedLine(f'its "{key}" is not of the kind that it should be')
        return value

    def at(self) -> float:
        value: Any = self._document.get("at")
        if type(value) not in (int, float) or not abs(value) < 1e14:
            raise MalformedLine('its "at" is no time')
        return float(value)


def _from_base64(text: str) -> bytes:
    try:
        return a2b_base64(text, strict_mode=True)
    except (Base64Error, ValueError):
        raise MalformedLine('its "payload" is not base64') from None


def _cut(joined: bytes, sizes: str) -> Iterator[bytes]:
    try:
        each = a2b_hex(sizes)
    except ValueError:
        raise MalformedLine('its "sizes" are not hexadecimal') from None
    if sum(each) != len(joined):
        raise MalformedLine('its "sizes" are not those of its "payload"')
    return (joined[begin:end] for begin, end in pairwise((0, *accumulate(each))))
