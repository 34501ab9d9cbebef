"""The benchmarks still run, and what they measure still arrives: a few hundredths of their usual size."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.paths import ROOT

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="the senders are pinned and killed the POSIX way"),
]


def run(program: str, *options: object) -> dict[str, Any]:
    """Run one of them and give its JSON. Its processes check the sums of what they got by themselves."""
    command = [sys.executable, str(ROOT / "benchmarks" / program), "--json", "--rounds", "1", *map(str, options)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def test_spots() -> None:
    result = run("spots.py", "--events", 2_000, "--rates", 5_000, "--seconds", 0.1)
    assert result["full"]["ctrader_twisted"]["events_per_second"] > 0
    assert result["single"]["ctrader_twisted"]["events_per_second"] > 0
    assert result["full"]["floor: one loop, no network"]["events_per_second"] > 0
    for form in ("quotes", "columns", "latest"):
        assert result["full"][f"ctrader_twisted, {form}"]["events_per_second"] > 0
    paced = result["paced"]["5000"]
    assert 0 < paced["ctrader_twisted"]["p50_us"] <= paced["ctrader_twisted"]["p99_us"]
    assert 0 < paced["blocking socket"]["p50_us"]
    assert set(result["memory"]["ctrader_twisted"]) == {"first_burst_mb", "second_burst_mb", "third_burst_mb"}


def test_requests() -> None:
    result = run("requests.py", "--requests", 200, "--in-flight", 100)
    assert 0 < result["sequential"]["ctrader_twisted"]["ready_ms"]
    assert 0 < result["sequential"]["blocking socket"]["p50_us"]
    assert result["pipelined"]["ctrader_twisted, 100 in flight"]["requests_per_second"] > 0
    assert 0 < result["cut"]["ctrader_twisted, FIN"]
    assert 0 < result["cut"]["ctrader_twisted, RST"]


def test_history() -> None:
    result = run("history.py", "--pages", 2)
    for what in ("bars", "ticks"):
        fetched, decoded = result[what]["fetched"], result[what]["decoded"]
        assert len(fetched) == 4
        assert all(each["ms"] > 0 for each in fetched.values())
        assert all(each["ns"] > 0 for each in decoded.values())


def test_recording() -> None:
    for package in ("numpy", "pyarrow"):
        pytest.importorskip(package)
    result = run("recording.py", "--events", 2_000, "--seconds", 0.2)
    for shape in ("full", "paced"):
        assert result[shape]["parquet"]["times"] > 0 and result[shape]["sqlite"]["bytes_per_event"] > 10


def test_spots_in_json() -> None:
    result = run("spots.py", "--wire", "json", "--only", "paced", "--rates", 5_000, "--seconds", 0.1)
    assert result["machine"]["wire"] == "JSON over WebSocket"
    for who in ("ctrader_twisted", "websockets + json", "websockets + msgspec", "blocking socket"):
        assert 0 < result["paced"]["5000"][who]["p50_us"]


@pytest.mark.soak
def test_spots_in_protobuf_over_websocket() -> None:
    result = run("spots.py", "--wire", "protobuf-websocket", "--only", "full", "--events", 2_000)
    for who in ("ctrader_twisted", "websockets + protobuf", "floor: one loop, no network"):
        assert result["full"][who]["events_per_second"] > 0


@pytest.mark.soak
def test_requests_in_json() -> None:
    result = run("requests.py", "--wire", "json", "--only", "pipelined", "--requests", 20, "--in-flight", 100)
    for who in ("ctrader_twisted", "websockets + json", "websockets + msgspec"):
        assert result["pipelined"][f"{who}, 100 in flight"]["requests_per_second"] > 0
