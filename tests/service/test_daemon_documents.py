"""The objects that are written have the shape that docs/daemon.md shows."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from ctrader_twisted import config, documents, messages
from ctrader_twisted.documents.symbols import Symbols
from ctrader_twisted.errors import CannotRoute
from ctrader_twisted.market import Bar
from ctrader_twisted.outputs import encode
from ctrader_twisted.service.environment import OTHER_EVENTS
from ctrader_twisted.session.book import Difference
from ctrader_twisted.session.events import Resynchronised, Subscription
from ctrader_twisted.sim import script
from ctrader_twisted.wire.envelope import Envelope
from tests.market.recorded import needs_recordings, recording
from tests.paths import ROOT
from tests.service.benches import Bench, account

if TYPE_CHECKING:
    from google.protobuf.message import Message


def documented() -> dict[str, dict[str, Any]]:
    blocks = re.findall(r"```json\n(.*?)\n```", (ROOT / "docs" / "daemon.md").read_text("utf-8"), re.DOTALL)
    examples = [json.loads(block) for block in blocks]
    return {example["event"]: example for example in examples}


def same_shape(example: Any, real: Any, where: str) -> None:
    """Compare keys and kinds of values, as deep as both go."""
    if isinstance(example, dict) and isinstance(real, dict):
        assert [*example] == [key for key in real if key != "session_close"], where
        for key in example:
            same_shape(example[key], real[key], f"{where}.{key}")
    elif isinstance(example, list) and isinstance(real, list):
        if example and real:
            same_shape(example[0], real[0], f"{where}[]")
    elif example is not None and real is not None:
        assert type(example) is type(real), where


def test_every_kind_of_object_is_documented() -> None:
    assert {*documented()} == {*config.EVENTS, "lost"}
    text = (ROOT / "docs" / "daemon.md").read_text("utf-8")
    assert re.findall(r"^### (\w+)$", text, re.MULTILINE) == [*config.EVENTS, "lost"]


def test_what_is_written_has_the_documented_shape(bench: Bench) -> None:
    bench.start(account(symbols='["EURUSD", "EURUSX"]', more='bars = { EURUSD = ["M1"] }\ndepth = ["EURUSD"]'))
    bench.kit.advance(70)
    bench.kit.venue.play(script.cut())
    bench.kit.advance(10)
    bench.kit.venue.play(script.disconnect_account())
    bench.kit.advance(10)
    examples = documented()
    kinds = set()
    for document in bench.output.documents:
        if document["event"] != "message":
            same_shape(examples[document["event"]], document, document["event"])
        kinds.add(document["event"])
    assert kinds >= {"ready", "disconnected", "resynchronised", "account", "quote", "bar", "depth", "error", "message"}


def written(body: documents.Document) -> Any:
    return json.loads(encode({**documents.head("x", 0.0, "kit", 1), **body}))


def euro() -> Symbols:
    symbols = Symbols()
    symbols.learn_names([messages.ProtoOALightSymbol(symbolId=1, symbolName="EURUSD")])
    symbols.learn_details([messages.ProtoOASymbol(symbolId=1, digits=5, pipPosition=4, lotSize=10_000_000)])
    return symbols


@needs_recordings
def test_the_recorded_partial_close_in_human_units() -> None:
    row = next(r for r in recording("partial_close.jsonl") if r.note.endswith("ORDER_FILLED"))
    document = written(documents.execution(row.read(messages.ProtoOAExecutionEvent), euro()))
    example = documented()["execution"]
    same_shape(example, {**document, "event": "execution"}, "execution")
    deal, position = document["deal"], document["position"]
    assert (deal["side"], deal["units"], deal["lots"], deal["price"]) == ("SELL", "1000", "0.01", "1.11988")
    assert deal["closed"] == {
        "entry_price": "1.11987",
        "units": "1000",
        "gross_profit": "0.01",
        "swap": "0.00",
        "commission": "-0.06",
        "conversion_fee": "0.00",
        "balance": "8511207.68",
    }
    assert (position["price"], position["units"], position["commission"]) == ("1.119875", "2000", "-0.05")
    assert (position["stop_loss"], position["take_profit"]) == ("1.11787", "1.12988")
    assert (document["order"]["closing"], document["order"]["execution_price"]) == (True, "1.11988")


@needs_recordings
def test_the_recorded_trailing_stop() -> None:
    rows = [r for r in recording("trailing_stop.jsonl") if r.payload_type == 2107]
    steps = [documents.trailing_stop(row.read(messages.ProtoOATrailingSLChangedEvent)) for row in rows]
    same_shape(documented()["trailing_stop"], {**written(steps[0]), "event": "trailing_stop"}, "trailing_stop")
    assert [str(step["stop_price"]) for step in steps] == ["1.11779", "1.1178"]
    assert steps[0]["server_time"] == "2020-09-13T12:26:54.382Z"


def test_a_deposit() -> None:
    event = messages.ProtoOAExecutionEvent(
        ctidTraderAccountId=1,
        executionType=messages.ProtoOAExecutionType.DEPOSIT_WITHDRAW,
        depositWithdraw=messages.ProtoOADepositWithdraw(
            operationType=messages.ProtoOAChangeBalanceType.BALANCE_DEPOSIT,
            balanceHistoryId=5,
            balance=110_000,
            delta=10_000,
            changeBalanceTimestamp=1_772_622_131_402,
        ),
    )
    document = written(documents.execution(event, Symbols()))
    assert document["order"] is document["position"] is document["deal"] is None
    text = (ROOT / "docs" / "daemon.md").read_text("utf-8")
    (example,) = re.findall(r"`(\{\"id\":5,.*?\})`", text)
    assert document["balance_change"] == json.loads(example)


def test_an_order_error_whose_ids_are_zero() -> None:
    event = messages.ProtoOAOrderErrorEvent(
        ctidTraderAccountId=1, errorCode="POSITION_NOT_FOUND", orderId=0, positionId=0, description="gone"
    )
    document = {**written(documents.order_error(event)), "event": "order_error"}
    same_shape(documented()["order_error"], document, "order_error")
    assert document["order_id"] is document["position_id"] is None


def test_what_is_newer_than_the_schema_is_a_number() -> None:
    bar = Bar(9, 99, 0, *[Decimal(1)] * 4, ticks=1)
    assert documents.bar(bar, Symbols())["period"] == "99"
    assert documents.bar(bar, Symbols())["symbol"] == "9"


def test_a_subscription_that_was_not_renewed_says_why() -> None:
    event = Resynchronised(1, 0.0, 1.0, (), ((Subscription("depth", 1), CannotRoute("X", "y")),), ("A",), ("B",))
    document = documents.resynchronised(event, euro())
    assert document["failed"] == [{"kind": "depth", "symbol": "EURUSD", "period": None, "reason": "the server: X (y)"}]
    assert (document["requests_not_sent"], document["requests_unknown"]) == (["A"], ["B"])


def position(position_id: int, volume: int, **fields: Any) -> messages.ProtoOAPosition:
    return messages.ProtoOAPosition(
        positionId=position_id,
        tradeData=messages.ProtoOATradeData(symbolId=1, volume=volume, tradeSide=messages.ProtoOATradeSide.BUY),
        positionStatus=messages.ProtoOAPositionStatus.POSITION_STATUS_OPEN,
        swap=0,
        **fields,
    )


def test_what_changed_in_positions_and_orders_is_told_in_short() -> None:
    order = messages.ProtoOAOrder(
        orderId=6_000_012,
        tradeData=messages.ProtoOATradeData(symbolId=1, volume=100_000, tradeSide=messages.ProtoOATradeSide.SELL),
        orderType=messages.ProtoOAOrderType.LIMIT,
        orderStatus=messages.ProtoOAOrderStatus.ORDER_STATUS_ACCEPTED,
    )
    before = position(5_000_002, 200_000, usedMargin=5)
    after = position(5_000_002, 100_000, stopLoss=1.11787, usedMargin=3)
    event = Resynchronised(
        *(1, 0.0, 1.0, (), (), (), ()),
        positions=Difference(removed=(position(5_000_001, 300_000),), changed=((before, after),)),
        orders=Difference(added=(order,)),
    )
    document = written(documents.resynchronised(event, euro()))
    (change,) = document["positions"].pop("changed")
    example = documented()["resynchronised"]
    assert document["positions"] == {key: example["positions"][key] for key in ("added", "removed")}
    assert document["orders"] == example["orders"]
    assert document["unreconciled"] is None
    text = (ROOT / "docs" / "daemon.md").read_text("utf-8")
    (described,) = re.findall(r"`(\{\"id\".*?\"changes\".*?\}\})`", text)
    assert change == json.loads(described)


def test_positions_and_orders_that_could_not_be_asked_for() -> None:
    event = Resynchronised(1, 0.0, 1.0, (), (), (), (), unreconciled=CannotRoute("X", "y"))
    document = documents.resynchronised(event, euro())
    assert document["positions"] is document["orders"] is None
    assert document["unreconciled"] == "the server: X (y)"


def test_no_answer_to_a_request_is_ever_written() -> None:
    assert all(cls.DESCRIPTOR.name.endswith("Event") for cls in OTHER_EVENTS)
    fields = {field.name for cls in OTHER_EVENTS for field in cls.DESCRIPTOR.fields}
    assert not fields & {"accessToken", "refreshToken", "clientSecret"}
    unknown = documents.unknown_message(Envelope(9999, b"hush"))
    assert "hush" not in repr(unknown)


@pytest.mark.parametrize("cls", OTHER_EVENTS)
def test_every_other_message_can_be_written(cls: type[Message]) -> None:
    encode(documents.message(cls()))
