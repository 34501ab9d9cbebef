from __future__ import annotations

import json
import os
import re
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ctrader_twisted import Wire
from ctrader_twisted.config import (
    PERIODS,
    WIRES,
    Configuration,
    FlightRecorderSettings,
    RecordingSettings,
    SafetySettings,
    TokenSettings,
    load,
    load_access,
    load_simulated,
    load_simulator,
)
from ctrader_twisted.errors import ConfigurationError, ConfigurationErrors
from ctrader_twisted.messages import ProtoOATrendbarPeriod
from ctrader_twisted.proxy import proxy_opening

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SECRETS = {"CTRADER_CLIENT_ID": "id-1", "CTRADER_CLIENT_SECRET": "hush-app", "CTRADER_ACCESS_TOKEN": "hush-token"}

ACCOUNT = """
[[account]]
id = 7
environment = "demo"
symbols = ["EURUSD", "XAUUSD"]
"""
OUTPUT = """
[[output]]
path = "-"
"""
PLAIN = ACCOUNT + OUTPUT
RECORDING = PLAIN + '[[recording]]\npath = "m"\nformat = "sqlite"\n'
SIMULATED = '[simulator]\n[[account]]\nenvironment = "simulator"\n' + OUTPUT

Write = "Callable[..., Path]"


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(text: str, name: str = "daemon.toml", mode: int = 0o600) -> Path:
        path = tmp_path / name
        path.write_text(text, "utf-8")
        path.chmod(mode)
        return path

    return write


@pytest.fixture
def read(write: Callable[..., Path]) -> Callable[..., Configuration]:
    return lambda text, environ=SECRETS: load(write(text), environ)


@pytest.fixture
def refused(write: Callable[..., Path]) -> Callable[..., list[ConfigurationError]]:
    def refused(text: str, environ: Mapping[str, str] = SECRETS) -> list[ConfigurationError]:
        with pytest.raises(ConfigurationError) as caught:
            load(write(text), environ)
        error = caught.value
        return list(error.errors) if isinstance(error, ConfigurationErrors) else [error]

    return refused


def test_the_smallest_configuration(read: Callable[..., Configuration]) -> None:
    configuration = read(PLAIN)
    (environment,) = configuration.environments
    (account,) = environment.accounts
    assert (environment.name, environment.host, environment.port) == ("demo", "demo.ctraderapi.com", 5035)
    assert environment.trust_root is None
    assert (account.account_id, account.access_token, account.symbols) == (7, "hush-token", ("EURUSD", "XAUUSD"))
    assert (account.bars, account.depth) == ({}, ())
    assert configuration.application is not None
    assert (configuration.application.client_id, configuration.application.client_secret) == ("id-1", "hush-app")
    (output,) = configuration.outputs
    assert output.path is None and "quote" in output.events
    assert configuration.simulator is None and configuration.services == () and configuration.warnings == ()


def test_accounts_in_several_environments_at_once(
    read: Callable[..., Configuration], write: Callable[..., Path], tmp_path: Path
) -> None:
    write("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "ca.pem")
    configuration = read(
        """
        [environment.lab]
        host = "lab.example"
        port = 15035
        trust_root = "ca.pem"
        [[account]]
        id = 1
        environment = "live"
        symbols = ["EURUSD", "XAUUSD"]
        bars = { EURUSD = ["M1", "H4"], XAUUSD = ["D1"] }
        depth = ["XAUUSD"]
        [[account]]
        id = 2
        environment = "lab"
        symbols = ["EURUSD"]
        bars = ["5m", "h1", "M5", "1D"]
        depth = true
        [[account]]
        id = 3
        environment = "live"
        depth = false
        """
        + OUTPUT
    )
    live, lab = configuration.environments
    assert [account.account_id for account in live.accounts] == [1, 3]
    assert live.accounts[0].bars == {"EURUSD": ("M1", "H4"), "XAUUSD": ("D1",)}
    assert live.accounts[0].depth == ("XAUUSD",)
    assert (lab.host, lab.port) == ("lab.example", 15035)
    assert lab.trust_root is not None and lab.trust_root.startswith(b"-----BEGIN")
    assert (lab.accounts[0].bars, lab.accounts[0].depth) == ({"EURUSD": ("M5", "H1", "D1")}, ("EURUSD",))
    assert (live.accounts[1].symbols, live.accounts[1].depth) == ((), ())


def test_bars_and_depth_name_symbols_in_any_case(read: Callable[..., Configuration]) -> None:
    """The broker has the last word on how a name is spelled; here it is as the list of symbols has it."""
    own = 'symbols = ["EurUsd", "xauusd", "GER40.cash"]\n'
    more = 'bars = { EURUSD = ["M1"], "ger40.CASH" = ["H1"], eurusd = ["H1", "M1"] }\ndepth = ["XAUUSD", "xauusd"]\n'
    text = ACCOUNT.replace('symbols = ["EURUSD", "XAUUSD"]\n', own + more)
    (account,) = read(text + OUTPUT).environments[0].accounts
    assert account.symbols == ("EurUsd", "xauusd", "GER40.cash")
    assert account.bars == {"EurUsd": ("M1", "H1"), "GER40.cash": ("H1",)}
    assert account.depth == ("xauusd",)


def test_names_that_differ_in_capitals_alone_may_be_two_symbols(read: Callable[..., Configuration]) -> None:
    own = 'symbols = ["EURUSDm", "EURUSDM"]\nbars = { EURUSDM = ["M1"], EURUSDm = ["H1"] }\n'
    (account,) = read(ACCOUNT.replace('symbols = ["EURUSD", "XAUUSD"]\n', own) + OUTPUT).environments[0].accounts
    assert account.bars == {"EURUSDM": ("M1",), "EURUSDm": ("H1",)}


def test_a_known_environment_may_be_reached_by_another_way(read: Callable[..., Configuration]) -> None:
    (demo,) = read('[environment.demo]\nhost = "proxy.example"\n' + PLAIN).environments
    assert (demo.name, demo.host, demo.port) == ("demo", "proxy.example", 5035)


def test_the_wires_are_those_of_the_client() -> None:
    assert dict(WIRES) == {wire.value: wire.default_port for wire in Wire}


def test_a_wire_brings_its_port_along(read: Callable[..., Configuration]) -> None:
    (demo,) = read('[environment.demo]\nwire = "json"\n' + PLAIN).environments
    assert (demo.host, demo.port, demo.wire, demo.live) == ("demo.ctraderapi.com", 5036, "json", False)
    (demo,) = read('[environment.demo]\nwire = "protobuf-websocket"\ncompression = true\n' + PLAIN).environments
    assert (demo.port, demo.wire, demo.compression) == (5035, "protobuf-websocket", True)
    (lab,) = read(
        '[environment.lab]\nhost = "x"\nport = 443\nwire = "json"\n' + PLAIN.replace("demo", "lab")
    ).environments
    assert (lab.port, lab.wire, lab.compression) == (443, "json", False)
    (demo,) = read(PLAIN).environments
    assert (demo.wire, demo.compression) == ("protobuf", False)
    assert (demo.over("json").port, demo.over("json").over("protobuf").port, lab.over("protobuf").port) == (
        5036,
        5035,
        443,
    )


def test_a_proxy(read: Callable[..., Configuration]) -> None:
    (demo,) = read('[environment.demo]\nproxy = "http://me:hush-p%40ss@proxy.example:8080"\n' + PLAIN).environments
    assert demo.proxy == "http://me:hush-p%40ss@proxy.example:8080"
    assert "hush" not in repr(demo)
    assert demo.over("json").proxy == demo.proxy
    (demo,) = read('[environment.demo]\nproxy = "http://[::1]/"\n' + PLAIN).environments
    assert demo.proxy == "http://[::1]/"
    (demo,) = read(PLAIN).environments
    assert demo.proxy is None


@pytest.mark.parametrize(
    "url",
    [
        *("proxy:3128", "https://me:hush@proxy", "socks5://me:hush@proxy", "http://", "http://me:hush@", ""),
        *("http://me:hush@proxy:0", "http://me:hush@proxy:70000", "http://me:hush@proxy:x", "http://me:hush@[proxy"),
        *("http://me:hush@proxy/there", "http://me:hush@proxy?x", "http://me:hush@proxy#x"),
    ],
)
def test_what_is_no_proxy_is_refused_and_not_repeated(
    refused: Callable[..., list[ConfigurationError]], url: str
) -> None:
    (error,) = refused(f'[environment.demo]\nproxy = "{url}"\n' + PLAIN)
    assert error.key == "environment.demo.proxy"
    assert not url or "http://USER:PASSWORD@HOST:PORT" in str(error)
    assert "hush" not in str(error) + repr(error)
    with pytest.raises(ValueError, match="the proxy is to be"):
        proxy_opening(None, url)


def test_a_port_on_which_spotware_serves_another_wire_is_a_warning(read: Callable[..., Configuration]) -> None:
    (warning,) = read('[environment.demo]\nwire = "json"\nport = 5035\n' + PLAIN).warnings
    assert "environment.demo.port: 5035 is not where Spotware serves json" in warning and "write 5036" in warning
    (warning,) = read("[environment.demo]\nport = 5036\n" + PLAIN).warnings
    assert "serves protobuf" in warning and "write 5035" in warning
    assert read('[environment.demo]\nhost = "proxy.example"\nport = 5036\n' + PLAIN).warnings == ()


def test_how_the_simulator_is_talked_to(read: Callable[..., Configuration], tmp_path: Path) -> None:
    for wire, table in (("json", {"seed": 7, "json_port": 0}), ("protobuf-websocket", {"seed": 7})):
        configuration = read(SIMULATED.replace("r]", f'r]\nseed = 7\nwire = "{wire}"'), {})
        assert configuration.environments[0].wire == wire
        assert configuration.simulator is not None and configuration.simulator.table == {"seed": 7}
        assert configuration.simulator.venue == table
    assert load_simulator(tmp_path, {"json_port": 6, "wire": "json"}).venue == {"json_port": 6}
    with pytest.raises(ConfigurationError, match=r"simulator\.wire"):
        load_simulator(tmp_path, {"wire": "jsonn"})


def test_the_simulator_needs_no_secrets_and_reads_its_own_keys(read: Callable[..., Configuration]) -> None:
    configuration = read(SIMULATED.replace("r]", 'r]\nseed = 7\nanything = "goes"'), {})
    assert configuration.application is None
    assert configuration.environments[0].accounts[0].account_id is None
    assert configuration.simulator is not None
    assert configuration.simulator.table == {"seed": 7, "anything": "goes"}


def test_whether_an_environment_is_live(read: Callable[..., Configuration]) -> None:
    lab = '[environment.lab]\nhost = "x"\n'
    texts = [PLAIN, PLAIN.replace("demo", "live"), SIMULATED, lab + PLAIN.replace("demo", "lab")]
    texts.append(lab + "live = true\n" + PLAIN.replace("demo", "lab"))
    texts.append("[environment.demo]\nlive = true\n" + PLAIN)
    assert [read(text).environments[0].live for text in texts] == [False, True, False, None, True, True]


def test_services_get_their_settings_and_their_environment(read: Callable[..., Configuration]) -> None:
    text = ACCOUNT + '[[service]]\nfactory = "bots.grid:make"\n[service.settings]\nstep = 5\n'
    (service,) = read(text).services
    assert (service.module, service.attribute, service.environment) == ("bots.grid", "make", "demo")
    assert service.settings == {"step": 5}
    other = ACCOUNT.replace("demo", "live") + '[[service]]\nfactory = "a:b"\nenvironment = "live"\n'
    assert [service.environment for service in read(ACCOUNT + other).services] == ["live"]


def test_paths_are_taken_from_the_folder_of_the_file(
    write: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data").mkdir()
    write(ACCOUNT + '[[output]]\npath = "data/x.jsonl"\nevents = ["bar"]\n')
    monkeypatch.chdir(tmp_path.parent)
    configuration = load(f"{tmp_path.name}/daemon.toml", SECRETS)
    assert configuration.outputs[0].path == tmp_path / "data" / "x.jsonl"
    assert configuration.outputs[0].events == {"bar"}


# Secrets


def credentials(**values: object) -> str:
    return json.dumps(values)


ALL = credentials(
    accountId="70", clientId="id-file", clientSecret="hush-file", accessToken="hush-at", refreshToken="hush-rt"
)


def test_everything_from_a_credentials_file(read: Callable[..., Configuration], write: Callable[..., Path]) -> None:
    write(ALL, "credentials.json")
    text = '[application]\ncredentials = "credentials.json"\n' + PLAIN.replace("id = 7\n", "")
    configuration = read(text, {})
    account = configuration.environments[0].accounts[0]
    assert configuration.application is not None
    assert (configuration.application.client_id, configuration.application.client_secret) == ("id-file", "hush-file")
    assert (account.account_id, account.access_token, account.refresh_token) == (70, "hush-at", "hush-rt")
    (warning,) = configuration.warnings
    assert "account[1]: its refresh token is not used" in warning and "ctrader tokens import" in warning


def test_the_environment_comes_before_the_file_and_the_file_before_its_credentials(
    read: Callable[..., Configuration], write: Callable[..., Path]
) -> None:
    write(ALL, "credentials.json")
    text = '[application]\nclient_id = "id-toml"\ncredentials = "credentials.json"\n' + PLAIN
    found = [
        read(text, environ).application
        for environ in (
            {},
            {"CTRADER_CLIENT_ID": ""},
            {"CTRADER_CLIENT_ID": "id-env", "CTRADER_CLIENT_SECRET": "hush-env"},
        )
    ]
    assert [(a.client_id, a.client_secret) for a in found if a is not None] == [
        ("id-toml", "hush-file"),
        ("id-toml", "hush-file"),
        ("id-env", "hush-env"),
    ]


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ('access_token_env = "MINE"\naccess_token = "hush-inline"\ncredentials = "own.json"', ("hush-mine", None)),
        ('access_token = "hush-inline"\nrefresh_token = "hush-r"\ncredentials = "own.json"', ("hush-inline", "hush-r")),
        ('credentials = "own.json"', ("hush-own", "hush-own-r")),
        ("", ("hush-token", None)),
    ],
)
def test_what_is_nearest_to_an_account_is_its_token(
    read: Callable[..., Configuration], write: Callable[..., Path], own: str, expected: tuple[str, str | None]
) -> None:
    write(ALL, "credentials.json")
    write(credentials(accessToken="hush-own", refreshToken="hush-own-r"), "own.json")
    text = ACCOUNT + own + '\n[application]\ncredentials = "credentials.json"\n' + OUTPUT
    account = read(text, {**SECRETS, "MINE": "hush-mine"}).environments[0].accounts[0]
    assert (account.access_token, account.refresh_token) == expected


def test_no_secret_shows_in_a_repr(read: Callable[..., Configuration], write: Callable[..., Path]) -> None:
    write(ALL, "credentials.json")
    configuration = read(
        '[application]\nclient_secret = "hush-0"\ncredentials = "credentials.json"\n'
        + ACCOUNT
        + 'access_token = "hush-1"\nrefresh_token = "hush-2"\n'
        + '[[service]]\nfactory = "a:b"\nsettings = { key = "hush-3" }\n'
    )
    assert "hush" not in repr(configuration) + str(configuration)


def test_secrets_in_a_file_that_others_may_read_are_a_warning(write: Callable[..., Path]) -> None:
    text = '[application]\nclient_secret = "hush"\n' + PLAIN
    (warning,) = load(write(text, mode=0o644), SECRETS).warnings
    assert "chmod 600" in warning and "daemon.toml" in warning
    assert load(write(text, mode=0o640), SECRETS).warnings == ()
    assert load(write(PLAIN, mode=0o644), SECRETS).warnings == ()


@pytest.mark.skipif(os.name != "posix", reason="permissions are those of POSIX")
@pytest.mark.parametrize("mode", [0o604, 0o644, 0o602])
def test_a_credentials_file_that_others_may_read_is_refused(
    refused: Callable[..., list[ConfigurationError]], write: Callable[..., Path], mode: int
) -> None:
    path = write(ALL, "credentials.json", mode)
    (error,) = refused('[application]\ncredentials = "credentials.json"\n' + PLAIN.replace("id = 7\n", ""), {})
    assert (error.file, error.remedy) == (str(path), f"chmod 600 {path}")


@pytest.mark.parametrize(
    ("content", "key", "problem"),
    [
        ("{hush", "", "is not JSON: line 1"),
        ('["hush"]', "", "is not a JSON object"),
        (b"\xff\xfe{", "", "is not UTF-8"),
        ('{"clientSecret": 5}', "clientSecret", "a number where a text belongs"),
        ('{"accessToken": ""}', "accessToken", "an empty text"),
        ('{"clientsecret": "hush"}', "clientsecret", "an unknown key"),
        ('{"accountId": "hush"}', "accountId", "not an account's number"),
        ('{"accountId": 0}', "accountId", "not an account's number"),
        ('{"accountId": 1.5}', "accountId", "not an account's number"),
    ],
)
def test_a_wrong_credentials_file_is_named(
    refused: Callable[..., list[ConfigurationError]],
    write: Callable[..., Path],
    content: str | bytes,
    key: str,
    problem: str,
) -> None:
    path = write("", "c.json")
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    (error,) = refused('[application]\ncredentials = "c.json"\n' + PLAIN)
    assert (error.file, error.key) == (str(path), key)
    assert problem in error.problem and error.remedy
    assert "hush" not in str(error)


def test_other_keys_of_a_credentials_file_do_no_harm(
    read: Callable[..., Configuration], write: Callable[..., Path]
) -> None:
    write(credentials(accessToken="hush-at", tokenType="bearer", expiresIn=2628000, hostType="demo"), "c.json")
    assert read(ACCOUNT + 'credentials = "c.json"\n' + OUTPUT).environments[0].accounts[0].access_token == "hush-at"


# Tokens that are kept


TOKENS = "[tokens]\n"


def test_the_token_store(read: Callable[..., Configuration], tmp_path: Path) -> None:
    assert read(PLAIN).tokens is None
    assert read(TOKENS + PLAIN).tokens == TokenSettings(tmp_path / "tokens.json", 86_400.0)
    given = read('[tokens]\nfile = "kept.json"\nrefresh_before_days = 2.5\n' + PLAIN).tokens
    assert given == TokenSettings(tmp_path / "kept.json", 216_000.0)
    assert read("[tokens]\nrefresh_before_days = 0\n" + PLAIN).tokens == TokenSettings(tmp_path / "tokens.json", 0.0)


def test_an_account_without_a_token_of_its_own_takes_that_of_the_store(
    read: Callable[..., Configuration], write: Callable[..., Path]
) -> None:
    write(ALL, "credentials.json")
    text = '[application]\ncredentials = "credentials.json"\n' + TOKENS + PLAIN
    text += ACCOUNT.replace("7", "8") + 'access_token = "hush-own"\n' + ACCOUNT.replace("7", "9")
    configuration = read(text, {"CTRADER_ACCESS_TOKEN": "hush-general"})
    accounts = configuration.environments[0].accounts
    assert [account.access_token for account in accounts] == [None, "hush-own", None]
    variable, file = configuration.warnings
    assert "the access token of CTRADER_ACCESS_TOKEN is not used: [tokens] comes first" in variable
    assert "the access token of [application] credentials is not used" in file
    assert "hush" not in variable + file


@pytest.mark.parametrize(
    "own",
    ['access_token = "hush-a"\nrefresh_token = "hush-r"\n', 'credentials = "own.json"\n', 'refresh_token = "r"\n'],
)
def test_a_pair_that_could_not_be_kept_is_a_warning(
    read: Callable[..., Configuration], write: Callable[..., Path], own: str
) -> None:
    write(credentials(accessToken="hush-own", refreshToken="hush-own-r"), "own.json")
    (warning,) = read(ACCOUNT + own + OUTPUT).warnings
    assert "account[1]: its refresh token is not used" in warning and "ctrader tokens import" in warning
    assert "hush" not in warning


def test_oauth(read: Callable[..., Configuration]) -> None:
    nothing = read(PLAIN).oauth
    assert (nothing.redirect_uri, nothing.consent_url, nothing.token_url) == (None, None, None)
    given = read(
        '[oauth]\nredirect_uri = "http://bots.example/back?to=me"\nconsent_url = "http://127.0.0.1:80/consent"\n'
        'token_url = "https://openapi.ctrader.com/apps/token"\n' + PLAIN
    ).oauth
    assert given.redirect_uri == "http://bots.example/back?to=me", "whatever was registered"
    assert given.consent_url == "http://127.0.0.1:80/consent"
    assert given.token_url == "https://openapi.ctrader.com/apps/token"


# Before a login


def test_what_there_is_before_a_login(write: Callable[..., Path], tmp_path: Path) -> None:
    text = '[environment.demo]\nport = 5555\n[environment.lab]\nhost = "lab.example"\n[tokens]\n[simulator]\nseed = 1\n'
    access = load_access(write(text), SECRETS)
    assert (access.application.client_id, access.application.client_secret) == ("id-1", "hush-app")
    assert [(one.name, one.host, one.port, one.live) for one in access.environments] == [
        ("live", "live.ctraderapi.com", 5035, True),
        ("demo", "demo.ctraderapi.com", 5555, False),
        ("lab", "lab.example", 5035, None),
    ]
    assert access.tokens == TokenSettings(tmp_path / "tokens.json") and access.warnings == ()
    assert "hush" not in repr(access)


def test_accounts_that_are_there_already(write: Callable[..., Path]) -> None:
    nameless = ACCOUNT.replace("id = 7\n", "")
    access = load_access(write(PLAIN + nameless + nameless.replace("demo", "live") + nameless), SECRETS)
    by_name = {one.name: [account.account_id for account in one.accounts] for one in access.environments}
    assert by_name == {"live": [None], "demo": [7, None, None]}
    assert access.tokens is None


def test_what_a_login_cannot_do_without(write: Callable[..., Path]) -> None:
    with pytest.raises(ConfigurationErrors) as caught:
        load_access(write('[tokens]\nfile = "no/tokens.json"\n[token]\n[oauth]\ntoken_url = "x"\n'), {})
    keys = ["tokens.file", "oauth.token_url", "application.client_id", "application.client_secret", "token"]
    assert [error.key for error in caught.value.errors] == keys
    with pytest.raises(ConfigurationError, match="account: a table where a list"):
        load_access(write("[account]\n"), SECRETS)


# Limits and the flight recorder


def test_limits_for_each_environment(read: Callable[..., Configuration]) -> None:
    (default,) = read(PLAIN).environments
    assert (default.requests_per_second, default.historical_per_second) == (50, 5)
    text = "[environment.demo]\nrequests_per_second = 1\nhistorical_per_second = 2\n" + PLAIN
    (fewer,) = read(text).environments
    assert (fewer.requests_per_second, fewer.historical_per_second) == (1, 2)


@pytest.mark.parametrize("host", ["proxy.example", "ctraderapi.com.example", "notctraderapi.com"])
def test_more_than_spotware_allows_is_for_other_hosts_with_a_warning(
    read: Callable[..., Configuration], host: str
) -> None:
    text = f'[environment.demo]\nhost = "{host}"\nrequests_per_second = 10000\nhistorical_per_second = 6\n' + PLAIN
    configuration = read(text)
    (environment,) = configuration.environments
    assert (environment.requests_per_second, environment.historical_per_second) == (10_000, 6)
    requests, historical = configuration.warnings
    assert "environment.demo.requests_per_second: 10000 is more than Spotware's servers allow (50)" in requests
    assert "environment.demo.historical_per_second: 6" in historical and f"make sure that {host} does" in historical


@pytest.mark.parametrize("host", ["", 'host = "LIVE.ctraderapi.com."\n', 'host = "demo-us.ctraderapi.com"\n'])
def test_more_than_spotware_allows_is_refused_for_its_own_hosts(
    refused: Callable[..., list[ConfigurationError]], host: str
) -> None:
    (error,) = refused(f"[environment.demo]\n{host}requests_per_second = 51\n" + PLAIN)
    assert error.key == "environment.demo.requests_per_second"
    assert error.problem.startswith("51 is more than ") and "from 1 to 50" in error.remedy
    (error,) = refused(f"[environment.demo]\n{host}historical_per_second = 6\n" + PLAIN)
    assert error.key == "environment.demo.historical_per_second" and "from 1 to 5" in error.remedy


def test_the_flight_recorder(read: Callable[..., Configuration], tmp_path: Path) -> None:
    assert read(PLAIN).flight_recorder is None
    default = FlightRecorderSettings(tmp_path / "flight.jsonl", 10_000_000, 5)
    assert read("[flight_recorder]\n" + PLAIN).flight_recorder == default
    given = read('[flight_recorder]\npath = "f.jsonl"\nmax_megabytes = 0.5\nparts = 2\n' + PLAIN).flight_recorder
    assert given == FlightRecorderSettings(tmp_path / "f.jsonl", 500_000, 2)


def test_recordings(read: Callable[..., Configuration], tmp_path: Path) -> None:
    (plain,) = read(RECORDING).recordings
    assert plain == RecordingSettings("recording[1]", tmp_path / "m", "sqlite")
    assert (plain.events, plain.flush_seconds, plain.refill_days) == ({"quote", "bar", "account"}, 10.0, 7.0)
    two = '[[recording]]\npath = "other"\nformat = "parquet"\nevents = ["bar"]\nflush_seconds = 60\nrefill_days = 0\n'
    _, other = read(RECORDING + two).recordings
    assert other == RecordingSettings("recording[2]", tmp_path / "other", "parquet", frozenset({"bar"}), 60.0, 0.0)
    assert read(RECORDING.replace(OUTPUT, "")).outputs == (), "it needs no output beside it"


@pytest.mark.parametrize(("form", "package"), [("parquet", "pyarrow"), ("parquet", "numpy"), ("sqlite", "numpy")])
def test_what_a_recording_needs(
    refused: Callable[..., list[ConfigurationError]], monkeypatch: pytest.MonkeyPatch, form: str, package: str
) -> None:
    monkeypatch.setattr("ctrader_twisted.config.recordings.find_spec", lambda name: None if name == package else name)
    (error,) = refused(RECORDING.replace("sqlite", form))
    assert (error.key, error.problem) == ("recording[1].format", f"it needs {package}")
    assert "ctrader_twisted[data]" in error.remedy


def test_a_byte_order_mark_is_skipped(write: Callable[..., Path]) -> None:
    assert load(write("\ufeff" + PLAIN), SECRETS).environments


# The example


def test_the_example_knows_every_key(write: Callable[..., Path]) -> None:
    text = (Path(__file__).parents[1] / "examples" / "ctrader.toml").read_text("utf-8")
    environ = {name: value for name, value in SECRETS.items() if name != "CTRADER_ACCESS_TOKEN"}
    as_it_is = load(write(text), environ)
    assert as_it_is.tokens is not None and as_it_is.warnings == ()
    commented_out = re.compile(r"^# (?=\[|[a-z_]+ = )", re.MULTILINE)
    no_comment = commented_out.sub("", text)
    for needs_a_file in ("credentials = ", "trust_root = ", "access_token_env = "):
        no_comment = re.sub(rf"^{needs_a_file}.*$", "", no_comment, flags=re.MULTILINE)
    everything = load(write(no_comment), environ)
    (recording,) = everything.recordings
    assert recording == RecordingSettings(recording.key, recording.path, "parquet"), "what it shows is what holds"
    assert everything.flight_recorder is not None and everything.simulator is not None and everything.services
    assert everything.oauth.redirect_uri == "http://localhost:8765/"


# Refusals


@pytest.mark.parametrize(
    ("text", "key", "problem", "remedy"),
    [
        (PLAIN + "[accont]\nx = 1\n", "accont", "an unknown key", 'Did you mean "account"?'),
        (PLAIN + "[zzz]\n", "zzz", "an unknown key", "known here: account, application"),
        (PLAIN.replace("symbols", "symbol"), "account[1].symbol", "an unknown key", 'Did you mean "symbols"?'),
        (OUTPUT, "account", "missing", "[[account]]"),
        ("[account]\nid = 7\n" + OUTPUT, "account", "a table where a list of tables belongs", "[[account]]"),
        (PLAIN.replace("id = 7", 'id = "7"'), "account[1].id", "a text where a whole number belongs", "unquoted"),
        (PLAIN.replace("id = 7", "id = 0"), "account[1].id", "0 where", "from 1 to"),
        (PLAIN.replace("id = 7", "id = true"), "account[1].id", "true or false where", "from 1 to"),
        (PLAIN.replace("id = 7\n", ""), "account[1].id", "missing", "ctidTraderAccountId"),
        (PLAIN.replace('"demo"', '"dmeo"'), "account[1].environment", '"dmeo" is not known', 'Did you mean "demo"?'),
        (PLAIN.replace('environment = "demo"\n', ""), "account[1].environment", "missing", '"demo", "live"'),
        (PLAIN.replace('"demo"', '"simulator"'), "account[1].environment", "there is no simulator", "[simulator]"),
        (ACCOUNT + PLAIN, "account[2].id", "the same account as account[1]", "once"),
        (ACCOUNT + 'bars = ["M7"]\n' + OUTPUT, "account[1].bars", '"M7" is not a period', "Periods are M1, M2"),
        (ACCOUNT + 'bars = ["m16"]\n' + OUTPUT, "account[1].bars", '"m16" is not a period', 'Did you mean "M1"?'),
        (ACCOUNT + 'bars = ["1M"]\n' + OUTPUT, "account[1].bars", '"1M" is not a period', "Periods are M1, M2"),
        (ACCOUNT + 'bars = { EURUSD = "M1" }\n' + OUTPUT, "account[1].bars.EURUSD", "a text where a list", "["),
        (ACCOUNT + 'bars = { EURUSX = ["M1"] }\n' + OUTPUT, "account[1].bars.EURUSX", "not among", 'mean "EURUSD"'),
        (ACCOUNT + 'bars = "M1"\n' + OUTPUT, "account[1].bars", "a text where a list of texts belongs", "bars = ["),
        (ACCOUNT + 'depth = ["GBPUSD"]\n' + OUTPUT, "account[1].depth", "not among the account's symbols", "Add it"),
        (PLAIN.replace('"XAUUSD"', '"EURUSD"'), "account[1].symbols", '"EURUSD" twice', "once"),
        (PLAIN.replace('"XAUUSD"', "5"), "account[1].symbols", "a list where a list of texts", "symbols = ["),
        ("[environment.lab]\nport = 1\n" + PLAIN, "environment.lab.host", "missing", 'host = "…"'),
        ("[environment.demo]\nport = 0\n" + PLAIN, "environment.demo.port", "0 where", "from 1 to 65535"),
        ("[environment.demo]\nport = 65536\n" + PLAIN, "environment.demo.port", "65536 where", "from 1 to 65535"),
        ('[environment.demo]\nhosts = "x"\n' + PLAIN, "environment.demo.hosts", "an unknown key", '"host"'),
        ('[environment.simulator]\nhost = "x"\n' + PLAIN, "environment.simulator", "no host of its own", "[simulator]"),
        ('[environment.demo]\nwire = "jsn"\n' + PLAIN, "environment.demo.wire", '"jsn" is not a wire', 'mean "json"?'),
        ('[environment.demo]\nwire = "JSON"\n' + PLAIN, "environment.demo.wire", '"JSON" is not', 'mean "json"?'),
        ('[environment.demo]\nwire = "x"\n' + PLAIN, "environment.demo.wire", "not a wire", '"protobuf-websocket"'),
        ("[environment.demo]\nwire = 5036\n" + PLAIN, "environment.demo.wire", "a number where a text", 'wire = "…"'),
        ('[environment.demo]\nwires = "json"\n' + PLAIN, "environment.demo.wires", "an unknown key", '"wire"'),
        (
            "[environment.demo]\ncompression = true\n" + PLAIN,
            "environment.demo.compression",
            "only a WebSocket",
            'one of "json", "protobuf-websocket"',
        ),
        (
            '[environment.demo]\nwire = "json"\ncompression = 1\n' + PLAIN,
            "environment.demo.compression",
            "a number where true",
            "unquoted",
        ),
        (SIMULATED.replace("r]", 'r]\nwire = "JSON"'), "simulator.wire", '"JSON" is not a wire', "Wires are"),
        (
            SIMULATED.replace("r]", 'r]\nwire = "json"\njson_tls = false'),
            "simulator.json_tls",
            "JSON with TLS",
            "Leave it out",
        ),
        ("[environment.demo]\nlive = 1\n" + PLAIN, "environment.demo.live", "a number where true", "unquoted"),
        ('environment = "demo"\n' + PLAIN, "environment", "a text where a table belongs", "[environment]"),
        ('[environment.demo]\ntrust_root = "no.pem"\n' + PLAIN, "environment.demo.trust_root", "can't be read", "PEM"),
        (
            '[environment.demo]\ntrust_root = "daemon.toml"\n' + PLAIN,
            "environment.demo.trust_root",
            "no PEM",
            "openssl",
        ),
        ('[application]\ncredentials = "no.json"\n' + PLAIN, "application.credentials", "can't be read", "JSON"),
        ("[application]\nclient_id = 5\n" + PLAIN, "application.client_id", "a number where a text", 'client_id = "…"'),
        (ACCOUNT, "output", "nothing would come of it", "[[output]]"),
        (ACCOUNT + "[[output]]\n", "output[1].path", "missing", 'path = "-"'),
        (ACCOUNT + '[[output]]\npath = "no/x.jsonl"\n', "output[1].path", "does not exist", "mkdir -p"),
        (ACCOUNT + '[[output]]\npath = "."\n', "output[1].path", "is a folder", "Name a file"),
        (ACCOUNT + OUTPUT + OUTPUT, "output[2].path", "the same as output[1]", "a file of its own"),
        (ACCOUNT + '[[output]]\npath = "-"\nevents = ["quotes"]\n', "output[1].events", "not an event", '"quote"'),
        (ACCOUNT + '[[output]]\npath = "-"\nevents = []\n', "output[1].events", "an empty list", "Leave it out"),
        ("[tokens]\nfiles = 1\n" + PLAIN, "tokens.files", "an unknown key", '"file"'),
        ('[tokens]\nfile = "no/t.json"\n' + PLAIN, "tokens.file", "does not exist", "mkdir -p"),
        ('[tokens]\nfile = "."\n' + PLAIN, "tokens.file", "is a folder", "Name a file"),
        ('[tokens]\nfile = "daemon.toml"\n' + PLAIN, "tokens.file", "this configuration itself", "a file of its own"),
        ("[tokens]\nrefresh_before_days = 26\n" + PLAIN, "tokens.refresh_before_days", "26 where", "from 0 to 25"),
        ("[tokens]\nrefresh_before_days = nan\n" + PLAIN, "tokens.refresh_before_days", "nan where", "from 0 to 25"),
        ("[tokens]\nrefresh_before_days = true\n" + PLAIN, "tokens.refresh_before_days", "true or false", "unquoted"),
        ('[oauth]\nredirect_uri = "localhost"\n' + PLAIN, "oauth.redirect_uri", "not a web address", "https://"),
        ('[oauth]\ntoken_url = "ftp://x"\n' + PLAIN, "oauth.token_url", "not a web address", "https://"),
        ('[oauth]\ntoken_url = "https://x:y/"\n' + PLAIN, "oauth.token_url", "not a web address", "https://"),
        ('[oauth]\ntoken_url = "http://x.example/"\n' + PLAIN, "oauth.token_url", "unencrypted", "https://"),
        ('[oauth]\ntoken_url = "http://127.0.0.2/"\n' + PLAIN, "oauth.token_url", "unencrypted", "https://"),
        ('[oauth]\nconsent_url = "https://x/?a=b"\n' + PLAIN, "oauth.consent_url", "more than", "Leave out"),
        ('[oauth]\nredirect_uri = "https://x/#a"\n' + PLAIN, "oauth.redirect_uri", "more than", "Leave out"),
        ("[environment.demo]\nrequests_per_second = 0\n" + PLAIN, "environment.demo.requests_per_second", "0", "to 50"),
        (
            '[environment.demo]\nhost = "x"\nhistorical_per_second = 10001\n' + PLAIN,
            "environment.demo.historical_per_second",
            "10001 where",
            "from 1 to 10000",
        ),
        ('[flight_recorder]\npath = "no/f"\n' + PLAIN, "flight_recorder.path", "does not exist", "mkdir -p"),
        ("[flight_recorder]\nmax_megabytes = 0\n" + PLAIN, "flight_recorder.max_megabytes", "0 where", "from 0.1"),
        ("[flight_recorder]\nparts = 0\n" + PLAIN, "flight_recorder.parts", "0 where", "from 1 to 1000"),
        (
            ACCOUNT + '[flight_recorder]\npath = "x"\n[[output]]\npath = "x"\n',
            "flight_recorder.path",
            "the same as output[1]",
            "a file of its own",
        ),
        (
            ACCOUNT + '[flight_recorder]\npath = "x.jsonl"\n[[output]]\npath = "x.1.jsonl"\n',
            "flight_recorder.path",
            "an older part (x.1.jsonl) is the same as output[1]",
            "a file of its own",
        ),
        (PLAIN + '[[recording]]\nformat = "sqlite"\n', "recording[1].path", "missing", 'path = "market"'),
        (PLAIN + '[[recording]]\npath = "m"\n', "recording[1].format", "missing", '"parquet", "sqlite"'),
        (RECORDING + 'events = ["quotes"]\n', "recording[1].events", "can't be recorded", 'Did you mean "quote"?'),
        (RECORDING + "events = []\n", "recording[1].events", "an empty list", "Leave it out"),
        (RECORDING + "flush_seconds = 0.5\n", "recording[1].flush_seconds", "0.5 where", "from 1 to 3600"),
        (RECORDING + "refill_days = 366\n", "recording[1].refill_days", "366 where", "from 0 to 365"),
        (RECORDING + "refil_days = 3\n", "recording[1].refil_days", "an unknown key", '"refill_days"'),
        (RECORDING.replace("sqlite", "SQLite"), "recording[1].format", "is not a format", 'Did you mean "sqlite"?'),
        (RECORDING.replace('"m"', '"no/m"'), "recording[1].path", "does not exist", "mkdir -p"),
        (RECORDING.replace('"m"', '"daemon.toml"'), "recording[1].path", "is not a folder", "Name a folder"),
        (RECORDING + RECORDING.replace(PLAIN, ""), "recording[2].path", "the same as recording[1]", "of its own"),
        (ACCOUNT + "[[service]]\n", "service[1].factory", "missing", "package.module:make"),
        (ACCOUNT + '[[service]]\nfactory = "a.b"\n', "service[1].factory", "names no callable", "one colon"),
        (ACCOUNT + '[[service]]\nfactory = "a b:c"\n', "service[1].factory", "names no callable", "one colon"),
        (
            ACCOUNT + ACCOUNT.replace("demo", "live") + '[[service]]\nfactory = "a:b"\n',
            "service[1].environment",
            "more than one",
            '"demo", "live"',
        ),
        (
            ACCOUNT + '[[service]]\nfactory = "a:b"\nenvironment = "live"\n',
            "service[1].environment",
            "no account",
            "demo",
        ),
        (
            ACCOUNT + '[[service]]\nfactory = "a:b"\nsettings = 5\n',
            "service[1].settings",
            "a number where a table",
            "{",
        ),
    ],
)
def test_each_refusal_names_file_key_and_remedy(
    refused: Callable[..., list[ConfigurationError]],
    tmp_path: Path,
    text: str,
    key: str,
    problem: str,
    remedy: str,
) -> None:
    (error,) = refused(text)
    assert error.file == str(tmp_path / "daemon.toml")
    assert error.key == key
    assert problem in error.problem
    assert remedy in error.remedy
    assert error.file in str(error) and key in str(error) and error.remedy in str(error)


PLACES = [
    ("[application]\n", "credentials", "application.credentials"),
    (ACCOUNT, "credentials", "account[1].credentials"),
    ("[environment.demo]\n", "trust_root", "environment.demo.trust_root"),
    ("[tokens]\n", "file", "tokens.file"),
    ("[flight_recorder]\n", "path", "flight_recorder.path"),
    ("[[output]]\n", "path", "output[1].path"),
    ('[[recording]]\nformat = "sqlite"\n', "path", "recording[1].path"),
]


@pytest.mark.parametrize(("table", "key", "place"), PLACES)
@pytest.mark.parametrize(
    ("path", "problem", "remedy"),
    [
        ("a\\u0000b", "can't be a path", "Name one without it."),
        ("~nobody-of-this-name/x", 'there is no user "nobody-of-this-name"', "Write the whole path."),
        ("n" * 300, "File name too long", "Name another"),
        ("round/and/round", "Too many levels of symbolic links", "Name another"),
    ],
)
def test_a_path_that_can_be_none_is_refused_where_it_stands(
    refused: Callable[..., list[ConfigurationError]],
    tmp_path: Path,
    table: str,
    key: str,
    place: str,
    path: str,
    problem: str,
    remedy: str,
) -> None:
    (tmp_path / "round").symlink_to("round")
    text = f'{table}{key} = "{path}"\n' + ("" if table == ACCOUNT else ACCOUNT) + OUTPUT
    (error,) = refused(text)
    assert error.key == place
    assert problem in error.problem and remedy in error.remedy


def test_a_folder_that_is_no_file_to_record_the_conversation_to(
    refused: Callable[..., list[ConfigurationError]],
) -> None:
    (error,) = refused('[flight_recorder]\npath = "/"\n' + PLAIN)
    assert (error.key, error.problem) == ("flight_recorder.path", "/ is a folder")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a = " + "[" * 5000, "is not TOML: it is nested too deeply"),
        ("a = " + "1" * 5000, "is not TOML: a number of too many digits"),
    ],
    ids=["depth", "digits"],
)
def test_what_is_too_much_for_a_configuration(write: Callable[..., Path], text: str, problem: str) -> None:
    for read in (load, load_access, load_simulated):
        with pytest.raises(ConfigurationError) as caught:
            read(write(text), {})
        assert (caught.value.problem, caught.value.remedy) == (problem, "Correct it there.")


HUGE = "0x" + "f" * 5000


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (ACCOUNT.replace("id = 7", f"id = {HUGE}") + OUTPUT, "account[1].id"),
        (f"[environment.demo]\nport = {HUGE}\n" + PLAIN, "environment.demo.port"),
        (f"[environment.demo]\nrequests_per_second = {HUGE}\n" + PLAIN, "environment.demo.requests_per_second"),
        (f"[tokens]\nrefresh_before_days = {HUGE}\n" + PLAIN, "tokens.refresh_before_days"),
        (
            ACCOUNT + f"[account.safety]\nmax_volume = -{HUGE[2:].replace('f', '9')[:4000]}\n" + OUTPUT,
            "account[1].safety",
        ),
        (ACCOUNT + f"[account.safety]\nmax_volume = {HUGE}\n" + OUTPUT, "account[1].safety.max_volume"),
        (ACCOUNT + f"[account.safety]\nmax_exposure = {HUGE}\n" + OUTPUT, "account[1].safety.max_exposure"),
        (ACCOUNT + f"[account.safety]\nmax_positions = {HUGE}\n" + OUTPUT, "account[1].safety.max_positions"),
    ],
    ids=range(8),
)
def test_a_number_beyond_all_measure(refused: Callable[..., list[ConfigurationError]], text: str, place: str) -> None:
    (error,) = refused(text)
    assert error.key.startswith(place)
    assert len(str(error)) < 1000


def test_a_refusal_can_be_read_whatever_the_file_says(refused: Callable[..., list[ConfigurationError]]) -> None:
    long, wild = "x" * 20_000, "\\u001b[2Jred\\u202e\\n"
    for name in (long, wild):
        (error,) = refused(f'[[account]]\nid = 7\nenvironment = "{name}"\n' + OUTPUT)
        assert error.key == "account[1].environment"
        assert len(str(error)) < 1500 and str(error).isprintable()
        assert "Use one of" in error.remedy
        (error,) = refused(PLAIN + f'[environment.demo]\n"{name}" = 1\n')
        assert error.key.startswith("environment.demo.") and str(error).isprintable() and len(str(error)) < 1500


def test_a_credentials_file_that_is_nested_too_deeply(
    refused: Callable[..., list[ConfigurationError]], tmp_path: Path
) -> None:
    own = tmp_path / "deep.json"
    own.write_text("[" * 100_000)
    own.chmod(0o600)
    (error,) = refused('[application]\ncredentials = "deep.json"\n' + PLAIN)
    assert (error.file, error.problem) == (str(own), "is not JSON: it is nested too deeply")


@pytest.mark.parametrize("account_id", ["9" * 26, 10**26, str(2**63), 2**63, "0", "٧", True, 7.5])
def test_a_number_in_a_credentials_file_that_no_account_has(
    refused: Callable[..., list[ConfigurationError]], tmp_path: Path, account_id: object
) -> None:
    """It is not cut to one that an account may have."""
    own = tmp_path / "own.json"
    own.write_text(json.dumps({"accountId": account_id, "accessToken": "hush-own"}))
    own.chmod(0o600)
    text = PLAIN.replace("id = 7\n", "").replace('["EURUSD", "XAUUSD"]\n', '["EURUSD"]\ncredentials = "own.json"\n')
    (error,) = refused(text)
    assert (error.file, error.key) == (str(own), "accountId")
    assert "not the login number" in error.remedy


def test_a_credentials_file_may_begin_with_a_byte_order_mark(
    read: Callable[..., Configuration], tmp_path: Path
) -> None:
    own = tmp_path / "own.json"
    own.write_text(json.dumps({"accountId": 2**63 - 1, "accessToken": "hush-own"}), "utf-8-sig")
    own.chmod(0o600)
    text = PLAIN.replace("id = 7\n", "").replace('["EURUSD", "XAUUSD"]\n', '["EURUSD"]\ncredentials = "own.json"\n')
    (account,) = read(text).environments[0].accounts
    assert (account.account_id, account.access_token) == (2**63 - 1, "hush-own")


FLAWED = ["hush\n", " hush", "hu\tsh", "hush\u200b", "hu\x1bsh"]


@pytest.mark.parametrize("secret", FLAWED)
def test_a_secret_that_was_copied_with_something_else_is_refused_where_it_stands(
    refused: Callable[..., list[ConfigurationError]], tmp_path: Path, secret: str
) -> None:
    """The server would only say that it is wrong."""
    own = tmp_path / "own.json"
    own.write_text(json.dumps({"clientSecret": secret}))
    own.chmod(0o600)
    written = json.dumps(secret, ensure_ascii=True)
    without = {name: value for name, value in SECRETS.items() if name != "CTRADER_CLIENT_SECRET"}
    for text, environ, file, key in (
        ('[application]\ncredentials = "own.json"\n', without, own, "clientSecret"),
        (f"[application]\nclient_secret = {written}\n", without, None, "application.client_secret"),
        ("", {**without, "CTRADER_CLIENT_SECRET": secret}, None, "application.client_secret"),
        ("", {**SECRETS, "CTRADER_CLIENT_ID": secret}, None, "application.client_id"),
        ("", {**SECRETS, "CTRADER_ACCESS_TOKEN": secret}, None, "account[1].access_token"),
        (ACCOUNT + f"access_token = {written}\n", SECRETS, None, "account[1].access_token"),
        (ACCOUNT + 'access_token_env = "OWN"\n', {**SECRETS, "OWN": secret}, None, "account[1].access_token_env"),
    ):
        (error,) = refused(text + (OUTPUT if text.startswith(ACCOUNT) else PLAIN), environ)
        assert error.key == key and "Copy it anew" in error.remedy
        assert file is None or error.file == str(file)
        assert "hush" not in str(error) and "hu" + secret[2:4] not in str(error)


def test_a_secret_with_half_a_character(refused: Callable[..., list[ConfigurationError]], tmp_path: Path) -> None:
    own = tmp_path / "own.json"
    own.write_text('{"clientSecret": "\\ud800"}')
    own.chmod(0o600)
    without = {name: value for name, value in SECRETS.items() if name != "CTRADER_CLIENT_SECRET"}
    (error,) = refused('[application]\ncredentials = "own.json"\n' + PLAIN, without)
    assert error.key == "clientSecret"


def test_a_configuration_whose_name_begins_with_a_tilde(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "~nobody-of-this-name").write_text(PLAIN, "utf-8")
    assert load("~nobody-of-this-name", SECRETS).environments
    for name in ("a\0b", "n" * 300):
        with pytest.raises(ConfigurationError, match="can't be read"):
            load(name, SECRETS)


def test_missing_secrets_say_where_they_may_stand(refused: Callable[..., list[ConfigurationError]]) -> None:
    client_id, client_secret, token = sorted(
        refused(PLAIN, {}), key=lambda error: ("client" not in error.key, error.key)
    )
    assert (client_id.key, client_secret.key, token.key) == (
        "application.client_id",
        "application.client_secret",
        "account[1].access_token",
    )
    assert "CTRADER_CLIENT_ID" in client_id.remedy and "credentials" in client_id.remedy
    assert "CTRADER_CLIENT_SECRET" in client_secret.remedy
    assert "CTRADER_ACCESS_TOKEN" in token.remedy and "access_token_env" in token.remedy


def test_a_variable_that_is_not_set_is_refused_without_showing_what_may_be_a_token(
    refused: Callable[..., list[ConfigurationError]],
) -> None:
    (error,) = refused(ACCOUNT + 'access_token_env = "hush123"\n' + OUTPUT, {**SECRETS, "CTRADER_ACCESS_TOKEN": ""})
    assert error.key == "account[1].access_token_env"
    assert "hush123" not in str(error)


def test_every_problem_is_reported_at_once(write: Callable[..., Path]) -> None:
    text = PLAIN.replace('"demo"', '"dmeo"').replace("id = 7", "id = 0") + "[zzz]\n"
    with pytest.raises(ConfigurationErrors) as caught:
        load(write(text), {})
    assert {error.key for error in caught.value.errors} == {"account[1].environment", "account[1].id", "zzz"}
    assert len(str(caught.value).splitlines()) == 3
    assert caught.value.key == caught.value.errors[0].key


def test_what_is_no_toml_names_the_place_and_drags_nothing_along(write: Callable[..., Path]) -> None:
    with pytest.raises(ConfigurationError, match="is not TOML: .*line 2") as caught:
        load(write('[application]\nclient_secret = "hush\n'), {})
    assert "hush" not in str(caught.value)
    assert caught.value.__context__ is None


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="can't be read: No such file"):
        load(tmp_path / "absent.toml", {})
    (tmp_path / "latin").write_bytes(b'x = "\xe9"')
    with pytest.raises(ConfigurationError, match="is not UTF-8"):
        load(tmp_path / "latin", {})


def test_the_periods_are_those_of_the_schema() -> None:
    assert list(PERIODS) == [period.name for period in ProtoOATrendbarPeriod]


# Limits of an account


def test_the_limits_of_an_account(read: Callable[..., Configuration]) -> None:
    configuration = read(
        ACCOUNT
        + """
[account.safety]
symbols = ["EURUSD", "gold"]
max_volume = 0.1
max_open_volume = "0.30"
max_exposure = "250000.50 EUR"
max_positions = 3
dry_run = true
halted = false

[[account]]
id = 8
environment = "demo"
safety = { max_exposure = 1_000 }

[[account]]
id = 9
environment = "demo"
"""
        + OUTPUT
    )
    first, second, third = configuration.environments[0].accounts
    assert first.safety == SafetySettings(
        "account[1].safety",
        ("EURUSD", "gold"),
        Decimal("0.1"),
        Decimal("0.30"),
        Decimal("250000.50"),
        "EUR",
        3,
        dry_run=True,
        halted=False,
    )
    assert second.safety == SafetySettings("account[2].safety", max_exposure=Decimal(1000))
    assert third.safety is None


@pytest.mark.parametrize(
    ("line", "key", "problem", "remedy"),
    [
        ("max_volum = 1", "max_volum", "an unknown key", 'Did you mean "max_volume"?'),
        ("max_volume = -0.1", "max_volume", "-0.1 where a number belongs", "Write max_volume = 0.5"),
        ("max_volume = true", "max_volume", "true or false where a number belongs", "Write max_volume = 0.5"),
        ('max_volume = "much"', "max_volume", "a text where a number belongs", "Write max_volume = 0.5"),
        ("max_volume = nan", "max_volume", "nan where a number belongs", "from 0 on"),
        ("max_open_volume = inf", "max_open_volume", "inf where a number belongs", "from 0 on"),
        ('max_open_volume = "1e400"', "max_open_volume", "a text where a number belongs", "from 0 on"),
        ("max_open_volume = []", "max_open_volume", "a list where a number belongs", "from 0 on"),
        ("max_exposure = false", "max_exposure", "true or false where an amount of money", '"50000 EUR"'),
        ("max_exposure = -5", "max_exposure", "-5 where an amount of money belongs", '"50000 EUR"'),
        ('max_exposure = "EUR 5"', "max_exposure", "a text where an amount of money belongs", '"50000 EUR"'),
        ('max_exposure = "5 E U"', "max_exposure", "a text where an amount of money belongs", '"50000 EUR"'),
        ("max_positions = -1", "max_positions", "-1 where a whole number belongs", "from 0 to"),
        ("max_positions = 1.5", "max_positions", "a number where a whole number belongs", "from 0 to"),
        ('symbols = "EURUSD"', "symbols", "a text where a list of texts belongs", "Write symbols ="),
        ("dry_run = 1", "dry_run", "a number where true or false belongs", "Write dry_run = true"),
        ('halted = "yes"', "halted", "a text where true or false belongs", "Write halted = true"),
    ],
)
def test_a_limit_that_is_none(
    refused: Callable[..., list[ConfigurationError]], line: str, key: str, problem: str, remedy: str
) -> None:
    (error,) = refused(ACCOUNT + "[account.safety]\n" + line + "\n" + OUTPUT)
    assert (error.key, problem in error.problem, remedy in error.remedy) == (f"account[1].safety.{key}", True, True)


def test_limits_that_set_none(refused: Callable[..., list[ConfigurationError]]) -> None:
    (error,) = refused(ACCOUNT + "[account.safety]\n" + OUTPUT)
    assert (error.key, error.problem) == ("account[1].safety", "an empty table sets no limit")
    (error,) = refused(ACCOUNT + "safety = 5\n" + OUTPUT)
    assert (error.key, error.problem) == ("account[1].safety", "a number where a table belongs")


# Aliases of an account


def test_the_aliases_of_an_account(read: Callable[..., Configuration]) -> None:
    configuration = read(
        ACCOUNT
        + """
[account.aliases]
gold = "XAUUSD"
"us.30" = "US 30"

[[account]]
id = 8
environment = "demo"
"""
        + OUTPUT
    )
    first, second = configuration.environments[0].accounts
    assert first.aliases == {"gold": "XAUUSD", "us.30": "US 30"}
    assert second.aliases == {}


@pytest.mark.parametrize(
    ("line", "key", "problem", "remedy"),
    [
        ("gold = 5", "gold", "a number where a text belongs", "Write gold ="),
        ('gold = ""', "gold", "an empty text where a text belongs", "Write gold ="),
        ('us.30 = "US 30"', "us", "a table where a text belongs", '"us.30" ='),
        ('" " = "XAUUSD"', '""', "a name without letters", "the alias first"),
        ('gold = "XAUUSD"\nGold = "XAUEUR"', "Gold", 'the same name as "gold"', "Name each once."),
        ("", "", "an empty table names nothing", "or remove it"),
    ],
)
def test_an_alias_that_is_none(
    refused: Callable[..., list[ConfigurationError]], line: str, key: str, problem: str, remedy: str
) -> None:
    (error,) = refused(ACCOUNT + "[account.aliases]\n" + line + "\n" + OUTPUT)
    where = f"account[1].aliases.{key}" if key else "account[1].aliases"
    assert (error.key, problem in error.problem, remedy in error.remedy) == (where, True, True)


def test_aliases_under_another_name(refused: Callable[..., list[ConfigurationError]]) -> None:
    (error,) = refused(ACCOUNT + '[account.alias]\ngold = "XAUUSD"\n' + OUTPUT)
    assert (error.key, error.remedy) == ("account[1].alias", 'Did you mean "aliases"?')
    (error,) = refused(ACCOUNT + 'aliases = ["gold"]\n' + OUTPUT)
    assert (error.key, error.problem) == ("account[1].aliases", "a list where a table belongs")
