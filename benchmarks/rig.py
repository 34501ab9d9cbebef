"""What both benchmarks stand on: a sender, children on a core of their own, a calibration loop, quiet runs, tables.

A run is quiet if a fixed loop, timed on the client's core just before and just after it, took within 20 % of the best
time seen, and if the hypervisor took less than 4 % of the machine meanwhile. Only quiet runs enter the medians.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
WIRES = {
    "protobuf": "protobuf over TCP",
    "json": "JSON over WebSocket",
    "protobuf-websocket": "protobuf over WebSocket",
}
#: What else can talk over a wire: what `client_websockets.py` decodes with.
DECODERS = {"protobuf": [], "json": ["json", "msgspec"], "protobuf-websocket": ["protobuf"]}
OURS, BLOCKING = "ctrader_twisted", "blocking socket"
QUIET = 1.2
STEAL = 0.04

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator


def cores() -> tuple[int | None, int | None]:
    """Give the sender's core and the client's; None for both where they can't have one each."""
    if not hasattr(os, "sched_getaffinity"):
        return None, None
    usable = sorted(os.sched_getaffinity(0))
    return (usable[0], usable[1]) if len(usable) > 1 else (None, None)


SENDER_CORE, CLIENT_CORE = cores()


def pin(core: int | None) -> None:
    """Run on this core only, from now on."""
    if core is not None:
        os.sched_setaffinity(0, {core})


def calibrate() -> float:
    """Time a fixed loop: what this core is worth right now."""
    best = float("inf")
    for _ in range(3):
        began = time.perf_counter()
        total = 0
        for number in range(200_000):
            total += number & 7
        best = min(best, time.perf_counter() - began)
    return best


def stolen() -> tuple[int, int]:
    """Give the ticks that the hypervisor took, and all ticks, since boot."""
    try:
        ticks = [int(word) for word in Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()[1:9]]
    except (OSError, ValueError):
        return 0, 1
    return ticks[7], sum(ticks)


def add_arguments(parser: argparse.ArgumentParser, *parts: str) -> None:
    """Add what both benchmarks take; these are what one can be told to measure alone."""
    parser.add_argument(
        "--only", nargs="+", choices=parts, default=parts, metavar="PART", help=f"of {', '.join(parts)}"
    )
    parser.add_argument("--wire", choices=WIRES, default="protobuf", help="what is spoken (protobuf)")
    parser.add_argument("--json", action="store_true", help="print JSON; the tables go to stderr")
    parser.add_argument(
        "--realtime", action="store_true",
        help="schedule what is measured before everything else on the machine (SCHED_FIFO; needs the privilege)",
    )  # fmt: skip


@contextlib.contextmanager
def settled(args: argparse.Namespace) -> Iterator[None]:
    """Arrange stdout and the scheduler as the arguments say."""
    if args.realtime:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(5))
    args.stdout = sys.stdout
    with contextlib.redirect_stdout(sys.stderr if args.json else sys.stdout):
        yield


@contextlib.contextmanager
def authority() -> Iterator[tuple[str, str]]:
    """Make a throwaway authority; give the files of its certificate, and of the server's certificate with its key."""
    sys.path.append(str(ROOT))
    from cryptography.hazmat.primitives import serialization

    from ctrader_twisted.sim.authority import Authority

    with tempfile.TemporaryDirectory() as directory:
        made = Authority.create()
        certificate = made.certificate(time.time())  # noqa: TID251  # a program's own clock
        trust, server = Path(directory, "ca.pem"), Path(directory, "server.pem")
        trust.write_text(made.trust_root_pem, encoding="ascii")
        key = certificate.privateKey.original.to_cryptography_key().private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        server.write_bytes(certificate.dumpPEM() + key)
        yield str(trust), str(server)


class Sender:
    """The sender's process. Use it as a context manager."""

    def __init__(self, certificate: str, *options: object) -> None:
        self._command = [sys.executable, str(HERE / "sender.py"), "--certificate", certificate, *map(str, options)]
        if SENDER_CORE is not None:
            self._command += ["--core", str(SENDER_CORE)]

    def __enter__(self) -> Sender:
        self._process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = self.told("port")
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def told(self, what: str) -> int:
        """Give the next thing it prints, which must be this."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline().split()
        if line[:1] != [what]:
            raise RuntimeError(f"the sender said {line} instead of {what}")
        return int(line[1])


def child(python: str, script: str, *options: object, isolated: bool = False) -> dict[str, Any]:
    """Run a script on the client's core and give what it prints, as JSON, in its last line."""
    command = [python, *(["-I", "-W", "ignore"] if isolated else []), str(HERE / script), *map(str, options)]
    if CLIENT_CORE is not None:
        command += ["--core", str(CLIENT_CORE)]
    environment = dict(os.environ)
    if not isolated:
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, (str(ROOT), environment.get("PYTHONPATH"))))
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=False, timeout=600)
    if done.returncode:
        raise RuntimeError(f"{script} ended with status {done.returncode}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def clients(args: argparse.Namespace, trust: str, what: str) -> dict[str, Callable[..., dict[str, Any]]]:
    """Give what is measured over this wire, ``spots`` or ``requests``: ours first, and a blocking socket last."""
    common = (what, "--wire", args.wire, "--trust-root", trust)
    scripts = {OURS: ("client_ours.py", *common)}
    for decoder in DECODERS[args.wire]:
        scripts[f"websockets + {decoder}"] = ("client_websockets.py", *common, "--decoder", decoder)
    scripts[BLOCKING] = ("floor.py", *common)
    return {name: partial(child, sys.executable, *script) for name, script in scripts.items()}


def versions(python: str) -> str:
    """Say what an interpreter runs: itself, Twisted and protobuf."""
    code = (
        "import platform; from importlib.metadata import version as v;"
        "print('Python', platform.python_version() + ', Twisted', v('twisted') + ', protobuf', v('protobuf'))"
    )
    return subprocess.run([python, "-I", "-c", code], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


def imported(*modules: str) -> dict[str, Any]:
    """Import modules in a fresh interpreter and give the milliseconds it took."""
    code = f"import time; began = time.perf_counter(); import {', '.join(modules)}; print(time.perf_counter() - began)"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return {"ms": float(done.stdout) * 1e3}


@dataclass
class Series:
    """The runs of one thing that is measured."""

    label: str
    run: Callable[[], dict[str, Any]]
    runs: list[dict[str, Any]] = field(default_factory=list)

    def quiet(self, best: float) -> list[dict[str, Any]]:
        """Give the runs that count."""
        return [run for run in self.runs if run["loop"] <= best * QUIET and run["steal"] < STEAL]


class Rounds:
    """Interleaved runs, A B C A B C."""

    def __init__(self, series: list[Series]) -> None:
        self.series = series
        self._best = float("inf")

    def go(self, rounds: int, note: Callable[[str], None] = lambda _: None) -> Rounds:
        """Run everything so many times."""
        for number in range(rounds):
            for series in self.series:
                note(f"round {number + 1} of {rounds}: {series.label}")
                before, taken = self._calibrate(), stolen()
                result = series.run()
                after, taken_after = self._calibrate(), stolen()
                result["loop"] = max(before, after)
                result["steal"] = (taken_after[0] - taken[0]) / max(1, taken_after[1] - taken[1])
                series.runs.append(result)
                self._best = min(self._best, before, after)
        note("")
        return self

    @staticmethod
    def _calibrate() -> float:
        if CLIENT_CORE is None:
            return calibrate()
        usual = os.sched_getaffinity(0)
        pin(CLIENT_CORE)
        try:
            return calibrate()
        finally:
            os.sched_setaffinity(0, usual)

    def median(self, series: Series, key: str) -> float:
        """Give the median of the quiet runs; of all where none was quiet."""
        runs = series.quiet(self._best) or series.runs
        return statistics.median(run[key] for run in runs)

    def ratio(self, series: Series, other: Series, key: str) -> float:
        """Give the median, over the rounds, of one series divided by another: noise that lasts hits both of a round."""
        pairs = [
            (mine, theirs)
            for mine, theirs in zip(series.runs, other.runs, strict=True)
            if max(mine["loop"], theirs["loop"]) <= self._best * QUIET
        ] or list(zip(series.runs, other.runs, strict=True))
        return statistics.median(mine[key] / theirs[key] for mine, theirs in pairs)

    def count(self, series: Series) -> str:
        """Say how many runs counted."""
        quiet = len(series.quiet(self._best))
        return f"{quiet}/{len(series.runs)}" if quiet else f"0/{len(series.runs)}!"


def note(text: str) -> None:
    """Show what is going on, on a terminal only."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


def say(facts: dict[str, str]) -> None:
    """Print what was measured on."""
    print("; ".join(f"{name} {value}" for name, value in facts.items()))
    if CLIENT_CORE is None:
        print("(sender and client share cores: there are not two to have)")


def times(ratio: float, itself: bool) -> str:
    """Print a ratio; nothing where a thing would be compared with itself."""
    return "" if itself else f"{ratio:.2f} ×"


def table(title: str, head: list[str], rows: list[list[str]]) -> None:
    """Print a table."""
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    print(f"\n{title}")
    for row in (head, ["-" * width for width in widths], *rows):
        first, *others = [cell.ljust(width) if at == 0 else cell.rjust(width) for at, (cell, width) in
                          enumerate(zip(row, widths, strict=True))]  # fmt: skip
        print("  ".join([first, *others]).rstrip())


def machine(wire: str) -> dict[str, str]:
    """Say what was measured, on and with what."""
    import ssl
    from importlib.metadata import version

    model = platform.processor() or platform.machine()
    with contextlib.suppress(OSError, StopIteration):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        model = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    others = ["wsproto", "websockets", "msgspec"] if wire != "protobuf" else []
    return {
        "wire": WIRES[wire],
        "cpu": f"{os.cpu_count()} × {model}",
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "twisted": version("twisted"),
        "protobuf": version("protobuf"),
        "pyopenssl": version("pyopenssl"),
        **{name: version(name) for name in others},
        "openssl of the ssl module": ssl.OPENSSL_VERSION,
    }
