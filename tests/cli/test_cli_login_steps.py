"""``ctrader login``, in memory: what happens when something does not work."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from ctrader_twisted.cli.failures import CommandFailed
from ctrader_twisted.cli.login import Login, log_in
from ctrader_twisted.cli.redirect import RedirectURI
from ctrader_twisted.errors import OpenApiError
from ctrader_twisted.sim.accounts import PLAYGROUND_URI, SCOPE_VIEW, Application, TradingAccount
from ctrader_twisted.sim.testing import CLIENT_ID, CLIENT_SECRET, EUR_ACCOUNT, VenueKit
from ctrader_twisted.tokens import Grant, GrantedAccount
from ctrader_twisted.tokens.oauth import OAuth
from tests.cli.rooms import access, found, keep, kept, settle

if TYPE_CHECKING:
    from pathlib import Path

WEBSITE = "https://my.site/callback"
OLD = Grant("default", "hush-old-access", "hush-old-refresh")


def kit_with_website(**venue: Any) -> VenueKit:
    return VenueKit(applications=[Application(CLIENT_ID, CLIENT_SECRET, (PLAYGROUND_URI, WEBSITE))], **venue)


def log_in_by_pasting(
    kit: VenueKit, folder: Path, account_ids: tuple[int, ...] = (EUR_ACCOUNT,), *, wait: float = 0.0, **granted: Any
) -> Any:
    """Log in as somebody does who pastes what the browser shows, after so many seconds."""
    there = found(folder)
    wanted = Login(RedirectURI.parse(WEBSITE), "trading", "default", False, True, 300.0)
    application = kit.venue.registry.applications[CLIENT_ID]

    def paste() -> str:
        code = kit.venue.registry.make_code(application, WEBSITE, account_ids, kit.venue.now(), **granted)
        kit.clock.advance(wait)
        return f"{WEBSITE}?code={code}"

    oauth = OAuth(CLIENT_ID, CLIENT_SECRET, agent=kit.agent(), clock=kit.clock)
    return log_in(kit.clock, there, wanted, paste=paste, access=access(kit, there), oauth=oauth)


def test_the_accounts_can_not_be_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with kit_with_website() as kit:
        kit.refuse_connections()
        with pytest.raises(CommandFailed, match="The tokens are kept, but which accounts they open could not be asked"):
            settle(kit, log_in_by_pasting(kit, tmp_path))
        grant = kept(kit, found(tmp_path))["default"]
        assert grant.access_token == kit.venue.registry.grants[-1].access_token
        assert (grant.accounts, grant.scope) == ((), "trading")
        assert grant.expires_at is not None and grant.obtained_at is not None
    assert "hush" not in "".join(capsys.readouterr())


def test_a_code_is_good_for_one_minute(tmp_path: Path) -> None:
    with kit_with_website() as kit:
        keep(kit, found(tmp_path), OLD)
        with pytest.raises(OpenApiError, match="ACCESS_DENIED"):
            settle(kit, log_in_by_pasting(kit, tmp_path, wait=61))
        assert kept(kit, found(tmp_path)) == {"default": OLD}, "what was kept is untouched"


def test_what_is_kept_already_is_replaced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with kit_with_website() as kit:
        keep(kit, found(tmp_path), replace(OLD, accounts=(GrantedAccount(EUR_ACCOUNT),)))
        settle(kit, log_in_by_pasting(kit, tmp_path))
        (grant,) = kept(kit, found(tmp_path)).values()
    assert (grant.name, grant.account_ids()) == ("default", {EUR_ACCOUNT})
    assert grant.access_token != OLD.access_token
    assert "hush" not in "".join(capsys.readouterr())


@pytest.mark.parametrize("accounts", [(5,), (5, EUR_ACCOUNT), ()])
def test_what_opens_something_else_is_kept_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], accounts: tuple[int, ...]
) -> None:
    """Another cTrader ID's tokens, perhaps."""
    old = replace(OLD, accounts=tuple(map(GrantedAccount, accounts)))
    with kit_with_website() as kit:
        keep(kit, found(tmp_path), old, Grant("default-before", "hush-older", "hush-older-refresh"))
        settle(kit, log_in_by_pasting(kit, tmp_path))
        grants = kept(kit, found(tmp_path))
    assert grants.keys() == {"default", "default-before", "default-before1"}
    assert grants["default"].account_ids() == {EUR_ACCOUNT}
    assert grants["default-before1"] == replace(old, name="default-before1")
    err = capsys.readouterr().err
    assert f"before did: {'5.' if accounts else 'accounts that nobody knows.'}" in err
    assert "ctrader tokens remove default-before1" in err


def test_what_is_of_no_use_any_more_is_replaced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with kit_with_website() as kit:
        keep(kit, found(tmp_path), Grant("default", "hush-old", expires_at=-5.0, accounts=(GrantedAccount(5),)))
        settle(kit, log_in_by_pasting(kit, tmp_path))
        assert kept(kit, found(tmp_path)).keys() == {"default"}


def test_the_accounts_of_the_login_before_are_gone_by_if_they_can_not_be_listed(tmp_path: Path) -> None:
    """Whoever waits for this login finds it."""
    old = replace(OLD, accounts=(GrantedAccount(EUR_ACCOUNT),))
    with kit_with_website() as kit:
        kit.refuse_connections()
        keep(kit, found(tmp_path), old)
        with pytest.raises(CommandFailed, match='What was kept before is now "default-before"'):
            settle(kit, log_in_by_pasting(kit, tmp_path))
        grants = kept(kit, found(tmp_path))
        assert grants["default"].access_token == kit.venue.registry.grants[-1].access_token
        assert grants["default"].account_ids() == {EUR_ACCOUNT}
        assert grants["default-before"] == replace(old, name="default-before")


def test_less_was_granted_than_was_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with kit_with_website() as kit:
        settle(kit, log_in_by_pasting(kit, tmp_path, scope=SCOPE_VIEW))
        assert kept(kit, found(tmp_path))["default"].scope == "accounts"
    assert 'warning: the scope granted is "accounts", not "trading".' in capsys.readouterr().err


def test_no_account_was_granted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with kit_with_website() as kit:
        settle(kit, log_in_by_pasting(kit, tmp_path, ()))
    out, err = capsys.readouterr()
    assert out == "" and "no account was granted" in err


def test_a_live_account_and_a_brokers_odd_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import tomllib

    accounts = [
        TradingAccount(5, 55, is_live=True, broker_title='Odd "name"\n[[account]]\x1b'),
        TradingAccount(6, 66),
    ]
    with kit_with_website(accounts=accounts) as kit:
        there = found(tmp_path, named=(), chosen=None)
        wanted = Login(RedirectURI.parse(WEBSITE), "trading", "default", False, True, 300.0)
        application = kit.venue.registry.applications[CLIENT_ID]
        code = kit.venue.registry.make_code(application, WEBSITE, (5, 6), kit.venue.now())
        oauth = OAuth(CLIENT_ID, CLIENT_SECRET, agent=kit.agent(), clock=kit.clock)
        settle(kit, log_in(kit.clock, there, wanted, paste=lambda: code, access=access(kit, there), oauth=oauth))
    out, err = capsys.readouterr()
    environments = {each["id"]: each["environment"] for each in tomllib.loads(out)["account"]}
    assert environments == {5: "live", 6: "demo"}
    assert "\x1b" not in out + err


def test_the_consent_page_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with kit_with_website() as kit:
        settle(kit, log_in_by_pasting(kit, tmp_path))
    err = capsys.readouterr().err
    assert f"client_id={CLIENT_ID}" in err and "scope=trading" in err and CLIENT_SECRET not in err
