"""A compat client joined to a simulated venue in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.endpoints import TCP4ClientEndpoint

from ctrader_twisted.compat import Client, Protobuf, TcpProtocol
from ctrader_twisted.compat.messages.OpenApiMessages_pb2 import ProtoOAAccountAuthReq, ProtoOAApplicationAuthReq
from ctrader_twisted.sim.testing import CLIENT_ID, CLIENT_SECRET, EUR_ACCOUNT, VenueKit

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred


class Joined:
    """A client of a kit's venue, and what its callbacks were told.

    :ivar messages: every ``ProtoMessage``, in order.
    :ivar told: ``"connected"`` and ``"disconnected"``, in order.
    :ivar reasons: the failures that came with the latter.
    """

    def __init__(self, kit: VenueKit, **arguments: Any) -> None:
        self.kit = kit
        self.messages: list[Any] = []
        self.told: list[str] = []
        self.reasons: list[Any] = []
        arguments = {"protocol": TcpProtocol, "retryPolicy": lambda _: 1.0, **arguments}
        self.client = Client(
            "venue",
            5035,
            clock=kit.clock,
            reactor=kit.clock,
            endpoint=TCP4ClientEndpoint(kit.network, "127.0.0.1", 5035),
            **arguments,
        )
        self.client.setConnectedCallback(lambda client: self.told.append("connected"))
        self.client.setDisconnectedCallback(self._disconnected)
        self.client.setMessageReceivedCallback(lambda client, message: self.messages.append(message))

    def _disconnected(self, client: Client, reason: Any) -> None:
        self.told.append("disconnected")
        self.reasons.append(reason)

    def start(self) -> Joined:
        self.client.startService()
        self.kit.pump()
        return self

    def authorise(self, account_id: int = EUR_ACCOUNT) -> Joined:
        """Authorise application and account, as the samples do."""
        self.ask(ProtoOAApplicationAuthReq(clientId=CLIENT_ID, clientSecret=CLIENT_SECRET))
        token = self.kit.venue.registry.token_for(account_id)
        self.ask(ProtoOAAccountAuthReq(ctidTraderAccountId=account_id, accessToken=token))
        return self

    def ask(self, message: Any, *arguments: Any, **more: Any) -> Any:
        """Send; give the message that answers, taken out of its envelope, or raise what it fails with."""
        return Protobuf.extract(self.kit.settle(self.client.send(message, *arguments, **more)))

    def received(self, cls: Any) -> list[Any]:
        """Give what the callback for every message was given of a class."""
        return [Protobuf.extract(one) for one in self.messages if one.payloadType == cls().payloadType]

    def stop(self) -> None:
        self.kit.settle(self.client.stopService())


def failure_of(deferred: Deferred[Any]) -> Any:
    """Give the error that a Deferred has failed with, or None if it has not."""
    failures: list[Any] = []
    deferred.addErrback(failures.append)
    return failures[0].value if failures else None
