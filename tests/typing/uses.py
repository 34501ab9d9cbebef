"""What type checkers say of the public interface. Nobody runs this file: `ci/typing.sh` has pyright and mypy read it.

A line that is to be refused says by which rule; both checkers complain of such a word where there is nothing to refuse.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import assert_type

from twisted.internet.defer import Deferred

from ctrader_twisted import AccountChanged, EventStream, OpenApiClient
from ctrader_twisted.account import Account, Order
from ctrader_twisted.market import Lots, Pips, Quote
from ctrader_twisted.market.light import LightQuote
from ctrader_twisted.messages import (
    ProtoOAExecutionEvent,
    ProtoOASpotEvent,
    ProtoOASymbolsListRes,
    ProtoOATraderReq,
)


def spot(event: ProtoOASpotEvent) -> None:
    assert_type(event.bid, int)


def execution(event: ProtoOAExecutionEvent) -> None: ...


def light(quote: LightQuote) -> None:
    assert_type(quote.bid, int | None)


def changed(event: AccountChanged) -> None:
    assert_type(event.account_id, int)


async def listening(client: OpenApiClient) -> None:
    client.on(ProtoOASpotEvent, spot)
    client.on(ProtoOASpotEvent, execution)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.once(ProtoOAExecutionEvent, execution)
    client.once(ProtoOAExecutionEvent, spot)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.on(ProtoOASpotEvent, spot, account_id=1, symbol_id=1)
    client.on(ProtoOASpotEvent, execution, symbol_id=1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.on(LightQuote, light)
    client.on(AccountChanged, changed)
    client.on(AccountChanged, light)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    stream = client.events(ProtoOASpotEvent)
    assert_type(stream, EventStream[ProtoOASpotEvent])
    async for event in stream:
        assert_type(event, ProtoOASpotEvent)


async def asking(client: OpenApiClient) -> None:
    listed = client.symbols_list(ctidTraderAccountId=1)
    assert_type(listed, Deferred[ProtoOASymbolsListRes])
    assert_type((await listed).symbol[0].symbolId, int)
    client.symbols_list(ctidTraderAccountId="1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.symbols_list(account=1)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    ProtoOATraderReq(ctidTraderAccountId="1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def trading(account: Account) -> None:
    order = account.buy("EURUSD", Lots("0.1"), stop_loss=Pips(20))
    assert_type(order, Order)
    assert_type(await order.filled(), Order)
    assert_type(order.average_price, Decimal | None)
    account.buy("EURUSD", 0.1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    account.buy("EURUSD", Lots(1), stop_los=Pips(20))  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    account.buy("EURUSD", Lots(1), stop_loss=20)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    assert_type(account.equity, Decimal | None)
    assert_type(account.symbols, tuple[str, ...])
    assert_type(await account.quote("EURUSD"), Quote)
    assert_type(order.executed_lots, Lots | None)
    assert_type(order.fills[0].time, datetime)
