"""A recording for people, one line a message, and as JSON documents.

::

    2024-01-02 UTC: recorded by ctrader_twisted 0.1.0
    08:00:00.000           #1 *  connected to demo (demo.ctraderapi.com:5035)
    08:00:00.000   +0.000  #1 -> ProtoOAApplicationAuthReq  id=5f3a-1  clientId=client-id-1 clientSecret=client-secret-1
    08:00:00.031   +0.031  #1 <- ProtoOAApplicationAuthRes  id=5f3a-1  after 31 ms
    08:00:01.207   +1.176  #1 <- ProtoOASpotEvent x 25 in 2.1 s: symbol 1 x 17 (bid=109120 ask=109123), symbol 41 x 8 …
"""

from __future__ import annotations

import json
from collections import Counter, OrderedDict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from google.protobuf.unknown_fields import UnknownFieldSet

from ctrader_twisted.errors import UndecodablePayload, UnknownPayloadType
from ctrader_twisted.flight.format import SCHEMA, Ended, Failed, Header, Opened, Said, Unreadable, Way
from ctrader_twisted.flight.selection import select
from ctrader_twisted.wire import catalogue, codec

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from google.protobuf.descriptor import FieldDescriptor
    from google.protobuf.message import Message

    from ctrader_twisted.flight.format import Entry
    from ctrader_twisted.wire.envelope import Envelope

ARROWS: Final = {Way.OUT: "->", Way.IN: "<-"}

_DEPTH_EVENT: Final = 2155
_REPEATED: Final = frozenset({catalogue.SPOT_EVENT, _DEPTH_EVENT, catalogue.HEARTBEAT})  # what is summarised
_FEW: Final = 4  # elements of a list that are shown
_SYMBOLS: Final = 6  # symbols that a summary names
_BYTES: Final = 32  # of what can't be read
_ASKED: Final = 10_000  # requests whose answers are still looked for
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DELIMITERS: Final = frozenset(' "{}[]=,()')
_MILLISECONDS_FROM: Final = 10**11  # a smaller number is a difference, as in tick data


def lines(
    entries: Iterable[Entry],
    *,
    connection: int | Collection[int] | None = None,
    names: Collection[str] = (),
    since: float | None = None,
    until: float | None = None,
    summarise: bool = True,
) -> Iterator[str]:
    """Give the conversation in lines: time (UTC), seconds since the line before, connection, direction, what was said.

    Enum values are named, times are UTC, prices and volumes are as the schema has them.

    :param connection: see `select`, as for ``names``, ``since`` and ``until``.
    :param summarise: give one line for spots, depth or heartbeats that follow one another, not one for each.
    """
    writer = _Writer()
    gathered: _Gathered | None = None
    for entry in select(entries, connection=connection, names=names, since=since, until=until):
        if gathered is not None:
            if gathered.take(entry):
                continue
            yield from gathered.lines(writer)
            gathered = None
        if summarise and isinstance(entry, Said) and entry.payload_type in _REPEATED and entry.client_msg_id is None:
            gathered = _Gathered(entry)
        else:
            yield from writer.write(entry)
    if gathered is not None:
        yield from gathered.lines(writer)


def documents(
    entries: Iterable[Entry],
    *,
    connection: int | Collection[int] | None = None,
    names: Collection[str] = (),
    since: float | None = None,
    until: float | None = None,
) -> Iterator[dict[str, Any]]:
    """Give the conversation as objects that `json.dumps` takes, one for each message.

    Each has ``at`` (seconds since the epoch), ``time`` (UTC), ``connection`` and ``way`` as in the recording. A message
    has ``type``, ``name``, ``id`` (or None) and ``fields``, with the schema's names, enum values by name and numbers as
    they are; or ``undecodable`` (its payload in hexadecimal), or ``withheld`` (its size) in place of ``fields``.

    :param connection: see `select`, as for ``names``, ``since`` and ``until``.
    """
    for entry in select(entries, connection=connection, names=names, since=since, until=until):
        document: dict[str, Any] = {"at": entry.at, "time": _utc(entry.at)}
        match entry:
            case Header():
                document |= {"way": "began", "part": entry.part, "package": entry.package, "schema": entry.schema}
                document |= {"dropped": entry.dropped}
            case Opened():
                document |= {"connection": entry.connection, "way": "opened", "where": entry.where}
            case Ended():
                document |= {"connection": entry.connection, "way": "ended", "reason": entry.reason}
            case Unreadable():
                document |= {"connection": entry.connection, "way": "unreadable", "kind": entry.kind}
                document |= {"size": entry.size, "expected": entry.expected, "problem": entry.problem}
            case Failed():
                document |= {"way": "failed", "where": entry.where, "reason": entry.reason}
            case Said():
                document |= {"connection": entry.connection, "way": str(entry.way), "type": entry.payload_type}
                document |= {"name": entry.name, "id": entry.client_msg_id}
                for envelope in entry.envelopes():
                    yield document | _content(entry, envelope)
                continue
        yield document


class _Writer:
    """Writes one line after the other, each with the time since the one before it."""

    def __init__(self) -> None:
        self._begun = False
        self._previous: float | None = None
        self._day = ""
        self._asked: OrderedDict[tuple[int, str], float] = OrderedDict()

    def write(self, entry: Entry) -> Iterator[str]:
        match entry:
            case Header():
                yield from self._header(entry)
            case Opened():
                yield from self.line(entry.at, f"#{entry.connection} *  connected to {_plain(entry.where)}")
            case Ended():
                yield from self.line(entry.at, f"#{entry.connection} *  ended: {_plain(entry.reason)}")
            case Unreadable():
                yield from self.line(entry.at, f"#{entry.connection} <- (unreadable: {_plain(entry.problem)})")
            case Failed():
                yield from self.line(entry.at, f"not connected to {_plain(entry.where)}: {_plain(entry.reason)}")
            case Said():
                for envelope in entry.envelopes():
                    yield from self.line(entry.at, self._message(entry, envelope))

    def line(self, at: float, text: str, *, until: float | None = None) -> Iterator[str]:
        """Give a line, and before it the day if it is another one. What it tells of ended ``until`` then."""
        day, _, time = _utc(at).rstrip("Z").rpartition("T")
        if day and day != self._day:
            self._day = day
            yield f"{day} UTC"
        since = "" if self._previous is None else f"{at - self._previous:+.3f}"
        self._previous = at if until is None else until
        yield f"{time[:12]} {since:>9}  {text}"

    def _header(self, header: Header) -> Iterator[str]:
        if header.part == 1 or not self._begun:
            self._begun = True
            self._previous = None
            self._asked.clear()
            yield f"recorded by ctrader_twisted {_plain(header.package)}"
            if header.schema != SCHEMA:
                yield "(its schema is not the one of this release: fields may be missing or have other names)"
        if header.dropped:
            yield f"({header.dropped} earlier entries were given up)"

    def _message(self, said: Said, envelope: Envelope) -> str:
        words = [f"#{said.connection} {ARROWS[said.way]} {said.name}"]
        key = said.client_msg_id
        if key is not None:
            words.append(f"id={_text(key)}")
            if said.way is Way.OUT:
                self._asked[said.connection, key] = said.at
                if len(self._asked) > _ASKED:
                    self._asked.popitem(last=False)
            elif (asked := self._asked.get((said.connection, key))) is not None:
                words.append(f"after {(said.at - asked) * 1000:.0f} ms")
        words.append(_short(said, envelope))
        return "  ".join(word for word in words if word)


class _Gathered:
    """Messages of one type that follow one another on one connection, one way."""

    def __init__(self, first: Said) -> None:
        self._first = first
        self._until = first.at
        self._count = 0
        self._counts: Counter[int] = Counter()
        self._quotes: dict[int, dict[str, int]] = {}
        self._add(first)

    def take(self, entry: Entry) -> bool:
        """Add one more, unless it is of another kind."""
        first = self._first
        if not isinstance(entry, Said) or entry.client_msg_id is not None:
            return False
        if (entry.payload_type, entry.way, entry.connection) != (first.payload_type, first.way, first.connection):
            return False
        self._add(entry)
        return True

    def lines(self, writer: _Writer) -> Iterator[str]:
        first = self._first
        if self._count < 2:
            yield from writer.write(first)
            return
        span = self._until - first.at
        text = f"#{first.connection} {ARROWS[first.way]} {first.name} x {self._count} in {span:.3f} s"
        if self._counts:
            text += f": {', '.join(self._symbols())}"
        yield from writer.line(first.at, text, until=self._until)

    def _add(self, said: Said) -> None:
        self._until = said.at
        self._count += len(said.payloads)
        for envelope in said.envelopes():
            message: Any = _message(envelope)
            if message is None or not message.HasField("symbolId"):
                continue
            self._counts[message.symbolId] += 1
            quote = self._quotes.setdefault(message.symbolId, {})
            for side in ("bid", "ask"):
                if side in message.DESCRIPTOR.fields_by_name and message.HasField(side):
                    quote[side] = getattr(message, side)

    def _symbols(self) -> Iterator[str]:
        """Say of which symbols they are, and what was said of each last."""
        for symbol, count in self._counts.most_common(_SYMBOLS):
            quote = self._quotes[symbol]
            last = " ".join(f"{side}={quote[side]}" for side in ("bid", "ask") if side in quote)
            yield f"symbol {symbol} x {count}" + (f" ({last})" if last else "")
        if len(self._counts) > _SYMBOLS:
            yield f"{len(self._counts) - _SYMBOLS} more symbols"


def _message(envelope: Envelope) -> Message | None:
    """Parse an envelope, if that is possible."""
    try:
        message = codec.unpack(envelope)
    except (UnknownPayloadType, UndecodablePayload):
        return None
    return message if "symbolId" in message.DESCRIPTOR.fields_by_name else None


def _content(said: Said, envelope: Envelope) -> dict[str, Any]:
    if said.withheld is not None:
        return {"withheld": said.withheld}
    try:
        return {"fields": _object(codec.unpack(envelope))}
    except (UnknownPayloadType, UndecodablePayload):
        return {"undecodable": envelope.payload.hex()}


def _object(message: Message) -> dict[str, Any]:
    return {field.name: _each(field, value, _object, _named) for field, value in message.ListFields()}


def _each(field: FieldDescriptor, value: Any, whole: Any, single: Any) -> Any:
    """Apply a function to a field's message or messages, or another to its value or values."""
    if field.message_type is not None:
        return whole(value) if hasattr(value, "ListFields") else [whole(one) for one in value]
    if isinstance(value, str | bytes | int | float):
        return single(field, value)
    return [single(field, one) for one in value]


def _named(field: FieldDescriptor, value: Any) -> Any:
    if field.enum_type is not None:
        known = field.enum_type.values_by_number.get(value)
        return value if known is None else known.name
    if isinstance(value, bytes):  # protobuf gives text that is not UTF-8 as bytes
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, float) and not abs(value) < float("inf"):
        return str(value)  # JSON has no such number
    return value


def _short(said: Said, envelope: Envelope) -> str:
    if said.withheld is not None:
        return f"({said.withheld} bytes that can't be read and may have held a secret: not recorded)"
    try:
        return _fields(codec.unpack(envelope))
    except (UnknownPayloadType, UndecodablePayload) as error:
        what = "a type the schema does not have" if isinstance(error, UnknownPayloadType) else "can't be read"
        more = "…" if len(envelope.payload) > _BYTES else ""
        return f"({what}, {len(envelope.payload)} bytes: {envelope.payload[:_BYTES].hex()}{more})"


def _fields(message: Message) -> str:
    words = [
        f"{field.name}={_shown(field, value)}" for field, value in message.ListFields() if field.name != "payloadType"
    ]
    fields: Any = UnknownFieldSet(message)  # the stubs don't know that it can be iterated
    unknown = sorted({field.field_number for field in fields})
    if unknown:
        words.append(f"(unknown fields: {', '.join(map(str, unknown))})")
    return " ".join(words)


def _shown(field: FieldDescriptor, value: Any) -> str:
    if hasattr(value, "ListFields"):
        return f"{{{_fields(value)}}}"
    if isinstance(value, str | bytes | int | float):
        return _value(field, value)
    shown = [_shown(field, one) for one in value[:_FEW]]
    if len(value) > _FEW:
        shown.append(f"and {len(value) - _FEW} more")
    return f"[{', '.join(shown)}]"


def _value(field: FieldDescriptor, value: Any) -> str:
    named = _named(field, value)
    if isinstance(named, bool):
        return "yes" if named else "no"
    if isinstance(named, int):
        return _time(field, named) or str(named)
    return _text(named) if isinstance(named, str) else repr(named)


def _time(field: FieldDescriptor, value: int) -> str | None:
    """Give a number as a time, if that is what it is. The schema has three units (protocol notes, 1.7)."""
    if field.name == "utcTimestampInMinutes":
        return _utc(value * 60)
    if not field.name.lower().endswith("timestamp"):
        return None
    whose: Any = field.containing_type
    if field.name == "maintenanceEndTimestamp" and whose.name == "ProtoOAErrorRes":
        return _utc(value)
    return _utc(value / 1000) if value >= _MILLISECONDS_FROM else None


def _utc(at: float) -> str:
    try:
        return (_EPOCH + timedelta(seconds=at)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    except OverflowError:
        return str(at)


def _text(text: str) -> str:
    """Give a text in quotes where it would not be clear where it ends."""
    plain = _plain(text)
    clear = plain == text and text and not set(text) & _DELIMITERS
    return plain if clear else json.dumps(plain, ensure_ascii=False)


def _plain(text: str) -> str:
    """Give a text without what a terminal would obey."""
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)
