"""Refusals: each names file, key and remedy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ctrader_twisted.config import PERIODS, load, load_access, load_simulated
from ctrader_twisted.errors import ConfigurationError, ConfigurationErrors
from ctrader_twisted.messages import ProtoOATrendbarPeriod
from tests.config.files import ACCOUNT, OUTPUT, PLAIN, RECORDING, SECRETS, SIMULATED

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


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


def test_a_configuration_whose_name_begins_with_a_tilde(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "~nobody-of-this-name").write_text(PLAIN, "utf-8")
    assert load("~nobody-of-this-name", SECRETS).environments
    for name in ("a\0b", "n" * 300):
        with pytest.raises(ConfigurationError, match="can't be read"):
            load(name, SECRETS)


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
