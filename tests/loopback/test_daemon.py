"""``twistd ctrader`` as its users run it: processes, signals, pipes, TLS over loopback."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import resource
import signal
import subprocess
import sys
import termios
import time
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from twisted.internet.task import Clock

from ctrader_twisted.config import WIRES
from ctrader_twisted.flight import Said
from ctrader_twisted.flight import read as recorded
from ctrader_twisted.tokens import FileTokenStore, Grant, GrantedAccount

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[2]
TWISTD = [sys.executable, "-c", "from twisted.scripts.twistd import run; run()"]
FOREGROUND = ["--nodaemon", "--pidfile="]

SECRET, TOKEN, REFRESH = "hush-client-secret", "hush-access-token", "hush-refresh-token"
WRONG = "hush-wrong"
ACCOUNT = 1_000_001

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals and pipes of POSIX")


def environment(**variables: str) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("CTRADER_")}
    return {
        **inherited,
        "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'examples'}",
        "PYTHONDONTWRITEBYTECODE": "1",
        **variables,
    }


SECRETS = {"CTRADER_CLIENT_ID": "an-id", "CTRADER_CLIENT_SECRET": SECRET, "CTRADER_ACCESS_TOKEN": TOKEN}


_SPAWNED: list[subprocess.Popen[str]] = []


def spawn(*arguments: str, **settings: Any) -> subprocess.Popen[str]:
    settings.setdefault("env", environment(**SECRETS))
    process = subprocess.Popen(
        [*settings.pop("program", TWISTD), *FOREGROUND, "ctrader", *arguments],
        stdout=settings.pop("stdout", subprocess.PIPE),
        stderr=subprocess.PIPE,
        text=True,
        **settings,
    )
    _SPAWNED.append(process)
    return process


def finish(process: subprocess.Popen[str], timeout: float = 90) -> tuple[int, str, str]:
    """Wait for a process and give status, stdout and stderr; no run may show a secret or a traceback."""
    try:
        out, err = process.communicate(timeout=timeout)
    finally:
        process.kill()
    assert "hush" not in (out or "") + err, "a secret in stdout or stderr"
    assert "Traceback" not in err, err
    return process.returncode, out or "", err


def wait_for(condition: Callable[[], object], what: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"no {what} within {seconds} s"
        time.sleep(0.05)


def read(text: str) -> list[dict[str, Any]]:
    assert not text or text.endswith("\n"), "the last line is whole"
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture(autouse=True)
def no_process_is_left() -> Iterator[None]:
    yield
    while _SPAWNED:
        process = _SPAWNED.pop()
        if process.poll() is None:  # a test that failed
            process.kill()
            process.communicate()


class LoneVenue:
    """``twistd ctrader-sim`` as a process of its own."""

    def __init__(self, folder: Path, lifetime: int = 2_628_000) -> None:
        self.trust_root = folder / "ca.pem"
        self._log = folder / "venue.log"
        config = folder / "venue.toml"
        config.write_text(
            f'[simulator]\nseed = 5\nstart = 2026-03-04T10:59:55Z\ntrust_root = "{self.trust_root}"\njson_port = 0\n'
            f'[[simulator.application]]\nclient_id = "an-id"\nclient_secret = "{SECRET}"\n'
            f'[[simulator.token]]\naccess_token = "{TOKEN}"\nrefresh_token = "{REFRESH}"\n'
            f"lifetime = {lifetime}\n",
            "utf-8",
        )
        self._process = subprocess.Popen(
            [*TWISTD, *FOREGROUND, f"--logfile={self._log}", "ctrader-sim", "--config", str(config)], env=environment()
        )
        try:
            wait_for(lambda: self._log.exists() and "The venue listens on" in self.log, "venue")
        except AssertionError:
            self._process.kill()
            self._process.wait()
            raise
        wait_for(lambda: "JSON over WebSocket: " in self.log, "port for JSON")
        found = re.search(r"The venue listens on 127\.0\.0\.1:(\d+).*wss://127\.0\.0\.1:(\d+)", self.log, re.DOTALL)
        assert found is not None
        self.port, self.json_port = int(found[1]), int(found[2])

    @property
    def log(self) -> str:
        return self._log.read_text("utf-8")

    @property
    def accepted(self) -> int:
        return len(re.findall(r"Connection \d+ from", self.log))

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(60)
        assert "hush" not in self.log


class Beside:
    """Runs that take their time: begun with the first test of this module, looked at by its last ones."""

    def __init__(self) -> None:
        self._processes: list[subprocess.Popen[str]] = []
        self._venues: list[LoneVenue] = []

    def begin(self, make_folder: Callable[[str], Path]) -> None:
        self.alone, self.together = make_folder("alone"), make_folder("together")
        # Every venue listens before the daemons begin, all at once: each has seconds to be up in.
        of_one, of_two = self._venue(self.alone), self._venue(self.together)
        self.demo = self._spawn("--config", str(ROOT / "examples" / "demo.toml"), "--seconds", "16", env=environment())
        (self.of_one,) = self._with_tokens(self.alone, of_one, "9")
        self.of_two = self._with_tokens(self.together, of_two, "10", "10")
        self.wires = {wire: self._over(wire, make_folder(wire)) for wire in WIRES}

    def _spawn(self, *arguments: str, **settings: Any) -> subprocess.Popen[str]:
        process = spawn(*arguments, **settings)
        _SPAWNED.remove(process)
        self._processes.append(process)
        return process

    def _venue(self, folder: Path) -> LoneVenue:
        """One whose access tokens live for seconds."""
        venue = LoneVenue(folder, LIFETIME)
        self._venues.append(venue)
        return venue

    def _with_tokens(self, folder: Path, venue: LoneVenue, *seconds: str) -> list[subprocess.Popen[str]]:
        """Daemons that share a file of tokens."""
        keep(folder)
        config, env = configuration(folder, venue, more=KEPT), environment(**WITHOUT_TOKEN)
        return [self._spawn("--config", config, "--seconds", each, env=env) for each in seconds]

    def _over(self, wire: str, folder: Path) -> subprocess.Popen[str]:
        """A venue of its own, whose prices are the same over every wire."""
        path = folder / "daemon.toml"
        path.write_text(
            f'[simulator]\nseed = 2026\nstart = 2026-03-04T10:59:57Z\nwire = "{wire}"\n'
            '[[account]]\nenvironment = "simulator"\nsymbols = ["EURUSD", "XAUUSD"]\ndepth = ["EURUSD"]\n'
            '[[output]]\npath = "-"\n',
            "utf-8",
        )
        return self._spawn("--config", str(path), "--seconds", "4", env=environment())

    def end(self) -> None:
        for process in self._processes:
            process.kill()
            process.communicate()
        for venue in self._venues:
            venue.stop()


@pytest.fixture(scope="module")
def venue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoneVenue]:
    venue = LoneVenue(tmp_path_factory.mktemp("venue"))
    yield venue
    venue.stop()


@pytest.fixture(scope="module", autouse=True)
def beside(tmp_path_factory: pytest.TempPathFactory, venue: LoneVenue) -> Iterator[Beside]:
    beside = Beside()
    try:
        beside.begin(tmp_path_factory.mktemp)
        yield beside
    finally:
        beside.end()


def configuration(folder: Path, venue: LoneVenue, output: str = "-", more: str = "", account: str = "") -> str:
    """Write a configuration for a venue and give its path."""
    path = folder / "daemon.toml"
    path.write_text(
        f'[environment.lab]\nhost = "127.0.0.1"\nport = {venue.port}\nlive = false\n'
        f'trust_root = "{venue.trust_root}"\n'
        f'[[account]]\nid = {ACCOUNT}\nenvironment = "lab"\nsymbols = ["EURUSD"]\nbars = ["M1"]\n{account}\n'
        f'[[output]]\npath = "{output}"\n{more}\n',
        "utf-8",
    )
    return str(path)


@pytest.fixture
def write(tmp_path: Path, venue: LoneVenue) -> Callable[..., str]:
    return lambda output="-", more="", account="": configuration(tmp_path, venue, output, more, account)


def test_secrets_from_the_environment_and_events_on_stdout(tmp_path: Path, venue: LoneVenue) -> None:
    processes = {}
    for wire in WIRES:
        (tmp_path / wire).mkdir()
        config = Path(configuration(tmp_path / wire, venue))
        port = venue.json_port if wire == "json" else venue.port
        there = config.read_text("utf-8").replace(f"port = {venue.port}", f'port = {port}\nwire = "{wire}"')
        config.write_text(there, "utf-8")
        processes[wire] = spawn("--config", str(config), "--seconds", "3")
    for wire, process in processes.items():
        status, out, err = finish(process)
        documents = read(out)
        assert status == 0, (wire, err)
        assert [document["event"] for document in documents[:3]] == ["ready", "account", "account"], wire
        assert {"quote"} <= {document["event"] for document in documents}, wire
        assert f"stdout: {len(documents)} events written, 0 not" in err, wire


HANGING = """
import socket, sys, time
def getaddrinfo(*_):
    sys.stderr.write("looking up\\n")
    time.sleep(60)
socket.getaddrinfo = getaddrinfo
from twisted.scripts.twistd import run
run()
"""


def test_a_lookup_that_hangs_holds_up_no_end(tmp_path: Path) -> None:
    config = tmp_path / "daemon.toml"
    account = f'[[account]]\nid = {ACCOUNT}\nenvironment = "lab"\n'
    config.write_text(f'[environment.lab]\nhost = "venue.example"\n{account}[[output]]\npath = "-"\n', "utf-8")
    began = time.monotonic()
    process = spawn("--config", str(config), "--seconds", "1", program=[sys.executable, "-c", HANGING])
    status, _, err = finish(process)
    assert status == 0 and "looking up" in err
    assert time.monotonic() - began < 40  # the look-up takes sixty


def test_secrets_from_a_credentials_file(write: Callable[..., str], tmp_path: Path) -> None:
    credentials = tmp_path / "credentials.json"
    values = {"accountId": ACCOUNT, "clientId": "an-id", "clientSecret": SECRET, "accessToken": TOKEN}
    credentials.write_text(json.dumps({**values, "refreshToken": REFRESH}), "utf-8")
    credentials.chmod(0o600)
    config = write(more='[application]\ncredentials = "credentials.json"')
    text = Path(config).read_text("utf-8").replace(f"id = {ACCOUNT}\n", "")
    Path(config).write_text(text, "utf-8")
    status, out, _ = finish(spawn("--config", config, "--seconds", "2", env=environment()))
    assert status == 0 and {d["account"] for d in read(out) if d["event"] == "quote"} == {ACCOUNT}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_time_with_nothing_cut_in_half(
    write: Callable[..., str], tmp_path: Path, number: signal.Signals
) -> None:
    path = tmp_path / "events.jsonl"
    process = spawn("--config", write("events.jsonl"))
    wait_for(lambda: path.exists() and b'"quote"' in path.read_bytes(), "quote")
    began = time.monotonic()
    process.send_signal(number)
    process.send_signal(number)  # whoever is impatient sends two
    status, out, err = finish(process)
    assert time.monotonic() - began < 20
    assert status == -number and out == ""
    documents = read(path.read_text("utf-8"))
    assert f"{path}: {len(documents)} events written, 0 not" in err


@pytest.mark.slow
def test_a_file_is_continued_by_the_next_run(write: Callable[..., str], tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text('{"event":"ready"}\n{"event":"quo', "utf-8")
    status, _, err = finish(spawn("--config", write("events.jsonl"), "--seconds", "2"))
    documents = read(path.read_text("utf-8"))
    assert status == 0 and documents[0] == {"event": "ready"} and documents[1]["event"] == "ready"
    assert "they were cut off" in err


def test_a_wrong_configuration_is_refused_before_anything_connects(write: Callable[..., str], venue: LoneVenue) -> None:
    before = venue.accepted
    config = write(account='bas = ["M1"]')
    status, out, err = finish(spawn("--config", config, env=environment()))
    assert status == 1 and out == ""
    assert f"{config}: account[1].bas: an unknown key. Did you mean" in err
    assert f"{config}: application.client_secret: missing. Set CTRADER_CLIENT_SECRET" in err
    assert len(err.splitlines()) == 5, "all problems at once, and nothing else"
    assert venue.accepted == before


def test_a_wrong_secret_is_the_applications(write: Callable[..., str], venue: LoneVenue) -> None:
    before = venue.accepted
    env = environment(**{**SECRETS, "CTRADER_CLIENT_SECRET": WRONG})
    status, out, err = finish(spawn("--config", write(), "--seconds", "20", env=env))
    assert status == 1
    assert "refused the application" in err and "CH_CLIENT_AUTH_FAILURE" in err
    assert "the application was refused" in [d["problem"] for d in read(out) if d["event"] == "error"][0]
    assert venue.accepted == before + 1


def test_a_wrong_token_is_the_tokens(write: Callable[..., str]) -> None:
    env = environment(**{**SECRETS, "CTRADER_ACCESS_TOKEN": WRONG})
    status, _, err = finish(spawn("--config", write(), "--seconds", "20", env=env))
    assert status == 1 and "the access token was refused: ProtoOAAccountAuthReq: CH_ACCESS_TOKEN_INVALID" in err


def test_an_authority_that_is_not_trusted(write: Callable[..., str], venue: LoneVenue) -> None:
    config = Path(write())
    text = config.read_text("utf-8").replace(f'trust_root = "{venue.trust_root}"\n', "")
    config.write_text(text, "utf-8")
    status, out, err = finish(spawn("--config", str(config), "--seconds", "2"))
    assert status == 0, "it may pass: somebody may mend the certificate"
    assert {document["event"] for document in read(out)} == {"disconnected"}
    assert "not signed by a trusted authority" in err


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full here")
def test_a_full_disk(write: Callable[..., str]) -> None:
    with open("/dev/full", "wb") as full:
        status, _, err = finish(spawn("--config", write(), "--seconds", "20", stdout=full))
    assert status == 1
    assert "stdout: the disk is full. 0 events were written" in err


def test_a_file_that_may_not_grow(write: Callable[..., str], tmp_path: Path) -> None:
    def small() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))

    # The log goes nowhere: the limit would be its own, too, were it a file.
    process = spawn("--config", write("events.jsonl"), "--seconds", "20", preexec_fn=small)
    status, _, err = finish(process)
    documents = read((tmp_path / "events.jsonl").read_text("utf-8"))
    assert status == 1
    assert f"the file may not grow any further. {len(documents)} events were written" in err


def test_a_closed_pipe(write: Callable[..., str]) -> None:
    process = spawn("--config", write(), "--seconds", "20")
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())["event"] == "ready"
    process.stdout.close()
    assert process.stderr is not None
    err = process.stderr.read()
    assert process.wait(60) == 1
    process.stderr.close()
    assert "stdout: its reader has closed the pipe" in err and "Traceback" not in err and "hush" not in err


@pytest.mark.slow
def test_a_reader_that_stops_reading_does_not_hold_up_the_end(write: Callable[..., str]) -> None:
    """What the pipe holds is there when somebody looks at last."""
    process = spawn("--config", write(), "--seconds", "2")
    assert process.wait(60) == 0
    status, out, _ = finish(process)
    assert status == 0 and read(out)


def test_a_service_of_the_users(write: Callable[..., str]) -> None:
    service = '[[service]]\nfactory = "print_spread:make"\nsettings = { widest = "0.00001" }'
    status, _, err = finish(spawn("--config", write(more=service), "--seconds", "3"))
    assert status == 0 and "a spread of 0.0000" in err


def test_in_the_background(write: Callable[..., str], tmp_path: Path) -> None:
    path, pid_file, log = tmp_path / "events.jsonl", tmp_path / "ctrader.pid", tmp_path / "ctrader.log"
    command = [*TWISTD, f"--pidfile={pid_file}", f"--logfile={log}", "ctrader", "--config", write("events.jsonl")]
    subprocess.run(command, env=environment(**SECRETS), check=True, timeout=90)
    wait_for(lambda: path.exists() and b'"quote"' in path.read_bytes(), "quote")
    os.kill(int(pid_file.read_text()), signal.SIGTERM)
    wait_for(lambda: not pid_file.exists(), "end", 6)
    documents = read(path.read_text("utf-8"))
    assert f"{path}: {len(documents)} events written, 0 not" in log.read_text("utf-8")
    assert "hush" not in log.read_text("utf-8")


# A file of tokens


LIFETIME, DUE = 5, 3.0
KEPT = f'[tokens]\nfile = "tokens.json"\nrefresh_before_days = {DUE / 86_400:.10f}\n'
WITHOUT_TOKEN = {name: value for name, value in SECRETS.items() if name != "CTRADER_ACCESS_TOKEN"}


@pytest.fixture
def short_lived(tmp_path: Path) -> Iterator[LoneVenue]:
    """A venue of its own for each test, whose access tokens live for seconds."""
    venue = LoneVenue(tmp_path, LIFETIME)
    yield venue
    venue.stop()


def now() -> float:
    return time.time()  # noqa: TID251  # the processes' clock


def keep(folder: Path, access_token: str = TOKEN, refresh_token: str = REFRESH, name: str = "default") -> Path:
    """Write a grant into the store, as a login does."""
    store = FileTokenStore(folder / "tokens.json", Clock())
    accounts = (GrantedAccount(ACCOUNT),)
    grant = Grant(name, access_token, refresh_token, now() + LIFETIME, accounts=accounts)
    kept: list[Any] = []
    store.save(grant).addBoth(kept.append)
    assert kept == [None], kept
    return folder / "tokens.json"


def tokens_in(path: Path) -> dict[str, Any]:
    """Read the store as any other program would."""
    document = json.loads(path.read_text("utf-8"))
    assert document["version"] == 1 and path.stat().st_mode & 0o777 == 0o600
    grant: dict[str, Any] = document["grants"]["default"]
    assert grant["access_token"] and grant["refresh_token"]
    return grant


def spawn_with_store(config: str, *arguments: str) -> subprocess.Popen[str]:
    return spawn("--config", config, *arguments, env=environment(**WITHOUT_TOKEN))


def quotes_after(documents: list[dict[str, Any]], seconds: float) -> list[dict[str, Any]]:
    """The quotes that came later than so many seconds after the beginning."""
    began = datetime.fromisoformat(documents[0]["time"])
    quotes = [document for document in documents if document["event"] == "quote"]
    return [quote for quote in quotes if (datetime.fromisoformat(quote["time"]) - began).total_seconds() > seconds]


def test_without_a_login_it_says_what_to_do(tmp_path: Path, venue: LoneVenue) -> None:
    before = venue.accepted
    config = configuration(tmp_path, venue, more=KEPT)
    status, _, err = finish(spawn_with_store(config))
    assert status == 1 and venue.accepted == before
    assert f"tokens.file: no tokens yet in {tmp_path / 'tokens.json'}" in err
    assert f"ctrader login --config {config}" in err


@pytest.mark.slow
def test_a_daemon_that_is_killed_leaves_a_store_that_works(tmp_path: Path, short_lived: LoneVenue) -> None:
    path = keep(tmp_path)
    config = configuration(tmp_path, short_lived, "events.jsonl", KEPT)
    events = tmp_path / "events.jsonl"
    for lived in (0.0, 0.7, 1.4, 2.1):
        events.unlink(missing_ok=True)
        process = spawn_with_store(config)
        wait_for(lambda: events.exists() and b'"quote"' in events.read_bytes(), "quote")
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(lived)
        process.kill()
        finish(process)
        # Killed between the server's answer and the disk, a refresh token is lost; no client can close that gap.
        if tokens_in(path)["refresh_began_at"] is not None:
            return
    assert {file.name for file in tmp_path.glob("tokens.json*")} <= {"tokens.json", "tokens.json.lock"}


@pytest.mark.slow
def test_a_login_while_it_runs_brings_the_account_back(tmp_path: Path, short_lived: LoneVenue) -> None:
    keep(tmp_path, "hush-dead-access-token", "hush-dead-refresh-token")
    events = tmp_path / "events.jsonl"
    process = spawn_with_store(configuration(tmp_path, short_lived, "events.jsonl", KEPT))

    def written(event: str, **fields: object) -> list[dict[str, Any]]:
        documents = [json.loads(line) for line in events.read_text("utf-8").splitlines()] if events.exists() else []
        return [d for d in documents if d["event"] == event and all(d[name] == value for name, value in fields.items())]

    wait_for(lambda: written("account", state="needs login"), "word that a login is needed")
    assert "ctrader login" in written("error")[0]["remedy"]
    assert process.poll() is None
    keep(tmp_path)
    wait_for(lambda: written("quote"), "quote")
    process.terminate()
    status, _, err = finish(process)
    assert status == -signal.SIGTERM
    assert "ctrader login" in err


def test_a_session_on_record(write: Callable[..., str], tmp_path: Path) -> None:
    status, _, _ = finish(spawn("--config", write(more="[flight_recorder]\n"), "--seconds", "2"))
    text = (tmp_path / "flight.jsonl").read_text("utf-8")
    assert status == 0 and "hush" not in text and "an-id" not in text
    said = [entry.payload_type for entry in recorded(tmp_path / "flight.jsonl") if isinstance(entry, Said)]
    assert {2100, 2101, 2102, 2103, 2131} <= set(said)


# SIGHUP


class Terminal:
    """A terminal that a process is started from.

    :param nohup: the process was told not to mind when it hangs up.
    """

    def __init__(self, nohup: bool = False) -> None:
        self._leader, self.end = pty.openpty()
        self._nohup = nohup

    def take(self) -> None:
        os.setsid()
        fcntl.ioctl(self.end, termios.TIOCSCTTY, 0)
        # Whatever the tests themselves were told, as by nohup.
        signal.signal(signal.SIGHUP, signal.SIG_IGN if self._nohup else signal.SIG_DFL)

    def hang_up(self) -> None:
        for descriptor in (self.end, self._leader):
            os.close(descriptor)


@pytest.mark.parametrize("nohup", [False, True])
def test_files_that_were_renamed_are_made_anew_on_sighup(
    write: Callable[..., str], tmp_path: Path, nohup: bool
) -> None:
    path, old = tmp_path / "events.jsonl", tmp_path / "events.1.jsonl"
    terminal = Terminal(nohup)
    without: dict[str, Any] = {"start_new_session": True}
    process = spawn("--config", write("events.jsonl"), **({"preexec_fn": terminal.take} if nohup else without))
    wait_for(lambda: path.exists() and b'"quote"' in path.read_bytes(), "quote")
    path.rename(old)
    process.send_signal(signal.SIGHUP)
    wait_for(lambda: path.exists() and b'"quote"' in path.read_bytes(), "quote in a new file")
    process.terminate()
    status, _, err = finish(process)
    terminal.hang_up()
    assert status == -signal.SIGTERM
    counts = [len(read(file.read_text("utf-8"))) for file in (old, path)]
    assert re.findall(rf"{path}: (\d+) events written, 0 not", err) == [str(count) for count in counts]


def test_a_terminal_that_hangs_up_ends_it_in_order(write: Callable[..., str], tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    terminal = Terminal()
    process = spawn("--config", write("events.jsonl"), preexec_fn=terminal.take)
    wait_for(lambda: path.exists() and b'"quote"' in path.read_bytes(), "quote")
    terminal.hang_up()
    status, _, err = finish(process)
    assert status == -signal.SIGHUP
    assert f"{path}: {len(read(path.read_text('utf-8')))} events written, 0 not" in err


# Runs that take their time


def test_events_are_the_same_over_every_wire(beside: Beside) -> None:
    """Each against a venue of its own, whose prices are the same: only how many have come by the end differs."""
    quotes = {}
    for wire, process in beside.wires.items():
        status, out, err = finish(process)
        documents = read(out)
        assert status == 0, err
        assert [document["event"] for document in documents[:3]] == ["ready", "account", "account"]
        assert {"quote", "depth"} <= {document["event"] for document in documents}
        for document in documents:
            del document["time"]
        quotes[wire] = {d["server_time"]: d for d in documents if d["event"] == "quote" and "session_close" not in d}
    together = set.intersection(*map(set, quotes.values()))
    assert len(together) >= 3
    for moment in together:
        assert quotes["protobuf"][moment] == quotes["json"][moment] == quotes["protobuf-websocket"][moment]


def test_tokens_are_refreshed_in_place_when_they_are_due(beside: Beside) -> None:
    status, out, err = finish(beside.of_one)
    documents = read(out)
    assert status == 0, err
    assert not [document for document in documents if document["event"] == "error"], err
    assert quotes_after(documents, LIFETIME + 2.0), "its first token is long dead"
    grant = tokens_in(beside.alone / "tokens.json")
    assert TOKEN not in grant.values() and REFRESH not in grant.values()
    ended = datetime.fromisoformat(documents[-1]["time"]).timestamp()
    assert grant["refresh_began_at"] is None and grant["expires_at"] > ended - 2
    assert not [secret for secret in (grant["access_token"], grant["refresh_token"]) if secret in out + err]


def test_two_daemons_share_a_store(beside: Beside) -> None:
    """Neither spends a refresh token that the other has spent: that would end the grant."""
    for process in beside.of_two:
        status, out, err = finish(process)
        documents = read(out)
        assert status == 0, err
        assert not [document for document in documents if document["event"] == "error"], err
        assert quotes_after(documents, LIFETIME + 2.0), err
    assert TOKEN not in tokens_in(beside.together / "tokens.json").values()


def test_the_demo(beside: Beside) -> None:
    status, out, err = finish(beside.demo, 60)
    documents = read(out)
    kinds = [document["event"] for document in documents]
    assert status == 0, err
    for expected in ("ready", "account", "quote", "disconnected", "resynchronised", "bar"):
        assert expected in kinds
    assert kinds.count("ready") == 2, "cut once by the venue, and healed"
    healed = documents[kinds.index("resynchronised")]
    symbols = {"EURUSD", "GBPUSD", "USDJPY", "XAUUSD"}
    assert {one["symbol"] for one in healed["renewed"] if one["kind"] == "spots"} == symbols
    for part in (documents[: kinds.index("disconnected")], documents[kinds.index("resynchronised") :]):
        assert {document["symbol"] for document in part if document["event"] == "quote"} == symbols
    bars = [document for document in documents if document["event"] == "bar"]
    assert {bar["opened"] for bar in bars if bar["period"] == "M1"} == {"2026-03-04T10:59:00.000Z"}
    assert all(Decimal(bar["low"]) <= Decimal(bar["close"]) <= Decimal(bar["high"]) for bar in bars)
    assert "ending with status 0: its 16 seconds are over" in err
