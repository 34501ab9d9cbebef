"""The book of what must stand again: kept from what the server accepted, renewed in an order that it accepts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctrader_twisted import messages
from ctrader_twisted.session.standing import AccountStanding, Standing, one_by_one
from tests.session.conversation import ACCOUNT, OTHER, TOKEN, TRADER, account_auth, spots

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from ctrader_twisted.session.events import Subscription

M1 = messages.ProtoOATrendbarPeriod.M1
H1 = messages.ProtoOATrendbarPeriod.H1


def no_spots(*symbols: int) -> Message:
    return messages.ProtoOAUnsubscribeSpotsReq(ctidTraderAccountId=ACCOUNT, symbolId=symbols)


def timed_spots(*symbols: int) -> Message:
    return messages.ProtoOASubscribeSpotsReq(
        ctidTraderAccountId=ACCOUNT, symbolId=symbols, subscribeToSpotTimestamp=True
    )


def bars(symbol: int, period: int = M1) -> Message:
    return messages.ProtoOASubscribeLiveTrendbarReq(ctidTraderAccountId=ACCOUNT, symbolId=symbol, period=period)


def no_bars(symbol: int, period: int = M1) -> Message:
    return messages.ProtoOAUnsubscribeLiveTrendbarReq(ctidTraderAccountId=ACCOUNT, symbolId=symbol, period=period)


def depth(*symbols: int) -> Message:
    return messages.ProtoOASubscribeDepthQuotesReq(ctidTraderAccountId=ACCOUNT, symbolId=symbols)


def no_depth(*symbols: int) -> Message:
    return messages.ProtoOAUnsubscribeDepthQuotesReq(ctidTraderAccountId=ACCOUNT, symbolId=symbols)


def book(*accepted: Message) -> AccountStanding:
    standing = Standing()
    for message in (account_auth(), *accepted):
        standing.accepted(message)
    account = standing.find(ACCOUNT)
    assert account is not None
    return account


def brief(subscription: Subscription) -> tuple:
    kind, symbol, period = subscription.kind, subscription.symbol_id, subscription.period
    return (kind, symbol) if period is None else (kind, symbol, period)


def stands(account: AccountStanding) -> list[tuple]:
    return [brief(subscription) for subscription in account.subscriptions.values()]


@pytest.mark.parametrize(
    ("accepted", "standing"),
    [
        ([], []),
        ([spots(1, 2)], [("spots", 1), ("spots", 2)]),
        ([spots(1), spots(2), no_spots(1)], [("spots", 2)]),
        ([spots(1, 2), no_spots(2, 1)], []),
        ([spots(1), bars(1), bars(1, H1)], [("spots", 1), ("trendbars", 1, M1), ("trendbars", 1, H1)]),
        ([spots(1), bars(1), bars(1, H1), no_bars(1)], [("spots", 1), ("trendbars", 1, H1)]),
        ([spots(1, 2), bars(1), bars(2), no_spots(1)], [("spots", 2), ("trendbars", 2, M1)]),
        ([spots(1), depth(1, 2), no_depth(1)], [("spots", 1), ("depth", 2)]),
        ([depth(1), spots(1), no_spots(1)], [("depth", 1)]),
        ([spots(1), spots(1)], [("spots", 1)]),
        ([no_spots(7), no_bars(7), no_depth(7)], []),
        ([TRADER, messages.ProtoOAVersionReq()], []),
    ],
)
def test_what_stands_is_what_was_accepted_and_not_ended(accepted: list[Message], standing: list[tuple]) -> None:
    assert stands(book(*accepted)) == standing


@pytest.mark.parametrize("accepted", [[spots(1), timed_spots(1)], [timed_spots(1), spots(1)]])
def test_what_two_ask_for_carries_its_time_if_either_wants_it(accepted: list[Message]) -> None:
    account = book(*accepted)
    assert [(each.symbol_id, each.with_timestamp) for each in account.subscriptions.values()] == [(1, True)]
    ended = book(*accepted, no_spots(1), spots(1))
    assert [each.with_timestamp for each in ended.subscriptions.values()] == [False]


def test_an_account_stands_from_its_authorisation_on() -> None:
    standing = Standing()
    standing.accepted(spots(1))
    assert standing.find(ACCOUNT) is None
    assert list(standing) == []
    standing.accepted(account_auth())
    standing.accepted(spots(1))
    standing.accepted(spots(2, account_id=OTHER))  # of an account that is not in the book
    (account,) = standing
    assert (account.account_id, account.access_token, stands(account)) == (ACCOUNT, TOKEN, [("spots", 1)])


def test_a_new_token_takes_the_place_of_the_old_one_and_the_subscriptions_stay() -> None:
    standing = Standing()
    standing.accepted(account_auth(token="old"))
    standing.accepted(spots(1))
    standing.accepted(account_auth(token="new"))
    (account,) = standing
    assert (account.access_token, stands(account)) == ("new", [("spots", 1)])


def test_accounts_are_kept_apart() -> None:
    standing = Standing()
    for account_id in (ACCOUNT, OTHER):
        standing.accepted(account_auth(account_id))
        standing.accepted(spots(account_id % 10, account_id=account_id))
    assert [(account.account_id, stands(account)) for account in standing] == [
        (ACCOUNT, [("spots", 1)]),
        (OTHER, [("spots", 2)]),
    ]
    for account in standing:  # the book may change while it is walked
        standing.forget(account.account_id)
    assert list(standing) == []
    standing.forget(ACCOUNT)


def test_the_token_is_not_shown() -> None:
    account = book(spots(1))
    assert TOKEN not in repr(account) + str(account)
    assert str(ACCOUNT) in repr(account)


# Renewing


def renewal(account: AccountStanding) -> list[tuple[Message, list[tuple]]]:
    return [(message, [brief(subscription) for subscription in renewed]) for message, renewed in account.steps()]


def test_spots_are_renewed_before_the_bars_that_ride_on_them_and_depth_last() -> None:
    account = book(depth(5), spots(1), bars(1), timed_spots(2), depth(6), bars(2, H1), spots(3))
    assert renewal(account) == [
        (spots(1, 3), [("spots", 1), ("spots", 3)]),
        (timed_spots(2), [("spots", 2)]),
        (bars(1), [("trendbars", 1, M1)]),
        (bars(2, H1), [("trendbars", 2, H1)]),
        (depth(5, 6), [("depth", 5), ("depth", 6)]),
    ]


def test_nothing_is_renewed_where_nothing_stands() -> None:
    assert renewal(book()) == []
    assert renewal(book(depth(1))) == [(depth(1), [("depth", 1)])]


def test_a_refused_subscription_may_be_forgotten_while_the_rest_is_renewed() -> None:
    account = book(spots(1, 2), bars(1), depth(3))
    seen = []
    for message, subscriptions in account.steps():
        seen.append(type(message))
        for subscription in subscriptions:
            account.forget(subscription)
    assert seen == [
        messages.ProtoOASubscribeSpotsReq,
        messages.ProtoOASubscribeLiveTrendbarReq,
        messages.ProtoOASubscribeDepthQuotesReq,
    ]
    assert stands(account) == []


subscribing = st.one_of(
    st.builds(lambda symbols: spots(*symbols), st.lists(st.integers(1, 5), min_size=1, max_size=3)),
    st.builds(lambda symbols: timed_spots(*symbols), st.lists(st.integers(1, 5), min_size=1, max_size=3)),
    st.builds(lambda symbols: no_spots(*symbols), st.lists(st.integers(1, 5), min_size=1, max_size=3)),
    st.builds(bars, st.integers(1, 5), st.sampled_from([M1, H1])),
    st.builds(no_bars, st.integers(1, 5), st.sampled_from([M1, H1])),
    st.builds(lambda symbols: depth(*symbols), st.lists(st.integers(1, 5), min_size=1, max_size=3)),
    st.builds(lambda symbols: no_depth(*symbols), st.lists(st.integers(1, 5), min_size=1, max_size=3)),
)


@given(st.lists(subscribing, max_size=20))
def test_the_steps_renew_exactly_what_stands(accepted: list[Message]) -> None:
    account = book(*accepted)
    again = book(*(message for message, _ in account.steps()))
    assert set(again.subscriptions.values()) == set(account.subscriptions.values())
    renewed = [subscription for _, subscriptions in account.steps() for subscription in subscriptions]
    assert sorted(map(brief, renewed)) == sorted(stands(account))
    kinds = [subscription.kind for subscription in renewed]
    assert kinds == sorted(kinds, key=["spots", "trendbars", "depth"].index)
    for message, _ in account.steps():
        assert message.IsInitialized()


def test_a_repeated_symbol_stands_once() -> None:
    account = book(spots(1, 1, 2))
    assert stands(account) == [("spots", 1), ("spots", 2)]
    ((message, _),) = account.steps()
    assert message == spots(1, 2)


@pytest.mark.parametrize("message", [spots(1, 2), timed_spots(1, 2), depth(1, 2)], ids=lambda m: m.DESCRIPTOR.name)
def test_a_request_of_several_symbols_can_be_made_one_by_one(message: Message) -> None:
    account = book(message)
    ((_, subscriptions),) = account.steps()
    singles = one_by_one(message, subscriptions)
    assert [(list(single.symbolId), renewed) for single, renewed in singles] == [  # type: ignore[attr-defined]
        ([subscription.symbol_id], (subscription,)) for subscription in subscriptions
    ]
    again = book(*(single for single, _ in singles))
    assert again.subscriptions == account.subscriptions
    assert list(message.symbolId) == [1, 2]  # type: ignore[attr-defined]
