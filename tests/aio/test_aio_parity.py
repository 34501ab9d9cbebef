"""The faces have what the Deferred API has, under the same names, with the same parameters, and say so."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from ctrader_twisted import aio, blocking
from tests.parity import CLASSES, MEMBERS, check_member, check_own, check_words, face_of, ids, public


@pytest.mark.parametrize(("cls", "name"), MEMBERS, ids=ids)
def test_each_member_has_its_counterpart(cls: type[Any], name: str) -> None:
    check_member(face_of(aio, cls), cls, name)


@pytest.mark.parametrize("cls", CLASSES, ids=ids)
def test_what_an_instance_has_of_its_own_is_there_too(cls: type[Any]) -> None:
    check_own(face_of(aio, cls), cls)


@pytest.mark.parametrize("cls", CLASSES, ids=ids)
def test_no_docstring_speaks_of_deferreds(cls: type[Any]) -> None:
    check_words(face_of(aio, cls), r"\bDeferred\b", r"\bfires\b", r"\bfails with\b", r"\bthread\b", r"\breactor's\b")


@pytest.mark.parametrize("cls", CLASSES, ids=ids)
def test_both_styles_have_the_same_names(cls: type[Any]) -> None:
    ours, theirs = ({name for name, _ in public(face_of(style, cls))} for style in (aio, blocking))
    assert ours - {"items"} == theirs - {"items"}


def test_what_waits_is_a_coroutine_function_and_what_does_not_is_none() -> None:
    waiting = {name for name, member in public(aio.Order) if inspect.iscoroutinefunction(member)}
    assert waiting == {"accepted", "amend", "cancel", "done", "filled", "protected"}
    assert inspect.iscoroutinefunction(aio.Client.get_trendbars)
    assert inspect.iscoroutinefunction(aio.Client.account)
    assert not inspect.iscoroutinefunction(aio.Account.buy)
    assert not inspect.iscoroutinefunction(aio.Account.bars_by_page)


def test_help_knows_every_keyword_of_an_order() -> None:
    signature = inspect.signature(aio.Account.buy)
    assert {"symbol", "amount", "stop_loss", "label", "timeout"} <= set(signature.parameters)
    assert ":param stop_loss:" in (aio.Account.buy.__doc__ or "")
    assert ":return: one table of `Bars`. It" in (aio.Account.bars.__doc__ or "")
    assert aio.Account.bars_by_page.__qualname__ == "Account.bars_by_page"
