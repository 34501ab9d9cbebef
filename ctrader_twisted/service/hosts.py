"""Where a configuration's environments are: servers of their own, or the venue that runs in this process."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ctrader_twisted.credentials import Environment
from ctrader_twisted.wire.choice import Wire

if TYPE_CHECKING:
    from ctrader_twisted.config import EnvironmentSettings
    from ctrader_twisted.sim.service import VenueService


def environment_of(settings: EnvironmentSettings) -> Environment:
    """Give the environment that a configuration describes."""
    wire = Wire(settings.wire)
    return Environment(settings.name, settings.host, settings.port, settings.trust_root, settings.live, wire)


def at_venue(settings: EnvironmentSettings, service: VenueService) -> EnvironmentSettings:
    """Say where the venue of the environment ``simulator`` is.

    :param service: the venue, which runs.
    """
    port = service.json_port if Wire(settings.wire) is Wire.JSON else service.port
    assert port is not None, "the configuration has seen to it"
    return replace(settings, host="127.0.0.1", port=port, trust_root=service.trust_root_pem.encode("ascii"))
