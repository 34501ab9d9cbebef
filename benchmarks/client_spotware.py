"""The measured process that runs Spotware's own client, ``ctrader-open-api``: one run of spots, one line of JSON.

It runs under an interpreter that has that package, and knows nothing of ours. Its client does not verify TLS.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys

sys.path.append(os.path.dirname(os.path.abspath(__file__)))  # last: requests.py must not stand in for its namesake

from importlib.metadata import version  # noqa: E402

from ctrader_open_api import Client, Protobuf, TcpProtocol  # noqa: E402
from ctrader_open_api.messages.OpenApiMessages_pb2 import (  # noqa: E402
    ProtoOAAccountAuthReq,
    ProtoOAApplicationAuthReq,
    ProtoOASpotEvent,
    ProtoOASubscribeSpotsReq,
    ProtoOASubscribeSpotsRes,
)
from probe import Tally  # noqa: E402
from said import ACCOUNT  # noqa: E402


def main() -> None:
    """Do one run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--core", type=int)
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--stamped", action="store_true")
    args = parser.parse_args()
    if args.core is not None:
        os.sched_setaffinity(0, {args.core})
    from twisted.internet import reactor

    tally = Tally(args.events, args.stamped, lambda: reactor.callLater(0, reactor.stop))
    spot_type = ProtoOASpotEvent().payloadType
    subscribed_type = ProtoOASubscribeSpotsRes().payloadType
    client = Client("127.0.0.1", args.port, TcpProtocol)

    def received(_client, message) -> None:  # type: ignore[no-untyped-def]
        if message.payloadType == spot_type:
            tally.spot(Protobuf.extract(message))
        elif message.payloadType == subscribed_type:
            tally.begin()

    def failed(failure) -> None:  # type: ignore[no-untyped-def]
        if reactor.running and tally.count == 0:
            print(failure, file=sys.stderr)
            reactor.stop()

    def connected(_client) -> None:  # type: ignore[no-untyped-def]
        def send(message):  # type: ignore[no-untyped-def]
            return client.send(message, responseTimeoutInSeconds=30)

        asked = send(ProtoOAApplicationAuthReq(clientId="id", clientSecret="secret"))
        asked.addCallback(lambda _: send(ProtoOAAccountAuthReq(ctidTraderAccountId=ACCOUNT, accessToken="token")))
        asked.addCallback(lambda _: send(ProtoOASubscribeSpotsReq(ctidTraderAccountId=ACCOUNT, symbolId=range(1, 51))))
        asked.addErrback(failed)

    client.setConnectedCallback(connected)
    client.setMessageReceivedCallback(received)
    client.startService()
    reactor.run()
    versions = f"Python {platform.python_version()}, Twisted {version('twisted')}, protobuf {version('protobuf')}"
    tally.report(versions=versions)


if __name__ == "__main__":
    main()
