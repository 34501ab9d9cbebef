"""Uses of the asyncio client as users write them: what checks, and beside each ``type: ignore`` what does not."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, assert_type

from ctrader_twisted.aio import Account, Client, Feed, Order, connect, future, iterate
from ctrader_twisted.market import Lots, Pips, Quote
from ctrader_twisted.messages import ProtoOAExecutionEvent, ProtoOASpotEvent, ProtoOASymbolsListRes

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred

    from ctrader_twisted import EventStream


async def spot(event: ProtoOASpotEvent) -> None: ...


def execution(event: ProtoOAExecutionEvent) -> None: ...


async def connecting() -> None:
    async with connect(simulator=True) as client:
        assert_type(client, Client)
        account = await client.account()
        assert_type(account, Account)
    assert_type(await connect("ctrader.toml"), Client)
    connect(simulate=True)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


async def asking(client: Client) -> None:
    assert_type(await client.symbols_list(ctidTraderAccountId=1), ProtoOASymbolsListRes)
    await client.symbols_list(ctidTraderAccountId="1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.on(ProtoOASpotEvent, spot)
    client.on(ProtoOASpotEvent, spot, account_id=1, symbol_id=1)
    client.on(ProtoOASpotEvent, execution)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    async with client.events(ProtoOASpotEvent) as events:
        async for event in events:
            assert_type(event, ProtoOASpotEvent)


async def trading(account: Account) -> None:
    order = account.buy("EURUSD", Lots("0.1"), stop_loss=Pips(20))
    assert_type(order, Order)
    assert_type(await order.filled(), Order)
    assert_type(order.average_price, Decimal | None)
    account.buy("EURUSD", Lots(1), stop_loss=20)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    async with account.live.quotes("EURUSD") as quotes:
        assert_type(quotes, Feed[Quote])
        async for quote in quotes:
            assert_type(quote.bid, Decimal | None)
    assert_type(await account.live.quotes("EURUSD"), Feed[Quote])


async def in_deferreds(symbols: Deferred[ProtoOASymbolsListRes], stream: EventStream[ProtoOASpotEvent]) -> None:
    assert_type(await future(symbols), ProtoOASymbolsListRes)
    async for event in iterate(stream):
        assert_type(event, ProtoOASpotEvent)
