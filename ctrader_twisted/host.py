"""What an account needs of its client."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

from ctrader_twisted.requests import RequestMethods

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.protobuf.message import Message
    from twisted.internet.defer import Deferred

    from ctrader_twisted.market.light import LatestQuotes
    from ctrader_twisted.session.events import Subscription
    from ctrader_twisted.session.machine import AccountState
    from ctrader_twisted.session.standing import Course


class Host(RequestMethods):
    """A client as its accounts see it: `ctrader_twisted.OpenApiClient` is the one there is.

    :ivar clock: the client's reactor, or the clock of a test.
    """

    clock: Any

    @abstractmethod
    def request(
        self, message: Message, *, timeout: float | None = None, left: Callable[[], object] | None = None
    ) -> Deferred[Any]:
        """Send a request.

        :param left: called when it leaves; until then, cancelling the Deferred keeps it from being sent.
        """

    @abstractmethod
    def authorise(
        self, account_id: int, access_token: str | None = None, *, timeout: float | None = None
    ) -> Deferred[None]:
        """Bring an account to stand, and keep it so."""

    @abstractmethod
    def request_unread(self, message: Message, *, timeout: float | None = None) -> Deferred[Any]:
        """Send a request, and give the envelope that answers it, its payload not parsed."""

    @abstractmethod
    def account_state(self, account_id: int) -> AccountState:
        """Say where an account stands."""

    @abstractmethod
    def subscriptions(self, account_id: int) -> tuple[Subscription, ...]:
        """Say what an account is subscribed to."""

    @abstractmethod
    def subscription_course(self, account_id: int, subscription: Subscription) -> Course:
        """Say what becomes of a subscription at the moment, whether it stands or not."""

    @abstractmethod
    def latest_quotes(self) -> LatestQuotes:
        """Keep the last known sides of every subscribed symbol."""

    @abstractmethod
    def on(self, cls: type[Any], listener: Callable[[Any], object]) -> Any:
        """Call a listener with each event of a class."""

    @abstractmethod
    def off(self, cls: type[Any], listener: Callable[[Any], object]) -> bool:
        """Stop calling a listener."""
