"""What the schedules have found, each as the shortest way to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ctrader_twisted import AccountState, messages
from ctrader_twisted.errors import AnswerTimeout, GrantRefused, RequestNotSent, TokenRefused
from ctrader_twisted.sim import script
from ctrader_twisted.wire import catalogue
from tests.healing.world import BARE, GRANTED, LIVE, ONE, TRADING, World

if TYPE_CHECKING:
    from collections.abc import Iterator

SUBSCRIBE_SPOTS = catalogue.payload_type(messages.ProtoOASubscribeSpotsReq)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setitem(*TRADING)
    world = World()
    yield world
    world.leave()
    world.check_log()


def test_who_asks_for_an_account_that_needs_a_login_while_there_is_no_connection_is_told_so(world: World) -> None:
    side = world.sides[0]
    side.authorise(ONE)
    world.advance(2.0)
    world.play(script.invalidate_token(still_good="nothing"))
    world.advance(5.0)
    assert side.client.account_state(ONE) is AccountState.NEEDS_LOGIN
    world.cut()
    outcome: list[Any] = side.authorise(ONE)
    world.advance(60.0)
    assert [type(error) for error in outcome] == [GrantRefused]
    world.close()


def test_tokens_that_another_program_refreshed_and_that_have_ended_since_are_refreshed(world: World) -> None:
    side = world.sides[0]
    side.authorise(ONE)
    world.advance(2.0)
    world.someone_refreshes("first", tells=True)
    world.play(script.expire_tokens(1))
    world.advance(10.0)
    assert side.client.account_state(ONE) is AccountState.AUTHORISED
    world.close()


def test_a_login_while_there_is_no_connection_heals_when_there_is_one(world: World) -> None:
    side = world.sides[0]
    side.authorise(ONE)
    world.advance(2.0)
    world.play(script.invalidate_token(still_good="nothing"))
    world.advance(5.0)
    assert side.client.account_state(ONE) is AccountState.NEEDS_LOGIN
    world.cut()
    world.log_in("first", side)
    world.advance(30.0)
    assert side.client.account_state(ONE) is AccountState.AUTHORISED
    world.close()


def test_a_session_that_ends_and_stands_again_in_one_breath_keeps_its_subscriptions(world: World) -> None:
    side, symbols = world.sides[0], [1, 2]
    side.authorise(ONE)
    world.advance(2.0)
    side.ask(messages.ProtoOASubscribeSpotsReq(ctidTraderAccountId=ONE, symbolId=symbols))
    world.advance(1.0)
    # The end of this session and the acceptance of the next arrive in one piece.
    talk = world.conversation_of(side)
    assert talk is not None
    talk.disconnect_account(ONE)
    side.keeper.update(world.kept("first", world.venue.authorise(GRANTED["first"])))
    world.advance(5.0)
    assert side.standing_here(ONE) == side.standing_there(ONE) == {("spots", symbol, None) for symbol in symbols}
    world.close()


def test_an_account_that_is_given_up_while_it_is_restored_is_restored_no_further(world: World) -> None:
    side = world.sides[0]
    side.authorise(ONE)
    world.advance(2.0)
    side.ask(messages.ProtoOASubscribeSpotsReq(ctidTraderAccountId=ONE, symbolId=[1]))
    side.ask(messages.ProtoOASubscribeDepthQuotesReq(ctidTraderAccountId=ONE, symbolId=[1]))
    world.advance(1.0)
    world.play(script.disconnect_account(ONE))
    world.play(script.delay_answers(2.0, 30.0))
    world.advance(4.0)
    assert side.client.account_state(ONE) is AccountState.AUTHORISED
    side.forget(ONE)
    world.advance(30.0)
    assert side.resynchronised[ONE] == 0
    assert ("depth", 1, None) not in side.standing_there(ONE)
    world.close()


def test_an_account_that_is_given_up_while_it_is_authorised_stays_away_after_the_next_loss(world: World) -> None:
    side = world.sides[0]
    world.advance(1.0)
    world.play(script.delay_answers(2.0, 2.0))
    outcome = side.authorise(ONE)
    world.advance(1.0)
    assert side.client.account_state(ONE) is AccountState.AUTHORISING
    side.forget(ONE)
    assert [type(error) for error in outcome] == [RequestNotSent]
    world.advance(5.0)
    world.cut()
    world.advance(30.0)
    assert side.client.account_state(ONE) is not AccountState.AUTHORISED
    assert world.conversation_of(side).sessions == {}
    world.close()


def test_what_is_unsubscribed_while_it_is_renewed_does_not_stand_at_the_server_either(world: World) -> None:
    side = world.sides[0]
    side.authorise(ONE)
    world.advance(2.0)
    side.ask(messages.ProtoOASubscribeSpotsReq(ctidTraderAccountId=ONE, symbolId=[1]))
    side.ask(messages.ProtoOASubscribeDepthQuotesReq(ctidTraderAccountId=ONE, symbolId=[1]))
    world.advance(1.0)
    world.play(script.disconnect_account(ONE))
    world.play(script.delay_answers(2.0, 30.0))
    world.advance(4.9)  # authorised; its spots are being renewed, its depth comes next
    side.ask(messages.ProtoOAUnsubscribeDepthQuotesReq(ctidTraderAccountId=ONE, symbolId=[1]))
    world.advance(30.0)
    assert side.resynchronised[ONE] == 1
    assert side.standing_here(ONE) == side.standing_there(ONE) == {("spots", 1, None)}
    world.close()


def test_what_is_unsubscribed_while_its_renewal_is_put_off_does_not_stand_at_the_server_either(world: World) -> None:
    side = world.sides[0]
    side.authorise(ONE)
    world.advance(2.0)
    side.ask(messages.ProtoOASubscribeSpotsReq(ctidTraderAccountId=ONE, symbolId=[1, 2]))
    world.advance(20.0)
    world.play(script.disconnect_account(ONE))
    world.advance(0.9)
    talk = world.conversation_of(side)
    assert talk is not None
    talk._budget._blocked[SUBSCRIBE_SPOTS] = world.now + 1.0  # as after too many of them
    world.advance(0.2)
    assert side.client.account_state(ONE) is AccountState.AUTHORISED
    side.ask(messages.ProtoOAUnsubscribeSpotsReq(ctidTraderAccountId=ONE, symbolId=[2]))
    world.advance(30.0)
    assert side.standing_here(ONE) == side.standing_there(ONE) == {("spots", 1, None)}
    world.close()


def test_a_subscription_whose_answer_was_lost_and_that_is_asked_for_again_is_renewed(world: World) -> None:
    side = world.sides[0]
    side.authorise(ONE)
    world.advance(2.0)
    world.play(script.drop_answers(1, "ProtoOASubscribeSpotsReq", 10.0))
    lost = side.ask(messages.ProtoOASubscribeSpotsReq(ctidTraderAccountId=ONE, symbolId=[1]), 1.0)
    world.advance(2.0)
    again = side.ask(messages.ProtoOASubscribeSpotsReq(ctidTraderAccountId=ONE, symbolId=[1]))
    world.advance(1.0)
    assert type(lost.outcomes[0]) is AnswerTimeout
    assert again.outcomes == [messages.ProtoOASubscribeSpotsRes(ctidTraderAccountId=ONE)]
    assert side.standing_here(ONE) == side.standing_there(ONE) == {("spots", 1, None)}
    world.cut()
    world.advance(10.0)
    assert side.standing_here(ONE) == side.standing_there(ONE) == {("spots", 1, None)}
    world.close()


def test_a_grant_that_was_renewed_meanwhile_is_not_refreshed_at_its_old_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(*TRADING)
    world = World(lifetime=400.0)
    side = world.sides[0]
    side.authorise(LIVE)
    world.advance(2.0)
    assert side.client.account_state(LIVE) is AccountState.REFUSED  # nobody stands by the grant here
    world.log_in("first", side)
    world.advance(300.0)  # the world looks at each refresh
    world.close()
    world.leave()


@pytest.mark.parametrize("number", [0, 1])
def test_a_client_that_is_closed_while_another_refreshes_for_both_is_let_go(
    monkeypatch: pytest.MonkeyPatch, logged_errors: Any, number: int
) -> None:
    monkeypatch.setitem(*TRADING)
    world = World(clients=2)
    outcomes = [side.authorise(ONE) for side in world.sides]
    world.advance(2.0)
    assert outcomes == [[None], [None]]
    world.play(script.drop_answers(1, "ProtoOARefreshTokenReq", 25.0))
    world.play(script.invalidate_token(still_good="refresh"))
    world.advance(2.0)
    assert "first" in world.sides[0].keeper._refreshing
    world.restart(number)  # nothing of the old one may be alive
    world.close()
    world.leave()
    world.check_left()
    logged_errors.flush()  # `World.check_log` has looked at each


@pytest.mark.parametrize("number", [0, 1])
def test_a_client_that_is_closed_is_not_kept_by_an_error_that_another_was_told(
    monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setitem(*TRADING)
    world = World(clients=2)
    outcomes = [side.authorise(ONE) for side in world.sides]
    world.advance(2.0)
    assert outcomes == [[None], [None]]
    world.play(script.delay_answers(4.0, 30.0))
    world.play(script.disconnect_account(ONE))
    told = world.sides[1 - number].authorise(ONE)
    world.someone_refreshes("first", tells=False)
    world.advance(30.0)
    assert [type(error) for error in told] == [GrantRefused]
    del told
    world.restart(number)  # nothing of the old one may be alive
    world.close()
    world.leave()
    world.check_left()


def test_an_account_that_is_given_up_while_its_token_is_refreshed_is_not_authorised(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(*TRADING)
    world = World(lifetime=400.0)
    side = world.sides[0]
    world.advance(350.0)
    world.play(script.delay_answers(2.0, 60.0))
    outcome = side.authorise(ONE)  # its token ends soon
    world.advance(1.0)
    assert "first" in side.keeper._refreshing
    side.forget(ONE)
    assert [type(error) for error in outcome] == [RequestNotSent]
    world.advance(30.0)
    assert "first" not in side.keeper._refreshing
    assert side.client.account_state(ONE) is AccountState.UNAUTHORISED
    talk = world.conversation_of(side)
    assert talk is not None
    assert talk.sessions == {}
    world.close()
    world.leave()


def test_an_account_asked_for_again_that_is_lost_while_its_token_is_refused_has_a_remedy(world: World) -> None:
    side = world.sides[0]
    world.want(side, BARE)
    world.advance(2.0)
    side.forget(BARE)  # it stands on
    world.play(script.delay_answers(2.0, 30.0))
    outcome = side.authorise(BARE, world.bare_token())
    world.play(script.disconnect_account(BARE))
    world.play(script.expire_tokens(3))
    world.advance(30.0)
    assert [type(error) for error in outcome] == [TokenRefused]
    status = side.client.account_status(BARE)
    assert status.state is AccountState.REFUSED
    assert status.reason
    assert status.remedy == "Authorise it with another access token."
    world.close()


def test_bars_that_go_with_spots_whose_renewal_is_ended_again_do_not_stand_here_either(world: World) -> None:
    side = world.sides[0]
    world.want(side, ONE)
    world.advance(2.0)
    side.ask(messages.ProtoOASubscribeSpotsReq(ctidTraderAccountId=ONE, symbolId=[1, 2]))
    world.advance(0.1)
    world.play(script.disconnect_account(ONE))
    world.play(script.delay_answers(2.0, 30.0))
    world.advance(1.1)  # it is being authorised
    side.ask(messages.ProtoOAUnsubscribeSpotsReq(ctidTraderAccountId=ONE, symbolId=[2]))
    world.advance(2.5)  # ended, and being renewed
    bars = side.ask(messages.ProtoOASubscribeLiveTrendbarReq(ctidTraderAccountId=ONE, symbolId=2, period=1))
    world.advance(60.0)
    assert isinstance(bars.outcomes[0], messages.ProtoOASubscribeLiveTrendbarRes)
    assert side.standing_here(ONE) == side.standing_there(ONE) == {("spots", 1, None)}
    world.close()


def test_what_is_unsubscribed_while_its_renewal_is_repeated_does_not_stand_at_the_server_either(world: World) -> None:
    side = world.sides[0]
    side.authorise(ONE)
    world.advance(2.0)
    side.ask(messages.ProtoOASubscribeSpotsReq(ctidTraderAccountId=ONE, symbolId=[1, 2]))
    world.advance(1.0)
    world.play(script.disconnect_account(ONE))
    world.play(script.delay_answers(2.0, 30.0))
    world.play(script.drop_answers(1, "ProtoOASubscribeSpotsReq", 25.0))
    world.advance(1.1)  # it is being authorised
    ended = side.ask(messages.ProtoOAUnsubscribeSpotsReq(ctidTraderAccountId=ONE, symbolId=[2]))
    world.advance(60.0)  # its renewal was carried out after that, and is repeated for the other one only
    assert isinstance(ended.outcomes[0], messages.ProtoOAUnsubscribeSpotsRes)
    assert side.standing_here(ONE) == side.standing_there(ONE) == {("spots", 1, None)}
    world.close()
