"""An argument that a request does not take is named, and so is what it would take."""

from __future__ import annotations

from typing import Any

import pytest

from tests.shell.memory import ACCOUNT, TOKEN, Memory


@pytest.mark.parametrize(
    ("method", "arguments", "kind", "said"),
    [
        (
            "subscribe_spots",
            {"symbolId": 1},
            TypeError,
            "ProtoOASubscribeSpotsReq.symbolId can't be 1: it takes a list",
        ),
        ("subscribe_spots", {"symbolId": ["EURUSD"]}, TypeError, "symbolId can't be .'EURUSD'.: .* a whole number"),
        ("trader", {"ctidTraderAccountId": "1000001"}, TypeError, "ctidTraderAccountId can't be '1000001': it takes a"),
        ("trader", {"ctidTraderAccountId": 2**63}, ValueError, "ctidTraderAccountId can't be 9223372036854775808"),
        (
            "get_trendbars",
            {"symbolId": 1, "period": "1h"},
            ValueError,
            "ProtoOAGetTrendbarsReq.period can't be '1h': it takes one of M1, M2, .*, MN1",
        ),
        ("get_trendbars", {"symbolId": 1, "period": 1, "toTimestamp": 1.5}, TypeError, "toTimestamp can't be 1.5"),
        ("margin_call_update", {"marginCall": 5}, TypeError, "marginCall can't be 5: it takes a ProtoOAMarginCall"),
    ],
)
def test_the_argument_is_named(method: str, arguments: dict[str, Any], kind: type[Exception], said: str) -> None:
    client = Memory().ready().client
    with pytest.raises(kind, match=said):
        getattr(client, method)(**{"ctidTraderAccountId": ACCOUNT, **arguments})


def test_a_secret_is_not_shown() -> None:
    client = Memory().ready().client
    with pytest.raises(TypeError) as caught:
        client.account_auth(ctidTraderAccountId=ACCOUNT, accessToken=[TOKEN])  # type: ignore[arg-type]
    assert "accessToken can't be the value given: it takes text" in str(caught.value)
    assert TOKEN not in str(caught.value)
