"""Services of the user's own, in the daemon."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.application.service import Service
from twisted.internet.defer import Deferred

from ctrader_twisted.account import Safety
from ctrader_twisted.errors import SafetyRefused, TradingHalted
from ctrader_twisted.market import Lots, Money
from ctrader_twisted.sim.testing import EUR_ACCOUNT
from tests.paths import ROOT
from tests.service.benches import Bench, account


class Recorded(Service):
    """A user service that takes its time."""

    def __init__(self, client: Any, settings: Any) -> None:
        self.client, self.settings = client, settings
        self.happened: list[str] = []
        self.end: Deferred[None] | None = None

    def startService(self) -> None:
        Service.startService(self)
        self.happened.append("started")

    def stopService(self) -> Deferred[None] | None:
        Service.stopService(self)
        self.happened.append("stopped while " + self.client.state.value)
        return self.end


def test_a_user_service_gets_a_client_and_its_settings(bench: Bench) -> None:
    made: list[Recorded] = []

    def make(client: Any, settings: Any) -> Recorded:
        made.append(Recorded(client, settings))
        return made[-1]

    bench.start(factories=(make,))
    bench.kit.advance(5)
    (service,) = made
    assert service.settings == {"step": 5} and service.client is bench.client
    assert bench.stop() < 1
    assert service.happened == ["started", "stopped while ready"]


def test_what_a_user_service_trades_keeps_to_the_limits_of_the_configuration(bench: Bench) -> None:
    made: list[Any] = []

    def make(client: Any, settings: Any) -> Recorded:
        made.append(client.account(EUR_ACCOUNT, aliases={"euro": "EURUSD"}, safety=Safety(max_volume=Lots(5))))
        return Recorded(client, settings)

    limits = '[account.safety]\nsymbols = ["euro"]\nmax_volume = 0.2\nmax_positions = 2\nmax_exposure = "90000 EUR"\n'
    bench.start(account() + limits, factories=(make,))
    (trading,) = made
    kit = bench.kit
    kit.settle(trading.ready())
    assert trading.safety == Safety(frozenset({"euro"}), Lots("0.2"), None, Money(90_000, "EUR"), 2)
    for asked, limit in (
        (("EURUSD", Lots("0.21")), "max_volume"),
        (("XAUUSD", Lots("0.01")), "symbols"),
    ):
        with pytest.raises(SafetyRefused) as refused:
            kit.settle(trading.buy(*asked).accepted())
        assert refused.value.limit == limit
    kit.settle(trading.buy("EURUSD", Lots("0.2")).filled())
    kit.settle(trading.buy("euro", Lots("0.2")).filled())
    with pytest.raises(SafetyRefused) as refused:
        kit.settle(trading.buy("EURUSD", Lots("0.01")).accepted())
    assert refused.value.limit == "max_positions"
    bench.client.account(EUR_ACCOUNT, safety=Safety(max_positions=50))
    with pytest.raises(SafetyRefused):
        kit.settle(trading.buy("EURUSD", Lots("0.01")).accepted())
    for order in trading.close_all():
        kit.settle(order.filled())
    kit.advance(1)
    assert not trading.positions
    assert bench.client.account(EUR_ACCOUNT) is trading and trading.safety.max_positions == 2
    bench.client.limit(EUR_ACCOUNT, Safety(halted=True))
    with pytest.raises(TradingHalted):
        kit.settle(trading.buy("EURUSD", Lots("0.01")).accepted())


def test_what_a_user_service_trades_is_called_as_the_configuration_says(bench: Bench) -> None:
    made: list[Any] = []

    def make(client: Any, settings: Any) -> Recorded:
        # The limits of the configuration speak of its own "euro": no service can make another symbol of that.
        made.append(client.account(EUR_ACCOUNT, aliases={"Euro": "XAUUSD", "gold": "XAUUSD"}))
        return Recorded(client, settings)

    tables = '[account.aliases]\neuro = "EURUSD"\nDollar = "USDJPY"\n[account.safety]\nsymbols = ["euro"]\n'
    bench.start(account() + tables, factories=(make,))
    (trading,) = made
    kit = bench.kit
    kit.settle(trading.ready())

    def means(name: str) -> str:
        return str(kit.settle(trading.symbol(name)).name)

    assert [means(name) for name in ("euro", "EURO", "gold", "dollar")] == ["EURUSD", "EURUSD", "XAUUSD", "USDJPY"]
    with pytest.raises(SafetyRefused):
        kit.settle(trading.buy("gold", Lots("0.01")).accepted())
    kit.settle(trading.buy("Euro", Lots("0.01")).filled())
    assert bench.client.account(EUR_ACCOUNT, aliases={"EURO": "XAUUSD", "yen": "USDJPY"}) is trading
    assert [means(name) for name in ("euro", "gold", "yen")] == ["EURUSD", "XAUUSD", "USDJPY"]
    bench.client.alias(EUR_ACCOUNT, {"euro": "EURJPY"})
    assert [means(name) for name in ("euro", "dollar", "gold")] == ["EURJPY", "USDJPY", "XAUUSD"]


def test_without_limits_in_the_configuration_a_service_sets_its_own(bench: Bench) -> None:
    bench.start()
    trading = bench.client.account(EUR_ACCOUNT, safety=Safety(max_positions=1))
    assert trading.safety == Safety(max_positions=1)
    bench.client.account(EUR_ACCOUNT, safety=Safety())
    assert trading.safety == Safety()


def test_a_user_service_that_does_not_stop_is_not_waited_for(bench: Bench) -> None:
    slow = Recorded(None, None)
    slow.client = type("", (), {"state": type("", (), {"value": "whatever"})})
    slow.end = Deferred()
    bench.start(factories=(lambda client, settings: slow,))
    bench.kit.advance(1)
    assert 1 < bench.stop() < 5
    assert any("a user service did not end within" in line for line in bench.log)


@pytest.mark.parametrize("when", ["made", "started", "not a service"])
def test_a_user_service_that_fails_ends_the_daemon(bench: Bench, logged_errors: Any, when: str) -> None:
    class Failing(Service):
        def startService(self) -> None:
            raise ZeroDivisionError("theirs")

    def make(client: Any, settings: Any) -> Any:
        if when == "made":
            raise ZeroDivisionError("theirs")
        return Failing() if when == "started" else object()

    bench.start(factories=(make,))
    assert (bench.left, bench.stopped) == ([1], 1)
    assert logged_errors.flush(ZeroDivisionError, TypeError)
    assert bench.kit.venue._accepted == 0, "nothing was connected"


def test_the_example_service_listens_along(bench: Bench) -> None:
    import importlib.util

    spec = importlib.util.spec_from_file_location("print_spread", ROOT / "examples" / "print_spread.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    bench.start(factories=(lambda client, settings: module.make(client, {"widest": "0.00001"}),))
    bench.kit.advance(30)
    assert any("a spread of" in line for line in bench.log)
    assert bench.stop() < 1
