"""A file for one symbol, the model for all others."""

from __future__ import annotations

import pytest

from ctrader_twisted.sim.feed.calendar import Period
from ctrader_twisted.sim.feed.feed import Side
from ctrader_twisted.sim.feed.house import HOUSE
from ctrader_twisted.sim.feed.joined import JoinedFeed
from ctrader_twisted.sim.feed.modelled import ModelFeed
from ctrader_twisted.sim.feed.replay import ReplayFeed

AT = 1_790_000_000_000


def test_the_first_feed_that_has_a_symbol_answers(tmp_path) -> None:
    path = tmp_path / "ticks.csv"
    path.write_text(f"timestamp,bid,ask\n{AT},190.5,190.6\n{AT + 250},190.4,190.6\n")
    replay, model = ReplayFeed.open(path, symbol="EURJPY"), ModelFeed(1)
    joined = JoinedFeed(replay, model)
    assert list(joined.instruments) == [instrument.symbol_id for instrument in HOUSE.instruments]
    now = AT + 1000
    for symbol_id, feed in ((3, replay), (1, model), (4, model)):
        assert joined.is_open(symbol_id, now) == feed.is_open(symbol_id, now)
        assert joined.quote(symbol_id, now) == feed.quote(symbol_id, now)
        assert joined.next_tick(symbol_id, AT) == feed.next_tick(symbol_id, AT)
        assert joined.live_bar(symbol_id, Period.H1, now) == feed.live_bar(symbol_id, Period.H1, now)
        assert joined.session_close(symbol_id, now) == feed.session_close(symbol_id, now)
        assert joined.ticks_back(symbol_id, Side.BID, None, now, 9, now_ms=now) == feed.ticks_back(
            symbol_id, Side.BID, None, now, 9, now_ms=now
        )
        assert joined.bars_back(symbol_id, Period.M1, None, now, 9, now_ms=now) == feed.bars_back(
            symbol_id, Period.M1, None, now, 9, now_ms=now
        )
    with pytest.raises(KeyError):
        joined.quote(999, now)
