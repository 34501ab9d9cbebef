"""Where a client connects to: the wire and its port."""

from __future__ import annotations

import re
from typing import Any

import pytest

from ctrader_twisted import DEMO, LIVE, Environment, Wire


def test_each_wire_has_the_port_on_which_spotware_serves_it() -> None:
    assert {wire: DEMO.over(wire).port for wire in Wire} == {
        Wire.PROTOBUF: 5035,
        Wire.JSON: 5036,
        Wire.PROTOBUF_WEBSOCKET: 5035,
    }
    assert (LIVE.wire, LIVE.port) == (Wire.PROTOBUF, 5035)


def test_one_word_changes_the_wire_and_nothing_else() -> None:
    changed = LIVE.over("json")
    assert changed == Environment("live", "live.ctraderapi.com", 5036, None, True, Wire.JSON)
    assert changed.over("protobuf") == LIVE
    assert str(changed) == "live (live.ctraderapi.com:5036, json)"


def test_a_port_of_ones_own_stays() -> None:
    mine = Environment("mine", "localhost", 7000)
    assert mine.over(Wire.JSON).port == 7000
    assert Environment("mine", "localhost", 5035, wire=Wire.JSON).port == 5035


def test_a_wire_may_be_given_by_its_value() -> None:
    assert Environment("mine", "localhost", wire="json").wire is Wire.JSON  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("wss://localhost",), "the host is 'wss://localhost': give a name or an address alone"),
        (("localhost", "5036"), "the port is '5036': give a number"),
        (("localhost", "json"), "the port is 'json': give a number"),
    ],
)
def test_what_can_not_be_connected_to_is_refused_at_once(arguments: tuple[Any, ...], said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        Environment("mine", *arguments)


def test_a_wire_that_does_not_exist_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"no wire 'xml': it is one of 'protobuf', 'json', 'protobuf-websocket'$"):
        DEMO.over("xml")
