# GENERATED from protos/*.proto by protos/generate.py. Do not edit: change those, then run `make schema`.
from collections.abc import Iterable
from enum import IntEnum
from typing import Literal

from google.protobuf.descriptor import Descriptor
from google.protobuf.internal.containers import RepeatedCompositeFieldContainer, RepeatedScalarFieldContainer
from google.protobuf.message import Message

__all__ = [
    "ProtoErrorCode",
    "ProtoErrorRes",
    "ProtoHeartbeatEvent",
    "ProtoMessage",
    "ProtoOAAccessRights",
    "ProtoOAAccountAuthReq",
    "ProtoOAAccountAuthRes",
    "ProtoOAAccountDisconnectEvent",
    "ProtoOAAccountLogoutReq",
    "ProtoOAAccountLogoutRes",
    "ProtoOAAccountType",
    "ProtoOAAccountsTokenInvalidatedEvent",
    "ProtoOAAmendOrderReq",
    "ProtoOAAmendPositionSLTPReq",
    "ProtoOAApplicationAuthReq",
    "ProtoOAApplicationAuthRes",
    "ProtoOAArchivedSymbol",
    "ProtoOAAsset",
    "ProtoOAAssetClass",
    "ProtoOAAssetClassListReq",
    "ProtoOAAssetClassListRes",
    "ProtoOAAssetListReq",
    "ProtoOAAssetListRes",
    "ProtoOABonusDepositWithdraw",
    "ProtoOACancelOrderReq",
    "ProtoOACashFlowHistoryListReq",
    "ProtoOACashFlowHistoryListRes",
    "ProtoOAChangeBalanceType",
    "ProtoOAChangeBonusType",
    "ProtoOAClientDisconnectEvent",
    "ProtoOAClientPermissionScope",
    "ProtoOAClosePositionDetail",
    "ProtoOAClosePositionReq",
    "ProtoOACommissionType",
    "ProtoOACtidProfile",
    "ProtoOACtidTraderAccount",
    "ProtoOADayOfWeek",
    "ProtoOADeal",
    "ProtoOADealListByPositionIdReq",
    "ProtoOADealListByPositionIdRes",
    "ProtoOADealListReq",
    "ProtoOADealListRes",
    "ProtoOADealOffset",
    "ProtoOADealOffsetListReq",
    "ProtoOADealOffsetListRes",
    "ProtoOADealStatus",
    "ProtoOADepositWithdraw",
    "ProtoOADepthEvent",
    "ProtoOADepthQuote",
    "ProtoOADynamicLeverage",
    "ProtoOADynamicLeverageTier",
    "ProtoOAErrorCode",
    "ProtoOAErrorRes",
    "ProtoOAExecutionEvent",
    "ProtoOAExecutionType",
    "ProtoOAExpectedMargin",
    "ProtoOAExpectedMarginReq",
    "ProtoOAExpectedMarginRes",
    "ProtoOAGetAccountListByAccessTokenReq",
    "ProtoOAGetAccountListByAccessTokenRes",
    "ProtoOAGetCtidProfileByTokenReq",
    "ProtoOAGetCtidProfileByTokenRes",
    "ProtoOAGetDynamicLeverageByIDReq",
    "ProtoOAGetDynamicLeverageByIDRes",
    "ProtoOAGetPositionUnrealizedPnLReq",
    "ProtoOAGetPositionUnrealizedPnLRes",
    "ProtoOAGetTickDataReq",
    "ProtoOAGetTickDataRes",
    "ProtoOAGetTrendbarsReq",
    "ProtoOAGetTrendbarsRes",
    "ProtoOAHoliday",
    "ProtoOAInterval",
    "ProtoOALightSymbol",
    "ProtoOALimitedRiskMarginCalculationStrategy",
    "ProtoOAMarginCall",
    "ProtoOAMarginCallListReq",
    "ProtoOAMarginCallListRes",
    "ProtoOAMarginCallTriggerEvent",
    "ProtoOAMarginCallUpdateEvent",
    "ProtoOAMarginCallUpdateReq",
    "ProtoOAMarginCallUpdateRes",
    "ProtoOAMarginChangedEvent",
    "ProtoOAMinCommissionType",
    "ProtoOANewOrderReq",
    "ProtoOANotificationType",
    "ProtoOAOrder",
    "ProtoOAOrderDetailsReq",
    "ProtoOAOrderDetailsRes",
    "ProtoOAOrderErrorEvent",
    "ProtoOAOrderListByPositionIdReq",
    "ProtoOAOrderListByPositionIdRes",
    "ProtoOAOrderListReq",
    "ProtoOAOrderListRes",
    "ProtoOAOrderStatus",
    "ProtoOAOrderTriggerMethod",
    "ProtoOAOrderType",
    "ProtoOAPayloadType",
    "ProtoOAPosition",
    "ProtoOAPositionStatus",
    "ProtoOAPositionUnrealizedPnL",
    "ProtoOAQuoteType",
    "ProtoOAReconcileReq",
    "ProtoOAReconcileRes",
    "ProtoOARefreshTokenReq",
    "ProtoOARefreshTokenRes",
    "ProtoOASpotEvent",
    "ProtoOAStopOutStrategy",
    "ProtoOASubscribeDepthQuotesReq",
    "ProtoOASubscribeDepthQuotesRes",
    "ProtoOASubscribeLiveTrendbarReq",
    "ProtoOASubscribeLiveTrendbarRes",
    "ProtoOASubscribeSpotsReq",
    "ProtoOASubscribeSpotsRes",
    "ProtoOASwapCalculationType",
    "ProtoOASymbol",
    "ProtoOASymbolByIdReq",
    "ProtoOASymbolByIdRes",
    "ProtoOASymbolCategory",
    "ProtoOASymbolCategoryListReq",
    "ProtoOASymbolCategoryListRes",
    "ProtoOASymbolChangedEvent",
    "ProtoOASymbolDistanceType",
    "ProtoOASymbolsForConversionReq",
    "ProtoOASymbolsForConversionRes",
    "ProtoOASymbolsListReq",
    "ProtoOASymbolsListRes",
    "ProtoOATickData",
    "ProtoOATimeInForce",
    "ProtoOATotalMarginCalculationType",
    "ProtoOATradeData",
    "ProtoOATradeSide",
    "ProtoOATrader",
    "ProtoOATraderReq",
    "ProtoOATraderRes",
    "ProtoOATraderUpdatedEvent",
    "ProtoOATradingMode",
    "ProtoOATrailingSLChangedEvent",
    "ProtoOATrendbar",
    "ProtoOATrendbarPeriod",
    "ProtoOAUnsubscribeDepthQuotesReq",
    "ProtoOAUnsubscribeDepthQuotesRes",
    "ProtoOAUnsubscribeLiveTrendbarReq",
    "ProtoOAUnsubscribeLiveTrendbarRes",
    "ProtoOAUnsubscribeSpotsReq",
    "ProtoOAUnsubscribeSpotsRes",
    "ProtoOAVersionReq",
    "ProtoOAVersionRes",
    "ProtoPayloadType",
]

class ProtoPayloadType(IntEnum):
    """Payload types of the common layer; those of the Open API itself are in ProtoOAPayloadType."""

    PROTO_MESSAGE = 5
    """The envelope itself; not seen as the type of a payload."""
    ERROR_RES = 50
    """ProtoErrorRes, a refusal below the Open API layer."""
    HEARTBEAT_EVENT = 51
    """ProtoHeartbeatEvent, in both directions."""

class ProtoErrorCode(IntEnum):
    """Error codes of the common layer.

    On the wire a code is its name, as a string, and strings from neither this list nor ProtoOAErrorCode occur: do not
    refuse an unknown one.
    """

    UNKNOWN_ERROR = 1
    """Something failed on the server that has no code of its own."""
    UNSUPPORTED_MESSAGE = 2
    """The payload type means nothing to the server, or not on this host."""
    INVALID_REQUEST = 3
    """A field or a combination of fields was refused; the description says which. Observed also for "Trading account is
    not authorized" and for live trendbars without spots.
    """
    TIMEOUT_ERROR = 5
    """The back end did not answer in time; worth another try, except for an order, whose outcome is then unknown."""
    ENTITY_NOT_FOUND = 6
    """What an id in the request points to does not exist."""
    CANT_ROUTE_REQUEST = 7
    """The account lives on the other host (live or demo), or its broker's back end is in maintenance: compare with
    isLive.
    """
    FRAME_TOO_LONG = 8
    """A frame was longer than the server accepts."""
    MARKET_CLOSED = 9
    """The symbol is outside its trading hours."""
    CONCURRENT_MODIFICATION = 10
    """Another change to the same order or position came between."""
    BLOCKED_PAYLOAD_TYPE = 11
    """Requests of this payload type came too often and are refused for retryAfter seconds; nothing was executed."""

class ProtoOAPayloadType(IntEnum):
    """The payload types of the Open API, as they stand in the envelope."""

    PROTO_OA_APPLICATION_AUTH_REQ = 2100
    """ProtoOAApplicationAuthReq, from the client; closed by ProtoOAApplicationAuthRes."""
    PROTO_OA_APPLICATION_AUTH_RES = 2101
    """ProtoOAApplicationAuthRes, closing ProtoOAApplicationAuthReq."""
    PROTO_OA_ACCOUNT_AUTH_REQ = 2102
    """ProtoOAAccountAuthReq, from the client; closed by ProtoOAAccountAuthRes."""
    PROTO_OA_ACCOUNT_AUTH_RES = 2103
    """ProtoOAAccountAuthRes, closing ProtoOAAccountAuthReq."""
    PROTO_OA_VERSION_REQ = 2104
    """ProtoOAVersionReq, from the client; closed by ProtoOAVersionRes."""
    PROTO_OA_VERSION_RES = 2105
    """ProtoOAVersionRes, closing ProtoOAVersionReq."""
    PROTO_OA_NEW_ORDER_REQ = 2106
    """ProtoOANewOrderReq, from the client; closed by ProtoOAExecutionEvent."""
    PROTO_OA_TRAILING_SL_CHANGED_EVENT = 2107
    """ProtoOATrailingSLChangedEvent, pushed by the server."""
    PROTO_OA_CANCEL_ORDER_REQ = 2108
    """ProtoOACancelOrderReq, from the client; closed by ProtoOAExecutionEvent."""
    PROTO_OA_AMEND_ORDER_REQ = 2109
    """ProtoOAAmendOrderReq, from the client; closed by ProtoOAExecutionEvent."""
    PROTO_OA_AMEND_POSITION_SLTP_REQ = 2110
    """ProtoOAAmendPositionSLTPReq, from the client; closed by ProtoOAExecutionEvent."""
    PROTO_OA_CLOSE_POSITION_REQ = 2111
    """ProtoOAClosePositionReq, from the client; closed by ProtoOAExecutionEvent."""
    PROTO_OA_ASSET_LIST_REQ = 2112
    """ProtoOAAssetListReq, from the client; closed by ProtoOAAssetListRes."""
    PROTO_OA_ASSET_LIST_RES = 2113
    """ProtoOAAssetListRes, closing ProtoOAAssetListReq."""
    PROTO_OA_SYMBOLS_LIST_REQ = 2114
    """ProtoOASymbolsListReq, from the client; closed by ProtoOASymbolsListRes."""
    PROTO_OA_SYMBOLS_LIST_RES = 2115
    """ProtoOASymbolsListRes, closing ProtoOASymbolsListReq."""
    PROTO_OA_SYMBOL_BY_ID_REQ = 2116
    """ProtoOASymbolByIdReq, from the client; closed by ProtoOASymbolByIdRes."""
    PROTO_OA_SYMBOL_BY_ID_RES = 2117
    """ProtoOASymbolByIdRes, closing ProtoOASymbolByIdReq."""
    PROTO_OA_SYMBOLS_FOR_CONVERSION_REQ = 2118
    """ProtoOASymbolsForConversionReq, from the client; closed by ProtoOASymbolsForConversionRes."""
    PROTO_OA_SYMBOLS_FOR_CONVERSION_RES = 2119
    """ProtoOASymbolsForConversionRes, closing ProtoOASymbolsForConversionReq."""
    PROTO_OA_SYMBOL_CHANGED_EVENT = 2120
    """ProtoOASymbolChangedEvent, pushed by the server."""
    PROTO_OA_TRADER_REQ = 2121
    """ProtoOATraderReq, from the client; closed by ProtoOATraderRes."""
    PROTO_OA_TRADER_RES = 2122
    """ProtoOATraderRes, closing ProtoOATraderReq."""
    PROTO_OA_TRADER_UPDATE_EVENT = 2123
    """ProtoOATraderUpdatedEvent, pushed by the server."""
    PROTO_OA_RECONCILE_REQ = 2124
    """ProtoOAReconcileReq, from the client; closed by ProtoOAReconcileRes."""
    PROTO_OA_RECONCILE_RES = 2125
    """ProtoOAReconcileRes, closing ProtoOAReconcileReq."""
    PROTO_OA_EXECUTION_EVENT = 2126
    """ProtoOAExecutionEvent, pushed by the server."""
    PROTO_OA_SUBSCRIBE_SPOTS_REQ = 2127
    """ProtoOASubscribeSpotsReq, from the client; closed by ProtoOASubscribeSpotsRes."""
    PROTO_OA_SUBSCRIBE_SPOTS_RES = 2128
    """ProtoOASubscribeSpotsRes, closing ProtoOASubscribeSpotsReq."""
    PROTO_OA_UNSUBSCRIBE_SPOTS_REQ = 2129
    """ProtoOAUnsubscribeSpotsReq, from the client; closed by ProtoOAUnsubscribeSpotsRes."""
    PROTO_OA_UNSUBSCRIBE_SPOTS_RES = 2130
    """ProtoOAUnsubscribeSpotsRes, closing ProtoOAUnsubscribeSpotsReq."""
    PROTO_OA_SPOT_EVENT = 2131
    """ProtoOASpotEvent, pushed by the server."""
    PROTO_OA_ORDER_ERROR_EVENT = 2132
    """ProtoOAOrderErrorEvent, pushed by the server."""
    PROTO_OA_DEAL_LIST_REQ = 2133
    """ProtoOADealListReq, from the client; closed by ProtoOADealListRes."""
    PROTO_OA_DEAL_LIST_RES = 2134
    """ProtoOADealListRes, closing ProtoOADealListReq."""
    PROTO_OA_SUBSCRIBE_LIVE_TRENDBAR_REQ = 2135
    """ProtoOASubscribeLiveTrendbarReq, from the client; closed by ProtoOASubscribeLiveTrendbarRes."""
    PROTO_OA_UNSUBSCRIBE_LIVE_TRENDBAR_REQ = 2136
    """ProtoOAUnsubscribeLiveTrendbarReq, from the client; closed by ProtoOAUnsubscribeLiveTrendbarRes."""
    PROTO_OA_GET_TRENDBARS_REQ = 2137
    """ProtoOAGetTrendbarsReq, from the client; closed by ProtoOAGetTrendbarsRes."""
    PROTO_OA_GET_TRENDBARS_RES = 2138
    """ProtoOAGetTrendbarsRes, closing ProtoOAGetTrendbarsReq."""
    PROTO_OA_EXPECTED_MARGIN_REQ = 2139
    """ProtoOAExpectedMarginReq, from the client; closed by ProtoOAExpectedMarginRes."""
    PROTO_OA_EXPECTED_MARGIN_RES = 2140
    """ProtoOAExpectedMarginRes, closing ProtoOAExpectedMarginReq."""
    PROTO_OA_MARGIN_CHANGED_EVENT = 2141
    """ProtoOAMarginChangedEvent, pushed by the server."""
    PROTO_OA_ERROR_RES = 2142
    """ProtoOAErrorRes, refusing any request."""
    PROTO_OA_CASH_FLOW_HISTORY_LIST_REQ = 2143
    """ProtoOACashFlowHistoryListReq, from the client; closed by ProtoOACashFlowHistoryListRes."""
    PROTO_OA_CASH_FLOW_HISTORY_LIST_RES = 2144
    """ProtoOACashFlowHistoryListRes, closing ProtoOACashFlowHistoryListReq."""
    PROTO_OA_GET_TICKDATA_REQ = 2145
    """ProtoOAGetTickDataReq, from the client; closed by ProtoOAGetTickDataRes."""
    PROTO_OA_GET_TICKDATA_RES = 2146
    """ProtoOAGetTickDataRes, closing ProtoOAGetTickDataReq."""
    PROTO_OA_ACCOUNTS_TOKEN_INVALIDATED_EVENT = 2147
    """ProtoOAAccountsTokenInvalidatedEvent, pushed by the server."""
    PROTO_OA_CLIENT_DISCONNECT_EVENT = 2148
    """ProtoOAClientDisconnectEvent, pushed by the server."""
    PROTO_OA_GET_ACCOUNTS_BY_ACCESS_TOKEN_REQ = 2149
    """ProtoOAGetAccountListByAccessTokenReq, from the client; closed by ProtoOAGetAccountListByAccessTokenRes."""
    PROTO_OA_GET_ACCOUNTS_BY_ACCESS_TOKEN_RES = 2150
    """ProtoOAGetAccountListByAccessTokenRes, closing ProtoOAGetAccountListByAccessTokenReq."""
    PROTO_OA_GET_CTID_PROFILE_BY_TOKEN_REQ = 2151
    """ProtoOAGetCtidProfileByTokenReq, from the client; closed by ProtoOAGetCtidProfileByTokenRes."""
    PROTO_OA_GET_CTID_PROFILE_BY_TOKEN_RES = 2152
    """ProtoOAGetCtidProfileByTokenRes, closing ProtoOAGetCtidProfileByTokenReq."""
    PROTO_OA_ASSET_CLASS_LIST_REQ = 2153
    """ProtoOAAssetClassListReq, from the client; closed by ProtoOAAssetClassListRes."""
    PROTO_OA_ASSET_CLASS_LIST_RES = 2154
    """ProtoOAAssetClassListRes, closing ProtoOAAssetClassListReq."""
    PROTO_OA_DEPTH_EVENT = 2155
    """ProtoOADepthEvent, pushed by the server."""
    PROTO_OA_SUBSCRIBE_DEPTH_QUOTES_REQ = 2156
    """ProtoOASubscribeDepthQuotesReq, from the client; closed by ProtoOASubscribeDepthQuotesRes."""
    PROTO_OA_SUBSCRIBE_DEPTH_QUOTES_RES = 2157
    """ProtoOASubscribeDepthQuotesRes, closing ProtoOASubscribeDepthQuotesReq."""
    PROTO_OA_UNSUBSCRIBE_DEPTH_QUOTES_REQ = 2158
    """ProtoOAUnsubscribeDepthQuotesReq, from the client; closed by ProtoOAUnsubscribeDepthQuotesRes."""
    PROTO_OA_UNSUBSCRIBE_DEPTH_QUOTES_RES = 2159
    """ProtoOAUnsubscribeDepthQuotesRes, closing ProtoOAUnsubscribeDepthQuotesReq."""
    PROTO_OA_SYMBOL_CATEGORY_REQ = 2160
    """ProtoOASymbolCategoryListReq, from the client; closed by ProtoOASymbolCategoryListRes."""
    PROTO_OA_SYMBOL_CATEGORY_RES = 2161
    """ProtoOASymbolCategoryListRes, closing ProtoOASymbolCategoryListReq."""
    PROTO_OA_ACCOUNT_LOGOUT_REQ = 2162
    """ProtoOAAccountLogoutReq, from the client; closed by ProtoOAAccountLogoutRes."""
    PROTO_OA_ACCOUNT_LOGOUT_RES = 2163
    """ProtoOAAccountLogoutRes, closing ProtoOAAccountLogoutReq."""
    PROTO_OA_ACCOUNT_DISCONNECT_EVENT = 2164
    """ProtoOAAccountDisconnectEvent, pushed by the server."""
    PROTO_OA_SUBSCRIBE_LIVE_TRENDBAR_RES = 2165
    """ProtoOASubscribeLiveTrendbarRes, closing ProtoOASubscribeLiveTrendbarReq."""
    PROTO_OA_UNSUBSCRIBE_LIVE_TRENDBAR_RES = 2166
    """ProtoOAUnsubscribeLiveTrendbarRes, closing ProtoOAUnsubscribeLiveTrendbarReq."""
    PROTO_OA_MARGIN_CALL_LIST_REQ = 2167
    """ProtoOAMarginCallListReq, from the client; closed by ProtoOAMarginCallListRes."""
    PROTO_OA_MARGIN_CALL_LIST_RES = 2168
    """ProtoOAMarginCallListRes, closing ProtoOAMarginCallListReq."""
    PROTO_OA_MARGIN_CALL_UPDATE_REQ = 2169
    """ProtoOAMarginCallUpdateReq, from the client; closed by ProtoOAMarginCallUpdateRes."""
    PROTO_OA_MARGIN_CALL_UPDATE_RES = 2170
    """ProtoOAMarginCallUpdateRes, closing ProtoOAMarginCallUpdateReq."""
    PROTO_OA_MARGIN_CALL_UPDATE_EVENT = 2171
    """ProtoOAMarginCallUpdateEvent, pushed by the server."""
    PROTO_OA_MARGIN_CALL_TRIGGER_EVENT = 2172
    """ProtoOAMarginCallTriggerEvent, pushed by the server."""
    PROTO_OA_REFRESH_TOKEN_REQ = 2173
    """ProtoOARefreshTokenReq, from the client; closed by ProtoOARefreshTokenRes."""
    PROTO_OA_REFRESH_TOKEN_RES = 2174
    """ProtoOARefreshTokenRes, closing ProtoOARefreshTokenReq."""
    PROTO_OA_ORDER_LIST_REQ = 2175
    """ProtoOAOrderListReq, from the client; closed by ProtoOAOrderListRes."""
    PROTO_OA_ORDER_LIST_RES = 2176
    """ProtoOAOrderListRes, closing ProtoOAOrderListReq."""
    PROTO_OA_GET_DYNAMIC_LEVERAGE_REQ = 2177
    """ProtoOAGetDynamicLeverageByIDReq, from the client; closed by ProtoOAGetDynamicLeverageByIDRes."""
    PROTO_OA_GET_DYNAMIC_LEVERAGE_RES = 2178
    """ProtoOAGetDynamicLeverageByIDRes, closing ProtoOAGetDynamicLeverageByIDReq."""
    PROTO_OA_DEAL_LIST_BY_POSITION_ID_REQ = 2179
    """ProtoOADealListByPositionIdReq, from the client; closed by ProtoOADealListByPositionIdRes."""
    PROTO_OA_DEAL_LIST_BY_POSITION_ID_RES = 2180
    """ProtoOADealListByPositionIdRes, closing ProtoOADealListByPositionIdReq."""
    PROTO_OA_ORDER_DETAILS_REQ = 2181
    """ProtoOAOrderDetailsReq, from the client; closed by ProtoOAOrderDetailsRes."""
    PROTO_OA_ORDER_DETAILS_RES = 2182
    """ProtoOAOrderDetailsRes, closing ProtoOAOrderDetailsReq."""
    PROTO_OA_ORDER_LIST_BY_POSITION_ID_REQ = 2183
    """ProtoOAOrderListByPositionIdReq, from the client; closed by ProtoOAOrderListByPositionIdRes."""
    PROTO_OA_ORDER_LIST_BY_POSITION_ID_RES = 2184
    """ProtoOAOrderListByPositionIdRes, closing ProtoOAOrderListByPositionIdReq."""
    PROTO_OA_DEAL_OFFSET_LIST_REQ = 2185
    """ProtoOADealOffsetListReq, from the client; closed by ProtoOADealOffsetListRes."""
    PROTO_OA_DEAL_OFFSET_LIST_RES = 2186
    """ProtoOADealOffsetListRes, closing ProtoOADealOffsetListReq."""
    PROTO_OA_GET_POSITION_UNREALIZED_PNL_REQ = 2187
    """ProtoOAGetPositionUnrealizedPnLReq, from the client; closed by ProtoOAGetPositionUnrealizedPnLRes."""
    PROTO_OA_GET_POSITION_UNREALIZED_PNL_RES = 2188
    """ProtoOAGetPositionUnrealizedPnLRes, closing ProtoOAGetPositionUnrealizedPnLReq."""

class ProtoOADayOfWeek(IntEnum):
    """Days as swap settings name them."""

    NONE = 0
    """No day: the setting does not apply."""
    MONDAY = 1
    """1, as in ISO 8601."""
    TUESDAY = 2
    """2, as in ISO 8601."""
    WEDNESDAY = 3
    """3, as in ISO 8601; the usual day of the triple swap."""
    THURSDAY = 4
    """4, as in ISO 8601."""
    FRIDAY = 5
    """5, as in ISO 8601."""
    SATURDAY = 6
    """6, as in ISO 8601."""
    SUNDAY = 7
    """7, as in ISO 8601; not 0."""

class ProtoOACommissionType(IntEnum):
    """What the commission rate of a symbol is multiplied with."""

    USD_PER_MILLION_USD = 1
    """US dollars for each million US dollars traded."""
    USD_PER_LOT = 2
    """US dollars for each lot."""
    PERCENTAGE_OF_VALUE = 3
    """A percentage of the trade's value."""
    QUOTE_CCY_PER_LOT = 4
    """Units of the quote asset for each lot."""

class ProtoOASymbolDistanceType(IntEnum):
    """The unit of the least distances for protective levels."""

    SYMBOL_DISTANCE_IN_POINTS = 1
    """Points: one is 10^-digits of the price."""
    SYMBOL_DISTANCE_IN_PERCENTAGE = 2
    """A percentage of the price (its scale is unconfirmed)."""

class ProtoOAMinCommissionType(IntEnum):
    """Which asset the least commission of a trade is stated in."""

    CURRENCY = 1
    """The one named by minCommissionAsset."""
    QUOTE_CURRENCY = 2
    """The quote asset of the symbol."""

class ProtoOATradingMode(IntEnum):
    """What may be done with a symbol."""

    ENABLED = 0
    """Everything."""
    DISABLED_WITHOUT_PENDINGS_EXECUTION = 1
    """Nothing, and pending orders are not executed either."""
    DISABLED_WITH_PENDINGS_EXECUTION = 2
    """No new orders; pending ones that stand are still executed."""
    CLOSE_ONLY_MODE = 3
    """Only closing what is open."""

class ProtoOASwapCalculationType(IntEnum):
    """The unit of swapLong and swapShort."""

    PIPS = 0
    """Pips: one is 10^-pipPosition of the price."""
    PERCENTAGE = 1
    """Percent of the position's value, for a year."""
    POINTS = 2
    """Points: one is 10^-digits of the price."""

class ProtoOAAccessRights(IntEnum):
    """What the holder of an account may do."""

    FULL_ACCESS = 0
    """Everything."""
    CLOSE_ONLY = 1
    """Only closing what is open."""
    NO_TRADING = 2
    """Looking, no trading."""
    NO_LOGIN = 3
    """Nothing: authorising the account is refused."""

class ProtoOATotalMarginCalculationType(IntEnum):
    """How the margins of the two sides of a hedged symbol make up the total."""

    MAX = 0
    """The larger of the two."""
    SUM = 1
    """Both together."""
    NET = 2
    """The difference of the two."""

class ProtoOAAccountType(IntEnum):
    """How fills become positions."""

    HEDGED = 0
    """Each order opens its own position, so both sides can stand at once."""
    NETTED = 1
    """One position for each symbol; fills are merged into it."""
    SPREAD_BETTING = 2
    """A spread-betting account (how its positions merge is unconfirmed)."""

class ProtoOAPositionStatus(IntEnum):
    """The stage of a position. Not enough to tell that one was closed: see ProtoOAPosition.positionStatus."""

    POSITION_STATUS_OPEN = 1
    """Holds volume."""
    POSITION_STATUS_CLOSED = 2
    """Over; also when its pending order was cancelled before it ever opened."""
    POSITION_STATUS_CREATED = 3
    """A placeholder with volume 0: its order is not filled yet. Observed also on the fill that closes a position with
    protective levels.
    """
    POSITION_STATUS_ERROR = 4
    """The server could not create it."""

class ProtoOATradeSide(IntEnum):
    """The direction of an order, a deal or a position."""

    BUY = 1
    """Long: bought at the ask, closed at the bid."""
    SELL = 2
    """Short: sold at the bid, closed at the ask."""

class ProtoOAOrderType(IntEnum):
    """The kinds of orders, and the prices that each needs."""

    MARKET = 1
    """Filled at once at the best price. Takes protective levels only as distances (relativeStopLoss,
    relativeTakeProfit).
    """
    LIMIT = 2
    """Waits for limitPrice or better."""
    STOP = 3
    """Waits until stopPrice is reached, then is filled at the market."""
    STOP_LOSS_TAKE_PROFIT = 4
    """Made by the server to carry a position's protective levels: the stop loss in stopPrice, the take profit in
    limitPrice. It cannot be placed.
    """
    MARKET_RANGE = 5
    """Filled at once, but not worse than slippageInPoints from baseSlippagePrice."""
    STOP_LIMIT = 6
    """Waits for stopPrice, then is a limit order slippageInPoints away from it; it has no limitPrice."""

class ProtoOATimeInForce(IntEnum):
    """How long an order stands."""

    GOOD_TILL_DATE = 1
    """Until expirationTimestamp, which it needs."""
    GOOD_TILL_CANCEL = 2
    """Until it is filled or cancelled; what NewOrderReq means by default, and what protective orders have."""
    IMMEDIATE_OR_CANCEL = 3
    """What cannot be filled at once is cancelled; what market orders are stored with. A LIMIT order with it was
    observed to rest nevertheless.
    """
    FILL_OR_KILL = 4
    """All of it at once, or nothing."""
    MARKET_ON_OPEN = 5
    """At the next opening of the market."""

class ProtoOAOrderStatus(IntEnum):
    """The stage of an order."""

    ORDER_STATUS_ACCEPTED = 1
    """Stands, or is being executed; a partly filled order is still here, with its executedVolume."""
    ORDER_STATUS_FILLED = 2
    """Executed in full."""
    ORDER_STATUS_REJECTED = 3
    """Refused in execution."""
    ORDER_STATUS_EXPIRED = 4
    """Its expirationTimestamp passed."""
    ORDER_STATUS_CANCELLED = 5
    """Taken back, by a client or the server; it may have been filled in part before."""

class ProtoOAOrderTriggerMethod(IntEnum):
    """Which quotes trigger a stop."""

    TRADE = 1
    """The side it will trade at: ask for a buy, bid for a sell."""
    OPPOSITE = 2
    """The other side: bid for a buy, ask for a sell."""
    DOUBLE_TRADE = 3
    """As TRADE, but two quotes in a row have to reach the price."""
    DOUBLE_OPPOSITE = 4
    """As OPPOSITE, but two quotes in a row have to reach the price."""

class ProtoOAExecutionType(IntEnum):
    """What happened, in a ProtoOAExecutionEvent."""

    ORDER_ACCEPTED = 2
    """An order stands. The first answer to any new order, also to a market order, whose fill is a further event."""
    ORDER_FILLED = 3
    """An order was executed in full (or what remained of it); `deal` has the fill."""
    ORDER_REPLACED = 4
    """An order, or the protective order of a position, was changed."""
    ORDER_CANCELLED = 5
    """An order was taken back, by a client or, for protective orders, by the server."""
    ORDER_EXPIRED = 6
    """A pending order reached its expirationTimestamp."""
    ORDER_REJECTED = 7
    """An order was refused in execution; errorCode says why."""
    ORDER_CANCEL_REJECTED = 8
    """A cancellation came too late, as a rule because the order had been filled."""
    SWAP = 9
    """Swap was charged or credited to a position."""
    DEPOSIT_WITHDRAW = 10
    """The balance changed other than by trading; `depositWithdraw` has it, `order` is absent."""
    ORDER_PARTIAL_FILL = 11
    """A part of an order was executed; executedVolume counts all parts so far."""
    BONUS_DEPOSIT_WITHDRAW = 12
    """The bonus changed; `bonusDepositWithdraw` has it."""

class ProtoOAChangeBonusType(IntEnum):
    """The direction of a change of the bonus."""

    BONUS_DEPOSIT = 0
    """Credit to the bonus."""
    BONUS_WITHDRAW = 1
    """Debit from the bonus."""

class ProtoOAChangeBalanceType(IntEnum):
    """Why the balance changed other than by trading. DEPOSIT raises it, WITHDRAW lowers it."""

    BALANCE_DEPOSIT = 0
    """Money paid in."""
    BALANCE_WITHDRAW = 1
    """Money paid out."""
    BALANCE_DEPOSIT_STRATEGY_COMMISSION_INNER = 3
    """Copy-trading commission received within the same broker."""
    BALANCE_WITHDRAW_STRATEGY_COMMISSION_INNER = 4
    """Copy-trading commission paid within the same broker."""
    BALANCE_DEPOSIT_IB_COMMISSIONS = 5
    """Commission received as an introducing broker."""
    BALANCE_WITHDRAW_IB_SHARED_PERCENTAGE = 6
    """Share of the commission passed on by an introducing broker."""
    BALANCE_DEPOSIT_IB_SHARED_PERCENTAGE_FROM_SUB_IB = 7
    """Share received from an introducing broker below."""
    BALANCE_DEPOSIT_IB_SHARED_PERCENTAGE_FROM_BROKER = 8
    """Share received by an introducing broker from the broker."""
    BALANCE_DEPOSIT_REBATE = 9
    """Part of the trading costs given back."""
    BALANCE_WITHDRAW_REBATE = 10
    """A rebate taken from the account that grants it."""
    BALANCE_DEPOSIT_STRATEGY_COMMISSION_OUTER = 11
    """Copy-trading commission received from another broker."""
    BALANCE_WITHDRAW_STRATEGY_COMMISSION_OUTER = 12
    """Copy-trading commission paid to another broker."""
    BALANCE_WITHDRAW_BONUS_COMPENSATION = 13
    """Taken to make up for a bonus."""
    BALANCE_WITHDRAW_IB_SHARED_PERCENTAGE_TO_BROKER = 14
    """Share of an introducing broker's commission passed to the broker."""
    BALANCE_DEPOSIT_DIVIDENDS = 15
    """Dividend on a long position."""
    BALANCE_WITHDRAW_DIVIDENDS = 16
    """Dividend owed on a short position."""
    BALANCE_WITHDRAW_GSL_CHARGE = 17
    """Price of a guaranteed stop loss."""
    BALANCE_WITHDRAW_ROLLOVER = 18
    """Charge of a swap-free account for holding overnight."""
    BALANCE_DEPOSIT_NONWITHDRAWABLE_BONUS = 19
    """Bonus credited to the balance that cannot be paid out."""
    BALANCE_WITHDRAW_NONWITHDRAWABLE_BONUS = 20
    """Such a bonus taken back."""
    BALANCE_DEPOSIT_SWAP = 21
    """Swap credited."""
    BALANCE_WITHDRAW_SWAP = 22
    """Swap charged."""
    BALANCE_DEPOSIT_MANAGEMENT_FEE = 27
    """Management fee received by a strategy provider."""
    BALANCE_WITHDRAW_MANAGEMENT_FEE = 28
    """Management fee paid to a strategy provider."""
    BALANCE_DEPOSIT_PERFORMANCE_FEE = 29
    """Performance fee received by a strategy provider."""
    BALANCE_WITHDRAW_FOR_SUBACCOUNT = 30
    """Moved out to make a subaccount."""
    BALANCE_DEPOSIT_TO_SUBACCOUNT = 31
    """Received by a subaccount from its main account."""
    BALANCE_WITHDRAW_FROM_SUBACCOUNT = 32
    """Moved out of a subaccount to its main account."""
    BALANCE_DEPOSIT_FROM_SUBACCOUNT = 33
    """Received by the main account from a subaccount."""
    BALANCE_WITHDRAW_COPY_FEE = 34
    """Fee paid for copying."""
    BALANCE_WITHDRAW_INACTIVITY_FEE = 35
    """Fee for an account that was not used."""
    BALANCE_DEPOSIT_TRANSFER = 36
    """Received from another account of the same holder."""
    BALANCE_WITHDRAW_TRANSFER = 37
    """Moved to another account of the same holder."""
    BALANCE_DEPOSIT_CONVERTED_BONUS = 38
    """Bonus that became money."""
    BALANCE_DEPOSIT_NEGATIVE_BALANCE_PROTECTION = 39
    """Raised back to zero by the broker after it had gone below."""

class ProtoOADealStatus(IntEnum):
    """The outcome of one execution."""

    FILLED = 2
    """All of the deal's volume was executed."""
    PARTIALLY_FILLED = 3
    """filledVolume, less than volume, was executed."""
    REJECTED = 4
    """The liquidity provider refused."""
    INTERNALLY_REJECTED = 5
    """The server refused before asking a liquidity provider."""
    ERROR = 6
    """The liquidity provider refused because something went wrong."""
    MISSED = 7
    """The liquidity provider did not answer in time."""

class ProtoOATrendbarPeriod(IntEnum):
    """The length of a bar.

    M1 to H1 begin on multiples of their length in UTC; H4 and longer do not, the trading day begins at 17:00 in New
    York (observed).
    """

    M1 = 1
    """1 minute."""
    M2 = 2
    """2 minutes."""
    M3 = 3
    """3 minutes."""
    M4 = 4
    """4 minutes."""
    M5 = 5
    """5 minutes."""
    M10 = 6
    """10 minutes."""
    M15 = 7
    """15 minutes."""
    M30 = 8
    """30 minutes."""
    H1 = 9
    """1 hour."""
    H4 = 10
    """4 hours, counted from the beginning of the trading day."""
    H12 = 11
    """12 hours, counted from the beginning of the trading day."""
    D1 = 12
    """1 trading day, from 21:00 or 22:00 UTC."""
    W1 = 13
    """1 calendar week."""
    MN1 = 14
    """1 calendar month."""

class ProtoOAQuoteType(IntEnum):
    """A side of the market."""

    BID = 1
    """What a sell gets."""
    ASK = 2
    """What a buy pays."""

class ProtoOAClientPermissionScope(IntEnum):
    """What an access token allows."""

    SCOPE_VIEW = 0
    """Reading only; consent was asked with scope=accounts."""
    SCOPE_TRADE = 1
    """Reading and trading; consent was asked with scope=trading."""

class ProtoOANotificationType(IntEnum):
    """The three margin call thresholds of an account."""

    MARGIN_LEVEL_THRESHOLD_1 = 61
    """The first of them."""
    MARGIN_LEVEL_THRESHOLD_2 = 62
    """The second of them."""
    MARGIN_LEVEL_THRESHOLD_3 = 63
    """The third of them."""

class ProtoOAErrorCode(IntEnum):
    """Error codes of the Open API layer.

    On the wire a code is its name, as a string, and strings from neither this list nor ProtoErrorCode occur: do not
    refuse an unknown one.
    """

    OA_AUTH_TOKEN_EXPIRED = 1
    """The access token's time is over: refresh it."""
    ACCOUNT_NOT_AUTHORIZED = 2
    """The account has no session on this connection, or has lost it."""
    RET_NO_SUCH_LOGIN = 12
    """No account with that login."""
    ALREADY_LOGGED_IN = 14
    """The account already has a session on this connection; as good as success."""
    RET_ACCOUNT_DISABLED = 64
    """The broker has switched the account off."""
    CH_CLIENT_AUTH_FAILURE = 101
    """Wrong client id or secret. The server then closes the connection (observed)."""
    CH_CLIENT_NOT_AUTHENTICATED = 102
    """A request came before the application was authorised, or after its session was lost."""
    CH_CLIENT_ALREADY_AUTHENTICATED = 103
    """The application is already authorised on this connection; as good as success."""
    CH_ACCESS_TOKEN_INVALID = 104
    """The token is unknown or used up; observed also for a refresh token used a second time."""
    CH_SERVER_NOT_REACHABLE = 105
    """The broker's server is away; worth another try."""
    CH_CTID_TRADER_ACCOUNT_NOT_FOUND = 106
    """The token's owner has no such account."""
    CH_OA_CLIENT_NOT_FOUND = 107
    """No application with that client id."""
    REQUEST_FREQUENCY_EXCEEDED = 108
    """More requests a second than allowed; the connection stays."""
    SERVER_IS_UNDER_MAINTENANCE = 109
    """Back at maintenanceEndTimestamp."""
    CHANNEL_IS_BLOCKED = 110
    """The server refuses this connection."""
    CONNECTIONS_LIMIT_EXCEEDED = 67
    """The application has too many connections open; the limit is not published."""
    WORSE_GSL_NOT_ALLOWED = 68
    """A guaranteed stop loss may not be moved further away."""
    SYMBOL_HAS_HOLIDAY = 69
    """The symbol is not traded today."""
    NOT_SUBSCRIBED_TO_SPOTS = 112
    """Live trendbars need a subscription to spots first. INVALID_REQUEST is what was observed."""
    ALREADY_SUBSCRIBED = 113
    """Subscribing twice is an error here; the first subscription stands."""
    SYMBOL_NOT_FOUND = 114
    """No symbol with that id at this broker."""
    UNKNOWN_SYMBOL = 115
    """As SYMBOL_NOT_FOUND, from another part of the server."""
    INCORRECT_BOUNDARIES = 35
    """The bounds of a period are the wrong way round, or too far apart."""
    NO_QUOTES = 117
    """The symbol has no price to trade at."""
    NOT_ENOUGH_MONEY = 118
    """The free margin does not cover it."""
    MAX_EXPOSURE_REACHED = 119
    """The symbol's maxExposure would be exceeded."""
    POSITION_NOT_FOUND = 120
    """No position with that id, or no longer."""
    ORDER_NOT_FOUND = 121
    """No order with that id, or no longer: it may just have been filled."""
    POSITION_NOT_OPEN = 122
    """The position is a placeholder, or closed."""
    POSITION_LOCKED = 123
    """Another operation on the position is under way."""
    TOO_MANY_POSITIONS = 124
    """The account may not hold more positions."""
    TRADING_BAD_VOLUME = 125
    """Below minVolume, above maxVolume, or not a multiple of stepVolume."""
    TRADING_BAD_STOPS = 126
    """A protective level is on the wrong side of the market."""
    TRADING_BAD_PRICES = 127
    """A price of the order makes no sense for its type or the market."""
    TRADING_BAD_STAKE = 128
    """The stake of a spread bet is out of range."""
    PROTECTION_IS_TOO_CLOSE_TO_MARKET = 129
    """A protective level is nearer than the symbol's slDistance or tpDistance."""
    TRADING_BAD_EXPIRATION_DATE = 130
    """expirationTimestamp is past, or missing for GOOD_TILL_DATE."""
    PENDING_EXECUTION = 131
    """The order is being executed and cannot be touched."""
    TRADING_DISABLED = 132
    """Trading is switched off for the symbol."""
    TRADING_NOT_ALLOWED = 133
    """The account or the token may not trade."""
    UNABLE_TO_CANCEL_ORDER = 134
    """The order cannot be taken back in its present state."""
    UNABLE_TO_AMEND_ORDER = 135
    """The order cannot be changed in its present state."""
    SHORT_SELLING_NOT_ALLOWED = 136
    """The symbol cannot be sold short."""

class ProtoOALimitedRiskMarginCalculationStrategy(IntEnum):
    """How the margin of a limited-risk account is worked out."""

    ACCORDING_TO_LEVERAGE = 0
    """From the leverage, as on any account."""
    ACCORDING_TO_GSL = 1
    """From what can be lost: (entry price − guaranteed stop loss) × volume, in the deposit asset."""
    ACCORDING_TO_GSL_AND_LEVERAGE = 2
    """From both; how they are joined is unconfirmed."""

class ProtoOAStopOutStrategy(IntEnum):
    """Which position is closed first in a stop-out."""

    MOST_MARGIN_USED_FIRST = 0
    """The one that uses the most margin."""
    MOST_LOSING_FIRST = 1
    """The one with the greatest loss."""

class ProtoMessage(Message):
    """The envelope: every frame on the wire is one of these."""

    DESCRIPTOR: Descriptor
    payloadType: int
    """Which message `payload` holds, a ProtoPayloadType or a ProtoOAPayloadType. Types that the schema does not know
    occur.
    """
    payload: bytes
    """The message, serialised. Empty or absent for a message without fields, such as ProtoHeartbeatEvent."""
    clientMsgId: str
    """Chosen by the client and returned in what the request causes, events included. Absent in what nobody asked for;
    an id one never sent is another client's.
    """
    def __init__(
        self, *, payloadType: int | None = None, payload: bytes | None = None, clientMsgId: str | None = None
    ) -> None: ...
    def HasField(self, field_name: Literal["payloadType", "payload", "clientMsgId"]) -> bool: ...
    def ClearField(self, field_name: Literal["payloadType", "payload", "clientMsgId"]) -> None: ...

class ProtoErrorRes(Message):
    """The refusal of a message below the Open API layer: unknown, malformed, too long, or during maintenance.

    A request with a clientMsgId is closed by it; ProtoOAErrorRes is the commoner of the two.
    """

    DESCRIPTOR: Descriptor
    payloadType: int
    """Always 50. The server leaves it out; go by the type in the envelope."""
    errorCode: str
    """The name of a ProtoErrorCode as a rule; any string can occur."""
    description: str
    """What was wrong, for people to read; absent if the code says it all."""
    maintenanceEndTimestamp: int
    """When the maintenance is expected to end, milliseconds since the epoch, UTC (ProtoOAErrorRes has seconds). Absent
    outside maintenance.
    """
    def __init__(
        self,
        *,
        payloadType: ProtoPayloadType | int | str | None = None,
        errorCode: str | None = None,
        description: str | None = None,
        maintenanceEndTimestamp: int | None = None,
    ) -> None: ...
    def HasField(
        self, field_name: Literal["payloadType", "errorCode", "description", "maintenanceEndTimestamp"]
    ) -> bool: ...
    def ClearField(
        self, field_name: Literal["payloadType", "errorCode", "description", "maintenanceEndTimestamp"]
    ) -> None: ...

class ProtoHeartbeatEvent(Message):
    """Keeps an idle connection open.

    A client sends one after at most 10 seconds without sending anything else; the server sends its own (observed: every
    25 to 30 seconds when idle). Neither is answered.
    """

    DESCRIPTOR: Descriptor
    payloadType: int
    """Always 51. The server leaves it out; go by the type in the envelope."""
    def __init__(self, *, payloadType: ProtoPayloadType | int | str | None = None) -> None: ...
    def HasField(self, field_name: Literal["payloadType"]) -> bool: ...
    def ClearField(self, field_name: Literal["payloadType"]) -> None: ...

class ProtoOAAsset(Message):
    """Something that is held, bought or paid in: a currency, a metal, a share."""

    DESCRIPTOR: Descriptor
    assetId: int
    """Valid at this broker; other brokers number theirs differently."""
    name: str
    """The short one, "EUR"."""
    displayName: str
    """The one for people; absent if the broker set none."""
    digits: int
    """Decimals its amounts are shown with; absent if the broker set none."""
    def __init__(
        self,
        *,
        assetId: int | None = None,
        name: str | None = None,
        displayName: str | None = None,
        digits: int | None = None,
    ) -> None: ...
    def HasField(self, field_name: Literal["assetId", "name", "displayName", "digits"]) -> bool: ...
    def ClearField(self, field_name: Literal["assetId", "name", "displayName", "digits"]) -> None: ...

class ProtoOASymbol(Message):
    """Everything about a symbol that trading needs.

    The list of symbols has only ProtoOALightSymbol; the server adds fields that the schema does not know.
    """

    DESCRIPTOR: Descriptor
    symbolId: int
    """Valid at this broker; other brokers number theirs differently."""
    digits: int
    """Decimals of the price; a point is 10^-digits."""
    pipPosition: int
    """A pip is 10^-pipPosition of the price: 4 for EURUSD, 0 for XAUUSD with 2 digits."""
    enableShortSelling: bool
    """Whether selling without holding is allowed; absent reads as false."""
    guaranteedStopLoss: bool
    """Whether guaranteed stop losses are offered; absent reads as false."""
    swapRollover3Days: int
    """The day on which the swap of the weekend is charged with that day's: three in one."""
    swapLong: float
    """Swap of a long position for one swapPeriod, in the unit of swapCalculationType; negative is a charge. Absent if
    there is none.
    """
    swapShort: float
    """Swap of a short position for one swapPeriod, in the unit of swapCalculationType; negative is a charge. Absent if
    there is none.
    """
    maxVolume: int
    """The most for one order, in hundredths of a unit; absent if the broker set none."""
    minVolume: int
    """The least for one order, in hundredths of a unit; absent if the broker set none."""
    stepVolume: int
    """A volume is a multiple of this, in hundredths of a unit; else TRADING_BAD_VOLUME. Absent if the broker set none.
    """
    maxExposure: int
    """The most that an account may hold net, in hundredths of a unit; absent if there is no limit."""
    @property
    def schedule(self) -> RepeatedCompositeFieldContainer[ProtoOAInterval]:
        """The trading hours of a week, in scheduleTimeZone; empty if the broker set none."""

    commission: int
    """Deprecated: use preciseTradingCommissionRate, which has more decimals. Absent if that is sent instead."""
    commissionType: int
    """What preciseTradingCommissionRate is multiplied with."""
    slDistance: int
    """The least distance of a stop loss from the market, in the unit of distanceSetIn; absent if there is none."""
    tpDistance: int
    """The least distance of a take profit from the market, in the unit of distanceSetIn; absent if there is none."""
    gslDistance: int
    """The least distance of a guaranteed stop loss from the market, in the unit of distanceSetIn; absent if there is
    none.
    """
    gslCharge: int
    """The price of a guaranteed stop loss; absent if these are not offered (its unit is unconfirmed)."""
    distanceSetIn: int
    """The unit of slDistance, tpDistance and gslDistance."""
    minCommission: int
    """Deprecated: use preciseMinCommission, which has more decimals. Absent if that is sent instead."""
    minCommissionType: int
    """Which asset the least commission is in."""
    minCommissionAsset: str
    """The name of the asset of the least commission, where minCommissionType is CURRENCY."""
    rolloverCommission: int
    """What a swap-free account pays instead of swap: US dollars for a lot and a day. Absent if nothing."""
    skipRolloverDays: int
    """Days that a swap-free account holds a position before rolloverCommission is charged; absent if it is from the
    first.
    """
    scheduleTimeZone: str
    """The IANA name of the zone of `schedule`, "Europe/Moscow"; absent if there is no schedule."""
    tradingMode: int
    """What may be done with the symbol now."""
    rolloverCommission3Days: int
    """The day on which rolloverCommission is charged three times, for the weekend."""
    swapCalculationType: int
    """The unit of swapLong and swapShort."""
    lotSize: int
    """One lot, in hundredths of a unit: EURUSD 10 000 000, XAUUSD 10 000 (100 oz). Absent if the broker set none."""
    preciseTradingCommissionRate: int
    """The commission × 10^8, or × 10^5 where commissionType is PERCENTAGE_OF_VALUE; absent if there is none."""
    preciseMinCommission: int
    """The least commission of a trade × 10^8, in minCommissionAsset; absent if there is none."""
    @property
    def holiday(self) -> RepeatedCompositeFieldContainer[ProtoOAHoliday]:
        """The days on which the schedule does not hold; empty if none are known."""

    pnlConversionFeeRate: int
    """The fee for converting a result from the quote to the deposit asset, in hundredths of a percent of it: 70 is
    0.7%. Absent if there is none.
    """
    leverageId: int
    """The table of tiers to ask for with ProtoOAGetDynamicLeverageByIDReq; absent if the symbol has no leverage of its
    own.
    """
    swapPeriod: int
    """Hours from one swap charge to the next; absent means a day (unconfirmed)."""
    swapTime: int
    """When swap is charged, in minutes since 00:00 UTC; absent if the broker set none."""
    skipSWAPPeriods: int
    """Swap periods that a position is held before the first charge; absent means none."""
    chargeSwapAtWeekends: bool
    """Whether swap is charged on Saturday and Sunday too; absent reads as false."""
    measurementUnits: str
    """What a unit of volume is, for display ("oz", "barrels"); absent for currencies."""
    def __init__(
        self,
        *,
        symbolId: int | None = None,
        digits: int | None = None,
        pipPosition: int | None = None,
        enableShortSelling: bool | None = None,
        guaranteedStopLoss: bool | None = None,
        swapRollover3Days: ProtoOADayOfWeek | int | str | None = None,
        swapLong: float | None = None,
        swapShort: float | None = None,
        maxVolume: int | None = None,
        minVolume: int | None = None,
        stepVolume: int | None = None,
        maxExposure: int | None = None,
        schedule: Iterable[ProtoOAInterval] | None = None,
        commission: int | None = None,
        commissionType: ProtoOACommissionType | int | str | None = None,
        slDistance: int | None = None,
        tpDistance: int | None = None,
        gslDistance: int | None = None,
        gslCharge: int | None = None,
        distanceSetIn: ProtoOASymbolDistanceType | int | str | None = None,
        minCommission: int | None = None,
        minCommissionType: ProtoOAMinCommissionType | int | str | None = None,
        minCommissionAsset: str | None = None,
        rolloverCommission: int | None = None,
        skipRolloverDays: int | None = None,
        scheduleTimeZone: str | None = None,
        tradingMode: ProtoOATradingMode | int | str | None = None,
        rolloverCommission3Days: ProtoOADayOfWeek | int | str | None = None,
        swapCalculationType: ProtoOASwapCalculationType | int | str | None = None,
        lotSize: int | None = None,
        preciseTradingCommissionRate: int | None = None,
        preciseMinCommission: int | None = None,
        holiday: Iterable[ProtoOAHoliday] | None = None,
        pnlConversionFeeRate: int | None = None,
        leverageId: int | None = None,
        swapPeriod: int | None = None,
        swapTime: int | None = None,
        skipSWAPPeriods: int | None = None,
        chargeSwapAtWeekends: bool | None = None,
        measurementUnits: str | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "symbolId",
            "digits",
            "pipPosition",
            "enableShortSelling",
            "guaranteedStopLoss",
            "swapRollover3Days",
            "swapLong",
            "swapShort",
            "maxVolume",
            "minVolume",
            "stepVolume",
            "maxExposure",
            "commission",
            "commissionType",
            "slDistance",
            "tpDistance",
            "gslDistance",
            "gslCharge",
            "distanceSetIn",
            "minCommission",
            "minCommissionType",
            "minCommissionAsset",
            "rolloverCommission",
            "skipRolloverDays",
            "scheduleTimeZone",
            "tradingMode",
            "rolloverCommission3Days",
            "swapCalculationType",
            "lotSize",
            "preciseTradingCommissionRate",
            "preciseMinCommission",
            "pnlConversionFeeRate",
            "leverageId",
            "swapPeriod",
            "swapTime",
            "skipSWAPPeriods",
            "chargeSwapAtWeekends",
            "measurementUnits",
        ],
    ) -> bool: ...
    def ClearField(
        self,
        field_name: Literal[
            "symbolId",
            "digits",
            "pipPosition",
            "enableShortSelling",
            "guaranteedStopLoss",
            "swapRollover3Days",
            "swapLong",
            "swapShort",
            "maxVolume",
            "minVolume",
            "stepVolume",
            "maxExposure",
            "schedule",
            "commission",
            "commissionType",
            "slDistance",
            "tpDistance",
            "gslDistance",
            "gslCharge",
            "distanceSetIn",
            "minCommission",
            "minCommissionType",
            "minCommissionAsset",
            "rolloverCommission",
            "skipRolloverDays",
            "scheduleTimeZone",
            "tradingMode",
            "rolloverCommission3Days",
            "swapCalculationType",
            "lotSize",
            "preciseTradingCommissionRate",
            "preciseMinCommission",
            "holiday",
            "pnlConversionFeeRate",
            "leverageId",
            "swapPeriod",
            "swapTime",
            "skipSWAPPeriods",
            "chargeSwapAtWeekends",
            "measurementUnits",
        ],
    ) -> None: ...

class ProtoOALightSymbol(Message):
    """A symbol as the list has it: enough to find it by name. What trading needs is in ProtoOASymbol."""

    DESCRIPTOR: Descriptor
    symbolId: int
    """Ask ProtoOASymbolByIdReq with it; other brokers number theirs differently."""
    symbolName: str
    """As this broker writes it: "EURUSD", "GER40.cash". Absent is not expected."""
    enabled: bool
    """Whether the broker shows the symbol to this account; the list has the others as well. Absent reads as false."""
    baseAssetId: int
    """What is bought and sold; volume is counted in it. Absent is not expected."""
    quoteAssetId: int
    """What it is paid in; prices and profit are in it. Absent is not expected."""
    symbolCategoryId: int
    """A ProtoOASymbolCategory; absent if the broker sorted it nowhere."""
    description: str
    """A longer name for people; absent if the broker set none."""
    sortingNumber: float
    """Its place within the category, ascending; absent if the broker set none."""
    def __init__(
        self,
        *,
        symbolId: int | None = None,
        symbolName: str | None = None,
        enabled: bool | None = None,
        baseAssetId: int | None = None,
        quoteAssetId: int | None = None,
        symbolCategoryId: int | None = None,
        description: str | None = None,
        sortingNumber: float | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "symbolId",
            "symbolName",
            "enabled",
            "baseAssetId",
            "quoteAssetId",
            "symbolCategoryId",
            "description",
            "sortingNumber",
        ],
    ) -> bool: ...
    def ClearField(
        self,
        field_name: Literal[
            "symbolId",
            "symbolName",
            "enabled",
            "baseAssetId",
            "quoteAssetId",
            "symbolCategoryId",
            "description",
            "sortingNumber",
        ],
    ) -> None: ...

class ProtoOAArchivedSymbol(Message):
    """A symbol that is traded no longer, for reading old deals."""

    DESCRIPTOR: Descriptor
    symbolId: int
    """What old orders and deals name it by."""
    name: str
    """What it was called when it was still traded."""
    utcLastUpdateTimestamp: int
    """When it was last changed, milliseconds since the epoch, UTC."""
    description: str
    """A longer name for people; absent if there was none."""
    def __init__(
        self,
        *,
        symbolId: int | None = None,
        name: str | None = None,
        utcLastUpdateTimestamp: int | None = None,
        description: str | None = None,
    ) -> None: ...
    def HasField(self, field_name: Literal["symbolId", "name", "utcLastUpdateTimestamp", "description"]) -> bool: ...
    def ClearField(self, field_name: Literal["symbolId", "name", "utcLastUpdateTimestamp", "description"]) -> None: ...

class ProtoOASymbolCategory(Message):
    """A group of symbols within an asset class, for display."""

    DESCRIPTOR: Descriptor
    id: int
    """What ProtoOALightSymbol.symbolCategoryId points to."""
    assetClassId: int
    """The ProtoOAAssetClass that it is a part of."""
    name: str
    """For people: "Majors"."""
    sortingNumber: float
    """Its place among the categories, ascending; absent if the broker set none."""
    def __init__(
        self,
        *,
        id: int | None = None,
        assetClassId: int | None = None,
        name: str | None = None,
        sortingNumber: float | None = None,
    ) -> None: ...
    def HasField(self, field_name: Literal["id", "assetClassId", "name", "sortingNumber"]) -> bool: ...
    def ClearField(self, field_name: Literal["id", "assetClassId", "name", "sortingNumber"]) -> None: ...

class ProtoOAInterval(Message):
    """A span of trading hours within a week."""

    DESCRIPTOR: Descriptor
    startSecond: int
    """Seconds since Sunday 00:00 in the symbol's scheduleTimeZone."""
    endSecond: int
    """Where the span ends, in seconds since that same Sunday 00:00."""
    def __init__(self, *, startSecond: int | None = None, endSecond: int | None = None) -> None: ...
    def HasField(self, field_name: Literal["startSecond", "endSecond"]) -> bool: ...
    def ClearField(self, field_name: Literal["startSecond", "endSecond"]) -> None: ...

class ProtoOATrader(Message):
    """An account: its balance and the rules it trades under.

    Equity is not told: it is the balance and the net result of what is open.
    """

    DESCRIPTOR: Descriptor
    ctidTraderAccountId: int
    """What requests name the account by."""
    balance: int
    """Money × 10^moneyDigits, in the deposit asset; without what open positions stand at."""
    balanceVersion: int
    """Rises by one with each change of the balance: of two balances the one with the higher version is the later.
    Absent before the first change (unconfirmed).
    """
    managerBonus: int
    """Bonus from the broker, money × 10^moneyDigits; absent if none."""
    ibBonus: int
    """Bonus from an introducing broker, money × 10^moneyDigits; absent if none."""
    nonWithdrawableBonus: int
    """Part of the balance that cannot be paid out, money × 10^moneyDigits; absent if none."""
    accessRights: int
    """What the holder may do."""
    depositAssetId: int
    """The asset that the account's money is in."""
    swapFree: bool
    """Whether rolloverCommission is charged in place of swap; absent reads as false."""
    leverageInCents: int
    """The leverage in hundredths: 10 000 is 1:100. Symbols with a leverageId have their own. Absent is not expected."""
    totalMarginCalculationType: int
    """How the margins of hedged positions add up; absent reads as MAX."""
    maxLeverage: int
    """The most that the leverage can be set to (unconfirmed: in hundredths); absent if the broker set none."""
    frenchRisk: bool
    """Deprecated: the limited risk of French rules; use isLimitedRisk. Absent reads as false."""
    traderLogin: int
    """The account number that people know, unique within the broker only; requests do not take it. Absent is not
    expected.
    """
    accountType: int
    """Whether fills make positions of their own or are merged."""
    brokerName: str
    """A slug of the white label, "pepperstoneuk"; ProtoOACtidTraderAccount.brokerTitleShort is the one for people.
    Absent is not expected.
    """
    registrationTimestamp: int
    """When the account was opened, milliseconds since the epoch, UTC; absent if unknown. Price history goes back
    further.
    """
    isLimitedRisk: bool
    """Whether every position needs a guaranteed stop loss; absent reads as false."""
    limitedRiskMarginCalculationStrategy: int
    """How margin is worked out where isLimitedRisk is set."""
    moneyDigits: int
    """The power of ten of this message's money; absent: clients assume 2."""
    fairStopOut: bool
    """Whether a stop-out closes only as much as it must instead of whole positions; absent reads as false."""
    stopOutStrategy: int
    """Which position a stop-out closes first."""
    def __init__(
        self,
        *,
        ctidTraderAccountId: int | None = None,
        balance: int | None = None,
        balanceVersion: int | None = None,
        managerBonus: int | None = None,
        ibBonus: int | None = None,
        nonWithdrawableBonus: int | None = None,
        accessRights: ProtoOAAccessRights | int | str | None = None,
        depositAssetId: int | None = None,
        swapFree: bool | None = None,
        leverageInCents: int | None = None,
        totalMarginCalculationType: ProtoOATotalMarginCalculationType | int | str | None = None,
        maxLeverage: int | None = None,
        frenchRisk: bool | None = None,
        traderLogin: int | None = None,
        accountType: ProtoOAAccountType | int | str | None = None,
        brokerName: str | None = None,
        registrationTimestamp: int | None = None,
        isLimitedRisk: bool | None = None,
        limitedRiskMarginCalculationStrategy: ProtoOALimitedRiskMarginCalculationStrategy | int | str | None = None,
        moneyDigits: int | None = None,
        fairStopOut: bool | None = None,
        stopOutStrategy: ProtoOAStopOutStrategy | int | str | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "ctidTraderAccountId",
            "balance",
            "balanceVersion",
            "managerBonus",
            "ibBonus",
            "nonWithdrawableBonus",
            "accessRights",
            "depositAssetId",
            "swapFree",
            "leverageInCents",
            "totalMarginCalculationType",
            "maxLeverage",
            "frenchRisk",
            "traderLogin",
            "accountType",
            "brokerName",
            "registrationTimestamp",
            "isLimitedRisk",
            "limitedRiskMarginCalculationStrategy",
            "moneyDigits",
            "fairStopOut",
            "stopOutStrategy",
        ],
    ) -> bool: ...
    def ClearField(
        self,
        field_name: Literal[
            "ctidTraderAccountId",
            "balance",
            "balanceVersion",
            "managerBonus",
            "ibBonus",
            "nonWithdrawableBonus",
            "accessRights",
            "depositAssetId",
            "swapFree",
            "leverageInCents",
            "totalMarginCalculationType",
            "maxLeverage",
            "frenchRisk",
            "traderLogin",
            "accountType",
            "brokerName",
            "registrationTimestamp",
            "isLimitedRisk",
            "limitedRiskMarginCalculationStrategy",
            "moneyDigits",
            "fairStopOut",
            "stopOutStrategy",
        ],
    ) -> None: ...

class ProtoOAPosition(Message):
    """An open position, a placeholder for one, or one that has just been closed.

    It carries no clientOrderId: to find your own again, use tradeData.label.
    """

    DESCRIPTOR: Descriptor
    positionId: int
    """Given already when a pending order is accepted, long before the position opens."""
    @property
    def tradeData(self) -> ProtoOATradeData:
        """Symbol, side and remaining volume: 0 in a placeholder and after the close."""

    positionStatus: int
    """To tell a close, look for deal.closePositionDetail and a volume of 0: the closing fill of a position with
    protective levels was observed to say CREATED, with CLOSED following a moment later.
    """
    swap: int
    """Swap so far, money × 10^moneyDigits; negative was charged. Booked to the balance at the close."""
    price: float
    """Average price of what is still open, as a number; closing takes the oldest deal first and the rest is averaged
    anew. Absent or 0 while nothing is open.
    """
    stopLoss: float
    """The level, price as a number; absent if there is none, and still in the fill that opens a position with a
    relative one.
    """
    takeProfit: float
    """The level, price as a number; absent if there is none, and still in the fill that opens a position with a
    relative one.
    """
    utcLastUpdateTimestamp: int
    """Last change, milliseconds since the epoch, UTC; a step of a trailing stop does not count. Absent is not expected.
    """
    commission: int
    """Commission of opening what is still open, money × 10^moneyDigits; negative. Booked at the close. Absent reads as
    0.
    """
    marginRate: float
    """Base to deposit asset: usedMargin is volume / 100 × this / leverage. Absent while nothing is open."""
    mirroringCommission: int
    """Commission to a strategy provider, money × 10^moneyDigits; absent if not copied."""
    guaranteedStopLoss: bool
    """Whether stopLoss is filled at its level whatever the market does; absent reads as false."""
    usedMargin: int
    """Money × 10^moneyDigits; 0 once closed, absent in a placeholder."""
    stopLossTriggerMethod: int
    """Which quotes trigger stopLoss."""
    moneyDigits: int
    """The power of ten of this message's money; absent: clients assume 2."""
    trailingStopLoss: bool
    """Whether stopLoss follows the price, at the distance it had when this was set; absent reads as false."""
    def __init__(
        self,
        *,
        positionId: int | None = None,
        tradeData: ProtoOATradeData | None = None,
        positionStatus: ProtoOAPositionStatus | int | str | None = None,
        swap: int | None = None,
        price: float | None = None,
        stopLoss: float | None = None,
        takeProfit: float | None = None,
        utcLastUpdateTimestamp: int | None = None,
        commission: int | None = None,
        marginRate: float | None = None,
        mirroringCommission: int | None = None,
        guaranteedStopLoss: bool | None = None,
        usedMargin: int | None = None,
        stopLossTriggerMethod: ProtoOAOrderTriggerMethod | int | str | None = None,
        moneyDigits: int | None = None,
        trailingStopLoss: bool | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "positionId",
            "tradeData",
            "positionStatus",
            "swap",
            "price",
            "stopLoss",
            "takeProfit",
            "utcLastUpdateTimestamp",
            "commission",
            "marginRate",
            "mirroringCommission",
            "guaranteedStopLoss",
            "usedMargin",
            "stopLossTriggerMethod",
            "moneyDigits",
            "trailingStopLoss",
        ],
    ) -> bool: ...
    def ClearField(
        self,
        field_name: Literal[
            "positionId",
            "tradeData",
            "positionStatus",
            "swap",
            "price",
            "stopLoss",
            "takeProfit",
            "utcLastUpdateTimestamp",
            "commission",
            "marginRate",
            "mirroringCommission",
            "guaranteedStopLoss",
            "usedMargin",
            "stopLossTriggerMethod",
            "moneyDigits",
            "trailingStopLoss",
        ],
    ) -> None: ...

class ProtoOATradeData(Message):
    """What orders and positions have in common."""

    DESCRIPTOR: Descriptor
    symbolId: int
    """Look it up in ProtoOASymbolsListRes; the name is sent nowhere else."""
    volume: int
    """In hundredths of a unit. Of an order: what was asked for; of a position: what is still open."""
    tradeSide: int
    """Of a closing order it is the opposite of the position's."""
    openTimestamp: int
    """When the order was created or the position opened, milliseconds since the epoch, UTC; absent in a placeholder."""
    label: str
    """Yours, up to 100 characters; it passes from the order to the position. Absent if none was given."""
    guaranteedStopLoss: bool
    """Whether the stop loss is guaranteed; absent reads as false."""
    comment: str
    """Yours, up to 512 characters; absent if none was given."""
    measurementUnits: str
    """What a unit of volume is, for display; absent for currencies."""
    closeTimestamp: int
    """When it was closed or cancelled, milliseconds since the epoch, UTC; absent while it stands."""
    def __init__(
        self,
        *,
        symbolId: int | None = None,
        volume: int | None = None,
        tradeSide: ProtoOATradeSide | int | str | None = None,
        openTimestamp: int | None = None,
        label: str | None = None,
        guaranteedStopLoss: bool | None = None,
        comment: str | None = None,
        measurementUnits: str | None = None,
        closeTimestamp: int | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "symbolId",
            "volume",
            "tradeSide",
            "openTimestamp",
            "label",
            "guaranteedStopLoss",
            "comment",
            "measurementUnits",
            "closeTimestamp",
        ],
    ) -> bool: ...
    def ClearField(
        self,
        field_name: Literal[
            "symbolId",
            "volume",
            "tradeSide",
            "openTimestamp",
            "label",
            "guaranteedStopLoss",
            "comment",
            "measurementUnits",
            "closeTimestamp",
        ],
    ) -> None: ...

class ProtoOAOrder(Message):
    """An order: pending, done, or the protective order that carries a position's levels."""

    DESCRIPTOR: Descriptor
    orderId: int
    """Stays the same when the order is amended."""
    @property
    def tradeData(self) -> ProtoOATradeData:
        """Symbol, side and the volume asked for."""

    orderType: int
    """Says which of the prices below are meant."""
    orderStatus: int
    """A partly filled order is still ACCEPTED: compare executedVolume."""
    expirationTimestamp: int
    """When it lapses, milliseconds since the epoch, UTC; absent unless GOOD_TILL_DATE."""
    executionPrice: float
    """Average price of what was filled, as a number; absent before the first fill."""
    executedVolume: int
    """Filled so far, all parts together, in hundredths of a unit; absent or 0 before the first fill."""
    utcLastUpdateTimestamp: int
    """Last change, milliseconds since the epoch, UTC; a step of a trailing stop does not count. Absent is not expected.
    """
    baseSlippagePrice: float
    """Of MARKET_RANGE: the price that slippageInPoints is counted from, as a number; absent otherwise."""
    slippageInPoints: int
    """Of MARKET_RANGE and STOP_LIMIT: how much worse it may get, in points of 10^-digits; absent otherwise."""
    closingOrder: bool
    """Whether it closes a position: those the server makes for a close, and protective orders. Absent reads as false.
    """
    limitPrice: float
    """Of LIMIT: the worst price, as a number. Of STOP_LOSS_TAKE_PROFIT: the take profit. Absent otherwise."""
    stopPrice: float
    """Of STOP and STOP_LIMIT: the trigger, as a number. Of STOP_LOSS_TAKE_PROFIT: the stop loss. Absent otherwise."""
    stopLoss: float
    """For the position it will open, price as a number; absent if there is none or it was given as a distance."""
    takeProfit: float
    """For the position it will open, price as a number; absent if there is none or it was given as a distance."""
    clientOrderId: str
    """As the request gave it; absent if it gave none. The server's own closing orders have one that nobody gave
    (observed).
    """
    timeInForce: int
    """How long it stands; market orders are stored as IMMEDIATE_OR_CANCEL."""
    positionId: int
    """The position it opens, adds to or closes; already there while the order is pending."""
    relativeStopLoss: int
    """Distance from the fill, price × 100 000; absent if there is none or it was given as a price."""
    relativeTakeProfit: int
    """Distance from the fill, price × 100 000; absent if there is none or it was given as a price."""
    isStopOut: bool
    """Whether the server closes with it for lack of margin; absent reads as false."""
    trailingStopLoss: bool
    """Whether the stop loss follows the price; absent reads as false."""
    stopTriggerMethod: int
    """Which quotes trigger stopPrice."""
    def __init__(
        self,
        *,
        orderId: int | None = None,
        tradeData: ProtoOATradeData | None = None,
        orderType: ProtoOAOrderType | int | str | None = None,
        orderStatus: ProtoOAOrderStatus | int | str | None = None,
        expirationTimestamp: int | None = None,
        executionPrice: float | None = None,
        executedVolume: int | None = None,
        utcLastUpdateTimestamp: int | None = None,
        baseSlippagePrice: float | None = None,
        slippageInPoints: int | None = None,
        closingOrder: bool | None = None,
        limitPrice: float | None = None,
        stopPrice: float | None = None,
        stopLoss: float | None = None,
        takeProfit: float | None = None,
        clientOrderId: str | None = None,
        timeInForce: ProtoOATimeInForce | int | str | None = None,
        positionId: int | None = None,
        relativeStopLoss: int | None = None,
        relativeTakeProfit: int | None = None,
        isStopOut: bool | None = None,
        trailingStopLoss: bool | None = None,
        stopTriggerMethod: ProtoOAOrderTriggerMethod | int | str | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "orderId",
            "tradeData",
            "orderType",
            "orderStatus",
            "expirationTimestamp",
            "executionPrice",
            "executedVolume",
            "utcLastUpdateTimestamp",
            "baseSlippagePrice",
            "slippageInPoints",
            "closingOrder",
            "limitPrice",
            "stopPrice",
            "stopLoss",
            "takeProfit",
            "clientOrderId",
            "timeInForce",
            "positionId",
            "relativeStopLoss",
            "relativeTakeProfit",
            "isStopOut",
            "trailingStopLoss",
            "stopTriggerMethod",
        ],
    ) -> bool: ...
    def ClearField(
        self,
        field_name: Literal[
            "orderId",
            "tradeData",
            "orderType",
            "orderStatus",
            "expirationTimestamp",
            "executionPrice",
            "executedVolume",
            "utcLastUpdateTimestamp",
            "baseSlippagePrice",
            "slippageInPoints",
            "closingOrder",
            "limitPrice",
            "stopPrice",
            "stopLoss",
            "takeProfit",
            "clientOrderId",
            "timeInForce",
            "positionId",
            "relativeStopLoss",
            "relativeTakeProfit",
            "isStopOut",
            "trailingStopLoss",
            "stopTriggerMethod",
        ],
    ) -> None: ...

class ProtoOABonusDepositWithdraw(Message):
    """A change of the account's bonus."""

    DESCRIPTOR: Descriptor
    operationType: int
    """Whether bonus was given or taken."""
    bonusHistoryId: int
    """The entry in the history of the bonus."""
    managerBonus: int
    """The broker's bonus after it, money × 10^moneyDigits."""
    managerDelta: int
    """What was added to the broker's bonus, money × 10^moneyDigits."""
    ibBonus: int
    """The introducing broker's bonus after it, money × 10^moneyDigits."""
    ibDelta: int
    """What was added to the introducing broker's bonus, money × 10^moneyDigits."""
    changeBonusTimestamp: int
    """Milliseconds since the epoch, UTC."""
    externalNote: str
    """A remark of the broker for the holder; absent if there is none."""
    introducingBrokerId: int
    """Who gave it; absent if not an introducing broker."""
    moneyDigits: int
    """The power of ten of this message's money; absent: clients assume 2."""
    def __init__(
        self,
        *,
        operationType: ProtoOAChangeBonusType | int | str | None = None,
        bonusHistoryId: int | None = None,
        managerBonus: int | None = None,
        managerDelta: int | None = None,
        ibBonus: int | None = None,
        ibDelta: int | None = None,
        changeBonusTimestamp: int | None = None,
        externalNote: str | None = None,
        introducingBrokerId: int | None = None,
        moneyDigits: int | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "operationType",
            "bonusHistoryId",
            "managerBonus",
            "managerDelta",
            "ibBonus",
            "ibDelta",
            "changeBonusTimestamp",
            "externalNote",
            "introducingBrokerId",
            "moneyDigits",
        ],
    ) -> bool: ...
    def ClearField(
        self,
        field_name: Literal[
            "operationType",
            "bonusHistoryId",
            "managerBonus",
            "managerDelta",
            "ibBonus",
            "ibDelta",
            "changeBonusTimestamp",
            "externalNote",
            "introducingBrokerId",
            "moneyDigits",
        ],
    ) -> None: ...

class ProtoOADepositWithdraw(Message):
    """A change of the balance other than by trading."""

    DESCRIPTOR: Descriptor
    operationType: int
    """Why it changed, and in which direction."""
    balanceHistoryId: int
    """The entry in the history of the balance: two with the same id are one."""
    balance: int
    """After the change, money × 10^moneyDigits."""
    delta: int
    """What was moved, money × 10^moneyDigits (the sign of a withdrawal is unconfirmed: go by operationType)."""
    changeBalanceTimestamp: int
    """Milliseconds since the epoch, UTC."""
    externalNote: str
    """A remark of the broker for the holder; absent if there is none."""
    balanceVersion: int
    """As in ProtoOATrader, after the change; absent in old entries (unconfirmed)."""
    equity: int
    """After the change, money × 10^moneyDigits; absent if it was not worked out."""
    moneyDigits: int
    """The power of ten of this message's money; absent: clients assume 2."""
    def __init__(
        self,
        *,
        operationType: ProtoOAChangeBalanceType | int | str | None = None,
        balanceHistoryId: int | None = None,
        balance: int | None = None,
        delta: int | None = None,
        changeBalanceTimestamp: int | None = None,
        externalNote: str | None = None,
        balanceVersion: int | None = None,
        equity: int | None = None,
        moneyDigits: int | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "operationType",
            "balanceHistoryId",
            "balance",
            "delta",
            "changeBalanceTimestamp",
            "externalNote",
            "balanceVersion",
            "equity",
            "moneyDigits",
        ],
    ) -> bool: ...
    def ClearField(
        self,
        field_name: Literal[
            "operationType",
            "balanceHistoryId",
            "balance",
            "delta",
            "changeBalanceTimestamp",
            "externalNote",
            "balanceVersion",
            "equity",
            "moneyDigits",
        ],
    ) -> None: ...

class ProtoOADeal(Message):
    """One execution: an order is filled by one deal or several.

    The server adds a field that the schema does not know.
    """

    DESCRIPTOR: Descriptor
    dealId: int
    """The key of a fill: the same deal can arrive twice, as an answer and as an event."""
    orderId: int
    """The order that was executed."""
    positionId: int
    """The position that was opened, added to or closed."""
    volume: int
    """Asked of the liquidity provider, in hundredths of a unit."""
    filledVolume: int
    """Executed, in hundredths of a unit; less than volume if PARTIALLY_FILLED."""
    symbolId: int
    """As in the order; the name is only in ProtoOASymbolsListRes."""
    createTimestamp: int
    """When it was sent for execution, milliseconds since the epoch, UTC."""
    executionTimestamp: int
    """When it was executed, milliseconds since the epoch, UTC: the time of the trade, some 140 ms after createTimestamp
    (observed).
    """
    utcLastUpdateTimestamp: int
    """Milliseconds since the epoch, UTC; in an event the time of execution, in a list that of creation (observed).
    Absent is not expected.
    """
    executionPrice: float
    """As a number; absent if nothing was filled."""
    tradeSide: int
    """Of a closing deal it is the opposite of the position's."""
    dealStatus: int
    """Other than FILLED and PARTIALLY_FILLED: nothing was traded."""
    marginRate: float
    """Base to deposit asset at the time; absent if nothing was filled."""
    commission: int
    """Of this deal, money × 10^moneyDigits; negative. Of an opening deal it is booked only at the close. Absent reads
    as 0.
    """
    baseToUsdConversionRate: float
    """What a unit of the base asset was worth in US dollars at the time; absent if nothing was filled."""
    @property
    def closePositionDetail(self) -> ProtoOAClosePositionDetail:
        """The result; absent in a deal that opens or adds."""

    moneyDigits: int
    """The power of ten of this message's money; absent: clients assume 2."""
    def __init__(
        self,
        *,
        dealId: int | None = None,
        orderId: int | None = None,
        positionId: int | None = None,
        volume: int | None = None,
        filledVolume: int | None = None,
        symbolId: int | None = None,
        createTimestamp: int | None = None,
        executionTimestamp: int | None = None,
        utcLastUpdateTimestamp: int | None = None,
        executionPrice: float | None = None,
        tradeSide: ProtoOATradeSide | int | str | None = None,
        dealStatus: ProtoOADealStatus | int | str | None = None,
        marginRate: float | None = None,
        commission: int | None = None,
        baseToUsdConversionRate: float | None = None,
        closePositionDetail: ProtoOAClosePositionDetail | None = None,
        moneyDigits: int | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "dealId",
            "orderId",
            "positionId",
            "volume",
            "filledVolume",
            "symbolId",
            "createTimestamp",
            "executionTimestamp",
            "utcLastUpdateTimestamp",
            "executionPrice",
            "tradeSide",
            "dealStatus",
            "marginRate",
            "commission",
            "baseToUsdConversionRate",
            "closePositionDetail",
            "moneyDigits",
        ],
    ) -> bool: ...
    def ClearField(
        self,
        field_name: Literal[
            "dealId",
            "orderId",
            "positionId",
            "volume",
            "filledVolume",
            "symbolId",
            "createTimestamp",
            "executionTimestamp",
            "utcLastUpdateTimestamp",
            "executionPrice",
            "tradeSide",
            "dealStatus",
            "marginRate",
            "commission",
            "baseToUsdConversionRate",
            "closePositionDetail",
            "moneyDigits",
        ],
    ) -> None: ...

class ProtoOADealOffset(Message):
    """How much of one deal was set against another: closing takes the oldest deal first."""

    DESCRIPTOR: Descriptor
    dealId: int
    """The deal on the other side."""
    volume: int
    """What was set off between the two, in hundredths of a unit."""
    executionTimestamp: int
    """Of the other deal, milliseconds since the epoch, UTC; absent if nothing was filled."""
    executionPrice: float
    """Of the other deal, as a number; absent if nothing was filled."""
    def __init__(
        self,
        *,
        dealId: int | None = None,
        volume: int | None = None,
        executionTimestamp: int | None = None,
        executionPrice: float | None = None,
    ) -> None: ...
    def HasField(self, field_name: Literal["dealId", "volume", "executionTimestamp", "executionPrice"]) -> bool: ...
    def ClearField(self, field_name: Literal["dealId", "volume", "executionTimestamp", "executionPrice"]) -> None: ...

class ProtoOAClosePositionDetail(Message):
    """The result of a deal that closed a position, or a part of one.

    balance is what it was before, plus grossProfit, swap, commission and pnlConversionFee.
    """

    DESCRIPTOR: Descriptor
    entryPrice: float
    """Of the opening deals that this one closed, oldest first, as a number; not the position's average."""
    grossProfit: int
    """Money × 10^moneyDigits, in the deposit asset, before costs."""
    swap: int
    """Of the closed part, money × 10^moneyDigits; negative was charged."""
    commission: int
    """Of the closed part, opening and closing together, money × 10^moneyDigits; negative."""
    balance: int
    """After the close, money × 10^moneyDigits."""
    quoteToDepositConversionRate: float
    """What grossProfit was converted with; absent or 1 if the two assets are the same."""
    closedVolume: int
    """In hundredths of a unit; absent reads as the deal's filledVolume (unconfirmed)."""
    balanceVersion: int
    """As in ProtoOATrader, after the close; absent in old deals (unconfirmed)."""
    moneyDigits: int
    """The power of ten of this message's money; absent: clients assume 2."""
    pnlConversionFee: int
    """Fee for converting the result, money × 10^moneyDigits; negative. Absent if nothing had to be converted."""
    def __init__(
        self,
        *,
        entryPrice: float | None = None,
        grossProfit: int | None = None,
        swap: int | None = None,
        commission: int | None = None,
        balance: int | None = None,
        quoteToDepositConversionRate: float | None = None,
        closedVolume: int | None = None,
        balanceVersion: int | None = None,
        moneyDigits: int | None = None,
        pnlConversionFee: int | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "entryPrice",
            "grossProfit",
            "swap",
            "commission",
            "balance",
            "quoteToDepositConversionRate",
            "closedVolume",
            "balanceVersion",
            "moneyDigits",
            "pnlConversionFee",
        ],
    ) -> bool: ...
    def ClearField(
        self,
        field_name: Literal[
            "entryPrice",
            "grossProfit",
            "swap",
            "commission",
            "balance",
            "quoteToDepositConversionRate",
            "closedVolume",
            "balanceVersion",
            "moneyDigits",
            "pnlConversionFee",
        ],
    ) -> None: ...

class ProtoOATrendbar(Message):
    """A bar of bid prices, as differences from its low. A period without ticks has no bar."""

    DESCRIPTOR: Descriptor
    volume: int
    """How many ticks the bar is made of."""
    period: int
    """Only bars in ProtoOASpotEvent have it. Historical ones leave it out, which reads as M1: take the period of the
    answer.
    """
    low: int
    """Price × 100 000. Absent is not expected."""
    deltaOpen: int
    """open − low, price × 100 000; absent reads as 0."""
    deltaClose: int
    """close − low, price × 100 000. Absent in live bars: there the close is the event's bid, or the last one."""
    deltaHigh: int
    """high − low, price × 100 000; absent reads as 0."""
    utcTimestampInMinutes: int
    """When the bar opens, in minutes since the epoch, UTC. Absent is not expected."""
    def __init__(
        self,
        *,
        volume: int | None = None,
        period: ProtoOATrendbarPeriod | int | str | None = None,
        low: int | None = None,
        deltaOpen: int | None = None,
        deltaClose: int | None = None,
        deltaHigh: int | None = None,
        utcTimestampInMinutes: int | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal["volume", "period", "low", "deltaOpen", "deltaClose", "deltaHigh", "utcTimestampInMinutes"],
    ) -> bool: ...
    def ClearField(
        self,
        field_name: Literal["volume", "period", "low", "deltaOpen", "deltaClose", "deltaHigh", "utcTimestampInMinutes"],
    ) -> None: ...

class ProtoOAExpectedMargin(Message):
    """What a volume would need. The money has the moneyDigits of ProtoOAExpectedMarginRes."""

    DESCRIPTOR: Descriptor
    volume: int
    """As asked for, in hundredths of a unit."""
    buyMargin: int
    """For a buy, money × 10^moneyDigits."""
    sellMargin: int
    """For a sell, money × 10^moneyDigits."""
    def __init__(
        self, *, volume: int | None = None, buyMargin: int | None = None, sellMargin: int | None = None
    ) -> None: ...
    def HasField(self, field_name: Literal["volume", "buyMargin", "sellMargin"]) -> bool: ...
    def ClearField(self, field_name: Literal["volume", "buyMargin", "sellMargin"]) -> None: ...

class ProtoOATickData(Message):
    """A tick of one side.

    Within an answer the first is absolute, each further one the difference from the one before it.
    """

    DESCRIPTOR: Descriptor
    timestamp: int
    """Milliseconds since the epoch, UTC; from the second on a difference, 0 or negative as the newest comes first."""
    tick: int
    """Price × 100 000; from the second on a difference, of either sign."""
    def __init__(self, *, timestamp: int | None = None, tick: int | None = None) -> None: ...
    def HasField(self, field_name: Literal["timestamp", "tick"]) -> bool: ...
    def ClearField(self, field_name: Literal["timestamp", "tick"]) -> None: ...

class ProtoOACtidProfile(Message):
    """The owner of a token, a cTrader ID."""

    DESCRIPTOR: Descriptor
    userId: int
    """The number of the cTrader ID; nothing else is told about its owner."""
    def __init__(self, *, userId: int | None = None) -> None: ...
    def HasField(self, field_name: Literal["userId"]) -> bool: ...
    def ClearField(self, field_name: Literal["userId"]) -> None: ...

class ProtoOACtidTraderAccount(Message):
    """An account that a token gives access to."""

    DESCRIPTOR: Descriptor
    ctidTraderAccountId: int
    """What requests name the account by (most of them as a signed number)."""
    isLive: bool
    """Which host serves the account: true the live one, false the demo one; nothing else decides. Absent reads as
    false.
    """
    traderLogin: int
    """The account number that people know, unique within the broker only. Absent is not expected."""
    lastClosingDealTimestamp: int
    """When something was last closed, milliseconds since the epoch, UTC; absent if nothing ever was."""
    lastBalanceUpdateTimestamp: int
    """When the balance last changed, milliseconds since the epoch, UTC; absent if it never did."""
    brokerTitleShort: str
    """The broker's name for people, "Pepperstone - Europe"; absent if it has none."""
    def __init__(
        self,
        *,
        ctidTraderAccountId: int | None = None,
        isLive: bool | None = None,
        traderLogin: int | None = None,
        lastClosingDealTimestamp: int | None = None,
        lastBalanceUpdateTimestamp: int | None = None,
        brokerTitleShort: str | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "ctidTraderAccountId",
            "isLive",
            "traderLogin",
            "lastClosingDealTimestamp",
            "lastBalanceUpdateTimestamp",
            "brokerTitleShort",
        ],
    ) -> bool: ...
    def ClearField(
        self,
        field_name: Literal[
            "ctidTraderAccountId",
            "isLive",
            "traderLogin",
            "lastClosingDealTimestamp",
            "lastBalanceUpdateTimestamp",
            "brokerTitleShort",
        ],
    ) -> None: ...

class ProtoOAAssetClass(Message):
    """The widest group of symbols, for display: "Forex", "Metals"."""

    DESCRIPTOR: Descriptor
    id: int
    """What ProtoOASymbolCategory.assetClassId points to. Absent is not expected."""
    name: str
    """For people. Absent is not expected."""
    sortingNumber: float
    """Its place among the classes, ascending; absent if the broker set none."""
    def __init__(
        self, *, id: int | None = None, name: str | None = None, sortingNumber: float | None = None
    ) -> None: ...
    def HasField(self, field_name: Literal["id", "name", "sortingNumber"]) -> bool: ...
    def ClearField(self, field_name: Literal["id", "name", "sortingNumber"]) -> None: ...

class ProtoOADepthQuote(Message):
    """An entry of the order book. It has either bid or ask, and never changes: an update is another entry."""

    DESCRIPTOR: Descriptor
    id: int
    """What deletedQuotes removes it by."""
    size: int
    """In hundredths of a unit."""
    bid: int
    """Price × 100 000; absent in an entry on the ask side."""
    ask: int
    """Price × 100 000; absent in an entry on the bid side."""
    def __init__(
        self, *, id: int | None = None, size: int | None = None, bid: int | None = None, ask: int | None = None
    ) -> None: ...
    def HasField(self, field_name: Literal["id", "size", "bid", "ask"]) -> bool: ...
    def ClearField(self, field_name: Literal["id", "size", "bid", "ask"]) -> None: ...

class ProtoOAMarginCall(Message):
    """A threshold at which the account's holder is warned."""

    DESCRIPTOR: Descriptor
    marginCallType: int
    """Which of the three thresholds."""
    marginLevelThreshold: float
    """Equity over used margin, in percent (unconfirmed), below which it is triggered."""
    utcLastUpdateTimestamp: int
    """When the threshold was set, milliseconds since the epoch, UTC; absent in a request, or if it never was."""
    def __init__(
        self,
        *,
        marginCallType: ProtoOANotificationType | int | str | None = None,
        marginLevelThreshold: float | None = None,
        utcLastUpdateTimestamp: int | None = None,
    ) -> None: ...
    def HasField(
        self, field_name: Literal["marginCallType", "marginLevelThreshold", "utcLastUpdateTimestamp"]
    ) -> bool: ...
    def ClearField(
        self, field_name: Literal["marginCallType", "marginLevelThreshold", "utcLastUpdateTimestamp"]
    ) -> None: ...

class ProtoOAHoliday(Message):
    """A day on which a symbol's schedule does not hold."""

    DESCRIPTOR: Descriptor
    holidayId: int
    """Valid at this broker; other brokers number theirs differently."""
    name: str
    """For people: "Christmas"."""
    description: str
    """A longer text for people; absent if there is none."""
    scheduleTimeZone: str
    """The IANA name of the zone that the day and its seconds are in."""
    holidayDate: int
    """Days since 1 January 1970."""
    isRecurring: bool
    """Whether it comes again each year on the same date."""
    startSecond: int
    """Where the closed span begins, in seconds since the day's 00:00; absent: at the day's beginning (unconfirmed)."""
    endSecond: int
    """Where the closed span ends, in seconds since the day's 00:00; absent: at the day's end (unconfirmed)."""
    def __init__(
        self,
        *,
        holidayId: int | None = None,
        name: str | None = None,
        description: str | None = None,
        scheduleTimeZone: str | None = None,
        holidayDate: int | None = None,
        isRecurring: bool | None = None,
        startSecond: int | None = None,
        endSecond: int | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "holidayId",
            "name",
            "description",
            "scheduleTimeZone",
            "holidayDate",
            "isRecurring",
            "startSecond",
            "endSecond",
        ],
    ) -> bool: ...
    def ClearField(
        self,
        field_name: Literal[
            "holidayId",
            "name",
            "description",
            "scheduleTimeZone",
            "holidayDate",
            "isRecurring",
            "startSecond",
            "endSecond",
        ],
    ) -> None: ...

class ProtoOADynamicLeverage(Message):
    """The leverage of a symbol by how much is held: the more, the less."""

    DESCRIPTOR: Descriptor
    leverageId: int
    """As ProtoOASymbol.leverageId has it."""
    @property
    def tiers(self) -> RepeatedCompositeFieldContainer[ProtoOADynamicLeverageTier]:
        """In the order of their volume; each part of an exposure is charged at the leverage of its own tier."""

    def __init__(
        self, *, leverageId: int | None = None, tiers: Iterable[ProtoOADynamicLeverageTier] | None = None
    ) -> None: ...
    def HasField(self, field_name: Literal["leverageId"]) -> bool: ...
    def ClearField(self, field_name: Literal["leverageId", "tiers"]) -> None: ...

class ProtoOADynamicLeverageTier(Message):
    """A step of a dynamic leverage."""

    DESCRIPTOR: Descriptor
    volume: int
    """The exposure on one side up to which the tier holds, in hundredths of a US dollar."""
    leverage: int
    """In hundredths, by inference from margins observed: 333 is 1:3.33."""
    def __init__(self, *, volume: int | None = None, leverage: int | None = None) -> None: ...
    def HasField(self, field_name: Literal["volume", "leverage"]) -> bool: ...
    def ClearField(self, field_name: Literal["volume", "leverage"]) -> None: ...

class ProtoOAPositionUnrealizedPnL(Message):
    """What an open position stands at. The money has the moneyDigits of ProtoOAGetPositionUnrealizedPnLRes."""

    DESCRIPTOR: Descriptor
    positionId: int
    """One of the account's open positions."""
    grossUnrealizedPnL: int
    """Before costs, money × 10^moneyDigits, in the deposit asset."""
    netUnrealizedPnL: int
    """With swap and the commission of opening, but not that of closing, money × 10^moneyDigits."""
    def __init__(
        self,
        *,
        positionId: int | None = None,
        grossUnrealizedPnL: int | None = None,
        netUnrealizedPnL: int | None = None,
    ) -> None: ...
    def HasField(self, field_name: Literal["positionId", "grossUnrealizedPnL", "netUnrealizedPnL"]) -> bool: ...
    def ClearField(self, field_name: Literal["positionId", "grossUnrealizedPnL", "netUnrealizedPnL"]) -> None: ...

class ProtoOAApplicationAuthReq(Message):
    """Authorise the application on this connection.

    It has to come first: what comes before it is refused, heartbeats and (by some clients' experience)
    ProtoOAVersionReq excepted. It is lost with the connection.

    Can be refused with CH_CLIENT_AUTH_FAILURE (observed), CH_OA_CLIENT_NOT_FOUND, CH_CLIENT_ALREADY_AUTHENTICATED,
    CONNECTIONS_LIMIT_EXCEEDED or CHANNEL_IS_BLOCKED.

    Leads to ProtoOAClientDisconnectEvent, should the server end the session.

    Closed by ProtoOAApplicationAuthRes. After a wrong id or secret the server closes the connection (observed).
    """

    DESCRIPTOR: Descriptor
    payloadType: int
    """Always 2100, which is its default: leave it unset."""
    clientId: str
    """As the application's page in the Open API portal shows it."""
    clientSecret: str
    """As that page shows it; belongs in no log."""
    def __init__(
        self,
        *,
        payloadType: ProtoOAPayloadType | int | str | None = None,
        clientId: str | None = None,
        clientSecret: str | None = None,
    ) -> None: ...
    def HasField(self, field_name: Literal["payloadType", "clientId", "clientSecret"]) -> bool: ...
    def ClearField(self, field_name: Literal["payloadType", "clientId", "clientSecret"]) -> None: ...

class ProtoOAApplicationAuthRes(Message):
    """The application is authorised; accounts can be now."""

    DESCRIPTOR: Descriptor
    payloadType: int
    """Always 2101. The server leaves it out; go by the type in the envelope."""
    def __init__(self, *, payloadType: ProtoOAPayloadType | int | str | None = None) -> None: ...
    def HasField(self, field_name: Literal["payloadType"]) -> bool: ...
    def ClearField(self, field_name: Literal["payloadType"]) -> None: ...

class ProtoOAAccountAuthReq(Message):
    """Authorise an account on this connection; its execution events are then pushed without any subscription.

    With a new token it replaces the old one in place (observed). It is lost with the connection.

    Can be refused with CH_ACCESS_TOKEN_INVALID (observed), OA_AUTH_TOKEN_EXPIRED, CH_CTID_TRADER_ACCOUNT_NOT_FOUND,
    RET_NO_SUCH_LOGIN, RET_ACCOUNT_DISABLED, CANT_ROUTE_REQUEST (observed) or ALREADY_LOGGED_IN (observed).

    Leads to ProtoOAExecutionEvent, ProtoOATrailingSLChangedEvent, ProtoOASymbolChangedEvent, ProtoOATraderUpdatedEvent,
    ProtoOAMarginChangedEvent and ProtoOAMarginCallTriggerEvent, as they come; to ProtoOAAccountDisconnectEvent and
    ProtoOAAccountsTokenInvalidatedEvent, should the session end.

    Closed by ProtoOAAccountAuthRes. ALREADY_LOGGED_IN means that it was authorised before.
    """

    DESCRIPTOR: Descriptor
    payloadType: int
    """Always 2102, which is its default: leave it unset."""
    ctidTraderAccountId: int
    """The account to open; its isLive has to fit the host, else CANT_ROUTE_REQUEST."""
    accessToken: str
    """A token that lists this account; belongs in no log."""
    def __init__(
        self,
        *,
        payloadType: ProtoOAPayloadType | int | str | None = None,
        ctidTraderAccountId: int | None = None,
        accessToken: str | None = None,
    ) -> None: ...
    def HasField(self, field_name: Literal["payloadType", "ctidTraderAccountId", "accessToken"]) -> bool: ...
    def ClearField(self, field_name: Literal["payloadType", "ctidTraderAccountId", "accessToken"]) -> None: ...

class ProtoOAAccountAuthRes(Message):
    """The account is authorised on this connection."""

    DESCRIPTOR: Descriptor
    payloadType: int
    """Always 2103. The server leaves it out; go by the type in the envelope."""
    ctidTraderAccountId: int
    """The account that was opened."""
    def __init__(
        self, *, payloadType: ProtoOAPayloadType | int | str | None = None, ctidTraderAccountId: int | None = None
    ) -> None: ...
    def HasField(self, field_name: Literal["payloadType", "ctidTraderAccountId"]) -> bool: ...
    def ClearField(self, field_name: Literal["payloadType", "ctidTraderAccountId"]) -> None: ...

class ProtoOAErrorRes(Message):
    """The refusal of a request; it closes the request whose clientMsgId it carries.

    Order commands can also be refused by ProtoOAOrderErrorEvent or an ORDER_REJECTED execution event.
    """

    DESCRIPTOR: Descriptor
    payloadType: int
    """Always 2142. The server leaves it out; go by the type in the envelope."""
    ctidTraderAccountId: int
    """The account of the request; absent if it named none."""
    errorCode: str
    """The name of a ProtoOAErrorCode or a ProtoErrorCode as a rule; any string can occur."""
    description: str
    """What was wrong, for people to read; absent if the code says it all."""
    maintenanceEndTimestamp: int
    """When the maintenance is expected to end, SECONDS since the epoch, UTC (ProtoErrorRes has milliseconds). Absent
    outside maintenance.
    """
    retryAfter: int
    """Seconds for which this payload type is blocked; absent unless BLOCKED_PAYLOAD_TYPE. Observed to be too short
    where a longer quota of historical requests is used up.
    """
    def __init__(
        self,
        *,
        payloadType: ProtoOAPayloadType | int | str | None = None,
        ctidTraderAccountId: int | None = None,
        errorCode: str | None = None,
        description: str | None = None,
        maintenanceEndTimestamp: int | None = None,
        retryAfter: int | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "payloadType",
            "ctidTraderAccountId",
            "errorCode",
            "description",
            "maintenanceEndTimestamp",
            "retryAfter",
        ],
    ) -> bool: ...
    def ClearField(
        self,
        field_name: Literal[
            "payloadType",
            "ctidTraderAccountId",
            "errorCode",
            "description",
            "maintenanceEndTimestamp",
            "retryAfter",
        ],
    ) -> None: ...

class ProtoOAClientDisconnectEvent(Message):
    """Pushed when the server ends the application's session: those of all accounts go with it, though the connection
    can stay open.

    Authorise the application again, or reconnect.
    """

    DESCRIPTOR: Descriptor
    payloadType: int
    """Always 2148. The server leaves it out; go by the type in the envelope."""
    reason: str
    """For people to read; absent if none was given."""
    def __init__(
        self, *, payloadType: ProtoOAPayloadType | int | str | None = None, reason: str | None = None
    ) -> None: ...
    def HasField(self, field_name: Literal["payloadType", "reason"]) -> bool: ...
    def ClearField(self, field_name: Literal["payloadType", "reason"]) -> None: ...

class ProtoOAAccountsTokenInvalidatedEvent(Message):
    """Pushed when the token behind accounts is no longer good: refreshed, revoked, or the account or its cTrader ID
    deleted.

    Their sessions are over; the connection stays.
    """

    DESCRIPTOR: Descriptor
    payloadType: int
    """Always 2147. The server leaves it out; go by the type in the envelope."""
    @property
    def ctidTraderAccountIds(self) -> RepeatedScalarFieldContainer[int]:
        """The accounts that lost their session; authorise them again, with the newest token."""

    reason: str
    """For people to read; absent if none was given."""
    def __init__(
        self,
        *,
        payloadType: ProtoOAPayloadType | int | str | None = None,
        ctidTraderAccountIds: Iterable[int] | None = None,
        reason: str | None = None,
    ) -> None: ...
    def HasField(self, field_name: Literal["payloadType", "reason"]) -> bool: ...
    def ClearField(self, field_name: Literal["payloadType", "ctidTraderAccountIds", "reason"]) -> None: ...

class ProtoOAVersionReq(Message):
    """Ask for the version of the server's interface.

    Closed by ProtoOAVersionRes.
    """

    DESCRIPTOR: Descriptor
    payloadType: int
    """Always 2104, which is its default: leave it unset."""
    def __init__(self, *, payloadType: ProtoOAPayloadType | int | str | None = None) -> None: ...
    def HasField(self, field_name: Literal["payloadType"]) -> bool: ...
    def ClearField(self, field_name: Literal["payloadType"]) -> None: ...

class ProtoOAVersionRes(Message):
    """The version of the interface that the server speaks."""

    DESCRIPTOR: Descriptor
    payloadType: int
    """Always 2105. The server leaves it out; go by the type in the envelope."""
    version: str
    """Digits and dots."""
    def __init__(
        self, *, payloadType: ProtoOAPayloadType | int | str | None = None, version: str | None = None
    ) -> None: ...
    def HasField(self, field_name: Literal["payloadType", "version"]) -> bool: ...
    def ClearField(self, field_name: Literal["payloadType", "version"]) -> None: ...

class ProtoOANewOrderReq(Message):
    """Place an order.

    Which prices it needs follows from orderType. If the answer is lost, the outcome is unknown: reconcile instead of
    sending it again.

    Can be refused with INVALID_REQUEST (observed: absolute levels on a MARKET order), TRADING_BAD_VOLUME,
    TRADING_BAD_STAKE, TRADING_BAD_PRICES, TRADING_BAD_STOPS, PROTECTION_IS_TOO_CLOSE_TO_MARKET,
    TRADING_BAD_EXPIRATION_DATE, NOT_ENOUGH_MONEY, NO_ENOUGH_MONEY_TO_OPEN_POSITION, MAX_EXPOSURE_REACHED,
    TOO_MANY_POSITIONS, MARKET_CLOSED, SYMBOL_HAS_HOLIDAY, NO_QUOTES, TRADING_DISABLED, TRADING_NOT_ALLOWED,
    SHORT_SELLING_NOT_ALLOWED, UNKNOWN_SYMBOL, SYMBOL_NOT_FOUND or POSITION_NOT_FOUND.

    Leads to ProtoOAExecutionEvent, one or more; of a trailing stop to ProtoOATrailingSLChangedEvent; to
    ProtoOAMarginChangedEvent (never observed).

    Closed by ProtoOAExecutionEvent: ORDER_ACCEPTED first, the fill being a further event. Refused by
    ProtoOAOrderErrorEvent, ProtoOAErrorRes or an execution event ORDER_REJECTED.
    """

    DESCRIPTOR: Descriptor
    payloadType: int
    """Always 2106, which is its default: leave it unset."""
    ctidTraderAccountId: int
    """The account it is about; it has to be authorised on this connection."""
    symbolId: int
    """From ProtoOASymbolsListRes of the same account; other brokers number theirs differently."""
    orderType: int
    """The prices needed are named with each value of ProtoOAOrderType."""
    tradeSide: int
    """BUY or SELL; to close a position use ProtoOAClosePositionReq."""
    volume: int
    """In hundredths of a unit, a multiple of the symbol's stepVolume: lots × lotSize."""
    limitPrice: float
    """The worst price, as a number with at most the symbol's digits; only for LIMIT."""
    stopPrice: float
    """The trigger, as a number with at most the symbol's digits; only for STOP and STOP_LIMIT."""
    timeInForce: int
    """How long it stands; absent means GOOD_TILL_CANCEL."""
    expirationTimestamp: int
    """When it lapses, milliseconds since the epoch, UTC; needed for GOOD_TILL_DATE only."""
    stopLoss: float
    """Price as a number; only for LIMIT, STOP and STOP_LIMIT, others take relativeStopLoss. Absent: none."""
    takeProfit: float
    """Price as a number; only for LIMIT, STOP and STOP_LIMIT, others take relativeTakeProfit. Absent: none."""
    comment: str
    """Yours, up to 512 characters; it passes to the position."""
    baseSlippagePrice: float
    """The price that slippageInPoints is counted from, as a number; only for MARKET_RANGE."""
    slippageInPoints: int
    """How much worse it may get, in points of 10^-digits; only for MARKET_RANGE and STOP_LIMIT."""
    label: str
    """Yours, up to 100 characters; the only mark of yours that order and position both keep."""
    positionId: int
    """A position to add to; absent: a hedged account opens a new one."""
    clientOrderId: str
    """Yours, up to 50 characters; returned in the order only, and not used to recognise duplicates."""
    relativeStopLoss: int
    """Distance from the fill price, price × 100 000, rounded to the symbol's digits: 0.00300 is 300. Absent: none."""
    relativeTakeProfit: int
    """Distance from the fill price, price × 100 000, rounded to the symbol's digits: 0.00600 is 600. Absent: none."""
    guaranteedStopLoss: bool
    """Whether the stop loss is to be filled at its level in any market; needed on limited-risk accounts. Absent means
    false.
    """
    trailingStopLoss: bool
    """Whether the stop loss follows the price; needs one. Absent means false."""
    stopTriggerMethod: int
    """Which quotes trigger stopPrice; absent means TRADE."""
    def __init__(
        self,
        *,
        payloadType: ProtoOAPayloadType | int | str | None = None,
        ctidTraderAccountId: int | None = None,
        symbolId: int | None = None,
        orderType: ProtoOAOrderType | int | str | None = None,
        tradeSide: ProtoOATradeSide | int | str | None = None,
        volume: int | None = None,
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
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "payloadType",
            "ctidTraderAccountId",
            "symbolId",
            "orderType",
            "tradeSide",
            "volume",
            "limitPrice",
            "stopPrice",
            "timeInForce",
            "expirationTimestamp",
            "stopLoss",
            "takeProfit",
            "comment",
            "baseSlippagePrice",
            "slippageInPoints",
            "label",
            "positionId",
            "clientOrderId",
            "relativeStopLoss",
            "relativeTakeProfit",
            "guaranteedStopLoss",
            "trailingStopLoss",
            "stopTriggerMethod",
        ],
    ) -> bool: ...
    def ClearField(
        self,
        field_name: Literal[
            "payloadType",
            "ctidTraderAccountId",
            "symbolId",
            "orderType",
            "tradeSide",
            "volume",
            "limitPrice",
            "stopPrice",
            "timeInForce",
            "expirationTimestamp",
            "stopLoss",
            "takeProfit",
            "comment",
            "baseSlippagePrice",
            "slippageInPoints",
            "label",
            "positionId",
            "clientOrderId",
            "relativeStopLoss",
            "relativeTakeProfit",
            "guaranteedStopLoss",
            "trailingStopLoss",
            "stopTriggerMethod",
        ],
    ) -> None: ...

class ProtoOAExecutionEvent(Message):
    """Pushed for whatever happens to orders, positions and the balance of an authorised account, also by other clients
    or by the server; no subscription is needed.

    It is the answer to the five order commands as well. A clientMsgId one did not send is that of another client.
    """

    DESCRIPTOR: Descriptor
    payloadType: int
    """Always 2126. The server leaves it out; go by the type in the envelope."""
    ctidTraderAccountId: int
    """The account concerned: one connection can have several."""
    executionType: int
    """What happened; says which of the parts below to expect."""
    @property
    def position(self) -> ProtoOAPosition:
        """As it is afterwards; in ORDER_ACCEPTED of a new order a placeholder, or absent. Absent also when the balance
        changed otherwise.
        """

    @property
    def order(self) -> ProtoOAOrder:
        """As it is afterwards; absent for SWAP and changes of the balance."""

    @property
    def deal(self) -> ProtoOADeal:
        """The execution; absent where nothing was traded."""

    @property
    def bonusDepositWithdraw(self) -> ProtoOABonusDepositWithdraw:
        """Only with BONUS_DEPOSIT_WITHDRAW."""

    @property
    def depositWithdraw(self) -> ProtoOADepositWithdraw:
        """Only with DEPOSIT_WITHDRAW."""

    errorCode: str
    """Why it was refused, as in ProtoOAErrorRes; absent if it was not. Look at it first: the rest can look like
    success.
    """
    isServerEvent: bool
    """Whether the server did it by itself, such as a protective order or a stop-out; absent or false: a client asked.
    """
    def __init__(
        self,
        *,
        payloadType: ProtoOAPayloadType | int | str | None = None,
        ctidTraderAccountId: int | None = None,
        executionType: ProtoOAExecutionType | int | str | None = None,
        position: ProtoOAPosition | None = None,
        order: ProtoOAOrder | None = None,
        deal: ProtoOADeal | None = None,
        bonusDepositWithdraw: ProtoOABonusDepositWithdraw | None = None,
        depositWithdraw: ProtoOADepositWithdraw | None = None,
        errorCode: str | None = None,
        isServerEvent: bool | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "payloadType",
            "ctidTraderAccountId",
            "executionType",
            "position",
            "order",
            "deal",
            "bonusDepositWithdraw",
            "depositWithdraw",
            "errorCode",
            "isServerEvent",
        ],
    ) -> bool: ...
    def ClearField(
        self,
        field_name: Literal[
            "payloadType",
            "ctidTraderAccountId",
            "executionType",
            "position",
            "order",
            "deal",
            "bonusDepositWithdraw",
            "depositWithdraw",
            "errorCode",
            "isServerEvent",
        ],
    ) -> None: ...

class ProtoOACancelOrderReq(Message):
    """Take back a pending order.

    Can be refused with ORDER_NOT_FOUND (observed), UNABLE_TO_CANCEL_ORDER, PENDING_EXECUTION or ORDER_CANCEL_REJECTED
    (observed).

    Leads to ProtoOAExecutionEvent.

    Closed by ProtoOAExecutionEvent ORDER_CANCELLED, or ORDER_CANCEL_REJECTED if it came too late. Refused by
    ProtoOAOrderErrorEvent (ORDER_NOT_FOUND) or ProtoOAErrorRes.
    """

    DESCRIPTOR: Descriptor
    payloadType: int
    """Always 2108, which is its default: leave it unset."""
    ctidTraderAccountId: int
    """The account it is about; it has to be authorised on this connection."""
    orderId: int
    """A pending order; a position's protective levels go by ProtoOAAmendPositionSLTPReq."""
    def __init__(
        self,
        *,
        payloadType: ProtoOAPayloadType | int | str | None = None,
        ctidTraderAccountId: int | None = None,
        orderId: int | None = None,
    ) -> None: ...
    def HasField(self, field_name: Literal["payloadType", "ctidTraderAccountId", "orderId"]) -> bool: ...
    def ClearField(self, field_name: Literal["payloadType", "ctidTraderAccountId", "orderId"]) -> None: ...

class ProtoOAAmendOrderReq(Message):
    """Change a pending order; it keeps its id.

    Which omitted fields keep their value is unconfirmed, and protective levels were observed to go: send all that
    should hold.

    Can be refused with ORDER_NOT_FOUND, UNABLE_TO_AMEND_ORDER, PENDING_EXECUTION, CONCURRENT_MODIFICATION,
    INVALID_REQUEST, TRADING_BAD_VOLUME, TRADING_BAD_PRICES, TRADING_BAD_STOPS, PROTECTION_IS_TOO_CLOSE_TO_MARKET,
    TRADING_BAD_EXPIRATION_DATE, WORSE_GSL_NOT_ALLOWED or MAX_EXPOSURE_REACHED.

    Leads to ProtoOAExecutionEvent.

    Closed by ProtoOAExecutionEvent ORDER_REPLACED. Refused by ProtoOAOrderErrorEvent or ProtoOAErrorRes.
    """

    DESCRIPTOR: Descriptor
    payloadType: int
    """Always 2109, which is its default: leave it unset."""
    ctidTraderAccountId: int
    """The account it is about; it has to be authorised on this connection."""
    orderId: int
    """A pending order; a position's protective levels go by ProtoOAAmendPositionSLTPReq."""
    volume: int
    """The new one, in hundredths of a unit, a multiple of the symbol's stepVolume."""
    limitPrice: float
    """The new one, as a number with at most the symbol's digits; only for LIMIT."""
    stopPrice: float
    """The new one, as a number with at most the symbol's digits; only for STOP and STOP_LIMIT."""
    expirationTimestamp: int
    """When it lapses, milliseconds since the epoch, UTC; only for GOOD_TILL_DATE."""
    stopLoss: float
    """Price as a number; absent removes it (observed)."""
    takeProfit: float
    """Price as a number; absent removes it (observed)."""
    slippageInPoints: int
    """How much worse it may get, in points of 10^-digits; only for STOP_LIMIT."""
    relativeStopLoss: int
    """Distance from the fill price, price × 100 000; in place of stopLoss."""
    relativeTakeProfit: int
    """Distance from the fill price, price × 100 000; in place of takeProfit."""
    guaranteedStopLoss: bool
    """Whether the stop loss is to be filled at its level in any market; absent: unconfirmed."""
    trailingStopLoss: bool
    """Whether the stop loss follows the price; absent: unconfirmed."""
    stopTriggerMethod: int
    """Which quotes trigger stopPrice; absent means TRADE."""
    def __init__(
        self,
        *,
        payloadType: ProtoOAPayloadType | int | str | None = None,
        ctidTraderAccountId: int | None = None,
        orderId: int | None = None,
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
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "payloadType",
            "ctidTraderAccountId",
            "orderId",
            "volume",
            "limitPrice",
            "stopPrice",
            "expirationTimestamp",
            "stopLoss",
            "takeProfit",
            "slippageInPoints",
            "relativeStopLoss",
            "relativeTakeProfit",
            "guaranteedStopLoss",
            "trailingStopLoss",
            "stopTriggerMethod",
        ],
    ) -> bool: ...
    def ClearField(
        self,
        field_name: Literal[
            "payloadType",
            "ctidTraderAccountId",
            "orderId",
            "volume",
            "limitPrice",
            "stopPrice",
            "expirationTimestamp",
            "stopLoss",
            "takeProfit",
            "slippageInPoints",
            "relativeStopLoss",
            "relativeTakeProfit",
            "guaranteedStopLoss",
            "trailingStopLoss",
            "stopTriggerMethod",
        ],
    ) -> None: ...

class ProtoOAAmendPositionSLTPReq(Message):
    """Set a position's protective levels, both at once: a level left out is removed.

    With nothing to change on a bare position it is refused (INVALID_REQUEST).

    Can be refused with POSITION_NOT_FOUND (observed), POSITION_NOT_OPEN, INVALID_REQUEST (observed: nothing to amend,
    or no stop loss to trail), TRADING_BAD_STOPS (observed), PROTECTION_IS_TOO_CLOSE_TO_MARKET, WORSE_GSL_NOT_ALLOWED or
    CONCURRENT_MODIFICATION.

    Leads to ProtoOAExecutionEvent; of a trailing stop to ProtoOATrailingSLChangedEvent.

    Closed by ProtoOAExecutionEvent: ORDER_REPLACED, or ORDER_ACCEPTED for a protective order made anew. Refused by
    ProtoOAOrderErrorEvent or ProtoOAErrorRes.
    """

    DESCRIPTOR: Descriptor
    payloadType: int
    """Always 2110, which is its default: leave it unset."""
    ctidTraderAccountId: int
    """The account it is about; it has to be authorised on this connection."""
    positionId: int
    """An open position; levels of a pending order go by ProtoOAAmendOrderReq."""
    stopLoss: float
    """Price as a number with at most the symbol's digits, below the market for a long position; absent removes it."""
    takeProfit: float
    """Price as a number with at most the symbol's digits, above the market for a long position; absent removes it."""
    guaranteedStopLoss: bool
    """Whether stopLoss is to be filled at its level in any market; absent: unconfirmed."""
    trailingStopLoss: bool
    """Whether stopLoss follows the price, at its present distance. Absent leaves it as it was; false needs a stopLoss
    in the same request (observed).
    """
    stopLossTriggerMethod: int
    """Which quotes trigger stopLoss; absent means TRADE."""
    def __init__(
        self,
        *,
        payloadType: ProtoOAPayloadType | int | str | None = None,
        ctidTraderAccountId: int | None = None,
        positionId: int | None = None,
        stopLoss: float | None = None,
        takeProfit: float | None = None,
        guaranteedStopLoss: bool | None = None,
        trailingStopLoss: bool | None = None,
        stopLossTriggerMethod: ProtoOAOrderTriggerMethod | int | str | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "payloadType",
            "ctidTraderAccountId",
            "positionId",
            "stopLoss",
            "takeProfit",
            "guaranteedStopLoss",
            "trailingStopLoss",
            "stopLossTriggerMethod",
        ],
    ) -> bool: ...
    def ClearField(
        self,
        field_name: Literal[
            "payloadType",
            "ctidTraderAccountId",
            "positionId",
            "stopLoss",
            "takeProfit",
            "guaranteedStopLoss",
            "trailingStopLoss",
            "stopLossTriggerMethod",
        ],
    ) -> None: ...

class ProtoOAClosePositionReq(Message):
    """Close a position, or a part of it.

    The server makes a market order for it, without your label or clientOrderId.

    Can be refused with POSITION_NOT_FOUND, POSITION_NOT_FOUND_OR_NOT_OPENED, POSITION_NOT_OPEN, POSITION_LOCKED,
    ALREADY_CLOSED, PENDING_EXECUTION, TRADING_BAD_VOLUME, MARKET_CLOSED, SYMBOL_HAS_HOLIDAY, NO_QUOTES,
    TRADING_DISABLED or TRADING_NOT_ALLOWED.

    Leads to ProtoOAExecutionEvent, those of its protective order among them; to ProtoOAMarginChangedEvent (never
    observed).

    Closed by ProtoOAExecutionEvent: ORDER_ACCEPTED first, the fill being a further event. Refused by
    ProtoOAOrderErrorEvent or ProtoOAErrorRes.
    """

    DESCRIPTOR: Descriptor
    payloadType: int
    """Always 2111, which is its default: leave it unset."""
    ctidTraderAccountId: int
    """The account it is about; it has to be authorised on this connection."""
    positionId: int
    """An open position; a pending order is taken back with ProtoOACancelOrderReq."""
    volume: int
    """What to close, in hundredths of a unit; to close all of it, the position's whole volume."""
    def __init__(
        self,
        *,
        payloadType: ProtoOAPayloadType | int | str | None = None,
        ctidTraderAccountId: int | None = None,
        positionId: int | None = None,
        volume: int | None = None,
    ) -> None: ...
    def HasField(self, field_name: Literal["payloadType", "ctidTraderAccountId", "positionId", "volume"]) -> bool: ...
    def ClearField(self, field_name: Literal["payloadType", "ctidTraderAccountId", "positionId", "volume"]) -> None: ...

class ProtoOATrailingSLChangedEvent(Message):
    """Pushed when a trailing stop has followed the price; no execution event comes with it, and no order or position
    changes its utcLastUpdateTimestamp.
    """

    DESCRIPTOR: Descriptor
    payloadType: int
    """Always 2107. The server leaves it out; go by the type in the envelope."""
    ctidTraderAccountId: int
    """The account concerned: one connection can have several."""
    positionId: int
    """The position that is protected."""
    orderId: int
    """Its protective order."""
    stopPrice: float
    """The new level, price as a number."""
    utcLastUpdateTimestamp: int
    """When it moved, milliseconds since the epoch, UTC."""
    def __init__(
        self,
        *,
        payloadType: ProtoOAPayloadType | int | str | None = None,
        ctidTraderAccountId: int | None = None,
        positionId: int | None = None,
        orderId: int | None = None,
        stopPrice: float | None = None,
        utcLastUpdateTimestamp: int | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "payloadType",
            "ctidTraderAccountId",
            "positionId",
            "orderId",
            "stopPrice",
            "utcLastUpdateTimestamp",
        ],
    ) -> bool: ...
    def ClearField(
        self,
        field_name: Literal[
            "payloadType",
            "ctidTraderAccountId",
            "positionId",
            "orderId",
            "stopPrice",
            "utcLastUpdateTimestamp",
        ],
    ) -> None: ...

class ProtoOAAssetListReq(Message):
    """Ask for all assets of the account's broker.

    Closed by ProtoOAAssetListRes.
    """

    DESCRIPTOR: Descriptor
    payloadType: int
    """Always 2112, which is its default: leave it unset."""
    ctidTraderAccountId: int
    """The account it is about; it has to be authorised on this connection."""
    def __init__(
        self, *, payloadType: ProtoOAPayloadType | int | str | None = None, ctidTraderAccountId: int | None = None
    ) -> None: ...
    def HasField(self, field_name: Literal["payloadType", "ctidTraderAccountId"]) -> bool: ...
    def ClearField(self, field_name: Literal["payloadType", "ctidTraderAccountId"]) -> None: ...

class ProtoOAAssetListRes(Message):
    """The assets that symbols and accounts point to."""

    DESCRIPTOR: Descriptor
    payloadType: int
    """Always 2113. The server leaves it out; go by the type in the envelope."""
    ctidTraderAccountId: int
    """The account of the request."""
    @property
    def asset(self) -> RepeatedCompositeFieldContainer[ProtoOAAsset]:
        """All of them, in no order that is promised."""

    def __init__(
        self,
        *,
        payloadType: ProtoOAPayloadType | int | str | None = None,
        ctidTraderAccountId: int | None = None,
        asset: Iterable[ProtoOAAsset] | None = None,
    ) -> None: ...
    def HasField(self, field_name: Literal["payloadType", "ctidTraderAccountId"]) -> bool: ...
    def ClearField(self, field_name: Literal["payloadType", "ctidTraderAccountId", "asset"]) -> None: ...

class ProtoOASymbolsListReq(Message):
    """Ask for all symbols of the account, in their short form.

    Closed by ProtoOASymbolsListRes.
    """

    DESCRIPTOR: Descriptor
    payloadType: int
    """Always 2114, which is its default: leave it unset."""
    ctidTraderAccountId: int
    """The account it is about; it has to be authorised on this connection."""
    includeArchivedSymbols: bool
    """Whether to add those that are traded no longer."""
    def __init__(
        self,
        *,
        payloadType: ProtoOAPayloadType | int | str | None = None,
        ctidTraderAccountId: int | None = None,
        includeArchivedSymbols: bool | None = None,
    ) -> None: ...
    def HasField(self, field_name: Literal["payloadType", "ctidTraderAccountId", "includeArchivedSymbols"]) -> bool: ...
    def ClearField(
        self, field_name: Literal["payloadType", "ctidTraderAccountId", "includeArchivedSymbols"]
    ) -> None: ...

class ProtoOASymbolsListRes(Message):
    """The symbols, to find ids by name; what trading needs comes from ProtoOASymbolByIdReq."""

    DESCRIPTOR: Descriptor
    payloadType: int
    """Always 2115. The server leaves it out; go by the type in the envelope."""
    ctidTraderAccountId: int
    """The account of the request."""
    @property
    def symbol(self) -> RepeatedCompositeFieldContainer[ProtoOALightSymbol]:
        """All of them, also those with enabled = false."""

    @property
    def archivedSymbol(self) -> RepeatedCompositeFieldContainer[ProtoOAArchivedSymbol]:
        """Empty unless asked for."""

    def __init__(
        self,
        *,
        payloadType: ProtoOAPayloadType | int | str | None = None,
        ctidTraderAccountId: int | None = None,
        symbol: Iterable[ProtoOALightSymbol] | None = None,
        archivedSymbol: Iterable[ProtoOAArchivedSymbol] | None = None,
    ) -> None: ...
    def HasField(self, field_name: Literal["payloadType", "ctidTraderAccountId"]) -> bool: ...
    def ClearField(
        self, field_name: Literal["payloadType", "ctidTraderAccountId", "symbol", "archivedSymbol"]
    ) -> None: ...

class ProtoOASymbolByIdReq(Message):
    """Ask for everything about some symbols.

    Can be refused with SYMBOL_NOT_FOUND or UNKNOWN_SYMBOL.

    Closed by ProtoOASymbolByIdRes.
    """

    DESCRIPTOR: Descriptor
    payloadType: int
    """Always 2116, which is its default: leave it unset."""
    ctidTraderAccountId: int
    """The account it is about; it has to be authorised on this connection."""
    @property
    def symbolId(self) -> RepeatedScalarFieldContainer[int]:
        """Any number of ids, from ProtoOASymbolsListRes."""

    def __init__(
        self,
        *,
        payloadType: ProtoOAPayloadType | int | str | None = None,
        ctidTraderAccountId: int | None = None,
        symbolId: Iterable[int] | None = None,
    ) -> None: ...
    def HasField(self, field_name: Literal["payloadType", "ctidTraderAccountId"]) -> bool: ...
    def ClearField(self, field_name: Literal["payloadType", "ctidTraderAccountId", "symbolId"]) -> None: ...

class ProtoOASymbolByIdRes(Message):
    """The symbols in full."""

    DESCRIPTOR: Descriptor
    payloadType: int
    """Always 2117. The server leaves it out; go by the type in the envelope."""
    ctidTraderAccountId: int
    """The account of the request."""
    @property
    def symbol(self) -> RepeatedCompositeFieldContainer[ProtoOASymbol]:
        """Those that were found; an id that means nothing can be missing silently."""

    @property
    def archivedSymbol(self) -> RepeatedCompositeFieldContainer[ProtoOAArchivedSymbol]:
        """Those of the ids that are traded no longer."""

    def __init__(
        self,
        *,
        payloadType: ProtoOAPayloadType | int | str | None = None,
        ctidTraderAccountId: int | None = None,
        symbol: Iterable[ProtoOASymbol] | None = None,
        archivedSymbol: Iterable[ProtoOAArchivedSymbol] | None = None,
    ) -> None: ...
    def HasField(self, field_name: Literal["payloadType", "ctidTraderAccountId"]) -> bool: ...
    def ClearField(
        self, field_name: Literal["payloadType", "ctidTraderAccountId", "symbol", "archivedSymbol"]
    ) -> None: ...

class ProtoOASymbolsForConversionReq(Message):
    """Ask through which symbols one asset is converted to another, as from a quote asset to the deposit asset.

    Can be refused with ENTITY_NOT_FOUND.

    Closed by ProtoOASymbolsForConversionRes.
    """

    DESCRIPTOR: Descriptor
    payloadType: int
    """Always 2118, which is its default: leave it unset."""
    ctidTraderAccountId: int
    """The account it is about; it has to be authorised on this connection."""
    firstAssetId: int
    """The asset that an amount is in."""
    lastAssetId: int
    """The asset that it is wanted in."""
    def __init__(
        self,
        *,
        payloadType: ProtoOAPayloadType | int | str | None = None,
        ctidTraderAccountId: int | None = None,
        firstAssetId: int | None = None,
        lastAssetId: int | None = None,
    ) -> None: ...
    def HasField(
        self, field_name: Literal["payloadType", "ctidTraderAccountId", "firstAssetId", "lastAssetId"]
    ) -> bool: ...
    def ClearField(
        self, field_name: Literal["payloadType", "ctidTraderAccountId", "firstAssetId", "lastAssetId"]
    ) -> None: ...

class ProtoOASymbolsForConversionRes(Message):
    """A chain of symbols between two assets."""

    DESCRIPTOR: Descriptor
    payloadType: int
    """Always 2119. The server leaves it out; go by the type in the envelope."""
    ctidTraderAccountId: int
    """The account of the request."""
    @property
    def symbol(self) -> RepeatedCompositeFieldContainer[ProtoOALightSymbol]:
        """In order. Begin with the first asset: where it is a symbol's base multiply by the price and go on with the
        quote, else divide and go on with the base.
        """

    def __init__(
        self,
        *,
        payloadType: ProtoOAPayloadType | int | str | None = None,
        ctidTraderAccountId: int | None = None,
        symbol: Iterable[ProtoOALightSymbol] | None = None,
    ) -> None: ...
    def HasField(self, field_name: Literal["payloadType", "ctidTraderAccountId"]) -> bool: ...
    def ClearField(self, field_name: Literal["payloadType", "ctidTraderAccountId", "symbol"]) -> None: ...

class ProtoOASymbolChangedEvent(Message):
    """Pushed when settings of symbols have changed; ask for them again with ProtoOASymbolByIdReq."""

    DESCRIPTOR: Descriptor
    payloadType: int
    """Always 2120. The server leaves it out; go by the type in the envelope."""
    ctidTraderAccountId: int
    """The account concerned: one connection can have several."""
    @property
    def symbolId(self) -> RepeatedScalarFieldContainer[int]:
        """Those that changed."""

    def __init__(
        self,
        *,
        payloadType: ProtoOAPayloadType | int | str | None = None,
        ctidTraderAccountId: int | None = None,
        symbolId: Iterable[int] | None = None,
    ) -> None: ...
    def HasField(self, field_name: Literal["payloadType", "ctidTraderAccountId"]) -> bool: ...
    def ClearField(self, field_name: Literal["payloadType", "ctidTraderAccountId", "symbolId"]) -> None: ...

class ProtoOAAssetClassListReq(Message):
    """Ask for the widest groups of symbols.

    Closed by ProtoOAAssetClassListRes.
    """

    DESCRIPTOR: Descriptor
    payloadType: int
    """Always 2153, which is its default: leave it unset."""
    ctidTraderAccountId: int
    """The account it is about; it has to be authorised on this connection."""
    def __init__(
        self, *, payloadType: ProtoOAPayloadType | int | str | None = None, ctidTraderAccountId: int | None = None
    ) -> None: ...
    def HasField(self, field_name: Literal["payloadType", "ctidTraderAccountId"]) -> bool: ...
    def ClearField(self, field_name: Literal["payloadType", "ctidTraderAccountId"]) -> None: ...

class ProtoOAAssetClassListRes(Message):
    """The asset classes, which ProtoOASymbolCategory points to."""

    DESCRIPTOR: Descriptor
    payloadType: int
    """Always 2154. The server leaves it out; go by the type in the envelope."""
    ctidTraderAccountId: int
    """The account of the request."""
    @property
    def assetClass(self) -> RepeatedCompositeFieldContainer[ProtoOAAssetClass]:
        """All of them; sort by sortingNumber."""

    def __init__(
        self,
        *,
        payloadType: ProtoOAPayloadType | int | str | None = None,
        ctidTraderAccountId: int | None = None,
        assetClass: Iterable[ProtoOAAssetClass] | None = None,
    ) -> None: ...
    def HasField(self, field_name: Literal["payloadType", "ctidTraderAccountId"]) -> bool: ...
    def ClearField(self, field_name: Literal["payloadType", "ctidTraderAccountId", "assetClass"]) -> None: ...

class ProtoOATraderReq(Message):
    """Ask for the account itself: balance, leverage, rules.

    Closed by ProtoOATraderRes.
    """

    DESCRIPTOR: Descriptor
    payloadType: int
    """Always 2121, which is its default: leave it unset."""
    ctidTraderAccountId: int
    """The account it is about; it has to be authorised on this connection."""
    def __init__(
        self, *, payloadType: ProtoOAPayloadType | int | str | None = None, ctidTraderAccountId: int | None = None
    ) -> None: ...
    def HasField(self, field_name: Literal["payloadType", "ctidTraderAccountId"]) -> bool: ...
    def ClearField(self, field_name: Literal["payloadType", "ctidTraderAccountId"]) -> None: ...

class ProtoOATraderRes(Message):
    """The account as it is now."""

    DESCRIPTOR: Descriptor
    payloadType: int
    """Always 2122. The server leaves it out; go by the type in the envelope."""
    ctidTraderAccountId: int
    """The account of the request."""
    @property
    def trader(self) -> ProtoOATrader:
        """Its money has its own moneyDigits."""

    def __init__(
        self,
        *,
        payloadType: ProtoOAPayloadType | int | str | None = None,
        ctidTraderAccountId: int | None = None,
        trader: ProtoOATrader | None = None,
    ) -> None: ...
    def HasField(self, field_name: Literal["payloadType", "ctidTraderAccountId", "trader"]) -> bool: ...
    def ClearField(self, field_name: Literal["payloadType", "ctidTraderAccountId", "trader"]) -> None: ...

class ProtoOATraderUpdatedEvent(Message):
    """Pushed when settings of the account have changed; documented, never observed."""

    DESCRIPTOR: Descriptor
    payloadType: int
    """Always 2123. The server leaves it out; go by the type in the envelope."""
    ctidTraderAccountId: int
    """The account concerned: one connection can have several."""
    @property
    def trader(self) -> ProtoOATrader:
        """All of it, as it is afterwards."""

    def __init__(
        self,
        *,
        payloadType: ProtoOAPayloadType | int | str | None = None,
        ctidTraderAccountId: int | None = None,
        trader: ProtoOATrader | None = None,
    ) -> None: ...
    def HasField(self, field_name: Literal["payloadType", "ctidTraderAccountId", "trader"]) -> bool: ...
    def ClearField(self, field_name: Literal["payloadType", "ctidTraderAccountId", "trader"]) -> None: ...

class ProtoOAReconcileReq(Message):
    """Ask for what is open: positions and pending orders. Settles what became of an order whose answer was lost.

    Closed by ProtoOAReconcileRes.
    """

    DESCRIPTOR: Descriptor
    payloadType: int
    """Always 2124, which is its default: leave it unset."""
    ctidTraderAccountId: int
    """The account it is about; it has to be authorised on this connection."""
    returnProtectionOrders: bool
    """Whether to list the protective orders of positions too, stop loss in stopPrice and take profit in limitPrice.
    Absent means false.
    """
    def __init__(
        self,
        *,
        payloadType: ProtoOAPayloadType | int | str | None = None,
        ctidTraderAccountId: int | None = None,
        returnProtectionOrders: bool | None = None,
    ) -> None: ...
    def HasField(self, field_name: Literal["payloadType", "ctidTraderAccountId", "returnProtectionOrders"]) -> bool: ...
    def ClearField(
        self, field_name: Literal["payloadType", "ctidTraderAccountId", "returnProtectionOrders"]
    ) -> None: ...

class ProtoOAReconcileRes(Message):
    """What is open at this moment."""

    DESCRIPTOR: Descriptor
    payloadType: int
    """Always 2125. The server leaves it out; go by the type in the envelope."""
    ctidTraderAccountId: int
    """The account of the request."""
    @property
    def position(self) -> RepeatedCompositeFieldContainer[ProtoOAPosition]:
        """The open ones; empty if there are none."""

    @property
    def order(self) -> RepeatedCompositeFieldContainer[ProtoOAOrder]:
        """Those pending, also partly filled ones; protective orders only if asked for."""

    def __init__(
        self,
        *,
        payloadType: ProtoOAPayloadType | int | str | None = None,
        ctidTraderAccountId: int | None = None,
        position: Iterable[ProtoOAPosition] | None = None,
        order: Iterable[ProtoOAOrder] | None = None,
    ) -> None: ...
    def HasField(self, field_name: Literal["payloadType", "ctidTraderAccountId"]) -> bool: ...
    def ClearField(self, field_name: Literal["payloadType", "ctidTraderAccountId", "position", "order"]) -> None: ...

class ProtoOAOrderErrorEvent(Message):
    """Pushed when an order command is refused; carries the clientMsgId of the command, which is what to find it by, and
    closes it.
    """

    DESCRIPTOR: Descriptor
    payloadType: int
    """Always 2132. The server leaves it out; go by the type in the envelope."""
    ctidTraderAccountId: int
    """The account concerned: one connection can have several."""
    errorCode: str
    """As in ProtoOAErrorRes: a name as a rule, any string can occur."""
    orderId: int
    """The order of the command; absent or 0 if it is about a position, and often 0 anyway."""
    positionId: int
    """The position of the command; absent or 0 if it is about an order, and often 0 anyway."""
    description: str
    """What was wrong, for people to read, with the prices compared; absent if the code says it all."""
    def __init__(
        self,
        *,
        payloadType: ProtoOAPayloadType | int | str | None = None,
        ctidTraderAccountId: int | None = None,
        errorCode: str | None = None,
        orderId: int | None = None,
        positionId: int | None = None,
        description: str | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal["payloadType", "ctidTraderAccountId", "errorCode", "orderId", "positionId", "description"],
    ) -> bool: ...
    def ClearField(
        self,
        field_name: Literal["payloadType", "ctidTraderAccountId", "errorCode", "orderId", "positionId", "description"],
    ) -> None: ...

class ProtoOADealListReq(Message):
    """Ask for the account's deals in a period.

    Historical: 5 requests a second. A deal can be missing for seconds after its execution (observed on some servers).

    Can be refused with INCORRECT_BOUNDARIES.

    Closed by ProtoOADealListRes.
    """

    DESCRIPTOR: Descriptor
    payloadType: int
    """Always 2133, which is its default: leave it unset."""
    ctidTraderAccountId: int
    """The account it is about; it has to be authorised on this connection."""
    fromTimestamp: int
    """Where it begins, milliseconds since the epoch, UTC, at least 0; absent: as far back as there is (unconfirmed). A
    week at most was the written limit before release 89.
    """
    toTimestamp: int
    """Where it ends, milliseconds since the epoch, UTC, at most 2147483646000; absent: now (unconfirmed)."""
    maxRows: int
    """The most deals to return; absent: the server's chunk."""
    def __init__(
        self,
        *,
        payloadType: ProtoOAPayloadType | int | str | None = None,
        ctidTraderAccountId: int | None = None,
        fromTimestamp: int | None = None,
        toTimestamp: int | None = None,
        maxRows: int | None = None,
    ) -> None: ...
    def HasField(
        self, field_name: Literal["payloadType", "ctidTraderAccountId", "fromTimestamp", "toTimestamp", "maxRows"]
    ) -> bool: ...
    def ClearField(
        self, field_name: Literal["payloadType", "ctidTraderAccountId", "fromTimestamp", "toTimestamp", "maxRows"]
    ) -> None: ...

class ProtoOADealListRes(Message):
    """Deals of the account, newest first (observed)."""

    DESCRIPTOR: Descriptor
    payloadType: int
    """Always 2134. The server leaves it out; go by the type in the envelope."""
    ctidTraderAccountId: int
    """The account of the request."""
    @property
    def deal(self) -> RepeatedCompositeFieldContainer[ProtoOADeal]:
        """Empty if none fall into the period."""

    hasMore: bool
    """Whether older ones in the period were left out: ask again up to the oldest one's time."""
    def __init__(
        self,
        *,
        payloadType: ProtoOAPayloadType | int | str | None = None,
        ctidTraderAccountId: int | None = None,
        deal: Iterable[ProtoOADeal] | None = None,
        hasMore: bool | None = None,
    ) -> None: ...
    def HasField(self, field_name: Literal["payloadType", "ctidTraderAccountId", "hasMore"]) -> bool: ...
    def ClearField(self, field_name: Literal["payloadType", "ctidTraderAccountId", "deal", "hasMore"]) -> None: ...

class ProtoOAOrderListReq(Message):
    """Ask for the account's orders in a period, done ones included.

    Historical by most clients' reckoning: 5 requests a second.

    Can be refused with INCORRECT_BOUNDARIES.

    Closed by ProtoOAOrderListRes.
    """

    DESCRIPTOR: Descriptor
    payloadType: int
    """Always 2175, which is its default: leave it unset."""
    ctidTraderAccountId: int
    """The account it is about; it has to be authorised on this connection."""
    fromTimestamp: int
    """Where it begins, milliseconds since the epoch, UTC, at least 0; absent: as far back as there is (unconfirmed). A
    week at most was the written limit before release 89.
    """
    toTimestamp: int
    """Where it ends, milliseconds since the epoch, UTC, at most 2147483646000; absent: now (unconfirmed)."""
    def __init__(
        self,
        *,
        payloadType: ProtoOAPayloadType | int | str | None = None,
        ctidTraderAccountId: int | None = None,
        fromTimestamp: int | None = None,
        toTimestamp: int | None = None,
    ) -> None: ...
    def HasField(
        self, field_name: Literal["payloadType", "ctidTraderAccountId", "fromTimestamp", "toTimestamp"]
    ) -> bool: ...
    def ClearField(
        self, field_name: Literal["payloadType", "ctidTraderAccountId", "fromTimestamp", "toTimestamp"]
    ) -> None: ...

class ProtoOAOrderListRes(Message):
    """Orders of the account, protective ones included (observed)."""

    DESCRIPTOR: Descriptor
    payloadType: int
    """Always 2176. The server leaves it out; go by the type in the envelope."""
    ctidTraderAccountId: int
    """The account of the request."""
    @property
    def order(self) -> RepeatedCompositeFieldContainer[ProtoOAOrder]:
        """Empty if none fall into the period. A closing order shows the position's levels here (observed)."""

    hasMore: bool
    """Whether older ones in the period were left out: ask again up to the oldest one's time."""
    def __init__(
        self,
        *,
        payloadType: ProtoOAPayloadType | int | str | None = None,
        ctidTraderAccountId: int | None = None,
        order: Iterable[ProtoOAOrder] | None = None,
        hasMore: bool | None = None,
    ) -> None: ...
    def HasField(self, field_name: Literal["payloadType", "ctidTraderAccountId", "hasMore"]) -> bool: ...
    def ClearField(self, field_name: Literal["payloadType", "ctidTraderAccountId", "order", "hasMore"]) -> None: ...

class ProtoOAExpectedMarginReq(Message):
    """Ask how much margin orders of some volumes would need.

    Can be refused with UNKNOWN_SYMBOL, SYMBOL_NOT_FOUND or NO_QUOTES.

    Closed by ProtoOAExpectedMarginRes.
    """

    DESCRIPTOR: Descriptor
    payloadType: int
    """Always 2139, which is its default: leave it unset."""
    ctidTraderAccountId: int
    """The account it is about; it has to be authorised on this connection."""
    symbolId: int
    """From ProtoOASymbolsListRes of the same account; other brokers number theirs differently."""
    @property
    def volume(self) -> RepeatedScalarFieldContainer[int]:
        """One or several, in hundredths of a unit."""

    def __init__(
        self,
        *,
        payloadType: ProtoOAPayloadType | int | str | None = None,
        ctidTraderAccountId: int | None = None,
        symbolId: int | None = None,
        volume: Iterable[int] | None = None,
    ) -> None: ...
    def HasField(self, field_name: Literal["payloadType", "ctidTraderAccountId", "symbolId"]) -> bool: ...
    def ClearField(self, field_name: Literal["payloadType", "ctidTraderAccountId", "symbolId", "volume"]) -> None: ...

class ProtoOAExpectedMarginRes(Message):
    """The margin that each volume would need, at the prices of now."""

    DESCRIPTOR: Descriptor
    payloadType: int
    """Always 2140. The server leaves it out; go by the type in the envelope."""
    ctidTraderAccountId: int
    """The account of the request."""
    @property
    def margin(self) -> RepeatedCompositeFieldContainer[ProtoOAExpectedMargin]:
        """One entry for each volume asked for."""

    moneyDigits: int
    """The power of ten of the entries' money; absent: clients assume 2."""
    def __init__(
        self,
        *,
        payloadType: ProtoOAPayloadType | int | str | None = None,
        ctidTraderAccountId: int | None = None,
        margin: Iterable[ProtoOAExpectedMargin] | None = None,
        moneyDigits: int | None = None,
    ) -> None: ...
    def HasField(self, field_name: Literal["payloadType", "ctidTraderAccountId", "moneyDigits"]) -> bool: ...
    def ClearField(
        self, field_name: Literal["payloadType", "ctidTraderAccountId", "margin", "moneyDigits"]
    ) -> None: ...

class ProtoOAMarginChangedEvent(Message):
    """Pushed when the margin that a position uses has changed; documented, never observed."""

    DESCRIPTOR: Descriptor
    payloadType: int
    """Always 2141. The server leaves it out; go by the type in the envelope."""
    ctidTraderAccountId: int
    """The account concerned: one connection can have several."""
    positionId: int
    """The position (here as an unsigned number)."""
    usedMargin: int
    """Afterwards, money × 10^moneyDigits."""
    moneyDigits: int
    """The power of ten of this message's money; absent: clients assume 2."""
    def __init__(
        self,
        *,
        payloadType: ProtoOAPayloadType | int | str | None = None,
        ctidTraderAccountId: int | None = None,
        positionId: int | None = None,
        usedMargin: int | None = None,
        moneyDigits: int | None = None,
    ) -> None: ...
    def HasField(
        self, field_name: Literal["payloadType", "ctidTraderAccountId", "positionId", "usedMargin", "moneyDigits"]
    ) -> bool: ...
    def ClearField(
        self, field_name: Literal["payloadType", "ctidTraderAccountId", "positionId", "usedMargin", "moneyDigits"]
    ) -> None: ...

class ProtoOACashFlowHistoryListReq(Message):
    """Ask for deposits, withdrawals and other changes of the balance in a period of a week at most.

    Historical by most clients' reckoning: 5 requests a second.

    Can be refused with INCORRECT_BOUNDARIES.

    Closed by ProtoOACashFlowHistoryListRes.
    """

    DESCRIPTOR: Descriptor
    payloadType: int
    """Always 2143, which is its default: leave it unset."""
    ctidTraderAccountId: int
    """The account it is about; it has to be authorised on this connection."""
    fromTimestamp: int
    """Where it begins, milliseconds since the epoch, UTC, at least 0."""
    toTimestamp: int
    """Where it ends, milliseconds since the epoch, UTC; at most 604 800 000 after fromTimestamp."""
    def __init__(
        self,
        *,
        payloadType: ProtoOAPayloadType | int | str | None = None,
        ctidTraderAccountId: int | None = None,
        fromTimestamp: int | None = None,
        toTimestamp: int | None = None,
    ) -> None: ...
    def HasField(
        self, field_name: Literal["payloadType", "ctidTraderAccountId", "fromTimestamp", "toTimestamp"]
    ) -> bool: ...
    def ClearField(
        self, field_name: Literal["payloadType", "ctidTraderAccountId", "fromTimestamp", "toTimestamp"]
    ) -> None: ...

class ProtoOACashFlowHistoryListRes(Message):
    """Changes of the balance other than by trading; it never says that there are more."""

    DESCRIPTOR: Descriptor
    payloadType: int
    """Always 2144. The server leaves it out; go by the type in the envelope."""
    ctidTraderAccountId: int
    """The account of the request."""
    @property
    def depositWithdraw(self) -> RepeatedCompositeFieldContainer[ProtoOADepositWithdraw]:
        """Empty if none fall into the period."""

    def __init__(
        self,
        *,
        payloadType: ProtoOAPayloadType | int | str | None = None,
        ctidTraderAccountId: int | None = None,
        depositWithdraw: Iterable[ProtoOADepositWithdraw] | None = None,
    ) -> None: ...
    def HasField(self, field_name: Literal["payloadType", "ctidTraderAccountId"]) -> bool: ...
    def ClearField(self, field_name: Literal["payloadType", "ctidTraderAccountId", "depositWithdraw"]) -> None: ...

class ProtoOAGetAccountListByAccessTokenReq(Message):
    """Ask which accounts a token gives access to.

    Needs the application authorised, no account; either host lists live and demo accounts alike (observed).

    Can be refused with CH_ACCESS_TOKEN_INVALID or OA_AUTH_TOKEN_EXPIRED.

    Closed by ProtoOAGetAccountListByAccessTokenRes.
    """

    DESCRIPTOR: Descriptor
    payloadType: int
    """Always 2149, which is its default: leave it unset."""
    accessToken: str
    """Belongs in no log."""
    def __init__(
        self, *, payloadType: ProtoOAPayloadType | int | str | None = None, accessToken: str | None = None
    ) -> None: ...
    def HasField(self, field_name: Literal["payloadType", "accessToken"]) -> bool: ...
    def ClearField(self, field_name: Literal["payloadType", "accessToken"]) -> None: ...

class ProtoOAGetAccountListByAccessTokenRes(Message):
    """The accounts behind a token."""

    DESCRIPTOR: Descriptor
    payloadType: int
    """Always 2150. The server leaves it out; go by the type in the envelope."""
    accessToken: str
    """The token that was asked about, in clear: belongs in no log."""
    permissionScope: int
    """Whether the token may trade; absent reads as SCOPE_VIEW."""
    @property
    def ctidTraderAccount(self) -> RepeatedCompositeFieldContainer[ProtoOACtidTraderAccount]:
        """Both live and demo ones: isLive says which host to open each on."""

    def __init__(
        self,
        *,
        payloadType: ProtoOAPayloadType | int | str | None = None,
        accessToken: str | None = None,
        permissionScope: ProtoOAClientPermissionScope | int | str | None = None,
        ctidTraderAccount: Iterable[ProtoOACtidTraderAccount] | None = None,
    ) -> None: ...
    def HasField(self, field_name: Literal["payloadType", "accessToken", "permissionScope"]) -> bool: ...
    def ClearField(
        self, field_name: Literal["payloadType", "accessToken", "permissionScope", "ctidTraderAccount"]
    ) -> None: ...

class ProtoOARefreshTokenReq(Message):
    """Exchange a refresh token for a new pair of tokens.

    Needs the application authorised, no account. It ends the sessions of the accounts behind the old pair: authorise
    them again with the new token. If the answer is lost the tokens are, so keep the connection open for it.

    Can be refused with CH_ACCESS_TOKEN_INVALID (observed).

    Leads to ProtoOAAccountsTokenInvalidatedEvent and ProtoOAAccountDisconnectEvent for the accounts behind the old
    pair.

    Closed by ProtoOARefreshTokenRes.
    """

    DESCRIPTOR: Descriptor
    payloadType: int
    """Always 2173, which is its default: leave it unset."""
    refreshToken: str
    """Good for one use; belongs in no log."""
    def __init__(
        self, *, payloadType: ProtoOAPayloadType | int | str | None = None, refreshToken: str | None = None
    ) -> None: ...
    def HasField(self, field_name: Literal["payloadType", "refreshToken"]) -> bool: ...
    def ClearField(self, field_name: Literal["payloadType", "refreshToken"]) -> None: ...

class ProtoOARefreshTokenRes(Message):
    """A new pair of tokens; store both before using either."""

    DESCRIPTOR: Descriptor
    payloadType: int
    """Always 2174. The server leaves it out; go by the type in the envelope."""
    accessToken: str
    """The new one; belongs in no log."""
    tokenType: str
    """"bearer"."""
    expiresIn: int
    """How long the access token is good, in seconds: 2 628 000, about 30 days."""
    refreshToken: str
    """The new one, good until it is used; belongs in no log."""
    def __init__(
        self,
        *,
        payloadType: ProtoOAPayloadType | int | str | None = None,
        accessToken: str | None = None,
        tokenType: str | None = None,
        expiresIn: int | None = None,
        refreshToken: str | None = None,
    ) -> None: ...
    def HasField(
        self, field_name: Literal["payloadType", "accessToken", "tokenType", "expiresIn", "refreshToken"]
    ) -> bool: ...
    def ClearField(
        self, field_name: Literal["payloadType", "accessToken", "tokenType", "expiresIn", "refreshToken"]
    ) -> None: ...

class ProtoOASubscribeSpotsReq(Message):
    """Subscribe to the quotes of symbols.

    Listen for ProtoOASpotEvent before sending it: the first was observed ahead of the answer. The server refuses to
    subscribe twice (ALREADY_SUBSCRIBED; OpenApiClient.request says when that is an error here). A subscription is lost
    with the connection.

    Can be refused with ALREADY_SUBSCRIBED (observed), SYMBOL_NOT_FOUND or UNKNOWN_SYMBOL.

    Leads to ProtoOASpotEvent.

    Closed by ProtoOASubscribeSpotsRes, which only says that it is queued: the first event with both sides follows, also
    when the market is closed.
    """

    DESCRIPTOR: Descriptor
    payloadType: int
    """Always 2127, which is its default: leave it unset."""
    ctidTraderAccountId: int
    """The account it is about; it has to be authorised on this connection."""
    @property
    def symbolId(self) -> RepeatedScalarFieldContainer[int]:
        """From ProtoOASymbolsListRes; an unknown one may silently give nothing."""

    subscribeToSpotTimestamp: bool
    """Whether events are to carry their time; absent means false."""
    def __init__(
        self,
        *,
        payloadType: ProtoOAPayloadType | int | str | None = None,
        ctidTraderAccountId: int | None = None,
        symbolId: Iterable[int] | None = None,
        subscribeToSpotTimestamp: bool | None = None,
    ) -> None: ...
    def HasField(
        self, field_name: Literal["payloadType", "ctidTraderAccountId", "subscribeToSpotTimestamp"]
    ) -> bool: ...
    def ClearField(
        self, field_name: Literal["payloadType", "ctidTraderAccountId", "symbolId", "subscribeToSpotTimestamp"]
    ) -> None: ...

class ProtoOASubscribeSpotsRes(Message):
    """The subscription is queued; the first ProtoOASpotEvent may have come already."""

    DESCRIPTOR: Descriptor
    payloadType: int
    """Always 2128. The server leaves it out; go by the type in the envelope."""
    ctidTraderAccountId: int
    """The account of the request."""
    def __init__(
        self, *, payloadType: ProtoOAPayloadType | int | str | None = None, ctidTraderAccountId: int | None = None
    ) -> None: ...
    def HasField(self, field_name: Literal["payloadType", "ctidTraderAccountId"]) -> bool: ...
    def ClearField(self, field_name: Literal["payloadType", "ctidTraderAccountId"]) -> None: ...

class ProtoOAUnsubscribeSpotsReq(Message):
    """End subscriptions to quotes.

    Closed by ProtoOAUnsubscribeSpotsRes; a few more events can follow.
    """

    DESCRIPTOR: Descriptor
    payloadType: int
    """Always 2129, which is its default: leave it unset."""
    ctidTraderAccountId: int
    """The account it is about; it has to be authorised on this connection."""
    @property
    def symbolId(self) -> RepeatedScalarFieldContainer[int]:
        """Symbols that are subscribed now."""

    def __init__(
        self,
        *,
        payloadType: ProtoOAPayloadType | int | str | None = None,
        ctidTraderAccountId: int | None = None,
        symbolId: Iterable[int] | None = None,
    ) -> None: ...
    def HasField(self, field_name: Literal["payloadType", "ctidTraderAccountId"]) -> bool: ...
    def ClearField(self, field_name: Literal["payloadType", "ctidTraderAccountId", "symbolId"]) -> None: ...

class ProtoOAUnsubscribeSpotsRes(Message):
    """The subscription ends; a few more ProtoOASpotEvent can follow."""

    DESCRIPTOR: Descriptor
    payloadType: int
    """Always 2130. The server leaves it out; go by the type in the envelope."""
    ctidTraderAccountId: int
    """The account of the request."""
    def __init__(
        self, *, payloadType: ProtoOAPayloadType | int | str | None = None, ctidTraderAccountId: int | None = None
    ) -> None: ...
    def HasField(self, field_name: Literal["payloadType", "ctidTraderAccountId"]) -> bool: ...
    def ClearField(self, field_name: Literal["payloadType", "ctidTraderAccountId"]) -> None: ...

class ProtoOASpotEvent(Message):
    """Pushed for each change of a subscribed symbol's quote, as a rule with only the side that changed: keep the last
    of each.

    Live trendbars ride on it.
    """

    DESCRIPTOR: Descriptor
    payloadType: int
    """Always 2131. The server leaves it out; go by the type in the envelope."""
    ctidTraderAccountId: int
    """The account concerned: one connection can have several."""
    symbolId: int
    """The symbol quoted."""
    bid: int
    """Price × 100 000; absent if it did not change."""
    ask: int
    """Price × 100 000; absent if it did not change."""
    @property
    def trendbar(self) -> RepeatedCompositeFieldContainer[ProtoOATrendbar]:
        """One bar for each live trendbar subscription, without deltaClose: the close is the bid. Empty in events of the
        ask alone. Nothing says that a bar is closed, except a newer one.
        """

    sessionClose: int
    """The last session's closing price × 100 000; absent in most events."""
    timestamp: int
    """Milliseconds since the epoch, UTC; absent unless subscribeToSpotTimestamp was set."""
    def __init__(
        self,
        *,
        payloadType: ProtoOAPayloadType | int | str | None = None,
        ctidTraderAccountId: int | None = None,
        symbolId: int | None = None,
        bid: int | None = None,
        ask: int | None = None,
        trendbar: Iterable[ProtoOATrendbar] | None = None,
        sessionClose: int | None = None,
        timestamp: int | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "payloadType",
            "ctidTraderAccountId",
            "symbolId",
            "bid",
            "ask",
            "sessionClose",
            "timestamp",
        ],
    ) -> bool: ...
    def ClearField(
        self,
        field_name: Literal[
            "payloadType",
            "ctidTraderAccountId",
            "symbolId",
            "bid",
            "ask",
            "trendbar",
            "sessionClose",
            "timestamp",
        ],
    ) -> None: ...

class ProtoOASubscribeLiveTrendbarReq(Message):
    """Subscribe to live bars of one period; they come with ProtoOASpotEvent.

    The symbol's spots have to be subscribed first. Lost with the connection.

    Can be refused with INVALID_REQUEST (observed: its spots are not subscribed), NOT_SUBSCRIBED_TO_SPOTS or
    ALREADY_SUBSCRIBED (observed).

    Leads to ProtoOASpotEvent with a trendbar, the first at once (observed).

    Closed by ProtoOASubscribeLiveTrendbarRes.
    """

    DESCRIPTOR: Descriptor
    payloadType: int
    """Always 2135, which is its default: leave it unset."""
    ctidTraderAccountId: int
    """The account it is about; it has to be authorised on this connection."""
    period: int
    """One for each request; several can be subscribed at once."""
    symbolId: int
    """A symbol whose spots are subscribed, else INVALID_REQUEST (observed)."""
    def __init__(
        self,
        *,
        payloadType: ProtoOAPayloadType | int | str | None = None,
        ctidTraderAccountId: int | None = None,
        period: ProtoOATrendbarPeriod | int | str | None = None,
        symbolId: int | None = None,
    ) -> None: ...
    def HasField(self, field_name: Literal["payloadType", "ctidTraderAccountId", "period", "symbolId"]) -> bool: ...
    def ClearField(self, field_name: Literal["payloadType", "ctidTraderAccountId", "period", "symbolId"]) -> None: ...

class ProtoOASubscribeLiveTrendbarRes(Message):
    """The subscription stands; a first bar follows at once, over a weekend one that is closed already (observed)."""

    DESCRIPTOR: Descriptor
    payloadType: int
    """Always 2165. The server leaves it out; go by the type in the envelope."""
    ctidTraderAccountId: int
    """The account of the request."""
    def __init__(
        self, *, payloadType: ProtoOAPayloadType | int | str | None = None, ctidTraderAccountId: int | None = None
    ) -> None: ...
    def HasField(self, field_name: Literal["payloadType", "ctidTraderAccountId"]) -> bool: ...
    def ClearField(self, field_name: Literal["payloadType", "ctidTraderAccountId"]) -> None: ...

class ProtoOAUnsubscribeLiveTrendbarReq(Message):
    """End a subscription to live bars; that to spots stays.

    Closed by ProtoOAUnsubscribeLiveTrendbarRes.
    """

    DESCRIPTOR: Descriptor
    payloadType: int
    """Always 2136, which is its default: leave it unset."""
    ctidTraderAccountId: int
    """The account it is about; it has to be authorised on this connection."""
    period: int
    """As it was subscribed."""
    symbolId: int
    """As it was subscribed."""
    def __init__(
        self,
        *,
        payloadType: ProtoOAPayloadType | int | str | None = None,
        ctidTraderAccountId: int | None = None,
        period: ProtoOATrendbarPeriod | int | str | None = None,
        symbolId: int | None = None,
    ) -> None: ...
    def HasField(self, field_name: Literal["payloadType", "ctidTraderAccountId", "period", "symbolId"]) -> bool: ...
    def ClearField(self, field_name: Literal["payloadType", "ctidTraderAccountId", "period", "symbolId"]) -> None: ...

class ProtoOAUnsubscribeLiveTrendbarRes(Message):
    """The subscription has ended."""

    DESCRIPTOR: Descriptor
    payloadType: int
    """Always 2166. The server leaves it out; go by the type in the envelope."""
    ctidTraderAccountId: int
    """The account of the request."""
    def __init__(
        self, *, payloadType: ProtoOAPayloadType | int | str | None = None, ctidTraderAccountId: int | None = None
    ) -> None: ...
    def HasField(self, field_name: Literal["payloadType", "ctidTraderAccountId"]) -> bool: ...
    def ClearField(self, field_name: Literal["payloadType", "ctidTraderAccountId"]) -> None: ...

class ProtoOAGetTrendbarsReq(Message):
    """Ask for historical bars.

    Historical: 5 requests a second. Page backwards from the oldest bar served, and drop what falls outside the period:
    a page can hold a bar less than asked for.

    Can be refused with INCORRECT_BOUNDARIES, or UNKNOWN_SYMBOL or SYMBOL_NOT_FOUND (both observed).

    Closed by ProtoOAGetTrendbarsRes.
    """

    DESCRIPTOR: Descriptor
    payloadType: int
    """Always 2137, which is its default: leave it unset."""
    ctidTraderAccountId: int
    """The account it is about; it has to be authorised on this connection."""
    fromTimestamp: int
    """The earliest opening, milliseconds since the epoch, UTC, at least 0. `count` wins over it: older bars can come
    (observed). Absent: left to `count`.
    """
    toTimestamp: int
    """The latest opening, itself included, milliseconds since the epoch, UTC, at most 2147483646000; absent: now
    (unconfirmed).
    """
    period: int
    """The bars in the answer do not repeat it."""
    symbolId: int
    """From ProtoOASymbolsListRes of the same account; other brokers number theirs differently."""
    count: int
    """The most bars to return, counted back from toTimestamp; 5000 was observed to work. Absent: the server's chunk."""
    def __init__(
        self,
        *,
        payloadType: ProtoOAPayloadType | int | str | None = None,
        ctidTraderAccountId: int | None = None,
        fromTimestamp: int | None = None,
        toTimestamp: int | None = None,
        period: ProtoOATrendbarPeriod | int | str | None = None,
        symbolId: int | None = None,
        count: int | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "payloadType",
            "ctidTraderAccountId",
            "fromTimestamp",
            "toTimestamp",
            "period",
            "symbolId",
            "count",
        ],
    ) -> bool: ...
    def ClearField(
        self,
        field_name: Literal[
            "payloadType",
            "ctidTraderAccountId",
            "fromTimestamp",
            "toTimestamp",
            "period",
            "symbolId",
            "count",
        ],
    ) -> None: ...

class ProtoOAGetTrendbarsRes(Message):
    """Bars, by ascending time within the answer (observed, not promised)."""

    DESCRIPTOR: Descriptor
    payloadType: int
    """Always 2138. The server leaves it out; go by the type in the envelope."""
    ctidTraderAccountId: int
    """The account of the request."""
    period: int
    """As asked for; the bars themselves leave it out."""
    timestamp: int
    """Deprecated, still sent (observed); each bar has its own time. Milliseconds since the epoch, UTC."""
    @property
    def trendbar(self) -> RepeatedCompositeFieldContainer[ProtoOATrendbar]:
        """Bars with deltaClose; empty if the period has no ticks."""

    symbolId: int
    """As asked for; absent is not expected."""
    hasMore: bool
    """Whether older ones in the period were left out; absent reads as false."""
    def __init__(
        self,
        *,
        payloadType: ProtoOAPayloadType | int | str | None = None,
        ctidTraderAccountId: int | None = None,
        period: ProtoOATrendbarPeriod | int | str | None = None,
        timestamp: int | None = None,
        trendbar: Iterable[ProtoOATrendbar] | None = None,
        symbolId: int | None = None,
        hasMore: bool | None = None,
    ) -> None: ...
    def HasField(
        self, field_name: Literal["payloadType", "ctidTraderAccountId", "period", "timestamp", "symbolId", "hasMore"]
    ) -> bool: ...
    def ClearField(
        self,
        field_name: Literal[
            "payloadType",
            "ctidTraderAccountId",
            "period",
            "timestamp",
            "trendbar",
            "symbolId",
            "hasMore",
        ],
    ) -> None: ...

class ProtoOAGetTickDataReq(Message):
    """Ask for historical ticks of one side, of a week at most. Historical: 5 requests a second.

    Can be refused with INCORRECT_BOUNDARIES, or UNKNOWN_SYMBOL or SYMBOL_NOT_FOUND (both observed).

    Closed by ProtoOAGetTickDataRes.
    """

    DESCRIPTOR: Descriptor
    payloadType: int
    """Always 2145, which is its default: leave it unset."""
    ctidTraderAccountId: int
    """The account it is about; it has to be authorised on this connection."""
    symbolId: int
    """From ProtoOASymbolsListRes of the same account; other brokers number theirs differently."""
    type: int
    """BID or ASK: the two are separate histories."""
    fromTimestamp: int
    """Where it begins, milliseconds since the epoch, UTC, at least 0; absent: left to the server (unconfirmed)."""
    toTimestamp: int
    """Where it ends, milliseconds since the epoch, UTC, at most 604 800 000 after fromTimestamp; absent: now
    (unconfirmed).
    """
    def __init__(
        self,
        *,
        payloadType: ProtoOAPayloadType | int | str | None = None,
        ctidTraderAccountId: int | None = None,
        symbolId: int | None = None,
        type: ProtoOAQuoteType | int | str | None = None,
        fromTimestamp: int | None = None,
        toTimestamp: int | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal["payloadType", "ctidTraderAccountId", "symbolId", "type", "fromTimestamp", "toTimestamp"],
    ) -> bool: ...
    def ClearField(
        self,
        field_name: Literal["payloadType", "ctidTraderAccountId", "symbolId", "type", "fromTimestamp", "toTimestamp"],
    ) -> None: ...

class ProtoOAGetTickDataRes(Message):
    """Ticks, newest first, as differences: add them up from the first one on."""

    DESCRIPTOR: Descriptor
    payloadType: int
    """Always 2146. The server leaves it out; go by the type in the envelope."""
    ctidTraderAccountId: int
    """The account of the request."""
    @property
    def tickData(self) -> RepeatedCompositeFieldContainer[ProtoOATickData]:
        """The first is absolute, and each answer begins anew; empty if there were no ticks."""

    hasMore: bool
    """Whether older ones in the period were left out: ask again up to 1 ms before the oldest."""
    def __init__(
        self,
        *,
        payloadType: ProtoOAPayloadType | int | str | None = None,
        ctidTraderAccountId: int | None = None,
        tickData: Iterable[ProtoOATickData] | None = None,
        hasMore: bool | None = None,
    ) -> None: ...
    def HasField(self, field_name: Literal["payloadType", "ctidTraderAccountId", "hasMore"]) -> bool: ...
    def ClearField(self, field_name: Literal["payloadType", "ctidTraderAccountId", "tickData", "hasMore"]) -> None: ...

class ProtoOAGetCtidProfileByTokenReq(Message):
    """Ask whose token it is. Needs the application authorised, no account.

    Can be refused with CH_ACCESS_TOKEN_INVALID or OA_AUTH_TOKEN_EXPIRED.

    Closed by ProtoOAGetCtidProfileByTokenRes.
    """

    DESCRIPTOR: Descriptor
    payloadType: int
    """Always 2151, which is its default: leave it unset."""
    accessToken: str
    """Belongs in no log."""
    def __init__(
        self, *, payloadType: ProtoOAPayloadType | int | str | None = None, accessToken: str | None = None
    ) -> None: ...
    def HasField(self, field_name: Literal["payloadType", "accessToken"]) -> bool: ...
    def ClearField(self, field_name: Literal["payloadType", "accessToken"]) -> None: ...

class ProtoOAGetCtidProfileByTokenRes(Message):
    """The owner of a token."""

    DESCRIPTOR: Descriptor
    payloadType: int
    """Always 2152. The server leaves it out; go by the type in the envelope."""
    @property
    def profile(self) -> ProtoOACtidProfile:
        """Only a number, for the privacy of the owner."""

    def __init__(
        self, *, payloadType: ProtoOAPayloadType | int | str | None = None, profile: ProtoOACtidProfile | None = None
    ) -> None: ...
    def HasField(self, field_name: Literal["payloadType", "profile"]) -> bool: ...
    def ClearField(self, field_name: Literal["payloadType", "profile"]) -> None: ...

class ProtoOADepthEvent(Message):
    """Pushed for each change of a subscribed symbol's order book.

    Begin with an empty book: the first event holds all of it.
    """

    DESCRIPTOR: Descriptor
    payloadType: int
    """Always 2155. The server leaves it out; go by the type in the envelope."""
    ctidTraderAccountId: int
    """The account concerned: one connection can have several."""
    symbolId: int
    """The symbol (here as an unsigned number)."""
    @property
    def newQuotes(self) -> RepeatedCompositeFieldContainer[ProtoOADepthQuote]:
        """Entries to add, by their id; an id already there is replaced."""

    @property
    def deletedQuotes(self) -> RepeatedScalarFieldContainer[int]:
        """The ids of entries to remove."""

    def __init__(
        self,
        *,
        payloadType: ProtoOAPayloadType | int | str | None = None,
        ctidTraderAccountId: int | None = None,
        symbolId: int | None = None,
        newQuotes: Iterable[ProtoOADepthQuote] | None = None,
        deletedQuotes: Iterable[int] | None = None,
    ) -> None: ...
    def HasField(self, field_name: Literal["payloadType", "ctidTraderAccountId", "symbolId"]) -> bool: ...
    def ClearField(
        self, field_name: Literal["payloadType", "ctidTraderAccountId", "symbolId", "newQuotes", "deletedQuotes"]
    ) -> None: ...

class ProtoOASubscribeDepthQuotesReq(Message):
    """Subscribe to the order book of symbols; they come as ProtoOADepthEvent.

    The server refuses to subscribe twice (ALREADY_SUBSCRIBED; OpenApiClient.request says when that is an error here).
    Lost with the connection.

    Can be refused with ALREADY_SUBSCRIBED (observed), SYMBOL_NOT_FOUND or UNKNOWN_SYMBOL.

    Leads to ProtoOADepthEvent.

    Closed by ProtoOASubscribeDepthQuotesRes.
    """

    DESCRIPTOR: Descriptor
    payloadType: int
    """Always 2156, which is its default: leave it unset."""
    ctidTraderAccountId: int
    """The account it is about; it has to be authorised on this connection."""
    @property
    def symbolId(self) -> RepeatedScalarFieldContainer[int]:
        """From ProtoOASymbolsListRes of the same account; other brokers number theirs differently."""

    def __init__(
        self,
        *,
        payloadType: ProtoOAPayloadType | int | str | None = None,
        ctidTraderAccountId: int | None = None,
        symbolId: Iterable[int] | None = None,
    ) -> None: ...
    def HasField(self, field_name: Literal["payloadType", "ctidTraderAccountId"]) -> bool: ...
    def ClearField(self, field_name: Literal["payloadType", "ctidTraderAccountId", "symbolId"]) -> None: ...

class ProtoOASubscribeDepthQuotesRes(Message):
    """The subscription stands; an event with the whole book follows."""

    DESCRIPTOR: Descriptor
    payloadType: int
    """Always 2157. The server leaves it out; go by the type in the envelope."""
    ctidTraderAccountId: int
    """The account of the request."""
    def __init__(
        self, *, payloadType: ProtoOAPayloadType | int | str | None = None, ctidTraderAccountId: int | None = None
    ) -> None: ...
    def HasField(self, field_name: Literal["payloadType", "ctidTraderAccountId"]) -> bool: ...
    def ClearField(self, field_name: Literal["payloadType", "ctidTraderAccountId"]) -> None: ...

class ProtoOAUnsubscribeDepthQuotesReq(Message):
    """End subscriptions to order books.

    Closed by ProtoOAUnsubscribeDepthQuotesRes.
    """

    DESCRIPTOR: Descriptor
    payloadType: int
    """Always 2158, which is its default: leave it unset."""
    ctidTraderAccountId: int
    """The account it is about; it has to be authorised on this connection."""
    @property
    def symbolId(self) -> RepeatedScalarFieldContainer[int]:
        """Symbols whose book is subscribed now."""

    def __init__(
        self,
        *,
        payloadType: ProtoOAPayloadType | int | str | None = None,
        ctidTraderAccountId: int | None = None,
        symbolId: Iterable[int] | None = None,
    ) -> None: ...
    def HasField(self, field_name: Literal["payloadType", "ctidTraderAccountId"]) -> bool: ...
    def ClearField(self, field_name: Literal["payloadType", "ctidTraderAccountId", "symbolId"]) -> None: ...

class ProtoOAUnsubscribeDepthQuotesRes(Message):
    """The subscription has ended; forget the book."""

    DESCRIPTOR: Descriptor
    payloadType: int
    """Always 2159. The server leaves it out; go by the type in the envelope."""
    ctidTraderAccountId: int
    """The account of the request."""
    def __init__(
        self, *, payloadType: ProtoOAPayloadType | int | str | None = None, ctidTraderAccountId: int | None = None
    ) -> None: ...
    def HasField(self, field_name: Literal["payloadType", "ctidTraderAccountId"]) -> bool: ...
    def ClearField(self, field_name: Literal["payloadType", "ctidTraderAccountId"]) -> None: ...

class ProtoOASymbolCategoryListReq(Message):
    """Ask for the groups of symbols within the asset classes.

    Closed by ProtoOASymbolCategoryListRes.
    """

    DESCRIPTOR: Descriptor
    payloadType: int
    """Always 2160, which is its default: leave it unset."""
    ctidTraderAccountId: int
    """The account it is about; it has to be authorised on this connection."""
    def __init__(
        self, *, payloadType: ProtoOAPayloadType | int | str | None = None, ctidTraderAccountId: int | None = None
    ) -> None: ...
    def HasField(self, field_name: Literal["payloadType", "ctidTraderAccountId"]) -> bool: ...
    def ClearField(self, field_name: Literal["payloadType", "ctidTraderAccountId"]) -> None: ...

class ProtoOASymbolCategoryListRes(Message):
    """The categories, which ProtoOALightSymbol points to."""

    DESCRIPTOR: Descriptor
    payloadType: int
    """Always 2161. The server leaves it out; go by the type in the envelope."""
    ctidTraderAccountId: int
    """The account of the request."""
    @property
    def symbolCategory(self) -> RepeatedCompositeFieldContainer[ProtoOASymbolCategory]:
        """All of them; sort by sortingNumber."""

    def __init__(
        self,
        *,
        payloadType: ProtoOAPayloadType | int | str | None = None,
        ctidTraderAccountId: int | None = None,
        symbolCategory: Iterable[ProtoOASymbolCategory] | None = None,
    ) -> None: ...
    def HasField(self, field_name: Literal["payloadType", "ctidTraderAccountId"]) -> bool: ...
    def ClearField(self, field_name: Literal["payloadType", "ctidTraderAccountId", "symbolCategory"]) -> None: ...

class ProtoOAAccountLogoutReq(Message):
    """End an account's session on this connection.

    Leads to ProtoOAAccountDisconnectEvent.

    Closed by ProtoOAAccountLogoutRes, which only acknowledges it: it is done when ProtoOAAccountDisconnectEvent comes.
    """

    DESCRIPTOR: Descriptor
    payloadType: int
    """Always 2162, which is its default: leave it unset."""
    ctidTraderAccountId: int
    """The account it is about; it has to be authorised on this connection."""
    def __init__(
        self, *, payloadType: ProtoOAPayloadType | int | str | None = None, ctidTraderAccountId: int | None = None
    ) -> None: ...
    def HasField(self, field_name: Literal["payloadType", "ctidTraderAccountId"]) -> bool: ...
    def ClearField(self, field_name: Literal["payloadType", "ctidTraderAccountId"]) -> None: ...

class ProtoOAAccountLogoutRes(Message):
    """The logout is under way; ProtoOAAccountDisconnectEvent completes it."""

    DESCRIPTOR: Descriptor
    payloadType: int
    """Always 2163. The server leaves it out; go by the type in the envelope."""
    ctidTraderAccountId: int
    """The account of the request."""
    def __init__(
        self, *, payloadType: ProtoOAPayloadType | int | str | None = None, ctidTraderAccountId: int | None = None
    ) -> None: ...
    def HasField(self, field_name: Literal["payloadType", "ctidTraderAccountId"]) -> bool: ...
    def ClearField(self, field_name: Literal["payloadType", "ctidTraderAccountId"]) -> None: ...

class ProtoOAAccountDisconnectEvent(Message):
    """Pushed when an account's session on this connection is over: after a logout, a refreshed token, or because the
    server dropped it.

    The connection stays, and the account can be authorised again.
    """

    DESCRIPTOR: Descriptor
    payloadType: int
    """Always 2164. The server leaves it out; go by the type in the envelope."""
    ctidTraderAccountId: int
    """The account whose session ended; other accounts keep theirs."""
    def __init__(
        self, *, payloadType: ProtoOAPayloadType | int | str | None = None, ctidTraderAccountId: int | None = None
    ) -> None: ...
    def HasField(self, field_name: Literal["payloadType", "ctidTraderAccountId"]) -> bool: ...
    def ClearField(self, field_name: Literal["payloadType", "ctidTraderAccountId"]) -> None: ...

class ProtoOAMarginCallListReq(Message):
    """Ask for the account's margin call thresholds.

    Closed by ProtoOAMarginCallListRes.
    """

    DESCRIPTOR: Descriptor
    payloadType: int
    """Always 2167, which is its default: leave it unset."""
    ctidTraderAccountId: int
    """The account it is about; it has to be authorised on this connection."""
    def __init__(
        self, *, payloadType: ProtoOAPayloadType | int | str | None = None, ctidTraderAccountId: int | None = None
    ) -> None: ...
    def HasField(self, field_name: Literal["payloadType", "ctidTraderAccountId"]) -> bool: ...
    def ClearField(self, field_name: Literal["payloadType", "ctidTraderAccountId"]) -> None: ...

class ProtoOAMarginCallListRes(Message):
    """The thresholds; it does not repeat whose they are."""

    DESCRIPTOR: Descriptor
    payloadType: int
    """Always 2168. The server leaves it out; go by the type in the envelope."""
    @property
    def marginCall(self) -> RepeatedCompositeFieldContainer[ProtoOAMarginCall]:
        """One entry for each of the three types."""

    def __init__(
        self,
        *,
        payloadType: ProtoOAPayloadType | int | str | None = None,
        marginCall: Iterable[ProtoOAMarginCall] | None = None,
    ) -> None: ...
    def HasField(self, field_name: Literal["payloadType"]) -> bool: ...
    def ClearField(self, field_name: Literal["payloadType", "marginCall"]) -> None: ...

class ProtoOAMarginCallUpdateReq(Message):
    """Set a margin call threshold.

    Can be refused with INVALID_REQUEST.

    Leads to ProtoOAMarginCallUpdateEvent; when the level is reached, to ProtoOAMarginCallTriggerEvent.

    Closed by ProtoOAMarginCallUpdateRes.
    """

    DESCRIPTOR: Descriptor
    payloadType: int
    """Always 2169, which is its default: leave it unset."""
    ctidTraderAccountId: int
    """The account it is about; it has to be authorised on this connection."""
    @property
    def marginCall(self) -> ProtoOAMarginCall:
        """Its marginCallType says which threshold, its marginLevelThreshold the new value."""

    def __init__(
        self,
        *,
        payloadType: ProtoOAPayloadType | int | str | None = None,
        ctidTraderAccountId: int | None = None,
        marginCall: ProtoOAMarginCall | None = None,
    ) -> None: ...
    def HasField(self, field_name: Literal["payloadType", "ctidTraderAccountId", "marginCall"]) -> bool: ...
    def ClearField(self, field_name: Literal["payloadType", "ctidTraderAccountId", "marginCall"]) -> None: ...

class ProtoOAMarginCallUpdateRes(Message):
    """The threshold is set; it does not repeat which."""

    DESCRIPTOR: Descriptor
    payloadType: int
    """Always 2170. The server leaves it out; go by the type in the envelope."""
    def __init__(self, *, payloadType: ProtoOAPayloadType | int | str | None = None) -> None: ...
    def HasField(self, field_name: Literal["payloadType"]) -> bool: ...
    def ClearField(self, field_name: Literal["payloadType"]) -> None: ...

class ProtoOAMarginCallUpdateEvent(Message):
    """Pushed when a margin call threshold was set, by any client of the account."""

    DESCRIPTOR: Descriptor
    payloadType: int
    """Always 2171. The server leaves it out; go by the type in the envelope."""
    ctidTraderAccountId: int
    """The account concerned: one connection can have several."""
    @property
    def marginCall(self) -> ProtoOAMarginCall:
        """As it is afterwards."""

    def __init__(
        self,
        *,
        payloadType: ProtoOAPayloadType | int | str | None = None,
        ctidTraderAccountId: int | None = None,
        marginCall: ProtoOAMarginCall | None = None,
    ) -> None: ...
    def HasField(self, field_name: Literal["payloadType", "ctidTraderAccountId", "marginCall"]) -> bool: ...
    def ClearField(self, field_name: Literal["payloadType", "ctidTraderAccountId", "marginCall"]) -> None: ...

class ProtoOAMarginCallTriggerEvent(Message):
    """Pushed when the margin level has reached a threshold, at most once in 10 minutes."""

    DESCRIPTOR: Descriptor
    payloadType: int
    """Always 2172. The server leaves it out; go by the type in the envelope."""
    ctidTraderAccountId: int
    """The account concerned: one connection can have several."""
    @property
    def marginCall(self) -> ProtoOAMarginCall:
        """The threshold that was reached."""

    def __init__(
        self,
        *,
        payloadType: ProtoOAPayloadType | int | str | None = None,
        ctidTraderAccountId: int | None = None,
        marginCall: ProtoOAMarginCall | None = None,
    ) -> None: ...
    def HasField(self, field_name: Literal["payloadType", "ctidTraderAccountId", "marginCall"]) -> bool: ...
    def ClearField(self, field_name: Literal["payloadType", "ctidTraderAccountId", "marginCall"]) -> None: ...

class ProtoOAGetDynamicLeverageByIDReq(Message):
    """Ask for the tiers of a dynamic leverage.

    Can be refused with ENTITY_NOT_FOUND.

    Closed by ProtoOAGetDynamicLeverageByIDRes.
    """

    DESCRIPTOR: Descriptor
    payloadType: int
    """Always 2177, which is its default: leave it unset."""
    ctidTraderAccountId: int
    """The account it is about; it has to be authorised on this connection."""
    leverageId: int
    """From ProtoOASymbol.leverageId."""
    def __init__(
        self,
        *,
        payloadType: ProtoOAPayloadType | int | str | None = None,
        ctidTraderAccountId: int | None = None,
        leverageId: int | None = None,
    ) -> None: ...
    def HasField(self, field_name: Literal["payloadType", "ctidTraderAccountId", "leverageId"]) -> bool: ...
    def ClearField(self, field_name: Literal["payloadType", "ctidTraderAccountId", "leverageId"]) -> None: ...

class ProtoOAGetDynamicLeverageByIDRes(Message):
    """A dynamic leverage; several symbols can share one."""

    DESCRIPTOR: Descriptor
    payloadType: int
    """Always 2178. The server leaves it out; go by the type in the envelope."""
    ctidTraderAccountId: int
    """The account of the request."""
    @property
    def leverage(self) -> ProtoOADynamicLeverage:
        """With all its tiers."""

    def __init__(
        self,
        *,
        payloadType: ProtoOAPayloadType | int | str | None = None,
        ctidTraderAccountId: int | None = None,
        leverage: ProtoOADynamicLeverage | None = None,
    ) -> None: ...
    def HasField(self, field_name: Literal["payloadType", "ctidTraderAccountId", "leverage"]) -> bool: ...
    def ClearField(self, field_name: Literal["payloadType", "ctidTraderAccountId", "leverage"]) -> None: ...

class ProtoOADealListByPositionIdReq(Message):
    """Ask for the deals of one position. Historical by most clients' reckoning: 5 requests a second.

    Can be refused with POSITION_NOT_FOUND or INCORRECT_BOUNDARIES.

    Closed by ProtoOADealListByPositionIdRes.
    """

    DESCRIPTOR: Descriptor
    payloadType: int
    """Always 2179, which is its default: leave it unset."""
    ctidTraderAccountId: int
    """The account it is about; it has to be authorised on this connection."""
    positionId: int
    """An open or a closed one."""
    fromTimestamp: int
    """Where it begins, milliseconds since the epoch, UTC, at least 0; absent: the position's beginning."""
    toTimestamp: int
    """Where it ends, milliseconds since the epoch, UTC, at most 2147483646000; absent: now (unconfirmed)."""
    def __init__(
        self,
        *,
        payloadType: ProtoOAPayloadType | int | str | None = None,
        ctidTraderAccountId: int | None = None,
        positionId: int | None = None,
        fromTimestamp: int | None = None,
        toTimestamp: int | None = None,
    ) -> None: ...
    def HasField(
        self, field_name: Literal["payloadType", "ctidTraderAccountId", "positionId", "fromTimestamp", "toTimestamp"]
    ) -> bool: ...
    def ClearField(
        self, field_name: Literal["payloadType", "ctidTraderAccountId", "positionId", "fromTimestamp", "toTimestamp"]
    ) -> None: ...

class ProtoOADealListByPositionIdRes(Message):
    """Deals of a position, newest first (observed)."""

    DESCRIPTOR: Descriptor
    payloadType: int
    """Always 2180. The server leaves it out; go by the type in the envelope."""
    ctidTraderAccountId: int
    """The account of the request."""
    @property
    def deal(self) -> RepeatedCompositeFieldContainer[ProtoOADeal]:
        """Those that opened, added to or closed it."""

    hasMore: bool
    """Whether older ones in the period were left out: ask again up to the oldest one's time."""
    def __init__(
        self,
        *,
        payloadType: ProtoOAPayloadType | int | str | None = None,
        ctidTraderAccountId: int | None = None,
        deal: Iterable[ProtoOADeal] | None = None,
        hasMore: bool | None = None,
    ) -> None: ...
    def HasField(self, field_name: Literal["payloadType", "ctidTraderAccountId", "hasMore"]) -> bool: ...
    def ClearField(self, field_name: Literal["payloadType", "ctidTraderAccountId", "deal", "hasMore"]) -> None: ...

class ProtoOAOrderDetailsReq(Message):
    """Ask for one order and its deals (whether it counts as historical is unconfirmed).

    Can be refused with ORDER_NOT_FOUND.

    Closed by ProtoOAOrderDetailsRes.
    """

    DESCRIPTOR: Descriptor
    payloadType: int
    """Always 2181, which is its default: leave it unset."""
    ctidTraderAccountId: int
    """The account it is about; it has to be authorised on this connection."""
    orderId: int
    """A pending or a done one."""
    def __init__(
        self,
        *,
        payloadType: ProtoOAPayloadType | int | str | None = None,
        ctidTraderAccountId: int | None = None,
        orderId: int | None = None,
    ) -> None: ...
    def HasField(self, field_name: Literal["payloadType", "ctidTraderAccountId", "orderId"]) -> bool: ...
    def ClearField(self, field_name: Literal["payloadType", "ctidTraderAccountId", "orderId"]) -> None: ...

class ProtoOAOrderDetailsRes(Message):
    """An order with what was executed of it."""

    DESCRIPTOR: Descriptor
    payloadType: int
    """Always 2182. The server leaves it out; go by the type in the envelope."""
    ctidTraderAccountId: int
    """The account of the request."""
    @property
    def order(self) -> ProtoOAOrder:
        """As it is now."""

    @property
    def deal(self) -> RepeatedCompositeFieldContainer[ProtoOADeal]:
        """Empty if nothing was executed."""

    def __init__(
        self,
        *,
        payloadType: ProtoOAPayloadType | int | str | None = None,
        ctidTraderAccountId: int | None = None,
        order: ProtoOAOrder | None = None,
        deal: Iterable[ProtoOADeal] | None = None,
    ) -> None: ...
    def HasField(self, field_name: Literal["payloadType", "ctidTraderAccountId", "order"]) -> bool: ...
    def ClearField(self, field_name: Literal["payloadType", "ctidTraderAccountId", "order", "deal"]) -> None: ...

class ProtoOAOrderListByPositionIdReq(Message):
    """Ask for the orders of one position. Historical by most clients' reckoning: 5 requests a second.

    Can be refused with POSITION_NOT_FOUND or INCORRECT_BOUNDARIES.

    Closed by ProtoOAOrderListByPositionIdRes.
    """

    DESCRIPTOR: Descriptor
    payloadType: int
    """Always 2183, which is its default: leave it unset."""
    ctidTraderAccountId: int
    """The account it is about; it has to be authorised on this connection."""
    positionId: int
    """An open or a closed one."""
    fromTimestamp: int
    """Where it begins, milliseconds since the epoch, UTC, at least 0; absent: the position's beginning."""
    toTimestamp: int
    """Where it ends, milliseconds since the epoch, UTC, at most 2147483646000; absent: now (unconfirmed)."""
    def __init__(
        self,
        *,
        payloadType: ProtoOAPayloadType | int | str | None = None,
        ctidTraderAccountId: int | None = None,
        positionId: int | None = None,
        fromTimestamp: int | None = None,
        toTimestamp: int | None = None,
    ) -> None: ...
    def HasField(
        self, field_name: Literal["payloadType", "ctidTraderAccountId", "positionId", "fromTimestamp", "toTimestamp"]
    ) -> bool: ...
    def ClearField(
        self, field_name: Literal["payloadType", "ctidTraderAccountId", "positionId", "fromTimestamp", "toTimestamp"]
    ) -> None: ...

class ProtoOAOrderListByPositionIdRes(Message):
    """Orders of a position, newest first."""

    DESCRIPTOR: Descriptor
    payloadType: int
    """Always 2184. The server leaves it out; go by the type in the envelope."""
    ctidTraderAccountId: int
    """The account of the request."""
    @property
    def order(self) -> RepeatedCompositeFieldContainer[ProtoOAOrder]:
        """Those that opened, added to or closed it, without the protective one (observed)."""

    hasMore: bool
    """Whether older ones in the period were left out: ask again up to the oldest one's time."""
    def __init__(
        self,
        *,
        payloadType: ProtoOAPayloadType | int | str | None = None,
        ctidTraderAccountId: int | None = None,
        order: Iterable[ProtoOAOrder] | None = None,
        hasMore: bool | None = None,
    ) -> None: ...
    def HasField(self, field_name: Literal["payloadType", "ctidTraderAccountId", "hasMore"]) -> bool: ...
    def ClearField(self, field_name: Literal["payloadType", "ctidTraderAccountId", "order", "hasMore"]) -> None: ...

class ProtoOADealOffsetListReq(Message):
    """Ask which deals a deal was set against: closing takes the oldest deal first.

    Can be refused with ENTITY_NOT_FOUND.

    Closed by ProtoOADealOffsetListRes.
    """

    DESCRIPTOR: Descriptor
    payloadType: int
    """Always 2185, which is its default: leave it unset."""
    ctidTraderAccountId: int
    """The account it is about; it has to be authorised on this connection."""
    dealId: int
    """An opening or a closing one."""
    def __init__(
        self,
        *,
        payloadType: ProtoOAPayloadType | int | str | None = None,
        ctidTraderAccountId: int | None = None,
        dealId: int | None = None,
    ) -> None: ...
    def HasField(self, field_name: Literal["payloadType", "ctidTraderAccountId", "dealId"]) -> bool: ...
    def ClearField(self, field_name: Literal["payloadType", "ctidTraderAccountId", "dealId"]) -> None: ...

class ProtoOADealOffsetListRes(Message):
    """The deals on the other side of a deal."""

    DESCRIPTOR: Descriptor
    payloadType: int
    """Always 2186. The server leaves it out; go by the type in the envelope."""
    ctidTraderAccountId: int
    """The account of the request."""
    @property
    def offsetBy(self) -> RepeatedCompositeFieldContainer[ProtoOADealOffset]:
        """For a deal that opened: those that closed it. Else empty."""

    @property
    def offsetting(self) -> RepeatedCompositeFieldContainer[ProtoOADealOffset]:
        """For a deal that closed: those that it closed. Else empty."""

    def __init__(
        self,
        *,
        payloadType: ProtoOAPayloadType | int | str | None = None,
        ctidTraderAccountId: int | None = None,
        offsetBy: Iterable[ProtoOADealOffset] | None = None,
        offsetting: Iterable[ProtoOADealOffset] | None = None,
    ) -> None: ...
    def HasField(self, field_name: Literal["payloadType", "ctidTraderAccountId"]) -> bool: ...
    def ClearField(
        self, field_name: Literal["payloadType", "ctidTraderAccountId", "offsetBy", "offsetting"]
    ) -> None: ...

class ProtoOAGetPositionUnrealizedPnLReq(Message):
    """Ask what the open positions stand at, as the server reckons.

    Poll it no more than every 2 to 3 seconds; nothing pushes it.

    Closed by ProtoOAGetPositionUnrealizedPnLRes.
    """

    DESCRIPTOR: Descriptor
    payloadType: int
    """Always 2187, which is its default: leave it unset."""
    ctidTraderAccountId: int
    """The account it is about; it has to be authorised on this connection."""
    def __init__(
        self, *, payloadType: ProtoOAPayloadType | int | str | None = None, ctidTraderAccountId: int | None = None
    ) -> None: ...
    def HasField(self, field_name: Literal["payloadType", "ctidTraderAccountId"]) -> bool: ...
    def ClearField(self, field_name: Literal["payloadType", "ctidTraderAccountId"]) -> None: ...

class ProtoOAGetPositionUnrealizedPnLRes(Message):
    """The unrealised result of all open positions, at the prices of now."""

    DESCRIPTOR: Descriptor
    payloadType: int
    """Always 2188. The server leaves it out; go by the type in the envelope."""
    ctidTraderAccountId: int
    """The account of the request."""
    @property
    def positionUnrealizedPnL(self) -> RepeatedCompositeFieldContainer[ProtoOAPositionUnrealizedPnL]:
        """One entry for each open position."""

    moneyDigits: int
    """The power of ten of the entries' money."""
    def __init__(
        self,
        *,
        payloadType: ProtoOAPayloadType | int | str | None = None,
        ctidTraderAccountId: int | None = None,
        positionUnrealizedPnL: Iterable[ProtoOAPositionUnrealizedPnL] | None = None,
        moneyDigits: int | None = None,
    ) -> None: ...
    def HasField(self, field_name: Literal["payloadType", "ctidTraderAccountId", "moneyDigits"]) -> bool: ...
    def ClearField(
        self, field_name: Literal["payloadType", "ctidTraderAccountId", "positionUnrealizedPnL", "moneyDigits"]
    ) -> None: ...
