"""``twistd ctrader`` as its users run it: processes, signals, pipes, TLS over loopback."""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

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


def spawn(*arguments: str, **settings: Any) -> subprocess.Popen[str]:
    settings.setdefault("env", environment(**SECRETS))
    return subprocess.Popen(
        [*TWISTD, *FOREGROUND, "ctrader", *arguments],
        stdout=settings.pop("stdout", subprocess.PIPE),
        stderr=subprocess.PIPE,
        text=True,
        **settings,
    )


def finish(process: subprocess.Popen[str], timeout: float = 30) -> tuple[int, str, str]:
    """Wait for a process and give status, stdout and stderr; no run may show a secret or a traceback."""
    try:
        out, err = process.communicate(timeout=timeout)
    finally:
        process.kill()
    assert "hush" not in (out or "") + err, "a secret in stdout or stderr"
    assert "Traceback" not in err, err
    return process.returncode, out or "", err


def wait_for(condition: Callable[[], object], what: str, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"no {what} within {seconds} s"
        time.sleep(0.05)


def read(text: str) -> list[dict[str, Any]]:
    assert not text or text.endswith("\n"), "the last line is whole"
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture(scope="module", autouse=True)
def demo() -> Iterator[subprocess.Popen[str]]:
    """The demo takes its time, so it runs beside the other tests."""
    process = spawn("--config", str(ROOT / "examples" / "demo.toml"), "--seconds", "16", env=environment())
    yield process
    process.kill()
    process.communicate()


class LoneVenue:
    """``twistd ctrader-sim`` as a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.trust_root = folder / "ca.pem"
        self._log = folder / "venue.log"
        config = folder / "venue.toml"
        config.write_text(
            f'[simulator]\nseed = 5\nstart = 2026-03-04T10:59:55Z\ntrust_root = "{self.trust_root}"\n'
            f'[[simulator.application]]\nclient_id = "an-id"\nclient_secret = "{SECRET}"\n'
            f'[[simulator.token]]\naccess_token = "{TOKEN}"\nrefresh_token = "{REFRESH}"\n',
            "utf-8",
        )
        self._process = subprocess.Popen(
            [*TWISTD, *FOREGROUND, f"--logfile={self._log}", "ctrader-sim", "--config", str(config)], env=environment()
        )
        wait_for(lambda: self._log.exists() and "The venue listens on" in self.log, "venue")
        found = re.search(r"The venue listens on 127\.0\.0\.1:(\d+)", self.log)
        assert found is not None
        self.port = int(found[1])

    @property
    def log(self) -> str:
        return self._log.read_text("utf-8")

    @property
    def accepted(self) -> int:
        return len(re.findall(r"Connection \d+ from", self.log))

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(10)
        assert "hush" not in self.log


@pytest.fixture(scope="module")
def venue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoneVenue]:
    venue = LoneVenue(tmp_path_factory.mktemp("venue"))
    yield venue
    venue.stop()


@pytest.fixture
def write(tmp_path: Path, venue: LoneVenue) -> Callable[..., str]:
    """Write a configuration for the venue and give its path."""

    def write(output: str = "-", more: str = "", account: str = "") -> str:
        path = tmp_path / "daemon.toml"
        path.write_text(
            f'[environment.lab]\nhost = "127.0.0.1"\nport = {venue.port}\nlive = false\n'
            f'trust_root = "{venue.trust_root}"\n'
            f'[[account]]\nid = {ACCOUNT}\nenvironment = "lab"\nsymbols = ["EURUSD"]\nbars = ["M1"]\n{account}\n'
            f'[[output]]\npath = "{output}"\n{more}\n',
            "utf-8",
        )
        return str(path)

    return write


def test_secrets_from_the_environment_and_events_on_stdout(write: Callable[..., str]) -> None:
    status, out, err = finish(spawn("--config", write(), "--seconds", "3"))
    documents = read(out)
    assert status == 0, err
    assert [document["event"] for document in documents[:3]] == ["ready", "account", "account"]
    assert {"quote"} <= {document["event"] for document in documents}
    assert f"stdout: {len(documents)} events written, 0 not" in err


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
    assert time.monotonic() - began < 5
    assert status == -number and out == ""
    documents = read(path.read_text("utf-8"))
    assert f"{path}: {len(documents)} events written, 0 not" in err


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
    assert process.wait(30) == 1
    process.stderr.close()
    assert "stdout: its reader has closed the pipe" in err and "Traceback" not in err and "hush" not in err


def test_a_reader_that_stops_reading_does_not_hold_up_the_end(write: Callable[..., str]) -> None:
    """What the pipe holds is there when somebody looks at last."""
    process = spawn("--config", write(), "--seconds", "2")
    assert process.wait(10) == 0
    status, out, _ = finish(process)
    assert status == 0 and read(out)


def test_a_service_of_the_users(write: Callable[..., str]) -> None:
    service = '[[service]]\nfactory = "print_spread:make"\nsettings = { widest = "0.00001" }'
    status, _, err = finish(spawn("--config", write(more=service), "--seconds", "3"))
    assert status == 0 and "a spread of 0.0000" in err


def test_in_the_background(write: Callable[..., str], tmp_path: Path) -> None:
    path, pid_file, log = tmp_path / "events.jsonl", tmp_path / "ctrader.pid", tmp_path / "ctrader.log"
    command = [*TWISTD, f"--pidfile={pid_file}", f"--logfile={log}", "ctrader", "--config", write("events.jsonl")]
    subprocess.run(command, env=environment(**SECRETS), check=True, timeout=30)
    wait_for(lambda: path.exists() and b'"quote"' in path.read_bytes(), "quote")
    os.kill(int(pid_file.read_text()), signal.SIGTERM)
    wait_for(lambda: not pid_file.exists(), "end", 6)
    documents = read(path.read_text("utf-8"))
    assert f"{path}: {len(documents)} events written, 0 not" in log.read_text("utf-8")
    assert "hush" not in log.read_text("utf-8")


def test_the_demo(demo: subprocess.Popen[str]) -> None:
    status, out, err = finish(demo, 60)
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
