"""``ctrader accounts``, in memory."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from twisted.internet.defer import CancelledError, Deferred

from ctrader_twisted.cli.access import REFRESH_WAIT
from ctrader_twisted.cli.accounts import show_accounts
from ctrader_twisted.cli.failures import CommandFailed
from ctrader_twisted.credentials import Application
from ctrader_twisted.sim.accounts import TradingAccount
from ctrader_twisted.sim.testing import ACCESS_TOKEN, EUR_ACCOUNT, REFRESH_TOKEN, USD_ACCOUNT, VenueKit
from ctrader_twisted.tokens import FileTokenStore, Grant, GrantedAccount
from tests.cli.rooms import access, found, keep, kept, settle

if TYPE_CHECKING:
    from pathlib import Path

DAY = 86_400.0
GRANT = Grant("default", ACCESS_TOKEN, REFRESH_TOKEN, 30 * DAY, "trading", obtained_at=0.0)


def test_without_tokens(tmp_path: Path) -> None:
    with VenueKit() as kit:
        there = found(tmp_path)
        with pytest.raises(CommandFailed, match="log in first: ctrader login"):
            settle(kit, show_accounts(kit.clock, there, as_json=False, access=access(kit, there)))


def test_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with VenueKit() as kit:
        there = found(tmp_path)
        keep(kit, there, GRANT)
        status = settle(kit, show_accounts(kit.clock, there, as_json=False, access=access(kit, there)))
    out, err = capsys.readouterr()
    assert (status, err) == (0, "")
    assert out.splitlines() == [
        "default: scope trading, tokens good for 30 days, refreshed by itself",
        "account          login  broker             balance       leverage",
        "1000001  demo  2000001  Simulated venue  10,000.00  EUR     1:100",
        "1000002  demo  2000002  Simulated venue  10,000.00  USD     1:100",
    ]


def test_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with VenueKit() as kit:
        there = found(tmp_path)
        keep(kit, there, GRANT)
        settle(kit, show_accounts(kit.clock, there, as_json=True, access=access(kit, there)))
    (grant,) = json.loads(capsys.readouterr().out)["grants"]
    first = grant.pop("accounts")[0]
    assert grant == {
        "name": "default",
        "scope": "trading",
        "expires": "1970-01-31T00:00:00.000Z",
        "days_left": 30.0,
        "refreshed_by_itself": True,
        "problem": None,
    }
    assert first == {
        "id": EUR_ACCOUNT,
        "live": False,
        "login": 2000001,
        "broker": "Simulated venue",
        "environment": "demo",
        "balance": "10000.00",
        "currency": "EUR",
        "leverage": "100",
        "problem": None,
    }


def test_what_a_grant_opens_is_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with VenueKit() as kit:
        there = found(tmp_path)
        keep(kit, there, replace(GRANT, scope=None))
        settle(kit, show_accounts(kit.clock, there, as_json=False, access=access(kit, there)))
        grant = kept(kit, there)["default"]
    assert grant.scope == "trading"
    assert grant.accounts == (
        GrantedAccount(EUR_ACCOUNT, False, 2000001, "Simulated venue"),
        GrantedAccount(USD_ACCOUNT, False, 2000002, "Simulated venue"),
    )
    assert (grant.access_token, grant.refresh_token, grant.expires_at) == (ACCESS_TOKEN, REFRESH_TOKEN, 30 * DAY)


def test_tokens_that_are_due_are_refreshed_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with VenueKit() as kit:
        there = found(tmp_path)
        keep(kit, there, replace(GRANT, expires_at=0.5 * DAY, obtained_at=-30 * DAY))
        status = settle(kit, show_accounts(kit.clock, there, as_json=False, access=access(kit, there)))
        grant = kept(kit, there)["default"]
        assert grant.access_token == kit.venue.registry.token_for(EUR_ACCOUNT) != ACCESS_TOKEN
    assert status == 0
    assert "tokens good for 30 days" in capsys.readouterr().out


def test_new_tokens_that_do_not_come_before_the_end_are_told_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with VenueKit() as kit:
        there = found(tmp_path)
        keep(kit, there, replace(GRANT, expires_at=0.5 * DAY, obtained_at=-30 * DAY))
        release = kit.settle(FileTokenStore(there.token_file, kit.clock).lock(1))
        used = access(kit, there)
        running = Deferred.fromCoroutine(show_accounts(kit.clock, there, as_json=False, access=used))
        kit.advance(1)
        kit.play("drop_answers", request="ProtoOARefreshTokenReq")
        release()
        kit.advance(1)
        running.cancel()
        kit.advance(REFRESH_WAIT - 1)
        assert not running.called or isinstance(running.result, Deferred)
        with pytest.raises(CancelledError):
            kit.settle(running, 3)
        assert kept(kit, there)["default"].refresh_began_at is not None
    err = capsys.readouterr().err
    assert "Waiting for new tokens" in err
    assert 'warning: grant "default": its new tokens did not come.' in err and "ctrader login" in err


def test_a_token_that_is_refused_is_refreshed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Though by its date it is good: another program may have refreshed it, too."""
    with VenueKit() as kit:
        there = found(tmp_path)
        keep(kit, there, replace(GRANT, access_token="hush-older"))
        status = settle(kit, show_accounts(kit.clock, there, as_json=False, access=access(kit, there)))
        assert kept(kit, there)["default"].access_token == kit.venue.registry.token_for(EUR_ACCOUNT) != ACCESS_TOKEN
    out, err = capsys.readouterr()
    assert (status, err) == (0, "") and "1000001" in out


def test_a_refresh_token_that_is_refused_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with VenueKit() as kit:
        there = found(tmp_path)
        keep(kit, there, replace(GRANT, access_token="hush-older", refresh_token="hush-older-refresh"))
        status = settle(kit, show_accounts(kit.clock, there, as_json=False, access=access(kit, there)))
    err = capsys.readouterr().err
    assert status == 1 and err.count('grant "default"') == 1 and "ctrader login" in err and "hush" not in err


@pytest.mark.parametrize("due", [True, False])
def test_a_store_that_can_not_be_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], logged_errors: Any, due: bool
) -> None:
    """The token is good all the same."""
    with VenueKit() as kit:
        there = found(tmp_path)
        keep(kit, there, replace(GRANT, expires_at=0.5 * DAY, obtained_at=-30 * DAY) if due else GRANT)
        (tmp_path / "tokens.json.tmp").mkdir()  # in the way of the file's successor, even the superuser's
        status = settle(kit, show_accounts(kit.clock, there, as_json=False, access=access(kit, there)))
    out, err = capsys.readouterr()
    assert status == 0 and "1000001" in out
    assert "warning: what the tokens open is not kept: " in err
    assert ('warning: grant "default" is due to be refreshed, and was not: ' in err) is due
    logged_errors.flush()  # the client tries, too


def test_a_lock_that_another_program_holds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with VenueKit() as kit:
        there = found(tmp_path)
        keep(kit, there, GRANT)
        release = kit.settle(FileTokenStore(there.token_file, kit.clock).lock(1))
        status = settle(kit, show_accounts(kit.clock, there, as_json=False, access=access(kit, there)))
        release()
    out, err = capsys.readouterr()
    assert status == 0 and "1000001" in out and "another program has held its lock" in err


def test_a_refused_token_leaves_the_other_grants_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with VenueKit() as kit:
        there = found(tmp_path)
        keep(kit, there, GRANT, Grant("stale", "hush-access", None, None, accounts=(GrantedAccount(5),)))
        status = settle(kit, show_accounts(kit.clock, there, as_json=False, access=access(kit, there)))
    out, err = capsys.readouterr()
    assert status == 1
    assert "1000001" in out
    assert 'grant "stale": ' in err and "CH_ACCESS_TOKEN_INVALID" in err and "ctrader login" in err
    assert "hush" not in out + err


def test_an_account_that_is_not_reached(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    live = TradingAccount(7_000_001, 9_000_001, "EUR", is_live=True)
    with VenueKit(accounts=[TradingAccount(EUR_ACCOUNT, 2_000_001), live]) as kit:
        there = found(tmp_path, named=(), chosen=None)
        keep(kit, there, GRANT)
        status = settle(kit, show_accounts(kit.clock, there, as_json=True, access=access(kit, there)))
    document = json.loads(capsys.readouterr().out)["grants"][0]
    demo, other = document["accounts"]
    assert status == 0, "the list is complete"
    assert (demo["problem"], demo["balance"]) == (None, "10000.00")
    assert (other["live"], other["environment"], other["balance"]) == (True, "live", None)
    assert other["problem"].startswith("ProtoOAAccountAuthReq: CANT_ROUTE_REQUEST") or "7000001" in other["problem"]


def test_nobody_answers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with VenueKit() as kit:
        kit.refuse_connections()
        there = found(tmp_path)
        keep(kit, there, GRANT)
        status = settle(kit, show_accounts(kit.clock, there, as_json=True, access=access(kit, there)))
    out, err = capsys.readouterr()
    assert status == 1
    assert "demo (demo.example:5035): not ready within 30 s" in err and "ctrader check" in err
    assert err.count("Trying again …") == 1, "said at once, and once"
    assert json.loads(out)["grants"][0]["problem"] in err


def test_a_refused_application(tmp_path: Path, capsys: pytest.CaptureFixture[str], logged_errors: Any) -> None:
    with VenueKit() as kit:
        there = found(tmp_path, application=Application("sim-client-id", "hush-wrong"))
        keep(kit, there, GRANT)
        status = settle(kit, show_accounts(kit.clock, there, as_json=False, access=access(kit, there)))
    out, err = capsys.readouterr()
    assert status == 1
    assert "CH_CLIENT_AUTH_FAILURE" in err and "see that it is Active" in err
    assert "hush" not in out + err
    logged_errors.flush()  # the client logs it, too


def test_what_a_broker_is_called_can_not_harm_a_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    evil = TradingAccount(EUR_ACCOUNT, 2_000_001, broker_title="\x1b[31mred\n[bold]bold[/bold] :smile:")
    with VenueKit(accounts=[evil]) as kit:
        there = found(tmp_path)
        keep(kit, there, GRANT)
        settle(kit, show_accounts(kit.clock, there, as_json=False, access=access(kit, there)))
    out = capsys.readouterr().out
    assert "?[31mred?[bold]bold[/bold] :smile:" in out
