"""The recorder: what it writes where, how it is bounded, and that nothing of it disturbs a client."""

from __future__ import annotations

import json
import os
import resource
import signal
import stat
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctrader_twisted import messages
from ctrader_twisted.errors import RecordingError, UndecodableEnvelope
from ctrader_twisted.flight import (
    Ended,
    Failed,
    FlightRecorder,
    Header,
    Opened,
    Recording,
    Redactor,
    Said,
    Unreadable,
    Way,
    read,
)
from ctrader_twisted.sim.testing import ACCESS_TOKEN, CLIENT_ID, CLIENT_SECRET, EUR_ACCOUNT, VenueKit
from ctrader_twisted.wire import codec
from ctrader_twisted.wire.envelope import Burst, Envelope

if TYPE_CHECKING:
    from ctrader_twisted.flight import Entry

SPOT = codec.pack(messages.ProtoOASpotEvent(ctidTraderAccountId=1, symbolId=1, bid=100_000)).payload
TOKEN = "a-marked-token-of-an-account"


def spots(count: int) -> Burst:
    return Burst(2131, [SPOT] * count)


def auth(token: str = TOKEN, key: str = "k-1") -> Envelope:
    return codec.pack(messages.ProtoOAAccountAuthReq(ctidTraderAccountId=1, accessToken=token), key)


def kinds(entries: list[Entry]) -> list[str]:
    return [entry.name if isinstance(entry, Said) else type(entry).__name__ for entry in entries]


def test_what_happens_is_what_is_read(tmp_path: Path) -> None:
    path = tmp_path / "flight.jsonl"
    recorder = FlightRecorder(path)
    recorder.failed("demo (a:1)", "refused", 0.5)
    recorder.opened(1, "demo (a:1)", 1.0)
    recorder.sent(1, [auth()], 1.5)
    recorder.received(1, [spots(3), Envelope(2103, b"\x10\x01", "k-1")], 2.0)
    recorder.unreadable(1, UndecodableEnvelope(7), 2.5)
    recorder.ended(1, "the connection was lost", 3.0)
    recorder.close()
    redacted = messages.ProtoOAAccountAuthReq(ctidTraderAccountId=1, accessToken="access-token-1")
    header, *entries = read(path)
    assert isinstance(header, Header) and (header.at, header.part) == (0.5, 1)
    assert entries == [
        Failed(0.5, "demo (a:1)", "refused"),
        Opened(1.0, 1, "demo (a:1)"),
        Said(1.5, 1, Way.OUT, 2102, (redacted.SerializeToString(),), "k-1"),
        Said(2.0, 1, Way.IN, 2131, (SPOT,) * 3),
        Said(2.0, 1, Way.IN, 2103, (b"\x10\x01",), "k-1"),
        Unreadable(2.5, 1, "UndecodableEnvelope", 7, str(UndecodableEnvelope(7))),
        Ended(3.0, 1, "the connection was lost"),
    ]
    assert recorder.failure is None and not recorder.recording


def test_what_one_read_brought_is_in_the_file_when_the_call_returns(tmp_path: Path) -> None:
    path = tmp_path / "flight.jsonl"
    recorder = FlightRecorder(path)
    recorder.received(1, [spots(2), spots(1)], 1.0)
    assert kinds(read(path)) == ["Header", "ProtoOASpotEvent", "ProtoOASpotEvent"]
    recorder.close()


def test_a_file_is_its_owners_only_also_one_that_was_there(tmp_path: Path) -> None:
    path = tmp_path / "flight.jsonl"
    path.touch(0o644)
    old = os.umask(0)
    try:
        recorder = FlightRecorder(path, max_bytes=300)
        for at in range(10):
            recorder.received(1, [spots(1)], at)
        recorder.close()
    finally:
        os.umask(old)
    files = sorted(tmp_path.iterdir())
    assert len(files) == 5
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


@given(st.integers(1, 4), st.integers(400, 3000), st.lists(st.integers(1, 60), min_size=1, max_size=60))
def test_it_is_bounded_and_what_is_left_is_the_end_of_it(parts: int, max_bytes: int, bursts: list[int]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "flight.jsonl")
        recorder = FlightRecorder(path, max_bytes=max_bytes, parts=parts)
        for at, count in enumerate(bursts):
            recorder.received(1, [spots(count)] * (1 + at % 3), at)
        recorder.close()
        files = sorted(Path(folder).iterdir())
        longest = max(len(line) for file in files for line in file.read_bytes().splitlines(keepends=True))
        assert len(files) <= parts
        for file in files:
            size = file.stat().st_size
            assert size <= max_bytes or size - longest < 200  # a header and one line that is longer than a part
        recording = Recording(path)
        said = [(entry.at, len(entry.payloads)) for entry in recording if isinstance(entry, Said)]
        everything = [(float(at), count) for at, count in enumerate(bursts) for _ in range(1 + at % 3)]
        assert said and said == everything[-len(said) :]
        parts_read = [entry.part for entry in recording if isinstance(entry, Header)]
        assert parts_read == list(range(parts_read[0], parts_read[0] + len(files)))
        assert bool(recording.notes) == (len(said) < len(everything))


def test_parts_of_a_time_when_more_were_kept_are_removed(tmp_path: Path) -> None:
    path = tmp_path / "flight.jsonl"
    for parts in (5, 2):
        recorder = FlightRecorder(path, max_bytes=300, parts=parts)
        for at in range(10):
            recorder.received(1, [spots(1)], at)
        recorder.close()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["flight.1.jsonl", "flight.jsonl"]


def test_a_recording_is_continued_by_the_next_run(tmp_path: Path) -> None:
    path = tmp_path / "flight.jsonl"
    for where in ("first", "second"):
        recorder = FlightRecorder(path)
        recorder.opened(1, where, 1.0)
        recorder.close()
    header, first, again, second = read(path)
    assert isinstance(header, Header) and isinstance(again, Header) and header.part == again.part == 1
    assert [first, second] == [Opened(1.0, 1, "first"), Opened(1.0, 1, "second")]


def test_half_a_line_that_a_crash_left_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "flight.jsonl"
    recorder = FlightRecorder(path)
    recorder.opened(1, "first", 1.0)
    recorder.close()
    with path.open("ab") as file:
        file.write(b'{"at":2.0,"connec')
    recorder = FlightRecorder(path)
    recorder.opened(1, "second", 3.0)
    recorder.close()
    recording = Recording(path)
    assert kinds(list(recording)) == ["Header", "Opened", "Header", "Opened"] and recording.notes == []


def test_a_killed_program_loses_nothing_that_was_told(tmp_path: Path) -> None:
    path = tmp_path / "flight.jsonl"
    program = """
        import os, signal, sys
        from ctrader_twisted.flight import FlightRecorder
        recorder = FlightRecorder(sys.argv[1])
        for at in range(100):
            recorder.opened(at + 1, "here", float(at))
        os.kill(os.getpid(), signal.SIGKILL)
    """
    ended = subprocess.run([sys.executable, "-c", textwrap.dedent(program), str(path)], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert len(read(path)) == 101


# In memory


def test_in_memory_the_end_of_it_is_kept(tmp_path: Path) -> None:
    recorder = FlightRecorder(None, max_bytes=1000)
    recorder.opened(1, "here", 0.0)
    for at in range(100):
        recorder.received(1, [spots(1)], at)
    header, *entries = recorder.entries()
    assert isinstance(header, Header) and header.dropped == 101 - len(entries)
    assert [entry.at for entry in entries] == [float(at) for at in range(100 - len(entries), 100)]
    path = tmp_path / "dump.jsonl"
    path.touch(0o644)
    recorder.dump(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    recording = Recording(path)
    assert list(recording) == [header, *entries]
    assert "earlier entries were given up" in recording.notes[0]
    assert sum(len(line) for line in path.read_bytes().splitlines(keepends=True)[1:]) <= 1000


def test_in_memory_nothing_is_nothing(tmp_path: Path) -> None:
    recorder = FlightRecorder(None)
    assert recorder.entries() == []
    recorder.dump(tmp_path / "empty.jsonl")
    assert read(tmp_path / "empty.jsonl") == []


def test_what_is_in_files_is_not_asked_for_in_memory(tmp_path: Path) -> None:
    recorder = FlightRecorder(tmp_path / "flight.jsonl")
    with pytest.raises(ValueError, match=r"flight\.jsonl"):
        recorder.entries()
    with pytest.raises(ValueError, match=r"flight\.jsonl"):
        recorder.dump(tmp_path / "other")
    recorder.close()


def test_after_it_was_closed_nothing_is_added_and_memory_stays() -> None:
    recorder = FlightRecorder(None)
    recorder.opened(1, "here", 0.0)
    recorder.close()
    recorder.close()
    recorder.ended(1, "gone", 1.0)
    recorder.received(1, [spots(1)], 1.0)
    assert kinds(recorder.entries()) == ["Header", "Opened"]


# Several clients


def test_the_connections_of_several_clients_have_numbers_of_their_own() -> None:
    recorder = FlightRecorder(None)
    demo, live = recorder.tap(), recorder.tap()
    demo.opened(1, "demo", 0.0)
    live.opened(1, "live", 1.0)
    demo.sent(1, [auth()], 2.0)
    live.received(1, [spots(1)], 3.0)
    demo.ended(1, "lost", 4.0)
    demo.opened(2, "demo", 5.0)
    live.unreadable(1, UndecodableEnvelope(1), 6.0)
    live.failed("live", "refused", 7.0)
    entries: list[Any] = recorder.entries()[1:]
    assert [entry.connection for entry in entries[:-1]] == [1, 2, 1, 2, 1, 3, 2]


def test_one_client_s_numbers_are_kept() -> None:
    recorder = FlightRecorder(None)
    for number in (1, 4, 5):  # the others were never made
        recorder.opened(number, "here", number)
        recorder.ended(number, "gone", number)
    entries: list[Any] = recorder.entries()[1:]
    assert [entry.connection for entry in entries] == [1, 1, 4, 4, 5, 5]


# Secrets


def test_a_run_that_holds_a_secret_is_written_message_by_message_without_it() -> None:
    recorder = FlightRecorder(None, redactor=Redactor([TOKEN]))
    inside = b"\x08\x01" + TOKEN.encode()
    recorder.received(1, [Burst(2131, [SPOT, inside, SPOT])], 1.0)
    _, *entries = recorder.entries()
    payloads = [payload for entry in entries if isinstance(entry, Said) for payload in entry.payloads]
    assert len(payloads) == 3 and payloads[0] == payloads[2] == SPOT
    assert len(payloads[1]) == len(inside) and TOKEN.encode() not in payloads[1]


def test_a_run_of_messages_that_bear_secrets_is_redacted_one_by_one() -> None:
    recorder = FlightRecorder(None)
    recorder.received(1, [Burst(2102, [auth().payload, b"\x1a\x7fbroken"])], 1.0)
    _, first, second = recorder.entries()
    assert isinstance(first, Said) and isinstance(second, Said)
    assert b"access-token-1" in first.payloads[0] and second.withheld == 8 and second.payloads == (b"",)


def test_a_run_of_long_messages_is_written_message_by_message() -> None:
    recorder = FlightRecorder(None)
    recorder.received(1, [Burst(2131, [bytes(256), bytes(3)])], 1.0)
    assert [entry.payloads for entry in recorder.entries() if isinstance(entry, Said)] == [(bytes(256),), (bytes(3),)]


def test_ids_places_and_reasons_are_searched_too() -> None:
    recorder = FlightRecorder(None)
    recorder.sent(1, [auth()], 0.0)
    recorder.opened(2, f"https://{TOKEN}@proxy", 1.0)
    recorder.received(2, [Envelope(2103, b"", f"id-{TOKEN}")], 2.0)
    recorder.ended(2, f"refused {TOKEN}", 3.0)
    recorder.failed(TOKEN, TOKEN, 4.0)
    assert TOKEN not in str(recorder.entries())
    assert "access-token-1@proxy" in str(recorder.entries())


def test_a_session_of_a_real_client_holds_none_of_its_secrets(tmp_path: Path) -> None:
    path = tmp_path / "flight.jsonl"
    recorder = FlightRecorder(path)
    with VenueKit() as kit:
        client = kit.client(tap=recorder)
        kit.settle(client.when_ready())
        kit.settle(client.account_auth(ctidTraderAccountId=EUR_ACCOUNT, accessToken=ACCESS_TOKEN))
        kit.settle(client.get_account_list_by_access_token(accessToken=ACCESS_TOKEN))
        tokens = kit.settle(client.refresh_token(refreshToken="sim-refresh-token"))
        secrets = [CLIENT_ID, CLIENT_SECRET, ACCESS_TOKEN, "sim-refresh-token", tokens.accessToken, tokens.refreshToken]
        kit.advance(5)
        kit.settle(client.close())
    recorder.close()
    text = path.read_bytes()
    payloads = b"".join(payload for entry in read(path) if isinstance(entry, Said) for payload in entry.payloads)
    for secret in secrets:
        assert secret.encode() not in text
        assert secret.encode() not in payloads
    for pseudonym in (b"client-id-1", b"client-secret-1", b"access-token-1", b"access-token-2", b"refresh-token-2"):
        assert pseudonym in payloads
    assert "secret" not in repr(recorder)


# What goes wrong


def test_where_it_can_t_write_it_says_so_once_and_the_client_goes_on(tmp_path: Path, logged_errors: Any) -> None:
    recorder = FlightRecorder(tmp_path / "no such folder" / "flight.jsonl")
    assert recorder.failure == "No such file or directory" and not recorder.recording
    for at in range(3):
        recorder.opened(1, "here", at)
        recorder.received(1, [spots(1)], at)
    recorder.close()
    [event] = logged_errors.events
    assert event["problem"] == "No such file or directory"
    logged_errors.flush()


@pytest.mark.parametrize("content", [b"my diary\n", b'{"at":1}\n', b"\n"])
def test_a_file_that_is_something_else_is_left_alone(tmp_path: Path, content: bytes, logged_errors: Any) -> None:
    path = tmp_path / "flight.jsonl"
    path.write_bytes(content)
    recorder = FlightRecorder(path)
    recorder.opened(1, "here", 0.0)
    assert recorder.failure == "what is there is no recording; give another file"
    assert path.read_bytes() == content
    logged_errors.flush()


@pytest.mark.parametrize(("parts", "number"), [(1, 1), (2, 1), (5, 4), (2, 2)])
def test_a_file_with_the_name_of_an_older_part_is_left_alone(
    tmp_path: Path, parts: int, number: int, logged_errors: Any
) -> None:
    path = tmp_path / "flight.jsonl"
    recorder = FlightRecorder(path, max_bytes=300, parts=parts)
    for at in range(10):
        recorder.received(1, [spots(1)], at)
    recorder.close()
    precious = tmp_path / f"flight.{number}.jsonl"
    precious.write_bytes(b"my diary\n")
    again = FlightRecorder(path, max_bytes=300, parts=parts)
    assert again.failure == f"flight.{number}.jsonl is no recording; move it away, or give another file"
    precious.unlink()
    late = FlightRecorder(path, max_bytes=300, parts=parts)
    precious.write_bytes(b"my diary\n")  # while it records
    for at in range(10):
        late.received(1, [spots(1)], at)
    assert late.failure == again.failure
    assert precious.read_bytes() == b"my diary\n"
    logged_errors.flush()


def test_a_folder_or_a_device_is_no_place_for_it(tmp_path: Path, logged_errors: Any) -> None:
    assert FlightRecorder(tmp_path).failure == "Is a directory"
    assert FlightRecorder("/dev/null").failure == "it is no regular file"
    logged_errors.flush()


def test_two_recorders_don_t_share_a_file(tmp_path: Path, logged_errors: Any) -> None:
    path = tmp_path / "flight.jsonl"
    first = FlightRecorder(path)
    second = FlightRecorder(path)
    assert second.failure == "another program records there" and first.failure is None
    logged_errors.flush()
    first.opened(1, "here", 0.0)
    first.close()
    third = FlightRecorder(path)
    assert third.failure is None
    third.close()


@pytest.fixture
def small_files() -> Any:
    """Let no file of this process grow beyond so many bytes, as a full disk does."""
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, old[1]))
    yield 100_000
    resource.setrlimit(resource.RLIMIT_FSIZE, old)
    signal.signal(signal.SIGXFSZ, before)


def test_a_full_disk_ends_the_recording_and_leaves_whole_lines(
    tmp_path: Path, small_files: int, logged_errors: Any
) -> None:
    path = tmp_path / "flight.jsonl"
    recorder = FlightRecorder(path)
    for at in range(200):
        recorder.received(1, [spots(50)], at)
    assert recorder.failure == "File too large" and not recorder.recording
    recorder.close()
    assert [event["problem"] for event in logged_errors.events] == ["File too large"]
    logged_errors.flush()
    recording = Recording(path)
    entries = list(recording)
    assert 10 < len(entries) < 200 and recording.notes == []
    assert path.stat().st_size <= small_files
    assert repr(recorder).endswith("closed>")


class Unforeseen(Redactor):
    def text(self, text: str) -> str:
        raise KeyError(text)


def test_what_nobody_foresaw_ends_the_recording_and_shows_no_secret(logged_errors: Any) -> None:
    recorder = FlightRecorder(None, redactor=Unforeseen())
    recorder.opened(1, TOKEN, 0.0)
    recorder.opened(1, TOKEN, 1.0)
    assert recorder.failure is not None and recorder.failure.startswith("KeyError in test_flight_recorder.py:")
    [event] = logged_errors.events
    assert TOKEN not in str(event)
    logged_errors.flush()


@pytest.mark.parametrize("arguments", [{"max_bytes": 0}, {"parts": 0}])
def test_a_bound_that_is_none_is_refused(arguments: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        FlightRecorder(None, **arguments)


def test_every_line_is_a_json_object(tmp_path: Path) -> None:
    path = tmp_path / "flight.jsonl"
    recorder = FlightRecorder(path)
    recorder.opened(1, 'a "place"\n\u2028 with \x1b[31m colours \ud83d\ude80', 1.0)
    recorder.ended(1, "", 2.0)
    recorder.close()
    for line in path.read_text("ascii").splitlines():
        assert isinstance(json.loads(line), dict)


def test_a_recording_error_names_the_file() -> None:
    with pytest.raises(RecordingError, match="nowhere.jsonl: there is no such file"):
        read("/nowhere/nowhere.jsonl")
