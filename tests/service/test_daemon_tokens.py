"""The daemon with tokens that are kept: taken from the store, refreshed, waited for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, fail

from ctrader_twisted.errors import TokenStoreError
from ctrader_twisted.sim.testing import EUR_ACCOUNT, USD_ACCOUNT, VenueKit
from ctrader_twisted.tokens import FileTokenStore, Grant, GrantedAccount, MemoryTokenStore, TokenKeeper
from tests.service.benches import ENVIRON, Bench, account, refusals

if TYPE_CHECKING:
    from pathlib import Path

SHORT = 1200.0


def grant(kit: VenueKit, name: str = "default", account_ids: tuple[int, ...] = (EUR_ACCOUNT, USD_ACCOUNT)) -> Grant:
    """What a login would keep of the venue's first grant."""
    held = kit.venue.registry.grant_for(account_ids[0])
    assert held is not None
    return Grant(
        name,
        held.access_token,
        held.refresh_token,
        expires_at=kit.clock.seconds() + SHORT,
        accounts=tuple(GrantedAccount(account_id, live=False) for account_id in account_ids),
    )


def from_the_store(bench: Bench, *grants: Grant, accounts: str = "", **settings: Any) -> tuple[MemoryTokenStore, Bench]:
    store = MemoryTokenStore(grants)
    keeper = TokenKeeper(store, bench.kit.clock, refresh_within=600.0)
    environ = {**ENVIRON, "CTRADER_ACCESS_TOKEN": "hush-not-used"}
    bench.start(accounts, environ=environ, tables="[tokens]", tokens=keeper, **settings)
    return store, bench


def stored(kit: VenueKit, store: MemoryTokenStore, name: str = "default") -> Grant:
    return kit.settle(store.load())[name]


def test_an_account_takes_its_token_from_the_store_and_has_it_refreshed_in_time(bench: Bench) -> None:
    kit = bench.kit
    first = grant(kit)
    store, _ = from_the_store(bench, first, accounts=account() + account(USD_ACCOUNT))
    kit.advance(30)
    assert {quote["account"] for quote in bench.of("quote")} == {EUR_ACCOUNT, USD_ACCOUNT}
    kit.advance(SHORT - 700)
    assert stored(kit, store) == first, "not before it is due"
    kit.advance(200)
    second = stored(kit, store)
    assert second.access_token != first.access_token and second.refresh_token != first.refresh_token
    assert second.expires_at is not None and second.expires_at > kit.clock.seconds() + 600
    mark = len(bench.output.documents)
    kit.advance(60)
    assert {d["account"] for d in bench.output.documents[mark:] if d["event"] == "quote"} == {EUR_ACCOUNT, USD_ACCOUNT}
    assert not bench.of("error")


def test_a_login_that_is_needed_is_said_and_waited_for(bench: Bench, logged_errors: Any) -> None:
    kit = bench.kit
    kept, other = grant(kit), kit.venue.authorise((USD_ACCOUNT,))
    store, _ = from_the_store(bench, kept, accounts=account() + account(USD_ACCOUNT, token=other.access_token))
    kit.advance(10)
    kit.venue.registry.revoke(kit.venue.registry.grant_for(EUR_ACCOUNT), for_good=True)
    kit.play("disconnect_account", account_id=EUR_ACCOUNT)
    kit.advance(120)
    state = [d for d in bench.of("account") if d["account"] == EUR_ACCOUNT][-1]
    assert state["state"] == "needs login" and "ctrader login" in state["remedy"]
    (error,) = [error for error in bench.of("error") if error["account"] == EUR_ACCOUNT]
    assert error["problem"] == state["reason"] and "ctrader login" in error["remedy"]
    assert any("account[1]" in line and "ctrader login" in line for line in refusals(bench, logged_errors))
    assert not bench.left and not bench.stopped, "it waits"
    fresh = kit.venue.authorise((EUR_ACCOUNT,))
    kit.settle(
        store.save(Grant("default", fresh.access_token, fresh.refresh_token, accounts=(GrantedAccount(EUR_ACCOUNT),)))
    )
    assert USD_ACCOUNT in {d["account"] for d in bench.output.documents[-10:]}, "the other one runs on"
    mark = len(bench.output.documents)
    kit.advance(20)
    assert EUR_ACCOUNT in {d["account"] for d in bench.output.documents[mark:] if d["event"] == "quote"}


def test_an_account_that_no_grant_opens_waits_for_one_from_the_start(bench: Bench, logged_errors: Any) -> None:
    kit = bench.kit
    store, _ = from_the_store(bench, grant(kit, account_ids=(USD_ACCOUNT,)), accounts=account() + account(USD_ACCOUNT))
    kit.advance(30)
    assert {quote["account"] for quote in bench.of("quote")} == {USD_ACCOUNT}
    (error,) = bench.of("error")
    assert error["account"] == EUR_ACCOUNT and "ctrader login" in error["remedy"]
    refusals(bench, logged_errors)
    kit.settle(store.save(grant(kit, "second")))
    kit.advance(10)
    assert {quote["account"] for quote in bench.of("quote")} == {EUR_ACCOUNT, USD_ACCOUNT}


def test_a_token_store_that_cannot_be_read_ends_the_daemon_before_anything_connects(
    bench: Bench, tmp_path: Path, logged_errors: Any
) -> None:
    (tmp_path / "tokens.json").write_text("{hush", "utf-8")
    (tmp_path / "tokens.json").chmod(0o600)
    keeper = TokenKeeper(FileTokenStore(tmp_path / "tokens.json", bench.kit.clock), bench.kit.clock)
    bench.start(environ={**ENVIRON, "CTRADER_ACCESS_TOKEN": ""}, tables="[tokens]", tokens=keeper)
    (logged,) = refusals(bench, logged_errors)
    assert "tokens.json" in logged
    assert (bench.left, bench.stopped) == ([1], 1) and bench.kit.venue._accepted == 0


def test_a_token_store_that_cannot_be_read_for_a_while_is_complained_of_once(bench: Bench, logged_errors: Any) -> None:
    class Moody(MemoryTokenStore):
        broken = False

        def load(self) -> Deferred[dict[str, Grant]]:
            return fail(TokenStoreError("here", "broken", "Mend it")) if self.broken else super().load()

    kit = bench.kit
    store = Moody([grant(kit, account_ids=(USD_ACCOUNT,))])
    keeper = TokenKeeper(store, kit.clock)
    bench.start(environ={**ENVIRON, "CTRADER_ACCESS_TOKEN": ""}, tables="[tokens]", tokens=keeper)
    store.broken = True
    kit.advance(60)
    assert [line for line in refusals(bench, logged_errors) if "here: broken" in line] == ["here: broken. Mend it"]
    store.broken = False
    kit.settle(store.save(grant(kit, "second")))
    kit.advance(20)
    assert bench.of("quote")


def test_a_refresh_that_is_under_way_at_the_end_is_waited_for(bench: Bench) -> None:
    kit = bench.kit
    first = grant(kit)
    store, _ = from_the_store(bench, first)
    kit.advance(SHORT - 610)
    kit.play("delay_answers", delay=0.7, seconds=60.0)
    kit.advance(10.5)
    assert stored(kit, store).refresh_began_at is not None, "under way"
    assert bench.stop() < 5
    second = stored(kit, store)
    assert second.refresh_began_at is None and second.access_token != first.access_token


def test_a_refresh_that_is_never_answered_holds_up_the_end_for_a_few_seconds(bench: Bench, logged_errors: Any) -> None:
    kit = bench.kit
    first = grant(kit)
    store, _ = from_the_store(bench, first)
    kit.advance(SHORT - 610)
    kit.play("fall_silent")
    kit.advance(10.5)
    assert 5 < bench.stop() < 10
    given_up, logged = refusals(bench, logged_errors)
    assert "They may be lost" in given_up
    assert 'the tokens of grant "default" were not refreshed' in logged
    assert stored(kit, store).access_token == first.access_token
    assert stored(kit, store).refresh_began_at is not None, "the mark tells that it may be spent"
