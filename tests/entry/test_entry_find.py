"""Arguments, a file and variables, brought together: what counts first, and what is said where something lacks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ctrader_twisted import DEMO, LIVE, Environment
from ctrader_twisted.entry import find, finding
from ctrader_twisted.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

KNOWN = {"CTRADER_CLIENT_ID": "id", "CTRADER_CLIENT_SECRET": "a secret"}
WITH_TOKEN = {**KNOWN, "CTRADER_ACCESS_TOKEN": "a token"}
APPLICATION = '[application]\nclient_id = "file-id"\nclient_secret = "file-secret"\n'
ACCOUNT = '[[account]]\nid = {}\nenvironment = "{}"\n'


@pytest.fixture(autouse=True)
def nobody_is_logged_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(finding, "default_token_file", lambda: tmp_path / "none" / "tokens.json")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "my.toml"


def test_variables_are_enough() -> None:
    entry = find(environ=WITH_TOKEN)
    assert entry.environment is DEMO
    assert entry.application is not None
    assert (entry.application.client_id, entry.application.client_secret) == ("id", "a secret")
    assert [grant.access_token for grant in entry.inline] == ["a token"]
    assert find(environment="live", environ=WITH_TOKEN).environment is LIVE


def test_no_secret_is_shown() -> None:
    shown = repr(find(environ=WITH_TOKEN))
    assert "a secret" not in shown
    assert "a token" not in shown


def test_arguments_count_before_variables_and_the_file(file: Path) -> None:
    file.write_text(APPLICATION + ACCOUNT.format(5, "demo"))
    entry = find(file, client_id="mine", client_secret="my own", access_token="my token", environ=WITH_TOKEN)
    assert entry.application is not None
    assert (entry.application.client_id, entry.application.client_secret) == ("mine", "my own")
    assert [grant.access_token for grant in entry.inline] == ["my token"]
    assert [account.account_id for account in entry.accounts] == [5]


def test_an_environment_of_ones_own_is_taken_as_it_is(file: Path) -> None:
    mine = Environment("mine", "127.0.0.1", 1)
    file.write_text(APPLICATION)
    assert find(environment=mine, environ=WITH_TOKEN).environment is mine
    assert find(file, environment=mine, environ=WITH_TOKEN).environment is mine


@pytest.mark.parametrize(
    ("environment", "environ", "key", "remedy"),
    [
        (None, {}, "client_id", "set CTRADER_CLIENT_ID"),
        (None, {"CTRADER_CLIENT_ID": "id"}, "client_secret", "set CTRADER_CLIENT_SECRET"),
        (None, KNOWN, "access_token", "set CTRADER_ACCESS_TOKEN"),
        ("dmeo", WITH_TOKEN, "environment", 'Did you mean "demo"'),
    ],
)
def test_what_is_missing_is_said(environment: str | None, environ: dict[str, str], key: str, remedy: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        find(environment=environment, environ=environ)
    assert caught.value.key == key
    assert remedy in caught.value.remedy


def test_the_environment_is_that_of_the_accounts_or_has_to_be_said(file: Path) -> None:
    file.write_text(APPLICATION + ACCOUNT.format(5, "live"))
    assert str(find(file, environ=WITH_TOKEN).environment) == str(LIVE)
    file.write_text(APPLICATION + ACCOUNT.format(5, "live") + ACCOUNT.format(6, "demo"))
    with pytest.raises(ConfigurationError, match="environment='live' or environment='demo'"):
        find(file, environ=WITH_TOKEN)
    assert [each.account_id for each in find(file, environment="demo", environ=WITH_TOKEN).accounts] == [6]
    with pytest.raises(ConfigurationError, match="Did you mean"):
        find(file, environment="demmo", environ=WITH_TOKEN)


def test_tokens_that_are_kept_count_before_a_variable(file: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept.json"
    file.write_text(APPLICATION + f'[tokens]\nfile = "{kept}"\n')
    entry = find(file, environ=WITH_TOKEN)
    assert entry.tokens is not None
    assert (entry.tokens.file, entry.inline) == (kept, ())
    other = tmp_path / "other.json"
    entry = find(file, tokens=other, environ=WITH_TOKEN)
    assert entry.tokens is not None
    assert entry.tokens.file == other
    assert find(file, access_token="mine", environ=WITH_TOKEN).tokens is None


def test_those_of_a_login_are_found(tmp_path: Path) -> None:
    kept = tmp_path / "none" / "tokens.json"
    kept.parent.mkdir()
    kept.touch()
    entry = find(environ=KNOWN)
    assert entry.tokens is not None
    assert entry.tokens.file == kept


@pytest.mark.parametrize("text", ["[simulator]\n", "[simulator]\n" + ACCOUNT.format(1000001, "simulator")])
def test_a_file_that_knows_the_simulator_alone_means_it(file: Path, text: str) -> None:
    file.write_text(text)
    for entry in (find(file, environ={}), find(file, simulator=True, environ={})):
        assert entry.simulator is not None
        assert entry.environment is None


def test_a_file_with_other_accounts_means_those_unless_the_simulator_is_wanted(file: Path) -> None:
    file.write_text(APPLICATION + "[simulator]\nseed = 7\n" + ACCOUNT.format(5, "demo"))
    assert find(file, environ=WITH_TOKEN).simulator is None
    for entry in (find(file, simulator=True, environ={}), find(file, environment="simulator", environ={})):
        assert entry.simulator is not None
        assert entry.simulator.seed == 7
        assert entry.accounts == ()


def test_the_login_that_is_named_is_for_the_same_file(file: Path, tmp_path: Path) -> None:
    file.write_text(APPLICATION)
    with pytest.raises(ConfigurationError) as caught:
        find(file, environ=KNOWN)
    assert caught.value.remedy.startswith(f"Log in (ctrader login --config {file}), give")
    kept = tmp_path / "my tokens.json"
    assert find(file, tokens=kept, environ=KNOWN).login == f"ctrader login --config {file} --tokens '{kept}'"
    assert find(environ=WITH_TOKEN).login == "ctrader login"


def test_a_simulator_that_is_wanted_and_not_there_is_said(file: Path) -> None:
    file.write_text(APPLICATION)
    with pytest.raises(ConfigurationError, match=r"Add the line \[simulator\]"):
        find(file, simulator=True, environ={})
    assert find(simulator=True, environ={}).simulator is not None
