"""Where secrets and tokens are looked for, and those that are refused; what there is before a login."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from ctrader_twisted.config import Configuration, TokenSettings, load, load_access
from ctrader_twisted.errors import ConfigurationError, ConfigurationErrors
from tests.config.files import ACCOUNT, ALL, OUTPUT, PLAIN, SECRETS, credentials

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


# Secrets


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


# Refusals


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
