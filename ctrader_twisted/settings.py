"""How a client behaves."""

from __future__ import annotations

from dataclasses import dataclass, field

from ctrader_twisted.session.pacing import Limits
from ctrader_twisted.wire.frames import MAX_FRAME


@dataclass(frozen=True, slots=True)
class Settings:
    """How a client behaves. Every time is in seconds.

    :ivar limits: requests per second and the size of the queue.
    :ivar timeout: from a request to its answer, unless the request says otherwise.
    :ivar heartbeat_after: outbound silence after which a heartbeat is sent (the server wants one each 10 s).
    :ivar dead_after: inbound silence after which the connection is taken for dead; any message counts. The live server
        has been seen silent for longer than 30 s, never for longer than 90 s.
    :ivar connect_timeout: for TCP to connect, and again for the handshakes of TLS and WebSocket.
    :ivar finish_within: how long `finish` waits for orders on their way, as a client of `blocking` or `aio` does before
        it closes.
    :ivar close_timeout: how long `close` waits for the peer before it aborts.
    :ivar refresh_wait: how long `close` waits before that for a token refresh that is under way: what it gives would be
        lost with the connection, and the account would need a login.
    :ivar retry_after: delay before the first attempt to reconnect, and to bring back an account that was dropped; it
        grows by half with each that fails.
    :ivar retry_at_most: the longest delay between two attempts.
    :ivar steady_after: how long a connection, or an account, has to stand until the delay after its next loss is
        ``retry_after`` again; one that is lost sooner is brought back more slowly each time.
    :ivar blocked_for: delay before reconnecting to a server that said it blocked the application.
    :ivar maintenance_at_most: the longest time for which a server's word that it is under maintenance is taken.
    :ivar max_frame: bytes that one message may have.
    :ivar compression: whether a WebSocket offers to be compressed. It saves bytes where they are dear, and costs time
        (``docs/performance.md``).
    :ivar reconcile: whether an account's positions and orders are asked for when it was authorised, so that
        `Resynchronised` can say what a loss has changed.
    """

    limits: Limits = field(default_factory=Limits)
    timeout: float = 30.0
    heartbeat_after: float = 10.0
    dead_after: float = 75.0
    connect_timeout: float = 30.0
    finish_within: float = 5.0
    close_timeout: float = 5.0
    refresh_wait: float = 15.0
    retry_after: float = 1.0
    retry_at_most: float = 60.0
    steady_after: float = 10.0
    blocked_for: float = 900.0
    maintenance_at_most: float = 86_400.0
    max_frame: int = MAX_FRAME
    compression: bool = False
    reconcile: bool = True
