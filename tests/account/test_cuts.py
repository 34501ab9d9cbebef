"""The connection is cut at every byte of the exchange of every command; then what is believed is what the venue has.

Cut after so many bytes have arrived at the venue, or at the client: what is on its way then is lost, as it is when a
line dies. After healing no order is doubled, lost, or unknown, and positions, orders and balance are the venue's own.
"""

from __future__ import annotations

from typing import Final

import pytest

from ctrader_twisted import Wire
from tests.account.cutting import cuts, cuts_while_healing
from tests.account.exchanges import EXCHANGES

WEBSOCKETS: Final = (Wire.JSON, Wire.PROTOBUF_WEBSOCKET)
STRIDES: Final = {Wire.JSON: 29, Wire.PROTOBUF_WEBSOCKET: 11}
"""Bytes from one cut to the next in the long test: what is said in JSON is said in some four times as many."""

HEALED: Final = ("market", "market with prices", "close a part", "reverse", "amend", "flatten")


@pytest.mark.parametrize("name", EXCHANGES)
def test_a_cut_anywhere_loses_and_doubles_nothing(name: str) -> None:
    assert cuts(name, 199) > 4


@pytest.mark.slow
@pytest.mark.parametrize("wire", WEBSOCKETS, ids=lambda wire: wire.value)
@pytest.mark.parametrize("name", EXCHANGES)
def test_nor_does_one_over_another_wire(name: str, wire: Wire) -> None:
    assert cuts(name, 2003 if wire is Wire.JSON else 701, wire) > 4


@pytest.mark.parametrize("name", HEALED)
def test_nor_does_a_second_cut_while_it_is_found_out_what_came_of_the_first(name: str) -> None:
    assert cuts_while_healing(name, 997) > 10


@pytest.mark.soak
@pytest.mark.parametrize("name", EXCHANGES)
def test_a_cut_at_every_byte_loses_and_doubles_nothing(name: str) -> None:
    assert cuts(name, 1) > 250


@pytest.mark.soak
@pytest.mark.parametrize("wire", WEBSOCKETS, ids=lambda wire: wire.value)
@pytest.mark.parametrize("name", EXCHANGES)
def test_nor_does_one_at_many_bytes_over_another_wire(name: str, wire: Wire) -> None:
    assert cuts(name, STRIDES[wire], wire) > 30


@pytest.mark.soak
@pytest.mark.parametrize("name", EXCHANGES)
def test_nor_does_a_second_cut_anywhere_in_what_heals_the_first(name: str) -> None:
    assert cuts_while_healing(name, 199) > 50
