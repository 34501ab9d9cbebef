from __future__ import annotations

import inspect
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from twisted.application.service import IService
from twisted.internet.task import Clock
from twisted.python import usage
from zope.interface.verify import verifyObject

from ctrader_twisted.errors import ConfigurationError, ConfigurationErrors
from ctrader_twisted.sim import Limits, Options, TradingAccount, script
from ctrader_twisted.sim.authority import Authority
from ctrader_twisted.sim.config import Settings, read, settings_from_table, venue_from_table
from ctrader_twisted.sim.service import Options as CommandLine
from ctrader_twisted.sim.service import VenueService
from ctrader_twisted.sim.testing import DEFAULT_START
from ctrader_twisted.sim.weather import KINDS, weather
from tests.paths import ROOT

if TYPE_CHECKING:
    from pathlib import Path

EVERYTHING = """
[simulator]
seed = 7
start = 2026-03-03T10:00:00+01:00
interface = "0.0.0.0"
port = 5035
json_port = 5036
oauth_port = 5038
names = ["venue.example", "192.0.2.7"]
trust_root = "run/trust.pem"
authority = "run/authority"
cut_after = [60, 30.5]

[simulator.limits]
general = 10
block = 2
code = "REQUEST_FREQUENCY_EXCEEDED"

[simulator.options]
environment = "live"
inactivity = 60
bars_per_page = 100
subscriptions_survive = true
execution_delay = 0
refusals = "rejected"
fill = "best"

[[simulator.application]]
client_id = "me"
client_secret = "hush"
redirect_uris = ["https://playground.example/", "http://localhost:9000/back"]

[[simulator.account]]
id = 5
asset = "USD"
balance = 2500.5
leverage = 30
live = true
type = "netted"
total_margin = "net"
swap_free = true
access_rights = "close only"
limited_risk = true
limited_risk_margin = "both"
stop_out_level = 20
stop_out_strategy = "most losing"
fair_stop_out = true
max_positions = 3

[[simulator.account]]
id = 6

[[simulator.token]]
access_token = "a"
refresh_token = "r"
accounts = [5]
scope = "view"
lifetime = 3600

[[simulator.token]]
access_token = "b"
refresh_token = "s"

[[simulator.script]]
at = 5
action = "fall_silent"
seconds = 10

[[simulator.script]]
at = 20
action = "drop_answers"
request = "ProtoOATraderReq"
count = 2

[[simulator.script]]
at = 25
action = "disconnect_client"
reason = "Blocked by administrator"
closes = true
refused_for = 30

[simulator.weather]
seed = 3
every = 100
until = 1000
kinds = ["cut", "maintenance"]
"""


def written(folder: Path, text: str) -> Path:
    file = folder / "venue.toml"
    file.write_text(text)
    return file


def test_everything_can_be_told(tmp_path):
    settings = read(written(tmp_path, EVERYTHING))
    assert (settings.seed, settings.start) == (7, DEFAULT_START)
    assert (settings.interface, settings.port, settings.names) == ("0.0.0.0", 5035, ("venue.example", "192.0.2.7"))
    assert (settings.trust_root, settings.authority) == (tmp_path / "run/trust.pem", tmp_path / "run/authority")
    assert settings.limits == Limits(general=10, block=2.0, code="REQUEST_FREQUENCY_EXCEEDED")
    assert settings.options == Options(
        environment="live",
        inactivity=60.0,
        bars_per_page=100,
        subscriptions_survive=True,
        execution_delay=0.0,
        refusals="rejected",
        fill="best",
    )
    assert (settings.json_port, settings.json_tls, settings.oauth_port) == (5036, True, 5038)
    drawn = weather(3, 1_000, every=100, kinds=["cut", "maintenance"], account_ids=[5, 6])
    assert [(at, repr(action)) for at, action in settings.script] == [
        (30.5, "cut()"),
        (60.0, "cut()"),
        (5.0, "fall_silent(seconds=10)"),
        (20.0, "drop_answers(count=2, request='ProtoOATraderReq')"),
        (25.0, "disconnect_client(reason='Blocked by administrator', closes=True, refused_for=30)"),
        *((at, repr(action)) for at, action in drawn),
    ]
    assert len(drawn) > 3
    clock = Clock()
    venue = settings.venue(clock)
    assert venue.now() == DEFAULT_START
    account, plain = venue.registry.accounts.values()
    assert (account.balance, account.leverage_in_cents, account.is_live) == (250_050, 3_000, True)
    assert (account.account_type, account.login, account.deposit_asset) == (1, 5, "USD")
    assert account == TradingAccount(
        5,
        5,
        "USD",
        balance=250_050,
        leverage_in_cents=3_000,
        is_live=True,
        account_type=1,
        total_margin=2,
        swap_free=True,
        access_rights=1,
        limited_risk=True,
        limited_risk_margin=2,
        stop_out_level=20.0,
        stop_out_strategy=1,
        fair_stop_out=True,
        max_positions=3,
    )
    assert (plain.balance, plain.deposit_asset) == (1_000_000, "EUR")
    assert plain == TradingAccount(6, 6)
    assert [grant.account_ids for grant in venue.registry.grants] == [(5,), (5, 6)]
    assert (venue.registry.grants[0].scope, venue.registry.grants[0].lifetime) == (0, 3_600.0)
    application = venue.registry.application("me", "hush")
    assert application.may_redirect_to("http://localhost:9000/back")
    assert not application.may_redirect_to("https://playground.example/")
    assert len(clock.getDelayedCalls()) == 5 + len(drawn)
    assert "hush" not in repr(settings)


def test_an_empty_table_is_a_venue(tmp_path):
    assert read(written(tmp_path, "[simulator]")) == Settings(str(tmp_path / "venue.toml"))


def test_a_table_of_another_file_will_do():
    table = {
        "seed": 3,
        "start": datetime(2026, 3, 3, 9, tzinfo=UTC),
        "cut_after": 5,
    }
    clock = Clock()
    venue = venue_from_table(table, clock, "daemon.toml")
    assert (venue.seed, venue.now(), len(clock.getDelayedCalls())) == (3, DEFAULT_START, 1)
    with pytest.raises(ConfigurationError, match=r"daemon\.toml: simulator\.sede: .*Did you mean \"seed\"\?"):
        settings_from_table({"sede": 3}, "daemon.toml")


REFUSED = [
    ("", "", "there is no venue in it"),
    ("[simulator", "", "it is not TOML"),
    ("a = " + "[" * 5000, "", "it is not TOML (nested too deeply)"),
    ("a = " + "1" * 5000, "", "it is not TOML (too many digits)"),
    ("[simulator]\nseed = 0x" + "f" * 5000, "simulator.seed", "too many digits is out of range"),
    ("simulator = 3", "simulator", "a whole number where a table belongs"),
    ("[simulatro]", "simulatro", "there is no such key"),
    ("[simulator]\nseed = 'x'", "simulator.seed", "a text where a whole number belongs"),
    ("[simulator]\nseed = -1", "simulator.seed", "-1 is out of range"),
    ("[simulator]\nseed = true", "simulator.seed", "true or false where"),
    ("[simulator]\nport = 70000", "simulator.port", "70000 is out of range"),
    ("[simulator]\nstart = 2026-03-03T09:00:00", "simulator.start", "a date without a zone"),
    ("[simulator]\nstart = 1999-03-03T09:00:00Z", "simulator.start", "there are no prices then"),
    ("[simulator]\nnames = ['a', 3]", "simulator.names", "something other than texts"),
    ("[simulator]\ncut_after = -3", "simulator.cut_after", "something other than seconds"),
    ("[simulator.limits]\ngenral = 3", "simulator.limits.genral", "there is no such key"),
    ("[simulator.limits]\ncode = 'NO'", "simulator.limits.code", '"NO" is not known'),
    ("[simulator.limits]\nblock = nan", "simulator.limits.block", "a number where a number"),
    ("[simulator.options]\nenvironment = 'test'", "simulator.options.environment", '"test" is not known'),
    ("[simulator.options]\nbars_per_page = 0", "simulator.options", "bars_per_page is 0"),
    ("[simulator.options]\nfirst_spot_before_response = 1", "simulator.options.first_spot_before_response", "a whole"),
    ("[simulator.application]\nclient_id = 'x'", "simulator.application", "a table where tables belong"),
    ("[[simulator.application]]\nclient_id = 'x'", "simulator.application[1].client_secret", "it is missing"),
    ("[[simulator.account]]\nlogin = 3", "simulator.account[1].id", "it is missing"),
    ("[[simulator.account]]\nid = 3\n[[simulator.account]]\nid = 3", "simulator.account[2].id", "account 3 is there"),
    ("[simulator.options]\nfill = 'half'", "simulator.options.fill", '"half" is not known'),
    ("[simulator.options]\nrefusals = 3", "simulator.options.refusals", "a whole number where a text"),
    ("[simulator.options]\nexecution_delay = -1", "simulator.options.execution_delay", "-1.0 is out of range"),
    ("[simulator.options]\nrows_per_page = 0", "simulator.options", "rows_per_page is 0"),
    ("[[simulator.account]]\nid = 3\ntotal_margin = 'min'", "simulator.account[1].total_margin", '"min" is not known'),
    ("[[simulator.account]]\nid = 3\naccess_rights = 1", "simulator.account[1].access_rights", "a whole number where"),
    ("[[simulator.account]]\nid = 3\nmax_positions = 0", "simulator.account[1].max_positions", "0 is out of range"),
    (
        "[[simulator.account]]\nid = 3\nstop_out_level = -5",
        "simulator.account[1].stop_out_level",
        "-5.0 is out of range",
    ),
    ("[[simulator.account]]\nid = 3\nasset = 'EURO'", "simulator.account[1].asset", '"EURO" is not known'),
    (
        "[[simulator.token]]\naccess_token='a'\nrefresh_token='r'\naccounts=[9]",
        "simulator.token[1].accounts",
        "there is no account 9",
    ),
    ("[[simulator.script]]\naction = 'cut'", "simulator.script[1].at", "it is missing"),
    ("[[simulator.script]]\nat = 1", "simulator.script[1].action", "it is missing"),
    ("[[simulator.script]]\nat = 1\naction = 'cutt'", "simulator.script[1].action", '"cutt" is not known'),
    ("[[simulator.script]]\nat = 1\naction = 'cut'\nhow = 1", "simulator.script[1].how", "cut has no such argument"),
    ("[[simulator.script]]\nat = 1\naction = 'fall_silent'\nseconds = 'x'", "simulator.script[1].seconds", "a text"),
    ("[[simulator.script]]\nat = 1\naction = 'drop_answers'\nrequest = 'x'", "simulator.script[1].action", "x is not"),
    ("[[simulator.script]]\nat = 1\naction = 'delay_answers'", "simulator.script[1].action", "delay"),
    ("[[simulator.script]]\nat = 1\naction = 'cut'\nat2 = 1", "simulator.script[1].at2", "cut has no such argument"),
    ("[[simulator.script]]\nat = 1\naction = 'disconnect_client'\ncloses = 1", "simulator.script[1].closes", "a whole"),
    ("[[simulator.script]]\nat = 1\naction = 'cut'\nat = 2", "", "it is not TOML"),
    (
        "[[simulator.script]]\nat = 1\naction = 'maintenance'\nseconds = 1\nerror = 'x'",
        "simulator.script[1].action",
        'error is "x"',
    ),
    (
        "[[simulator.script]]\nat = 1\naction = 'fall_silent'\nseconds = -1",
        "simulator.script[1].action",
        "seconds is -1",
    ),
    ("[simulator]\njson_port = -1", "simulator.json_port", "-1 is out of range"),
    ("[simulator]\njson_tls = 1", "simulator.json_tls", "a whole number where true or false belongs"),
    (
        "[simulator]\ninterface = '0.0.0.0'\njson_tls = false",
        "simulator.json_tls",
        "without TLS it would listen on 0.0.0.0, which is no loopback interface",
    ),
    ("[simulator]\noauth_port = 70000", "simulator.oauth_port", "70000 is out of range"),
    (
        "[[simulator.application]]\nclient_id='x'\nclient_secret='y'\nredirect_uris='z'",
        "simulator.application[1].redirect_uris",
        "a text where a list belongs",
    ),
    (
        "[[simulator.application]]\nclient_id='x'\nclient_secret='y'\n"
        "[[simulator.application]]\nclient_id='x'\nclient_secret='z'",
        "simulator.application[2].client_id",
        "another application has it",
    ),
    ("[[simulator.token]]\naccess_token=''\nrefresh_token='r'", "simulator.token[1].access_token", "it is missing"),
    ("[simulator.weather]\nkinds = ['cut', 'hail']", "simulator.weather.kinds", '"hail" is not known'),
    ("[simulator.weather]\nkinds = []", "simulator.weather.kinds", "there are none"),
    ("[simulator.weather]\nevery = 0", "simulator.weather.every", "0.0 is out of range"),
    ("[simulator.weather]\nseeds = 0", "simulator.weather.seeds", "there is no such key"),
    ("[simulator.replay]\nloop = true", "simulator.replay.path", "it is missing"),
    ("[simulator.replay]\npath = 'x.csv'\nperiod = 'M7'", "simulator.replay.period", '"M7" is not known'),
]


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"account_type": 3}, "account_type of account 5 is 3: it is a number from 0 to 2"),
        ({"total_margin": -1}, "total_margin of account 5 is -1"),
        ({"access_rights": 4}, "access_rights of account 5 is 4: it is a number from 0 to 3"),
        ({"stop_out_strategy": 2}, "stop_out_strategy of account 5 is 2"),
        ({"stop_out_level": float("nan")}, "stop_out_level of account 5 is nan: it is a percentage"),
        ({"max_positions": 0}, "max_positions of account 5 is 0: it is at least 1"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_an_account_the_schema_has_no_word_for_is_refused(fields, problem):
    with pytest.raises(ValueError, match=problem):
        TradingAccount(5, 5, **fields)


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"environment": "test"}, 'environment is "test": it is "demo" or "live"'),
        ({"fill": "half"}, 'fill is "half": it is "depth" or "best"'),
        ({"marketable_limits": ""}, 'marketable_limits is "": it is "fill" or "refuse"'),
        ({"stops_through_market": "fill"}, 'stops_through_market is "fill": it is "refuse" or "accept"'),
        ({"refusals": "event"}, 'refusals is "event": it is "order error" or "error" or "rejected"'),
        ({"not_found": "event"}, 'not_found is "event": it is "as refusals" or "order error" or "error"'),
        ({"levels_answer": "no"}, 'levels_answer is "no": it is "as made" or "replaced" or "accepted"'),
        ({"capped_bars": "all"}, 'capped_bars is "all": it is "newest" or "oldest"'),
        ({"conversion_price": "last"}, 'conversion_price is "last": it is "mid" or "bid" or "ask"'),
        ({"execution_delay": -0.1}, "execution_delay is -0.1: it is a number of seconds"),
        ({"stop_out_delay": float("inf")}, "stop_out_delay is inf: it is a number of seconds"),
        ({"rows_per_page": 0}, "rows_per_page is 0: it is at least 1"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_options_that_mean_nothing_are_refused(fields, problem):
    with pytest.raises(ValueError, match=problem):
        Options(**fields)


@pytest.mark.parametrize(("text", "key", "problem"), REFUSED, ids=[key + problem[:8] for _, key, problem in REFUSED])
def test_what_is_wrong_is_refused_with_file_key_and_remedy(tmp_path, text, key, problem):
    file = written(tmp_path, text)
    with pytest.raises(ConfigurationError) as refused:
        read(file)
    assert refused.value.file == str(file)
    assert refused.value.key == key
    assert problem in refused.value.problem
    assert refused.value.remedy.endswith((".", "? "))


def test_all_that_is_wrong_is_said_at_once(tmp_path):
    text = """
[simulator]
sede = 1
port = "x"
oauth_port = -1
[simulator.limits]
genral = 3
code = "NO"
[simulator.options]
bars_per_page = 0
[simulator.replay]
[[simulator.application]]
client_id = 3
[[simulator.account]]
login = 3
[[simulator.account]]
id = "five"
asset = "EURO"
[[simulator.token]]
access_token = "a"
accounts = [5]
[[simulator.script]]
at = "x"
action = "cutt"
[[simulator.script]]
action = "fall_silent"
[[simulator.script]]
at = 3
action = "fall_silent"
seconds = "x"
how = 3
[simulator.weather]
kinds = ["hail", "snow"]
[other]
"""
    file = written(tmp_path, text)
    with pytest.raises(ConfigurationErrors) as refused:
        read(file)
    keys = [error.key.removeprefix("simulator.") for error in refused.value.errors]
    assert sorted(keys) == sorted(
        [
            "sede",
            "port",
            "oauth_port",
            "limits.genral",
            "limits.code",
            "options",
            "replay.path",
            "application[1].client_id",
            "application[1].client_secret",
            "account[1].id",
            "account[2].id",
            "account[2].asset",
            "token[1].refresh_token",  # that account 5 is missing is not said: account[2] may have been it
            "script[1].at",
            "script[1].action",
            "script[2].at",
            "script[3].seconds",
            "script[3].how",
            "weather.kinds",
            "weather.kinds",
            "other",
        ]
    )
    assert all(error.file == str(file) and error.remedy for error in refused.value.errors)
    with pytest.raises(SystemExit) as ended:
        CommandLine().parseOptions(["--config", str(file)])
    assert str(ended.value).count("\n") == len(keys)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"\xef\xbb\xbf[simulator]", "it begins with a byte order mark, which TOML does not allow. Save it as UTF-8"),
        ("[simulator]".encode("utf-16"), "it begins with a byte order mark of UTF-16, and TOML is UTF-8"),
        (b"[simulator]\n# f\xfcr", "it is not UTF-8. Save it as UTF-8."),
    ],
    ids=["UTF-8 with a mark", "UTF-16", "Latin-1"],
)
def test_a_file_of_another_encoding_is_refused_with_a_sentence_that_says_so(tmp_path, data, problem):
    file = tmp_path / "venue.toml"
    file.write_bytes(data)
    with pytest.raises(ConfigurationError) as refused:
        read(file)
    assert problem in str(refused.value)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="it can't be read"):
        read(tmp_path / "absent.toml")


def test_the_example_is_right(tmp_path):
    settings = read(ROOT / "examples" / "ctrader-sim.toml")
    assert settings.trust_root is not None
    assert settings.port


# ---------------------------------------------------------------------------------------------------------- replay

TICKS = """timestamp,symbol,bid,ask
2026-03-03T09:00:00.000Z,EURUSD,1.10000,1.10002
2026-03-03T09:00:01.000Z,EURUSD,1.10001,1.10003
2026-03-03T09:00:02.000Z,EURUSD,1.10002,1.10004
"""


def test_a_file_is_replayed_from_the_start(tmp_path):
    (tmp_path / "ticks.csv").write_text(TICKS)
    file = written(tmp_path, '[simulator]\nstart = 2027-01-01T00:00:00Z\n[simulator.replay]\npath = "ticks.csv"')
    venue = read(file).venue(Clock())
    start = venue.now()
    assert list(venue.feed.instruments) == [1]
    assert venue.feed.quote(1, start)[1:] == (110_000, 110_002)
    assert venue.feed.next_tick(1, start).timestamp_ms == start + 1_000


def test_a_file_may_keep_its_own_time(tmp_path):
    (tmp_path / "ticks.csv").write_text(TICKS)
    file = written(
        tmp_path, '[simulator]\nstart = 2026-03-03T09:00:01Z\n[simulator.replay]\npath = "ticks.csv"\nshift = false'
    )
    venue = read(file).venue(Clock())
    assert venue.feed.quote(1, venue.now()).bid == 110_001


def test_a_file_that_cannot_be_replayed_is_refused(tmp_path):
    file = written(tmp_path, '[simulator.replay]\npath = "absent.csv"')
    with pytest.raises(ConfigurationError, match=r"absent\.csv|replay"):
        read(file).venue(Clock())
    (tmp_path / "absent.csv").write_text("rubbish")
    with pytest.raises(ConfigurationError, match=r"absent\.csv"):
        read(file).venue(Clock())


# --------------------------------------------------------------------------------------------------------- twistd


def test_the_command_line_says_what_is_missing_or_wrong(tmp_path):
    options = CommandLine()
    with pytest.raises(usage.UsageError, match="give --config"):
        options.parseOptions([])
    file = written(tmp_path, "[simulator]\nsede = 1")
    with pytest.raises(SystemExit, match="sede: there is no such key"):
        CommandLine().parseOptions(["--config", str(file)])


def test_the_command_line_gives_the_settings(tmp_path):
    options = CommandLine()
    options.parseOptions(["-c", str(written(tmp_path, "[simulator]\nseed = 9"))])
    assert options["settings"].seed == 9


def test_a_service_that_does_not_run_has_a_trust_root_and_no_port():
    service = VenueService(Clock(), Settings("venue.toml"))
    assert verifyObject(IService, service)
    assert "BEGIN CERTIFICATE" in service.trust_root_pem
    with pytest.raises(RuntimeError, match="after startService"):
        assert service.port
    assert service.venue is None


# ------------------------------------------------------------------------------------------------------- authority


def test_an_authority_is_kept_in_a_directory_that_its_owner_can_read(tmp_path):
    kept = tmp_path / "deep" / "authority"
    first = Authority.kept_in(kept)
    assert Authority.kept_in(kept).trust_root_pem == first.trust_root_pem
    assert Authority.create().trust_root_pem != first.trust_root_pem
    (key,) = kept.glob("*key*")
    assert key.stat().st_mode & 0o777 == 0o600
    assert "PRIVATE" not in first.trust_root_pem


def test_an_authority_that_cannot_be_read_is_refused(tmp_path):
    Authority.kept_in(tmp_path)
    (tmp_path / "ca.pem").write_text(Authority.create().trust_root_pem)  # of another
    settings = Settings("venue.toml", authority=tmp_path)
    with pytest.raises(ConfigurationError, match=r"simulator\.authority.*is not the key of"):
        VenueService(Clock(), settings)
    (tmp_path / "ca.pem").write_text("rubbish")
    with pytest.raises(ConfigurationError, match=r"simulator\.authority"):
        VenueService(Clock(), settings)


def test_the_certificate_holds_its_names():
    from cryptography import x509

    now = 1_772_528_400
    certificate = Authority.create().certificate(now, ["venue.example", "192.0.2.7", "localhost"])
    loaded = certificate.original.to_cryptography()
    names = loaded.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["venue.example", "localhost"]
    assert [str(one) for one in names.get_values_for_type(x509.IPAddress)] == ["192.0.2.7", "127.0.0.1", "::1"]
    assert loaded.not_valid_before_utc.timestamp() < now < loaded.not_valid_after_utc.timestamp()


def test_the_actions_of_the_manual_are_those_there_are():
    manual = (ROOT / "docs" / "simulator.md").read_text()
    for name, make in script.ACTIONS.items():
        (line,) = [line for line in manual.splitlines() if line.startswith(f"| `{name}` |")]
        for argument in inspect.signature(make).parameters:
            assert f"`{argument}`" in line, name
    for name in KINDS:
        assert f"`{name}`" in manual, name
    for settings in (Options, Limits):
        for name in settings.__slots__:
            assert f"`{name}`" in manual, name
