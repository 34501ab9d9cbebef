"""What stood before a loss, restored: positions and orders reconciled, subscriptions renewed, and then told."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Final

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger

from ctrader_twisted import messages
from ctrader_twisted.errors import (
    AnswerTimeout,
    CannotRoute,
    NotAuthorised,
    OpenApiError,
    QueueFull,
    RateLimited,
    RequestFailed,
    RequestNotSent,
    SendTimeout,
    ServerError,
    ServerUnavailable,
    UnderMaintenance,
)
from ctrader_twisted.session.events import Resynchronised, Subscription
from ctrader_twisted.session.machine import AccountState, ConnectionState
from ctrader_twisted.session.pacing import RETRY_AFTER_AT_MOST
from ctrader_twisted.session.standing import ending, is_of_one, one_by_one

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from google.protobuf.message import Message
    from twisted.python.failure import Failure

    from ctrader_twisted.protocol import OpenApiProtocol
    from ctrader_twisted.session.book import Difference
    from ctrader_twisted.session.session import Session
    from ctrader_twisted.session.standing import AccountStanding
    from ctrader_twisted.settings import Settings

_log = Logger()

PASSING: Final = (RateLimited, ServerUnavailable, UnderMaintenance, CannotRoute)
"""Refusals after which what restores an account is asked for again."""


def seconds_asked_for(error: OpenApiError, now: float, settings: Settings) -> float:
    """Give the seconds for which a refusal says that it lasts, as far as that is to be believed."""
    if isinstance(error, UnderMaintenance) and error.maintenance_end is not None:
        left: float = error.maintenance_end - now
        return max(0.0, min(left, settings.maintenance_at_most))
    return min(error.retry_after or 0.0, RETRY_AFTER_AT_MOST) if isinstance(error, ServerError) else 0.0


class Restoring:
    """The restorations of one client, one for each account that has come to stand again.

    :param clock: an ``IReactorTime``.
    :param announce: told of `Resynchronised`.
    """

    def __init__(self, *, session: Session, clock: Any, settings: Settings, announce: Callable[[object], None]) -> None:
        self._session = session
        self._clock = clock
        self._settings = settings
        self._announce = announce
        self._under_way: dict[int, object] = {}
        self._pauses: set[Deferred[None]] = set()

    def begin(self, standing: AccountStanding, connection: OpenApiProtocol) -> None:
        """An account stands: restore what it had, or learn what it has."""
        lost = standing.lost_at is not None
        if not lost and (standing.book.known or not self._settings.reconcile):
            return
        account_id = standing.account_id
        this = self._under_way[account_id] = object()

        def current() -> bool:
            # A loss ends requests before it is told: its news may not have come here yet.
            stands = self._session.accounts.state(account_id) is AccountState.AUTHORISED
            ready = self._session.state is ConnectionState.READY
            return self._under_way.get(account_id) is this and stands and ready

        restoring = self._resynchronise if lost else self._learn_what_there_is
        Deferred.fromCoroutine(restoring(standing, connection, current)).addErrback(_unexpected)

    def abandon(self, account_id: int) -> None:
        """What was being restored was lost, or is to be restored again."""
        self._under_way.pop(account_id, None)

    def stop(self) -> None:
        """The connection is gone."""
        self._under_way.clear()
        for pause in list(self._pauses):
            pause.cancel()

    # Inside

    async def _learn_what_there_is(
        self, standing: AccountStanding, connection: OpenApiProtocol, current: Callable[[], bool]
    ) -> None:
        answer = await self._reconcile(standing, connection, current)
        if current() and isinstance(answer, messages.ProtoOAReconcileRes):
            standing.book.reconciled(answer)
        elif current():
            _log.warn(
                "what account {account} has is not known, so its next loss can't say what has changed: {error}",
                account=standing.account_id,
                error=self._session.scrub(str(answer)),
            )

    async def _resynchronise(
        self, standing: AccountStanding, connection: OpenApiProtocol, current: Callable[[], bool]
    ) -> None:
        reconciling = Deferred.fromCoroutine(self._reconcile(standing, connection, current))
        reconciling.addErrback(_unexpected)
        renewed = await self._renew(standing, connection, current)
        answer = await reconciling
        if renewed is None or not current() or standing.lost_at is None:
            return  # the account was lost again; what stood still stands in the book
        positions: Difference[messages.ProtoOAPosition] | None = None
        orders: Difference[messages.ProtoOAOrder] | None = None
        if isinstance(answer, messages.ProtoOAReconcileRes):
            # Not before now: what it changes is told here, and once.
            known = standing.book.known
            differences = standing.book.reconciled(answer)
            if known:
                positions, orders = differences
        event = Resynchronised(
            account_id=standing.account_id,
            lost_at=standing.lost_at,
            restored_at=self._clock.seconds(),
            renewed=tuple(renewed[0]),
            failed=tuple(renewed[1]),
            requests_not_sent=tuple(standing.requests_not_sent),
            requests_unknown=tuple(standing.requests_unknown),
            positions=positions,
            orders=orders,
            unreconciled=answer if isinstance(answer, OpenApiError) else None,
        )
        standing.lost_at = None
        standing.requests_not_sent.clear()
        standing.requests_unknown.clear()
        self._announce(event)

    async def _renew(
        self, standing: AccountStanding, connection: OpenApiProtocol, current: Callable[[], bool]
    ) -> tuple[list[Subscription], list[tuple[Subscription, OpenApiError]]] | None:
        """Renew every subscription; None if the account was lost again."""
        renewed: list[Subscription] = []
        failed: list[tuple[Subscription, OpenApiError]] = []
        steps = deque(standing.steps())
        while steps:
            message, subscriptions = steps.popleft()
            refusal: OpenApiError | None = None
            try:
                answer = await self._ask_until_answered(
                    _still_wanted(message, subscriptions, standing), connection, current
                )
            except (NotAuthorised, RequestNotSent):
                return None
            except (ServerError, RequestFailed) as error:
                answer, refusal = None, error
            if not current():
                if answer is not None:
                    self._end_unless_held(subscriptions, standing.account_id, connection)
                return None
            # What was unsubscribed meanwhile may have been ended by the server before it was renewed. If this was
            # refused, too: the answer to a renewal before it may have been lost.
            ended = [subscription for subscription in subscriptions if not standing.has(subscription)]
            if ended:
                self._end(ended, standing.account_id, connection)
            subscriptions = tuple(subscription for subscription in subscriptions if subscription not in ended)
            if isinstance(refusal, ServerError) and not is_of_one(message):
                steps.extendleft(reversed(one_by_one(message, subscriptions)))  # one is to blame; the others may stand
            elif refusal is None:
                renewed.extend(subscriptions)
            else:
                for subscription in subscriptions:
                    failed.append((subscription, refusal))
                    standing.forget(subscription)
        return renewed, failed

    async def _reconcile(
        self, standing: AccountStanding, connection: OpenApiProtocol, current: Callable[[], bool]
    ) -> messages.ProtoOAReconcileRes | OpenApiError | None:
        """Ask what there is; None if it is not to be asked, or there is no point in it any more."""
        if not self._settings.reconcile:
            return None
        standing.book.reconciling()
        request = messages.ProtoOAReconcileReq(ctidTraderAccountId=standing.account_id, returnProtectionOrders=True)
        try:
            answer: messages.ProtoOAReconcileRes | None = await self._ask_until_answered(
                lambda: request, connection, current
            )
        except (ServerError, RequestFailed) as error:
            standing.book.not_reconciled()
            return error
        return answer

    def _end_unless_held(
        self, subscriptions: Iterable[Subscription], account_id: int, connection: OpenApiProtocol
    ) -> None:
        """What was asked for in one session of an account was renewed in the next: end what is not held of that one.

        Of an account that is kept no longer nothing is ended: what it has stays until its session ends.
        """
        held = self._session.standing.find(account_id)
        if held is not None and self._session.accounts.state(account_id) is AccountState.AUTHORISED:
            self._end([each for each in subscriptions if not held.has(each)], account_id, connection)

    def _end(self, subscriptions: Iterable[Subscription], account_id: int, connection: OpenApiProtocol) -> None:
        for subscription in subscriptions:
            if self._session.subscription_course(account_id, subscription).beginning:
                continue  # it has been asked for since
            asked = connection.request(ending(account_id, subscription), self._settings.timeout, own=True)
            asked.addErrback(lambda failure: failure.trap(OpenApiError))  # then it had been ended indeed

    async def _ask_until_answered(
        self, make: Callable[[], Message | None], connection: OpenApiProtocol, current: Callable[[], bool]
    ) -> Any:
        """Repeat a request that may be repeated, ever more slowly, while it fails for such reasons as pass.

        :param make: gives the request, anew each time; None when there is nothing left to ask for.
        :return: its answer; None if there is no point in asking any more.
        """
        delay = self._settings.retry_after
        while current():
            message = make()
            if message is None:
                return None
            try:
                return await connection.request(message, self._settings.timeout, own=True)
            except PASSING as error:
                wait = max(delay, seconds_asked_for(error, self._clock.seconds(), self._settings))
            except (QueueFull, SendTimeout, AnswerTimeout):
                wait = delay
            if not current():
                break
            pause: Deferred[None] = Deferred()
            call = self._clock.callLater(wait, pause.callback, None)
            self._pauses.add(pause)
            try:
                await pause
            finally:
                self._pauses.discard(pause)
                if call.active():
                    call.cancel()
            delay = min(delay * 1.5, self._settings.retry_at_most)
        return None


def _still_wanted(
    message: Message, subscriptions: tuple[Subscription, ...], standing: AccountStanding
) -> Callable[[], Message | None]:
    """Give what makes a request that leaves out what was unsubscribed while the account was being restored."""

    def make() -> Message | None:
        wanted = [subscription.symbol_id for subscription in subscriptions if standing.has(subscription)]
        if wanted and len(wanted) < len(subscriptions):
            message.symbolId[:] = wanted  # type: ignore[attr-defined]  # live bars are asked for one by one
        return message if wanted else None

    return make


def _unexpected(failure: Failure) -> None:
    """Only a fault of this package ends up here, besides what was cancelled because its connection ended."""
    if failure.check(CancelledError):
        return
    _log.failure("unexpected failure while what stood was being restored", failure)
