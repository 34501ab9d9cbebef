"""Several users' accounts over one connection, served by FastAPI: positions, bars, orders, and a stream of quotes.

As it is, it serves itself from a simulated venue, asks as two users, and ends. To serve it for real, behind TLS::

    CTRADER_CONFIG=ctrader.toml CTRADER_USERS=users.json \
        uvicorn --factory fastapi_accounts:from_environment --timeout-graceful-shutdown 5

``users.json`` says whose token opens which account: ``{"SHA-256 of the token, in hex": 1000001}``. A token is long and
random (``python -c "import secrets; print(secrets.token_urlsafe(32))"``), and only its user has it. One process, as
uvicorn has it unless told otherwise, serves everybody: each more would be one more connection to the server.

To try it by hand give it a simulated venue: the ``practice.toml`` of docs/tutorial.md. With the token ``secret``::

    python -c 'import hashlib, json; print(json.dumps({hashlib.sha256(b"secret").hexdigest(): 1000001}))' > users.json
    CTRADER_CONFIG=practice.toml CTRADER_USERS=users.json uvicorn --factory fastapi_accounts:from_environment
    curl -H "Authorization: Bearer secret" http://127.0.0.1:8000/account
    curl -H "Authorization: Bearer secret" http://127.0.0.1:8000/orders -H "Content-Type: application/json" \
        -d '{"side": "buy", "symbol": "EURUSD", "lots": "0.1", "stop_loss_pips": "20"}'
"""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, Literal

import httpx
import uvicorn
from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse, StreamingResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import AwareDatetime, BaseModel, Field

from ctrader_twisted.aio import Account, Client, Opening, Order, connect
from ctrader_twisted.errors import (
    ClientClosed,
    EventsDropped,
    LocalError,
    NeverArrived,
    OpenApiError,
    OrderEnded,
    OrderRefused,
    SafetyRefused,
    TradingHalted,
    UnknownSymbol,
)
from ctrader_twisted.market import Lots, Pips

PATIENCE = 10.0
"""Seconds that an answer waits for an order. It may take longer: then the answer says where it stands."""


class OrderRequest(BaseModel):
    """A market order."""

    side: Literal["buy", "sell"]
    symbol: str
    lots: Annotated[Decimal, Field(gt=0)]
    stop_loss_pips: Annotated[Decimal, Field(gt=0)] | None = None


def account_of(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())]
) -> Account:
    """Give the account of whoever asks: the only way to one here, so that nobody reaches another's."""
    account_id = request.app.state.users.get(sha256(credentials.credentials.encode()).hexdigest())
    if account_id is None:
        raise HTTPException(401, "no such token", {"WWW-Authenticate": "Bearer"})
    account: Account = request.app.state.accounts[account_id]
    return account


Mine = Annotated[Account, Depends(account_of)]
"""The account of whoever asks."""


def accounts_app(connecting: Opening[Client], users: Mapping[str, int]) -> FastAPI:
    """Make the application.

    :param connecting: what `connect` gives; it is entered when the application starts, and closed when it stops.
    :param users: which account (ctidTraderAccountId) a token opens, by the token's SHA-256 in hex.
    """
    accounts: dict[int, Account] = {}

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with connecting as client:
            for account_id in set(users.values()):
                accounts[account_id] = await client.account(account_id)
            yield

    app = FastAPI(title="Accounts", lifespan=lifespan)
    app.state.users, app.state.accounts = users, accounts

    @app.exception_handler(OpenApiError)
    async def refused(_: Request, error: OpenApiError) -> JSONResponse:
        return JSONResponse({"error": type(error).__name__, "detail": str(error)}, status_of(error))

    @app.get("/account")
    async def account(mine: Mine) -> dict[str, Any]:
        await mine.priced()
        return {"account_id": mine.account_id, "balance": str(mine.balance), "equity": str(mine.equity)}

    @app.get("/positions")
    async def positions(mine: Mine) -> list[dict[str, Any]]:
        return [
            {
                "position_id": position.position_id,
                "symbol_id": position.symbol_id,
                "side": position.side.name,
                "volume": position.volume,
                "price": str(position.price),
            }
            for position in mine.positions.values()
        ]

    @app.get("/bars/{symbol}")
    async def bars(mine: Mine, symbol: str, start: AwareDatetime, end: AwareDatetime, period: str = "H1") -> Any:
        table = await mine.bars(symbol, period, start, end)
        return [{"opened_ms": bar.opened, "close": str(bar.close)} for bar in table.rows()]

    @app.post("/orders")
    async def place(mine: Mine, asked: OrderRequest) -> JSONResponse:
        stop_loss = None if asked.stop_loss_pips is None else Pips(asked.stop_loss_pips)
        order = mine.market(asked.side, asked.symbol, Lots(asked.lots), stop_loss=stop_loss)
        patience = asyncio.timeout(PATIENCE)
        try:
            async with patience:
                await order.filled()
        except TimeoutError:
            if not patience.expired():
                raise  # an order that was not sent in time ends with a TimeoutError, too
            return JSONResponse(shown(order), 202)  # it goes on, and is not to be placed again: ask GET /orders/…
        return JSONResponse(shown(order), 201)

    @app.get("/orders/{client_order_id}")
    async def order(mine: Mine, client_order_id: str) -> dict[str, Any]:
        try:
            return shown(await mine.find(client_order_id))
        except NeverArrived as error:
            raise HTTPException(404, str(error)) from None

    @app.get("/quotes/{symbol}")
    async def quotes(mine: Mine, symbol: str) -> StreamingResponse:
        found = await mine.symbol(symbol)  # what is wrong is said now: a stream that has begun has its status

        async def events() -> AsyncIterator[str]:
            async with mine.live.quotes(found) as feed:  # closed when the listener goes
                while not feed.closed:
                    try:
                        async for quote in feed:
                            yield f"data: {json.dumps({'bid': str(quote.bid), 'ask': str(quote.ask)})}\n\n"
                    except EventsDropped:  # a slow listener misses the oldest
                        continue
                    except OpenApiError as error:  # the feed has ended with it, and the status is out
                        yield f"event: error\ndata: {json.dumps({'error': type(error).__name__})}\n\n"

        return StreamingResponse(events(), media_type="text/event-stream")

    return app


def status_of(error: OpenApiError) -> int:
    """Say whose fault an error is: the request's, the account's, or nobody's here (503: it may be repeated)."""
    if isinstance(error, UnknownSymbol):
        return 404
    if isinstance(error, OrderRefused | OrderEnded | SafetyRefused | TradingHalted):
        return 409  # an order that has ended otherwise may be executed in part
    return 400 if isinstance(error, LocalError) and not isinstance(error, ClientClosed) else 503


def shown(order: Order) -> dict[str, Any]:
    """Say where an order stands."""
    return {
        "client_order_id": order.client_order_id,
        "state": order.state.value,
        "executed": order.executed,
        "price": None if order.average_price is None else str(order.average_price),
    }


def from_environment() -> FastAPI:
    """Make the application that serves for real."""
    users = json.loads(Path(os.environ["CTRADER_USERS"]).read_text("utf-8"))
    return accounts_app(connect(os.environ["CTRADER_CONFIG"]), users)


async def main() -> None:
    """Serve a simulated venue's two accounts on a free port, and ask as their users."""
    ann, bob = "ann's token", "bob's token"
    users = {sha256(token.encode()).hexdigest(): number for token, number in ((ann, 1000001), (bob, 1000002))}
    config = uvicorn.Config(accounts_app(connect(simulator=True), users), port=0, log_level="warning")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.05)
    url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    print(f"serving on {url}")

    async with httpx.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {ann}"}, timeout=20) as web:
        order = {"side": "buy", "symbol": "EURUSD", "lots": "0.1", "stop_loss_pips": "20"}
        print((await web.post("/orders", json=order)).json())
        print("ann has", (await web.get("/positions")).json())
        print("bob has", (await web.get("/positions", headers={"Authorization": f"Bearer {bob}"})).json())
        print("nobody:", (await web.get("/positions", headers={"Authorization": "Bearer ?"})).status_code)
        span = {"start": "2026-03-02T09:00Z", "end": "2026-03-02T12:00Z"}
        print((await web.get("/bars/EURUSD", params=span)).json())
        async with web.stream("GET", "/quotes/EURUSD") as stream:
            lines = (line async for line in stream.aiter_lines() if line)
            print([await anext(lines) for _ in range(3)])

    server.should_exit = True
    await serving


if __name__ == "__main__":
    asyncio.run(main())
