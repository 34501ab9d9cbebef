"""A client, a daemon and a simulated venue for Spotware's cTrader Open API, for Twisted.

==================================  ==============================================================================
`ctrader_twisted.OpenApiClient`     requests that give Deferreds, events that are listened for or iterated
`ctrader_twisted.blocking`          the same with plain return values, for scripts, notebooks and threads
`ctrader_twisted.messages`          the API's messages and enums, under Spotware's own names
`ctrader_twisted.errors`            every exception, in one tree
`ctrader_twisted.tokens`            grants: kept, refreshed, never lost
`ctrader_twisted.market`            what the numbers mean: prices, volumes, live bars
`ctrader_twisted.flight`            the flight recorder: a session recorded, read, replayed
`ctrader_twisted.sim`               a simulated venue to develop and test against
`ctrader_twisted.sim.testing`       a client and a venue joined in memory, for your own tests
`ctrader_twisted.service`           the daemon behind ``twistd ctrader``
==================================  ==============================================================================

``docs/architecture.md`` in the source says which room holds what, and which may import which.
"""

from ctrader_twisted.client import OpenApiClient
from ctrader_twisted.credentials import DEMO, LIVE, Application, Environment
from ctrader_twisted.errors import OpenApiError
from ctrader_twisted.session.book import Difference
from ctrader_twisted.session.events import (
    AccountChanged,
    AccountStatus,
    ApplicationCut,
    Disconnected,
    LateRefusal,
    Problem,
    Ready,
    Resynchronised,
    Subscription,
)
from ctrader_twisted.session.machine import AccountState, ConnectionState
from ctrader_twisted.session.pacing import Limits, QueueState
from ctrader_twisted.settings import Settings
from ctrader_twisted.streams import EventStream
from ctrader_twisted.wire.choice import Wire
from ctrader_twisted.wire.envelope import Envelope

__all__ = [
    "DEMO",
    "LIVE",
    "AccountChanged",
    "AccountState",
    "AccountStatus",
    "Application",
    "ApplicationCut",
    "ConnectionState",
    "Difference",
    "Disconnected",
    "Envelope",
    "Environment",
    "EventStream",
    "LateRefusal",
    "Limits",
    "OpenApiClient",
    "OpenApiError",
    "Problem",
    "QueueState",
    "Ready",
    "Resynchronised",
    "Settings",
    "Subscription",
    "Wire",
]
