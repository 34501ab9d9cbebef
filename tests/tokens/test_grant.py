"""Grants and pairs: what they say of themselves, and what becomes of them."""

import pytest

from ctrader_twisted.tokens import Grant, GrantedAccount, TokenPair

ACCESS, REFRESH = "acc3ss-marked", "r3fresh-marked"
DAY = 86_400.0


def grant(**fields):
    return Grant("default", ACCESS, **{"refresh_token": REFRESH, "expires_at": 10 * DAY, **fields})


def test_no_repr_shows_a_token():
    for shown in (grant(), TokenPair(ACCESS, REFRESH, 5.0)):
        for text in (repr(shown), str(shown), f"{shown}"):
            assert ACCESS not in text
            assert REFRESH not in text


def test_account_ids():
    assert grant().account_ids() == frozenset()
    assert grant(accounts=(GrantedAccount(7), GrantedAccount(9, live=True))).account_ids() == {7, 9}


@pytest.mark.parametrize(("now", "days"), [(0.0, 10.0), (9 * DAY, 1.0), (10 * DAY, 0.0), (12 * DAY, -2.0)])
def test_days_left(now, days):
    assert grant().days_left(now) == days


def test_days_left_of_an_unknown_end():
    assert grant(expires_at=None).days_left(0.0) is None


@pytest.mark.parametrize(
    ("now", "fields", "due"),
    [
        (9 * DAY - 1, {}, False),
        (9 * DAY, {}, True),  # exactly within
        (11 * DAY, {}, True),
        (11 * DAY, {"refresh_token": None}, False),
        (11 * DAY, {"expires_at": None}, False),
    ],
)
def test_due(now, fields, due):
    assert grant(**fields).due(now, within=DAY) is due


def test_a_short_life_is_due_at_its_half():
    """Else a token that lives for less than the time before its end would be refreshed again and again."""
    assert grant(obtained_at=9.5 * DAY).due_at(DAY) == 9.75 * DAY
    assert grant(obtained_at=0.0).due_at(DAY) == 9 * DAY
    assert grant(obtained_at=9.5 * DAY).due(9.7 * DAY, DAY) is False
    assert grant(expires_at=None).due_at(DAY) is None
    assert grant(refresh_token=None).due_at(DAY) is None


def test_renewed_takes_the_pair_and_keeps_the_rest():
    old = grant(scope="trading", accounts=(GrantedAccount(7),), refresh_began_at=3.0)
    new = old.renewed(TokenPair("second", "other", 40 * DAY, 10 * DAY))
    assert (new.access_token, new.refresh_token, new.expires_at) == ("second", "other", 40 * DAY)
    assert new.obtained_at == 10 * DAY
    assert new.refresh_began_at is None
    assert (new.name, new.scope, new.accounts) == (old.name, old.scope, old.accounts)


def test_renewed_keeps_the_refresh_token_if_none_came():
    assert grant().renewed(TokenPair("second")).refresh_token == REFRESH
    assert grant().renewed(TokenPair("second")).expires_at is None


def test_a_time_of_issue_that_can_not_be_right_is_not_gone_by():
    grant = Grant("default", "a", "b", expires_at=1000.0, obtained_at=5000.0)
    assert grant.due_at(100.0) == 900.0
