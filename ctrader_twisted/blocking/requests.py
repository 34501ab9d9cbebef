# GENERATED from protos/*.proto by protos/generate.py. Do not edit: change those, then run `make schema`.
"""A method for each request of the schema, which gives the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ctrader_twisted.blocking.calls import asks
from ctrader_twisted.blocking.link import Face
from ctrader_twisted.requests import RequestMethods

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ctrader_twisted.messages import (
        ProtoOAAccountAuthRes,
        ProtoOAAccountLogoutRes,
        ProtoOAApplicationAuthRes,
        ProtoOAAssetClassListRes,
        ProtoOAAssetListRes,
        ProtoOACashFlowHistoryListRes,
        ProtoOADealListByPositionIdRes,
        ProtoOADealListRes,
        ProtoOADealOffsetListRes,
        ProtoOAExecutionEvent,
        ProtoOAExpectedMarginRes,
        ProtoOAGetAccountListByAccessTokenRes,
        ProtoOAGetCtidProfileByTokenRes,
        ProtoOAGetDynamicLeverageByIDRes,
        ProtoOAGetPositionUnrealizedPnLRes,
        ProtoOAGetTickDataRes,
        ProtoOAGetTrendbarsRes,
        ProtoOAMarginCall,
        ProtoOAMarginCallListRes,
        ProtoOAMarginCallUpdateRes,
        ProtoOAOrderDetailsRes,
        ProtoOAOrderListByPositionIdRes,
        ProtoOAOrderListRes,
        ProtoOAOrderTriggerMethod,
        ProtoOAOrderType,
        ProtoOAQuoteType,
        ProtoOAReconcileRes,
        ProtoOARefreshTokenRes,
        ProtoOASubscribeDepthQuotesRes,
        ProtoOASubscribeLiveTrendbarRes,
        ProtoOASubscribeSpotsRes,
        ProtoOASymbolByIdRes,
        ProtoOASymbolCategoryListRes,
        ProtoOASymbolsForConversionRes,
        ProtoOASymbolsListRes,
        ProtoOATimeInForce,
        ProtoOATraderRes,
        ProtoOATradeSide,
        ProtoOATrendbarPeriod,
        ProtoOAUnsubscribeDepthQuotesRes,
        ProtoOAUnsubscribeLiveTrendbarRes,
        ProtoOAUnsubscribeSpotsRes,
        ProtoOAVersionRes,
    )


class Requests(Face):
    """The schema's requests, as `OpenApiClient` has them. ``help(client.get_trendbars)`` describes one."""

    @asks(RequestMethods.application_auth)
    def application_auth(
        self, *, clientId: str, clientSecret: str, timeout: float | None = None
    ) -> ProtoOAApplicationAuthRes: ...

    @asks(RequestMethods.account_auth)
    def account_auth(
        self, *, ctidTraderAccountId: int, accessToken: str, timeout: float | None = None
    ) -> ProtoOAAccountAuthRes: ...

    @asks(RequestMethods.version)
    def version(self, *, timeout: float | None = None) -> ProtoOAVersionRes: ...

    @asks(RequestMethods.new_order)
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
    ) -> ProtoOAExecutionEvent: ...

    @asks(RequestMethods.cancel_order)
    def cancel_order(
        self, *, ctidTraderAccountId: int, orderId: int, timeout: float | None = None
    ) -> ProtoOAExecutionEvent: ...

    @asks(RequestMethods.amend_order)
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
    ) -> ProtoOAExecutionEvent: ...

    @asks(RequestMethods.amend_position_sltp)
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
    ) -> ProtoOAExecutionEvent: ...

    @asks(RequestMethods.close_position)
    def close_position(
        self, *, ctidTraderAccountId: int, positionId: int, volume: int, timeout: float | None = None
    ) -> ProtoOAExecutionEvent: ...

    @asks(RequestMethods.asset_list)
    def asset_list(self, *, ctidTraderAccountId: int, timeout: float | None = None) -> ProtoOAAssetListRes: ...

    @asks(RequestMethods.symbols_list)
    def symbols_list(
        self, *, ctidTraderAccountId: int, includeArchivedSymbols: bool | None = None, timeout: float | None = None
    ) -> ProtoOASymbolsListRes: ...

    @asks(RequestMethods.symbol_by_id)
    def symbol_by_id(
        self, *, ctidTraderAccountId: int, symbolId: Iterable[int] = (), timeout: float | None = None
    ) -> ProtoOASymbolByIdRes: ...

    @asks(RequestMethods.symbols_for_conversion)
    def symbols_for_conversion(
        self, *, ctidTraderAccountId: int, firstAssetId: int, lastAssetId: int, timeout: float | None = None
    ) -> ProtoOASymbolsForConversionRes: ...

    @asks(RequestMethods.asset_class_list)
    def asset_class_list(
        self, *, ctidTraderAccountId: int, timeout: float | None = None
    ) -> ProtoOAAssetClassListRes: ...

    @asks(RequestMethods.trader)
    def trader(self, *, ctidTraderAccountId: int, timeout: float | None = None) -> ProtoOATraderRes: ...

    @asks(RequestMethods.reconcile)
    def reconcile(
        self, *, ctidTraderAccountId: int, returnProtectionOrders: bool | None = None, timeout: float | None = None
    ) -> ProtoOAReconcileRes: ...

    @asks(RequestMethods.deal_list)
    def deal_list(
        self,
        *,
        ctidTraderAccountId: int,
        fromTimestamp: int | None = None,
        toTimestamp: int | None = None,
        maxRows: int | None = None,
        timeout: float | None = None,
    ) -> ProtoOADealListRes: ...

    @asks(RequestMethods.order_list)
    def order_list(
        self,
        *,
        ctidTraderAccountId: int,
        fromTimestamp: int | None = None,
        toTimestamp: int | None = None,
        timeout: float | None = None,
    ) -> ProtoOAOrderListRes: ...

    @asks(RequestMethods.expected_margin)
    def expected_margin(
        self, *, ctidTraderAccountId: int, symbolId: int, volume: Iterable[int] = (), timeout: float | None = None
    ) -> ProtoOAExpectedMarginRes: ...

    @asks(RequestMethods.cash_flow_history_list)
    def cash_flow_history_list(
        self, *, ctidTraderAccountId: int, fromTimestamp: int, toTimestamp: int, timeout: float | None = None
    ) -> ProtoOACashFlowHistoryListRes: ...

    @asks(RequestMethods.get_account_list_by_access_token)
    def get_account_list_by_access_token(
        self, *, accessToken: str, timeout: float | None = None
    ) -> ProtoOAGetAccountListByAccessTokenRes: ...

    @asks(RequestMethods.refresh_token)
    def refresh_token(self, *, refreshToken: str, timeout: float | None = None) -> ProtoOARefreshTokenRes: ...

    @asks(RequestMethods.subscribe_spots)
    def subscribe_spots(
        self,
        *,
        ctidTraderAccountId: int,
        symbolId: Iterable[int] = (),
        subscribeToSpotTimestamp: bool | None = None,
        timeout: float | None = None,
    ) -> ProtoOASubscribeSpotsRes: ...

    @asks(RequestMethods.unsubscribe_spots)
    def unsubscribe_spots(
        self, *, ctidTraderAccountId: int, symbolId: Iterable[int] = (), timeout: float | None = None
    ) -> ProtoOAUnsubscribeSpotsRes: ...

    @asks(RequestMethods.subscribe_live_trendbar)
    def subscribe_live_trendbar(
        self,
        *,
        ctidTraderAccountId: int,
        period: ProtoOATrendbarPeriod | int | str,
        symbolId: int,
        timeout: float | None = None,
    ) -> ProtoOASubscribeLiveTrendbarRes: ...

    @asks(RequestMethods.unsubscribe_live_trendbar)
    def unsubscribe_live_trendbar(
        self,
        *,
        ctidTraderAccountId: int,
        period: ProtoOATrendbarPeriod | int | str,
        symbolId: int,
        timeout: float | None = None,
    ) -> ProtoOAUnsubscribeLiveTrendbarRes: ...

    @asks(RequestMethods.get_trendbars)
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
    ) -> ProtoOAGetTrendbarsRes: ...

    @asks(RequestMethods.get_tick_data)
    def get_tick_data(
        self,
        *,
        ctidTraderAccountId: int,
        symbolId: int,
        type: ProtoOAQuoteType | int | str,
        fromTimestamp: int | None = None,
        toTimestamp: int | None = None,
        timeout: float | None = None,
    ) -> ProtoOAGetTickDataRes: ...

    @asks(RequestMethods.get_ctid_profile_by_token)
    def get_ctid_profile_by_token(
        self, *, accessToken: str, timeout: float | None = None
    ) -> ProtoOAGetCtidProfileByTokenRes: ...

    @asks(RequestMethods.subscribe_depth_quotes)
    def subscribe_depth_quotes(
        self, *, ctidTraderAccountId: int, symbolId: Iterable[int] = (), timeout: float | None = None
    ) -> ProtoOASubscribeDepthQuotesRes: ...

    @asks(RequestMethods.unsubscribe_depth_quotes)
    def unsubscribe_depth_quotes(
        self, *, ctidTraderAccountId: int, symbolId: Iterable[int] = (), timeout: float | None = None
    ) -> ProtoOAUnsubscribeDepthQuotesRes: ...

    @asks(RequestMethods.symbol_category_list)
    def symbol_category_list(
        self, *, ctidTraderAccountId: int, timeout: float | None = None
    ) -> ProtoOASymbolCategoryListRes: ...

    @asks(RequestMethods.account_logout)
    def account_logout(self, *, ctidTraderAccountId: int, timeout: float | None = None) -> ProtoOAAccountLogoutRes: ...

    @asks(RequestMethods.margin_call_list)
    def margin_call_list(
        self, *, ctidTraderAccountId: int, timeout: float | None = None
    ) -> ProtoOAMarginCallListRes: ...

    @asks(RequestMethods.margin_call_update)
    def margin_call_update(
        self, *, ctidTraderAccountId: int, marginCall: ProtoOAMarginCall, timeout: float | None = None
    ) -> ProtoOAMarginCallUpdateRes: ...

    @asks(RequestMethods.get_dynamic_leverage_by_id)
    def get_dynamic_leverage_by_id(
        self, *, ctidTraderAccountId: int, leverageId: int, timeout: float | None = None
    ) -> ProtoOAGetDynamicLeverageByIDRes: ...

    @asks(RequestMethods.deal_list_by_position_id)
    def deal_list_by_position_id(
        self,
        *,
        ctidTraderAccountId: int,
        positionId: int,
        fromTimestamp: int | None = None,
        toTimestamp: int | None = None,
        timeout: float | None = None,
    ) -> ProtoOADealListByPositionIdRes: ...

    @asks(RequestMethods.order_details)
    def order_details(
        self, *, ctidTraderAccountId: int, orderId: int, timeout: float | None = None
    ) -> ProtoOAOrderDetailsRes: ...

    @asks(RequestMethods.order_list_by_position_id)
    def order_list_by_position_id(
        self,
        *,
        ctidTraderAccountId: int,
        positionId: int,
        fromTimestamp: int | None = None,
        toTimestamp: int | None = None,
        timeout: float | None = None,
    ) -> ProtoOAOrderListByPositionIdRes: ...

    @asks(RequestMethods.deal_offset_list)
    def deal_offset_list(
        self, *, ctidTraderAccountId: int, dealId: int, timeout: float | None = None
    ) -> ProtoOADealOffsetListRes: ...

    @asks(RequestMethods.get_position_unrealized_pnl)
    def get_position_unrealized_pnl(
        self, *, ctidTraderAccountId: int, timeout: float | None = None
    ) -> ProtoOAGetPositionUnrealizedPnLRes: ...
