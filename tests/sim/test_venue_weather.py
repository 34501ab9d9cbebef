"""Seeded schedules of misbehaviour: the same again, all over at the end, and written down as they are."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctrader_twisted.sim import script
from ctrader_twisted.sim.config import settings_from_table
from ctrader_twisted.sim.testing import EUR_ACCOUNT, USD_ACCOUNT, VenueKit
from ctrader_twisted.sim.weather import KINDS, NEED_REFRESH, as_toml, weather
from tests.sim.venues import account_auth, of_account, with_application

ACCOUNTS = (EUR_ACCOUNT, USD_ACCOUNT)
LONG = weather(1, 200_000, account_ids=ACCOUNTS)


def test_the_same_seed_makes_the_same_weather():
    assert weather(1, 200_000, account_ids=ACCOUNTS) == LONG
    assert repr(weather(1, 200_000, account_ids=ACCOUNTS)) == repr(LONG)
    assert weather(2, 200_000, account_ids=ACCOUNTS) != LONG
    assert repr(weather(7, 500, every=200)) == (
        "[(155.778, fall_silent(seconds=93.425)), (280.487, stop_heartbeats(seconds=89.335)), "
        "(314.69, unknown_payload_type(number=9999)), (371.468, cut()), (402.194, refuse_connections(seconds=10.147))]"
    )  # in every release of Python


def test_there_is_something_of_every_kind():
    names = {action.name for _, action in LONG}
    assert names == {"invalidate_token" if kind == "lose_access_token" else kind for kind in KINDS}
    hit = {dict(action.arguments).get("account_id") for _, action in LONG if action.name == "disconnect_account"}
    assert hit == {None, *ACCOUNTS}
    assert 60 * 0.9 < 200_000 / len(LONG) < 60 * 1.1


def test_nothing_is_drawn_that_a_client_can_not_get_over():
    for _, action in LONG:
        arguments = dict(action.arguments)
        assert arguments.get("still_good") != "nothing"
        assert action.name not in ("drop_token_answers", "accept_connections")
        assert arguments.get("request") != "ProtoOARefreshTokenReq"
        assert action.name != "drop_answers" or arguments["request"] is not None
        assert "locked" not in str(arguments.get("reason"))


def test_what_is_left_out_of_the_actions_is_left_out_on_purpose():
    of_accounts = {
        "deposit",
        "withdraw",
        "give_bonus",
        "take_bonus",
        "change_leverage",
        "change_access",
        "change_symbol",
    }
    assert set(script.ACTIONS) - set(KINDS) == {"accept_connections", "drop_token_answers"} | of_accounts
    assert NEED_REFRESH <= set(KINDS)


@given(st.integers(), st.floats(1, 5_000), st.floats(1, 500))
def test_every_fault_is_over_when_the_weather_is(seed, seconds, every):
    before = 0.0
    for at, action in weather(seed, seconds, every=every, account_ids=ACCOUNTS):
        assert before <= at < seconds
        before = at
        arguments = dict(action.arguments)
        lasts = [arguments[name] for name in ("seconds", "refused_for") if name in arguments]
        assert all(at + span <= seconds + 1e-3 for span in lasts)
        assert None not in lasts


@pytest.mark.parametrize("seed", range(5))
def test_a_venue_is_well_after_its_weather(seed):
    with VenueKit(script=weather(seed, 1_000, every=10, account_ids=ACCOUNTS)) as kit:
        for _ in range(100):
            kit.wire_client()
            kit.advance(10)
        assert not kit.venue.refusing and not kit.venue.stalling and not kit.venue.without_heartbeats
        registry = kit.venue.registry
        fresh = registry.refresh(registry.grant_for(EUR_ACCOUNT).refresh_token, kit.venue.now())
        client = with_application(kit)
        client.ask(account_auth(access_token=fresh.access_token))
        assert client.ask(of_account("Trader")).trader.balance
        assert client.ask(of_account("DealList")).hasMore is False


def test_kinds_can_be_chosen():
    steps = weather(3, 10_000, kinds=["cut", "half_open"])
    assert {action.name for _, action in steps} == {"cut", "half_open"}
    with pytest.raises(ValueError, match="hail is no kind of fault: there are close, abort"):
        weather(3, 10, kinds=["hail"])
    for arguments in ({"kinds": []}, {"every": 0}):
        with pytest.raises(ValueError, match="no weather"):
            weather(3, 10, **arguments)


def test_a_schedule_can_be_kept_in_a_file_and_played_again():
    text = as_toml(LONG)
    settings = settings_from_table(tomllib.loads(text)["simulator"], "venue.toml")
    kept = [(at, repr(action)) for at, action in settings.script]
    given = [
        (at, f"{action.name}({', '.join(f'{k}={v!r}' for k, v in action.arguments if v is not None)})")
        for at, action in LONG
    ]
    assert kept == given
    with pytest.raises(ValueError, match="can't be written"):
        as_toml([(1.0, script.garbage(b"\xff"))])


def test_a_schedule_can_be_kept_in_a_test_and_played_again():
    assert eval(repr(LONG), dict(script.ACTIONS)) == LONG
