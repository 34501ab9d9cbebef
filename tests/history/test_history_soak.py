"""A month of ticks streams through a process that stays small."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.paths import ROOT

MEBIBYTE = 2**20

PROGRAM = '''
import json
from pathlib import Path

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock

from ctrader_twisted.history.both_sides import QuotePages
from ctrader_twisted.history.fetching import Fetching
from ctrader_twisted.history.paging import Subject
from ctrader_twisted.history.series import Series
from ctrader_twisted.history.sources import TickPages
from ctrader_twisted.wire.envelope import Envelope

DAY = 86_400_000
START = 1_782_000_000_000
END = START + 30 * DAY
STEP = 640  # ms between two ticks of a side: 4 million in a month
PAGE = 20_000
tags = b"\\x08", b"\\x10"


def varint(value):
    value &= 0xFFFFFFFFFFFFFFFF
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


prices = [100_000 + index * 7919 % 5000 for index in range(1000)]
deltas = [b"\\x10" + varint(prices[index] - prices[(index + 1) % 1000]) for index in range(1000)]
before = b"\\x08" + varint(-STEP)
rows = [b"\\x1a" + bytes((len(before) + len(delta),)) + before + delta for delta in deltas]


def ask(message, timeout):
    """Give the newest page, newest first."""
    newest = (message.toTimestamp - START) // STEP
    oldest = max(-(-(message.fromTimestamp - START) // STEP), 0)
    first = max(oldest, newest - PAGE + 1)
    if newest < oldest:
        return succeed(Envelope(2146, b"\\x10\\x01\\x20\\x00"))
    absolute = b"\\x08" + varint(START + newest * STEP) + b"\\x10" + varint(prices[newest % 1000])
    page = b"".join([rows[index % 1000] for index in range(newest - 1, first - 1, -1)])
    page = b"\\x10\\x01\\x1a" + bytes((len(absolute),)) + absolute + page
    return succeed(Envelope(2146, page + b"\\x20" + bytes((first > oldest,))))


def peak():
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))


subject = Subject(1, 1, "EURUSD", 5)
fetching = Fetching(ask, lambda: succeed(None), Clock())
sides = [TickPages(lambda: succeed(subject), fetching, START, END, lambda: END, side=side) for side in (1, 2)]
began = peak()
counted = {}


async def read(name, series):
    count, last, most = 0, 0, 0
    async for table in series:
        assert table.at[0] > last
        count, last, most = count + len(table), int(table.at[-1]), max(most, len(table))
    counted[name] = {"rows": count, "pages": series.pages, "longest": most}


async def main():
    await read("ticks", Series(sides[0]))
    other = [TickPages(lambda: succeed(subject), fetching, START, END, lambda: END, side=side) for side in (1, 2)]
    await read("quotes", Series(QuotePages(*other)))


done = []
Deferred.fromCoroutine(main()).addBoth(done.append)
assert done == [None], done
print(json.dumps({"began": began, "peak": peak(), **counted}))
'''


@pytest.mark.soak
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the peak of a process is read from /proc")
def test_a_month_of_ticks_and_of_quotes_stays_under_200_mebibytes() -> None:
    import json

    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    expected = 30 * 86_400_000 // 640
    print(told)  # noqa: T201  # the figure of docs/history.md
    assert told["ticks"]["rows"] == told["quotes"]["rows"] == expected
    assert told["ticks"]["pages"] < expected / 20_000 * 1.1
    assert told["peak"] < 200 * MEBIBYTE
