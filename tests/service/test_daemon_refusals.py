"""Applications, accounts, tokens and symbols that are refused; outages, and losses on the way up."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred

from ctrader_twisted import messages
from ctrader_twisted.flight import Said, read
from ctrader_twisted.session.events import Ready
from ctrader_twisted.sim import script
from ctrader_twisted.sim.testing import ACCESS_TOKEN, EUR_ACCOUNT, USD_ACCOUNT
from ctrader_twisted.wire import catalogue
from tests.service.benches import ENVIRON, Bench, account, refusals

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_a_wrong_secret_is_the_applications_and_ends_the_daemon(bench: Bench, logged_errors: Any) -> None:
    bench.start(environ={**ENVIRON, "CTRADER_CLIENT_SECRET": "hush-wrong"})
    bench.kit.advance(300)
    (logged,) = refusals(bench, logged_errors)
    assert "refused the application" in logged and "CH_CLIENT_AUTH_FAILURE" in logged
    (error,) = bench.of("error")
    assert "the application was refused" in error["problem"] and "client id and secret" in error["remedy"]
    assert (bench.left, bench.stopped) == ([1], 1)
    assert bench.kit.venue._accepted == 1, "not hammered"


def test_a_wrong_token_is_the_accounts_and_the_others_run_on(bench: Bench, logged_errors: Any) -> None:
    bench.start(account(EUR_ACCOUNT, token="hush-wrong") + account(USD_ACCOUNT))
    bench.kit.advance(300)
    (logged,) = refusals(bench, logged_errors)
    assert logged.startswith(f"account[1]: account {EUR_ACCOUNT} on kit: the access token was refused")
    assert [error["account"] for error in bench.of("error")] == [EUR_ACCOUNT]
    assert {quote["account"] for quote in bench.of("quote")} == {USD_ACCOUNT}
    assert not bench.left and not bench.stopped
    states = [document["state"] for document in bench.of("account") if document["account"] == EUR_ACCOUNT]
    assert states.count("authorising") <= 2, "not hammered"


def test_an_account_the_token_does_not_open(bench: Bench, logged_errors: Any) -> None:
    bench.start(account(999))
    bench.kit.advance(60)
    (logged,) = refusals(bench, logged_errors)
    assert "the account was refused" in logged and "not the login" in logged
    assert (bench.left, bench.stopped) == ([1], 1), "it was the only one"


def test_an_account_of_the_other_environment(bench: Bench, logged_errors: Any) -> None:
    bench.kit.venue.registry.accounts[EUR_ACCOUNT].is_live = True
    bench.start(account(EUR_ACCOUNT) + account(USD_ACCOUNT))
    bench.kit.advance(60)
    (logged,) = refusals(bench, logged_errors)
    assert "the environment was refused" in logged and "It is a live account" in logged
    assert {quote["account"] for quote in bench.of("quote")} == {USD_ACCOUNT}


def test_the_same_code_in_an_outage_is_waited_for(bench: Bench) -> None:
    """CANT_ROUTE_REQUEST of an account that is where it belongs: its broker's back end is down."""
    account_of_the_venue = bench.kit.venue.registry.accounts[EUR_ACCOUNT]
    account_of_the_venue.is_live = True
    bench.start(live="true")
    bench.kit.advance(20)
    assert not bench.of("quote", "error") and not bench.stopped
    account_of_the_venue.is_live = False
    bench.kit.advance(60)
    assert bench.of("quote")


def test_a_long_outage_is_asked_about_ever_more_slowly(bench: Bench) -> None:
    bench.kit.venue.registry.accounts[EUR_ACCOUNT].is_live = True
    bench.start(live="true")
    bench.kit.advance(3600)
    attempts = [document for document in bench.of("account") if document["state"] == "authorising"]
    assert 60 <= len(attempts) <= 75, "at most once a minute in the end"
    bench.stop()  # in the middle of a wait: nothing may be left on the clock


def test_an_outage_that_begins_later_is_waited_for_too(bench: Bench) -> None:
    bench.start(live="true")
    bench.kit.advance(10)
    bench.kit.venue.registry.accounts[EUR_ACCOUNT].is_live = True
    bench.kit.venue.play(script.cut())
    bench.kit.advance(60)
    assert not bench.of("resynchronised") and not bench.stopped
    bench.kit.venue.registry.accounts[EUR_ACCOUNT].is_live = False
    bench.kit.advance(70)
    assert len(bench.of("resynchronised")) == 1
    assert len(bench.of("resynchronised")[0]["renewed"]) == 2


def test_a_token_that_is_invalidated_on_the_way(bench: Bench, logged_errors: Any) -> None:
    bench.start()
    bench.kit.advance(10)
    bench.kit.venue.play(script.invalidate_token())
    bench.kit.advance(100)
    (logged,) = refusals(bench, logged_errors)
    assert "the access token was refused" in logged
    assert "token invalid" in [document["state"] for document in bench.of("account")]
    assert (bench.left, bench.stopped) == ([1], 1)


def test_a_symbol_that_does_not_exist_costs_only_itself(bench: Bench) -> None:
    bench.start(account(symbols='["EURUSX", "USDJPY", "qqqqqq"]', more='bars = ["M1"]\ndepth = ["EURUSX"]'))
    bench.kit.advance(70)
    assert [error["problem"] for error in bench.of("error")] == [
        f'account {EUR_ACCOUNT} has no symbol "EURUSX"',
        f'account {EUR_ACCOUNT} has no symbol "qqqqqq"',
    ]
    assert bench.of("error")[0]["remedy"] == 'Did you mean "EURUSD"?'
    assert {document["symbol"] for document in bench.of("quote", "bar")} == {"USDJPY"}


def test_symbols_are_found_by_any_name_that_an_account_takes_and_told_by_the_brokers(
    bench: Bench, tmp_path: Path
) -> None:
    """In any case, with separators, by an alias: as in code. What is meant twice is asked for once."""
    more = 'bars = { "EURusd" = ["M1"], cable = ["M1"], "eurUSD" = ["M5"] }\ndepth = ["usd/JPY", "Yen"]\n'
    aliases = '[account.aliases]\nCable = "GBPUSD"\nyen = "USDJPY"\n'
    names = '["eurusd", "USD/jpy", "cable", "EURUSD", "yen"]'
    bench.start(account(symbols=names, more=more + aliases), tables="[flight_recorder]")
    bench.kit.advance(400)
    said = [entry for entry in read(tmp_path / "flight.jsonl") if isinstance(entry, Said)]
    for cls, ids in ((messages.ProtoOASubscribeSpotsReq, [1, 4, 2]), (messages.ProtoOASubscribeDepthQuotesReq, [4])):
        asked = [entry.payloads[0] for entry in said if entry.payload_type == catalogue.payload_type(cls)]
        assert [list(cls.FromString(payload).symbolId) for payload in asked] == [ids]
    assert not bench.of("error")
    assert {quote["symbol"] for quote in bench.of("quote")} == {"EURUSD", "USDJPY", "GBPUSD"}
    assert {book["symbol"] for book in bench.of("depth")} == {"USDJPY"}
    assert {(bar["symbol"], bar["period"]) for bar in bench.of("bar")} == {
        ("EURUSD", "M1"),
        ("EURUSD", "M5"),
        ("GBPUSD", "M1"),
    }


def test_a_symbol_that_may_be_any_of_several_or_is_no_alias_of_one_says_so(bench: Bench) -> None:
    instruments = bench.kit.venue.instruments
    for number, name in ((901, "ACME.cash"), (902, "ACME.f")):
        instruments[number] = dataclasses.replace(instruments[1], symbol_id=number, name=name)
    more = '[account.aliases]\ngold = "XAUUSX"\n'
    bench.start(account(symbols='["EURUSD", "acme", "Gold", "qqqqqq"]', more=more))
    bench.kit.advance(10)
    said = [(error["problem"], error["remedy"]) for error in bench.of("error")]
    named = f"account {EUR_ACCOUNT}"
    assert said == [
        (
            f'{named}: "acme" may mean ACME.cash or ACME.f',
            "Write the whole name, or give the account an alias for it.",
        ),
        (f'{named} has no symbol "XAUUSX", which "Gold" is an alias of', 'Did you mean "XAUUSD"?'),
        (f'{named} has no symbol "qqqqqq"', "To see them all: ctrader symbols"),
    ]
    assert {quote["symbol"] for quote in bench.of("quote")} == {"EURUSD"}


def test_a_subscription_that_stands_already_costs_nothing(bench: Bench) -> None:
    def greedy(client: Any, settings: Any) -> Service:
        async def subscribe_first() -> None:
            await client.when_ready()
            await client.account_auth(ctidTraderAccountId=EUR_ACCOUNT, accessToken=ACCESS_TOKEN)
            await client.subscribe_spots(ctidTraderAccountId=EUR_ACCOUNT, symbolId=[1])

        Deferred.fromCoroutine(subscribe_first())
        return Service()

    bench.start(factories=(greedy,))
    bench.kit.advance(20)
    assert {quote["symbol"] for quote in bench.of("quote")} >= {"EURUSD", "USDJPY"}
    assert all(quote["bid"] and quote["ask"] for quote in bench.of("quote"))
    assert not bench.of("error")


def test_no_connection_is_waited_for(bench: Bench) -> None:
    bench.kit.refuse_connections()
    bench.start()
    bench.kit.advance(20)
    assert len(bench.of("disconnected")) > 2 and bench.of("disconnected")[0]["retry_in"] > 0
    bench.kit.accept_connections()
    bench.kit.advance(30)
    assert bench.of("quote")


def slow_from_the_beginning(bench: Bench) -> Callable[[Any, Any], Service]:
    """A user service that lets the venue be slow as soon as there is a connection."""

    def make(client: Any, settings: Any) -> Service:
        client.once(Ready, lambda _: bench.kit.venue.play(script.delay_answers(5.0, 20.0)))
        return Service()

    return make


def test_a_loss_while_an_account_is_brought_up(bench: Bench) -> None:
    bench.start(factories=(slow_from_the_beginning(bench),))
    bench.kit.advance(4)
    bench.kit.cut()
    bench.kit.advance(120)
    assert {quote["symbol"] for quote in bench.of("quote")} == {"EURUSD", "USDJPY"}
    assert not bench.of("error")


def test_an_end_while_symbols_are_asked_for(bench: Bench) -> None:
    bench.start(factories=(slow_from_the_beginning(bench),))
    bench.kit.advance(7)
    assert bench.of("account")[-1]["state"] == "authorised" and not bench.of("quote")
    assert bench.stop() < 5
    assert not any("Trying again" in line for line in bench.log)
