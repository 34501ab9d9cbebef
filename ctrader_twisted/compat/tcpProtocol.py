"""One connection, with the verbs of Spotware's protocol class."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from twisted.internet.protocol import connectionDone
from twisted.logger import Logger

from ctrader_twisted.compat.protobuf import as_message, checked_id
from ctrader_twisted.errors import RequestFailed, ServerError
from ctrader_twisted.messages import ProtoHeartbeatEvent
from ctrader_twisted.protocol import OpenApiProtocol
from ctrader_twisted.wire.frames import MAX_FRAME

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.python.failure import Failure

    from ctrader_twisted.compat.factory import Factory

_log = Logger()


class TcpProtocol(OpenApiProtocol):
    """One connection. `Client` is given this class, or one derived from it, and makes an instance for each connection.

    Its queue and its limits are its own. What 0.9.2 does once a second, and what it overrides of Twisted's
    ``Int32StringReceiver``, there is none of: a derived class may extend ``connectionMade`` and ``connectionLost``.

    :ivar factory: who made it; its ``client`` is the `Client`.
    """

    MAX_LENGTH: int = MAX_FRAME
    """Bytes that one message may have."""

    factory: Factory

    def heartbeat(self) -> None:
        """Send a heartbeat now. It goes by itself after ten seconds in which nothing was sent."""
        self._session.beat(self._clock.seconds(), within=math.inf)
        self._flush()

    def send(
        self,
        message: Any,
        instant: bool = False,
        clientMsgId: str | None = None,
        isCanceled: Callable[[], bool] | None = None,
    ) -> None:
        """Send a request, in its turn, and leave its answer to the callback for every message.

        What keeps it from being sent or answered is logged. `Client.send` gives a Deferred instead.

        :param message: a message, a ``ProtoMessage``, or the bytes of one.
        :param instant: changes nothing: what the limits allow leaves at once, and nothing passes them.
        :param clientMsgId: the id it travels under; one of the session's own unless given.
        :param isCanceled: asked now whether to send it at all.
        """
        if isCanceled is not None and isCanceled():
            return
        meant, brought = as_message(message)
        if isinstance(meant, ProtoHeartbeatEvent):
            self.heartbeat()
            return
        answered = self.request(meant, self.factory.timeout, client_msg_id=checked_id(clientMsgId) or brought)
        answered.addCallbacks(lambda _: None, _told)

    def lost_unready(self, reason: Failure = connectionDone) -> None:
        """The connection ended before it could be used; told past Twisted's service, which has not heard of it yet."""
        self.connectionLost(reason)


def _told(failure: Failure) -> None:
    """Log what the callback for every message can't have shown."""
    if not failure.check(ServerError):
        failure.trap(RequestFailed)
        _log.warn("{error}", error=failure.value)
