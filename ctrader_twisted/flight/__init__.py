"""The flight recorder: a session on record, without its secrets; to be read by people and played back to a client.

`FlightRecorder`
    a client's tap: writes what is said.
`Recording`, `read`
    what was written.
`select`
    some connections, messages, times of it.
`readable`
    its text.
`ReplayVenue`
    a server that says it again.
"""

from ctrader_twisted.flight.format import Ended, Entry, Failed, Header, Opened, Said, Unreadable, Way
from ctrader_twisted.flight.reading import Recording, read
from ctrader_twisted.flight.recorder import FlightRecorder
from ctrader_twisted.flight.redaction import Redactor
from ctrader_twisted.flight.selection import select
from ctrader_twisted.flight.venue import Divergence, ReplayVenue

__all__ = [
    "Divergence",
    "Ended",
    "Entry",
    "Failed",
    "FlightRecorder",
    "Header",
    "Opened",
    "Recording",
    "Redactor",
    "ReplayVenue",
    "Said",
    "Unreadable",
    "Way",
    "read",
    "select",
]
