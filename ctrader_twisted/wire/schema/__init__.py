# GENERATED from protos/*.proto by protos/generate.py. Do not edit: change those, then run `make schema`.
"""The message classes and enums of the schema, in a descriptor pool of their own.

The names carry no package, and a process may hold another library that registers the same ones with protobuf's default
pool; in a private pool they cannot meet. Import them from `ctrader_twisted.messages`.
"""

from enum import IntEnum
from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

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

_MODULE = "ctrader_twisted.messages"
_pool = DescriptorPool()
for _file in FileDescriptorSet.FromString(Path(__file__).with_name("openapi.binpb").read_bytes()).file:
    _pool.AddSerializedFile(_file.SerializeToString())


def _message(name, doc):
    cls = GetMessageClass(_pool.FindMessageTypeByName(name))
    cls.__module__ = _MODULE
    cls.__doc__ = doc
    return cls


class ProtoPayloadType(IntEnum):
    """Payload types of the common layer; those of the Open API itself are in ProtoOAPayloadType."""

    __module__ = _MODULE

    PROTO_MESSAGE = 5
    ERROR_RES = 50
    HEARTBEAT_EVENT = 51


class ProtoErrorCode(IntEnum):
    """Error codes of the common layer.

    On the wire a code is its name, as a string, and strings from neither this list nor ProtoOAErrorCode occur: do not
    refuse an unknown one.
    """

    __module__ = _MODULE

    UNKNOWN_ERROR = 1
    UNSUPPORTED_MESSAGE = 2
    INVALID_REQUEST = 3
    TIMEOUT_ERROR = 5
    ENTITY_NOT_FOUND = 6
    CANT_ROUTE_REQUEST = 7
    FRAME_TOO_LONG = 8
    MARKET_CLOSED = 9
    CONCURRENT_MODIFICATION = 10
    BLOCKED_PAYLOAD_TYPE = 11


class ProtoOAPayloadType(IntEnum):
    """The payload types of the Open API, as they stand in the envelope."""

    __module__ = _MODULE

    PROTO_OA_APPLICATION_AUTH_REQ = 2100
    PROTO_OA_APPLICATION_AUTH_RES = 2101
    PROTO_OA_ACCOUNT_AUTH_REQ = 2102
    PROTO_OA_ACCOUNT_AUTH_RES = 2103
    PROTO_OA_VERSION_REQ = 2104
    PROTO_OA_VERSION_RES = 2105
    PROTO_OA_NEW_ORDER_REQ = 2106
    PROTO_OA_TRAILING_SL_CHANGED_EVENT = 2107
    PROTO_OA_CANCEL_ORDER_REQ = 2108
    PROTO_OA_AMEND_ORDER_REQ = 2109
    PROTO_OA_AMEND_POSITION_SLTP_REQ = 2110
    PROTO_OA_CLOSE_POSITION_REQ = 2111
    PROTO_OA_ASSET_LIST_REQ = 2112
    PROTO_OA_ASSET_LIST_RES = 2113
    PROTO_OA_SYMBOLS_LIST_REQ = 2114
    PROTO_OA_SYMBOLS_LIST_RES = 2115
    PROTO_OA_SYMBOL_BY_ID_REQ = 2116
    PROTO_OA_SYMBOL_BY_ID_RES = 2117
    PROTO_OA_SYMBOLS_FOR_CONVERSION_REQ = 2118
    PROTO_OA_SYMBOLS_FOR_CONVERSION_RES = 2119
    PROTO_OA_SYMBOL_CHANGED_EVENT = 2120
    PROTO_OA_TRADER_REQ = 2121
    PROTO_OA_TRADER_RES = 2122
    PROTO_OA_TRADER_UPDATE_EVENT = 2123
    PROTO_OA_RECONCILE_REQ = 2124
    PROTO_OA_RECONCILE_RES = 2125
    PROTO_OA_EXECUTION_EVENT = 2126
    PROTO_OA_SUBSCRIBE_SPOTS_REQ = 2127
    PROTO_OA_SUBSCRIBE_SPOTS_RES = 2128
    PROTO_OA_UNSUBSCRIBE_SPOTS_REQ = 2129
    PROTO_OA_UNSUBSCRIBE_SPOTS_RES = 2130
    PROTO_OA_SPOT_EVENT = 2131
    PROTO_OA_ORDER_ERROR_EVENT = 2132
    PROTO_OA_DEAL_LIST_REQ = 2133
    PROTO_OA_DEAL_LIST_RES = 2134
    PROTO_OA_SUBSCRIBE_LIVE_TRENDBAR_REQ = 2135
    PROTO_OA_UNSUBSCRIBE_LIVE_TRENDBAR_REQ = 2136
    PROTO_OA_GET_TRENDBARS_REQ = 2137
    PROTO_OA_GET_TRENDBARS_RES = 2138
    PROTO_OA_EXPECTED_MARGIN_REQ = 2139
    PROTO_OA_EXPECTED_MARGIN_RES = 2140
    PROTO_OA_MARGIN_CHANGED_EVENT = 2141
    PROTO_OA_ERROR_RES = 2142
    PROTO_OA_CASH_FLOW_HISTORY_LIST_REQ = 2143
    PROTO_OA_CASH_FLOW_HISTORY_LIST_RES = 2144
    PROTO_OA_GET_TICKDATA_REQ = 2145
    PROTO_OA_GET_TICKDATA_RES = 2146
    PROTO_OA_ACCOUNTS_TOKEN_INVALIDATED_EVENT = 2147
    PROTO_OA_CLIENT_DISCONNECT_EVENT = 2148
    PROTO_OA_GET_ACCOUNTS_BY_ACCESS_TOKEN_REQ = 2149
    PROTO_OA_GET_ACCOUNTS_BY_ACCESS_TOKEN_RES = 2150
    PROTO_OA_GET_CTID_PROFILE_BY_TOKEN_REQ = 2151
    PROTO_OA_GET_CTID_PROFILE_BY_TOKEN_RES = 2152
    PROTO_OA_ASSET_CLASS_LIST_REQ = 2153
    PROTO_OA_ASSET_CLASS_LIST_RES = 2154
    PROTO_OA_DEPTH_EVENT = 2155
    PROTO_OA_SUBSCRIBE_DEPTH_QUOTES_REQ = 2156
    PROTO_OA_SUBSCRIBE_DEPTH_QUOTES_RES = 2157
    PROTO_OA_UNSUBSCRIBE_DEPTH_QUOTES_REQ = 2158
    PROTO_OA_UNSUBSCRIBE_DEPTH_QUOTES_RES = 2159
    PROTO_OA_SYMBOL_CATEGORY_REQ = 2160
    PROTO_OA_SYMBOL_CATEGORY_RES = 2161
    PROTO_OA_ACCOUNT_LOGOUT_REQ = 2162
    PROTO_OA_ACCOUNT_LOGOUT_RES = 2163
    PROTO_OA_ACCOUNT_DISCONNECT_EVENT = 2164
    PROTO_OA_SUBSCRIBE_LIVE_TRENDBAR_RES = 2165
    PROTO_OA_UNSUBSCRIBE_LIVE_TRENDBAR_RES = 2166
    PROTO_OA_MARGIN_CALL_LIST_REQ = 2167
    PROTO_OA_MARGIN_CALL_LIST_RES = 2168
    PROTO_OA_MARGIN_CALL_UPDATE_REQ = 2169
    PROTO_OA_MARGIN_CALL_UPDATE_RES = 2170
    PROTO_OA_MARGIN_CALL_UPDATE_EVENT = 2171
    PROTO_OA_MARGIN_CALL_TRIGGER_EVENT = 2172
    PROTO_OA_REFRESH_TOKEN_REQ = 2173
    PROTO_OA_REFRESH_TOKEN_RES = 2174
    PROTO_OA_ORDER_LIST_REQ = 2175
    PROTO_OA_ORDER_LIST_RES = 2176
    PROTO_OA_GET_DYNAMIC_LEVERAGE_REQ = 2177
    PROTO_OA_GET_DYNAMIC_LEVERAGE_RES = 2178
    PROTO_OA_DEAL_LIST_BY_POSITION_ID_REQ = 2179
    PROTO_OA_DEAL_LIST_BY_POSITION_ID_RES = 2180
    PROTO_OA_ORDER_DETAILS_REQ = 2181
    PROTO_OA_ORDER_DETAILS_RES = 2182
    PROTO_OA_ORDER_LIST_BY_POSITION_ID_REQ = 2183
    PROTO_OA_ORDER_LIST_BY_POSITION_ID_RES = 2184
    PROTO_OA_DEAL_OFFSET_LIST_REQ = 2185
    PROTO_OA_DEAL_OFFSET_LIST_RES = 2186
    PROTO_OA_GET_POSITION_UNREALIZED_PNL_REQ = 2187
    PROTO_OA_GET_POSITION_UNREALIZED_PNL_RES = 2188


class ProtoOADayOfWeek(IntEnum):
    """Days as swap settings name them."""

    __module__ = _MODULE

    NONE = 0
    MONDAY = 1
    TUESDAY = 2
    WEDNESDAY = 3
    THURSDAY = 4
    FRIDAY = 5
    SATURDAY = 6
    SUNDAY = 7


class ProtoOACommissionType(IntEnum):
    """What the commission rate of a symbol is multiplied with."""

    __module__ = _MODULE

    USD_PER_MILLION_USD = 1
    USD_PER_LOT = 2
    PERCENTAGE_OF_VALUE = 3
    QUOTE_CCY_PER_LOT = 4


class ProtoOASymbolDistanceType(IntEnum):
    """The unit of the least distances for protective levels."""

    __module__ = _MODULE

    SYMBOL_DISTANCE_IN_POINTS = 1
    SYMBOL_DISTANCE_IN_PERCENTAGE = 2


class ProtoOAMinCommissionType(IntEnum):
    """Which asset the least commission of a trade is stated in."""

    __module__ = _MODULE

    CURRENCY = 1
    QUOTE_CURRENCY = 2


class ProtoOATradingMode(IntEnum):
    """What may be done with a symbol."""

    __module__ = _MODULE

    ENABLED = 0
    DISABLED_WITHOUT_PENDINGS_EXECUTION = 1
    DISABLED_WITH_PENDINGS_EXECUTION = 2
    CLOSE_ONLY_MODE = 3


class ProtoOASwapCalculationType(IntEnum):
    """The unit of swapLong and swapShort."""

    __module__ = _MODULE

    PIPS = 0
    PERCENTAGE = 1
    POINTS = 2


class ProtoOAAccessRights(IntEnum):
    """What the holder of an account may do."""

    __module__ = _MODULE

    FULL_ACCESS = 0
    CLOSE_ONLY = 1
    NO_TRADING = 2
    NO_LOGIN = 3


class ProtoOATotalMarginCalculationType(IntEnum):
    """How the margins of the two sides of a hedged symbol make up the total."""

    __module__ = _MODULE

    MAX = 0
    SUM = 1
    NET = 2


class ProtoOAAccountType(IntEnum):
    """How fills become positions."""

    __module__ = _MODULE

    HEDGED = 0
    NETTED = 1
    SPREAD_BETTING = 2


class ProtoOAPositionStatus(IntEnum):
    """The stage of a position. Not enough to tell that one was closed: see ProtoOAPosition.positionStatus."""

    __module__ = _MODULE

    POSITION_STATUS_OPEN = 1
    POSITION_STATUS_CLOSED = 2
    POSITION_STATUS_CREATED = 3
    POSITION_STATUS_ERROR = 4


class ProtoOATradeSide(IntEnum):
    """The direction of an order, a deal or a position."""

    __module__ = _MODULE

    BUY = 1
    SELL = 2


class ProtoOAOrderType(IntEnum):
    """The kinds of orders, and the prices that each needs."""

    __module__ = _MODULE

    MARKET = 1
    LIMIT = 2
    STOP = 3
    STOP_LOSS_TAKE_PROFIT = 4
    MARKET_RANGE = 5
    STOP_LIMIT = 6


class ProtoOATimeInForce(IntEnum):
    """How long an order stands."""

    __module__ = _MODULE

    GOOD_TILL_DATE = 1
    GOOD_TILL_CANCEL = 2
    IMMEDIATE_OR_CANCEL = 3
    FILL_OR_KILL = 4
    MARKET_ON_OPEN = 5


class ProtoOAOrderStatus(IntEnum):
    """The stage of an order."""

    __module__ = _MODULE

    ORDER_STATUS_ACCEPTED = 1
    ORDER_STATUS_FILLED = 2
    ORDER_STATUS_REJECTED = 3
    ORDER_STATUS_EXPIRED = 4
    ORDER_STATUS_CANCELLED = 5


class ProtoOAOrderTriggerMethod(IntEnum):
    """Which quotes trigger a stop."""

    __module__ = _MODULE

    TRADE = 1
    OPPOSITE = 2
    DOUBLE_TRADE = 3
    DOUBLE_OPPOSITE = 4


class ProtoOAExecutionType(IntEnum):
    """What happened, in a ProtoOAExecutionEvent."""

    __module__ = _MODULE

    ORDER_ACCEPTED = 2
    ORDER_FILLED = 3
    ORDER_REPLACED = 4
    ORDER_CANCELLED = 5
    ORDER_EXPIRED = 6
    ORDER_REJECTED = 7
    ORDER_CANCEL_REJECTED = 8
    SWAP = 9
    DEPOSIT_WITHDRAW = 10
    ORDER_PARTIAL_FILL = 11
    BONUS_DEPOSIT_WITHDRAW = 12


class ProtoOAChangeBonusType(IntEnum):
    """The direction of a change of the bonus."""

    __module__ = _MODULE

    BONUS_DEPOSIT = 0
    BONUS_WITHDRAW = 1


class ProtoOAChangeBalanceType(IntEnum):
    """Why the balance changed other than by trading. DEPOSIT raises it, WITHDRAW lowers it."""

    __module__ = _MODULE

    BALANCE_DEPOSIT = 0
    BALANCE_WITHDRAW = 1
    BALANCE_DEPOSIT_STRATEGY_COMMISSION_INNER = 3
    BALANCE_WITHDRAW_STRATEGY_COMMISSION_INNER = 4
    BALANCE_DEPOSIT_IB_COMMISSIONS = 5
    BALANCE_WITHDRAW_IB_SHARED_PERCENTAGE = 6
    BALANCE_DEPOSIT_IB_SHARED_PERCENTAGE_FROM_SUB_IB = 7
    BALANCE_DEPOSIT_IB_SHARED_PERCENTAGE_FROM_BROKER = 8
    BALANCE_DEPOSIT_REBATE = 9
    BALANCE_WITHDRAW_REBATE = 10
    BALANCE_DEPOSIT_STRATEGY_COMMISSION_OUTER = 11
    BALANCE_WITHDRAW_STRATEGY_COMMISSION_OUTER = 12
    BALANCE_WITHDRAW_BONUS_COMPENSATION = 13
    BALANCE_WITHDRAW_IB_SHARED_PERCENTAGE_TO_BROKER = 14
    BALANCE_DEPOSIT_DIVIDENDS = 15
    BALANCE_WITHDRAW_DIVIDENDS = 16
    BALANCE_WITHDRAW_GSL_CHARGE = 17
    BALANCE_WITHDRAW_ROLLOVER = 18
    BALANCE_DEPOSIT_NONWITHDRAWABLE_BONUS = 19
    BALANCE_WITHDRAW_NONWITHDRAWABLE_BONUS = 20
    BALANCE_DEPOSIT_SWAP = 21
    BALANCE_WITHDRAW_SWAP = 22
    BALANCE_DEPOSIT_MANAGEMENT_FEE = 27
    BALANCE_WITHDRAW_MANAGEMENT_FEE = 28
    BALANCE_DEPOSIT_PERFORMANCE_FEE = 29
    BALANCE_WITHDRAW_FOR_SUBACCOUNT = 30
    BALANCE_DEPOSIT_TO_SUBACCOUNT = 31
    BALANCE_WITHDRAW_FROM_SUBACCOUNT = 32
    BALANCE_DEPOSIT_FROM_SUBACCOUNT = 33
    BALANCE_WITHDRAW_COPY_FEE = 34
    BALANCE_WITHDRAW_INACTIVITY_FEE = 35
    BALANCE_DEPOSIT_TRANSFER = 36
    BALANCE_WITHDRAW_TRANSFER = 37
    BALANCE_DEPOSIT_CONVERTED_BONUS = 38
    BALANCE_DEPOSIT_NEGATIVE_BALANCE_PROTECTION = 39


class ProtoOADealStatus(IntEnum):
    """The outcome of one execution."""

    __module__ = _MODULE

    FILLED = 2
    PARTIALLY_FILLED = 3
    REJECTED = 4
    INTERNALLY_REJECTED = 5
    ERROR = 6
    MISSED = 7


class ProtoOATrendbarPeriod(IntEnum):
    """The length of a bar.

    M1 to H1 begin on multiples of their length in UTC; H4 and longer do not, the trading day begins at 17:00 in New
    York (observed).
    """

    __module__ = _MODULE

    M1 = 1
    M2 = 2
    M3 = 3
    M4 = 4
    M5 = 5
    M10 = 6
    M15 = 7
    M30 = 8
    H1 = 9
    H4 = 10
    H12 = 11
    D1 = 12
    W1 = 13
    MN1 = 14


class ProtoOAQuoteType(IntEnum):
    """A side of the market."""

    __module__ = _MODULE

    BID = 1
    ASK = 2


class ProtoOAClientPermissionScope(IntEnum):
    """What an access token allows."""

    __module__ = _MODULE

    SCOPE_VIEW = 0
    SCOPE_TRADE = 1


class ProtoOANotificationType(IntEnum):
    """The three margin call thresholds of an account."""

    __module__ = _MODULE

    MARGIN_LEVEL_THRESHOLD_1 = 61
    MARGIN_LEVEL_THRESHOLD_2 = 62
    MARGIN_LEVEL_THRESHOLD_3 = 63


class ProtoOAErrorCode(IntEnum):
    """Error codes of the Open API layer.

    On the wire a code is its name, as a string, and strings from neither this list nor ProtoErrorCode occur: do not
    refuse an unknown one.
    """

    __module__ = _MODULE

    OA_AUTH_TOKEN_EXPIRED = 1
    ACCOUNT_NOT_AUTHORIZED = 2
    RET_NO_SUCH_LOGIN = 12
    ALREADY_LOGGED_IN = 14
    RET_ACCOUNT_DISABLED = 64
    CH_CLIENT_AUTH_FAILURE = 101
    CH_CLIENT_NOT_AUTHENTICATED = 102
    CH_CLIENT_ALREADY_AUTHENTICATED = 103
    CH_ACCESS_TOKEN_INVALID = 104
    CH_SERVER_NOT_REACHABLE = 105
    CH_CTID_TRADER_ACCOUNT_NOT_FOUND = 106
    CH_OA_CLIENT_NOT_FOUND = 107
    REQUEST_FREQUENCY_EXCEEDED = 108
    SERVER_IS_UNDER_MAINTENANCE = 109
    CHANNEL_IS_BLOCKED = 110
    CONNECTIONS_LIMIT_EXCEEDED = 67
    WORSE_GSL_NOT_ALLOWED = 68
    SYMBOL_HAS_HOLIDAY = 69
    NOT_SUBSCRIBED_TO_SPOTS = 112
    ALREADY_SUBSCRIBED = 113
    SYMBOL_NOT_FOUND = 114
    UNKNOWN_SYMBOL = 115
    INCORRECT_BOUNDARIES = 35
    NO_QUOTES = 117
    NOT_ENOUGH_MONEY = 118
    MAX_EXPOSURE_REACHED = 119
    POSITION_NOT_FOUND = 120
    ORDER_NOT_FOUND = 121
    POSITION_NOT_OPEN = 122
    POSITION_LOCKED = 123
    TOO_MANY_POSITIONS = 124
    TRADING_BAD_VOLUME = 125
    TRADING_BAD_STOPS = 126
    TRADING_BAD_PRICES = 127
    TRADING_BAD_STAKE = 128
    PROTECTION_IS_TOO_CLOSE_TO_MARKET = 129
    TRADING_BAD_EXPIRATION_DATE = 130
    PENDING_EXECUTION = 131
    TRADING_DISABLED = 132
    TRADING_NOT_ALLOWED = 133
    UNABLE_TO_CANCEL_ORDER = 134
    UNABLE_TO_AMEND_ORDER = 135
    SHORT_SELLING_NOT_ALLOWED = 136


class ProtoOALimitedRiskMarginCalculationStrategy(IntEnum):
    """How the margin of a limited-risk account is worked out."""

    __module__ = _MODULE

    ACCORDING_TO_LEVERAGE = 0
    ACCORDING_TO_GSL = 1
    ACCORDING_TO_GSL_AND_LEVERAGE = 2


class ProtoOAStopOutStrategy(IntEnum):
    """Which position is closed first in a stop-out."""

    __module__ = _MODULE

    MOST_MARGIN_USED_FIRST = 0
    MOST_LOSING_FIRST = 1


ProtoMessage = _message(
    "ProtoMessage",
    """The envelope: every frame on the wire is one of these.""",
)
ProtoErrorRes = _message(
    "ProtoErrorRes",
    """The refusal of a message below the Open API layer: unknown, malformed, too long, or during maintenance.

    A request with a clientMsgId is closed by it; ProtoOAErrorRes is the commoner of the two.
    """,
)
ProtoHeartbeatEvent = _message(
    "ProtoHeartbeatEvent",
    """Keeps an idle connection open.

    A client sends one after at most 10 seconds without sending anything else; the server sends its own (observed: every
    25 to 30 seconds when idle). Neither is answered.
    """,
)
ProtoOAAsset = _message(
    "ProtoOAAsset",
    """Something that is held, bought or paid in: a currency, a metal, a share.""",
)
ProtoOASymbol = _message(
    "ProtoOASymbol",
    """Everything about a symbol that trading needs.

    The list of symbols has only ProtoOALightSymbol; the server adds fields that the schema does not know.
    """,
)
ProtoOALightSymbol = _message(
    "ProtoOALightSymbol",
    """A symbol as the list has it: enough to find it by name. What trading needs is in ProtoOASymbol.""",
)
ProtoOAArchivedSymbol = _message(
    "ProtoOAArchivedSymbol",
    """A symbol that is traded no longer, for reading old deals.""",
)
ProtoOASymbolCategory = _message(
    "ProtoOASymbolCategory",
    """A group of symbols within an asset class, for display.""",
)
ProtoOAInterval = _message(
    "ProtoOAInterval",
    """A span of trading hours within a week.""",
)
ProtoOATrader = _message(
    "ProtoOATrader",
    """An account: its balance and the rules it trades under.

    Equity is not told: it is the balance and the net result of what is open.
    """,
)
ProtoOAPosition = _message(
    "ProtoOAPosition",
    """An open position, a placeholder for one, or one that has just been closed.

    It carries no clientOrderId: to find your own again, use tradeData.label.
    """,
)
ProtoOATradeData = _message(
    "ProtoOATradeData",
    """What orders and positions have in common.""",
)
ProtoOAOrder = _message(
    "ProtoOAOrder",
    """An order: pending, done, or the protective order that carries a position's levels.""",
)
ProtoOABonusDepositWithdraw = _message(
    "ProtoOABonusDepositWithdraw",
    """A change of the account's bonus.""",
)
ProtoOADepositWithdraw = _message(
    "ProtoOADepositWithdraw",
    """A change of the balance other than by trading.""",
)
ProtoOADeal = _message(
    "ProtoOADeal",
    """One execution: an order is filled by one deal or several.

    The server adds a field that the schema does not know.
    """,
)
ProtoOADealOffset = _message(
    "ProtoOADealOffset",
    """How much of one deal was set against another: closing takes the oldest deal first.""",
)
ProtoOAClosePositionDetail = _message(
    "ProtoOAClosePositionDetail",
    """The result of a deal that closed a position, or a part of one.

    balance is what it was before, plus grossProfit, swap, commission and pnlConversionFee.
    """,
)
ProtoOATrendbar = _message(
    "ProtoOATrendbar",
    """A bar of bid prices, as differences from its low. A period without ticks has no bar.""",
)
ProtoOAExpectedMargin = _message(
    "ProtoOAExpectedMargin",
    """What a volume would need. The money has the moneyDigits of ProtoOAExpectedMarginRes.""",
)
ProtoOATickData = _message(
    "ProtoOATickData",
    """A tick of one side.

    Within an answer the first is absolute, each further one the difference from the one before it.
    """,
)
ProtoOACtidProfile = _message(
    "ProtoOACtidProfile",
    """The owner of a token, a cTrader ID.""",
)
ProtoOACtidTraderAccount = _message(
    "ProtoOACtidTraderAccount",
    """An account that a token gives access to.""",
)
ProtoOAAssetClass = _message(
    "ProtoOAAssetClass",
    """The widest group of symbols, for display: "Forex", "Metals".""",
)
ProtoOADepthQuote = _message(
    "ProtoOADepthQuote",
    """An entry of the order book. It has either bid or ask, and never changes: an update is another entry.""",
)
ProtoOAMarginCall = _message(
    "ProtoOAMarginCall",
    """A threshold at which the account's holder is warned.""",
)
ProtoOAHoliday = _message(
    "ProtoOAHoliday",
    """A day on which a symbol's schedule does not hold.""",
)
ProtoOADynamicLeverage = _message(
    "ProtoOADynamicLeverage",
    """The leverage of a symbol by how much is held: the more, the less.""",
)
ProtoOADynamicLeverageTier = _message(
    "ProtoOADynamicLeverageTier",
    """A step of a dynamic leverage.""",
)
ProtoOAPositionUnrealizedPnL = _message(
    "ProtoOAPositionUnrealizedPnL",
    """What an open position stands at. The money has the moneyDigits of ProtoOAGetPositionUnrealizedPnLRes.""",
)
ProtoOAApplicationAuthReq = _message(
    "ProtoOAApplicationAuthReq",
    """Authorise the application on this connection.

    It has to come first: what comes before it is refused, heartbeats and (by some clients' experience)
    ProtoOAVersionReq excepted. It is lost with the connection.

    Can be refused with CH_CLIENT_AUTH_FAILURE (observed), CH_OA_CLIENT_NOT_FOUND, CH_CLIENT_ALREADY_AUTHENTICATED,
    CONNECTIONS_LIMIT_EXCEEDED or CHANNEL_IS_BLOCKED.

    Leads to ProtoOAClientDisconnectEvent, should the server end the session.

    Closed by ProtoOAApplicationAuthRes. After a wrong id or secret the server closes the connection (observed).
    """,
)
ProtoOAApplicationAuthRes = _message(
    "ProtoOAApplicationAuthRes",
    """The application is authorised; accounts can be now.""",
)
ProtoOAAccountAuthReq = _message(
    "ProtoOAAccountAuthReq",
    """Authorise an account on this connection; its execution events are then pushed without any subscription.

    With a new token it replaces the old one in place (observed). It is lost with the connection.

    Can be refused with CH_ACCESS_TOKEN_INVALID (observed), OA_AUTH_TOKEN_EXPIRED, CH_CTID_TRADER_ACCOUNT_NOT_FOUND,
    RET_NO_SUCH_LOGIN, RET_ACCOUNT_DISABLED, CANT_ROUTE_REQUEST (observed) or ALREADY_LOGGED_IN (observed).

    Leads to ProtoOAExecutionEvent, ProtoOATrailingSLChangedEvent, ProtoOASymbolChangedEvent, ProtoOATraderUpdatedEvent,
    ProtoOAMarginChangedEvent and ProtoOAMarginCallTriggerEvent, as they come; to ProtoOAAccountDisconnectEvent and
    ProtoOAAccountsTokenInvalidatedEvent, should the session end.

    Closed by ProtoOAAccountAuthRes. ALREADY_LOGGED_IN means that it was authorised before.
    """,
)
ProtoOAAccountAuthRes = _message(
    "ProtoOAAccountAuthRes",
    """The account is authorised on this connection.""",
)
ProtoOAErrorRes = _message(
    "ProtoOAErrorRes",
    """The refusal of a request; it closes the request whose clientMsgId it carries.

    Order commands can also be refused by ProtoOAOrderErrorEvent or an ORDER_REJECTED execution event.
    """,
)
ProtoOAClientDisconnectEvent = _message(
    "ProtoOAClientDisconnectEvent",
    """Pushed when the server ends the application's session: those of all accounts go with it, though the connection
    can stay open.

    Authorise the application again, or reconnect.
    """,
)
ProtoOAAccountsTokenInvalidatedEvent = _message(
    "ProtoOAAccountsTokenInvalidatedEvent",
    """Pushed when the token behind accounts is no longer good: refreshed, revoked, or the account or its cTrader ID
    deleted.

    Their sessions are over; the connection stays.
    """,
)
ProtoOAVersionReq = _message(
    "ProtoOAVersionReq",
    """Ask for the version of the server's interface.

    Closed by ProtoOAVersionRes.
    """,
)
ProtoOAVersionRes = _message(
    "ProtoOAVersionRes",
    """The version of the interface that the server speaks.""",
)
ProtoOANewOrderReq = _message(
    "ProtoOANewOrderReq",
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
    """,
)
ProtoOAExecutionEvent = _message(
    "ProtoOAExecutionEvent",
    """Pushed for whatever happens to orders, positions and the balance of an authorised account, also by other clients
    or by the server; no subscription is needed.

    It is the answer to the five order commands as well. A clientMsgId one did not send is that of another client.
    """,
)
ProtoOACancelOrderReq = _message(
    "ProtoOACancelOrderReq",
    """Take back a pending order.

    Can be refused with ORDER_NOT_FOUND (observed), UNABLE_TO_CANCEL_ORDER, PENDING_EXECUTION or ORDER_CANCEL_REJECTED
    (observed).

    Leads to ProtoOAExecutionEvent.

    Closed by ProtoOAExecutionEvent ORDER_CANCELLED, or ORDER_CANCEL_REJECTED if it came too late. Refused by
    ProtoOAOrderErrorEvent (ORDER_NOT_FOUND) or ProtoOAErrorRes.
    """,
)
ProtoOAAmendOrderReq = _message(
    "ProtoOAAmendOrderReq",
    """Change a pending order; it keeps its id.

    Which omitted fields keep their value is unconfirmed, and protective levels were observed to go: send all that
    should hold.

    Can be refused with ORDER_NOT_FOUND, UNABLE_TO_AMEND_ORDER, PENDING_EXECUTION, CONCURRENT_MODIFICATION,
    INVALID_REQUEST, TRADING_BAD_VOLUME, TRADING_BAD_PRICES, TRADING_BAD_STOPS, PROTECTION_IS_TOO_CLOSE_TO_MARKET,
    TRADING_BAD_EXPIRATION_DATE, WORSE_GSL_NOT_ALLOWED or MAX_EXPOSURE_REACHED.

    Leads to ProtoOAExecutionEvent.

    Closed by ProtoOAExecutionEvent ORDER_REPLACED. Refused by ProtoOAOrderErrorEvent or ProtoOAErrorRes.
    """,
)
ProtoOAAmendPositionSLTPReq = _message(
    "ProtoOAAmendPositionSLTPReq",
    """Set a position's protective levels, both at once: a level left out is removed.

    With nothing to change on a bare position it is refused (INVALID_REQUEST).

    Can be refused with POSITION_NOT_FOUND (observed), POSITION_NOT_OPEN, INVALID_REQUEST (observed: nothing to amend,
    or no stop loss to trail), TRADING_BAD_STOPS (observed), PROTECTION_IS_TOO_CLOSE_TO_MARKET, WORSE_GSL_NOT_ALLOWED or
    CONCURRENT_MODIFICATION.

    Leads to ProtoOAExecutionEvent; of a trailing stop to ProtoOATrailingSLChangedEvent.

    Closed by ProtoOAExecutionEvent: ORDER_REPLACED, or ORDER_ACCEPTED for a protective order made anew. Refused by
    ProtoOAOrderErrorEvent or ProtoOAErrorRes.
    """,
)
ProtoOAClosePositionReq = _message(
    "ProtoOAClosePositionReq",
    """Close a position, or a part of it.

    The server makes a market order for it, without your label or clientOrderId.

    Can be refused with POSITION_NOT_FOUND, POSITION_NOT_FOUND_OR_NOT_OPENED, POSITION_NOT_OPEN, POSITION_LOCKED,
    ALREADY_CLOSED, PENDING_EXECUTION, TRADING_BAD_VOLUME, MARKET_CLOSED, SYMBOL_HAS_HOLIDAY, NO_QUOTES,
    TRADING_DISABLED or TRADING_NOT_ALLOWED.

    Leads to ProtoOAExecutionEvent, those of its protective order among them; to ProtoOAMarginChangedEvent (never
    observed).

    Closed by ProtoOAExecutionEvent: ORDER_ACCEPTED first, the fill being a further event. Refused by
    ProtoOAOrderErrorEvent or ProtoOAErrorRes.
    """,
)
ProtoOATrailingSLChangedEvent = _message(
    "ProtoOATrailingSLChangedEvent",
    """Pushed when a trailing stop has followed the price; no execution event comes with it, and no order or position
    changes its utcLastUpdateTimestamp.
    """,
)
ProtoOAAssetListReq = _message(
    "ProtoOAAssetListReq",
    """Ask for all assets of the account's broker.

    Closed by ProtoOAAssetListRes.
    """,
)
ProtoOAAssetListRes = _message(
    "ProtoOAAssetListRes",
    """The assets that symbols and accounts point to.""",
)
ProtoOASymbolsListReq = _message(
    "ProtoOASymbolsListReq",
    """Ask for all symbols of the account, in their short form.

    Closed by ProtoOASymbolsListRes.
    """,
)
ProtoOASymbolsListRes = _message(
    "ProtoOASymbolsListRes",
    """The symbols, to find ids by name; what trading needs comes from ProtoOASymbolByIdReq.""",
)
ProtoOASymbolByIdReq = _message(
    "ProtoOASymbolByIdReq",
    """Ask for everything about some symbols.

    Can be refused with SYMBOL_NOT_FOUND or UNKNOWN_SYMBOL.

    Closed by ProtoOASymbolByIdRes.
    """,
)
ProtoOASymbolByIdRes = _message(
    "ProtoOASymbolByIdRes",
    """The symbols in full.""",
)
ProtoOASymbolsForConversionReq = _message(
    "ProtoOASymbolsForConversionReq",
    """Ask through which symbols one asset is converted to another, as from a quote asset to the deposit asset.

    Can be refused with ENTITY_NOT_FOUND.

    Closed by ProtoOASymbolsForConversionRes.
    """,
)
ProtoOASymbolsForConversionRes = _message(
    "ProtoOASymbolsForConversionRes",
    """A chain of symbols between two assets.""",
)
ProtoOASymbolChangedEvent = _message(
    "ProtoOASymbolChangedEvent",
    """Pushed when settings of symbols have changed; ask for them again with ProtoOASymbolByIdReq.""",
)
ProtoOAAssetClassListReq = _message(
    "ProtoOAAssetClassListReq",
    """Ask for the widest groups of symbols.

    Closed by ProtoOAAssetClassListRes.
    """,
)
ProtoOAAssetClassListRes = _message(
    "ProtoOAAssetClassListRes",
    """The asset classes, which ProtoOASymbolCategory points to.""",
)
ProtoOATraderReq = _message(
    "ProtoOATraderReq",
    """Ask for the account itself: balance, leverage, rules.

    Closed by ProtoOATraderRes.
    """,
)
ProtoOATraderRes = _message(
    "ProtoOATraderRes",
    """The account as it is now.""",
)
ProtoOATraderUpdatedEvent = _message(
    "ProtoOATraderUpdatedEvent",
    """Pushed when settings of the account have changed; documented, never observed.""",
)
ProtoOAReconcileReq = _message(
    "ProtoOAReconcileReq",
    """Ask for what is open: positions and pending orders. Settles what became of an order whose answer was lost.

    Closed by ProtoOAReconcileRes.
    """,
)
ProtoOAReconcileRes = _message(
    "ProtoOAReconcileRes",
    """What is open at this moment.""",
)
ProtoOAOrderErrorEvent = _message(
    "ProtoOAOrderErrorEvent",
    """Pushed when an order command is refused; carries the clientMsgId of the command, which is what to find it by, and
    closes it.
    """,
)
ProtoOADealListReq = _message(
    "ProtoOADealListReq",
    """Ask for the account's deals in a period.

    Historical: 5 requests a second. A deal can be missing for seconds after its execution (observed on some servers).

    Can be refused with INCORRECT_BOUNDARIES.

    Closed by ProtoOADealListRes.
    """,
)
ProtoOADealListRes = _message(
    "ProtoOADealListRes",
    """Deals of the account, newest first (observed).""",
)
ProtoOAOrderListReq = _message(
    "ProtoOAOrderListReq",
    """Ask for the account's orders in a period, done ones included.

    Historical by most clients' reckoning: 5 requests a second.

    Can be refused with INCORRECT_BOUNDARIES.

    Closed by ProtoOAOrderListRes.
    """,
)
ProtoOAOrderListRes = _message(
    "ProtoOAOrderListRes",
    """Orders of the account, protective ones included (observed).""",
)
ProtoOAExpectedMarginReq = _message(
    "ProtoOAExpectedMarginReq",
    """Ask how much margin orders of some volumes would need.

    Can be refused with UNKNOWN_SYMBOL, SYMBOL_NOT_FOUND or NO_QUOTES.

    Closed by ProtoOAExpectedMarginRes.
    """,
)
ProtoOAExpectedMarginRes = _message(
    "ProtoOAExpectedMarginRes",
    """The margin that each volume would need, at the prices of now.""",
)
ProtoOAMarginChangedEvent = _message(
    "ProtoOAMarginChangedEvent",
    """Pushed when the margin that a position uses has changed; documented, never observed.""",
)
ProtoOACashFlowHistoryListReq = _message(
    "ProtoOACashFlowHistoryListReq",
    """Ask for deposits, withdrawals and other changes of the balance in a period of a week at most.

    Historical by most clients' reckoning: 5 requests a second.

    Can be refused with INCORRECT_BOUNDARIES.

    Closed by ProtoOACashFlowHistoryListRes.
    """,
)
ProtoOACashFlowHistoryListRes = _message(
    "ProtoOACashFlowHistoryListRes",
    """Changes of the balance other than by trading; it never says that there are more.""",
)
ProtoOAGetAccountListByAccessTokenReq = _message(
    "ProtoOAGetAccountListByAccessTokenReq",
    """Ask which accounts a token gives access to.

    Needs the application authorised, no account; either host lists live and demo accounts alike (observed).

    Can be refused with CH_ACCESS_TOKEN_INVALID or OA_AUTH_TOKEN_EXPIRED.

    Closed by ProtoOAGetAccountListByAccessTokenRes.
    """,
)
ProtoOAGetAccountListByAccessTokenRes = _message(
    "ProtoOAGetAccountListByAccessTokenRes",
    """The accounts behind a token.""",
)
ProtoOARefreshTokenReq = _message(
    "ProtoOARefreshTokenReq",
    """Exchange a refresh token for a new pair of tokens.

    Needs the application authorised, no account. It ends the sessions of the accounts behind the old pair: authorise
    them again with the new token. If the answer is lost the tokens are, so keep the connection open for it.

    Can be refused with CH_ACCESS_TOKEN_INVALID (observed).

    Leads to ProtoOAAccountsTokenInvalidatedEvent and ProtoOAAccountDisconnectEvent for the accounts behind the old
    pair.

    Closed by ProtoOARefreshTokenRes.
    """,
)
ProtoOARefreshTokenRes = _message(
    "ProtoOARefreshTokenRes",
    """A new pair of tokens; store both before using either.""",
)
ProtoOASubscribeSpotsReq = _message(
    "ProtoOASubscribeSpotsReq",
    """Subscribe to the quotes of symbols.

    Listen for ProtoOASpotEvent before sending it: the first was observed ahead of the answer. The server refuses to
    subscribe twice (ALREADY_SUBSCRIBED; OpenApiClient.request says when that is an error here). A subscription is lost
    with the connection.

    Can be refused with ALREADY_SUBSCRIBED (observed), SYMBOL_NOT_FOUND or UNKNOWN_SYMBOL.

    Leads to ProtoOASpotEvent.

    Closed by ProtoOASubscribeSpotsRes, which only says that it is queued: the first event with both sides follows, also
    when the market is closed.
    """,
)
ProtoOASubscribeSpotsRes = _message(
    "ProtoOASubscribeSpotsRes",
    """The subscription is queued; the first ProtoOASpotEvent may have come already.""",
)
ProtoOAUnsubscribeSpotsReq = _message(
    "ProtoOAUnsubscribeSpotsReq",
    """End subscriptions to quotes.

    Closed by ProtoOAUnsubscribeSpotsRes; a few more events can follow.
    """,
)
ProtoOAUnsubscribeSpotsRes = _message(
    "ProtoOAUnsubscribeSpotsRes",
    """The subscription ends; a few more ProtoOASpotEvent can follow.""",
)
ProtoOASpotEvent = _message(
    "ProtoOASpotEvent",
    """Pushed for each change of a subscribed symbol's quote, as a rule with only the side that changed: keep the last
    of each.

    Live trendbars ride on it.
    """,
)
ProtoOASubscribeLiveTrendbarReq = _message(
    "ProtoOASubscribeLiveTrendbarReq",
    """Subscribe to live bars of one period; they come with ProtoOASpotEvent.

    The symbol's spots have to be subscribed first. Lost with the connection.

    Can be refused with INVALID_REQUEST (observed: its spots are not subscribed), NOT_SUBSCRIBED_TO_SPOTS or
    ALREADY_SUBSCRIBED (observed).

    Leads to ProtoOASpotEvent with a trendbar, the first at once (observed).

    Closed by ProtoOASubscribeLiveTrendbarRes.
    """,
)
ProtoOASubscribeLiveTrendbarRes = _message(
    "ProtoOASubscribeLiveTrendbarRes",
    """The subscription stands; a first bar follows at once, over a weekend one that is closed already (observed).""",
)
ProtoOAUnsubscribeLiveTrendbarReq = _message(
    "ProtoOAUnsubscribeLiveTrendbarReq",
    """End a subscription to live bars; that to spots stays.

    Closed by ProtoOAUnsubscribeLiveTrendbarRes.
    """,
)
ProtoOAUnsubscribeLiveTrendbarRes = _message(
    "ProtoOAUnsubscribeLiveTrendbarRes",
    """The subscription has ended.""",
)
ProtoOAGetTrendbarsReq = _message(
    "ProtoOAGetTrendbarsReq",
    """Ask for historical bars.

    Historical: 5 requests a second. Page backwards from the oldest bar served, and drop what falls outside the period:
    a page can hold a bar less than asked for.

    Can be refused with INCORRECT_BOUNDARIES, or UNKNOWN_SYMBOL or SYMBOL_NOT_FOUND (both observed).

    Closed by ProtoOAGetTrendbarsRes.
    """,
)
ProtoOAGetTrendbarsRes = _message(
    "ProtoOAGetTrendbarsRes",
    """Bars, by ascending time within the answer (observed, not promised).""",
)
ProtoOAGetTickDataReq = _message(
    "ProtoOAGetTickDataReq",
    """Ask for historical ticks of one side, of a week at most. Historical: 5 requests a second.

    Can be refused with INCORRECT_BOUNDARIES, or UNKNOWN_SYMBOL or SYMBOL_NOT_FOUND (both observed).

    Closed by ProtoOAGetTickDataRes.
    """,
)
ProtoOAGetTickDataRes = _message(
    "ProtoOAGetTickDataRes",
    """Ticks, newest first, as differences: add them up from the first one on.""",
)
ProtoOAGetCtidProfileByTokenReq = _message(
    "ProtoOAGetCtidProfileByTokenReq",
    """Ask whose token it is. Needs the application authorised, no account.

    Can be refused with CH_ACCESS_TOKEN_INVALID or OA_AUTH_TOKEN_EXPIRED.

    Closed by ProtoOAGetCtidProfileByTokenRes.
    """,
)
ProtoOAGetCtidProfileByTokenRes = _message(
    "ProtoOAGetCtidProfileByTokenRes",
    """The owner of a token.""",
)
ProtoOADepthEvent = _message(
    "ProtoOADepthEvent",
    """Pushed for each change of a subscribed symbol's order book.

    Begin with an empty book: the first event holds all of it.
    """,
)
ProtoOASubscribeDepthQuotesReq = _message(
    "ProtoOASubscribeDepthQuotesReq",
    """Subscribe to the order book of symbols; they come as ProtoOADepthEvent.

    The server refuses to subscribe twice (ALREADY_SUBSCRIBED; OpenApiClient.request says when that is an error here).
    Lost with the connection.

    Can be refused with ALREADY_SUBSCRIBED (observed), SYMBOL_NOT_FOUND or UNKNOWN_SYMBOL.

    Leads to ProtoOADepthEvent.

    Closed by ProtoOASubscribeDepthQuotesRes.
    """,
)
ProtoOASubscribeDepthQuotesRes = _message(
    "ProtoOASubscribeDepthQuotesRes",
    """The subscription stands; an event with the whole book follows.""",
)
ProtoOAUnsubscribeDepthQuotesReq = _message(
    "ProtoOAUnsubscribeDepthQuotesReq",
    """End subscriptions to order books.

    Closed by ProtoOAUnsubscribeDepthQuotesRes.
    """,
)
ProtoOAUnsubscribeDepthQuotesRes = _message(
    "ProtoOAUnsubscribeDepthQuotesRes",
    """The subscription has ended; forget the book.""",
)
ProtoOASymbolCategoryListReq = _message(
    "ProtoOASymbolCategoryListReq",
    """Ask for the groups of symbols within the asset classes.

    Closed by ProtoOASymbolCategoryListRes.
    """,
)
ProtoOASymbolCategoryListRes = _message(
    "ProtoOASymbolCategoryListRes",
    """The categories, which ProtoOALightSymbol points to.""",
)
ProtoOAAccountLogoutReq = _message(
    "ProtoOAAccountLogoutReq",
    """End an account's session on this connection.

    Leads to ProtoOAAccountDisconnectEvent.

    Closed by ProtoOAAccountLogoutRes, which only acknowledges it: it is done when ProtoOAAccountDisconnectEvent comes.
    """,
)
ProtoOAAccountLogoutRes = _message(
    "ProtoOAAccountLogoutRes",
    """The logout is under way; ProtoOAAccountDisconnectEvent completes it.""",
)
ProtoOAAccountDisconnectEvent = _message(
    "ProtoOAAccountDisconnectEvent",
    """Pushed when an account's session on this connection is over: after a logout, a refreshed token, or because the
    server dropped it.

    The connection stays, and the account can be authorised again.
    """,
)
ProtoOAMarginCallListReq = _message(
    "ProtoOAMarginCallListReq",
    """Ask for the account's margin call thresholds.

    Closed by ProtoOAMarginCallListRes.
    """,
)
ProtoOAMarginCallListRes = _message(
    "ProtoOAMarginCallListRes",
    """The thresholds; it does not repeat whose they are.""",
)
ProtoOAMarginCallUpdateReq = _message(
    "ProtoOAMarginCallUpdateReq",
    """Set a margin call threshold.

    Can be refused with INVALID_REQUEST.

    Leads to ProtoOAMarginCallUpdateEvent; when the level is reached, to ProtoOAMarginCallTriggerEvent.

    Closed by ProtoOAMarginCallUpdateRes.
    """,
)
ProtoOAMarginCallUpdateRes = _message(
    "ProtoOAMarginCallUpdateRes",
    """The threshold is set; it does not repeat which.""",
)
ProtoOAMarginCallUpdateEvent = _message(
    "ProtoOAMarginCallUpdateEvent",
    """Pushed when a margin call threshold was set, by any client of the account.""",
)
ProtoOAMarginCallTriggerEvent = _message(
    "ProtoOAMarginCallTriggerEvent",
    """Pushed when the margin level has reached a threshold, at most once in 10 minutes.""",
)
ProtoOAGetDynamicLeverageByIDReq = _message(
    "ProtoOAGetDynamicLeverageByIDReq",
    """Ask for the tiers of a dynamic leverage.

    Can be refused with ENTITY_NOT_FOUND.

    Closed by ProtoOAGetDynamicLeverageByIDRes.
    """,
)
ProtoOAGetDynamicLeverageByIDRes = _message(
    "ProtoOAGetDynamicLeverageByIDRes",
    """A dynamic leverage; several symbols can share one.""",
)
ProtoOADealListByPositionIdReq = _message(
    "ProtoOADealListByPositionIdReq",
    """Ask for the deals of one position. Historical by most clients' reckoning: 5 requests a second.

    Can be refused with POSITION_NOT_FOUND or INCORRECT_BOUNDARIES.

    Closed by ProtoOADealListByPositionIdRes.
    """,
)
ProtoOADealListByPositionIdRes = _message(
    "ProtoOADealListByPositionIdRes",
    """Deals of a position, newest first (observed).""",
)
ProtoOAOrderDetailsReq = _message(
    "ProtoOAOrderDetailsReq",
    """Ask for one order and its deals (whether it counts as historical is unconfirmed).

    Can be refused with ORDER_NOT_FOUND.

    Closed by ProtoOAOrderDetailsRes.
    """,
)
ProtoOAOrderDetailsRes = _message(
    "ProtoOAOrderDetailsRes",
    """An order with what was executed of it.""",
)
ProtoOAOrderListByPositionIdReq = _message(
    "ProtoOAOrderListByPositionIdReq",
    """Ask for the orders of one position. Historical by most clients' reckoning: 5 requests a second.

    Can be refused with POSITION_NOT_FOUND or INCORRECT_BOUNDARIES.

    Closed by ProtoOAOrderListByPositionIdRes.
    """,
)
ProtoOAOrderListByPositionIdRes = _message(
    "ProtoOAOrderListByPositionIdRes",
    """Orders of a position, newest first.""",
)
ProtoOADealOffsetListReq = _message(
    "ProtoOADealOffsetListReq",
    """Ask which deals a deal was set against: closing takes the oldest deal first.

    Can be refused with ENTITY_NOT_FOUND.

    Closed by ProtoOADealOffsetListRes.
    """,
)
ProtoOADealOffsetListRes = _message(
    "ProtoOADealOffsetListRes",
    """The deals on the other side of a deal.""",
)
ProtoOAGetPositionUnrealizedPnLReq = _message(
    "ProtoOAGetPositionUnrealizedPnLReq",
    """Ask what the open positions stand at, as the server reckons.

    Poll it no more than every 2 to 3 seconds; nothing pushes it.

    Closed by ProtoOAGetPositionUnrealizedPnLRes.
    """,
)
ProtoOAGetPositionUnrealizedPnLRes = _message(
    "ProtoOAGetPositionUnrealizedPnLRes",
    """The unrealised result of all open positions, at the prices of now.""",
)
