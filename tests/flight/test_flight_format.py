"""Lines of a recording: what is written is what is read, and what is no line is refused."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctrader_twisted.flight import format
from ctrader_twisted.flight.format import Ended, Failed, Header, MalformedLine, Opened, Said, Unreadable, Way

times = st.integers(0, 4_000_000_000_000_000).map(lambda microseconds: microseconds / 1e6)
connections = st.integers(1, 10**9)
types = st.integers(0, 2**32 - 1)
ways = st.sampled_from(Way)
ids = st.none() | st.text()


def near(entry: format.Entry, at: float) -> bool:
    return abs(entry.at - at) < 1e-5


@given(times, connections, ways, types, st.binary(), ids)
def test_a_message_comes_back(
    at: float, connection: int, way: Way, number: int, payload: bytes, key: str | None
) -> None:
    line = format.message_line(format.start(at, connection), way, number, payload, key)
    entry = format.parse(line)
    assert entry == Said(entry.at, connection, way, number, (payload,), key)
    assert near(entry, at)
    assert line.isascii() and line.count(b"\n") == 1 and line.endswith(b"}\n")


@given(times, connections, ways, types, st.lists(st.binary(max_size=255)))
def test_a_run_comes_back(at: float, connection: int, way: Way, number: int, payloads: list[bytes]) -> None:
    sizes = [len(payload) for payload in payloads]
    entry = format.parse(format.run_line(format.start(at, connection), way, number, sizes, b"".join(payloads)))
    assert entry == Said(entry.at, connection, way, number, tuple(payloads))


@given(times, connections, st.text(), st.integers(0))
def test_everything_else_comes_back(at: float, connection: int, text: str, size: int) -> None:
    start = format.start(at, connection)
    for line, expected in [
        (format.opened_line(start, text), lambda at: Opened(at, connection, text)),
        (format.ended_line(start, text), lambda at: Ended(at, connection, text)),
        (format.failed_line(at, text, text), lambda at: Failed(at, text, text)),
        (
            format.unreadable_line(start, text, size, text, None),
            lambda at: Unreadable(at, connection, text, size, text),
        ),
        (format.unreadable_line(start, text, 1, text, 9), lambda at: Unreadable(at, connection, text, 1, text, 9)),
        (
            format.withheld_line(start, Way.OUT, 2102, size, text),
            lambda at: Said(at, connection, Way.OUT, 2102, (b"",), text, size),
        ),
        (format.header_line(Header(at, 3, text, text, size)), lambda at: Header(at, 3, text, text, size)),
    ]:
        entry = format.parse(line)
        assert entry == expected(entry.at)
        assert near(entry, at)


def test_a_line_is_what_the_documentation_shows() -> None:
    start = format.start(1714561200.5, 1)
    assert format.message_line(start, Way.OUT, 2104, b"", "a-1") == (
        b'{"at":1714561200.500000,"connection":1,"way":"out","type":2104,"name":"ProtoOAVersionReq","id":"a-1",'
        b'"payload":""}\n'
    )
    assert format.run_line(start, Way.IN, 2131, [2, 1], b"abc") == (
        b'{"at":1714561200.500000,"connection":1,"way":"in","type":2131,"name":"ProtoOASpotEvent",'
        b'"sizes":"0201","payload":"YWJj"}\n'
    )
    assert format.header_line(Header(1714561200.5, 1, "0.1.0", "abc")) == (
        b'{"flight":1,"at":1714561200.500000,"part":1,"package":"0.1.0","schema":"abc"}\n'
    )


def test_a_type_that_the_schema_does_not_have_has_no_name() -> None:
    line = format.message_line(format.start(0, 1), Way.IN, 4_000_000, b"", None)
    assert "name" not in json.loads(line)
    entry = format.parse(line)
    assert isinstance(entry, Said) and entry.name == "payload type 4000000"


def test_keys_of_later_releases_are_ignored() -> None:
    line = b'{"at":1,"connection":1,"way":"opened","where":"here","colour":"blue"}'
    assert format.parse(line) == Opened(1.0, 1, "here")


SECRET = "s3cr3t-of-the-line"


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "not a JSON object"),
        (b"{}", '"at" is no time'),
        (b'{"at":"now"}', '"at" is no time'),
        (b'{"at":true}', '"at" is no time'),
        (b'{"at":NaN}', '"at" is no time'),
        (b'{"at":1e400}', '"at" is no time'),
        (b'{"at":1,"way":"in"}', 'no "connection"'),
        (b'{"at":1,"way":"up","connection":1}', '"way" is not one that is known'),
        (b'{"at":1,"way":"in","connection":"1"}', '"connection" is not of the kind'),
        (b'{"at":1,"way":"in","connection":true}', '"connection" is not of the kind'),
        (b'{"at":1,"way":"in","connection":1,"type":1}', 'no "payload"'),
        (b'{"at":1,"way":"in","connection":1,"type":1,"payload":"%%%"}', "not base64"),
        (b'{"at":1,"way":"in","connection":1,"type":1,"payload":"\xc3\xa9"}', "not base64"),
        (b'{"at":1,"way":"in","connection":1,"type":1,"payload":"YQ==","sizes":"02"}', "not those of"),
        (b'{"at":1,"way":"in","connection":1,"type":1,"payload":"YQ==","sizes":"x"}', "not hexadecimal"),
        (b'{"at":1,"way":"in","connection":1,"type":1,"payload":"YQ==","sizes":"0\xc3\xa9"}', "not hexadecimal"),
        (b'{"at":1,"way":"opened","connection":1}', 'no "where"'),
        (b'{"flight":2,"at":1}', "version 2; this release reads version 1"),
        (b'{"flight":1,"at":1}', 'no "part"'),
    ],
)
def test_what_is_no_line_is_refused_with_the_reason(line: bytes, problem: str) -> None:
    with pytest.raises(MalformedLine, match=problem):
        format.parse(line)


def test_a_refusal_holds_nothing_of_the_line() -> None:
    for line in (f'{{"at":"{SECRET}"}}', f'{{"{SECRET}"', f'{{"at":1,"way":"{SECRET}","connection":1}}'):
        with pytest.raises(MalformedLine) as refused:
            format.parse(line.encode())
        assert SECRET not in str(refused.value)
        assert refused.value.__cause__ is None


@given(
    st.binary() | st.from_regex(r'\{"at":1,"connection":1,"way":"(in|out)","type":\d+,"payload":".*"\}').map(str.encode)
)
def test_whatever_a_line_is_it_is_read_or_refused(line: bytes) -> None:
    try:
        entry = format.parse(line)
    except MalformedLine:
        return
    assert isinstance(entry, format.Entry)
