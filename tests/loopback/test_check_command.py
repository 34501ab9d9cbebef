"""``ctrader check`` as its users run it: a process, its output, its exit status."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from tests.paths import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CTRADER = [sys.executable, "-c", "from ctrader_twisted.cli import main; main()"]
TWISTD = [sys.executable, "-c", "from twisted.scripts.twistd import run; run()", "--nodaemon", "--pidfile="]
SECRET, TOKEN, REFRESH = "hush-client-secret", "hush-access-token", "hush-refresh-token"
SIMULATED = '[simulator]\n[[account]]\nenvironment = "simulator"\n[[output]]\npath = "-"\n'


def check(*arguments: str, folder: Path, before: tuple[str, ...] = (), **variables: str) -> tuple[int, str, str]:
    """Run it, and give status, stdout and stderr; no run may show a secret or a traceback."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("CTRADER_")}
    environment = {**inherited, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", **variables}
    done = subprocess.run(
        [*CTRADER, *before, "check", *arguments],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "hush" not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout, done.stderr


def checks(*runs: tuple[str, ...], folder: Path, **variables: str) -> list[tuple[int, str, str]]:
    """Run several at the same time."""
    with ThreadPoolExecutor(len(runs)) as pool:
        return list(pool.map(lambda arguments: check(*arguments, folder=folder, **variables), runs))


def closed_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        number: int = taken.getsockname()[1]
        return number


def test_all_is_well(tmp_path: Path) -> None:
    (tmp_path / "ctrader.toml").write_text(SIMULATED)
    status, out, err = check(folder=tmp_path)
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "ok       configuration  ctrader.toml: read; 1 account, of simulator"
    steps = [line for line in lines if line and not line[0].isdigit()]
    assert {line.split()[0] for line in steps} == {"ok", "skipped"}
    assert re.fullmatch(r"\d+ ok, \d+ skipped, in \d+\.\d s", lines[-1])


def test_json_is_one_object_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "sim.toml").write_text(SIMULATED)
    status, out, err = check("--config", "sim.toml", "--json", folder=tmp_path)
    document = json.loads(out)
    assert (status, err) == (0, "")
    assert document["configuration"] == "sim.toml"
    assert (document["status"], document["exit_status"]) == ("ok", 0)
    assert document["seconds"] > 0
    assert [one["step"] for one in document["steps"]][:3] == ["configuration", "secrets", "wire"]
    assert {one["status"] for one in document["steps"]} == {"ok", "skipped"}


def test_the_login_that_it_sends_to_is_for_the_same_file(tmp_path: Path) -> None:
    lab = f'[environment.lab]\nhost = "localhost"\nport = {closed_port()}\n'
    (tmp_path / "my.toml").write_text(f'[tokens]\n{lab}[[account]]\nid = 7\nenvironment = "lab"\n')
    variables = {"CTRADER_CLIENT_ID": "i", "CTRADER_CLIENT_SECRET": SECRET}
    plain, in_json = checks(("-c", "my.toml"), ("-c", "my.toml", "--json"), folder=tmp_path, **variables)
    assert re.search(r"^FAILED   token store .*Log in: ctrader login --config my\.toml$", plain[1], re.M)
    assert "Log in: ctrader login --config my.toml" in {one["remedy"] for one in json.loads(in_json[1])["steps"]}


def test_something_fails(tmp_path: Path) -> None:
    (tmp_path / "ctrader.toml").write_text(
        f'[environment.lab]\nhost = "localhost"\nport = {closed_port()}\n'
        '[[account]]\nid = 7\nenvironment = "lab"\n[[output]]\npath = "-"\n'
    )
    variables = {"CTRADER_CLIENT_ID": "i", "CTRADER_CLIENT_SECRET": SECRET, "CTRADER_ACCESS_TOKEN": TOKEN}
    (status, out, err), in_json = checks(("--timeout", "2"), ("--json",), folder=tmp_path, **variables)
    assert (status, err) == (1, "")
    assert re.search(r"^FAILED   tcp .*: the connection was refused\. Nothing listens there", out, re.M)
    assert re.search(r"^skipped  account .*lab, account 7: there is no connection$", out, re.M)
    status, out, _ = in_json
    document = json.loads(out)
    assert status == 1 and (document["status"], document["exit_status"]) == ("failed", 1)


@pytest.mark.slow
def test_host_and_port_are_those_of_the_command_line(tmp_path: Path) -> None:
    port = closed_port()
    variables = {"CTRADER_CLIENT_ID": "i", "CTRADER_CLIENT_SECRET": SECRET, "CTRADER_ACCESS_TOKEN": TOKEN}
    together, apart = checks(
        ("--host", f"127.0.0.1:{port}"), ("--host", "127.0.0.1", "--port", str(port)), folder=tmp_path, **variables
    )
    for status, out, err in (together, apart):
        assert (status, err) == (1, "")
        assert re.search(rf"^FAILED   tcp .*demo \(127\.0\.0\.1:{port}\): the connection was refused", out, re.M), out
        assert "ctraderapi.com:" not in out


REFUSED = '[[account]]\nid = 7\nenvironment = "demo"\nacess_token = "hush"\n[[output]]\npath = "no/such/folder"\n'


def test_a_configuration_that_is_refused(tmp_path: Path) -> None:
    """Every reason is a step with its key and remedy; nothing else is looked at."""
    (tmp_path / "ctrader.toml").write_text(REFUSED)
    (status, out, err), in_json = checks((), ("--json",), folder=tmp_path)
    assert (status, err) == (2, "")
    steps = out.splitlines()[:-2]
    assert steps and all(line.startswith("FAILED   configuration  ctrader.toml: ") for line in steps)
    for expected in ("acess_token: an unknown key. Did you mean", "application.client_secret: missing", "mkdir -p"):
        assert expected in out
    status, out, _ = in_json
    document = json.loads(out)
    assert status == document["exit_status"] == 2 and len(document["steps"]) == len(steps)
    assert all(one["remedy"] for one in document["steps"])


@pytest.mark.parametrize(
    ("content", "expected"),
    [(None, "No such file"), (b"\xff\xfe", "is not UTF-8"), (b"[account", "is not TOML"), (b"", "")],
)
def test_a_configuration_that_can_t_be_read(tmp_path: Path, content: bytes | None, expected: str) -> None:
    if content is not None:
        (tmp_path / "there.toml").write_bytes(content)
    status, out, err = check("--config", "there.toml", folder=tmp_path)
    assert (status, err) == (2, "")
    assert out.startswith("FAILED   configuration  ") and expected in out


def test_a_venue_that_can_t_be_simulated(tmp_path: Path) -> None:
    (tmp_path / "ctrader.toml").write_text(SIMULATED.replace("[simulator]", "[simulator]\nsede = 5"))
    status, out, err = check(folder=tmp_path)
    assert (status, err) == (2, "")
    assert "FAILED   configuration  ctrader.toml: simulator.sede" in out


def test_a_port_of_the_simulated_venue_that_is_taken(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        (tmp_path / "ctrader.toml").write_text(SIMULATED.replace("[simulator]", f"[simulator]\nport = {port}"))
        status, out, err = check(folder=tmp_path)
    assert (status, err) == (2, "")
    assert f"simulator.port: 127.0.0.1:{port} can't be listened on" in out


def test_nothing_to_go_by(tmp_path: Path) -> None:
    status, out, err = check(folder=tmp_path)
    assert (status, err) == (2, "")
    assert "CTRADER_CLIENT_ID" in out and "--config" in out


@pytest.mark.slow
def test_signs_and_colours_on_a_terminal_that_has_them(tmp_path: Path) -> None:
    pty = pytest.importorskip("pty", reason="terminals of POSIX")
    (tmp_path / "ctrader.toml").write_text(SIMULATED)
    outputs = {}
    for name, variables in (("plain", {"NO_COLOR": "1"}), ("colourful", {})):
        ours, theirs = pty.openpty()
        inherited = {key: value for key, value in os.environ.items() if key != "NO_COLOR"}
        environment = {**inherited, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color", "PYTHONUTF8": "1", **variables}
        process = subprocess.Popen([*CTRADER, "check"], cwd=tmp_path, env=environment, stdout=theirs, stderr=theirs)
        os.close(theirs)
        outputs[name] = _everything(ours).decode()
        assert process.wait(60) == 0
    assert "✓" in outputs["colourful"] and "\x1b[32m" in outputs["colourful"]
    assert "✓" not in outputs["plain"] and "\x1b" not in outputs["plain"]
    assert outputs["plain"].startswith("ok       configuration")


def _everything(descriptor: int) -> bytes:
    """Read a terminal until whoever writes to it has gone."""
    read = b""
    try:
        while part := os.read(descriptor, 65536):
            read += part
    except OSError:
        pass  # so Linux says it
    finally:
        os.close(descriptor)
    return read


def test_help_says_what_the_exit_status_means(tmp_path: Path) -> None:
    status, out, _ = check("--help", folder=tmp_path)
    assert status == 0
    assert "no refresh token is spent" in out and "Exit status: 0 if all is well" in out


class LoneVenue:
    """``twistd ctrader-sim`` as a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "root.pem"
        log = folder / "venue.log"
        (folder / "venue.toml").write_text(
            f'[simulator]\ntrust_root = "{self.root}"\n'
            f'[[simulator.application]]\nclient_id = "an-id"\nclient_secret = "{SECRET}"\n'
            f'[[simulator.token]]\naccess_token = "{TOKEN}"\nrefresh_token = "{REFRESH}"\n'
        )
        command = [*TWISTD, f"--logfile={log}", "ctrader-sim", "--config", str(folder / "venue.toml")]
        self.process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(ROOT)})
        deadline = time.monotonic() + 30
        found: Any = None
        while found is None:
            assert self.process.poll() is None and time.monotonic() < deadline
            time.sleep(0.05)
            found = re.search(r"The venue listens on 127\.0\.0\.1:(\d+)", log.read_text() if log.exists() else "")
        self.port = int(found[1])


@pytest.fixture
def venue(tmp_path: Path) -> Iterator[LoneVenue]:
    venue = LoneVenue(tmp_path)
    yield venue
    venue.process.terminate()
    venue.process.wait(60)


@pytest.mark.slow
def test_against_a_venue_of_its_own(tmp_path: Path, venue: LoneVenue) -> None:
    credentials = tmp_path / "credentials.json"
    values = {"clientId": "an-id", "clientSecret": SECRET, "accessToken": TOKEN, "accountId": 1_000_001}
    credentials.write_text(json.dumps(values))
    credentials.chmod(0o640)
    (tmp_path / "ctrader.toml").write_text(
        f'[application]\ncredentials = "credentials.json"\n[environment.lab]\nhost = "localhost"\nport = {venue.port}\n'
        f'trust_root = "{venue.root}"\nlive = false\n'
        '[[account]]\nenvironment = "lab"\n[[output]]\npath = "-"\n'
    )
    status, out, err = check("--json", folder=tmp_path)
    document = json.loads(out)
    steps = {one["step"]: one for one in document["steps"]}
    assert (status, err) == (0, ""), out
    assert steps["account"]["status"] == "ok"
    if os.name == "posix":
        assert steps["secrets"]["detail"] == (
            "holds client secret, access token; its group may read or write it (its mode is 0640)"
        )
        assert steps["secrets"]["remedy"].startswith("chmod 600 ")
    status, out, err = check("--timeout", "5", folder=tmp_path, CTRADER_ACCESS_TOKEN="hush-wrong")
    assert (status, err) == (1, "")
    assert "CH_ACCESS_TOKEN_INVALID" in out
    status, out, err = check(folder=tmp_path, before=("--verbose",))
    assert status == 0 and err, "the log, and no secret in it either"
