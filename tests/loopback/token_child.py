"""A program that refreshes tokens and is killed on its way. Run by test_token_kill.py, not by pytest.

``token_child.py each FOLDER PORT``
    Forks a child that is killed at the first step of a refresh, then one that is killed at the second, and so on until
    one gets through. Each has a folder of its own, ``FOLDER/1``, ``FOLDER/2`` …, and notes there which steps it took.
``token_child.py once PATH PORT REFUSED``
    Refreshes the grant "default" of a store, whose access token REFUSED has been refused, and prints the access token
    it gets.

A step is a call that leaves a mark on the world, each found by wrapping the function itself. The child is killed before
it, which is also after the one before it.
"""

import fcntl
import itertools
import os
import signal
import sys
from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.internet.protocol import ClientFactory
from twisted.protocols.basic import LineOnlyReceiver

from ctrader_twisted.tokens import FileTokenStore, Grant, TokenKeeper, TokenPair

CALLS = ((os, "open"), (os, "write"), (os, "fsync"), (os, "replace"), (os, "unlink"), (os, "close"), (fcntl, "flock"))
AT_A_TIME = 6
"""How many children are at work at a time: most of their time they wait for the disk."""


class Steps:
    """Counts steps and dies before one of them.

    :param fatal: its number, from 1; 0 for none.
    """

    def __init__(self, fatal, notes):
        self._left = fatal
        self._ended = False
        self._notes = os.open(notes, os.O_WRONLY | os.O_CREAT, 0o600)
        self._write = os.write

    def wrap(self):
        """Make each of the calls a step."""
        for module, name in CALLS:
            setattr(module, name, self._wrapped(name, getattr(module, name)))

    def take(self, name):
        """Take a step."""
        if self._ended:
            return
        self._left -= 1
        self._write(self._notes, f"{name}\n".encode())
        if not self._left:
            os.kill(os.getpid(), signal.SIGKILL)

    def end(self):
        """Take the last step: what comes after it is the reactor's end."""
        self.take("done")
        self._ended = True

    def _wrapped(self, name, call):
        def step(*args, **rest):
            paths = [Path(argument).name for argument in args if isinstance(argument, str)]
            self.take(" ".join([name, *paths]))
            return call(*args, **rest)

        return step


class Asking(LineOnlyReceiver):
    """Sends a refresh token; is told when the server has replaced it, and then with what."""

    delimiter = b"\n"

    def connectionMade(self):
        self.factory.take("send")
        self.sendLine(self.factory.refresh_token.encode())

    def lineReceived(self, line):  # noqa: N802
        words = line.decode().split()
        if words == ["replaced"]:
            self.factory.take("replaced by the server")
            return
        self.factory.take("reply")
        self.factory.done.callback(TokenPair(words[0], words[1], 5000.0))
        self.transport.loseConnection()


class AskingFactory(ClientFactory):
    protocol = Asking
    noisy = False

    def __init__(self, refresh_token, take):
        self.refresh_token = refresh_token
        self.take = take
        self.done = Deferred()


def refresh(path, port, take, prepare, done, refused=None):
    """Refresh in a reactor of its own, what is there or what has been refused."""
    from twisted.internet import reactor

    def spend(refresh_token):
        take("spend")
        factory = AskingFactory(refresh_token, take)
        reactor.connectTCP("127.0.0.1", port, factory)
        return factory.done

    async def run():
        store = FileTokenStore(path, reactor)
        keeper = TokenKeeper(store, reactor)
        await prepare(store, keeper)
        grant = await keeper.refresh("default", spend, refused=refused or keeper.find("default").access_token)
        done(grant)
        reactor.stop()

    def failed(failure):
        failure.printTraceback()
        reactor.stop()

    reactor.callWhenRunning(lambda: Deferred.fromCoroutine(run()).addErrback(failed))
    reactor.run()


def child(folder, number, port):
    """Refresh, and be killed at a step."""
    folder.mkdir()
    steps = Steps(number, folder / "steps.txt")

    async def prepare(store, keeper):
        await store.save(Grant("default", f"access-{number}-1", f"refresh-{number}-1", 1000.0))
        await keeper.load()
        steps.wrap()

    refresh(folder / "tokens.json", port, steps.take, prepare, lambda grant: steps.end())


def each(folder, port):
    """Kill each child a step later than the one before it, until one gets through."""
    for first in itertools.count(1, AT_A_TIME):
        processes = [forked(folder, number, port) for number in range(first, first + AT_A_TIME)]
        if any([os.WIFEXITED(os.waitpid(process, 0)[1]) for process in processes]):
            return


def forked(folder, number, port):
    """Give the process id of a new child."""
    process = os.fork()
    if not process:
        try:
            child(folder / str(number), number, port)
        finally:
            os._exit(0)
    return process


def once(path, port, refused):
    """Refresh once."""

    async def prepare(store, keeper):
        await keeper.load()

    refresh(path, port, lambda name: None, prepare, lambda grant: print(grant.access_token), refused)  # noqa: T201


if __name__ == "__main__":
    {"each": each, "once": once}[sys.argv[1]](Path(sys.argv[2]), int(sys.argv[3]), *sys.argv[4:])
