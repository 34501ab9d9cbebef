"""Processes that are killed at every step of a refresh, and processes that want the same one: no token is lost.

The server replaces both tokens at once, as the real one does. So there is one gap that no client can close: from the
server's replacing to the moment the new pair is with the operating system. There the store has to say that a refresh
began; everywhere else it has to have, or to be one lock away from, a pair that works.
"""

from __future__ import annotations

import os
import re
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.protocol import ServerFactory
from twisted.internet.task import Clock
from twisted.internet.utils import getProcessOutput
from twisted.protocols.basic import LineOnlyReceiver

from ctrader_twisted.errors import GrantRefused, TokenRefused
from ctrader_twisted.tokens import FileTokenStore, Grant, TokenKeeper, TokenPair
from tests.loopback.servers import over_sockets

if TYPE_CHECKING:
    from twisted.python.failure import Failure

CHILD = Path(__file__).with_name("token_child.py")
ROOT = Path(__file__).parents[2]

GAP = ["replaced by the server", "reply", "open tokens.json", "close", "open tokens.json.tmp", "write"]
"""The steps before which a killed process may leave a refresh token behind that is spent."""


class Tokens:
    """What is good at the server. Every first refresh token is, until it is used."""

    def __init__(self) -> None:
        self.spent: list[str] = []
        self.good: dict[str, tuple[str, str]] = {}  # by grant

    def pair(self, grant: str) -> tuple[str, str]:
        return self.good.get(grant, (f"access-{grant}-1", f"refresh-{grant}-1"))

    def replace(self, refresh_token: str) -> tuple[str, str] | None:
        self.spent.append(refresh_token)
        _, grant, generation = refresh_token.split("-")
        if refresh_token != self.pair(grant)[1]:
            return None
        after = int(generation) + 1
        self.good[grant] = (f"access-{grant}-{after}", f"refresh-{grant}-{after}")
        return self.good[grant]


class Answering(LineOnlyReceiver):
    """Replaces a pair at once, says so, and sends the new one a little later."""

    delimiter = b"\n"
    factory: AnsweringFactory

    def lineReceived(self, line: bytes) -> None:  # noqa: N802
        from twisted.internet import reactor

        pair = self.factory.tokens.replace(line.decode())
        if pair is None:
            self.transport.abortConnection()
            return
        self.sendLine(b"replaced")
        reactor.callLater(self.factory.delay, self.answer, pair)

    def answer(self, pair: tuple[str, str]) -> None:
        if self.connected:
            self.sendLine(" ".join(pair).encode())

    def connectionLost(self, reason: Failure | None = None) -> None:
        self.connected = 0


class AnsweringFactory(ServerFactory):
    protocol = Answering
    noisy = False

    def __init__(self, delay: float) -> None:
        self.tokens = Tokens()
        self.delay = delay


async def program(*arguments: object) -> str:
    """Run the program, and give all that it says."""
    from twisted.internet import reactor

    command = ["-W", "error", str(CHILD), *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    said: bytes = await getProcessOutput(sys.executable, command, environment, reactor=reactor, errortoo=True)
    return said.decode()


@pytest.fixture
def listening() -> Any:
    from twisted.internet import reactor

    ports = []

    def listen(delay: float) -> tuple[AnsweringFactory, int]:
        factory = AnsweringFactory(delay)
        port = reactor.listenTCP(0, factory, interface="127.0.0.1")
        ports.append(port)
        return factory, port.getHost().port

    yield listen
    for port in ports:
        port.stopListening()


def result(deferred: Deferred[Any]) -> Any:
    """What a Deferred of the file's store has fired with, which it does at once."""
    got: list[Any] = []
    deferred.addCallback(got.append)
    assert got, deferred
    return got[0]


def look(path: Path, clock: Clock) -> Grant:
    """Find what a killed process left: a whole file for nobody else's eyes, and no lock."""
    for each in path.parent.glob("tokens.json*"):
        assert stat.S_IMODE(each.stat().st_mode) == 0o600, each
    store = FileTokenStore(path, clock)
    result(store.load())  # as it is
    release = result(store.lock(0.0))  # at once
    grant: Grant = result(store.load())["default"]
    release()
    assert sorted(each.name for each in path.parent.iterdir()) == ["steps.txt", "tokens.json", "tokens.json.lock"]
    return grant


def go_on(path: Path, clock: Clock, tokens: Tokens, before: Grant) -> Grant | str:
    """What the next process gets when it wants a pair: one that works, or the sentence for a person."""
    keeper = TokenKeeper(FileTokenStore(path, clock), clock)

    def spend(refresh_token: str) -> Deferred[TokenPair]:
        pair = tokens.replace(refresh_token)
        return fail(TokenRefused("CH_ACCESS_TOKEN_INVALID")) if pair is None else succeed(TokenPair(*pair))

    outcome: list[Grant | str] = []
    asked = keeper.refresh("default", spend, refused=before.access_token)
    asked.addCallback(outcome.append)
    asked.addErrback(lambda failure: outcome.append(failure.trap(GrantRefused) and failure.value.reason))
    return outcome[0]


@pytest.mark.slow
@over_sockets
async def test_killed_at_every_step_of_a_refresh(tmp_path: Path, listening: Any) -> None:
    factory, port = listening(0.01)
    tokens = factory.tokens
    assert await program("each", tmp_path, port) == ""

    clock = Clock()
    clock.advance(2_000_000_000.0)
    steps = {int(folder.name): (folder / "steps.txt").read_text().splitlines() for folder in tmp_path.iterdir()}
    last = max(steps)
    assert steps[last][-1] == "done"
    assert sorted(steps) == list(range(1, last + 1))
    lost, marked = [], []
    for number in sorted(steps):
        assert len(steps[number]) == min(number, len(steps[last]))  # each was killed a step later than the one before
        step = steps[number][-1]
        path = tmp_path / str(number) / "tokens.json"
        grant = look(path, clock)
        access, refresh = tokens.pair(str(number))
        if grant.refresh_began_at is not None:
            marked.append(step)
            assert re.fullmatch("access-[0-9]+-1", grant.access_token)
        works = grant.access_token == access or grant.refresh_token == refresh
        if works:
            assert (grant.access_token, grant.refresh_token) == (access, refresh)
        else:
            lost.append(step)
            assert grant.refresh_began_at is not None

        onward = go_on(path, clock, tokens, grant)
        if works:
            assert isinstance(onward, Grant)
            assert (onward.access_token, onward.refresh_token) == tokens.pair(str(number))
        else:
            assert isinstance(onward, str)
            assert "an earlier refresh, begun at 20" in onward
    assert lost == GAP  # and nowhere else
    assert marked[:1] == ["fsync"]  # of the mark: from when it was written
    assert set(GAP) | {"spend", "send"} <= set(marked)
    assert {step.split()[0] for step in steps[last]} >= {"open", "write", "fsync", "replace", "unlink", "flock"}


@over_sockets
async def test_two_processes_that_want_the_same_refresh(tmp_path: Path, listening: Any) -> None:
    from twisted.internet import reactor

    factory, port = listening(0.5)
    path = tmp_path / "tokens.json"
    await FileTokenStore(path, reactor).save(Grant("default", "access-7-1", "refresh-7-1", 1000.0))
    both = [Deferred.fromCoroutine(program("once", path, port, "access-7-1")) for _ in range(2)]
    assert [await each for each in both] == ["access-7-2\n", "access-7-2\n"]
    assert factory.tokens.spent == ["refresh-7-1"]
    stored = (await FileTokenStore(path, reactor).load())["default"]
    assert (stored.access_token, stored.refresh_token) == ("access-7-2", "refresh-7-2")
    assert stored.refresh_began_at is None
