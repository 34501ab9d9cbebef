"""Thousands of random schedules of faults, and what must hold after each: nothing lost, nothing twice, nothing left."""

from __future__ import annotations

import gc
import sys
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, event, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from ctrader_twisted import messages, refreshing
from ctrader_twisted.sim import Limits, Options, script
from ctrader_twisted.wire.choice import Wire
from tests.healing.world import ACCOUNTS, GRANTED, SYMBOLS, TRADING, World

if TYPE_CHECKING:
    from ctrader_twisted.sim.script import NamedAction
    from tests.healing.world import Side

PASSING = ("CH_SERVER_NOT_REACHABLE", "CANT_ROUTE_REQUEST", "TIMEOUT_ERROR")
DROPPED = (
    None,
    "ProtoOAApplicationAuthReq",
    "ProtoOAAccountAuthReq",
    "ProtoOARefreshTokenReq",
    "ProtoOAReconcileReq",
    "ProtoOASubscribeSpotsReq",
    "ProtoOAUnsubscribeSpotsReq",
    "ProtoOASubscribeLiveTrendbarReq",
    "ProtoOAGetAccountListByAccessTokenReq",
    "ProtoOAAccountLogoutReq",
)

sides = st.integers(0, 1)
accounts = st.sampled_from(ACCOUNTS)
grants = st.sampled_from(tuple(GRANTED))
symbols = st.lists(st.sampled_from(SYMBOLS), min_size=1, max_size=3, unique=True)
timeouts = st.sampled_from((0.0, 0.05, 1.0, 5.0, 30.0))
spans = st.sampled_from((0.5, 2.0, 7.0, 25.0, 60.0, 100.0))
shares = st.floats(0, 1)

faults: st.SearchStrategy[NamedAction] = st.one_of(
    st.builds(script.close),
    st.builds(script.abort),
    st.builds(script.cut),
    st.builds(script.fall_silent, spans),
    st.builds(script.half_open, st.one_of(st.none(), spans)),
    st.builds(script.refuse_connections, spans),
    st.builds(script.stall_connections, spans),
    st.builds(script.drop_answers, st.integers(1, 4), st.sampled_from(DROPPED), spans),
    st.builds(script.delay_answers, st.sampled_from((0.2, 2.0, 12.0, 40.0)), spans),
    st.builds(script.stop_heartbeats, spans),
    st.builds(script.garbage),
    st.builds(script.overlong_frame),
    st.builds(script.unknown_payload_type),
    st.builds(
        script.maintenance,
        spans,
        st.sampled_from(("ProtoOAErrorRes", "ProtoErrorRes")),
        st.sampled_from(("accepted", "refused", "stalled")),
        st.one_of(st.none(), st.just(0.0), spans),
    ),
    st.builds(script.backend_down, spans, st.sampled_from(PASSING), st.one_of(st.none(), accounts)),
    st.builds(script.limit_history, spans),
    st.builds(
        script.refuse_application,
        st.sampled_from(("CH_SERVER_NOT_REACHABLE", "CONNECTIONS_LIMIT_EXCEEDED", "CHANNEL_IS_BLOCKED")),
        spans,
        st.booleans(),
    ),
    st.builds(
        script.disconnect_client,
        st.sampled_from(("", "Application was disconnected", "Blocked by administrator")),
        st.booleans(),
        st.one_of(st.just(0.0), spans),
    ),
    st.builds(script.disconnect_account, st.one_of(st.none(), accounts)),
    st.builds(
        script.invalidate_token,
        still_good=st.sampled_from(("refresh", "both", "nothing")),
        grant=st.one_of(st.none(), st.integers(1, 3)),
    ),
    st.builds(script.expire_tokens, st.one_of(st.none(), st.integers(1, 3)), st.booleans()),
)

_HISTORICAL = (messages.ProtoOAGetTrendbarsReq, messages.ProtoOADealListReq)


def _question(kind: int, account_id: int) -> Any:
    """Give a request of some kind: data, history, a command, one without an account."""
    match kind % 6:
        case 0:
            return messages.ProtoOATraderReq(ctidTraderAccountId=account_id)
        case 1:
            return messages.ProtoOAGetTrendbarsReq(ctidTraderAccountId=account_id, symbolId=1, period=1, count=3)
        case 2:
            return messages.ProtoOADealListReq(ctidTraderAccountId=account_id)
        case 3:
            return messages.ProtoOANewOrderReq(
                ctidTraderAccountId=account_id, symbolId=1, orderType=1, tradeSide=1, volume=1000
            )
        case 4:
            return messages.ProtoOAVersionReq()
        case _:
            return messages.ProtoOAReconcileReq(ctidTraderAccountId=account_id, returnProtectionOrders=True)


class Schedules(RuleBasedStateMachine):
    """Steps of a schedule; `teardown` lets all end and holds what became of it against the venue's own book."""

    world: World
    abrupt: bool
    """Whether it ends with everything closed in the middle of it all."""

    @initialize(
        clients=st.integers(1, 2),
        shared=st.booleans(),
        lifetime=st.sampled_from((2_592_000.0, 2_592_000.0, 400.0)),
        options=st.builds(
            Options,
            first_spot_before_response=st.booleans(),
            subscriptions_survive=st.booleans(),
            events_before_refresh=st.booleans(),
            invalidation_disconnects=st.booleans(),
            one_grant_per_user=st.booleans(),
            expired_code=st.sampled_from(("OA_AUTH_TOKEN_EXPIRED", "CH_ACCESS_TOKEN_INVALID")),
        ),
        quota=st.sampled_from((0, 0, 8)),
        wires=st.lists(st.sampled_from(Wire), min_size=1, max_size=2),
        wanted=st.lists(accounts, min_size=1, max_size=5, unique=True),
        subscribed=symbols,
        bars=st.booleans(),
        abrupt=st.sampled_from((False, False, False, True)),
    )
    def begin(
        self,
        clients: int,
        shared: bool,
        lifetime: float,
        options: Options,
        quota: int,
        wires: list[Wire],
        wanted: list[int],
        subscribed: list[int],
        bars: bool,
        abrupt: bool,
    ) -> None:
        gc.freeze()  # Hypothesis keeps much of each schedule: the world's many collections need not look at it
        self.world = World(
            clients=clients,
            shared=shared,
            lifetime=lifetime,
            options=options,
            limits=Limits(quota=quota, quota_window=60.0),
            wires=wires,
        )
        self.abrupt = abrupt
        for side in self.world.sides:
            for account_id in wanted:
                self.world.want(side, account_id)
        self.world.advance(2.0)
        for side in self.world.sides:
            for account_id in wanted:
                account = {"ctidTraderAccountId": account_id}
                side.ask(messages.ProtoOASubscribeSpotsReq(**account, symbolId=subscribed))
                if bars:
                    side.ask(messages.ProtoOASubscribeLiveTrendbarReq(**account, symbolId=subscribed[0], period=1))
        self.world.advance(0.1)

    def _side(self, number: int) -> Side:
        return self.world.sides[number % len(self.world.sides)]

    # Time, faults

    @rule(seconds=st.sampled_from((0.06, 0.6, 1.5, 4.0, 11.0, 31.0, 80.0, 200.0)))
    def pass_time(self, seconds: float) -> None:
        self.world.advance(seconds)

    @rule(fault=faults, seconds=st.sampled_from((0.0, 0.3, 1.0, 3.0)))
    def misbehave(self, fault: NamedAction, seconds: float) -> None:
        self.world.play(fault)
        self.world.advance(seconds)

    @rule(
        number=sides,
        account_id=accounts,
        delay=st.sampled_from((0.0, 0.3, 1.0, 4.0)),
        kinds=st.lists(st.integers(0, 5), max_size=2),
        seconds=st.sampled_from((0.2, 1.0, 1.4, 2.0, 4.0, 6.0)),
        ended=st.one_of(st.none(), symbols),
        traded=st.lists(st.integers(0, 4), max_size=2),
        given_up=st.sampled_from((False, False, False, True)),
    )
    def lose_an_account_and_meddle(
        self,
        number: int,
        account_id: int,
        delay: float,
        kinds: list[int],
        seconds: float,
        ended: list[int] | None,
        traded: list[int],
        given_up: bool,
    ) -> None:
        """Something is asked before it is lost, and something is done while it is being restored."""
        side = self._side(number)
        self.world.play(script.delay_answers(delay, 30.0))
        for kind in kinds:
            side.ask(_question(kind, account_id))
        self.world.advance(0.05)
        self.world.play(script.disconnect_account(account_id))
        self.world.advance(seconds)
        if ended is not None:
            side.ask(messages.ProtoOAUnsubscribeSpotsReq(ctidTraderAccountId=account_id, symbolId=ended))
        for choice in traded:
            self.world.trade(account_id, choice)
        if given_up:
            side.forget(account_id)
        self.world.advance(0.0)

    @rule(
        number=sides,
        account_id=accounts,
        kinds=st.lists(st.integers(0, 5), max_size=4),
        towards_client=shares,
        towards_venue=shares,
        turns=st.integers(0, 4),
    )
    def break_the_network(
        self,
        number: int,
        account_id: int,
        kinds: list[int],
        towards_client: float,
        towards_venue: float,
        turns: int,
    ) -> None:
        for kind in kinds:
            self._side(number).ask(_question(kind, account_id))
        self.world.cut_at_byte(towards_client, towards_venue, turns)

    @rule(seconds=spans, unreachable=st.booleans())
    def close_the_network(self, seconds: float, unreachable: bool) -> None:
        self.world.refuse(seconds, unreachable=unreachable)

    @rule(seconds=spans)
    def fill_the_store(self, seconds: float) -> None:
        self.world.fill_store(seconds)

    # Tokens and accounts

    @rule(name=grants, tells=st.booleans())
    def refresh_elsewhere(self, name: str, tells: bool) -> None:
        self.world.someone_refreshes(name, tells=tells)

    @rule(name=grants, number=sides)
    def log_in(self, name: str, number: int) -> None:
        self.world.log_in(name, self._side(number))

    @rule(number=sides, account_id=accounts)
    def authorise(self, number: int, account_id: int) -> None:
        self.world.want(self._side(number), account_id)
        self.world.advance(0.0)

    @rule(number=sides, account_id=accounts, timeout=st.one_of(st.none(), timeouts))
    def log_out(self, number: int, account_id: int, timeout: float | None) -> None:
        side = self._side(number)
        if timeout is None:
            side.forget(account_id)
        else:
            side.ask(messages.ProtoOAAccountLogoutReq(ctidTraderAccountId=account_id), timeout)
        self.world.advance(0.0)

    @rule(number=sides)
    def restart(self, number: int) -> None:
        self.world.restart(number % len(self.world.sides))

    # Requests

    @rule(number=sides, account_id=accounts, kind=st.integers(0, 5), timeout=timeouts, many=st.sampled_from((1, 3, 70)))
    def ask(self, number: int, account_id: int, kind: int, timeout: float, many: int) -> None:
        for _ in range(many):
            self._side(number).ask(_question(kind, account_id), timeout)
        self.world.advance(0.0)

    @rule(number=sides, account_id=accounts, kind=st.integers(0, 5))
    def ask_and_leave_it_on_its_way(self, number: int, account_id: int, kind: int) -> None:
        self._side(number).ask(_question(kind, account_id))

    @rule(number=sides, place=st.integers(0, 5))
    def cancel(self, number: int, place: int) -> None:
        waiting = [asked for asked in self._side(number).asked if not asked.outcomes]
        if waiting:
            asked = waiting[place % len(waiting)]
            asked.cancelled = True
            asked.waiter.cancel()
            assert asked.outcomes

    @rule(
        number=sides,
        account_id=accounts,
        kind=st.sampled_from(("spots", "depth", "bars")),
        symbol_ids=symbols,
        begin=st.booleans(),
        timeout=timeouts,
    )
    def subscribe(
        self, number: int, account_id: int, kind: str, symbol_ids: list[int], begin: bool, timeout: float
    ) -> None:
        side, account = self._side(number), {"ctidTraderAccountId": account_id}
        if kind == "bars":
            cls = messages.ProtoOASubscribeLiveTrendbarReq if begin else messages.ProtoOAUnsubscribeLiveTrendbarReq
            side.ask(cls(**account, symbolId=symbol_ids[0], period=1 + 8 * (len(symbol_ids) % 2)), timeout)
        elif kind == "depth":
            depth = messages.ProtoOASubscribeDepthQuotesReq if begin else messages.ProtoOAUnsubscribeDepthQuotesReq
            side.ask(depth(**account, symbolId=symbol_ids), timeout)
        else:
            spots = messages.ProtoOASubscribeSpotsReq if begin else messages.ProtoOAUnsubscribeSpotsReq
            side.ask(spots(**account, symbolId=symbol_ids), timeout)
        self.world.advance(0.0)

    @rule(account_id=accounts, choice=st.integers(0, 4))
    def trade(self, account_id: int, choice: int) -> None:
        self.world.trade(account_id, choice)

    # The end

    def teardown(self) -> None:
        world = self.__dict__.pop("world", None)
        if world is None:
            return
        failed = sys.exc_info()[0] is not None
        try:
            if not failed and not self.abrupt:
                took = world.settle()
                event(f"well after {int(took // 50) * 50} s more")
                world.settle_anew()
            if not failed:
                world.close()
        finally:
            world.leave()
        if not failed:
            world.check_left()


def _run(**given: Any) -> None:
    try:
        run_state_machine_as_test(
            Schedules,
            settings=settings(
                database=None,
                deadline=None,
                suppress_health_check=list(HealthCheck),
                phases=(Phase.generate, Phase.shrink),
                **given,
            ),
        )
    finally:
        gc.unfreeze()


@pytest.fixture(autouse=True)
def _trading(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(*TRADING)
    monkeypatch.setattr(refreshing, "REFRESH_TIMEOUT", 25.0)  # so that answers come late


def test_after_any_schedule_of_faults_everything_stands_or_says_why(logged_errors: Any) -> None:
    _run(max_examples=50, stateful_step_count=30, derandomize=True)
    logged_errors.flush()  # `World.check_log` has looked at each


@pytest.mark.soak
def test_after_thousands_of_schedules_of_faults_everything_stands_or_says_why(logged_errors: Any) -> None:
    for _ in range(10):  # in parts: what Hypothesis remembers of a run makes each collection slower
        _run(max_examples=300, stateful_step_count=50)
    logged_errors.flush()
