from __future__ import annotations

import errno
import json
import os
import resource
import signal
from contextlib import contextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctrader_twisted.outputs import JsonLinesWriter, encode, open_for_appending

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from twisted.internet.defer import Deferred


class FakeReactor:
    """What watches descriptors, by hand."""

    def __init__(self) -> None:
        self.writers: list[JsonLinesWriter] = []

    def addWriter(self, writer: JsonLinesWriter) -> None:  # noqa: N802
        self.writers.append(writer)

    def removeWriter(self, writer: JsonLinesWriter) -> None:  # noqa: N802
        self.writers.remove(writer)


class Bench:
    """A writer on something, and what became of it."""

    def __init__(self, descriptor: int, **settings: Any) -> None:
        self.reactor = FakeReactor()
        self.failed: list[JsonLinesWriter] = []
        self.writer = JsonLinesWriter(descriptor, "the output", self.reactor, self.failed.append, **settings)  # type: ignore[arg-type]

    def write(self, *numbers: int, **more: object) -> None:
        for number in numbers:
            self.writer.write({"event": "quote", "n": number, **more})

    @property
    def counts(self) -> tuple[int, int]:
        return self.writer.written, self.writer.lost


def fired(deferred: Deferred[None]) -> bool:
    return deferred.called


def numbers(data: bytes) -> list[int]:
    assert not data or data.endswith(b"\n"), "the last line is whole"
    return [json.loads(line)["n"] for line in data.splitlines()]


# Lines


def test_decimals_are_exact_texts_without_exponents() -> None:
    line = encode({"event": "quote", "bid": Decimal("1.10000"), "tiny": Decimal("1E-8"), "big": Decimal("1E+5")})
    assert line == b'{"event":"quote","bid":"1.10000","tiny":"0.00000001","big":"100000"}\n'


@given(st.text())
def test_every_text_makes_one_line(text: str) -> None:
    line = encode({"text": text})
    assert line.count(b"\n") == 1 and line.endswith(b"\n") and b"\r" not in line
    if not any(0xD800 <= ord(character) <= 0xDFFF for character in text):
        assert json.loads(line)["text"] == text


@pytest.mark.parametrize("value", [object(), b"bytes", float("nan"), float("inf")])
def test_what_has_no_exact_form_does_not_get_out(value: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        encode({"value": value})


# Files


def test_a_file_is_appended_to(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    for run in (0, 10):
        bench = Bench(open_for_appending(path))
        bench.write(run, run + 1)
        assert numbers(path.read_bytes()) == [*range(2), 10, 11][: run // 5 + 2], "written at once"
        assert fired(bench.writer.close())
        assert bench.counts == (2, 0) and not bench.failed
    assert not path.stat().st_mode & 0o007


def test_after_closing_nothing_is_written(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    bench = Bench(open_for_appending(path))
    bench.writer.close()
    bench.write(1)
    assert bench.counts == (0, 1) and path.read_bytes() == b""
    assert fired(bench.writer.close()), "twice does no harm"


WHOLE = b'{"event":"quote","n":1}\n'


@pytest.mark.parametrize(
    ("left", "mended"),
    [
        (b"", b""),
        (WHOLE, WHOLE),
        (WHOLE + b'{"event":"quo', WHOLE),  # half an object of ours: never claimed written
        (b'{"event":"quo', b""),
        (WHOLE + WHOLE[:-1], WHOLE + WHOLE),  # whole, only its line feed is missing
        (WHOLE + b"a note of somebody's", WHOLE + b"a note of somebody's\n"),  # not ours to cut
        (WHOLE + b'{"event":"' + b"x" * 200_000, WHOLE),
        (b"x" * 200_000, b"x" * 200_000 + b"\n"),
    ],
)
def test_what_a_crash_left_is_dealt_with_on_opening(tmp_path: Path, left: bytes, mended: bytes) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(left)
    bench = Bench(open_for_appending(path))
    assert path.read_bytes() == mended
    bench.write(2)
    bench.writer.close()
    assert path.read_bytes() == mended + b'{"event":"quote","n":2}\n'


def test_a_file_has_one_writer(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    first = open_for_appending(path)
    with pytest.raises(BlockingIOError):
        open_for_appending(path)
    os.close(first)
    os.close(open_for_appending(path))


@contextmanager
def no_file_beyond(size: int) -> Iterator[None]:
    """Let no file grow beyond a size: the nearest thing to a full disk that needs no disk.

    Only for the writes that are meant: it holds for the whole process, and so for what pytest itself writes.
    """
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_a_line_that_fits_only_in_part_is_cut_off_again(tmp_path: Path, logged_errors: Any) -> None:
    path = tmp_path / "x.jsonl"
    bench = Bench(open_for_appending(path))
    with no_file_beyond(3 * len(WHOLE) + 10):
        bench.write(1, 2, 3, 4, 5)
    assert numbers(path.read_bytes()) == [1, 2, 3]
    assert bench.counts == (3, 2)
    assert bench.writer.failure == "the file may not grow any further"
    assert bench.failed == [bench.writer], "told once"
    (logged,) = logged_errors.events
    assert (logged["written"], logged["output"]) == (3, "the output")
    logged_errors.flush()
    assert fired(bench.writer.close())


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full here")
def test_a_full_disk_is_one_message_and_nothing_is_claimed(logged_errors: Any) -> None:
    bench = Bench(os.open("/dev/full", os.O_WRONLY))
    bench.write(1, 2)
    assert bench.writer.failure == "the disk is full"
    assert bench.counts == (0, 2) and len(bench.failed) == 1
    assert len(logged_errors.events) == 1
    logged_errors.flush()
    bench.writer.close()


def test_a_failing_fsync_is_owned_up_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, logged_errors: Any) -> None:
    bench = Bench(open_for_appending(tmp_path / "x.jsonl"))
    bench.write(1)

    def broken(descriptor: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", broken)
    assert fired(bench.writer.close())
    assert bench.writer.failure == "Input/output error" and bench.failed
    logged_errors.flush()


# Pipes


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    yield reading, os.dup(writing)
    os.close(reading)
    os.close(writing)


def drain(reading: int) -> bytes:
    data = b""
    while True:
        try:
            data += os.read(reading, 65536)
        except BlockingIOError:
            return data


def test_a_pipe_gets_lines_at_once(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    bench = Bench(writing)
    bench.write(1, 2)
    assert numbers(drain(reading)) == [1, 2]
    assert bench.counts == (2, 0) and not bench.reactor.writers
    assert fired(bench.writer.close())


def test_a_slow_reader_makes_nobody_wait_and_gets_everything(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    bench = Bench(writing)
    bench.write(*range(5000), pad="x" * 100)
    assert bench.reactor.writers == [bench.writer]
    assert 0 < bench.writer.written < 5000, "what only waits is not claimed"
    done = bench.writer.close()
    assert not fired(done)
    data = b""
    while bench.reactor.writers:
        data += drain(reading)
        bench.writer.doWrite()
    data += drain(reading)
    assert numbers(data) == list(range(5000))
    assert bench.counts == (5000, 0) and fired(done)


def test_a_pipe_is_given_whole_lines_as_far_as_they_fit(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    bench = Bench(writing)
    bench.write(*range(2000), pad="x" * 1000)
    bench.writer.abandon()
    data = drain(reading)
    assert numbers(data) == list(range(bench.writer.written))
    assert sum(bench.counts) == 2000


def test_a_line_longer_than_a_pipe_takes_at_once(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    bench = Bench(writing)
    bench.write(7, pad="x" * 300_000)
    bench.write(8)
    data = b""
    while bench.reactor.writers:
        data += drain(reading)
        bench.writer.doWrite()
    assert numbers(data + drain(reading)) == [7, 8]
    assert bench.counts == (2, 0)


def test_what_a_reader_far_too_slow_loses_is_counted_where_it_is_missing(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    bench = Bench(writing, capacity=10_000)
    bench.write(*range(3000), pad="x" * 100)
    kept = 3000 - bench.writer.lost
    data = drain(reading)
    bench.writer.doWrite()
    bench.write(3000, time="then")
    data += drain(reading)
    while bench.reactor.writers:
        bench.writer.doWrite()
        data += drain(reading)
    documents = [json.loads(line) for line in data.splitlines()]
    assert [d["n"] for d in documents if d["event"] == "quote"] == [*range(kept), 3000]
    (gap,) = [d for d in documents if d["event"] == "lost"]
    assert gap == {"event": "lost", "time": "then", "environment": None, "account": None, "count": 3000 - kept}
    assert documents.index(gap) == kept
    assert bench.counts == (kept + 1, 3000 - kept)


def test_a_loss_goes_on_until_half_of_the_room_is_free(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    bench = Bench(writing, capacity=100_000)
    bench.write(*range(3000), pad="x" * 100)
    lost = bench.writer.lost
    assert lost > 0
    os.read(reading, 20_000)
    bench.writer.doWrite()
    bench.write(3000)
    assert bench.writer.lost == lost + 1, "one gap, not many: there is room, but little"
    while bench.reactor.writers:
        drain(reading)
        bench.writer.doWrite()
    bench.write(3001)
    assert bench.writer.lost == lost + 1


def test_the_last_loss_is_told_on_closing(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    bench = Bench(writing, capacity=1)
    bench.write(*range(3000), pad="x" * 100)
    lost = bench.writer.lost
    done = bench.writer.close()
    data = b""
    while not fired(done):
        data += drain(reading)
        bench.writer.doWrite()
    data += drain(reading)
    assert json.loads(data.splitlines()[-1])["count"] == lost > 0


def test_a_closed_pipe_is_one_message(logged_errors: Any) -> None:
    reading, writing = os.pipe()
    bench = Bench(writing)
    bench.write(1)
    os.close(reading)
    bench.write(2, 3)
    assert bench.writer.failure == "its reader has closed the pipe"
    assert bench.counts == (1, 2) and bench.failed == [bench.writer]
    logged_errors.flush()
    assert fired(bench.writer.close())


def test_a_pipe_closed_while_lines_wait(logged_errors: Any) -> None:
    reading, writing = os.pipe()
    bench = Bench(writing)
    bench.write(*range(5000), pad="x" * 100)
    written = bench.writer.written
    done = bench.writer.close()
    os.close(reading)
    bench.reactor.writers.clear()  # a reactor takes it out first
    bench.writer.connectionLost(None)  # type: ignore[arg-type]
    assert bench.writer.failure and fired(done) and not bench.reactor.writers
    assert bench.counts == (written, 5000 - written)
    logged_errors.flush()


def test_abandoning_a_reader_that_does_not_read(pipe: tuple[int, int]) -> None:
    _, writing = pipe
    bench = Bench(writing)
    bench.write(*range(5000), pad="x" * 100)
    done = bench.writer.close()
    bench.writer.abandon()
    assert fired(done) and not bench.reactor.writers
    assert sum(bench.counts) == 5000 and bench.writer.lost > 0
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(writing)
