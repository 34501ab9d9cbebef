"""What the configuration limits and records of a conversation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ctrader_twisted.flight import Opened, read
from ctrader_twisted.sim.testing import CLIENT_ID
from tests.service.benches import SECRETS, Bench, account, refusals

if TYPE_CHECKING:
    from pathlib import Path


def test_the_limits_of_an_environment_are_its_clients(bench: Bench) -> None:
    bench.start(tables="requests_per_second = 70\nhistorical_per_second = 7")
    limits = bench.client._settings.limits
    assert (limits.general, limits.historical) == (70, 7)
    assert any("70 is more than Spotware's servers allow" in line for line in bench.log)


def test_everything_is_recorded_but_secrets(bench: Bench, tmp_path: Path) -> None:
    other = account().replace('"kit"', '"other"')
    table = '[environment.other]\nhost = "127.0.0.1"\n[flight_recorder]\n'
    bench.start(account() + other, tables=table)
    bench.kit.advance(30)
    bench.stop()
    text = (tmp_path / "flight.jsonl").read_text("utf-8")
    assert not [secret for secret in (*SECRETS, CLIENT_ID) if secret in text]
    recorded = read(tmp_path / "flight.jsonl")
    assert {entry.where for entry in recorded if isinstance(entry, Opened)} == {
        "kit (127.0.0.1:5035)",
        "other (127.0.0.1:5035)",
    }
    assert oct((tmp_path / "flight.jsonl").stat().st_mode & 0o777) == "0o600"


def test_a_recording_that_cannot_be_made_ends_the_daemon_before_anything_connects(
    bench: Bench, tmp_path: Path, logged_errors: Any
) -> None:
    (tmp_path / "flight.jsonl").write_text("a diary\n", "utf-8")
    bench.start(tables="[flight_recorder]")
    assert any("flight_recorder.path" in line for line in refusals(bench, logged_errors))
    assert (bench.left, bench.stopped) == ([1], 1) and bench.kit.venue._accepted == 0
    assert (tmp_path / "flight.jsonl").read_text("utf-8") == "a diary\n"
