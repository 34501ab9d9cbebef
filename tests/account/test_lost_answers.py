"""An answer is lost, and the connection lives or comes back: what nobody told is found out, all of it."""

from __future__ import annotations

import pytest

from ctrader_twisted.errors import NeverArrived
from ctrader_twisted.market import Lots, Pips
from ctrader_twisted.sim.testing import USD_ACCOUNT, VenueKit
from tests.account.books import check_belief, ledger_of
from tests.account.joining import joined
from tests.sim.trading.staged import stage

TENTH = Lots("0.1")
WITHHELD = "ProtoOAAmendPositionSLTPReq"


def test_a_position_that_no_event_told_of_is_valued() -> None:
    with VenueKit() as kit:
        account = joined(kit)
        kit.play("drop_answers", request="ProtoOANewOrderReq")
        order = account.buy("EURUSD", TENTH, timeout=1)
        kit.settle(order.filled())
        kit.advance(3)
        assert account.stands and account.positions
        check_belief(kit, account)  # its equity among the rest


@pytest.mark.parametrize(("side", "to"), [("buy", 106_990), ("sell", 106_510)])
def test_a_stop_loss_that_has_trailed_on_when_it_is_looked_for_was_set(side: str, to: int) -> None:
    # The price runs on while the answer is waited for.
    with stage((0.0, 106_730, 106_740), (10.0, to, to + 10)) as kit:
        account = joined(kit)
        order = account.market(side, "EURUSD", TENTH)
        kit.settle(order.filled())
        kit.play("drop_answers", request=WITHHELD)
        trailing = account.trail(order.position_id or 0, Pips(5), timeout=15)
        position = kit.settle(trailing)
        theirs = ledger_of(kit, USD_ACCOUNT).positions[position.position_id]
        assert position.trailing and theirs.trailing
        assert position.stop_loss == (account.positions[position.position_id]).stop_loss
        assert theirs.stop_loss == (to - 50 if side == "buy" else to + 10 + 50)


def test_a_trailing_stop_loss_that_was_to_be_set_further_away_and_was_not_is_no_success() -> None:
    with stage((0.0, 106_730, 106_740), (10.0, 106_760, 106_770)) as kit:
        account = joined(kit)
        order = account.buy("EURUSD", TENTH)
        kit.settle(order.filled())
        kit.settle(account.trail(order.position_id or 0, Pips(5)))
        trailing = account.trail(order.position_id or 0, Pips(30))
        kit.clock.advance(0)
        kit.network.cut()  # it never arrives, and the stop trails on as it did
        kit.advance(12)
        with pytest.raises(NeverArrived):
            kit.settle(trailing)
        assert ledger_of(kit, USD_ACCOUNT).positions[order.position_id].stop_loss == 106_710
