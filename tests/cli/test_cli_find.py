"""What the command line, the configuration and the environment give together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import pytest

from ctrader_twisted.cli.failures import CommandFailed
from ctrader_twisted.cli.finding import Wanted, default_token_file, find
from ctrader_twisted.errors import ConfigurationError, ConfigurationErrors

if TYPE_CHECKING:
    from pathlib import Path

SECRETS = {"CTRADER_CLIENT_ID": "an-id", "CTRADER_CLIENT_SECRET": "hush-secret"}


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(folder: Path, text: str, name: str = "some.toml") -> Path:
    file = folder / name
    file.write_text(text, "utf-8")
    return file


# Without a configuration


def test_without_anything() -> None:
    with pytest.raises(CommandFailed, match="CTRADER_CLIENT_ID and CTRADER_CLIENT_SECRET") as caught:
        find(Wanted(), {})
    assert "--config" in str(caught.value)


def test_from_the_environment_alone() -> None:
    found = find(Wanted(), {**SECRETS, "CTRADER_ACCESS_TOKEN": "hush-token"})
    assert found.application is not None and found.application.client_id == "an-id"
    assert {name: each.host for name, each in found.environments.items()} == {
        "demo": "demo.ctraderapi.com",
        "live": "live.ctraderapi.com",
    }
    assert found.token_file == default_token_file()
    assert [grant.name for grant in found.inline] == ["CTRADER_ACCESS_TOKEN"]
    assert "hush" not in repr(found)


def test_what_is_missing_is_asked_for() -> None:
    asked: list[str] = []

    def ask(variable: str) -> str:
        asked.append(variable)
        return "hush-answer"

    found = find(Wanted(client_id="given"), {}, ask)
    assert asked == ["CTRADER_CLIENT_SECRET"]
    assert found.application is not None and found.application.client_id == "given"


# With one


def test_a_configuration_in_this_folder_is_found(tmp_path: Path) -> None:
    write(tmp_path, '[environment.lab]\nhost = "localhost"\n', "ctrader.toml")
    found = find(Wanted(), SECRETS)
    assert found.environments["lab"].host == "localhost"
    assert found.named == ("lab",)


def test_an_environment_that_the_file_leads_elsewhere_is_the_one_that_is_meant(tmp_path: Path) -> None:
    """Nobody wants to ask Spotware's live server with the credentials of a venue."""
    file = write(tmp_path, '[environment.demo]\nhost = "localhost"\n')
    assert find(Wanted(config=file), SECRETS).named == ("demo",)


@pytest.mark.parametrize(
    "text",
    [
        '[environment.demo]\nhost = "evil.example"\n',
        '[environment.demo]\nhost = "demo.ctraderapi.com.evil.example"\n',
        '[oauth]\ntoken_url = "https://evil.example/apps/token"\n',
        '[oauth]\nconsent_url = "https://id.ctrader.com.evil.example/"\n',
    ],
)
def test_a_file_that_nobody_named_does_not_lead_to_strangers(tmp_path: Path, text: str) -> None:
    """It may have come with a folder of somebody else's."""
    file = write(tmp_path, text, "ctrader.toml")
    with pytest.raises(CommandFailed, match=r"evil\.example, and client secret .* --config ctrader\.toml"):
        find(Wanted(), SECRETS)
    assert find(Wanted(config=file), SECRETS).file == file


def test_a_file_that_nobody_named_may_lead_to_spotware(tmp_path: Path) -> None:
    write(tmp_path, '[oauth]\ntoken_url = "https://openapi.ctrader.com/apps/token"\n', "ctrader.toml")
    assert find(Wanted(), SECRETS).oauth.token_url is not None


def test_what_the_file_lacks_is_asked_for(tmp_path: Path) -> None:
    file = write(tmp_path, '[application]\nclient_id = "of-the-file"\n')
    found = find(Wanted(config=file), {}, lambda variable: f"hush-{variable}")
    assert found.application is not None
    assert (found.application.client_id, found.application.client_secret) == (
        "of-the-file",
        "hush-CTRADER_CLIENT_SECRET",
    )


def test_what_else_is_wrong_is_not_asked_for(tmp_path: Path) -> None:
    file = write(tmp_path, '[aplication]\nclient_id = "of-the-file"\n')
    with pytest.raises(ConfigurationError, match="aplication"):
        find(Wanted(config=file), {}, lambda variable: pytest.fail("asked"))


def test_the_token_store(tmp_path: Path) -> None:
    beside = find(Wanted(config=write(tmp_path, "")), SECRETS)
    assert (beside.token_file, beside.token_file_is_configured) == (tmp_path / "tokens.json", False)
    file = write(tmp_path, '[tokens]\nfile = "mine.json"\nrefresh_before_days = 2.5\n')
    named = find(Wanted(config=file), SECRETS)
    assert (named.token_file, named.token_file_is_configured) == (tmp_path / "mine.json", True)
    assert named.refresh_within == 2.5 * 86_400
    other = find(Wanted(config=file, tokens=tmp_path / "other.json"), SECRETS)
    assert (other.token_file, other.token_file_is_configured) == (tmp_path / "other.json", False)


def test_tokens_of_the_file_are_grants_of_their_own(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        """
        [[account]]
        id = 1
        environment = "demo"
        access_token = "hush-one"
        [[account]]
        id = 2
        environment = "demo"
        access_token = "hush-one"
        [[account]]
        id = 3
        environment = "live"
        access_token = "hush-two"
        """,
    )
    file.chmod(0o600)
    found = find(Wanted(config=file), SECRETS)
    assert {grant.name: sorted(grant.account_ids()) for grant in found.inline} == {
        "account[1]": [1, 2],
        "account[3]": [3],
    }
    assert sorted(found.named) == ["demo", "live"]
    assert "hush" not in repr(found)


# A venue in the file


@pytest.mark.parametrize(
    ("text", "environment", "simulated"),
    [
        ("[simulator]\n", None, True),
        ('[simulator]\n[[account]]\nenvironment = "simulator"\n', None, True),
        ('[simulator]\n[[account]]\nenvironment = "demo"\nid = 1\n', None, False),
        ('[simulator]\n[[account]]\nenvironment = "demo"\nid = 1\n', "simulator", True),
        ("[simulator]\n", "demo", False),
        ("", None, False),
    ],
)
def test_the_simulator(tmp_path: Path, text: str, environment: str | None, simulated: bool) -> None:
    found = find(Wanted(config=write(tmp_path, text), environment=environment), SECRETS)
    assert (found.simulator is not None) is simulated


def test_the_accounts_on_the_simulator_are_those_of_the_file(tmp_path: Path) -> None:
    text = "[simulator]\n" + "".join(
        f'[[account]]\nenvironment = "{name}"\nid = {number}\n'
        for name, number in (("demo", 1), ("simulator", 1000002))
    )
    found = find(Wanted(config=write(tmp_path, text), environment="simulator"), {})
    assert [account.account_id for account in found.environments["simulator"].accounts] == [1000002]


def test_the_simulator_needs_no_application(tmp_path: Path) -> None:
    assert find(Wanted(config=write(tmp_path, "[simulator]\n")), {}).application is None


@pytest.mark.parametrize("environ", [{}, SECRETS])
@pytest.mark.parametrize(
    ("text", "environment"),
    [
        ("", "simulator"),
        ("[tokens]\n", "simulator"),
        ('[[account]]\nenvironment = "demo"\nid = 1\n', "simulator"),
        ('[[account]]\nenvironment = "simulator"\n', None),
    ],
)
def test_a_simulator_that_is_meant_and_not_there(
    tmp_path: Path, text: str, environment: str | None, environ: dict[str, str]
) -> None:
    """Nobody is sent to Spotware for an application: the simulator needs none."""
    file = write(tmp_path, text)
    with pytest.raises(ConfigurationError) as caught:
        find(Wanted(config=file, environment=environment), environ)
    assert not isinstance(caught.value, ConfigurationErrors)
    assert caught.value.remedy == "Add the line [simulator] at its end: nothing more is needed."
    file.write_text(f"{text}[simulator]\n")
    assert find(Wanted(config=file, environment=environment), environ).simulator is not None


@pytest.mark.parametrize("environ", [{}, SECRETS])
def test_a_simulator_without_a_file(environ: dict[str, str]) -> None:
    with pytest.raises(CommandFailed, match=r"a file with the line \[simulator\], which is enough.*--config FILE"):
        find(Wanted(environment="simulator"), environ)


def test_what_is_wrong_with_the_simulator_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"simulator\.sed"):
        find(Wanted(config=write(tmp_path, "[simulator]\nsed = 1\n")), {})
    with pytest.raises(ConfigurationError, match=r'simulator\.wire: "jsom" is not a wire\. Did you mean "json"'):
        find(Wanted(config=write(tmp_path, '[simulator]\nwire = "jsom"\n')), {})


# What the command line says of servers and limits


def test_the_environment_is_chosen() -> None:
    assert find(Wanted(environment="live"), SECRETS).chosen == "live"
    with pytest.raises(click.UsageError, match="known are demo, live"):
        find(Wanted(environment="lvie"), SECRETS)


def test_the_host_is_chosen() -> None:
    found = find(Wanted(host="proxy.example", port=15035), SECRETS)
    assert {(each.host, each.port, each.live) for each in found.environments.values()} == {
        ("proxy.example", 15035, True),
        ("proxy.example", 15035, False),
    }


def test_the_wire_is_chosen(tmp_path: Path) -> None:
    found = find(Wanted(wire="json"), SECRETS)
    assert {(each.wire, each.port) for each in found.environments.values()} == {("json", 5036)}
    found = find(Wanted(wire="json", host="proxy.example", port=443), SECRETS)
    assert {(each.wire, each.port) for each in found.environments.values()} == {("json", 443)}
    file = write(tmp_path, '[environment.demo]\nwire = "json"\n[environment.lab]\nhost = "x"\nport = 15035\n')
    found = find(Wanted(config=file), SECRETS)
    assert {name: (each.wire, each.port) for name, each in found.environments.items()} == {
        "demo": ("json", 5036),
        "live": ("protobuf", 5035),
        "lab": ("protobuf", 15035),
    }
    found = find(Wanted(config=file, wire="protobuf-websocket"), SECRETS)
    assert {name: (each.wire, each.port) for name, each in found.environments.items()} == {
        "demo": ("protobuf-websocket", 5035),
        "live": ("protobuf-websocket", 5035),
        "lab": ("protobuf-websocket", 15035),
    }


@pytest.mark.parametrize(
    ("text", "wire", "json_port"),
    [
        ("[simulator]\n", None, None),
        ('[simulator]\nwire = "json"\n', None, 0),
        ('[simulator]\nwire = "json"\njson_port = 15036\n', None, 15036),
        ("[simulator]\n", "json", 0),
        ('[simulator]\nwire = "json"\n', "protobuf", None),
    ],
)
def test_how_the_simulator_is_talked_to(tmp_path: Path, text: str, wire: str | None, json_port: int | None) -> None:
    found = find(Wanted(config=write(tmp_path, text), wire=wire), SECRETS)
    assert found.simulator is not None and found.simulator.json_port == json_port
    assert (found.environments["simulator"].wire == "json") is (json_port is not None)


@pytest.mark.parametrize("host", [None, "demo.ctraderapi.com", "DEMO.ctraderapi.com."])
def test_spotwares_own_limits_can_not_be_exceeded(host: str | None) -> None:
    with pytest.raises(click.UsageError, match="--requests-per-second 51: .* allow 50"):
        find(Wanted(host=host, requests_per_second=51), SECRETS)
    with pytest.raises(click.UsageError, match="--historical-per-second 6: .* allow 5"):
        find(Wanted(host=host, historical_per_second=6), SECRETS)


def test_less_is_always_allowed() -> None:
    found = find(Wanted(requests_per_second=10, historical_per_second=1), SECRETS)
    assert {(each.requests_per_second, each.historical_per_second) for each in found.environments.values()} == {(10, 1)}
    assert not found.warnings


def test_more_is_allowed_elsewhere_with_a_warning() -> None:
    found = find(Wanted(host="proxy.example", requests_per_second=500), SECRETS)
    assert {each.requests_per_second for each in found.environments.values()} == {500}
    (warning,) = found.warnings
    assert "--requests-per-second 500" in warning and "proxy.example" in warning


def test_more_for_a_host_of_the_file_with_a_warning(tmp_path: Path) -> None:
    file = write(tmp_path, '[environment.demo]\nhost = "proxy.example"\n')
    found = find(Wanted(config=file, historical_per_second=20), SECRETS)
    assert {name: each.historical_per_second for name, each in found.environments.items()} == {"demo": 20, "live": 5}
    (warning,) = found.warnings
    assert "--historical-per-second 20" in warning and "proxy.example" in warning


def test_an_environment_that_does_not_exist_beside_a_simulator(tmp_path: Path) -> None:
    """That is what is wrong, not what another one would need."""
    file = write(tmp_path, '[simulator]\n[environment.mine]\nhost = "localhost"\n')
    with pytest.raises(click.UsageError, match='no environment "foo": known are demo, live, mine, simulator'):
        find(Wanted(config=file, environment="foo"), {})


def test_a_limit_above_spotwares_for_the_simulator(tmp_path: Path) -> None:
    file = write(tmp_path, "[simulator]\n")
    assert find(Wanted(config=file), {}).warnings == ()
    there = find(Wanted(config=file, historical_per_second=500), {})
    (warning,) = there.warnings
    assert (
        "--historical-per-second 500 is more than Spotware's servers allow (5): make sure that the simulator" in warning
    )
    assert there.environments["simulator"].historical_per_second == 500
    assert find(Wanted(config=file, historical_per_second=2), {}).environments["simulator"].historical_per_second == 2
