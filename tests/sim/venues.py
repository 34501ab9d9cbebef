"""Clients of a venue that know the protocol and nothing else, and one sample of every request there is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from twisted.internet.defer import succeed
from twisted.web.iweb import IBodyProducer
from zope.interface import implementer

from ctrader_twisted import messages
from ctrader_twisted.sim.accounts import REDIRECT_URI
from ctrader_twisted.sim.testing import ACCESS_TOKEN, CLIENT_ID, CLIENT_SECRET, EUR_ACCOUNT, REFRESH_TOKEN

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from ctrader_twisted.sim.testing import VenueKit, WireClient

EURUSD, GBPUSD, XAUUSD, GER40, BTCUSD = 1, 2, 41, 279, 301
WEEK = 604_800_000

CONSENT = {"client_id": CLIENT_ID, "redirect_uri": REDIRECT_URI, "scope": "trading", "product": "web"}


def application_auth() -> Message:
    return messages.ProtoOAApplicationAuthReq(clientId=CLIENT_ID, clientSecret=CLIENT_SECRET)


def account_auth(account_id: int = EUR_ACCOUNT, access_token: str = ACCESS_TOKEN) -> Message:
    return messages.ProtoOAAccountAuthReq(ctidTraderAccountId=account_id, accessToken=access_token)


def with_application(kit: VenueKit) -> WireClient:
    client = kit.wire_client()
    assert isinstance(client.ask(application_auth()), messages.ProtoOAApplicationAuthRes)
    return client


def with_account(kit: VenueKit, *account_ids: int) -> WireClient:
    client = with_application(kit)
    for account_id in account_ids or (EUR_ACCOUNT,):
        answer = client.ask(account_auth(account_id))
        assert isinstance(answer, messages.ProtoOAAccountAuthRes)
        assert answer.ctidTraderAccountId == account_id
    return client


def of_account(name: str, account_id: int = EUR_ACCOUNT, **fields: Any) -> Any:
    """Make a request by the short form of its name: ``of_account("Trader")`` is a ProtoOATraderReq."""
    return getattr(messages, f"ProtoOA{name}Req")(ctidTraderAccountId=account_id, **fields)


def told(error: Any) -> tuple[str, str]:
    """Give the code and the description of a ProtoOAErrorRes, ProtoErrorRes or ProtoOAOrderErrorEvent."""
    return error.errorCode, error.description


def samples(now: int) -> list[Any]:
    """One valid request of each kind, in an order in which one after the other can be answered."""
    margin_call = messages.ProtoOAMarginCall(marginCallType=61, marginLevelThreshold=120.0)
    window = {"fromTimestamp": now - WEEK, "toTimestamp": now}
    return [
        messages.ProtoOAVersionReq(),
        application_auth(),
        messages.ProtoOAGetAccountListByAccessTokenReq(accessToken=ACCESS_TOKEN),
        messages.ProtoOAGetCtidProfileByTokenReq(accessToken=ACCESS_TOKEN),
        account_auth(),
        of_account("Trader"),
        of_account("AssetList"),
        of_account("AssetClassList"),
        of_account("SymbolCategoryList"),
        of_account("SymbolsList", includeArchivedSymbols=True),
        of_account("SymbolById", symbolId=[EURUSD]),
        of_account("SymbolsForConversion", firstAssetId=5, lastAssetId=15),
        of_account("GetDynamicLeverageByID", leverageId=1020),
        of_account("MarginCallList"),
        of_account("MarginCallUpdate", marginCall=margin_call),
        of_account("Reconcile"),
        of_account("GetPositionUnrealizedPnL"),
        of_account("ExpectedMargin", symbolId=EURUSD, volume=[100_000]),
        of_account("SubscribeSpots", symbolId=[EURUSD]),
        of_account("SubscribeLiveTrendbar", symbolId=EURUSD, period=1),
        of_account("UnsubscribeLiveTrendbar", symbolId=EURUSD, period=1),
        of_account("UnsubscribeSpots", symbolId=[EURUSD]),
        of_account("SubscribeDepthQuotes", symbolId=[EURUSD]),
        of_account("UnsubscribeDepthQuotes", symbolId=[EURUSD]),
        of_account("GetTrendbars", symbolId=EURUSD, period=1, **window),
        of_account("GetTickData", symbolId=EURUSD, type=1, **window),
        of_account("DealList", **window),
        of_account("DealListByPositionId", positionId=1),
        of_account("DealOffsetList", dealId=1),
        of_account("OrderList", **window),
        of_account("OrderListByPositionId", positionId=1),
        of_account("OrderDetails", orderId=1),
        of_account("CashFlowHistoryList", **window),
        of_account("NewOrder", symbolId=EURUSD, orderType=1, tradeSide=1, volume=100_000),
        of_account("CancelOrder", orderId=1),
        of_account("AmendOrder", orderId=1),
        of_account("AmendPositionSLTP", positionId=1),
        of_account("ClosePosition", positionId=1, volume=100_000),
        messages.ProtoOARefreshTokenReq(refreshToken=REFRESH_TOKEN),
        of_account("AccountLogout"),
    ]


@implementer(IBodyProducer)
class Form:
    """A form's fields, on their way in one piece."""

    def __init__(self, fields):
        self._body = urlencode(fields, doseq=True).encode()
        self.length = len(self._body)

    def startProducing(self, consumer):  # noqa: N802 - part of IBodyProducer
        consumer.write(self._body)
        return succeed(None)

    def stopProducing(self):
        pass

    pauseProducing = resumeProducing = stopProducing
