"""``ctrader`` as a process beside a venue that listens in this one."""

from __future__ import annotations

import os
import signal
import sys
import termios
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from twisted.internet import task
from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.protocol import ProcessProtocol

from tests.paths import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from twisted.python.failure import Failure

    from ctrader_twisted.sim.venue import Venue

CTRADER = [sys.executable, "-c", "from ctrader_twisted.cli import main; main()"]


_LEFT_OUT = (
    "CTRADER_",
    "XDG_",
    "COLUMNS",
    "LINES",
    "NO_COLOR",
    "FORCE_COLOR",
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "BROWSER",
)


class Ended(NamedTuple):
    """What a process left.

    :ivar status: its exit status; 128 and the number of the signal that killed it.
    """

    status: int
    out: str
    err: str


class Command(ProcessProtocol):
    """A running ``ctrader``.

    :ivar out: what it has written on stdout by now; on a terminal, stderr too.
    :ivar err: what it has written on stderr by now.
    :ivar ended: fires with `Ended`.
    """

    def __init__(self) -> None:
        self.out = b""
        self.err = b""
        self.ended: Deferred[Ended] = Deferred(lambda _: self.kill(signal.SIGKILL))
        self._watches: list[tuple[Callable[[Command], object], Deferred[None]]] = []

    def outReceived(self, data: bytes) -> None:  # noqa: N802
        self.out += data
        self._look()

    def errReceived(self, data: bytes) -> None:  # noqa: N802
        self.err += data
        self._look()

    def processEnded(self, reason: Failure) -> None:  # noqa: N802
        value: Any = reason.value
        status = value.exitCode if value.signal is None else 128 + value.signal
        for _, seen in self._watches:
            seen.errback(AssertionError(f"ended first: {status}\n{self.out!r}\n{self.err!r}"))
        if not self.ended.called:
            self.ended.callback(Ended(status, self.out.decode("utf-8"), self.err.decode("utf-8")))

    def when(self, condition: Callable[[Command], object]) -> Deferred[None]:
        """Wait until what it has written fulfils a condition."""
        seen: Deferred[None] = Deferred()
        self._watches.append((condition, seen))
        self._look()
        return seen

    def write(self, text: str) -> None:
        """Type."""
        assert self.transport is not None
        self.transport.write(text.encode())

    async def asks_unseen(self) -> None:
        """Wait until its terminal shows nothing that is typed: what was typed before goes with the echo."""
        from twisted.internet import reactor

        transport: Any = self.transport
        while termios.tcgetattr(transport.fd)[3] & termios.ECHO:
            await task.deferLater(cast("Any", reactor), 0.02)

    def kill(self, number: int) -> None:
        """Send a signal."""
        assert self.transport is not None
        try:
            self.transport.signalProcess(signal.Signals(number).name.removeprefix("SIG"))
        except ProcessExitedAlready:
            pass

    def _look(self) -> None:
        for watch in list(self._watches):
            if watch[0](self):
                self._watches.remove(watch)
                watch[1].callback(None)


def clean_environment(home: Path, **variables: str) -> dict[str, str]:
    """Give an environment that holds nothing of the computer's own settings."""
    left_out = (
        "CTRADER_",
        "XDG_",
        "COLUMNS",
        "LINES",
        "NO_COLOR",
        "FORCE_COLOR",
        "DISPLAY",
        "WAYLAND_DISPLAY",
        "BROWSER",
    )
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
    return {
        **inherited,
        "HOME": str(home),
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
        # What is ignored, Twisted's own server side does: some commands run a venue.
        "PYTHONWARNINGS": "error,ignore:Passing pyOpenSSL:DeprecationWarning,ignore::ResourceWarning",
        **variables,
    }


def start(
    home: Path,
    *arguments: str,
    pty: tuple[int, int] | None = None,
    program: list[str] = CTRADER,
    **variables: str,
) -> Command:
    """Start a command in a folder.

    :param pty: lines and columns of a terminal to run it on; else its outputs are pipes and its input is empty.
    """
    from twisted.internet import reactor

    command = Command()
    if pty is not None:
        variables = {"TERM": "xterm", "LINES": str(pty[0]), "COLUMNS": str(pty[1]), **variables}
    reactor.spawnProcess(
        command,
        program[0],
        [*program, *arguments],
        env=clean_environment(home, **variables),
        path=str(home),
        usePTY=pty is not None,
    )
    if pty is None:
        command.transport.closeStdin()
    return command


def serve(venue: Venue, folder: Path, more: str = "") -> Path:
    """Let a venue listen, and write a configuration that leads there.

    :param more: further lines of it.
    """
    from twisted.internet import reactor

    port = venue.listen(reactor).getHost().port
    (folder / "root.pem").write_text(venue.trust_root_pem)
    file = folder / "ctrader.toml"
    file.write_text(
        f"""
        [environment.demo]
        host = "localhost"
        port = {port}
        trust_root = "root.pem"
        {more}
        """,
        "utf-8",
    )
    return file
