"""What must stand again after a loss: the accounts, and what each is subscribed to.

Nothing survives a reconnect on the server (protocol notes, 1.4). This book is kept from what the server accepted, so it
holds whatever was asked for through the session and nothing else.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

from ctrader_twisted import messages
from ctrader_twisted.session.book import Book
from ctrader_twisted.session.events import Subscription
from ctrader_twisted.wire import catalogue, codec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from google.protobuf.message import Message

    from ctrader_twisted.session.correlation import Request

_Key = tuple[str, int, int | None]


def _key(subscription: Subscription) -> _Key:
    return (subscription.kind, subscription.symbol_id, subscription.period)


@dataclass(slots=True)
class AccountStanding:
    """One account that was authorised, or is to be.

    :ivar account_id: ctidTraderAccountId.
    :ivar access_token: the token it was authorised with last; None if it never was.
    :ivar stood: whether the server has ever accepted it.
    :ivar by_grant: whether another token comes by itself when this one is refused.
    :ivar view_only: whether its token is known to allow no trading.
    :ivar again: how many logouts were under way when it was asked for, and still are: those done, it stands anew.
    :ivar book: its positions and orders as last known.
    :ivar subscriptions: what stands, in the order in which it was accepted.
    :ivar ended: how often each was ended, whether it stood or not.
    :ivar lost_at: when the last frame before the loss had arrived, or None while nothing is lost.
    :ivar requests_not_sent: names of its requests that the loss caught before they left.
    :ivar requests_unknown: names of its requests that the loss caught after they left.
    """

    account_id: int
    access_token: str | None = field(default=None, repr=False)
    stood: bool = False
    by_grant: bool = False
    view_only: bool = False
    again: int = 0
    book: Book = field(default_factory=Book, repr=False)
    subscriptions: dict[_Key, Subscription] = field(default_factory=dict)
    ended: Counter[_Key] = field(default_factory=Counter, repr=False)
    lost_at: float | None = None
    requests_not_sent: list[str] = field(default_factory=list)
    requests_unknown: list[str] = field(default_factory=list)

    def begin(self, subscription: Subscription) -> None:
        """Enter one subscription, or that it was asked for again.

        Of one that stands already, events carry their time if either asked for that.
        """
        known = self.subscriptions.get(_key(subscription))
        if known is not None:
            subscription = replace(
                subscription,
                with_timestamp=known.with_timestamp or subscription.with_timestamp,
                asked=known.asked + 1,
            )
        self.subscriptions[_key(subscription)] = subscription

    def forget(self, subscription: Subscription) -> None:
        """Strike one subscription; live bars go with the spots they ride on."""
        self.ended[_key(subscription)] += 1
        self.subscriptions.pop(_key(subscription), None)
        if subscription.kind == "spots":
            for key in [key for key in self.subscriptions if key[:2] == ("trendbars", subscription.symbol_id)]:
                del self.subscriptions[key]

    def times_ended(self, subscription: Subscription) -> int:
        """How often a subscription was ended, whether it stood or not."""
        return self.ended[_key(subscription)]

    def has(self, subscription: Subscription) -> bool:
        """Whether it stands, or is to stand again."""
        return _key(subscription) in self.subscriptions

    def steps(self) -> Iterator[tuple[Message, tuple[Subscription, ...]]]:
        """Give the requests that renew every subscription, in order: spots, then live bars, then depth.

        Live bars are refused before the spots they ride on (protocol notes, 1.7).
        """
        account = self.account_id
        standing = list(self.subscriptions.values())
        for with_timestamp in (False, True):
            spots = tuple(s for s in standing if s.kind == "spots" and s.with_timestamp is with_timestamp)
            if spots:
                yield (
                    messages.ProtoOASubscribeSpotsReq(
                        ctidTraderAccountId=account,
                        symbolId=[s.symbol_id for s in spots],
                        subscribeToSpotTimestamp=with_timestamp or None,
                    ),
                    spots,
                )
        for bars in standing:
            if bars.kind == "trendbars":
                yield (
                    messages.ProtoOASubscribeLiveTrendbarReq(
                        ctidTraderAccountId=account, symbolId=bars.symbol_id, period=bars.period
                    ),
                    (bars,),
                )
        depth = tuple(s for s in standing if s.kind == "depth")
        if depth:
            yield (
                messages.ProtoOASubscribeDepthQuotesReq(
                    ctidTraderAccountId=account, symbolId=[s.symbol_id for s in depth]
                ),
                depth,
            )


def one_by_one(
    message: Message, subscriptions: tuple[Subscription, ...]
) -> list[tuple[Message, tuple[Subscription, ...]]]:
    """Give a request of several symbols as one request for each."""
    steps: list[tuple[Message, tuple[Subscription, ...]]] = []
    for subscription in subscriptions:
        single = type(message)()
        single.CopyFrom(message)
        single.symbolId[:] = [subscription.symbol_id]  # type: ignore[attr-defined]  # spots and depth have it
        steps.append((single, (subscription,)))
    return steps


def is_of_one(message: Message) -> bool:
    """Whether a request begins or ends one subscription only, so that its refusal is about that one."""
    read = _SUBSCRIPTIONS.get(type(message))
    return read is not None and len(read(message)[1]) == 1


class Course(NamedTuple):
    """What becomes of one subscription at the moment, whether it stands or not.

    :ivar beginning: how many requests that have not ended would begin it.
    :ivar ending: how many would end it.
    :ivar ended: how many have ended it, or found it ended, since its account was authorised first.
    """

    beginning: int
    ending: int
    ended: int


def concerns(message: Message, subscription: Subscription) -> bool:
    """Whether a request, accepted, begins or ends a subscription."""
    read = _SUBSCRIPTIONS.get(type(message))
    return read is not None and any(_key(each) == _key(subscription) for each in read(message)[1])


def ending(account_id: int, subscription: Subscription) -> Message:
    """Give the request that ends a subscription."""
    symbol = subscription.symbol_id
    if subscription.kind == "spots":
        return messages.ProtoOAUnsubscribeSpotsReq(ctidTraderAccountId=account_id, symbolId=[symbol])
    if subscription.kind == "depth":
        return messages.ProtoOAUnsubscribeDepthQuotesReq(ctidTraderAccountId=account_id, symbolId=[symbol])
    return messages.ProtoOAUnsubscribeLiveTrendbarReq(
        ctidTraderAccountId=account_id, symbolId=symbol, period=subscription.period
    )


class Standing:
    """The book of every account that stands or is to stand again."""

    def __init__(self) -> None:
        self._accounts: dict[int, AccountStanding] = {}

    def __iter__(self) -> Iterator[AccountStanding]:
        return iter(list(self._accounts.values()))

    def find(self, account_id: int) -> AccountStanding | None:
        """Give what stands for an account, or None if it was never authorised nor wanted, or logged out."""
        return self._accounts.get(account_id)

    def want(self, account_id: int) -> AccountStanding:
        """Enter an account that is to be authorised and kept so, and give what stands for it."""
        account = self._accounts.get(account_id)
        if account is None:
            account = self._accounts[account_id] = AccountStanding(account_id)
        return account

    def forget(self, account_id: int) -> None:
        """Strike an account and everything it is subscribed to."""
        self._accounts.pop(account_id, None)

    def course(self, account_id: int, subscription: Subscription, requests: Iterable[Request]) -> Course:
        """Say what becomes of an account's subscription at the moment.

        :param requests: those that have not ended, whatever they are.
        """
        beginning = ending = 0
        for request in requests:
            number = request.kind.payload_type
            if request.account_id != account_id or number not in SUBSCRIBING:
                continue
            if concerns(codec.unpack(request.envelope), subscription):
                ending += number in ENDING
                beginning += number not in ENDING
        account = self._accounts.get(account_id)
        return Course(beginning, ending, 0 if account is None else account.times_ended(subscription))

    def caught(self, requests: Iterable[Request]) -> None:
        """Note for `Resynchronised` which of the accounts' requests a loss has ended, the client's own left out."""
        for request in requests:
            account = None if request.account_id is None or request.own else self._accounts.get(request.account_id)
            if account is not None and account.lost_at is not None:
                (account.requests_unknown if request.sent else account.requests_not_sent).append(request.kind.name)

    def told(self, event: Message) -> None:
        """Note in an account's book what an event says of its positions and orders."""
        if isinstance(event, messages.ProtoOAExecutionEvent | messages.ProtoOATrailingSLChangedEvent):
            account = self._accounts.get(event.ctidTraderAccountId)
            if account is None:
                return
            if isinstance(event, messages.ProtoOAExecutionEvent):
                account.book.executed(event)
            else:
                account.book.trailed(event)

    def accepted(self, message: Message) -> None:
        """Enter what the server's acceptance of this request makes stand, or strike what it ends."""
        if isinstance(message, messages.ProtoOAAccountAuthReq):
            account = self.want(message.ctidTraderAccountId)
            account.access_token, account.stood = message.accessToken, True
            return
        read = _SUBSCRIPTIONS.get(type(message))
        if read is None:
            return
        subscriber = self._accounts.get(message.ctidTraderAccountId)  # type: ignore[attr-defined]  # all six have it
        if subscriber is None:
            return
        begins, subscriptions = read(message)
        for subscription in subscriptions:
            if begins:
                subscriber.begin(subscription)
            else:
                subscriber.forget(subscription)


def _spots(message: Message) -> list[Subscription]:
    assert isinstance(message, messages.ProtoOASubscribeSpotsReq)
    return [
        Subscription("spots", symbol, with_timestamp=message.subscribeToSpotTimestamp) for symbol in message.symbolId
    ]


def _no_spots(message: Message) -> list[Subscription]:
    assert isinstance(message, messages.ProtoOAUnsubscribeSpotsReq)
    return [Subscription("spots", symbol) for symbol in message.symbolId]


def _bars(message: Message) -> list[Subscription]:
    assert isinstance(message, messages.ProtoOASubscribeLiveTrendbarReq | messages.ProtoOAUnsubscribeLiveTrendbarReq)
    return [Subscription("trendbars", message.symbolId, message.period)]


def _depth(message: Message) -> list[Subscription]:
    assert isinstance(message, messages.ProtoOASubscribeDepthQuotesReq | messages.ProtoOAUnsubscribeDepthQuotesReq)
    return [Subscription("depth", symbol) for symbol in message.symbolId]


_SUBSCRIPTIONS: dict[type[Message], Callable[[Message], tuple[bool, list[Subscription]]]] = {
    messages.ProtoOASubscribeSpotsReq: lambda message: (True, _spots(message)),
    messages.ProtoOAUnsubscribeSpotsReq: lambda message: (False, _no_spots(message)),
    messages.ProtoOASubscribeLiveTrendbarReq: lambda message: (True, _bars(message)),
    messages.ProtoOAUnsubscribeLiveTrendbarReq: lambda message: (False, _bars(message)),
    messages.ProtoOASubscribeDepthQuotesReq: lambda message: (True, _depth(message)),
    messages.ProtoOAUnsubscribeDepthQuotesReq: lambda message: (False, _depth(message)),
}

SUBSCRIBING = frozenset(catalogue.payload_type(cls) for cls in _SUBSCRIPTIONS)
"""Payload types of the requests that begin or end a subscription."""

ENDING = frozenset(number for number in SUBSCRIBING if "Unsubscribe" in catalogue.name(number))
"""Those that end one."""
