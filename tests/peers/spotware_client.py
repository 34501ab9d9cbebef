"""Spotware's own Python client, ``ctrader-open-api``, against a server: what it gets, as one line of JSON.

Run it with an interpreter that has that package; it knows nothing of ours. Each request takes it up to a second, since
it sends once a second.

    python spotware_client.py --port 5035 --client-id … --client-secret … --access-token …
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from importlib.metadata import version
from typing import Any

from ctrader_open_api import Client, Protobuf, TcpProtocol
from ctrader_open_api.messages.OpenApiMessages_pb2 import (
    ProtoOAAccountAuthReq,
    ProtoOAApplicationAuthReq,
    ProtoOAGetAccountListByAccessTokenReq,
    ProtoOAGetTrendbarsReq,
    ProtoOASpotEvent,
    ProtoOASubscribeSpotsReq,
    ProtoOASymbolsListReq,
)
from ctrader_open_api.messages.OpenApiModelMessages_pb2 import ProtoOATrendbarPeriod
from twisted.internet import reactor  # noqa: TID253  # their client has imported it by now
from twisted.internet.defer import ensureDeferred


class Visit:
    """One connection, from the first message to enough spots."""

    def __init__(self, args: argparse.Namespace) -> None:
        self._args = args
        self.result: dict[str, Any] = {
            "versions": {
                "python": platform.python_version(),
                **{name: version(name) for name in ("ctrader-open-api", "twisted", "protobuf", "pyopenssl")},
            }
        }
        self._spots: list[dict[str, int]] = []
        self.client = Client(args.host, args.port, TcpProtocol)
        self.client.setConnectedCallback(self._connected)
        self.client.setDisconnectedCallback(self._disconnected)
        self.client.setMessageReceivedCallback(self._received)

    def _connected(self, client: Client) -> None:
        ensureDeferred(self._go()).addErrback(self._failed)

    def _disconnected(self, client: Client, reason: Any) -> None:
        self.result.setdefault("disconnected", reason.getErrorMessage())

    def _failed(self, failure: Any) -> None:
        self.result["failed"] = failure.getErrorMessage()
        if reactor.running:
            reactor.stop()

    async def _ask(self, message: Any) -> Any:
        return Protobuf.extract(await self.client.send(message, responseTimeoutInSeconds=self._args.timeout))

    async def _go(self) -> None:
        args, result = self._args, self.result
        answer = await self._ask(ProtoOAApplicationAuthReq(clientId=args.client_id, clientSecret=args.client_secret))
        result["application"] = type(answer).__name__
        answer = await self._ask(ProtoOAGetAccountListByAccessTokenReq(accessToken=args.access_token))
        result["accounts"] = [account.ctidTraderAccountId for account in answer.ctidTraderAccount]
        account = result["accounts"][0]
        answer = await self._ask(ProtoOAAccountAuthReq(ctidTraderAccountId=account, accessToken="not a token"))
        result["wrong_token"] = {"answer": type(answer).__name__, "code": answer.errorCode}
        answer = await self._ask(ProtoOAAccountAuthReq(ctidTraderAccountId=account, accessToken=args.access_token))
        result["account"] = {"answer": type(answer).__name__, "id": answer.ctidTraderAccountId}
        answer = await self._ask(ProtoOASymbolsListReq(ctidTraderAccountId=account))
        result["symbols"] = {symbol.symbolName: symbol.symbolId for symbol in answer.symbol}
        some = sorted(result["symbols"].values())[:5]
        now = args.now or int(time.time() * 1000)  # noqa: TID251
        answer = await self._ask(
            ProtoOAGetTrendbarsReq(
                ctidTraderAccountId=account,
                symbolId=some[0],
                period=ProtoOATrendbarPeriod.Value("M1"),
                fromTimestamp=now - 10 * 60_000,
                toTimestamp=now,
            )
        )
        result["bars"] = [[bar.utcTimestampInMinutes, bar.low, bar.deltaClose, bar.volume] for bar in answer.trendbar]
        answer = await self._ask(ProtoOASubscribeSpotsReq(ctidTraderAccountId=account, symbolId=some))
        result["subscribed"] = type(answer).__name__

    def _received(self, client: Client, message: Any) -> None:
        if message.payloadType != ProtoOASpotEvent().payloadType or len(self._spots) == self._args.spots:
            return
        event = Protobuf.extract(message)
        self._spots.append({"symbol": event.symbolId, "bid": event.bid, "ask": event.ask})
        if len(self._spots) == self._args.spots:
            self.result["spots"] = self._spots
            reactor.callLater(0, reactor.stop)


def main() -> None:
    """Visit the server, and end with status 0 if everything came."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=5035)
    parser.add_argument("--client-id", required=True)
    parser.add_argument("--client-secret", required=True)
    parser.add_argument("--access-token", required=True)
    parser.add_argument("--spots", type=int, default=20, help="how many spot events are enough")
    parser.add_argument("--now", type=int, help="the server's time, ms UTC, if it is not this machine's")
    parser.add_argument("--timeout", type=float, default=10.0, help="seconds for each request")
    args = parser.parse_args()
    visit = Visit(args)
    reactor.callLater(0, visit.client.startService)
    reactor.callLater(60, reactor.stop)
    reactor.run()
    sys.stdout.write(json.dumps(visit.result) + "\n")
    sys.exit("spots" not in visit.result)


if __name__ == "__main__":
    main()
