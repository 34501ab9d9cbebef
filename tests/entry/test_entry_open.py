"""An entry opened over real sockets: the accounts that are known, and nothing that is left behind where it fails."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from twisted.internet.defer import CancelledError, Deferred

from ctrader_twisted import Environment
from ctrader_twisted.blocking.thread import reactor_thread
from ctrader_twisted.entry import Access, Entry, find
from ctrader_twisted.errors import (
    ApplicationRefused,
    ConfigurationError,
    NotReadyInTime,
    TokenStoreError,
)
from ctrader_twisted.sim.accounts import ACCESS_TOKEN, CLIENT_ID, CLIENT_SECRET

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.conftest import LoggedErrors

WHO = {"CTRADER_CLIENT_ID": CLIENT_ID, "CTRADER_CLIENT_SECRET": CLIENT_SECRET}


def inside(function: Callable[[], Any]) -> Any:
    """Call a function in a reactor, and give what comes of it."""
    return reactor_thread().wait("a test", function, 30)


def opened(entry: Entry, timeout: float | None = 10) -> Access:
    access: Access = inside(lambda: entry.open(reactor_thread().reactor, timeout=timeout))
    return access


def left_open() -> list[object]:
    """Give what the reactor still has to do with: connections, ports, timers."""
    reactor = reactor_thread().reactor

    def look() -> list[object]:
        others = [one for one in reactor.getReaders() if one not in reactor._internalReaders]
        return [*others, *reactor.getDelayedCalls()]

    found: list[object] = inside(look)
    return found


@pytest.fixture
def venue() -> Iterator[Environment]:
    access = opened(find(simulator=True))
    yield access.client.environment
    inside(access.close)


def test_the_accounts_of_a_bare_token_are_asked_for(venue: Environment) -> None:
    access = opened(find(environment=venue, access_token=ACCESS_TOKEN, environ=WHO))
    assert access.account_ids == (1000001, 1000002)
    account = inside(lambda: access.account(1000002))
    assert account.account_id == 1000002
    with pytest.raises(ConfigurationError, match="which account"):
        inside(access.account)
    inside(access.close)


def test_nothing_is_left_of_what_is_closed() -> None:
    before = left_open()
    access = opened(find(simulator=True))
    inside(lambda: access.account(1000001))
    assert len(left_open()) > len(before)
    inside(access.close)
    assert left_open() == before


def test_nothing_is_left_of_what_fails(tmp_path: Path, logged_errors: LoggedErrors) -> None:
    before = left_open()
    venue = opened(find(simulator=True))
    there, nobody = venue.client.environment, Environment("nobody", "127.0.0.1", 9)
    for entry, error in (
        (find(environment=there, access_token="x", client_secret="wrong", environ=WHO), ApplicationRefused),
        (find(environment=nobody, access_token="x", environ=WHO), NotReadyInTime),
        (find(environment=there, tokens=tmp_path / "none.json", environ=WHO), TokenStoreError),
    ):
        with pytest.raises(error) as caught:
            opened(entry, 0.5)
    assert str(caught.value).endswith(f"Log in: ctrader login --tokens {tmp_path / 'none.json'}")
    inside(venue.close)
    assert left_open() == before
    logged_errors.flush()  # the refusal is an error in any log


def test_nothing_is_left_of_what_is_cancelled() -> None:
    before = left_open()
    entry = find(environment=Environment("nobody", "127.0.0.1", 9), access_token="x", environ=WHO)

    def begin_and_leave() -> Deferred[str]:
        opening = entry.open(reactor_thread().reactor)
        reactor_thread().reactor.callLater(0.1, opening.cancel)
        return opening.addCallbacks(lambda _: "opened", lambda failure: failure.trap(CancelledError).__name__)

    assert inside(begin_and_leave) == "CancelledError"
    assert left_open() == before
