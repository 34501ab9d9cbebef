"""The faces have what the Deferred API has, under the same names, with the same parameters, and say so."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from ctrader_twisted import blocking
from tests.parity import CLASSES, MEMBERS, MISSING, OTHERWISE, check_member, check_own, check_words, face_of, ids


@pytest.mark.parametrize(("cls", "name"), MEMBERS, ids=ids)
def test_each_member_has_its_counterpart(cls: type[Any], name: str) -> None:
    check_member(face_of(blocking, cls), cls, name)


@pytest.mark.parametrize("cls", CLASSES, ids=ids)
def test_what_an_instance_has_of_its_own_is_there_too(cls: type[Any]) -> None:
    check_own(face_of(blocking, cls), cls)


@pytest.mark.parametrize("cls", CLASSES, ids=ids)
def test_no_docstring_speaks_of_deferreds(cls: type[Any]) -> None:
    check_words(face_of(blocking, cls), r"\bDeferred\b", r"\bawait `", r"\bfires\b", r"\bfails with\b", "coroutine")


def test_the_list_of_exceptions_is_not_longer_than_needed() -> None:
    assert set(MISSING) | set(OTHERWISE) <= set(MEMBERS)


def test_help_knows_every_keyword_of_an_order() -> None:
    signature = inspect.signature(blocking.Account.buy)
    assert {"symbol", "amount", "stop_loss", "label", "timeout"} <= set(signature.parameters)
    assert ":param stop_loss:" in (blocking.Account.buy.__doc__ or "")
    assert blocking.Account.bars_by_page.__name__ == "bars_by_page"
    assert blocking.Account.bars_by_page.__qualname__ == "Account.bars_by_page"
