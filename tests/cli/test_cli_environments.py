"""Which environment serves an account."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ctrader_twisted.cli.access import Access
from ctrader_twisted.cli.failures import CommandFailed
from ctrader_twisted.cli.finding import Wanted, find
from ctrader_twisted.sim.testing import VenueKit
from ctrader_twisted.tokens import GrantedAccount

if TYPE_CHECKING:
    from pathlib import Path

SECRETS = {"CTRADER_CLIENT_ID": "an-id", "CTRADER_CLIENT_SECRET": "hush-secret"}
LAB = '[environment.lab]\nhost = "lab.example"\n'
ACCOUNT = '[[account]]\nid = 5\nenvironment = "live"\n'


@pytest.mark.parametrize(
    ("text", "chosen", "live", "environment"),
    [
        ("", None, False, "demo"),
        ("", None, True, "live"),
        ("", None, None, "demo"),
        ("", "live", False, "live"),
        (ACCOUNT, None, None, "live"),
        (ACCOUNT, None, False, "live"),
        (ACCOUNT, "demo", None, "demo"),
        (LAB, None, False, "lab"),
        (LAB, None, None, "lab"),
        (LAB, "demo", False, "demo"),
        (LAB + "live = true\n", None, True, "lab"),
        (LAB + "live = true\n", None, False, "demo"),
        (LAB + ACCOUNT, None, None, "live"),
        ('[environment.demo]\nhost = "proxy.example"\n', None, True, "live"),
    ],
)
def test_where_an_account_is(
    tmp_path: Path, text: str, chosen: str | None, live: bool | None, environment: str
) -> None:
    file = tmp_path / "some.toml"
    file.write_text(text, "utf-8")
    with VenueKit() as kit:
        access = Access(kit.clock, find(Wanted(config=file, environment=chosen), SECRETS))
        assert access.environment_of(GrantedAccount(5, live)) == environment


def test_it_could_be_either(tmp_path: Path) -> None:
    file = tmp_path / "some.toml"
    file.write_text(LAB + LAB.replace("lab", "other"), "utf-8")
    with VenueKit() as kit:
        access = Access(kit.clock, find(Wanted(config=file), SECRETS))
        with pytest.raises(CommandFailed, match="account 5 could be on any of lab, other: .*--environment"):
            access.environment_of(GrantedAccount(5, False))


def test_another_account_of_the_file_does_not_decide(tmp_path: Path) -> None:
    """The file's only account is live; a demo account of the token store is still a demo account."""
    file = tmp_path / "some.toml"
    file.write_text(ACCOUNT, "utf-8")
    with VenueKit() as kit:
        access = Access(kit.clock, find(Wanted(config=file), SECRETS))
        assert access.environment_of(GrantedAccount(6, False)) == "demo"
        assert access.environment_of(GrantedAccount(6, True)) == "live"
