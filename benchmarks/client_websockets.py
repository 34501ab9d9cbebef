"""The measured process that runs `websockets`, asyncio: ``spots`` or ``requests``, one run, one line of JSON.

What a user of that library writes for this server: a reader that decodes each message, and requests that await a future
kept by their id. ``--decoder`` says what decodes: the standard library's json, msgspec, or on the binary wire protobuf.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import ssl
import time
from typing import TYPE_CHECKING, Any

import probe
from said import ACCOUNT
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from websockets.asyncio.client import ClientConnection


class Session:
    """A connection in JSON."""

    def __init__(self, socket: ClientConnection, spot: Callable[[Any], None], decoder: str) -> None:
        self.socket = socket
        self.spot = spot
        self.waiting: dict[str, asyncio.Future[Any]] = {}
        self._asked = 0
        self.loads: Callable[[Any], Any] = json.loads
        self.dumps: Callable[[Any], Any] = json.dumps
        if decoder == "msgspec":
            from msgspec.json import Decoder, Encoder

            encode = Encoder().encode
            self.loads, self.dumps = Decoder().decode, lambda message: encode(message).decode()
        self._reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        try:
            await self.read()
        except ConnectionClosed as closed:
            for future in self.waiting.values():
                future.set_exception(closed)

    async def read(self) -> None:
        """Read until the connection is closed."""
        loads, spot, waiting = self.loads, self.spot, self.waiting
        async for text in self.socket:
            message = loads(text)
            key = message.get("clientMsgId")
            if key is not None:
                waiting.pop(key).set_result(message["payload"])
            elif message["payloadType"] == 2131:
                spot(message["payload"])

    def encode(self, number: int, key: str, fields: dict[str, Any]) -> Any:
        """Encode a request."""
        return self.dumps({"payloadType": number, "payload": fields, "clientMsgId": key})

    async def ask(self, number: int, **fields: Any) -> Any:
        """Send a request and wait for its answer's payload."""
        self._asked += 1
        key = f"{self._asked:x}"
        future = self.waiting[key] = asyncio.get_running_loop().create_future()
        await self.socket.send(self.encode(number, key, fields))
        return await future

    async def trader(self) -> None:
        """Ask for the trader, and check the answer."""
        answer = await self.ask(2121, ctidTraderAccountId=ACCOUNT)
        if answer["trader"]["balance"] != 1_000_000:
            raise AssertionError("not the answer")

    async def authorise_application(self) -> None:
        """Let the application in."""
        await self.ask(2100, clientId="id", clientSecret="secret")

    async def authorise_account(self) -> None:
        """Let the account in."""
        await self.ask(2102, ctidTraderAccountId=ACCOUNT, accessToken="token")

    async def close(self) -> None:
        """Close the connection and see the reader end."""
        await self.socket.close()
        await self._reader


class ProtobufSession(Session):
    """A connection in protobuf."""

    def __init__(self, socket: ClientConnection, spot: Callable[[Any], None], decoder: str) -> None:
        from ctrader_twisted import messages

        self._messages = messages
        self._requests = {
            2100: messages.ProtoOAApplicationAuthReq,
            2102: messages.ProtoOAAccountAuthReq,
            2104: messages.ProtoOAVersionReq,
            2121: messages.ProtoOATraderReq,
            2127: messages.ProtoOASubscribeSpotsReq,
        }
        super().__init__(socket, spot, decoder)

    async def read(self) -> None:
        """Read until the connection is closed."""
        spot, waiting = self.spot, self.waiting
        parse_envelope, parse_spot = self._messages.ProtoMessage.FromString, self._messages.ProtoOASpotEvent.FromString
        async for data in self.socket:
            message = parse_envelope(data)
            if message.clientMsgId:
                waiting.pop(message.clientMsgId).set_result(message.payload)
            elif message.payloadType == 2131:
                spot(parse_spot(message.payload))

    def encode(self, number: int, key: str, fields: dict[str, Any]) -> bytes:
        """Encode a request."""
        payload = self._requests[number](**fields).SerializeToString()
        message = self._messages.ProtoMessage(payloadType=number, payload=payload, clientMsgId=key)
        data: bytes = message.SerializeToString()
        return data

    async def trader(self) -> None:
        """Ask for the trader, and check the answer."""
        payload = await self.ask(2121, ctidTraderAccountId=ACCOUNT)
        if self._messages.ProtoOATraderRes.FromString(payload).trader.balance != 1_000_000:
            raise AssertionError("not the answer")


async def opened(args: argparse.Namespace, spot: Callable[[Any], None] = lambda _: None) -> Session:
    """Connect, TLS verified, and authorise the application."""
    context = ssl.create_default_context(cafile=args.trust_root)
    socket = await connect(f"wss://localhost:{args.port}", ssl=context, compression=None)
    session = (ProtobufSession if args.decoder == "protobuf" else Session)(socket, spot, args.decoder)
    await session.authorise_application()
    return session


async def spots(args: argparse.Namespace) -> None:
    """Subscribe, and read symbolId, bid and ask of every event."""
    grown = []
    done = asyncio.Event()
    tally = (probe.Tally if args.decoder == "protobuf" else probe.MappingTally)(args.events, args.stamped, done.set)
    session = await opened(args, tally.spot)
    await session.authorise_account()
    for _ in range(args.bursts):
        done.clear()
        await session.ask(2127, ctidTraderAccountId=ACCOUNT, symbolId=list(range(1, 51)))
        tally.begin()
        await done.wait()
        grown.append(tally.grown)
    await session.close()
    tally.report(grown_by_burst=grown)


async def requests(args: argparse.Namespace) -> None:
    """Ask for the trader: one after another, and many at once; then have the connection cut."""
    began = time.monotonic_ns()
    session = await opened(args)
    result: dict[str, Any] = {"ready": (time.monotonic_ns() - began) / 1e6}
    await session.authorise_account()
    if args.sequential:
        times = []
        for _ in range(args.sequential):
            asked = time.perf_counter_ns()
            await session.trader()
            times.append((time.perf_counter_ns() - asked) / 1e3)
        result["p50"], result["p99"] = probe.percentile(times, 0.5), probe.percentile(times, 0.99)
    if args.pipelined:
        left = iter(range(args.pipelined))

        async def some() -> None:
            for _ in left:
                await session.trader()

        cpu, began_at = time.process_time(), time.perf_counter()
        await asyncio.gather(*(some() for _ in range(min(args.in_flight, args.pipelined))))
        took = time.perf_counter() - began_at
        result["rate"] = args.pipelined / took
        result["cpu_per_request"] = (time.process_time() - cpu) / args.pipelined * 1e6
    if args.pending:

        async def failed_at() -> int:
            try:
                await session.ask(2104)
            except ConnectionClosed:
                return time.monotonic_ns()
            raise AssertionError("answered")

        result["failed_at"] = max(await asyncio.gather(*(failed_at() for _ in range(args.pending))))
    await session.close()
    print(json.dumps(result), flush=True)


def main() -> None:
    """Do one run."""
    parser = probe.arguments(__doc__, "spots", "requests")
    parser.add_argument("--decoder", choices=("json", "msgspec", "protobuf"), default="json")
    args = parser.parse_args()
    if args.core is not None:
        os.sched_setaffinity(0, {args.core})
    os.environ["no_proxy"] = "*"  # releases from 15 on go by the environment
    # Before any clock runs.
    importlib.import_module("ctrader_twisted.messages" if args.decoder == "protobuf" else args.decoder)
    asyncio.run({"spots": spots, "requests": requests}[args.what](args))


if __name__ == "__main__":
    main()
