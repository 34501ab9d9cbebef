"""What an account is subscribed to for its live feeds: begun when the first needs it, ended when nobody does.

Nobody can know who else reads what is subscribed. So what stood before is left as it is, and so is what somebody has
asked for since (`Subscription.asked`), what figures need, and spots that the live bars of somebody else ride on. What
the client is subscribed to it renews after a loss by itself; after a logout, and when somebody else has ended what is
needed here, it is asked for again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from twisted.internet.defer import Deferred, DeferredLock
from twisted.logger import Logger

from ctrader_twisted import messages
from ctrader_twisted.account.inquiries import FIRST_PAUSE, Lost
from ctrader_twisted.errors import ClientClosed, OpenApiError, ServerError
from ctrader_twisted.session.events import Subscription
from ctrader_twisted.session.machine import AccountState
from ctrader_twisted.session.standing import ending

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from google.protobuf.message import Message
    from twisted.python.failure import Failure

    from ctrader_twisted.account.inquiries import Inquiries
    from ctrader_twisted.account.readiness import Standing
    from ctrader_twisted.host import Host
    from ctrader_twisted.session.events import AccountChanged, Resynchronised
    from ctrader_twisted.session.standing import Course

_log = Logger()


class Claim(NamedTuple):
    """One subscription that somebody needs."""

    kind: str
    """``"spots"``, ``"trendbars"`` or ``"depth"``."""
    symbol_id: int
    period: int | None = None
    """ProtoOATrendbarPeriod of live bars, else None."""


_BEGUN_IN_ORDER: Final = {"spots": 0, "trendbars": 1, "depth": 2}
"""Live bars ride on spots: they begin after them, and end before them."""


class Subscribing:
    """The claims of one account, and the subscriptions that they take.

    :param account_id: its ctidTraderAccountId.
    :param needed: says whether the spots of a symbol are needed beside what is claimed here.
    :param refused: told of a claim that does not stand any more, and why, with those who made it.
    :param interrupted: told of a claim that somebody else has ended, before it is begun again.
    """

    def __init__(
        self,
        account_id: int,
        client: Host,
        standing: Standing,
        inquiries: Inquiries,
        needed: Callable[[int], bool],
        refused: Callable[[object, OpenApiError], object],
        interrupted: Callable[[Claim], object],
    ) -> None:
        self._account_id = account_id
        self._client = client
        self._standing = standing
        self._inquiries = inquiries
        self._needed = needed
        self._refused = refused
        self._interrupted = interrupted
        self._claims: dict[Claim, list[object]] = {}
        self._ours: set[Claim] = set()
        self._locks: dict[int, DeferredLock] = {}

    def subscription(self, claim: Claim) -> Subscription | None:
        """Give the subscription of a claim as it stands, or is renewed when the account does."""
        for each in self._client.subscriptions(self._account_id):
            if (each.kind, each.symbol_id, each.period) == claim:
                return each
        return None

    async def claim(self, who: object, claim: Claim, about: Callable[[bool], object] | None = None) -> bool:
        """Subscribe to something unless it stands, waiting for the account.

        :param about: told, before anything is sent, whether it stands.
        :return: whether it stood before, so that its first event has been told already.
        :raises ServerError: if the server refuses it.
        :raises ClientClosed: if the client is closed.
        """
        self._claims.setdefault(claim, []).append(who)
        async with self._lock(claim.symbol_id):
            if about is not None:
                about(self.subscription(claim) is not None)
            return not await self._begin(claim)

    def release(self, who: object) -> Deferred[None]:
        """Give up everything that somebody has claimed.

        :return: a Deferred that fires with None when what nobody needs any more is ended, which waits for the account.
        """
        ended = []
        for claim, claimants in list(self._claims.items()):
            left = [one for one in claimants if one is not who]
            if left:
                self._claims[claim] = left
            else:
                del self._claims[claim]
                ended.append(claim)
        return Deferred.fromCoroutine(self._end(ended)).addErrback(_unexpected)

    async def anew(self, claim: Claim, wanted: Callable[[], bool], ended: Callable[[], object]) -> None:
        """Subscribe anew to something that stands, so that its first event is told again.

        :param wanted: asked whether that is still wanted, when it is its turn.
        :param ended: called when nothing of before comes any more, and nothing yet of what follows.
        :raises ServerError: if the server refuses the end or the beginning.
        :raises ClientClosed: if the client is closed.
        """
        async with self._lock(claim.symbol_id):
            while (before := self._course(claim)).ending:
                await self._moment()  # somebody is ending it, and may find it begun anew
            standing = self.subscription(claim)
            if standing is None or not wanted():
                return
            shared = claim not in self._ours or standing.asked > 1 or before.beginning > 0
            try:
                await self._inquiries.ask(self._ending(claim))
            except Lost:
                ended()  # the client begins it anew when the account stands again
                return
            ended()
            after = self._course(claim)
            if after.ending or after.ended > before.ended + 1:
                shared = False  # whoever has asked for it has ended it meanwhile
            await self._begin(claim, always=shared)
            if shared:
                self._ours.discard(claim)  # whoever had asked for it needs it still

    def account_changed(self, event: AccountChanged) -> None:
        """The account moved to another state."""
        if event.state is AccountState.UNAUTHORISED:
            self._ours.clear()  # logged out: nothing is renewed by itself
        elif event.state is AccountState.AUTHORISED:
            for claim in self._in_order(self._claims):
                if self.subscription(claim) is None:
                    self._begin_again(claim)

    def resynchronised(self, event: Resynchronised) -> None:
        """The account stands again after a loss."""
        for subscription, error in event.failed:
            claim = Claim(subscription.kind, subscription.symbol_id, subscription.period)
            self._ours.discard(claim)
            self._refuse(claim, error)

    def unsubscribed(self) -> None:
        """Something was unsubscribed, by whomever."""
        if not self._standing.stands:
            return
        for claim in self._in_order(self._claims):
            if self.subscription(claim) is None:
                self._interrupted(claim)
                self._begin_again(claim)
        left = [claim for claim in self._ours if claim not in self._claims]  # spots that bars of another rode on
        if left:
            Deferred.fromCoroutine(self._end(left)).addErrback(_unexpected)

    # Inside

    def _lock(self, symbol_id: int) -> DeferredLock:
        return self._locks.setdefault(symbol_id, DeferredLock())

    def _course(self, claim: Claim) -> Course:
        return self._client.subscription_course(self._account_id, Subscription(*claim))

    @staticmethod
    def _in_order(claims: Iterable[Claim]) -> list[Claim]:
        return sorted(claims, key=lambda claim: _BEGUN_IN_ORDER[claim.kind])

    async def _begin(self, claim: Claim, *, always: bool = False) -> bool:
        """Subscribe if it does not stand and is claimed, or `always`; give whether that was done."""

        def wanted() -> bool:
            return (always or claim in self._claims) and self.subscription(claim) is None

        try:
            if not wanted() or not await self._ask(self._beginning(claim), wanted):
                return False
        except ServerError:
            spots = Claim("spots", claim.symbol_id)
            if claim.kind != "trendbars" or self.subscription(spots) is not None or not await self._begin(spots):
                raise
            return await self._begin(claim)  # somebody had ended the spots that it rides on meanwhile
        self._ours.add(claim)
        return True

    async def _end(self, claims: list[Claim]) -> None:
        for claim in reversed(self._in_order(claims)):
            async with self._lock(claim.symbol_id):
                try:
                    await self._end_one(claim)
                except ServerError as error:
                    _log.warn(
                        "account {account}: what nobody needs any more could not be ended: {error}",
                        account=self._account_id,
                        error=str(error),
                    )
                except ClientClosed:
                    return
                if claim not in self._claims and not self._carries_bars(claim):
                    self._ours.discard(claim)  # it is over, or somebody else's now

    async def _end_one(self, claim: Claim) -> None:
        def wanted() -> bool:  # not while somebody else waits for it, who would be left without it
            return self._may_end(claim) and not self._course(claim).beginning

        while self._may_end(claim) and not await self._ask(self._ending(claim), wanted):
            await self._moment()

    def _may_end(self, claim: Claim) -> bool:
        standing = self.subscription(claim)
        if standing is None or claim not in self._ours or claim in self._claims or standing.asked > 1:
            return False
        return claim.kind != "spots" or not (self._needed(claim.symbol_id) or self._carries_bars(claim))

    def _carries_bars(self, claim: Claim) -> bool:
        standing = self._client.subscriptions(self._account_id)
        return claim.kind == "spots" and any(
            each.kind == "trendbars" and each.symbol_id == claim.symbol_id for each in standing
        )

    async def _ask(self, message: Message, wanted: Callable[[], bool]) -> bool:
        """Ask until it is answered or not wanted any more, through losses; give whether it was answered.

        :raises ServerError: if the server refuses.
        :raises ClientClosed: if the client is closed, or was.
        """
        while wanted():
            await self._standing.when_known()
            if not wanted():
                break
            try:
                await self._inquiries.ask(message, wanted)
            except Lost:
                await self._moment()
            else:
                return True
        return False

    async def _moment(self) -> None:
        """Let the news of a loss arrive, which requests hear of first."""
        try:
            await self._inquiries.pause(FIRST_PAUSE)
        except Lost:
            raise ClientClosed from None

    def _begin_again(self, claim: Claim) -> None:
        Deferred.fromCoroutine(self._claimed_anew(claim)).addErrback(_unexpected)

    async def _claimed_anew(self, claim: Claim) -> None:
        try:
            async with self._lock(claim.symbol_id):
                await self._begin(claim)
        except ClientClosed:
            pass
        except OpenApiError as error:
            self._refuse(claim, error)

    def _refuse(self, claim: Claim, error: OpenApiError) -> None:
        for who in tuple(self._claims.get(claim, ())):
            self._refused(who, error)

    def _beginning(self, claim: Claim) -> Message:
        account_id, symbol_id = self._account_id, claim.symbol_id
        if claim.kind == "spots":
            return messages.ProtoOASubscribeSpotsReq(
                ctidTraderAccountId=account_id, symbolId=[symbol_id], subscribeToSpotTimestamp=True
            )
        if claim.kind == "depth":
            return messages.ProtoOASubscribeDepthQuotesReq(ctidTraderAccountId=account_id, symbolId=[symbol_id])
        return messages.ProtoOASubscribeLiveTrendbarReq(
            ctidTraderAccountId=account_id, symbolId=symbol_id, period=claim.period
        )

    def _ending(self, claim: Claim) -> Message:
        return ending(self._account_id, Subscription(*claim))


def _unexpected(failure: Failure) -> None:
    """Only a fault of this package ends up here."""
    _log.failure("unexpected failure while something was subscribed to", failure)
