"""A venue in memory, and a command's way to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred

from ctrader_twisted.cli.access import Access
from ctrader_twisted.cli.finding import Found
from ctrader_twisted.config import EnvironmentSettings
from ctrader_twisted.credentials import Application
from ctrader_twisted.sim.testing import CLIENT_ID, CLIENT_SECRET
from ctrader_twisted.tokens import FileTokenStore, Grant

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from pathlib import Path

    from ctrader_twisted.sim.testing import VenueKit


def found(folder: Path, **changes: Any) -> Found:
    """Give what there is to connect to a venue in memory with: the environments demo and live, and a token store."""
    environments = {
        name: EnvironmentSettings(name, f"{name}.example", 5035, None, name == "live", ()) for name in ("demo", "live")
    }
    settings: dict[str, Any] = {
        "file": None,
        "application": Application(CLIENT_ID, CLIENT_SECRET),
        "environments": environments,
        "named": ("demo",),
        "chosen": "demo",
        "token_file": folder / "tokens.json",
        "token_file_is_configured": False,
    }
    return Found(**{**settings, **changes})


def access(kit: VenueKit, there: Found) -> Access:
    """Give a command's connections, in memory."""
    return Access(kit.clock, there, opening=lambda environment: kit.network.connect)


def keep(kit: VenueKit, there: Found, *grants: Grant) -> None:
    """Put grants into the token store."""
    store = FileTokenStore(there.token_file, kit.clock)
    for grant in grants:
        kit.settle(store.save(grant))


def kept(kit: VenueKit, there: Found) -> dict[str, Grant]:
    """Read the token store."""
    return kit.settle(FileTokenStore(there.token_file, kit.clock).load())


def settle(kit: VenueKit, coroutine: Coroutine[Any, Any, Any], within: float = 120.0) -> Any:
    """Run a command to its end."""
    return kit.settle(Deferred.fromCoroutine(coroutine), within)
