"""Where a configuration's environments are: servers of their own, or the venue that runs in this process."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ctrader_twisted.config import SIMULATOR
from ctrader_twisted.credentials import Application, Environment
from ctrader_twisted.proxy import proxy_opening
from ctrader_twisted.tokens import Grant, GrantedAccount
from ctrader_twisted.wire.choice import Wire

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ctrader_twisted.config import EnvironmentSettings
    from ctrader_twisted.factory import Opening
    from ctrader_twisted.sim.service import VenueService


def environment_of(settings: EnvironmentSettings) -> Environment:
    """Give the environment that a configuration describes."""
    wire = Wire(settings.wire)
    return Environment(settings.name, settings.host, settings.port, settings.trust_root, settings.live, wire)


def opening_of(settings: EnvironmentSettings, reactor: Any) -> Opening | None:
    """Give the opening through the proxy that a configuration names for an environment; None for the direct way."""
    return None if settings.proxy is None else proxy_opening(reactor, settings.proxy)


def at_venue(settings: EnvironmentSettings, service: VenueService) -> EnvironmentSettings:
    """Say where the venue of the environment ``simulator`` is.

    :param service: the venue, which runs.
    """
    port = service.json_port if Wire(settings.wire) is Wire.JSON else service.port
    assert port is not None, "the configuration has seen to it"
    return replace(settings, host="127.0.0.1", port=port, trust_root=service.trust_root_pem.encode("ascii"))


def application_at(service: VenueService) -> Application:
    """Give an application that the venue knows.

    :param service: the venue, which runs.
    """
    assert service.venue is not None, "it runs"
    registered = next(iter(service.venue.registry.applications.values()))
    return Application(registered.client_id, registered.client_secret)


def grants_at(service: VenueService, now: float) -> Iterator[Grant]:
    """Give the grants of the venue, as somebody who had logged in would have kept them.

    :param service: the venue, which runs.
    :param now: the time here, in seconds since the epoch.
    """
    assert service.venue is not None, "it runs"
    for number, grant in enumerate(service.venue.registry.grants, 1):
        known = service.venue.registry.accounts
        accounts = tuple(GrantedAccount(each, login=known[each].login) for each in grant.account_ids)
        ends = now + (grant.expires_at - service.venue.now()) / 1000
        name = SIMULATOR if number == 1 else f"{SIMULATOR} {number}"
        yield Grant(name, grant.access_token, grant.refresh_token, ends, accounts=accounts)
