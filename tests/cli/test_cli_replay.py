"""``ctrader replay``."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import pytest

from ctrader_twisted.cli.command import invoke
from ctrader_twisted.flight import FlightRecorder
from ctrader_twisted.messages import ProtoOAApplicationAuthReq, ProtoOAApplicationAuthRes, ProtoOASpotEvent
from ctrader_twisted.wire import codec

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    file = tmp_path / "flight.jsonl"
    recorder = FlightRecorder(file)
    for connection in (1, 2):
        recorder.opened(connection, "demo (demo.example:5035)", 1_700_000_000.0)
        request = ProtoOAApplicationAuthReq(clientId="an-id", clientSecret="hush-secret")
        recorder.sent(connection, [codec.pack(request, "a-1")], 1_700_000_000.0)
        recorder.received(connection, [codec.pack(ProtoOAApplicationAuthRes(), "a-1")], 1_700_000_000.1)
        spots = [codec.pack(ProtoOASpotEvent(ctidTraderAccountId=1, symbolId=1, bid=109_120 + n)) for n in range(5)]
        recorder.received(connection, spots, 1_700_000_001.0)
        recorder.ended(connection, "the connection was lost \x1b[2J", 1_700_000_002.0)
    recorder.close()
    return file


class Ended(NamedTuple):
    status: int
    stdout: str
    stderr: str


Run = Callable[..., Ended]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*arguments: str) -> Ended:
        status = invoke(["replay", *arguments])
        return Ended(status, *capsys.readouterr())

    return run


def test_who_said_what(run: Run, recording: Path) -> None:
    ended = run(str(recording))
    assert (ended.status, ended.stderr) == (0, "")
    assert "#1 -> ProtoOAApplicationAuthReq" in ended.stdout
    assert "after 100 ms" in ended.stdout
    assert ended.stdout.count("ProtoOASpotEvent") == 2, "one line for each run"
    assert "\x1b" not in ended.stdout and "hush" not in ended.stdout


def test_some_of_it(run: Run, recording: Path) -> None:
    assert "#1" not in run(str(recording), "--connection", "2").stdout
    only = run(str(recording), "--only", "SpotEvent", "--every").stdout
    assert only.count("ProtoOASpotEvent") == 10
    assert "ApplicationAuth" not in only


def test_json(run: Run, recording: Path) -> None:
    documents = [json.loads(line) for line in run(str(recording), "--json").stdout.splitlines()]
    assert [each["fields"]["bid"] for each in documents if each.get("name") == "ProtoOASpotEvent"][:2] == [
        109120,
        109121,
    ]
    assert "hush" not in json.dumps(documents)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["none.jsonl"], "none.jsonl: there is no such file"),
        (["text.txt"], "text.txt: it is no recording"),
        (["flight.jsonl", "--only", "SpotEvnt"], 'no message is called "SpotEvnt"'),
    ],
)
def test_refusals(run: Run, recording: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str) -> None:
    monkeypatch.chdir(recording.parent)
    (recording.parent / "text.txt").write_text("Hello\n", "utf-8")
    ended = run(*arguments)
    assert (ended.status, ended.stdout) == (1, "")
    assert said in ended.stderr and ended.stderr.startswith("ctrader: ")


def test_what_is_missing_is_told(run: Run, recording: Path) -> None:
    recording.write_bytes(recording.read_bytes()[:-20])
    ended = run(str(recording))
    assert ended.status == 0
    assert "warning: " in ended.stderr and "was cut short" in ended.stderr
