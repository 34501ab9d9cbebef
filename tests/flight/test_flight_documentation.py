"""What docs/flight-recorder.md shows works, and shows what is."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

from ctrader_twisted.flight import FlightRecorder, ReplayVenue, format
from ctrader_twisted.sim.testing import VenueKit

PAGE = (Path(__file__).parents[2] / "docs" / "flight-recorder.md").read_text("utf-8")


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
