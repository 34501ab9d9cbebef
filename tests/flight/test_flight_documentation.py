"""What docs/flight-recorder.md shows works, and shows what is."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import pytest

from ctrader_twisted.flight import FlightRecorder, ReplayVenue, format
from ctrader_twisted.sim.testing import ACCESS_TOKEN, EUR_ACCOUNT, VenueKit

PAGE = (Path(__file__).parents[2] / "docs" / "flight-recorder.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def test_the_test_in_it_passes_with_a_recorded_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    recorder = FlightRecorder("flight.jsonl")
    with VenueKit() as kit:
        client = kit.client(tap=recorder)
        kit.settle(client.authorise(EUR_ACCOUNT, ACCESS_TOKEN))
        kit.settle(client.subscribe_spots(ctidTraderAccountId=EUR_ACCOUNT, symbolId=[1]))
        kit.advance(30)
        kit.cut()
        kit.advance(60)
    recorder.close()
    [shown] = [block for block in blocks("python") if "def test_" in block]
    names: dict[str, Any] = {}
    exec(compile(shown, "flight-recorder.md", "exec"), names)
    [test] = [value for name, value in names.items() if name.startswith("test_")]
    test()


@pytest.mark.parametrize("block", [block for block in blocks("python") if "def test_" not in block])
def test_the_other_programs_in_it_can_be_compiled(block: str) -> None:
    compile(block, "flight-recorder.md", "exec")


def test_the_header_it_shows_can_be_read() -> None:
    [line] = re.findall(r'`(\{"flight".*?\})`', PAGE)
    assert isinstance(format.parse(line.encode()), format.Header)


def test_the_arguments_it_names_are_there_and_their_defaults() -> None:
    recorder, replay = inspect.signature(FlightRecorder), inspect.signature(ReplayVenue)
    for name in ("path", "max_bytes", "parts", "redactor"):
        assert name in recorder.parameters and f"`{name}`" in PAGE
    assert recorder.parameters["max_bytes"].default == 10_000_000 and recorder.parameters["parts"].default == 5
    for name in ("speed", "longest_gap", "patience"):
        assert f"`{name}={replay.parameters[name].default}`" in PAGE


def test_what_ended_is_said_in_the_client_s_own_words() -> None:
    """The replay tells by these words that it was not the client that ended the connection."""
    recorder = FlightRecorder(None)
    with VenueKit() as kit:
        client = kit.client(tap=recorder)
        kit.settle(client.when_ready())
        kit.cut()
        kit.settle(client.when_ready())
        for conversation in list(kit.venue.conversations.values()):
            conversation.peer.close()
        kit.advance(5)
    reasons = [entry.reason for entry in recorder.entries() if isinstance(entry, format.Ended)]
    assert [reason.rsplit(": ", 1)[1] for reason in reasons[:2]] == [
        "the connection was lost",
        "the server closed the connection",
    ]
