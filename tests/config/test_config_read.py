"""What a configuration says of environments, services, limits and recordings, as it is read."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from ctrader_twisted import Wire
from ctrader_twisted.config import WIRES, Configuration, FlightRecorderSettings, RecordingSettings, load, load_simulator
from ctrader_twisted.errors import ConfigurationError
from ctrader_twisted.proxy import proxy_opening
from tests.config.files import ACCOUNT, OUTPUT, PLAIN, RECORDING, SECRETS, SIMULATED
from tests.paths import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


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
    text = (ROOT / "examples" / "ctrader.toml").read_text("utf-8")
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
