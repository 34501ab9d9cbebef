"""What the flight recorder costs: each event of a burst, an event alone, and a request, with a recorder and without.

In process, without network and TLS: a client's protocol is given bytes as a transport would, and a callback reads
symbolId, bid and ask of each event. The two run in turn, in the same rounds; the ratio is the median of the rounds'.

    python benchmarks/flight.py --rounds 15
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from ctrader_twisted import Application, Environment, OpenApiClient, Settings, messages
from ctrader_twisted.flight import FlightRecorder
from ctrader_twisted.wire import codec
from ctrader_twisted.wire.int32 import Int32Wire

TOKEN = "a-token-of-the-length-that-tokens-have-mostly0"
READ = 65536  # bytes


class Rig:
    """A client that is ready, and the other end of its connection."""

    def __init__(self, recorder: FlightRecorder | None) -> None:
        self.clock = Clock()
        self.wire = Int32Wire()
        self.seen = 0
        self.recorder = recorder
        self.client = OpenApiClient(
            self.clock,
            Application("1234_an-id-of-the-usual-length", "a-secret-of-the-usual-length-of-them"),
            Environment("test", "test.invalid"),
            opening=self.open,
            tap=recorder,
            settings=Settings(reconcile=False),
        )
        self.client.on(messages.ProtoOASpotEvent, self.spot)
        self.client.start()
        self.protocol: Any = self.factory.buildProtocol(None)
        self.transport = StringTransport()
        self.protocol.makeConnection(self.transport)
        self.answer(messages.ProtoOAApplicationAuthRes())
        self.client.account_auth(ctidTraderAccountId=1, accessToken=TOKEN)
        self.answer(messages.ProtoOAAccountAuthRes(ctidTraderAccountId=1))

    def open(self, factory: Any) -> Any:
        self.factory = factory
        return self

    def spot(self, event: Any) -> None:
        _ = event.symbolId, event.bid, event.ask
        self.seen += 1

    def sent(self) -> list[Any]:
        self.clock.advance(0)
        data = self.transport.value()
        self.transport.clear()
        return self.wire.receive(data)

    def answer(self, message: Any) -> None:
        self.wire.send(codec.pack(message, self.sent()[-1].client_msg_id))
        self.protocol.dataReceived(self.wire.data_to_send())

    def give(self, chunks: list[bytes]) -> float:
        began = time.process_time()
        receive = self.protocol.dataReceived
        for chunk in chunks:
            receive(chunk)
        return time.process_time() - began

    def ask(self, count: int) -> float:
        answer = messages.ProtoOATraderRes
        trader = dict(ctidTraderAccountId=1, balance=100, depositAssetId=5)
        began = time.process_time()
        for _ in range(count):
            self.client.trader(ctidTraderAccountId=1)
            self.answer(answer(ctidTraderAccountId=1, trader=trader))
            self.clock.advance(0.05)
        return time.process_time() - began


def frames(count: int) -> list[bytes]:
    wire = Int32Wire()
    out = []
    for i in range(count):
        side = {"bid": 109_000 + i % 977} if i % 2 else {"ask": 109_005 + i % 977}
        symbol, at = 1 + i % 40, 1_700_000_000_000 + i
        spot = messages.ProtoOASpotEvent(ctidTraderAccountId=1_000_001, symbolId=symbol, timestamp=at, **side)
        wire.send(codec.pack(spot))
        out.append(wire.data_to_send())
    return out


def chunks(frames: list[bytes]) -> list[bytes]:
    data = b"".join(frames)
    return [data[i : i + READ] for i in range(0, len(data), READ)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--events", type=int, default=100_000)
    args = parser.parse_args()
    single = frames(args.events)
    bulk = chunks(single)
    single = single[: args.events // 5]
    with tempfile.TemporaryDirectory(dir=".") as folder:
        recorder = FlightRecorder(Path(folder) / "flight.jsonl")
        memory = FlightRecorder(None)
        rigs = {"without": Rig(None), "recorder": Rig(recorder), "in memory": Rig(memory)}
        for what, count, run in (
            ("event of a burst", args.events, lambda rig: rig.give(bulk)),
            ("event that comes alone", len(single), lambda rig: rig.give(single)),
            ("request and answer", 2000, lambda rig: rig.ask(2000)),
        ):
            times: dict[str, list[float]] = {name: [] for name in rigs}
            for _ in range(args.rounds):
                for name, rig in rigs.items():
                    times[name].append(run(rig) / count * 1e6)
            base = times["without"]
            for name, values in times.items():
                ratio = statistics.median(value / one for value, one in zip(values, base, strict=True))
                print(f"{what:24} {name:10} {statistics.median(values):7.3f} µs  x {ratio:.2f}")
        assert recorder.failure is None and memory.failure is None
        print(sum(file.stat().st_size for file in Path(folder).iterdir()), "bytes on disk")


if __name__ == "__main__":
    main()
