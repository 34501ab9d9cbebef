"""``ctrader`` as a process: exit statuses, pipes, terminals, signals."""

from __future__ import annotations

import json
import re
import shlex
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol

from ctrader_twisted.messages import ProtoOAPayloadType
from ctrader_twisted.server import Peer
from ctrader_twisted.sim.testing import CLIENT_ID, CLIENT_SECRET
from ctrader_twisted.sim.venue import DEFAULT_START, Venue
from ctrader_twisted.tokens import FileTokenStore, Grant, GrantedAccount
from tests.loopback.commands import CTRADER, clean_environment, serve, start
from tests.loopback.servers import over_sockets
from tests.paths import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from ctrader_twisted.wire.envelope import Envelope

SECRETS = {"CTRADER_CLIENT_ID": CLIENT_ID, "CTRADER_CLIENT_SECRET": CLIENT_SECRET}
DEMO = str(ROOT / "examples" / "demo.toml")
ACCESS, REFRESH = "hush-access-token", "hush-refresh-token"


def ctrader(home: Path, *arguments: str, **settings: Any) -> subprocess.CompletedProcess[str]:
    """Run a command that needs no venue of ours."""
    settings.setdefault("env", clean_environment(home))
    settings.setdefault("stdin", subprocess.DEVNULL)
    return subprocess.run(
        [*CTRADER, *arguments], cwd=home, capture_output=True, text=True, timeout=60, check=False, **settings
    )


def together(home: Path, *commands: list[str]) -> list[subprocess.CompletedProcess[str]]:
    """Run such commands at the same time."""
    with ThreadPoolExecutor(len(commands)) as pool:
        return list(pool.map(lambda arguments: ctrader(home, *arguments), commands))


async def venue_with_tokens(folder: Path) -> Venue:
    """A venue, a configuration that leads there, and tokens for it."""
    from twisted.internet import reactor

    from ctrader_twisted.sim.accounts import Grant as Granted

    venue = Venue(reactor, start=DEFAULT_START, grants=[Granted((1000001,), ACCESS, REFRESH)])
    serve(venue, folder, "[tokens]")
    store = FileTokenStore(folder / "tokens.json", reactor)
    await store.save(Grant("default", ACCESS, REFRESH, accounts=(GrantedAccount(1000001, False),)))
    return venue


# Help and mistakes


def test_help(tmp_path: Path) -> None:
    """That of the commands, and what a mistake says: tests/cli/test_cli_command.py."""
    ended = ctrader(tmp_path, "--help")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith("Usage: ctrader")
    assert all(len(line) <= 100 for line in ended.stdout.splitlines())


def test_the_version(tmp_path: Path) -> None:
    assert re.fullmatch(r"ctrader, version \S+\n", ctrader(tmp_path, "--version").stdout)


def test_a_mistake_of_the_command_line(tmp_path: Path) -> None:
    ended = ctrader(tmp_path, "watch", env=clean_environment(tmp_path, **SECRETS))
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "Missing argument 'SYMBOL...'" in ended.stderr and "Traceback" not in ended.stderr


@pytest.mark.parametrize("command", [["accounts"], ["symbols"], ["watch", "EURUSD"], ["tokens", "list"]])
def test_a_configuration_that_is_refused(tmp_path: Path, command: list[str]) -> None:
    (tmp_path / "bad.toml").write_text("[environmet.demo]\n", "utf-8")
    ended = ctrader(tmp_path, *command, "--config", "bad.toml", env=clean_environment(tmp_path, **SECRETS))
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("ctrader: bad.toml: environmet") and "Did you mean" in ended.stderr


def test_what_is_not_installed_is_said_in_a_sentence(tmp_path: Path) -> None:
    program = "import sys; sys.modules.update(rich=None, treq=None); from ctrader_twisted.cli import main; main()"
    ended = subprocess.run(
        [sys.executable, "-c", program, "accounts"],
        env=clean_environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stderr == (
        "ctrader needs rich and treq: pip install 'ctrader_twisted[cli]', or in a copy of the source pip install "
        "'.[cli]'\n"
    )


# A venue of its own


@pytest.mark.parametrize("more", [(), ("--wire", "json")])
def test_every_command_works_against_a_venue_of_its_own(tmp_path: Path, more: tuple[str, ...]) -> None:
    quotes, accounts, symbols, check, login = together(
        tmp_path,
        ["watch", "EURUSD", "XAUUSD", "--count", "3", "--config", DEMO, *more],
        ["accounts", "--config", DEMO, *more],
        ["symbols", "eurusd", "--json", "--config", DEMO, *more],
        ["check", "--json", "--config", DEMO, *more],
        ["login", "--config", DEMO],
    )
    assert quotes.returncode == 0, quotes.stderr
    assert [json.loads(line)["environment"] for line in quotes.stdout.splitlines()] == ["simulator"] * 3
    assert accounts.returncode == 0 and "1000001  demo" in accounts.stdout, accounts.stderr
    assert [each["name"] for each in json.loads(symbols.stdout)] == ["EURUSD"]
    (wire,) = (step["detail"] for step in json.loads(check.stdout)["steps"] if step["step"] == "wire")
    assert check.returncode == 0 and wire.startswith(f"{more[-1] if more else 'protobuf'}: ")
    assert login.returncode == 1 and "nobody has to log in" in login.stderr
    assert not list(tmp_path.iterdir()), "nothing was written anywhere"


# Pipes


@pytest.mark.parametrize(
    "arguments",
    [
        ["symbols", "--json", "--config", DEMO],
        ["watch", "EURUSD", "--config", DEMO],
        ["replay", "long.jsonl", "--every"],
    ],
)
def test_a_reader_that_has_seen_enough(tmp_path: Path, arguments: list[str]) -> None:
    write_recording(tmp_path / "long.jsonl", 20_000)
    ended = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {shlex.join([*CTRADER, *arguments])} | head -1"],
        cwd=tmp_path,
        env=clean_environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stderr, ended.stdout.count("\n")) == (0, "", 1)


def write_recording(file: Path, count: int) -> None:
    from twisted.internet.task import Clock

    from ctrader_twisted.flight import FlightRecorder
    from ctrader_twisted.messages import ProtoOASpotEvent
    from ctrader_twisted.wire import codec

    recorder = FlightRecorder(file)
    clock = Clock()
    recorder.opened(1, "demo (demo.example:5035)", clock.seconds())
    event = codec.pack(ProtoOASpotEvent(ctidTraderAccountId=1, symbolId=1, bid=109_120))
    recorder.received(1, [event] * count, clock.seconds())
    recorder.close()


# Signals


@over_sockets
async def test_ctrl_c_ends_watch_well(tmp_path: Path) -> None:
    venue = await venue_with_tokens(tmp_path)
    command = start(tmp_path, "watch", "EURUSD", **SECRETS)
    await command.when(lambda command: command.out.count(b"\n") > 1)
    command.kill(2)
    ended = await command.ended
    assert ended.status == 0, ended.err
    assert ended.out.endswith("}\n")
    await venue.close()


@over_sockets
async def test_sigterm(tmp_path: Path) -> None:
    venue = await venue_with_tokens(tmp_path)
    command = start(tmp_path, "watch", "EURUSD", **SECRETS)
    await command.when(lambda command: command.out.count(b"\n") > 1)
    command.kill(15)
    assert (await command.ended).status == 143
    await venue.close()


def answer_refreshes_late(monkeypatch: pytest.MonkeyPatch, seconds: float) -> Deferred[None]:
    """Let the venue carry refreshes out at once, and answer so much later.

    :return: fires when one was carried out.
    """
    from twisted.internet import reactor

    carried_out: Deferred[None] = Deferred()
    at_once = Peer.send

    def send(peer: Peer, envelope: Envelope) -> None:
        if envelope.payload_type != ProtoOAPayloadType.PROTO_OA_REFRESH_TOKEN_RES:
            at_once(peer, envelope)
            return
        reactor.callLater(seconds, at_once, peer, envelope)
        carried_out.callback(None)

    monkeypatch.setattr(Peer, "send", send)
    return carried_out


async def due(folder: Path) -> None:
    """Let the kept tokens be due to be refreshed."""
    from twisted.internet import reactor

    now = reactor.seconds()
    grant = Grant("default", ACCESS, REFRESH, now + 3600, "trading", (GrantedAccount(1000001, False),), None, now - 9e6)
    await FileTokenStore(folder / "tokens.json", reactor).save(grant)


async def kept(folder: Path) -> Grant:
    from twisted.internet import reactor

    return (await FileTokenStore(folder / "tokens.json", reactor).load())["default"]


@pytest.mark.parametrize(
    ("signals", "status", "seconds"),
    [
        ((signal.SIGHUP, signal.SIGHUP, signal.SIGTERM), 129, 0.4),
        ((signal.SIGINT,), 0, 1.5),
        ((signal.SIGTERM,), 143, 1.5),
    ],
)
@pytest.mark.parametrize("arguments", [("watch", "EURUSD"), pytest.param(("accounts",), marks=pytest.mark.slow)])
@over_sockets
async def test_a_refresh_under_way_is_waited_for(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    signals: tuple[int, ...],
    status: int,
    seconds: float,
) -> None:
    """Longer than its connections are given to close, a second. A terminal that closes may send several signals."""
    venue = await venue_with_tokens(tmp_path)
    await due(tmp_path)
    carried_out = answer_refreshes_late(monkeypatch, seconds)
    command = start(tmp_path, "--verbose", *arguments, **SECRETS)
    await carried_out
    for number in signals:
        command.kill(number)
    ended = await command.ended
    assert ended.status == (130 if status == 0 and arguments == ("accounts",) else status), ended.err
    assert "Waiting for new tokens" in ended.err
    grant = await kept(tmp_path)
    assert grant.access_token == venue.registry.grants[0].access_token != ACCESS
    await venue.close()


@pytest.mark.slow
@over_sockets
async def test_the_terminal_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For good: nothing can be written there any more."""
    venue = await venue_with_tokens(tmp_path)
    command = start(tmp_path, "watch", "EURUSD", pty=(24, 100), **SECRETS)
    await command.when(lambda command: command.out.count(b"EURUSD") > 2)
    command.transport.loseConnection()
    assert (await command.ended).status == 129
    await due(tmp_path)
    carried_out = answer_refreshes_late(monkeypatch, 0.4)
    command = start(tmp_path, "watch", "EURUSD", pty=(24, 100), **SECRETS)
    await carried_out
    command.transport.loseConnection()
    assert (await command.ended).status == 129
    assert (await kept(tmp_path)).access_token == venue.registry.grants[0].access_token != ACCESS
    await venue.close()


@over_sockets
async def test_nohup(tmp_path: Path) -> None:
    venue = await venue_with_tokens(tmp_path)
    command = start(tmp_path, "watch", "EURUSD", program=["nohup", *CTRADER], **SECRETS)
    await command.when(lambda command: command.out.count(b"\n") > 1)
    command.kill(signal.SIGHUP)
    seen = command.out.count(b"\n")
    await command.when(lambda command: command.out.count(b"\n") > seen)
    command.kill(15)
    assert (await command.ended).status == 143
    await venue.close()


@over_sockets
async def test_ctrl_c_ends_what_can_not_connect(tmp_path: Path) -> None:
    from twisted.internet import reactor

    venue = await venue_with_tokens(tmp_path)
    silent = Silent()
    port = reactor.listenTCP(0, silent, interface="127.0.0.1")
    command = start(tmp_path, "symbols", "--host", "localhost", "--port", str(port.getHost().port), **SECRETS)
    await silent.connected
    command.kill(2)
    ended = await command.ended
    assert (ended.status, ended.out) == (130, "")
    await port.stopListening()
    await venue.close()


HANGING = """
import socket, sys, time
def getaddrinfo(*_):
    sys.stderr.write("looking up\\n")
    time.sleep(60)
socket.getaddrinfo = getaddrinfo
from ctrader_twisted.cli import main
main()
"""


@over_sockets
async def test_a_lookup_that_hangs_holds_up_no_end(tmp_path: Path) -> None:
    from twisted.internet import reactor

    venue = await venue_with_tokens(tmp_path)
    program = [CTRADER[0], "-c", HANGING]
    command = start(tmp_path, "accounts", "--host", "venue.example", program=program, **SECRETS)
    await command.when(lambda command: b"looking up" in command.err)
    began = reactor.seconds()
    command.kill(2)
    assert (await command.ended).status == 130
    assert reactor.seconds() - began < 5
    await venue.close()


class Silent(Factory):
    """Accepts a connection, and says nothing.

    :ivar connected: fires when there is one.
    """

    noisy = False

    def __init__(self) -> None:
        self.connected: Deferred[None] = Deferred()

    def buildProtocol(self, addr: object) -> Protocol:
        if not self.connected.called:
            self.connected.callback(None)
        return Protocol()


# Terminals


@pytest.mark.slow
@pytest.mark.parametrize("width", [80, 120])
@over_sockets
async def test_a_table_that_changes_in_place(tmp_path: Path, width: int) -> None:
    venue = await venue_with_tokens(tmp_path)
    command = start(tmp_path, "watch", "EURUSD", "XAUUSD", pty=(24, width), **SECRETS)
    await command.when(lambda command: command.out.count(b"EURUSD") > 5)
    command.write("\x03")
    ended = await command.ended
    assert ended.status == 0, ended.out
    assert "\x1b[1A" in ended.out, "it goes back to where it began"
    assert ended.out.count("\n") < 40 and "{" not in ended.out
    assert re.search(r"EURUSD\S*\s", ended.out)
    await venue.close()


@over_sockets
async def test_a_loss_is_seen(tmp_path: Path) -> None:
    from ctrader_twisted.sim.script import abort

    venue = await venue_with_tokens(tmp_path)
    command = start(tmp_path, "watch", "EURUSD", pty=(24, 100), **SECRETS)
    await command.when(lambda command: command.out.count(b"EURUSD") > 2)
    venue.play(abort())
    await command.when(lambda command: b"Trying again" in command.out)
    seen = len(command.out)
    await command.when(lambda command: command.out.count(b"EURUSD", seen) > 3)
    command.write("\x03")
    assert (await command.ended).status == 0
    await venue.close()


@over_sockets
async def test_colours_can_be_had_without(tmp_path: Path) -> None:
    venue = await venue_with_tokens(tmp_path)
    with_colours = start(tmp_path, "accounts", pty=(24, 100), **SECRETS)
    without = start(tmp_path, "accounts", pty=(24, 100), NO_COLOR="1", **SECRETS)
    coloured, plain = await with_colours.ended, await without.ended
    assert coloured.status == plain.status == 0
    assert "\x1b[32mdemo" in coloured.out
    assert not re.search(r"\x1b\[3\dm", plain.out)
    await venue.close()


def test_what_a_terminal_can_not_show(tmp_path: Path) -> None:
    (tmp_path / "odd.toml").write_text(
        '[simulator]\n[[simulator.account]]\nid = 5\nbroker_title = "Größe 日"\n', "utf-8"
    )
    env = clean_environment(tmp_path, PYTHONIOENCODING="latin-1")
    plain = ctrader(tmp_path, "accounts", "--config", "odd.toml", env=env, encoding="latin-1")
    assert (plain.returncode, plain.stderr) == (0, "")
    assert "Größe ?" in plain.stdout
    document = ctrader(tmp_path, "accounts", "--json", "--config", "odd.toml", env=env)
    assert json.loads(document.stdout)["grants"][0]["accounts"][0]["broker"] == "Größe 日"


# Secrets


@over_sockets
async def test_no_secret_is_shown_however_loud_it_is(tmp_path: Path) -> None:
    venue = await venue_with_tokens(tmp_path)
    commands = [["accounts"], ["accounts", "--json"], ["watch", "EURUSD", "--count", "2"], ["tokens", "list", "--json"]]
    for command in [start(tmp_path, "--verbose", *arguments, **SECRETS) for arguments in commands]:
        ended = await command.ended
        assert ended.status == 0, ended.err
        assert not [each for each in ("hush", CLIENT_SECRET) if each in ended.out + ended.err]
    venue.registry.revoke(venue.registry.grants[0], for_good=True)
    ended = await start(tmp_path, "--verbose", "watch", "EURUSD", **SECRETS).ended
    assert ended.status == 1 and "ctrader login" in ended.err
    assert not [each for each in ("hush", CLIENT_SECRET, "Traceback") if each in ended.out + ended.err], ended.err
    await venue.close()
