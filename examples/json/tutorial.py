"""The Open API without this library: JSON over WebSocket, with the `websockets` package (``pip install websockets``).

Each text message is one JSON object: ``payloadType`` says what it is, ``payload`` holds its fields, and the
``clientMsgId`` of a request comes back with its answer. This authorises an application and an account, finds a symbol
and prints five of its prices::

    python tutorial.py credentials.json wss://demo.ctraderapi.com:5036

``credentials.json`` holds ``clientId``, ``clientSecret``, ``accessToken`` and ``accountId``. For the simulated venue,
name the certificate it is to be trusted by, too::

    python tutorial.py credentials.json wss://localhost:5036 ctrader-sim-root.pem
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from websockets.asyncio.client import connect

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

HEARTBEAT = 51
APPLICATION_AUTH, ACCOUNT_AUTH = 2100, 2102  # the answer to a request is the next number
SYMBOLS_LIST, SUBSCRIBE_SPOTS, SPOT_EVENT = 2114, 2127, 2131

ids = count(1)


async def ask(socket: ClientConnection, payload_type: int, **payload: Any) -> Any:
    """Send a request, and give the payload of its answer. Events that come before it are passed over."""
    key = f"request-{next(ids)}"
    await socket.send(json.dumps({"clientMsgId": key, "payloadType": payload_type, "payload": payload}))
    while True:
        message = json.loads(await socket.recv())
        if message.get("clientMsgId") == key:
            break
    answer = message.get("payload", {})
    if message["payloadType"] != payload_type + 1:
        raise SystemExit(f"{payload_type} -> {message['payloadType']}: {answer}")
    print(f"{payload_type} -> {message['payloadType']}")
    return answer


async def beat(socket: ClientConnection) -> None:
    """Say now and then that this side is alive: the server hangs up on whoever is silent."""
    while True:
        await socket.send(json.dumps({"payloadType": HEARTBEAT, "payload": {}}))
        await asyncio.sleep(10)


async def main(credentials: dict[str, Any], url: str, trust: ssl.SSLContext | None) -> None:
    """Talk to a server."""
    account_id = credentials["accountId"]
    async with connect(url, ssl=trust, max_size=None) as socket:
        beating = asyncio.create_task(beat(socket))
        who = {key: credentials[key] for key in ("clientId", "clientSecret")}
        await ask(socket, APPLICATION_AUTH, **who)
        await ask(socket, ACCOUNT_AUTH, ctidTraderAccountId=account_id, accessToken=credentials["accessToken"])
        symbols = (await ask(socket, SYMBOLS_LIST, ctidTraderAccountId=account_id))["symbol"]
        euro = next((symbol for symbol in symbols if symbol["symbolName"] == "EURUSD"), symbols[0])
        await ask(socket, SUBSCRIBE_SPOTS, ctidTraderAccountId=account_id, symbolId=[euro["symbolId"]])
        wanted = 5
        while wanted:
            message = json.loads(await socket.recv())
            if message["payloadType"] == SPOT_EVENT:
                wanted -= 1
                spot = message["payload"]  # has the side that changed, or both
                print(euro["symbolName"], {side: spot[side] / 100_000 for side in ("bid", "ask") if side in spot})
        beating.cancel()


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        raise SystemExit("usage: tutorial.py CREDENTIALS.json URL [CERTIFICATE.pem]")
    file, address, *root = sys.argv[1:]
    context = ssl.create_default_context(cafile=root[0] if root else None) if address.startswith("wss:") else None
    asyncio.run(main(json.loads(Path(file).read_text()), address, context))
