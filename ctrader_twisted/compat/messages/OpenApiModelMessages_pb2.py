"""What the Open API's messages are made of, as ``ctrader_open_api`` has it in a module of this name."""

from typing import TYPE_CHECKING as _TYPE_CHECKING

from google.protobuf.descriptor import FileDescriptor as _FileDescriptor

from ctrader_twisted.compat import enums as _enums
from ctrader_twisted.messages import ProtoOAArchivedSymbol as ProtoOAArchivedSymbol
from ctrader_twisted.messages import ProtoOAAsset as ProtoOAAsset
from ctrader_twisted.messages import ProtoOAAssetClass as ProtoOAAssetClass
from ctrader_twisted.messages import ProtoOABonusDepositWithdraw as ProtoOABonusDepositWithdraw
from ctrader_twisted.messages import ProtoOAClosePositionDetail as ProtoOAClosePositionDetail
from ctrader_twisted.messages import ProtoOACtidProfile as ProtoOACtidProfile
from ctrader_twisted.messages import ProtoOACtidTraderAccount as ProtoOACtidTraderAccount
from ctrader_twisted.messages import ProtoOADeal as ProtoOADeal
from ctrader_twisted.messages import ProtoOADealOffset as ProtoOADealOffset
from ctrader_twisted.messages import ProtoOADepositWithdraw as ProtoOADepositWithdraw
from ctrader_twisted.messages import ProtoOADepthQuote as ProtoOADepthQuote
from ctrader_twisted.messages import ProtoOADynamicLeverage as ProtoOADynamicLeverage
from ctrader_twisted.messages import ProtoOADynamicLeverageTier as ProtoOADynamicLeverageTier
from ctrader_twisted.messages import ProtoOAExpectedMargin as ProtoOAExpectedMargin
from ctrader_twisted.messages import ProtoOAHoliday as ProtoOAHoliday
from ctrader_twisted.messages import ProtoOAInterval as ProtoOAInterval
from ctrader_twisted.messages import ProtoOALightSymbol as ProtoOALightSymbol
from ctrader_twisted.messages import ProtoOAMarginCall as ProtoOAMarginCall
from ctrader_twisted.messages import ProtoOAOrder as ProtoOAOrder
from ctrader_twisted.messages import ProtoOAPosition as ProtoOAPosition
from ctrader_twisted.messages import ProtoOAPositionUnrealizedPnL as ProtoOAPositionUnrealizedPnL
from ctrader_twisted.messages import ProtoOASymbol as ProtoOASymbol
from ctrader_twisted.messages import ProtoOASymbolCategory as ProtoOASymbolCategory
from ctrader_twisted.messages import ProtoOATickData as ProtoOATickData
from ctrader_twisted.messages import ProtoOATradeData as ProtoOATradeData
from ctrader_twisted.messages import ProtoOATrader as ProtoOATrader
from ctrader_twisted.messages import ProtoOATrendbar as ProtoOATrendbar

DESCRIPTOR: _FileDescriptor = ProtoOAArchivedSymbol.DESCRIPTOR.file

ProtoOAAccessRights: _enums.Enum = _enums.Enum("ProtoOAAccessRights")
ProtoOAAccountType: _enums.Enum = _enums.Enum("ProtoOAAccountType")
ProtoOAChangeBalanceType: _enums.Enum = _enums.Enum("ProtoOAChangeBalanceType")
ProtoOAChangeBonusType: _enums.Enum = _enums.Enum("ProtoOAChangeBonusType")
ProtoOAClientPermissionScope: _enums.Enum = _enums.Enum("ProtoOAClientPermissionScope")
ProtoOACommissionType: _enums.Enum = _enums.Enum("ProtoOACommissionType")
ProtoOADayOfWeek: _enums.Enum = _enums.Enum("ProtoOADayOfWeek")
ProtoOADealStatus: _enums.Enum = _enums.Enum("ProtoOADealStatus")
ProtoOAErrorCode: _enums.Enum = _enums.Enum("ProtoOAErrorCode")
ProtoOAExecutionType: _enums.Enum = _enums.Enum("ProtoOAExecutionType")
ProtoOALimitedRiskMarginCalculationStrategy: _enums.Enum = _enums.Enum("ProtoOALimitedRiskMarginCalculationStrategy")
ProtoOAMinCommissionType: _enums.Enum = _enums.Enum("ProtoOAMinCommissionType")
ProtoOANotificationType: _enums.Enum = _enums.Enum("ProtoOANotificationType")
ProtoOAOrderStatus: _enums.Enum = _enums.Enum("ProtoOAOrderStatus")
ProtoOAOrderTriggerMethod: _enums.Enum = _enums.Enum("ProtoOAOrderTriggerMethod")
ProtoOAOrderType: _enums.Enum = _enums.Enum("ProtoOAOrderType")
ProtoOAPayloadType: _enums.Enum = _enums.Enum("ProtoOAPayloadType")
ProtoOAPositionStatus: _enums.Enum = _enums.Enum("ProtoOAPositionStatus")
ProtoOAQuoteType: _enums.Enum = _enums.Enum("ProtoOAQuoteType")
ProtoOAStopOutStrategy: _enums.Enum = _enums.Enum("ProtoOAStopOutStrategy")
ProtoOASwapCalculationType: _enums.Enum = _enums.Enum("ProtoOASwapCalculationType")
ProtoOASymbolDistanceType: _enums.Enum = _enums.Enum("ProtoOASymbolDistanceType")
ProtoOATimeInForce: _enums.Enum = _enums.Enum("ProtoOATimeInForce")
ProtoOATotalMarginCalculationType: _enums.Enum = _enums.Enum("ProtoOATotalMarginCalculationType")
ProtoOATradeSide: _enums.Enum = _enums.Enum("ProtoOATradeSide")
ProtoOATradingMode: _enums.Enum = _enums.Enum("ProtoOATradingMode")
ProtoOATrendbarPeriod: _enums.Enum = _enums.Enum("ProtoOATrendbarPeriod")

globals().update(
    _enums.values(
        ProtoOAAccessRights,
        ProtoOAAccountType,
        ProtoOAChangeBalanceType,
        ProtoOAChangeBonusType,
        ProtoOAClientPermissionScope,
        ProtoOACommissionType,
        ProtoOADayOfWeek,
        ProtoOADealStatus,
        ProtoOAErrorCode,
        ProtoOAExecutionType,
        ProtoOALimitedRiskMarginCalculationStrategy,
        ProtoOAMinCommissionType,
        ProtoOANotificationType,
        ProtoOAOrderStatus,
        ProtoOAOrderTriggerMethod,
        ProtoOAOrderType,
        ProtoOAPayloadType,
        ProtoOAPositionStatus,
        ProtoOAQuoteType,
        ProtoOAStopOutStrategy,
        ProtoOASwapCalculationType,
        ProtoOASymbolDistanceType,
        ProtoOATimeInForce,
        ProtoOATotalMarginCalculationType,
        ProtoOATradeSide,
        ProtoOATradingMode,
        ProtoOATrendbarPeriod,
    )
)

if _TYPE_CHECKING:

    def __getattr__(name: str) -> int:
        """Stand for the values of the enums."""
        raise AttributeError(name)
