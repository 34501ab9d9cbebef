"""The limits of an account, and the user's own names for its symbols."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from ctrader_twisted.config import Configuration, SafetySettings
from tests.config.files import ACCOUNT, OUTPUT

if TYPE_CHECKING:
    from collections.abc import Callable

    from ctrader_twisted.errors import ConfigurationError


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
