"""Uses of the blocking client as users write them: what checks, and beside each ``type: ignore`` what does not."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import assert_type

from ctrader_twisted.blocking import Account, Client, Feed, LiveBook, Order, connect
from ctrader_twisted.history.tables import Bars
from ctrader_twisted.market import Lots, Pips, Quote
from ctrader_twisted.messages import ProtoOAExecutionEvent, ProtoOASpotEvent, ProtoOASymbolsListRes

BEGIN = datetime(2026, 1, 5, tzinfo=UTC)


def spot(event: ProtoOASpotEvent) -> None: ...


def execution(event: ProtoOAExecutionEvent) -> None: ...


def connecting() -> None:
    with connect(simulator=True) as client:
        assert_type(client, Client)
        assert_type(client.account(), Account)
    connect(simulate=True)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


def asking(client: Client) -> None:
    assert_type(client.symbols_list(ctidTraderAccountId=1), ProtoOASymbolsListRes)
    client.symbols_list(ctidTraderAccountId="1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.on(ProtoOASpotEvent, spot)
    client.on(ProtoOASpotEvent, spot, account_id=1, symbol_id=1)
    client.on(ProtoOASpotEvent, execution)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    for event in client.events(ProtoOASpotEvent):
        assert_type(event, ProtoOASpotEvent)


def trading(account: Account) -> None:
    order = account.buy("EURUSD", Lots("0.1"), stop_loss=Pips(20))
    assert_type(order, Order)
    assert_type(order.filled(), Order)
    assert_type(order.average_price, Decimal | None)
    account.buy("EURUSD", 0.1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    account.buy("EURUSD", Lots(1), stop_los=Pips(20))  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    account.balance = Decimal(1)  # type: ignore[assignment]  # pyright: ignore[reportAttributeAccessIssue]


def watching(account: Account) -> None:
    assert_type(account.bars("EURUSD", "H1", BEGIN), Bars)
    account.ticks("EURUSD", "buy", BEGIN)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    for bars in account.bars_by_page("EURUSD", "H1", BEGIN):
        assert_type(bars, Bars)
    with account.live.quotes("EURUSD") as quotes:
        assert_type(quotes, Feed[Quote])
        for quote in quotes:
            assert_type(quote.bid, Decimal | None)
    assert_type(account.live.book("EURUSD"), LiveBook)
