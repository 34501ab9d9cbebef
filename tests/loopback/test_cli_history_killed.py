"""``ctrader history`` and ``ctrader chart`` as processes: killed, interrupted, on a terminal."""

from __future__ import annotations

import csv
import re
import signal
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from twisted.internet.task import deferLater

from ctrader_twisted.sim import Limits, Options
from ctrader_twisted.sim.conversation import Conversation
from ctrader_twisted.sim.feed.calendar import Period
from ctrader_twisted.sim.testing import CLIENT_ID, CLIENT_SECRET
from ctrader_twisted.sim.venue import DEFAULT_START, Venue
from ctrader_twisted.tokens import FileTokenStore, Grant, GrantedAccount
from ctrader_twisted.wire import catalogue
from tests.loopback.commands import serve, start
from tests.loopback.servers import over_sockets

if TYPE_CHECKING:
    from pathlib import Path

    from ctrader_twisted.wire.envelope import Envelope
    from tests.loopback.commands import Command

SECRETS = {"CTRADER_CLIENT_ID": CLIENT_ID, "CTRADER_CLIENT_SECRET": CLIENT_SECRET}
NOW = datetime.fromtimestamp(DEFAULT_START / 1000, UTC)
FIRST, END = NOW - timedelta(days=65), NOW - timedelta(days=1)


async def slow_venue(folder: Path) -> Venue:
    """A venue whose pages are small, so that fetching takes a while."""
    from twisted.internet import reactor

    from ctrader_twisted.sim.accounts import Grant as Granted

    venue = Venue(
        reactor,
        start=DEFAULT_START,
        grants=[Granted((1000001,), "access", "refresh")],
        options=Options(bars_per_page=2000),
        limits=Limits(historical=0),
    )
    serve(venue, folder, "[tokens]")
    store = FileTokenStore(folder / "tokens.json", reactor)
    await store.save(Grant("default", "access", "refresh", accounts=(GrantedAccount(1000001, False),)))
    return venue


def fetching(folder: Path, rate: int = 40, **more: Any) -> Command:
    span = ["--from", f"{FIRST:%Y-%m-%dT%H:%M}", "--to", f"{END:%Y-%m-%dT%H:%M}"]
    return start(
        folder, "history", "EURUSD", *span, "--out", "a.csv", "--historical-per-second", str(rate), **SECRETS, **more
    )


def expected(venue: Venue) -> list[str]:
    bounds = round(FIRST.timestamp() * 1000), round(END.timestamp() * 1000) - 1
    bars, _ = venue.feed.bars_back(1, Period.M1, *bounds, 10**6, now_ms=venue.now())
    return [datetime.fromtimestamp(bar.open_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") for bar in bars]


def opened(file: Path) -> list[str]:
    with file.open(encoding="utf-8", newline="") as lines:
        return [row["time"] for row in csv.DictReader(lines)]


async def until(condition: Any, command: Command) -> None:
    from twisted.internet import reactor

    while not condition() and not command.ended.called:
        await deferLater(reactor, 0.001)


@pytest.mark.slow
@over_sockets
async def test_killed_at_any_moment(tmp_path: Path) -> None:
    """While parts are written, between them, while the file is written; then it goes on to the end."""
    venue = await slow_venue(tmp_path)
    parts, file, temporary = tmp_path / "a.csv.parts", tmp_path / "a.csv", tmp_path / "a.csv.tmp"
    kept: list[Path] = []

    def kept_parts() -> list[Path]:
        return sorted(parts.glob("*.npz"))

    def writes_a_part() -> bool:
        return any(parts.glob("*.npz.tmp")) or len(kept_parts()) > len(kept)

    for condition in (parts.exists, writes_a_part, temporary.exists):
        command = fetching(tmp_path)
        await until(condition, command)
        command.kill(signal.SIGKILL)
        assert (await command.ended).status == 128 + signal.SIGKILL
        assert not file.exists()
        assert kept_parts()[: len(kept)] == kept, "what was there still is"
        kept = kept_parts()
    assert len(kept) > 1
    ended = await fetching(tmp_path).ended
    assert ended.status == 0, ended.err
    assert opened(file) == expected(venue)
    assert sorted(path.name for path in tmp_path.glob("a.csv*")) == ["a.csv"]
    before = file.read_bytes()
    command = fetching(tmp_path)
    await until(temporary.exists, command)
    command.kill(signal.SIGKILL)
    await command.ended
    assert file.read_bytes() == before, "the old one or the new one, and they are the same"
    assert (await fetching(tmp_path).ended).status == 0
    assert file.read_bytes() == before
    await venue.close()


@over_sockets
async def test_ctrl_c_keeps_what_was_fetched(tmp_path: Path) -> None:
    venue = await slow_venue(tmp_path)
    command = fetching(tmp_path)
    await until(lambda: any((tmp_path / "a.csv.parts").glob("*.npz")), command)
    command.kill(signal.SIGINT)
    ended = await command.ended
    assert (ended.status, ended.out) == (130, ""), ended.err
    assert re.search(r"\d+,\d{3} rows are kept in a.csv.parts: the same command goes on from there", ended.err)
    await venue.close()


@pytest.mark.slow
@over_sockets
async def test_a_terminal_sees_how_far_it_is(tmp_path: Path) -> None:
    venue = await slow_venue(tmp_path)
    ended = await fetching(tmp_path, 15, pty=(24, 100)).ended
    assert ended.status == 0, ended.out
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", ended.out)
    shares = [int(share) for share in re.findall(r"EURUSD.*?(\d+)%", text)]
    assert shares == sorted(shares) and 0 < shares[len(shares) // 2] < 100 and shares[-1] == 100
    assert re.search(r"rows/s +\d+ s left", text)
    assert "EURUSD: nothing is missing" in text
    await venue.close()


@pytest.mark.parametrize(
    ("arguments", "status"), [(("watch", "EURUSD"), 0), (("chart", "EURUSD", "--out", "a.svg"), 130)]
)
@over_sockets
async def test_ctrl_c_while_an_answer_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], status: int
) -> None:
    """Nobody who ends a command wants to hear that an outcome is unknown."""
    venue = await slow_venue(tmp_path)
    asked: list[Any] = []
    name = {"watch": "ProtoOASubscribeSpotsReq", "chart": "ProtoOAGetTrendbarsReq"}[arguments[0]]
    answer = Conversation._answer

    def answer_others(conversation: Conversation, envelope: Envelope, *rest: Any) -> None:
        if catalogue.name(envelope.payload_type) == name:
            asked.append(envelope)
        else:
            answer(conversation, envelope, *rest)

    monkeypatch.setattr(Conversation, "_answer", answer_others)
    command = start(tmp_path, *arguments, **SECRETS)
    await until(lambda: asked, command)
    command.kill(signal.SIGINT)
    ended = await command.ended
    assert (ended.status, ended.out, ended.err) == (status, "", "")
    await venue.close()


NOTHING = """
import sys
sys.modules.update(numpy=None, pyarrow=None, matplotlib=None)
from ctrader_twisted.cli import main
main()
"""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ("history", "EURUSD", "--from", "2026-01-01", "--out", "a.csv"),
            'history needs numpy: pip install "ctrader_tw',
        ),
        (("chart", "EURUSD", "--out", "a.svg"), 'a chart needs matplotlib: pip install "ctrader_twisted[plot]"'),
    ],
)
@over_sockets
async def test_what_is_not_installed(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    program = [sys.executable, "-c", NOTHING]
    helped = await start(tmp_path, arguments[0], "--help", program=program).ended
    assert helped.status == 0, helped.err
    (tmp_path / "demo.toml").write_text("[simulator]\n", "utf-8")
    ended = await start(tmp_path, *arguments, "--config", "demo.toml", program=program).ended
    assert (ended.status, ended.out) == (1, "")
    assert said in " ".join(ended.err.split())
