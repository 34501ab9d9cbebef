"""``ctrader tokens``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from ctrader_twisted.cli.failures import CommandFailed
from ctrader_twisted.cli.tokens import forget, keep, read_credentials, show_tokens
from ctrader_twisted.sim.testing import VenueKit
from ctrader_twisted.tokens import Grant, GrantedAccount
from tests.cli.rooms import found, kept, settle
from tests.cli.rooms import keep as put

if TYPE_CHECKING:
    from pathlib import Path

DAY = 86_400.0
ONE = Grant(
    "default",
    "hush-access",
    "hush-refresh",
    20 * DAY,
    "trading",
    (GrantedAccount(1, False, 2, "A broker"), GrantedAccount(3, True)),
)
OTHER = Grant("other", "hush-access-2", refresh_began_at=5.0)


def test_there_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with VenueKit() as kit:
        settle(kit, show_tokens(kit.clock, found(tmp_path), as_json=False))
    out, err = capsys.readouterr()
    assert out == "" and "ctrader login" in err


def test_a_list(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with VenueKit() as kit:
        there = found(tmp_path)
        put(kit, there, ONE, OTHER)
        settle(kit, show_tokens(kit.clock, there, as_json=False))
    out, err = capsys.readouterr()
    assert out.splitlines() == [
        "grant    scope     good for  refreshed by itself  accounts",
        "default  trading    20 days  yes                  1 demo, 3 live",
        "other    ?        not known  no                   not asked yet",
    ]
    assert 'grant "other": a refresh begun at 1970-01-01T00:00:05.000Z was interrupted' in " ".join(err.split())
    assert "hush" not in out + err


def test_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with VenueKit() as kit:
        there = found(tmp_path)
        put(kit, there, ONE, OTHER)
        settle(kit, show_tokens(kit.clock, there, as_json=True))
    out, _ = capsys.readouterr()
    first, other = json.loads(out)["grants"]
    assert first["accounts"][0] == {"id": 1, "live": False, "login": 2, "broker": "A broker"}
    assert (first["days_left"], first["refresh_interrupted"]) == (20.0, None)
    assert (other["expires"], other["refresh_interrupted"]) == (None, "1970-01-01T00:00:05.000Z")
    assert "hush" not in out


def test_what_is_kept_is_not_overwritten_by_accident(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with VenueKit() as kit:
        there = found(tmp_path)
        settle(kit, keep(kit.clock, there, ONE, replace=False))
        with pytest.raises(CommandFailed, match='a grant "default" is kept already'):
            settle(kit, keep(kit.clock, there, Grant("default", "new-access"), replace=False))
        assert kept(kit, there)["default"] == ONE
        settle(kit, keep(kit.clock, there, Grant("default", "new-access"), replace=True))
        assert kept(kit, there)["default"].access_token == "new-access"
    assert "without a refresh token" in capsys.readouterr().err


def test_forgetting(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with VenueKit() as kit:
        there = found(tmp_path)
        put(kit, there, ONE, OTHER)
        settle(kit, forget(kit.clock, there, "default"))
        assert list(kept(kit, there)) == ["other"]
        with pytest.raises(CommandFailed, match='no grant "default" in .*Kept are: "other"'):
            settle(kit, forget(kit.clock, there, "default"))


# Credentials files


def credentials(folder: Path, text: str) -> Path:
    file = folder / "credentials.json"
    file.write_text(text, "utf-8")
    return file


def test_a_credentials_file(tmp_path: Path) -> None:
    text = '{"clientId": "x", "accessToken": "hush-a", "refreshToken": "hush-r", "accountId": "12"}'
    grant = read_credentials(credentials(tmp_path, text), "mine")
    assert grant == Grant("mine", "hush-a", "hush-r", accounts=(GrantedAccount(12),))
    bare = read_credentials(credentials(tmp_path, '{"accessToken": "hush-a"}'), "mine")
    assert bare == Grant("mine", "hush-a")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("hush", "it is not JSON"),
        ("[]", "it holds no accessToken"),
        ("{}", "it holds no accessToken"),
        ('{"accessToken": 5}', "it holds no accessToken"),
        ('{"accessToken": "hush", "refreshToken": ["hush"]}', "it holds no accessToken"),
        ("\xff", "it is not JSON"),
    ],
)
def test_what_is_no_credentials_file(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(CommandFailed, match=said) as caught:
        read_credentials(credentials(tmp_path, text), "mine")
    assert "hush" not in str(caught.value) and caught.value.__context__ is None


def test_no_credentials_file_at_all(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match="No such file"):
        read_credentials(tmp_path / "none.json", "mine")
