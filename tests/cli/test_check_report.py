"""What ``ctrader check`` says: the order of its steps, its sentences, what it keeps to itself."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from ctrader_twisted import Application, Environment, Wire
from ctrader_twisted.cli.checks import clocks
from ctrader_twisted.cli.checks.environment import limits_of
from ctrader_twisted.cli.checks.printing import Printer
from ctrader_twisted.cli.checks.probes import days_left, describe
from ctrader_twisted.cli.checks.report import Finding, Report, Status, failed, ok, skipped, warning
from ctrader_twisted.cli.checks.sentences import moment, of_another_wire, problem_and_remedy
from ctrader_twisted.cli.checks.wanted import WantedEnvironment
from ctrader_twisted.errors import (
    AccountRefused,
    AnswerTimeout,
    ApplicationRefused,
    CannotRoute,
    ClientClosed,
    ConfigurationError,
    ConnectionFailed,
    NotAuthorised,
    OpenApiError,
    RateLimited,
    ServerError,
    ServerUnavailable,
    TokenRefused,
    TokenStoreError,
    UnderMaintenance,
)
from ctrader_twisted.session.pacing import Limits

if TYPE_CHECKING:
    from ctrader_twisted.cli.checks.report import Section, Step


def looked(section: Section, step: str, looking: Any) -> Finding:
    results: list[Finding] = []
    Deferred.fromCoroutine(section.look(step, "there", looking)).addCallback(results.append)
    (found,) = results
    return found


def test_what_goes_on_at_the_same_time_is_told_one_part_after_the_other() -> None:
    told: list[Step] = []
    report = Report(Clock(), told.append)
    first, second = report.section(), report.section()
    with second:
        second.add("dns", "second", ok("quick"))
    first.add("dns", "first", ok("slow"))
    with first.section() as part:
        part.add("account", "first", ok("in it"))
        assert [step.where for step in told] == ["first", "first"], "as soon as its turn has come"
    later = first.section()
    first.add("clock", "first", ok("after it"))
    assert len(told) == 2, "not before the part before it has ended"
    with later:
        later.add("account", "first", ok("one more"))
    assert [step.step for step in told] == ["dns", "account", "account", "clock"]
    with first:
        pass
    assert [step.where for step in told] == ["first", "first", "first", "first", "second"]
    assert told == report.steps


@pytest.mark.parametrize(
    ("findings", "expected"),
    [
        ([], Status.OK),
        ([ok(""), skipped("")], Status.OK),
        ([warning(""), ok("")], Status.WARNING),
        ([warning(""), failed(""), ok("")], Status.FAILED),
    ],
)
def test_the_worst_step_is_the_reports(findings: list[Finding], expected: Status) -> None:
    report = Report(Clock())
    with report.section() as section:
        for finding in findings:
            section.add("step", "", finding)
    assert report.status is expected


def test_a_step_takes_its_time_and_an_error_is_a_failure() -> None:
    clock = Clock()
    report = Report(clock)

    async def slow() -> Finding:
        clock.advance(1.5)
        return ok("done")

    async def refused() -> Finding:
        raise TokenStoreError("tokens.json", "the disk is full", "Make room on it")

    with report.section() as section:
        assert looked(section, "slow", slow()) == ok("done")
        assert looked(section, "refused", refused()) == failed("the disk is full", "Make room on it")
        results: list[Finding] = []
        looking = section.look("named", "there", refused(), failure="it can't be kept")
        Deferred.fromCoroutine(looking).addCallback(results.append)
        assert results == [failed("it can't be kept: the disk is full", "Make room on it")]
    assert [step.seconds for step in report.steps] == [1.5, 0, 0]
    assert report.steps[0].as_document() == {
        "step": "slow",
        "where": "there",
        "status": "ok",
        "detail": "done",
        "remedy": "",
        "seconds": 1.5,
    }


def test_no_step_shows_a_secret() -> None:
    report = Report(Clock())
    report.keep_secret(["hush-hush", None, "ok"])
    with report.section() as section:
        section.add("token", "of hush-hush", failed("the server says: hush-hush is bad, ok?", "try not hush-hush"))
    (step,) = report.steps
    assert "hush" not in repr(step) and step.detail == "the server says: *** is bad, ok?"


NAMES = [
    (ApplicationRefused("CH_CLIENT_AUTH_FAILURE", "wrong"), "CH_CLIENT_AUTH_FAILURE (wrong)", "Active"),
    (TokenRefused("CH_ACCESS_TOKEN_INVALID"), "CH_ACCESS_TOKEN_INVALID", "ctrader login"),
    (AccountRefused("CH_CTID_TRADER_ACCOUNT_NOT_FOUND"), "NOT_FOUND", "Check the id"),
    (CannotRoute("CANT_ROUTE_REQUEST"), "CANT_ROUTE", "its broker's servers are down"),
    (RateLimited("BLOCKED_PAYLOAD_TYPE"), "BLOCKED", "wait a little"),
    (NotAuthorised("ACCOUNT_NOT_AUTHORIZED"), "NOT_AUTHORIZED", "try again"),
    (ServerUnavailable("TIMEOUT_ERROR"), "TIMEOUT", "try again later"),
    (ServerError("CONNECTIONS_LIMIT_EXCEEDED"), "LIMIT", "end some of them"),
    (ServerError("NEVER_HEARD_OF"), "NEVER_HEARD_OF", ""),
    (UnderMaintenance("X", maintenance_end=1_772_528_400), "until 2026-03-03 09:00:00 UTC", "Try again then"),
    (UnderMaintenance("X", maintenance_end=1e30), "the server is under maintenance", "Try again later"),
    (UnderMaintenance("X"), "the server is under maintenance", "Try again later"),
    (AnswerTimeout("ProtoOATraderReq", "no answer within 10 s", 7), "ProtoOATraderReq was not answered: no", "later"),
    (ConnectionFailed("there", "it was lost: try again"), "it was lost: try again", ""),
    (ConfigurationError("x.toml", "a.b", "missing", "Add it."), "a.b: missing", "Add it"),
    (ConfigurationError("x.toml", "", "is not TOML", "Correct it."), "is not TOML", "Correct it"),
    (ClientClosed(), "the client was closed", ""),
]


@pytest.mark.parametrize(("error", "problem", "remedy"), NAMES, ids=[type(case[0]).__name__ for case in NAMES])
def test_an_error_is_a_problem_and_a_remedy(error: OpenApiError, problem: str, remedy: str) -> None:
    said = problem_and_remedy(error)
    assert problem in said.problem and remedy in said.remedy
    assert bool(said.remedy) == bool(remedy)
    assert "reconcile" not in said.problem, "nothing was changed"


@pytest.mark.parametrize("seconds", [1e18, -1e18, float("nan"), float("inf")])
def test_a_moment_that_is_none(seconds: float) -> None:
    assert moment(seconds) is None


# ------------------------------------------------------------------------------------------- clocks


@pytest.mark.parametrize(
    ("date", "asked_at", "answered_at", "ahead", "precision"),
    [
        (100, 100.5, 100.5, 0.0, "0.5"),  # it showed 100.0 to 101.0 when it was 100.5 here
        (100, 100.4, 100.6, 0.0, "0.6"),
        (100, 110.0, 112.0, 10.5, "1.5"),
        (100, 90.5, 90.5, -10.0, "0.5"),
    ],
)
def test_a_time_in_whole_seconds(
    date: float, asked_at: float, answered_at: float, ahead: float, precision: str
) -> None:
    reading = clocks.from_date(date, asked_at, answered_at)
    assert reading.ahead == pytest.approx(ahead)
    assert reading.precision == f"good to {precision} s either way"


@pytest.mark.parametrize(
    ("ahead", "status", "expected"),
    [
        (0.01, Status.OK, "agrees with the server's to 0.1 s (so)"),
        (-1.96, Status.OK, "agrees with the server's to 2.0 s (so)"),
        (2.1, Status.WARNING, "this computer is 2.1 s ahead of the server (so)"),
        (-150, Status.WARNING, "this computer is 2.5 minutes behind the server (so)"),
        (3 * 86_400, Status.WARNING, "this computer is 3.0 days ahead of the server (so)"),
    ],
)
def test_whether_clocks_agree(ahead: float, status: Status, expected: str) -> None:
    found = clocks.judge(clocks.Reading(ahead, "so"))
    assert (found.status, found.detail) == (status, expected)


# ------------------------------------------------------------------------------------------- limits, certificates


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        (Limits(), "50 requests a second, and 5 for history: what Spotware's servers allow"),
        (Limits(20, 2), "20 requests a second, and 2 for history; Spotware's servers allow 50 and 5"),
        (Limits(50, 9), "allow 50 and 5, and host.example has to allow more"),
    ],
)
def test_limits(limits: Limits, expected: str) -> None:
    wanted = WantedEnvironment(Environment("x", "host.example"), Application("i", "s"), limits, (), ())
    found = limits_of(wanted)
    assert found.status is Status.OK and found.detail.endswith(expected)


@pytest.mark.parametrize(
    ("wire", "port", "expected"),
    [
        ("protobuf", 5035, ""),
        ("protobuf-websocket", 5035, ""),
        ("json", 5036, ""),
        ("json", 5035, "Port 5035 is Spotware's for protobuf, and 5036 for json: set port or wire in [environment.x]"),
        ("protobuf", 5036, "Port 5036 is Spotware's for json, and 5035 for protobuf: set port or wire in [environ"),
        ("json", 443, "If port 443 is not one for json, set port or wire in [environment.x]"),
    ],
)
def test_a_port_that_may_be_for_another_wire(wire: str, port: int, expected: str) -> None:
    said = of_another_wire(Environment("x", "host.example", port, wire=Wire(wire)))
    assert said.startswith(expected) and bool(said) is bool(expected)


def signed(issuer: list[x509.NameAttribute[str]], *extensions: Any) -> x509.Certificate:
    key = ec.generate_private_key(ec.SECP256R1())
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(x509.Name(issuer))
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC))
        .not_valid_after(datetime.datetime(2026, 2, 1, tzinfo=datetime.UTC))
    )
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(key, hashes.SHA256())


def test_a_certificate_is_described_whatever_it_lacks() -> None:
    organisation = x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "Some Authority")
    country = x509.NameAttribute(x509.NameOID.COUNTRY_NAME, "CY")
    names = x509.SubjectAlternativeName([x509.DNSName("*.example.com"), x509.DNSName("example.com")])
    certificate = signed([country, organisation], names)
    assert describe(certificate) == (
        "for *.example.com, example.com, issued by Some Authority, good from 2026-01-01 to 2026-02-01"
    )
    assert describe(signed([country])).startswith("for no host name, issued by C=CY, good")
    assert "issued by nobody" in describe(signed([]))
    end = datetime.datetime(2026, 1, 22, tzinfo=datetime.UTC).timestamp()
    assert days_left(certificate, end) == 10


# ------------------------------------------------------------------------------------------- printing


def test_what_a_server_says_can_t_fake_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    report = Report(Clock())
    with report.section() as section:
        section.add("account", "lab\nok", failed("said \x1b[2J\nok       account  fine", "do\rthis"))
        section.add("limits", "", ok("fine"))
    printer = Printer()
    for step in report.steps:
        printer.step(step)
    printer.end(report)
    assert capsys.readouterr().out == (
        "FAILED   account        lab?ok: said ?[2J?ok       account  fine. do?this\n"
        "ok       limits         fine\n"
        "\n1 ok, 1 failed, in 0.0 s\n"
    )
