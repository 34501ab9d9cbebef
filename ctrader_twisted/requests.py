# GENERATED from protos/*.proto by protos/generate.py. Do not edit: change those, then run `make schema`.
"""A typed method for each request of the schema.

The names follow from those of the messages (`ProtoOAGetTrendbarsReq` is `get_trendbars`) and the keywords are the
schema's own field names.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any

from google.protobuf.message import Message
from twisted.internet.defer import Deferred

from ctrader_twisted.messages import (
    ProtoOAAccountAuthReq,
    ProtoOAAccountAuthRes,
    ProtoOAAccountLogoutReq,
    ProtoOAAccountLogoutRes,
    ProtoOAAmendOrderReq,
    ProtoOAAmendPositionSLTPReq,
    ProtoOAApplicationAuthReq,
    ProtoOAApplicationAuthRes,
    ProtoOAAssetClassListReq,
    ProtoOAAssetClassListRes,
    ProtoOAAssetListReq,
    ProtoOAAssetListRes,
    ProtoOACancelOrderReq,
    ProtoOACashFlowHistoryListReq,
    ProtoOACashFlowHistoryListRes,
    ProtoOAClosePositionReq,
    ProtoOADealListByPositionIdReq,
    ProtoOADealListByPositionIdRes,
    ProtoOADealListReq,
    ProtoOADealListRes,
    ProtoOADealOffsetListReq,
    ProtoOADealOffsetListRes,
    ProtoOAExecutionEvent,
    ProtoOAExpectedMarginReq,
    ProtoOAExpectedMarginRes,
    ProtoOAGetAccountListByAccessTokenReq,
    ProtoOAGetAccountListByAccessTokenRes,
    ProtoOAGetCtidProfileByTokenReq,
    ProtoOAGetCtidProfileByTokenRes,
    ProtoOAGetDynamicLeverageByIDReq,
    ProtoOAGetDynamicLeverageByIDRes,
    ProtoOAGetPositionUnrealizedPnLReq,
    ProtoOAGetPositionUnrealizedPnLRes,
    ProtoOAGetTickDataReq,
    ProtoOAGetTickDataRes,
    ProtoOAGetTrendbarsReq,
    ProtoOAGetTrendbarsRes,
    ProtoOAMarginCall,
    ProtoOAMarginCallListReq,
    ProtoOAMarginCallListRes,
    ProtoOAMarginCallUpdateReq,
    ProtoOAMarginCallUpdateRes,
    ProtoOANewOrderReq,
    ProtoOAOrderDetailsReq,
    ProtoOAOrderDetailsRes,
    ProtoOAOrderListByPositionIdReq,
    ProtoOAOrderListByPositionIdRes,
    ProtoOAOrderListReq,
    ProtoOAOrderListRes,
    ProtoOAOrderTriggerMethod,
    ProtoOAOrderType,
    ProtoOAQuoteType,
    ProtoOAReconcileReq,
    ProtoOAReconcileRes,
    ProtoOARefreshTokenReq,
    ProtoOARefreshTokenRes,
    ProtoOASubscribeDepthQuotesReq,
    ProtoOASubscribeDepthQuotesRes,
    ProtoOASubscribeLiveTrendbarReq,
    ProtoOASubscribeLiveTrendbarRes,
    ProtoOASubscribeSpotsReq,
    ProtoOASubscribeSpotsRes,
    ProtoOASymbolByIdReq,
    ProtoOASymbolByIdRes,
    ProtoOASymbolCategoryListReq,
    ProtoOASymbolCategoryListRes,
    ProtoOASymbolsForConversionReq,
    ProtoOASymbolsForConversionRes,
    ProtoOASymbolsListReq,
    ProtoOASymbolsListRes,
    ProtoOATimeInForce,
    ProtoOATraderReq,
    ProtoOATraderRes,
    ProtoOATradeSide,
    ProtoOATrendbarPeriod,
    ProtoOAUnsubscribeDepthQuotesReq,
    ProtoOAUnsubscribeDepthQuotesRes,
    ProtoOAUnsubscribeLiveTrendbarReq,
    ProtoOAUnsubscribeLiveTrendbarRes,
    ProtoOAUnsubscribeSpotsReq,
    ProtoOAUnsubscribeSpotsRes,
    ProtoOAVersionReq,
    ProtoOAVersionRes,
)
from ctrader_twisted.wire.arguments import wrong_argument


class RequestMethods(ABC):
    """The requests of the schema as methods, over the one `request` that sends any of them.

    Every method takes `timeout`, how many seconds to wait for the answer; None is the client's own default. Any other
    argument that is None is not sent. An argument that the message does not take raises TypeError or ValueError at
    once, naming it and what it would take.
    """

    @abstractmethod
    def request(self, message: Message, *, timeout: float | None = None) -> Deferred[Any]:
        """Send a request; the Deferred fires with its answer."""

    def application_auth(
        self, *, clientId: str, clientSecret: str, timeout: float | None = None
    ) -> Deferred[ProtoOAApplicationAuthRes]:
        """Authorise the application on this connection.

        It has to come first: what comes before it is refused, heartbeats and (by some clients' experience)
        ProtoOAVersionReq excepted. It is lost with the connection.

        Can be refused with CH_CLIENT_AUTH_FAILURE (observed), CH_OA_CLIENT_NOT_FOUND, CH_CLIENT_ALREADY_AUTHENTICATED,
        CONNECTIONS_LIMIT_EXCEEDED or CHANNEL_IS_BLOCKED.

        Leads to ProtoOAClientDisconnectEvent, should the server end the session.

        * clientId: As the application's page in the Open API portal shows it.
        * clientSecret: As that page shows it; belongs in no log.

        Sends `ProtoOAApplicationAuthReq`; fires with `ProtoOAApplicationAuthRes`. Fails with: see
        `OpenApiClient.request`.
        """
        try:
            message = ProtoOAApplicationAuthReq(clientId=clientId, clientSecret=clientSecret)
        except (TypeError, ValueError):
            raise wrong_argument(ProtoOAApplicationAuthReq, locals()) from None
        return self.request(message, timeout=timeout)

    def account_auth(
        self, *, ctidTraderAccountId: int, accessToken: str, timeout: float | None = None
    ) -> Deferred[ProtoOAAccountAuthRes]:
        """Authorise an account on this connection; its execution events are then pushed without any subscription.

        With a new token it replaces the old one in place (observed). It is lost with the connection.

        Can be refused with CH_ACCESS_TOKEN_INVALID (observed), OA_AUTH_TOKEN_EXPIRED, CH_CTID_TRADER_ACCOUNT_NOT_FOUND,
        RET_NO_SUCH_LOGIN, RET_ACCOUNT_DISABLED, CANT_ROUTE_REQUEST (observed) or ALREADY_LOGGED_IN (observed).

        Leads to ProtoOAExecutionEvent, ProtoOATrailingSLChangedEvent, ProtoOASymbolChangedEvent,
        ProtoOATraderUpdatedEvent, ProtoOAMarginChangedEvent and ProtoOAMarginCallTriggerEvent, as they come; to
        ProtoOAAccountDisconnectEvent and ProtoOAAccountsTokenInvalidatedEvent, should the session end.

        * ctidTraderAccountId: The account to open; its isLive has to fit the host, else CANT_ROUTE_REQUEST.
        * accessToken: A token that lists this account; belongs in no log.

        Sends `ProtoOAAccountAuthReq`; fires with `ProtoOAAccountAuthRes`. Fails with: see `OpenApiClient.request`.
        """
        try:
            message = ProtoOAAccountAuthReq(ctidTraderAccountId=ctidTraderAccountId, accessToken=accessToken)
        except (TypeError, ValueError):
            raise wrong_argument(ProtoOAAccountAuthReq, locals()) from None
        return self.request(message, timeout=timeout)

    def version(self, *, timeout: float | None = None) -> Deferred[ProtoOAVersionRes]:
        """Ask for the version of the server's interface.

        Sends `ProtoOAVersionReq`; fires with `ProtoOAVersionRes`. Fails with: see `OpenApiClient.request`.
        """
        try:
            message = ProtoOAVersionReq()
        except (TypeError, ValueError):
            raise wrong_argument(ProtoOAVersionReq, locals()) from None
        return self.request(message, timeout=timeout)

    def new_order(
        self,
        *,
        ctidTraderAccountId: int,
        symbolId: int,
        orderType: ProtoOAOrderType | int | str,
        tradeSide: ProtoOATradeSide | int | str,
        volume: int,
        limitPrice: float | None = None,
        stopPrice: float | None = None,
        timeInForce: ProtoOATimeInForce | int | str | None = None,
        expirationTimestamp: int | None = None,
        stopLoss: float | None = None,
        takeProfit: float | None = None,
        comment: str | None = None,
        baseSlippagePrice: float | None = None,
        slippageInPoints: int | None = None,
        label: str | None = None,
        positionId: int | None = None,
        clientOrderId: str | None = None,
        relativeStopLoss: int | None = None,
        relativeTakeProfit: int | None = None,
        guaranteedStopLoss: bool | None = None,
        trailingStopLoss: bool | None = None,
        stopTriggerMethod: ProtoOAOrderTriggerMethod | int | str | None = None,
        timeout: float | None = None,
    ) -> Deferred[ProtoOAExecutionEvent]:
        """Place an order.

        Which prices it needs follows from orderType. If the answer is lost, the outcome is unknown: reconcile instead
        of sending it again.

        Can be refused with INVALID_REQUEST (observed: absolute levels on a MARKET order), TRADING_BAD_VOLUME,
        TRADING_BAD_STAKE, TRADING_BAD_PRICES, TRADING_BAD_STOPS, PROTECTION_IS_TOO_CLOSE_TO_MARKET,
        TRADING_BAD_EXPIRATION_DATE, NOT_ENOUGH_MONEY, NO_ENOUGH_MONEY_TO_OPEN_POSITION, MAX_EXPOSURE_REACHED,
        TOO_MANY_POSITIONS, MARKET_CLOSED, SYMBOL_HAS_HOLIDAY, NO_QUOTES, TRADING_DISABLED, TRADING_NOT_ALLOWED,
        SHORT_SELLING_NOT_ALLOWED, UNKNOWN_SYMBOL, SYMBOL_NOT_FOUND or POSITION_NOT_FOUND.

        Leads to ProtoOAExecutionEvent, one or more; of a trailing stop to ProtoOATrailingSLChangedEvent; to
        ProtoOAMarginChangedEvent (never observed).

        * ctidTraderAccountId: The account it is about; it has to be authorised on this connection.
        * symbolId: From ProtoOASymbolsListRes of the same account; other brokers number theirs differently.
        * orderType: The prices needed are named with each value of ProtoOAOrderType.
        * tradeSide: BUY or SELL; to close a position use ProtoOAClosePositionReq.
        * volume: In hundredths of a unit, a multiple of the symbol's stepVolume: lots × lotSize.
        * limitPrice: The worst price, as a number with at most the symbol's digits; only for LIMIT.
        * stopPrice: The trigger, as a number with at most the symbol's digits; only for STOP and STOP_LIMIT.
        * timeInForce: How long it stands; absent means GOOD_TILL_CANCEL.
        * expirationTimestamp: When it lapses, milliseconds since the epoch, UTC; needed for GOOD_TILL_DATE only.
        * stopLoss: Price as a number; only for LIMIT, STOP and STOP_LIMIT, others take relativeStopLoss. Absent: none.
        * takeProfit: Price as a number; only for LIMIT, STOP and STOP_LIMIT, others take relativeTakeProfit. Absent:
          none.
        * comment: Yours, up to 512 characters; it passes to the position.
        * baseSlippagePrice: The price that slippageInPoints is counted from, as a number; only for MARKET_RANGE.
        * slippageInPoints: How much worse it may get, in points of 10^-digits; only for MARKET_RANGE and STOP_LIMIT.
        * label: Yours, up to 100 characters; the only mark of yours that order and position both keep.
        * positionId: A position to add to; absent: a hedged account opens a new one.
        * clientOrderId: Yours, up to 50 characters; returned in the order only, and not used to recognise duplicates.
        * relativeStopLoss: Distance from the fill price, price × 100 000, rounded to the symbol's digits: 0.00300 is
          300. Absent: none.
        * relativeTakeProfit: Distance from the fill price, price × 100 000, rounded to the symbol's digits: 0.00600 is
          600. Absent: none.
        * guaranteedStopLoss: Whether the stop loss is to be filled at its level in any market; needed on limited-risk
          accounts. Absent means false.
        * trailingStopLoss: Whether the stop loss follows the price; needs one. Absent means false.
        * stopTriggerMethod: Which quotes trigger stopPrice; absent means TRADE.

        Sends `ProtoOANewOrderReq`; fires with `ProtoOAExecutionEvent`. Fails with: see `OpenApiClient.request`.
        """
        try:
            message = ProtoOANewOrderReq(
                ctidTraderAccountId=ctidTraderAccountId,
                symbolId=symbolId,
                orderType=orderType,
                tradeSide=tradeSide,
                volume=volume,
                limitPrice=limitPrice,
                stopPrice=stopPrice,
                timeInForce=timeInForce,
                expirationTimestamp=expirationTimestamp,
                stopLoss=stopLoss,
                takeProfit=takeProfit,
                comment=comment,
                baseSlippagePrice=baseSlippagePrice,
                slippageInPoints=slippageInPoints,
                label=label,
                positionId=positionId,
                clientOrderId=clientOrderId,
                relativeStopLoss=relativeStopLoss,
                relativeTakeProfit=relativeTakeProfit,
                guaranteedStopLoss=guaranteedStopLoss,
                trailingStopLoss=trailingStopLoss,
                stopTriggerMethod=stopTriggerMethod,
            )
        except (TypeError, ValueError):
            raise wrong_argument(ProtoOANewOrderReq, locals()) from None
        return self.request(message, timeout=timeout)

    def cancel_order(
        self, *, ctidTraderAccountId: int, orderId: int, timeout: float | None = None
    ) -> Deferred[ProtoOAExecutionEvent]:
        """Take back a pending order.

        Can be refused with ORDER_NOT_FOUND (observed), UNABLE_TO_CANCEL_ORDER, PENDING_EXECUTION or
        ORDER_CANCEL_REJECTED (observed).

        Leads to ProtoOAExecutionEvent.

        * ctidTraderAccountId: The account it is about; it has to be authorised on this connection.
        * orderId: A pending order; a position's protective levels go by ProtoOAAmendPositionSLTPReq.

        Sends `ProtoOACancelOrderReq`; fires with `ProtoOAExecutionEvent`. Fails with: see `OpenApiClient.request`.
        """
        try:
            message = ProtoOACancelOrderReq(ctidTraderAccountId=ctidTraderAccountId, orderId=orderId)
        except (TypeError, ValueError):
            raise wrong_argument(ProtoOACancelOrderReq, locals()) from None
        return self.request(message, timeout=timeout)

    def amend_order(
        self,
        *,
        ctidTraderAccountId: int,
        orderId: int,
        volume: int | None = None,
        limitPrice: float | None = None,
        stopPrice: float | None = None,
        expirationTimestamp: int | None = None,
        stopLoss: float | None = None,
        takeProfit: float | None = None,
        slippageInPoints: int | None = None,
        relativeStopLoss: int | None = None,
        relativeTakeProfit: int | None = None,
        guaranteedStopLoss: bool | None = None,
        trailingStopLoss: bool | None = None,
        stopTriggerMethod: ProtoOAOrderTriggerMethod | int | str | None = None,
        timeout: float | None = None,
    ) -> Deferred[ProtoOAExecutionEvent]:
        """Change a pending order; it keeps its id.

        Which omitted fields keep their value is unconfirmed, and protective levels were observed to go: send all that
        should hold.

        Can be refused with ORDER_NOT_FOUND, UNABLE_TO_AMEND_ORDER, PENDING_EXECUTION, CONCURRENT_MODIFICATION,
        INVALID_REQUEST, TRADING_BAD_VOLUME, TRADING_BAD_PRICES, TRADING_BAD_STOPS, PROTECTION_IS_TOO_CLOSE_TO_MARKET,
        TRADING_BAD_EXPIRATION_DATE, WORSE_GSL_NOT_ALLOWED or MAX_EXPOSURE_REACHED.

        Leads to ProtoOAExecutionEvent.

        * ctidTraderAccountId: The account it is about; it has to be authorised on this connection.
        * orderId: A pending order; a position's protective levels go by ProtoOAAmendPositionSLTPReq.
        * volume: The new one, in hundredths of a unit, a multiple of the symbol's stepVolume.
        * limitPrice: The new one, as a number with at most the symbol's digits; only for LIMIT.
        * stopPrice: The new one, as a number with at most the symbol's digits; only for STOP and STOP_LIMIT.
        * expirationTimestamp: When it lapses, milliseconds since the epoch, UTC; only for GOOD_TILL_DATE.
        * stopLoss: Price as a number; absent removes it (observed).
        * takeProfit: Price as a number; absent removes it (observed).
        * slippageInPoints: How much worse it may get, in points of 10^-digits; only for STOP_LIMIT.
        * relativeStopLoss: Distance from the fill price, price × 100 000; in place of stopLoss.
        * relativeTakeProfit: Distance from the fill price, price × 100 000; in place of takeProfit.
        * guaranteedStopLoss: Whether the stop loss is to be filled at its level in any market; absent: unconfirmed.
        * trailingStopLoss: Whether the stop loss follows the price; absent: unconfirmed.
        * stopTriggerMethod: Which quotes trigger stopPrice; absent means TRADE.

        Sends `ProtoOAAmendOrderReq`; fires with `ProtoOAExecutionEvent`. Fails with: see `OpenApiClient.request`.
        """
        try:
            message = ProtoOAAmendOrderReq(
                ctidTraderAccountId=ctidTraderAccountId,
                orderId=orderId,
                volume=volume,
                limitPrice=limitPrice,
                stopPrice=stopPrice,
                expirationTimestamp=expirationTimestamp,
                stopLoss=stopLoss,
                takeProfit=takeProfit,
                slippageInPoints=slippageInPoints,
                relativeStopLoss=relativeStopLoss,
                relativeTakeProfit=relativeTakeProfit,
                guaranteedStopLoss=guaranteedStopLoss,
                trailingStopLoss=trailingStopLoss,
                stopTriggerMethod=stopTriggerMethod,
            )
        except (TypeError, ValueError):
            raise wrong_argument(ProtoOAAmendOrderReq, locals()) from None
        return self.request(message, timeout=timeout)

    def amend_position_sltp(
        self,
        *,
        ctidTraderAccountId: int,
        positionId: int,
        stopLoss: float | None = None,
        takeProfit: float | None = None,
        guaranteedStopLoss: bool | None = None,
        trailingStopLoss: bool | None = None,
        stopLossTriggerMethod: ProtoOAOrderTriggerMethod | int | str | None = None,
        timeout: float | None = None,
    ) -> Deferred[ProtoOAExecutionEvent]:
        """Set a position's protective levels, both at once: a level left out is removed.

        With nothing to change on a bare position it is refused (INVALID_REQUEST).

        Can be refused with POSITION_NOT_FOUND (observed), POSITION_NOT_OPEN, INVALID_REQUEST (observed: nothing to
        amend, or no stop loss to trail), TRADING_BAD_STOPS (observed), PROTECTION_IS_TOO_CLOSE_TO_MARKET,
        WORSE_GSL_NOT_ALLOWED or CONCURRENT_MODIFICATION.

        Leads to ProtoOAExecutionEvent; of a trailing stop to ProtoOATrailingSLChangedEvent.

        * ctidTraderAccountId: The account it is about; it has to be authorised on this connection.
        * positionId: An open position; levels of a pending order go by ProtoOAAmendOrderReq.
        * stopLoss: Price as a number with at most the symbol's digits, below the market for a long position; absent
          removes it.
        * takeProfit: Price as a number with at most the symbol's digits, above the market for a long position; absent
          removes it.
        * guaranteedStopLoss: Whether stopLoss is to be filled at its level in any market; absent: unconfirmed.
        * trailingStopLoss: Whether stopLoss follows the price, at its present distance. Absent leaves it as it was;
          false needs a stopLoss in the same request (observed).
        * stopLossTriggerMethod: Which quotes trigger stopLoss; absent means TRADE.

        Sends `ProtoOAAmendPositionSLTPReq`; fires with `ProtoOAExecutionEvent`. Fails with: see
        `OpenApiClient.request`.
        """
        try:
            message = ProtoOAAmendPositionSLTPReq(
                ctidTraderAccountId=ctidTraderAccountId,
                positionId=positionId,
                stopLoss=stopLoss,
                takeProfit=takeProfit,
                guaranteedStopLoss=guaranteedStopLoss,
                trailingStopLoss=trailingStopLoss,
                stopLossTriggerMethod=stopLossTriggerMethod,
            )
        except (TypeError, ValueError):
            raise wrong_argument(ProtoOAAmendPositionSLTPReq, locals()) from None
        return self.request(message, timeout=timeout)

    def close_position(
        self, *, ctidTraderAccountId: int, positionId: int, volume: int, timeout: float | None = None
    ) -> Deferred[ProtoOAExecutionEvent]:
        """Close a position, or a part of it.

        The server makes a market order for it, without your label or clientOrderId.

        Can be refused with POSITION_NOT_FOUND, POSITION_NOT_FOUND_OR_NOT_OPENED, POSITION_NOT_OPEN, POSITION_LOCKED,
        ALREADY_CLOSED, PENDING_EXECUTION, TRADING_BAD_VOLUME, MARKET_CLOSED, SYMBOL_HAS_HOLIDAY, NO_QUOTES,
        TRADING_DISABLED or TRADING_NOT_ALLOWED.

        Leads to ProtoOAExecutionEvent, those of its protective order among them; to ProtoOAMarginChangedEvent (never
        observed).

        * ctidTraderAccountId: The account it is about; it has to be authorised on this connection.
        * positionId: An open position; a pending order is taken back with ProtoOACancelOrderReq.
        * volume: What to close, in hundredths of a unit; to close all of it, the position's whole volume.

        Sends `ProtoOAClosePositionReq`; fires with `ProtoOAExecutionEvent`. Fails with: see `OpenApiClient.request`.
        """
        try:
            message = ProtoOAClosePositionReq(
                ctidTraderAccountId=ctidTraderAccountId, positionId=positionId, volume=volume
            )
        except (TypeError, ValueError):
            raise wrong_argument(ProtoOAClosePositionReq, locals()) from None
        return self.request(message, timeout=timeout)

    def asset_list(self, *, ctidTraderAccountId: int, timeout: float | None = None) -> Deferred[ProtoOAAssetListRes]:
        """Ask for all assets of the account's broker.

        * ctidTraderAccountId: The account it is about; it has to be authorised on this connection.

        Sends `ProtoOAAssetListReq`; fires with `ProtoOAAssetListRes`. Fails with: see `OpenApiClient.request`.
        """
        try:
            message = ProtoOAAssetListReq(ctidTraderAccountId=ctidTraderAccountId)
        except (TypeError, ValueError):
            raise wrong_argument(ProtoOAAssetListReq, locals()) from None
        return self.request(message, timeout=timeout)

    def symbols_list(
        self, *, ctidTraderAccountId: int, includeArchivedSymbols: bool | None = None, timeout: float | None = None
    ) -> Deferred[ProtoOASymbolsListRes]:
        """Ask for all symbols of the account, in their short form.

        * ctidTraderAccountId: The account it is about; it has to be authorised on this connection.
        * includeArchivedSymbols: Whether to add those that are traded no longer.

        Sends `ProtoOASymbolsListReq`; fires with `ProtoOASymbolsListRes`. Fails with: see `OpenApiClient.request`.
        """
        try:
            message = ProtoOASymbolsListReq(
                ctidTraderAccountId=ctidTraderAccountId, includeArchivedSymbols=includeArchivedSymbols
            )
        except (TypeError, ValueError):
            raise wrong_argument(ProtoOASymbolsListReq, locals()) from None
        return self.request(message, timeout=timeout)

    def symbol_by_id(
        self, *, ctidTraderAccountId: int, symbolId: Iterable[int] = (), timeout: float | None = None
    ) -> Deferred[ProtoOASymbolByIdRes]:
        """Ask for everything about some symbols.

        Can be refused with SYMBOL_NOT_FOUND or UNKNOWN_SYMBOL.

        * ctidTraderAccountId: The account it is about; it has to be authorised on this connection.
        * symbolId: Any number of ids, from ProtoOASymbolsListRes.

        Sends `ProtoOASymbolByIdReq`; fires with `ProtoOASymbolByIdRes`. Fails with: see `OpenApiClient.request`.
        """
        try:
            message = ProtoOASymbolByIdReq(ctidTraderAccountId=ctidTraderAccountId, symbolId=symbolId)
        except (TypeError, ValueError):
            raise wrong_argument(ProtoOASymbolByIdReq, locals()) from None
        return self.request(message, timeout=timeout)

    def symbols_for_conversion(
        self, *, ctidTraderAccountId: int, firstAssetId: int, lastAssetId: int, timeout: float | None = None
    ) -> Deferred[ProtoOASymbolsForConversionRes]:
        """Ask through which symbols one asset is converted to another, as from a quote asset to the deposit asset.

        Can be refused with ENTITY_NOT_FOUND.

        * ctidTraderAccountId: The account it is about; it has to be authorised on this connection.
        * firstAssetId: The asset that an amount is in.
        * lastAssetId: The asset that it is wanted in.

        Sends `ProtoOASymbolsForConversionReq`; fires with `ProtoOASymbolsForConversionRes`. Fails with: see
        `OpenApiClient.request`.
        """
        try:
            message = ProtoOASymbolsForConversionReq(
                ctidTraderAccountId=ctidTraderAccountId, firstAssetId=firstAssetId, lastAssetId=lastAssetId
            )
        except (TypeError, ValueError):
            raise wrong_argument(ProtoOASymbolsForConversionReq, locals()) from None
        return self.request(message, timeout=timeout)

    def asset_class_list(
        self, *, ctidTraderAccountId: int, timeout: float | None = None
    ) -> Deferred[ProtoOAAssetClassListRes]:
        """Ask for the widest groups of symbols.

        * ctidTraderAccountId: The account it is about; it has to be authorised on this connection.

        Sends `ProtoOAAssetClassListReq`; fires with `ProtoOAAssetClassListRes`. Fails with: see
        `OpenApiClient.request`.
        """
        try:
            message = ProtoOAAssetClassListReq(ctidTraderAccountId=ctidTraderAccountId)
        except (TypeError, ValueError):
            raise wrong_argument(ProtoOAAssetClassListReq, locals()) from None
        return self.request(message, timeout=timeout)

    def trader(self, *, ctidTraderAccountId: int, timeout: float | None = None) -> Deferred[ProtoOATraderRes]:
        """Ask for the account itself: balance, leverage, rules.

        * ctidTraderAccountId: The account it is about; it has to be authorised on this connection.

        Sends `ProtoOATraderReq`; fires with `ProtoOATraderRes`. Fails with: see `OpenApiClient.request`.
        """
        try:
            message = ProtoOATraderReq(ctidTraderAccountId=ctidTraderAccountId)
        except (TypeError, ValueError):
            raise wrong_argument(ProtoOATraderReq, locals()) from None
        return self.request(message, timeout=timeout)

    def reconcile(
        self, *, ctidTraderAccountId: int, returnProtectionOrders: bool | None = None, timeout: float | None = None
    ) -> Deferred[ProtoOAReconcileRes]:
        """Ask for what is open: positions and pending orders. Settles what became of an order whose answer was lost.

        * ctidTraderAccountId: The account it is about; it has to be authorised on this connection.
        * returnProtectionOrders: Whether to list the protective orders of positions too, stop loss in stopPrice and
          take profit in limitPrice. Absent means false.

        Sends `ProtoOAReconcileReq`; fires with `ProtoOAReconcileRes`. Fails with: see `OpenApiClient.request`.
        """
        try:
            message = ProtoOAReconcileReq(
                ctidTraderAccountId=ctidTraderAccountId, returnProtectionOrders=returnProtectionOrders
            )
        except (TypeError, ValueError):
            raise wrong_argument(ProtoOAReconcileReq, locals()) from None
        return self.request(message, timeout=timeout)

    def deal_list(
        self,
        *,
        ctidTraderAccountId: int,
        fromTimestamp: int | None = None,
        toTimestamp: int | None = None,
        maxRows: int | None = None,
        timeout: float | None = None,
    ) -> Deferred[ProtoOADealListRes]:
        """Ask for the account's deals in a period.

        Historical: 5 requests a second. A deal can be missing for seconds after its execution (observed on some
        servers).

        Can be refused with INCORRECT_BOUNDARIES.

        * ctidTraderAccountId: The account it is about; it has to be authorised on this connection.
        * fromTimestamp: Where it begins, milliseconds since the epoch, UTC, at least 0; absent: as far back as there is
          (unconfirmed). A week at most was the written limit before release 89.
        * toTimestamp: Where it ends, milliseconds since the epoch, UTC, at most 2147483646000; absent: now
          (unconfirmed).
        * maxRows: The most deals to return; absent: the server's chunk.

        Sends `ProtoOADealListReq`; fires with `ProtoOADealListRes`. Fails with: see `OpenApiClient.request`.
        """
        try:
            message = ProtoOADealListReq(
                ctidTraderAccountId=ctidTraderAccountId,
                fromTimestamp=fromTimestamp,
                toTimestamp=toTimestamp,
                maxRows=maxRows,
            )
        except (TypeError, ValueError):
            raise wrong_argument(ProtoOADealListReq, locals()) from None
        return self.request(message, timeout=timeout)

    def order_list(
        self,
        *,
        ctidTraderAccountId: int,
        fromTimestamp: int | None = None,
        toTimestamp: int | None = None,
        timeout: float | None = None,
    ) -> Deferred[ProtoOAOrderListRes]:
        """Ask for the account's orders in a period, done ones included.

        Historical by most clients' reckoning: 5 requests a second.

        Can be refused with INCORRECT_BOUNDARIES.

        * ctidTraderAccountId: The account it is about; it has to be authorised on this connection.
        * fromTimestamp: Where it begins, milliseconds since the epoch, UTC, at least 0; absent: as far back as there is
          (unconfirmed). A week at most was the written limit before release 89.
        * toTimestamp: Where it ends, milliseconds since the epoch, UTC, at most 2147483646000; absent: now
          (unconfirmed).

        Sends `ProtoOAOrderListReq`; fires with `ProtoOAOrderListRes`. Fails with: see `OpenApiClient.request`.
        """
        try:
            message = ProtoOAOrderListReq(
                ctidTraderAccountId=ctidTraderAccountId, fromTimestamp=fromTimestamp, toTimestamp=toTimestamp
            )
        except (TypeError, ValueError):
            raise wrong_argument(ProtoOAOrderListReq, locals()) from None
        return self.request(message, timeout=timeout)

    def expected_margin(
        self, *, ctidTraderAccountId: int, symbolId: int, volume: Iterable[int] = (), timeout: float | None = None
    ) -> Deferred[ProtoOAExpectedMarginRes]:
        """Ask how much margin orders of some volumes would need.

        Can be refused with UNKNOWN_SYMBOL, SYMBOL_NOT_FOUND or NO_QUOTES.

        * ctidTraderAccountId: The account it is about; it has to be authorised on this connection.
        * symbolId: From ProtoOASymbolsListRes of the same account; other brokers number theirs differently.
        * volume: One or several, in hundredths of a unit.

        Sends `ProtoOAExpectedMarginReq`; fires with `ProtoOAExpectedMarginRes`. Fails with: see
        `OpenApiClient.request`.
        """
        try:
            message = ProtoOAExpectedMarginReq(
                ctidTraderAccountId=ctidTraderAccountId, symbolId=symbolId, volume=volume
            )
        except (TypeError, ValueError):
            raise wrong_argument(ProtoOAExpectedMarginReq, locals()) from None
        return self.request(message, timeout=timeout)

    def cash_flow_history_list(
        self, *, ctidTraderAccountId: int, fromTimestamp: int, toTimestamp: int, timeout: float | None = None
    ) -> Deferred[ProtoOACashFlowHistoryListRes]:
        """Ask for deposits, withdrawals and other changes of the balance in a period of a week at most.

        Historical by most clients' reckoning: 5 requests a second.

        Can be refused with INCORRECT_BOUNDARIES.

        * ctidTraderAccountId: The account it is about; it has to be authorised on this connection.
        * fromTimestamp: Where it begins, milliseconds since the epoch, UTC, at least 0.
        * toTimestamp: Where it ends, milliseconds since the epoch, UTC; at most 604 800 000 after fromTimestamp.

        Sends `ProtoOACashFlowHistoryListReq`; fires with `ProtoOACashFlowHistoryListRes`. Fails with: see
        `OpenApiClient.request`.
        """
        try:
            message = ProtoOACashFlowHistoryListReq(
                ctidTraderAccountId=ctidTraderAccountId, fromTimestamp=fromTimestamp, toTimestamp=toTimestamp
            )
        except (TypeError, ValueError):
            raise wrong_argument(ProtoOACashFlowHistoryListReq, locals()) from None
        return self.request(message, timeout=timeout)

    def get_account_list_by_access_token(
        self, *, accessToken: str, timeout: float | None = None
    ) -> Deferred[ProtoOAGetAccountListByAccessTokenRes]:
        """Ask which accounts a token gives access to.

        Needs the application authorised, no account; either host lists live and demo accounts alike (observed).

        Can be refused with CH_ACCESS_TOKEN_INVALID or OA_AUTH_TOKEN_EXPIRED.

        * accessToken: Belongs in no log.

        Sends `ProtoOAGetAccountListByAccessTokenReq`; fires with `ProtoOAGetAccountListByAccessTokenRes`. Fails with:
        see `OpenApiClient.request`.
        """
        try:
            message = ProtoOAGetAccountListByAccessTokenReq(accessToken=accessToken)
        except (TypeError, ValueError):
            raise wrong_argument(ProtoOAGetAccountListByAccessTokenReq, locals()) from None
        return self.request(message, timeout=timeout)

    def refresh_token(self, *, refreshToken: str, timeout: float | None = None) -> Deferred[ProtoOARefreshTokenRes]:
        """Exchange a refresh token for a new pair of tokens.

        Needs the application authorised, no account. It ends the sessions of the accounts behind the old pair:
        authorise them again with the new token. If the answer is lost the tokens are, so keep the connection open for
        it.

        Can be refused with CH_ACCESS_TOKEN_INVALID (observed).

        Leads to ProtoOAAccountsTokenInvalidatedEvent and ProtoOAAccountDisconnectEvent for the accounts behind the old
        pair.

        * refreshToken: Good for one use; belongs in no log.

        Sends `ProtoOARefreshTokenReq`; fires with `ProtoOARefreshTokenRes`. Fails with: see `OpenApiClient.request`.
        """
        try:
            message = ProtoOARefreshTokenReq(refreshToken=refreshToken)
        except (TypeError, ValueError):
            raise wrong_argument(ProtoOARefreshTokenReq, locals()) from None
        return self.request(message, timeout=timeout)

    def subscribe_spots(
        self,
        *,
        ctidTraderAccountId: int,
        symbolId: Iterable[int] = (),
        subscribeToSpotTimestamp: bool | None = None,
        timeout: float | None = None,
    ) -> Deferred[ProtoOASubscribeSpotsRes]:
        """Subscribe to the quotes of symbols.

        Listen for ProtoOASpotEvent before sending it: the first was observed ahead of the answer. The server refuses to
        subscribe twice (ALREADY_SUBSCRIBED; OpenApiClient.request says when that is an error here). A subscription is
        lost with the connection.

        Can be refused with ALREADY_SUBSCRIBED (observed), SYMBOL_NOT_FOUND or UNKNOWN_SYMBOL.

        Leads to ProtoOASpotEvent.

        * ctidTraderAccountId: The account it is about; it has to be authorised on this connection.
        * symbolId: From ProtoOASymbolsListRes; an unknown one may silently give nothing.
        * subscribeToSpotTimestamp: Whether events are to carry their time; absent means false.

        Sends `ProtoOASubscribeSpotsReq`; fires with `ProtoOASubscribeSpotsRes`. Fails with: see
        `OpenApiClient.request`.
        """
        try:
            message = ProtoOASubscribeSpotsReq(
                ctidTraderAccountId=ctidTraderAccountId,
                symbolId=symbolId,
                subscribeToSpotTimestamp=subscribeToSpotTimestamp,
            )
        except (TypeError, ValueError):
            raise wrong_argument(ProtoOASubscribeSpotsReq, locals()) from None
        return self.request(message, timeout=timeout)

    def unsubscribe_spots(
        self, *, ctidTraderAccountId: int, symbolId: Iterable[int] = (), timeout: float | None = None
    ) -> Deferred[ProtoOAUnsubscribeSpotsRes]:
        """End subscriptions to quotes.

        * ctidTraderAccountId: The account it is about; it has to be authorised on this connection.
        * symbolId: Symbols that are subscribed now.

        Sends `ProtoOAUnsubscribeSpotsReq`; fires with `ProtoOAUnsubscribeSpotsRes`. Fails with: see
        `OpenApiClient.request`.
        """
        try:
            message = ProtoOAUnsubscribeSpotsReq(ctidTraderAccountId=ctidTraderAccountId, symbolId=symbolId)
        except (TypeError, ValueError):
            raise wrong_argument(ProtoOAUnsubscribeSpotsReq, locals()) from None
        return self.request(message, timeout=timeout)

    def subscribe_live_trendbar(
        self,
        *,
        ctidTraderAccountId: int,
        period: ProtoOATrendbarPeriod | int | str,
        symbolId: int,
        timeout: float | None = None,
    ) -> Deferred[ProtoOASubscribeLiveTrendbarRes]:
        """Subscribe to live bars of one period; they come with ProtoOASpotEvent.

        The symbol's spots have to be subscribed first. Lost with the connection.

        Can be refused with INVALID_REQUEST (observed: its spots are not subscribed), NOT_SUBSCRIBED_TO_SPOTS or
        ALREADY_SUBSCRIBED (observed).

        Leads to ProtoOASpotEvent with a trendbar, the first at once (observed).

        * ctidTraderAccountId: The account it is about; it has to be authorised on this connection.
        * period: One for each request; several can be subscribed at once.
        * symbolId: A symbol whose spots are subscribed, else INVALID_REQUEST (observed).

        Sends `ProtoOASubscribeLiveTrendbarReq`; fires with `ProtoOASubscribeLiveTrendbarRes`. Fails with: see
        `OpenApiClient.request`.
        """
        try:
            message = ProtoOASubscribeLiveTrendbarReq(
                ctidTraderAccountId=ctidTraderAccountId, period=period, symbolId=symbolId
            )
        except (TypeError, ValueError):
            raise wrong_argument(ProtoOASubscribeLiveTrendbarReq, locals()) from None
        return self.request(message, timeout=timeout)

    def unsubscribe_live_trendbar(
        self,
        *,
        ctidTraderAccountId: int,
        period: ProtoOATrendbarPeriod | int | str,
        symbolId: int,
        timeout: float | None = None,
    ) -> Deferred[ProtoOAUnsubscribeLiveTrendbarRes]:
        """End a subscription to live bars; that to spots stays.

        * ctidTraderAccountId: The account it is about; it has to be authorised on this connection.
        * period: As it was subscribed.
        * symbolId: As it was subscribed.

        Sends `ProtoOAUnsubscribeLiveTrendbarReq`; fires with `ProtoOAUnsubscribeLiveTrendbarRes`. Fails with: see
        `OpenApiClient.request`.
        """
        try:
            message = ProtoOAUnsubscribeLiveTrendbarReq(
                ctidTraderAccountId=ctidTraderAccountId, period=period, symbolId=symbolId
            )
        except (TypeError, ValueError):
            raise wrong_argument(ProtoOAUnsubscribeLiveTrendbarReq, locals()) from None
        return self.request(message, timeout=timeout)

    def get_trendbars(
        self,
        *,
        ctidTraderAccountId: int,
        period: ProtoOATrendbarPeriod | int | str,
        symbolId: int,
        fromTimestamp: int | None = None,
        toTimestamp: int | None = None,
        count: int | None = None,
        timeout: float | None = None,
    ) -> Deferred[ProtoOAGetTrendbarsRes]:
        """Ask for historical bars.

        Historical: 5 requests a second. Page backwards from the oldest bar served, and drop what falls outside the
        period: a page can hold a bar less than asked for.

        Can be refused with INCORRECT_BOUNDARIES, or UNKNOWN_SYMBOL or SYMBOL_NOT_FOUND (both observed).

        * ctidTraderAccountId: The account it is about; it has to be authorised on this connection.
        * period: The bars in the answer do not repeat it.
        * symbolId: From ProtoOASymbolsListRes of the same account; other brokers number theirs differently.
        * fromTimestamp: The earliest opening, milliseconds since the epoch, UTC, at least 0. `count` wins over it:
          older bars can come (observed). Absent: left to `count`.
        * toTimestamp: The latest opening, itself included, milliseconds since the epoch, UTC, at most 2147483646000;
          absent: now (unconfirmed).
        * count: The most bars to return, counted back from toTimestamp; 5000 was observed to work. Absent: the server's
          chunk.

        Sends `ProtoOAGetTrendbarsReq`; fires with `ProtoOAGetTrendbarsRes`. Fails with: see `OpenApiClient.request`.
        """
        try:
            message = ProtoOAGetTrendbarsReq(
                ctidTraderAccountId=ctidTraderAccountId,
                period=period,
                symbolId=symbolId,
                fromTimestamp=fromTimestamp,
                toTimestamp=toTimestamp,
                count=count,
            )
        except (TypeError, ValueError):
            raise wrong_argument(ProtoOAGetTrendbarsReq, locals()) from None
        return self.request(message, timeout=timeout)

    def get_tick_data(
        self,
        *,
        ctidTraderAccountId: int,
        symbolId: int,
        type: ProtoOAQuoteType | int | str,
        fromTimestamp: int | None = None,
        toTimestamp: int | None = None,
        timeout: float | None = None,
    ) -> Deferred[ProtoOAGetTickDataRes]:
        """Ask for historical ticks of one side, of a week at most. Historical: 5 requests a second.

        Can be refused with INCORRECT_BOUNDARIES, or UNKNOWN_SYMBOL or SYMBOL_NOT_FOUND (both observed).

        * ctidTraderAccountId: The account it is about; it has to be authorised on this connection.
        * symbolId: From ProtoOASymbolsListRes of the same account; other brokers number theirs differently.
        * type: BID or ASK: the two are separate histories.
        * fromTimestamp: Where it begins, milliseconds since the epoch, UTC, at least 0; absent: left to the server
          (unconfirmed).
        * toTimestamp: Where it ends, milliseconds since the epoch, UTC, at most 604 800 000 after fromTimestamp;
          absent: now (unconfirmed).

        Sends `ProtoOAGetTickDataReq`; fires with `ProtoOAGetTickDataRes`. Fails with: see `OpenApiClient.request`.
        """
        try:
            message = ProtoOAGetTickDataReq(
                ctidTraderAccountId=ctidTraderAccountId,
                symbolId=symbolId,
                type=type,
                fromTimestamp=fromTimestamp,
                toTimestamp=toTimestamp,
            )
        except (TypeError, ValueError):
            raise wrong_argument(ProtoOAGetTickDataReq, locals()) from None
        return self.request(message, timeout=timeout)

    def get_ctid_profile_by_token(
        self, *, accessToken: str, timeout: float | None = None
    ) -> Deferred[ProtoOAGetCtidProfileByTokenRes]:
        """Ask whose token it is. Needs the application authorised, no account.

        Can be refused with CH_ACCESS_TOKEN_INVALID or OA_AUTH_TOKEN_EXPIRED.

        * accessToken: Belongs in no log.

        Sends `ProtoOAGetCtidProfileByTokenReq`; fires with `ProtoOAGetCtidProfileByTokenRes`. Fails with: see
        `OpenApiClient.request`.
        """
        try:
            message = ProtoOAGetCtidProfileByTokenReq(accessToken=accessToken)
        except (TypeError, ValueError):
            raise wrong_argument(ProtoOAGetCtidProfileByTokenReq, locals()) from None
        return self.request(message, timeout=timeout)

    def subscribe_depth_quotes(
        self, *, ctidTraderAccountId: int, symbolId: Iterable[int] = (), timeout: float | None = None
    ) -> Deferred[ProtoOASubscribeDepthQuotesRes]:
        """Subscribe to the order book of symbols; they come as ProtoOADepthEvent.

        The server refuses to subscribe twice (ALREADY_SUBSCRIBED; OpenApiClient.request says when that is an error
        here). Lost with the connection.

        Can be refused with ALREADY_SUBSCRIBED (observed), SYMBOL_NOT_FOUND or UNKNOWN_SYMBOL.

        Leads to ProtoOADepthEvent.

        * ctidTraderAccountId: The account it is about; it has to be authorised on this connection.
        * symbolId: From ProtoOASymbolsListRes of the same account; other brokers number theirs differently.

        Sends `ProtoOASubscribeDepthQuotesReq`; fires with `ProtoOASubscribeDepthQuotesRes`. Fails with: see
        `OpenApiClient.request`.
        """
        try:
            message = ProtoOASubscribeDepthQuotesReq(ctidTraderAccountId=ctidTraderAccountId, symbolId=symbolId)
        except (TypeError, ValueError):
            raise wrong_argument(ProtoOASubscribeDepthQuotesReq, locals()) from None
        return self.request(message, timeout=timeout)

    def unsubscribe_depth_quotes(
        self, *, ctidTraderAccountId: int, symbolId: Iterable[int] = (), timeout: float | None = None
    ) -> Deferred[ProtoOAUnsubscribeDepthQuotesRes]:
        """End subscriptions to order books.

        * ctidTraderAccountId: The account it is about; it has to be authorised on this connection.
        * symbolId: Symbols whose book is subscribed now.

        Sends `ProtoOAUnsubscribeDepthQuotesReq`; fires with `ProtoOAUnsubscribeDepthQuotesRes`. Fails with: see
        `OpenApiClient.request`.
        """
        try:
            message = ProtoOAUnsubscribeDepthQuotesReq(ctidTraderAccountId=ctidTraderAccountId, symbolId=symbolId)
        except (TypeError, ValueError):
            raise wrong_argument(ProtoOAUnsubscribeDepthQuotesReq, locals()) from None
        return self.request(message, timeout=timeout)

    def symbol_category_list(
        self, *, ctidTraderAccountId: int, timeout: float | None = None
    ) -> Deferred[ProtoOASymbolCategoryListRes]:
        """Ask for the groups of symbols within the asset classes.

        * ctidTraderAccountId: The account it is about; it has to be authorised on this connection.

        Sends `ProtoOASymbolCategoryListReq`; fires with `ProtoOASymbolCategoryListRes`. Fails with: see
        `OpenApiClient.request`.
        """
        try:
            message = ProtoOASymbolCategoryListReq(ctidTraderAccountId=ctidTraderAccountId)
        except (TypeError, ValueError):
            raise wrong_argument(ProtoOASymbolCategoryListReq, locals()) from None
        return self.request(message, timeout=timeout)

    def account_logout(
        self, *, ctidTraderAccountId: int, timeout: float | None = None
    ) -> Deferred[ProtoOAAccountLogoutRes]:
        """End an account's session on this connection.

        Leads to ProtoOAAccountDisconnectEvent.

        * ctidTraderAccountId: The account it is about; it has to be authorised on this connection.

        Sends `ProtoOAAccountLogoutReq`; fires with `ProtoOAAccountLogoutRes`. Fails with: see `OpenApiClient.request`.
        """
        try:
            message = ProtoOAAccountLogoutReq(ctidTraderAccountId=ctidTraderAccountId)
        except (TypeError, ValueError):
            raise wrong_argument(ProtoOAAccountLogoutReq, locals()) from None
        return self.request(message, timeout=timeout)

    def margin_call_list(
        self, *, ctidTraderAccountId: int, timeout: float | None = None
    ) -> Deferred[ProtoOAMarginCallListRes]:
        """Ask for the account's margin call thresholds.

        * ctidTraderAccountId: The account it is about; it has to be authorised on this connection.

        Sends `ProtoOAMarginCallListReq`; fires with `ProtoOAMarginCallListRes`. Fails with: see
        `OpenApiClient.request`.
        """
        try:
            message = ProtoOAMarginCallListReq(ctidTraderAccountId=ctidTraderAccountId)
        except (TypeError, ValueError):
            raise wrong_argument(ProtoOAMarginCallListReq, locals()) from None
        return self.request(message, timeout=timeout)

    def margin_call_update(
        self, *, ctidTraderAccountId: int, marginCall: ProtoOAMarginCall, timeout: float | None = None
    ) -> Deferred[ProtoOAMarginCallUpdateRes]:
        """Set a margin call threshold.

        Can be refused with INVALID_REQUEST.

        Leads to ProtoOAMarginCallUpdateEvent; when the level is reached, to ProtoOAMarginCallTriggerEvent.

        * ctidTraderAccountId: The account it is about; it has to be authorised on this connection.
        * marginCall: Its marginCallType says which threshold, its marginLevelThreshold the new value.

        Sends `ProtoOAMarginCallUpdateReq`; fires with `ProtoOAMarginCallUpdateRes`. Fails with: see
        `OpenApiClient.request`.
        """
        try:
            message = ProtoOAMarginCallUpdateReq(ctidTraderAccountId=ctidTraderAccountId, marginCall=marginCall)
        except (TypeError, ValueError):
            raise wrong_argument(ProtoOAMarginCallUpdateReq, locals()) from None
        return self.request(message, timeout=timeout)

    def get_dynamic_leverage_by_id(
        self, *, ctidTraderAccountId: int, leverageId: int, timeout: float | None = None
    ) -> Deferred[ProtoOAGetDynamicLeverageByIDRes]:
        """Ask for the tiers of a dynamic leverage.

        Can be refused with ENTITY_NOT_FOUND.

        * ctidTraderAccountId: The account it is about; it has to be authorised on this connection.
        * leverageId: From ProtoOASymbol.leverageId.

        Sends `ProtoOAGetDynamicLeverageByIDReq`; fires with `ProtoOAGetDynamicLeverageByIDRes`. Fails with: see
        `OpenApiClient.request`.
        """
        try:
            message = ProtoOAGetDynamicLeverageByIDReq(ctidTraderAccountId=ctidTraderAccountId, leverageId=leverageId)
        except (TypeError, ValueError):
            raise wrong_argument(ProtoOAGetDynamicLeverageByIDReq, locals()) from None
        return self.request(message, timeout=timeout)

    def deal_list_by_position_id(
        self,
        *,
        ctidTraderAccountId: int,
        positionId: int,
        fromTimestamp: int | None = None,
        toTimestamp: int | None = None,
        timeout: float | None = None,
    ) -> Deferred[ProtoOADealListByPositionIdRes]:
        """Ask for the deals of one position. Historical by most clients' reckoning: 5 requests a second.

        Can be refused with POSITION_NOT_FOUND or INCORRECT_BOUNDARIES.

        * ctidTraderAccountId: The account it is about; it has to be authorised on this connection.
        * positionId: An open or a closed one.
        * fromTimestamp: Where it begins, milliseconds since the epoch, UTC, at least 0; absent: the position's
          beginning.
        * toTimestamp: Where it ends, milliseconds since the epoch, UTC, at most 2147483646000; absent: now
          (unconfirmed).

        Sends `ProtoOADealListByPositionIdReq`; fires with `ProtoOADealListByPositionIdRes`. Fails with: see
        `OpenApiClient.request`.
        """
        try:
            message = ProtoOADealListByPositionIdReq(
                ctidTraderAccountId=ctidTraderAccountId,
                positionId=positionId,
                fromTimestamp=fromTimestamp,
                toTimestamp=toTimestamp,
            )
        except (TypeError, ValueError):
            raise wrong_argument(ProtoOADealListByPositionIdReq, locals()) from None
        return self.request(message, timeout=timeout)

    def order_details(
        self, *, ctidTraderAccountId: int, orderId: int, timeout: float | None = None
    ) -> Deferred[ProtoOAOrderDetailsRes]:
        """Ask for one order and its deals (whether it counts as historical is unconfirmed).

        Can be refused with ORDER_NOT_FOUND.

        * ctidTraderAccountId: The account it is about; it has to be authorised on this connection.
        * orderId: A pending or a done one.

        Sends `ProtoOAOrderDetailsReq`; fires with `ProtoOAOrderDetailsRes`. Fails with: see `OpenApiClient.request`.
        """
        try:
            message = ProtoOAOrderDetailsReq(ctidTraderAccountId=ctidTraderAccountId, orderId=orderId)
        except (TypeError, ValueError):
            raise wrong_argument(ProtoOAOrderDetailsReq, locals()) from None
        return self.request(message, timeout=timeout)

    def order_list_by_position_id(
        self,
        *,
        ctidTraderAccountId: int,
        positionId: int,
        fromTimestamp: int | None = None,
        toTimestamp: int | None = None,
        timeout: float | None = None,
    ) -> Deferred[ProtoOAOrderListByPositionIdRes]:
        """Ask for the orders of one position. Historical by most clients' reckoning: 5 requests a second.

        Can be refused with POSITION_NOT_FOUND or INCORRECT_BOUNDARIES.

        * ctidTraderAccountId: The account it is about; it has to be authorised on this connection.
        * positionId: An open or a closed one.
        * fromTimestamp: Where it begins, milliseconds since the epoch, UTC, at least 0; absent: the position's
          beginning.
        * toTimestamp: Where it ends, milliseconds since the epoch, UTC, at most 2147483646000; absent: now
          (unconfirmed).

        Sends `ProtoOAOrderListByPositionIdReq`; fires with `ProtoOAOrderListByPositionIdRes`. Fails with: see
        `OpenApiClient.request`.
        """
        try:
            message = ProtoOAOrderListByPositionIdReq(
                ctidTraderAccountId=ctidTraderAccountId,
                positionId=positionId,
                fromTimestamp=fromTimestamp,
                toTimestamp=toTimestamp,
            )
        except (TypeError, ValueError):
            raise wrong_argument(ProtoOAOrderListByPositionIdReq, locals()) from None
        return self.request(message, timeout=timeout)

    def deal_offset_list(
        self, *, ctidTraderAccountId: int, dealId: int, timeout: float | None = None
    ) -> Deferred[ProtoOADealOffsetListRes]:
        """Ask which deals a deal was set against: closing takes the oldest deal first.

        Can be refused with ENTITY_NOT_FOUND.

        * ctidTraderAccountId: The account it is about; it has to be authorised on this connection.
        * dealId: An opening or a closing one.

        Sends `ProtoOADealOffsetListReq`; fires with `ProtoOADealOffsetListRes`. Fails with: see
        `OpenApiClient.request`.
        """
        try:
            message = ProtoOADealOffsetListReq(ctidTraderAccountId=ctidTraderAccountId, dealId=dealId)
        except (TypeError, ValueError):
            raise wrong_argument(ProtoOADealOffsetListReq, locals()) from None
        return self.request(message, timeout=timeout)

    def get_position_unrealized_pnl(
        self, *, ctidTraderAccountId: int, timeout: float | None = None
    ) -> Deferred[ProtoOAGetPositionUnrealizedPnLRes]:
        """Ask what the open positions stand at, as the server reckons.

        Poll it no more than every 2 to 3 seconds; nothing pushes it.

        * ctidTraderAccountId: The account it is about; it has to be authorised on this connection.

        Sends `ProtoOAGetPositionUnrealizedPnLReq`; fires with `ProtoOAGetPositionUnrealizedPnLRes`. Fails with: see
        `OpenApiClient.request`.
        """
        try:
            message = ProtoOAGetPositionUnrealizedPnLReq(ctidTraderAccountId=ctidTraderAccountId)
        except (TypeError, ValueError):
            raise wrong_argument(ProtoOAGetPositionUnrealizedPnLReq, locals()) from None
        return self.request(message, timeout=timeout)
