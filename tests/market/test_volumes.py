from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctrader_twisted.market import lots, units, volume_from_lots, volume_from_units
from ctrader_twisted.messages import ProtoOAExecutionEvent, ProtoOASymbolByIdRes
from tests.market.recorded import needs_recordings, recording


@pytest.mark.parametrize(
    ("volume", "text"),
    [(10_000_000, "100000"), (100, "1"), (1, "0.01"), (10, "0.1"), (150, "1.5"), (0, "0"), (-1, "-0.01")],
)
def test_units_are_plain_numbers_without_trailing_zeros(volume: int, text: str) -> None:
    assert str(units(volume)) == text


@pytest.mark.parametrize(
    ("volume", "lot_size", "text"),
    [
        (10_000_000, 10_000_000, "1"),
        (100_000, 10_000_000, "0.01"),
        (300_000, 10_000_000, "0.03"),
        (1_000_000_000, 10_000_000, "100"),
        (100, 100, "1"),
        (1, 10_000, "0.0001"),
    ],
)
def test_lots_count_the_symbols_lot_size(volume: int, lot_size: int, text: str) -> None:
    assert str(lots(volume, lot_size)) == text
    assert volume_from_lots(Decimal(text), lot_size) == volume


@given(st.integers(min_value=0, max_value=2**63 - 1))
def test_units_survive_the_round_trip(volume: int) -> None:
    assert volume_from_units(units(volume)) == volume
    assert "E" not in str(units(volume))


@given(st.integers(min_value=0, max_value=2**63 - 1), st.integers(min_value=0, max_value=12))
def test_lots_survive_the_round_trip(volume: int, zeros: int) -> None:
    assert volume_from_lots(lots(volume, 10**zeros), 10**zeros) == volume


def test_what_the_wire_cannot_say_is_refused() -> None:
    with pytest.raises(ValueError, match=r"0\.001 units are finer"):
        volume_from_units(Decimal("0.001"))
    with pytest.raises(ValueError, match=r"0\.0000000001 lots are finer"):
        volume_from_lots(Decimal("0.0000000001"), 10_000_000)
    with pytest.raises(ValueError, match="lot size of 0"):
        lots(100, 0)


@needs_recordings
def test_recorded_lot_sizes_and_volumes() -> None:
    rows = recording("market_data.jsonl")
    symbols = {s.symbolId: s for s in next(r for r in rows if r.payload_type == 2117).read(ProtoOASymbolByIdRes).symbol}
    gold, index, euro = symbols[41], symbols[275], symbols[1]
    assert (units(gold.lotSize), units(index.lotSize), units(euro.lotSize)) == (100, 1, 100_000)
    assert str(lots(gold.minVolume, gold.lotSize)) == "0.01"
    assert str(lots(euro.minVolume, euro.lotSize)) == "0.01"
    filled = next(r for r in recording("partial_close.jsonl") if r.note.endswith("ORDER_FILLED"))
    execution = filled.read(ProtoOAExecutionEvent)
    assert str(units(execution.deal.filledVolume)) == "1000"
    assert str(lots(execution.position.tradeData.volume, euro.lotSize)) == "0.02"
