"""A venue that is saved and loaded goes on as if nothing had happened; a damaged state is refused."""

from __future__ import annotations

import copy
import json
import os
from typing import TYPE_CHECKING, Any

import pytest
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock

from ctrader_twisted import messages
from ctrader_twisted.errors import ConfigurationError
from ctrader_twisted.sim import Grant, Limits, Options, TradingAccount, Venue
from ctrader_twisted.sim.accounts import default_accounts
from ctrader_twisted.sim.config import Settings, read
from ctrader_twisted.sim.service import SAVE_EVERY, VenueService
from ctrader_twisted.sim.testing import (
    ACCESS_TOKEN,
    DEFAULT_START,
    EUR_ACCOUNT,
    REFRESH_TOKEN,
    USD_ACCOUNT,
    VenueKit,
    WireClient,
)
from ctrader_twisted.sim.trading.state import StateError
from ctrader_twisted.sim.trading.state_file import StateFile, read_file, write_texts
from tests.sim.traded import BUY, FILLED, LIMIT, SELL, STOP, a_past, carried_out, filled, new_order, questions
from tests.sim.venues import EURUSD, GBPUSD, XAUUSD, account_auth, of_account, with_account, with_application

if TYPE_CHECKING:
    from pathlib import Path

UNLIMITED = Limits(general=0, historical=0)


def trading_kit(state: Any = None, **settings) -> VenueKit:
    options = settings.pop("options", Options(inactivity=0, heartbeat=0))
    return VenueKit(limits=UNLIMITED, options=options, state=state, **settings)


def saved(kit: VenueKit) -> Any:
    """A venue's state, as it comes back from a file."""
    return json.loads(json.dumps(kit.venue.save_state()))


def listener(kit: VenueKit) -> WireClient:
    client = with_account(kit)
    client.received.clear()
    client.raw.clear()
    return client


# ------------------------------------------------------------------------------------------------- it goes on


def test_a_loaded_venue_answers_the_same():
    with trading_kit() as kit:
        client = with_account(kit)
        ids = a_past(kit, client)
        state = saved(kit)
        asked = questions(kit.venue.now(), ids)
        before = [client.ask(question) for question in asked]
        now = kit.venue.now()
    with trading_kit(state) as kit:
        assert kit.venue.now() == now
        client = with_account(kit)
        assert [client.ask(question) for question in asked] == before
        again = saved(kit)
        assert again.pop("grants") != state["grants"]  # tokens that were never replaced begin anew
        assert again == {name: value for name, value in state.items() if name != "grants"}


def test_a_loaded_venue_does_and_says_the_same_to_the_byte():
    """The hour around the end of a day: levels are hit, stops trail, orders are filled and expire, swap is charged."""

    def began(kit: VenueKit) -> None:
        client = with_account(kit)
        quote = kit.venue.exchange.quote(EURUSD)
        bid, ask = quote.bid / 100_000, quote.ask / 100_000
        filled(kit, client, volume=5_000_000, relativeStopLoss=80, relativeTakeProfit=300, trailingStopLoss=True)
        filled(kit, client, volume=1_000_000)
        filled(kit, client, symbolId=XAUUSD, volume=1_000, tradeSide=SELL, relativeStopLoss=300_000)
        for number, away in enumerate((0.0002, 0.0004, 0.001, 0.003)):
            till = {"timeInForce": 1, "expirationTimestamp": kit.venue.now() + (20 + number) * 60_000}
            below = new_order(orderType=LIMIT, limitPrice=round(bid - away, 5), relativeStopLoss=50, **till)
            above = new_order(orderType=STOP, stopPrice=round(ask + away, 5), stopTriggerMethod=3, **till)
            carried_out(kit, client, below)
            carried_out(kit, client, above)
        client.close()

    def goes_on(kit: VenueKit) -> tuple[bytes, list[Any]]:
        client = listener(kit)
        kit.advance(1_200)
        kit.play("deposit", amount=500, account_id=EUR_ACCOUNT)
        client.send(new_order(symbolId=GBPUSD, tradeSide=SELL, volume=20_000_000), "again")
        kit.advance(900)
        events = [one for one in client.take() if isinstance(one, messages.ProtoOAExecutionEvent)]
        for name in ("Reconcile", "DealList", "OrderList"):
            client.ask(of_account(name))
        return bytes(client.raw), events

    with trading_kit(start=DEFAULT_START + 41_700_000) as kit:  # 20:35; swap is charged at 20:59
        began(kit)
        kit.advance(60)
        state = saved(kit)
        never_saved, events = goes_on(kit)
    with trading_kit(state) as kit:
        loaded, _ = goes_on(kit)
    kinds = {event.executionType for event in events}
    types = messages.ProtoOAExecutionType
    assert kinds >= {types.ORDER_FILLED, types.ORDER_EXPIRED, types.SWAP, types.DEPOSIT_WITHDRAW, types.ORDER_ACCEPTED}
    assert loaded == never_saved


def test_saving_changes_nothing():
    def said(save: bool) -> bytes:
        with trading_kit() as kit:
            client = listener(kit)
            for number in range(20):
                client.send(new_order(volume=100_000 * (1 + number), relativeStopLoss=50), str(number))
                for _ in range(10):
                    kit.advance(0.05)
                    if save:
                        kit.venue.save_state()
            kit.advance(60)
            return bytes(client.raw)

    assert said(True) == said(False)


@pytest.mark.parametrize("after", [0.0, 0.139, 0.141, 0.147, 0.149, 1.0, 1.139, 1.141, 1.15, 1.157, 1.159, 2.0])
def test_at_whatever_moment_it_is_saved_the_same_comes_of_it(after):
    """A market order with levels, closed a second later: saved before, between and after each of its events."""

    def outcome(kit: VenueKit, client: WireClient) -> Any:
        position = client.ask(of_account("OrderList")).order[-1].positionId
        reconciled = client.ask(of_account("Reconcile", returnProtectionOrders=True))
        deals = client.ask(of_account("DealList")).deal
        orders = client.ask(of_account("OrderListByPositionId", positionId=position)).order
        statuses = [(one.orderId, one.orderStatus, one.executedVolume) for one in orders]
        return len(deals), statuses, len(reconciled.position), [one.orderType for one in reconciled.order]

    def through(kit: VenueKit, client: WireClient, first: float, last: float) -> None:
        """Do what falls between two moments of the story: half-open, the end not included."""
        story = [
            (0.0, lambda: new_order(relativeStopLoss=1_000, relativeTakeProfit=1_000)),
            (1.0, lambda: of_account("ClosePosition", positionId=kit.venue.exchange.ids.positions, volume=100_000)),
        ]
        now = first
        for at, command in story:
            if first <= at < last:
                kit.advance(at - now)
                client.send(command(), "command")
                now = at
        kit.advance(last - now)

    with trading_kit() as kit:
        client = with_account(kit)
        through(kit, client, 0.0, after)
        state = saved(kit)
    with trading_kit(state) as kit:
        client = with_account(kit)
        kit.advance(0.2)  # what was under way is done at once
        through(kit, client, after, after + 0.0001)
        through(kit, client, after + 0.0001, 4.0)
        cut = outcome(kit, client)
        assert not [one for one in kit.venue.exchange.desk(EUR_ACCOUNT).ledger.orders.values()]
    with trading_kit() as kit:
        client = with_account(kit)
        through(kit, client, 0.0, 4.0)
        assert outcome(kit, client) == cut
    assert cut[0] == 2
    assert cut[2:] == (0, [])


def test_a_stop_that_has_seen_one_of_its_two_ticks_still_waits_for_one():
    with trading_kit(options=Options(inactivity=0, fill="best")) as kit:
        client = with_account(kit)
        desk = kit.venue.exchange.desk(EUR_ACCOUNT)
        quote = kit.venue.exchange.quote(EURUSD)
        stop = round((quote.ask + 1) / 100_000, 5)
        carried_out(kit, client, new_order(orderType=STOP, stopPrice=stop, stopTriggerMethod=3), 0.0)
        for _ in range(10_000):
            if desk.state()["stops_once"]:
                break
            kit.advance(0.05)
        state = saved(kit)
        assert state["accounts"][0]["desk"]["stops_once"]
        client.take()
        kit.advance(120)
        expected = client.take(messages.ProtoOAExecutionEvent)
    with trading_kit(state, options=Options(inactivity=0, fill="best")) as kit:
        client = with_account(kit)
        kit.advance(120)
        assert client.take(messages.ProtoOAExecutionEvent) == expected
    assert [event.executionType for event in expected] == [FILLED]


def test_a_margin_call_that_was_told_is_not_told_again():
    with trading_kit() as kit:
        client = with_account(kit)
        filled(kit, client, volume=10_000_000)
        kit.play("withdraw", amount=9_100, account_id=EUR_ACCOUNT)  # 1000 of margin, and 900 or so of equity
        kit.advance(1)
        assert len(client.take(messages.ProtoOAMarginCallTriggerEvent)) == 1
        state = saved(kit)
    with trading_kit(state) as kit:
        client = with_account(kit)
        kit.advance(60)
        assert not client.take(messages.ProtoOAMarginCallTriggerEvent)
    for one in state["accounts"]:
        one["desk"].update(calls_told=[], calls_below=[])
    with trading_kit(state) as kit:  # or it would be
        client = with_account(kit)
        kit.advance(60)
        assert len(client.take(messages.ProtoOAMarginCallTriggerEvent)) == 1


def test_what_falls_due_while_nothing_runs_is_made_up_for():
    with trading_kit() as kit:
        client = with_account(kit)
        position = filled(kit, client, volume=10_000_000).position
        expiry = kit.venue.now() + 3_600_000
        till = {"timeInForce": 1, "expirationTimestamp": expiry}
        carried_out(kit, client, new_order(orderType=LIMIT, limitPrice=0.5, **till))
        state = saved(kit)
    three_days_on = DEFAULT_START + 3 * 86_400_000  # Tuesday to Friday, 9:00
    with trading_kit(state, start=three_days_on) as kit:
        assert kit.venue.now() == three_days_on
        client = with_account(kit)
        client.take()
        kit.advance(1)
        reconciled = client.ask(of_account("Reconcile"))
        quote = kit.venue.feed.quote(EURUSD, three_days_on)
        rate = (quote.bid + quote.ask) / 200_000
    assert not reconciled.order
    (held,) = reconciled.position
    assert held.positionId == position.positionId
    # Tuesday's swap, Wednesday's, which is that of three days, and Thursday's, at the prices of this moment.
    cents = [100_000 * -1.106 * 0.0001 * periods / rate * 100 for periods in (1, 3, 1)]
    assert held.swap == sum(round(amount) for amount in cents) < -4_000


def test_time_does_not_go_back_behind_the_state():
    with trading_kit() as kit:
        kit.advance(1_000)
        state = saved(kit)
    venue = Venue(Clock(), start=DEFAULT_START, state=state)
    assert venue.now() == DEFAULT_START + 1_000_000
    assert (venue.began_at, venue.opened_at) == (DEFAULT_START, DEFAULT_START - 30 * 86_400_000)


def test_what_a_script_changed_is_still_changed():
    with trading_kit() as kit:
        kit.play("change_symbol", symbol="EURUSD", mode="close only")
        kit.play("change_leverage", leverage=30)
        kit.play("change_access", rights="close only", account_id=USD_ACCOUNT)
        wanted = messages.ProtoOAMarginCall(marginCallType=61, marginLevelThreshold=150.0)
        with_account(kit).ask(of_account("MarginCallUpdate", marginCall=wanted))
        state = saved(kit)
    assert state["symbols"] == {"1": 3}
    with trading_kit(state) as kit:
        client = with_account(kit)
        assert client.ask(of_account("SymbolById", symbolId=[EURUSD])).symbol[0].tradingMode == 3
        assert client.ask(of_account("Trader")).trader.leverageInCents == 3_000
        assert client.ask(of_account("MarginCallList")).marginCall[0].marginLevelThreshold == 150.0
        assert kit.venue.registry.accounts[USD_ACCOUNT].access_rights == 1


def test_an_account_may_be_added():
    with trading_kit() as kit:
        a_past(kit, with_account(kit))
        state = saved(kit)
    added = TradingAccount(7, 7, balance=5_000)
    with trading_kit(state, accounts=[*default_accounts(), added]) as kit:
        flows = [flow for desk in kit.venue.exchange.desks.values() for flow in desk.ledger.cash_flow]
        assert len({flow.flow_id for flow in flows}) == len(flows) == 5
        assert kit.venue.exchange.desk(7).ledger.cash_flow[0].delta == 5_000


# ------------------------------------------------------------------------------------------------- grants


def test_tokens_that_were_replaced_stay_replaced():
    with trading_kit() as kit:
        client = with_application(kit)
        pair = client.ask(messages.ProtoOARefreshTokenReq(refreshToken=REFRESH_TOKEN))
        consented = kit.venue.authorise([USD_ACCOUNT])
        state = saved(kit)
    with trading_kit(state) as kit:
        client = with_application(kit)
        assert client.ask(account_auth()).errorCode == "CH_ACCESS_TOKEN_INVALID"
        assert isinstance(client.ask(account_auth(access_token=pair.accessToken)), messages.ProtoOAAccountAuthRes)
        other = client.ask(account_auth(USD_ACCOUNT, consented.access_token))
        assert isinstance(other, messages.ProtoOAAccountAuthRes)
        again = client.ask(messages.ProtoOARefreshTokenReq(refreshToken=pair.refreshToken))
        assert again.accessToken not in (pair.accessToken, ACCESS_TOKEN)


def test_tokens_of_another_configuration_are_those_of_the_configuration():
    with trading_kit() as kit:
        with_application(kit).ask(messages.ProtoOARefreshTokenReq(refreshToken=REFRESH_TOKEN))
        kit.advance(100)
        state = saved(kit)
    grants = [Grant((EUR_ACCOUNT,), "new-access", "new-refresh")]
    with trading_kit(state, grants=grants) as kit:
        client = with_application(kit)
        assert isinstance(client.ask(account_auth(access_token="new-access")), messages.ProtoOAAccountAuthRes)
        (grant,) = kit.venue.registry.grants
        assert grant.number == 1  # and so the pair it is replaced with was never made before


def test_a_token_that_was_never_replaced_begins_anew():
    grants = [Grant((EUR_ACCOUNT,), lifetime=100.0)]
    with trading_kit(grants=grants) as kit:
        kit.advance(90)
        state = saved(kit)
    with trading_kit(state, grants=grants) as kit:
        kit.advance(50)
        assert isinstance(with_application(kit).ask(account_auth()), messages.ProtoOAAccountAuthRes)


# ------------------------------------------------------------------------------------------------- refused


def damaged(state: Any, path: str, value: Any) -> Any:
    """A state with one value replaced, or taken out if the value is `...`."""
    state = copy.deepcopy(state)
    *way, last = path.split("/")
    place = state
    for step in way:
        place = place[int(step) if isinstance(place, list) else step]
    if isinstance(place, list):
        last = int(last)
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return state


@pytest.fixture(scope="module")
def state() -> Any:
    with trading_kit() as kit:
        a_past(kit, with_account(kit))
        return saved(kit)


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        ("format", "something", "it is not the state of a venue"),
        ("version", 1, "it is of version 1, and this program knows version 2"),
        ("version", ..., "it is of version None"),
        ("seed", 2, "it was saved with seed 2, and the venue's is 1"),
        ("now", ..., "now is missing"),
        ("now", "x", 'now: "x" is not what belongs there'),
        ("now", -1, "now: -1 is not between"),
        ("ids", {}, "ids: orders is missing"),
        ("ids/orders", True, "ids: orders: true is not"),
        ("symbols", {"4711": 0}, "symbols: there is no symbol 4711"),
        ("symbols", {"x": 0}, "symbols: 'x' is no id"),
        ("symbols", {"1": 9}, "symbols: 9 is no trading mode"),
        ("books", {"1": [1, 2]}, "books.1: "),
        ("books/1/3", ["x"], "books.1: "),
        ("accounts/0/account_id", 5, "accounts[0]: account 5 is none of the venue's"),
        ("accounts/0/deposit_asset", "USD", "deposit_asset of account 1000001 was USD, and is EUR"),
        ("accounts/0/money_digits", 3, "money_digits of account 1000001 was 3, and is 2"),
        ("accounts/0/account_type", 1, "account_type of account 1000001 was 1, and is 0"),
        ("accounts/0/balance", 1.5, "accounts[0]: balance: 1.5 is not"),
        ("accounts/0/margin_calls/0", [1, 2], "accounts[0]: margin_calls: [1, 2] is not"),
        ("accounts/0/positions", ..., "accounts[0]: positions is missing"),
        ("accounts/0/positions/columns/0", "id", "accounts[0]: positions: id is not known"),
        ("accounts/0/positions/columns/0", "symbol_id", "accounts[0]: positions: position_id is missing"),
        ("accounts/0/positions/columns/0", [], "columns: [] is not"),
        ("accounts/0/positions/rows/0", [1], "row 0 does not have"),
        ("accounts/0/positions/rows/0/1", 4711, "there is no symbol 4711"),
        ("accounts/0/orders/rows/0/1", 1, "is about a position that is not there"),
        ("accounts/0/orders/rows", [], "is protected by an order that is not there"),
        ("accounts/0/deals/rows/0/0", 1, "closed one that is not there"),
        ("accounts/0/desk", {}, "accounts[0]: desk: calls_told is missing"),
        ("grants/rows/0/1", 3, "grants: row 0: access_token: 3 is not"),
        ("codes_made", None, "codes_made: null is not"),
    ],
)
def test_a_state_that_is_damaged_or_anothers_is_refused(state, path, value, problem):
    with pytest.raises(StateError) as refused:
        Venue(Clock(), state=damaged(state, path, value))
    assert problem in str(refused.value)


def test_the_whole_of_it_is_needed(state):
    assert Venue(Clock(), state=state).now() == state["now"]
    for name in state:
        with pytest.raises(StateError):
            Venue(Clock(), state=damaged(state, name, ...))


# ------------------------------------------------------------------------------------------------- the file


def write_file(path: Path, state: object) -> None:
    write_texts(path, [json.dumps(state)])


def test_a_file_is_its_owners_and_written_whole(tmp_path, state, monkeypatch):
    path = tmp_path / "state.json"
    assert read_file(path) is None
    (tmp_path / "state.json.new").write_text("left by one that was killed")
    write_file(path, state)
    assert read_file(path) == state
    assert path.stat().st_mode & 0o777 == 0o600
    assert os.listdir(tmp_path) == ["state.json"]

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_file(path, {"format": "half"})
    assert read_file(path) == state
    assert os.listdir(tmp_path) == ["state.json"]


def settings_for(folder: Path, more: str = "") -> Settings:
    file = folder / "venue.toml"
    file.write_text(f'[simulator]\nstate = "venue-state.json"\nstart = 2026-03-03T09:00:00Z\n{more}')
    return read(file)


def test_a_service_keeps_its_venue_in_the_file(tmp_path):
    settings = settings_for(tmp_path)
    path = tmp_path / "venue-state.json"
    assert settings.state == path
    reactor = MemoryReactorClock()
    service = VenueService(reactor, settings)
    service.startService()
    assert read_file(path)["now"] == DEFAULT_START  # at once: a file that can't be written is no surprise at the end
    service.venue.exchange.desk(EUR_ACCOUNT).money.deposit(77_700)
    reactor.advance(SAVE_EVERY)
    assert read_file(path)["accounts"][0]["balance"] == 1_077_700
    service.venue.exchange.desk(EUR_ACCOUNT).money.deposit(300)
    reactor.advance(10)
    service.stopService()
    assert read_file(path)["accounts"][0]["balance"] == 1_078_000
    assert not reactor.getDelayedCalls()

    again = VenueService(MemoryReactorClock(), settings)
    again.startService()
    assert again.venue.now() == DEFAULT_START + 70_000
    assert again.venue.registry.accounts[EUR_ACCOUNT].balance == 1_078_000
    again.stopService()


def test_a_file_says_what_the_state_says_however_often_it_is_written(tmp_path):
    with trading_kit() as kit:
        client = listener(kit)
        path = tmp_path / "state.json"
        file = StateFile(path)
        file.write(kit.venue)
        assert read_file(path) == kit.venue.save_state()
        ids = a_past(kit, client)
        file.write(kit.venue)
        assert read_file(path) == kit.venue.save_state()
        closing = of_account("ClosePosition", positionId=ids["position"], volume=100_000)
        client.send(closing, "close")
        for _ in range(40):  # emptied, and told to be closed a little later: its row changes once more
            kit.advance(0.005)
            file.write(kit.venue)
            assert read_file(path) == kit.venue.save_state()
        assert ids["position"] in kit.venue.exchange.desk(EUR_ACCOUNT).ledger.closed_positions


def test_what_is_finished_is_put_into_words_once(tmp_path, monkeypatch):
    from ctrader_twisted.sim.trading import state_file as module

    put: list[int] = []
    plain_rows = module.plain_rows

    def counted(rows: list[object]) -> object:
        put.append(len(rows))
        return plain_rows(rows)

    monkeypatch.setattr(module, "plain_rows", counted)
    with trading_kit() as kit:
        client = listener(kit)
        file = StateFile(tmp_path / "state.json")
        a_past(kit, client)
        file.write(kit.venue)
        assert sum(put) > 10
        put.clear()
        file.write(kit.venue)
        assert put == []


def test_two_venues_do_not_share_a_file(tmp_path):
    settings = settings_for(tmp_path)
    first, second = (VenueService(MemoryReactorClock(), settings) for _ in range(2))
    first.startService()
    first.venue.exchange.desk(EUR_ACCOUNT).money.deposit(77_700)
    with pytest.raises(ConfigurationError) as refused:
        second.startService()
    assert (refused.value.key, refused.value.file) == ("simulator.state", str(tmp_path / "venue.toml"))
    assert str(tmp_path / "venue-state.json") in refused.value.problem
    assert refused.value.remedy == "End the other venue, or name another file for this one."
    assert not second.running
    first.stopService()
    second.startService()
    assert second.venue.registry.accounts[EUR_ACCOUNT].balance == 1_077_700
    second.stopService()


def test_a_venue_that_cannot_begin_leaves_the_file_to_others(tmp_path):
    settings = settings_for(tmp_path)
    path = tmp_path / "venue-state.json"
    path.write_text("{")
    with pytest.raises(ConfigurationError):
        VenueService(MemoryReactorClock(), settings).startService()
    path.unlink()
    other = VenueService(MemoryReactorClock(), settings)
    other.startService()
    other.stopService()


def test_a_venue_without_a_file_keeps_nothing(tmp_path):
    reactor = MemoryReactorClock()
    service = VenueService(reactor, Settings(str(tmp_path / "venue.toml")))
    service.startService()
    reactor.advance(2 * SAVE_EVERY)
    service.stopService()
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "it is not JSON"),
        ("[]", "it is not the state of a venue"),
        ('{"format": "ctrader_twisted.sim state", "version": 7}', "it is of version 7"),
    ],
)
def test_a_file_that_is_no_state_is_refused_with_file_key_and_remedy(tmp_path, text, problem):
    settings = settings_for(tmp_path)
    (tmp_path / "venue-state.json").write_text(text)
    service = VenueService(MemoryReactorClock(), settings)
    with pytest.raises(ConfigurationError) as refused:
        service.startService()
    assert (refused.value.key, refused.value.file) == ("simulator.state", str(tmp_path / "venue.toml"))
    assert problem in refused.value.problem
    assert "move the file away" in refused.value.remedy
    assert (tmp_path / "venue-state.json").read_text() == text  # it is not overwritten


def test_a_state_of_another_seed_is_refused_and_kept(tmp_path, state):
    write_file(tmp_path / "venue-state.json", state)
    service = VenueService(MemoryReactorClock(), settings_for(tmp_path, "seed = 5"))
    with pytest.raises(ConfigurationError, match="saved with seed 1, and the venue's is 5"):
        service.startService()
    assert read_file(tmp_path / "venue-state.json") == state


def test_a_file_that_cannot_be_written_is_refused_at_the_start(tmp_path):
    settings = settings_for(tmp_path)
    reactor = MemoryReactorClock()
    service = VenueService(reactor, Settings(settings.file, state=tmp_path / "absent" / "state.json"))
    with pytest.raises(ConfigurationError, match=r"simulator\.state: .*can't be written: No such file"):
        service.startService()
    assert service.venue is None
    assert not reactor.getDelayedCalls()


def test_a_file_that_can_no_longer_be_written_ends_nothing(tmp_path, logged_errors, monkeypatch):
    said: list[str] = []
    reactor = MemoryReactorClock()
    service = VenueService(reactor, settings_for(tmp_path))
    service.startService()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    monkeypatch.setattr(service, "log", type("Log", (), {"error": lambda _, text, problem: said.append(problem)})())
    reactor.advance(SAVE_EVERY)
    reactor.advance(SAVE_EVERY)
    assert service.venue is not None
    service.stopService()
    assert len(said) == 3
    assert said[0].endswith("can't be written: No space left on device")


def test_a_replayed_file_goes_on_where_it_was(tmp_path):
    rows = [f"2026-03-03T09:{minute:02d}:00.000Z,EURUSD,1.1{minute:04d},1.1{minute + 2:04d}" for minute in range(60)]
    (tmp_path / "ticks.csv").write_text("timestamp,symbol,bid,ask\n" + "\n".join(rows) + "\n")
    file = tmp_path / "venue.toml"
    file.write_text('[simulator]\nstate = "venue-state.json"\n[simulator.replay]\npath = "ticks.csv"')
    clock = Clock()
    clock.rightNow = 1_800_000_000.0
    venue = read(file).venue(clock)
    clock.advance(600)
    assert venue.feed.quote(EURUSD, venue.now()).bid == 110_010
    write_file(tmp_path / "venue-state.json", venue.save_state())
    clock.advance(300)
    assert read(file).venue(clock).feed.quote(EURUSD, round(clock.seconds() * 1000)).bid == 110_015


# ------------------------------------------------------------------------------------------------- reproducible


def traded(seed: int, steps: tuple[float, ...]) -> bytes:
    """What a session says that trades every few seconds, its time passing in steps of one kind or another."""
    with trading_kit(seed=seed) as kit:
        client = listener(kit)
        client.send(of_account("SubscribeSpots", symbolId=[EURUSD, XAUUSD]), "spots")
        client.send(of_account("SubscribeDepthQuotes", symbolId=[EURUSD]), "depth")
        for number in range(12):
            side = BUY if number % 3 else SELL
            levels = {"relativeStopLoss": 50 + number, "trailingStopLoss": number % 2 == 0}
            client.send(new_order(tradeSide=side, volume=(1 + 9 * number) * 100_000, **levels), f"order-{number}")
            client.send(new_order(symbolId=XAUUSD, volume=100 * (1 + number), tradeSide=side), f"gold-{number}")
            for step in steps:
                kit.advance(step)
        client.ask(of_account("Reconcile"))
        client.ask(of_account("DealList"))
        return bytes(client.raw)


def test_one_seed_one_clock_and_the_same_commands_say_the_same_bytes():
    first = traded(1, (5.0,))
    assert first == traded(1, (5.0,))
    assert first == traded(1, (0.1,) * 50)
    assert first != traded(2, (5.0,))
    assert len(first) > 20_000
