"""The daemon's configuration: a TOML file, and secrets from there, the environment or a credentials file.

`load` reads everything that can be known without connecting and reports every problem it finds at once, each naming the
file, the key and what to do. `load_access` reads what there is before anybody has logged in, `load_simulated` what
concerns the simulator. docs/daemon.md describes the keys; what is here is what they become.

Where a secret is looked for, first found wins:

* client id and secret: ``CTRADER_CLIENT_ID`` and ``CTRADER_CLIENT_SECRET``, then ``[application]`` itself, then the
  file its ``credentials`` names;
* an account's access token: ``access_token_env``, ``access_token`` and ``credentials`` of the account itself, in this
  order, then the token store if there is ``[tokens]``, else ``CTRADER_ACCESS_TOKEN`` and the application's credentials
  file.

The environment is passed in, paths are taken from the folder of the configuration file, and no `repr` shows a secret.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ctrader_twisted.config.hosts import read_simulator
from ctrader_twisted.config.reading import Reader
from ctrader_twisted.config.settings import (
    EVENTS,
    PERIODS,
    SIMULATOR,
    WIRES,
    AccessSettings,
    AccountSettings,
    ApplicationSettings,
    Configuration,
    EnvironmentSettings,
    FlightRecorderSettings,
    OAuthSettings,
    OutputSettings,
    RecordingSettings,
    SafetySettings,
    ServiceSettings,
    SimulatorSettings,
    TokenSettings,
)
from ctrader_twisted.config.tables import Refusals, Table
from ctrader_twisted.errors import ConfigurationErrors

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "EVENTS",
    "PERIODS",
    "SIMULATOR",
    "WIRES",
    "AccessSettings",
    "AccountSettings",
    "ApplicationSettings",
    "Configuration",
    "EnvironmentSettings",
    "FlightRecorderSettings",
    "OAuthSettings",
    "OutputSettings",
    "RecordingSettings",
    "SafetySettings",
    "ServiceSettings",
    "SimulatorSettings",
    "TokenSettings",
    "load",
    "load_access",
    "load_simulated",
    "load_simulator",
]


def load(path: str | Path, environ: Mapping[str, str]) -> Configuration:
    """Read and check a configuration.

    :param environ: the process's environment.
    :raises ConfigurationError: naming file, key and remedy; a `ConfigurationErrors` if there is more than one reason.
    """
    reader = Reader(Path(path), environ)
    configuration = reader.read()
    _raise(reader.refusals)
    return configuration


def load_access(path: str | Path, environ: Mapping[str, str]) -> AccessSettings:
    """Read and check what a login needs, and what is there already of the rest.

    :param environ: the process's environment.
    :raises ConfigurationError: as `load`; that there is no account, output or token yet is no reason.
    """
    reader = Reader(Path(path), environ)
    access = reader.read_access()
    _raise(reader.refusals)
    assert access is not None, "there is an application, or it was refused"
    return access


def load_simulator(path: str | Path, table: Mapping[str, Any]) -> SimulatorSettings:
    """Check what of a table ``[simulator]`` is not the simulator's own.

    :param path: the file that the table is from.
    :raises ConfigurationError: as `load`.
    """
    refusals = Refusals(Path(path))
    simulator = read_simulator(Table(refusals, SIMULATOR, dict(table)))
    _raise(refusals)
    return simulator


def load_simulated(
    path: str | Path, environ: Mapping[str, str], *, alone: bool = False
) -> tuple[SimulatorSettings, tuple[AccountSettings, ...]] | None:
    """Read the simulator of a configuration and the accounts on it; None if it has none.

    :param environ: the process's environment.
    :param alone: read it only if no account is elsewhere.
    :raises ConfigurationError: as `load`; what does not concern the simulator is no reason.
    """
    reader = Reader(Path(path), environ)
    simulated = reader.read_simulated(alone=alone)
    _raise(reader.refusals)
    return simulated


def _raise(refusals: Refusals) -> None:
    errors = refusals.errors
    if errors:
        raise errors[0] if len(errors) == 1 else ConfigurationErrors(errors)
