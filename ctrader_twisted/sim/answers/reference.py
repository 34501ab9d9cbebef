"""What hardly changes: the trader, assets, symbols, leverage, margin calls."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from ctrader_twisted.messages import (
    ProtoOAArchivedSymbol,
    ProtoOAAsset,
    ProtoOAAssetClass,
    ProtoOAAssetClassListReq,
    ProtoOAAssetClassListRes,
    ProtoOAAssetListReq,
    ProtoOAAssetListRes,
    ProtoOADynamicLeverage,
    ProtoOADynamicLeverageTier,
    ProtoOAGetDynamicLeverageByIDReq,
    ProtoOAGetDynamicLeverageByIDRes,
    ProtoOAHoliday,
    ProtoOAInterval,
    ProtoOALightSymbol,
    ProtoOAMarginCall,
    ProtoOAMarginCallListReq,
    ProtoOAMarginCallListRes,
    ProtoOAMarginCallUpdateEvent,
    ProtoOAMarginCallUpdateReq,
    ProtoOAMarginCallUpdateRes,
    ProtoOASymbol,
    ProtoOASymbolByIdReq,
    ProtoOASymbolByIdRes,
    ProtoOASymbolCategory,
    ProtoOASymbolCategoryListReq,
    ProtoOASymbolCategoryListRes,
    ProtoOASymbolDistanceType,
    ProtoOASymbolsForConversionReq,
    ProtoOASymbolsForConversionRes,
    ProtoOASymbolsListReq,
    ProtoOASymbolsListRes,
    ProtoOATrader,
    ProtoOATraderReq,
    ProtoOATraderRes,
)
from ctrader_twisted.sim.answers.refusal import Refusal, invalid, unknown_symbol
from ctrader_twisted.sim.answers.scope import Answer, Scope
from ctrader_twisted.sim.trading.entities import set_given

if TYPE_CHECKING:
    from collections.abc import Mapping

    from google.protobuf.message import Message

    from ctrader_twisted.sim.accounts import TradingAccount
    from ctrader_twisted.sim.conversation import Session
    from ctrader_twisted.sim.feed.instruments import ArchivedSymbol, Instrument
    from ctrader_twisted.sim.venue import Venue


def _trader(session: Session, request: ProtoOATraderReq) -> ProtoOATraderRes:
    trader = trader_message(session.conversation.venue, session.account)
    return ProtoOATraderRes(ctidTraderAccountId=session.account_id, trader=trader)


def trader_message(venue: Venue, account: TradingAccount) -> ProtoOATrader:
    """Describe an account as it stands. How its stop-outs go is told where it is not the usual way (observed)."""
    trader = ProtoOATrader(
        ctidTraderAccountId=account.account_id,
        balance=account.balance,
        balanceVersion=account.balance_version,
        accessRights=account.access_rights,
        depositAssetId=venue.reference.asset(account.deposit_asset).asset_id,
        swapFree=account.swap_free,
        leverageInCents=account.leverage_in_cents,
        totalMarginCalculationType=account.total_margin,
        maxLeverage=account.leverage_in_cents,
        frenchRisk=False,
        traderLogin=account.login,
        accountType=account.account_type,
        brokerName=account.broker_name,
        registrationTimestamp=venue.opened_at,
        isLimitedRisk=account.limited_risk,
        moneyDigits=account.money_digits,
    )
    if account.limited_risk:
        trader.limitedRiskMarginCalculationStrategy = account.limited_risk_margin
    set_given(
        trader,
        managerBonus=account.manager_bonus or None,
        ibBonus=account.ib_bonus or None,
        nonWithdrawableBonus=account.non_withdrawable_bonus or None,
    )
    if account.fair_stop_out:
        trader.fairStopOut = True
    if account.stop_out_strategy:
        trader.stopOutStrategy = account.stop_out_strategy
    return trader


def _assets(session: Session, request: ProtoOAAssetListReq) -> ProtoOAAssetListRes:
    assets = [
        ProtoOAAsset(assetId=asset.asset_id, name=asset.name, displayName=asset.display_name, digits=asset.digits)
        for asset in session.conversation.venue.reference.assets
    ]
    return ProtoOAAssetListRes(ctidTraderAccountId=session.account_id, asset=assets)


def _asset_classes(session: Session, request: ProtoOAAssetClassListReq) -> ProtoOAAssetClassListRes:
    classes = [
        ProtoOAAssetClass(id=one.asset_class_id, name=one.name, sortingNumber=one.sorting_number)
        for one in session.conversation.venue.reference.asset_classes
    ]
    return ProtoOAAssetClassListRes(ctidTraderAccountId=session.account_id, assetClass=classes)


def _categories(session: Session, request: ProtoOASymbolCategoryListReq) -> ProtoOASymbolCategoryListRes:
    categories = [
        ProtoOASymbolCategory(
            id=one.category_id, assetClassId=one.asset_class_id, name=one.name, sortingNumber=one.sorting_number
        )
        for one in session.conversation.venue.reference.categories
    ]
    return ProtoOASymbolCategoryListRes(ctidTraderAccountId=session.account_id, symbolCategory=categories)


def _symbols(session: Session, request: ProtoOASymbolsListReq) -> ProtoOASymbolsListRes:
    venue = session.conversation.venue
    answer = ProtoOASymbolsListRes(
        ctidTraderAccountId=session.account_id,
        symbol=[_light_symbol(instrument) for instrument in venue.instruments.values()],
    )
    if request.includeArchivedSymbols:
        answer.archivedSymbol.extend(_archived_symbol(archived) for archived in venue.reference.archived)
    return answer


def _symbols_by_id(session: Session, request: ProtoOASymbolByIdReq) -> ProtoOASymbolByIdRes:
    venue = session.conversation.venue
    archived = {symbol.symbol_id: symbol for symbol in venue.reference.archived}
    answer = ProtoOASymbolByIdRes(ctidTraderAccountId=session.account_id)
    for symbol_id in dict.fromkeys(request.symbolId):
        if symbol_id in venue.instruments:
            answer.symbol.append(_full_symbol(venue.instruments[symbol_id]))
        elif symbol_id in archived:
            answer.archivedSymbol.append(_archived_symbol(archived[symbol_id]))
        else:
            raise unknown_symbol(symbol_id)
    return answer


def _conversion(session: Session, request: ProtoOASymbolsForConversionReq) -> ProtoOASymbolsForConversionRes:
    rates = session.conversation.venue.rates
    chain = rates.chain(request.firstAssetId, request.lastAssetId)
    if chain is None:
        raise invalid(f"No conversion from asset {request.firstAssetId} to asset {request.lastAssetId}")
    return ProtoOASymbolsForConversionRes(
        ctidTraderAccountId=session.account_id, symbol=[_light_symbol(instrument) for instrument in chain]
    )


def _leverage(session: Session, request: ProtoOAGetDynamicLeverageByIDReq) -> ProtoOAGetDynamicLeverageByIDRes:
    for leverage in session.conversation.venue.reference.leverages:
        if leverage.leverage_id == request.leverageId:
            tiers = [ProtoOADynamicLeverageTier(volume=tier.volume, leverage=tier.leverage) for tier in leverage.tiers]
            return ProtoOAGetDynamicLeverageByIDRes(
                ctidTraderAccountId=session.account_id,
                leverage=ProtoOADynamicLeverage(leverageId=leverage.leverage_id, tiers=tiers),
            )
    raise Refusal("ENTITY_NOT_FOUND", f"Dynamic leverage {request.leverageId} is not found")


def _margin_calls(session: Session, request: ProtoOAMarginCallListReq) -> ProtoOAMarginCallListRes:
    return ProtoOAMarginCallListRes(
        marginCall=[_margin_call(session, number) for number in session.account.margin_calls]
    )


def _update_margin_call(session: Session, request: ProtoOAMarginCallUpdateReq) -> ProtoOAMarginCallUpdateRes:
    talk, asked = session.conversation, request.marginCall
    if asked.marginCallType not in session.account.margin_calls:
        raise invalid("Unknown margin call type")
    if not 0 < asked.marginLevelThreshold < math.inf:
        raise invalid("Margin level threshold must be positive")
    session.account.margin_calls[asked.marginCallType] = (asked.marginLevelThreshold, talk.venue.now())
    event = ProtoOAMarginCallUpdateEvent(
        ctidTraderAccountId=session.account_id, marginCall=_margin_call(session, asked.marginCallType)
    )
    talk.afterwards(lambda: talk.venue.tell(session.account_id, event))
    return ProtoOAMarginCallUpdateRes()


def _margin_call(session: Session, number: int) -> ProtoOAMarginCall:
    threshold, changed_at = session.account.margin_calls[number]
    return ProtoOAMarginCall(
        marginCallType=number,
        marginLevelThreshold=threshold,
        utcLastUpdateTimestamp=changed_at or session.conversation.venue.opened_at,
    )


def _light_symbol(instrument: Instrument) -> ProtoOALightSymbol:
    return ProtoOALightSymbol(
        symbolId=instrument.symbol_id,
        symbolName=instrument.name,
        enabled=instrument.enabled,
        baseAssetId=instrument.base_asset_id,
        quoteAssetId=instrument.quote_asset_id,
        symbolCategoryId=instrument.category_id,
        description=instrument.description,
        sortingNumber=instrument.sorting_number,
    )


def _archived_symbol(symbol: ArchivedSymbol) -> ProtoOAArchivedSymbol:
    return ProtoOAArchivedSymbol(
        symbolId=symbol.symbol_id,
        name=symbol.name,
        utcLastUpdateTimestamp=symbol.last_update_ms,
        description=symbol.description,
    )


def _full_symbol(instrument: Instrument) -> ProtoOASymbol:
    return ProtoOASymbol(
        symbolId=instrument.symbol_id,
        digits=instrument.digits,
        pipPosition=instrument.pip_position,
        enableShortSelling=instrument.enable_short_selling,
        guaranteedStopLoss=instrument.guaranteed_stop_loss,
        swapRollover3Days=instrument.swap_rollover_3_days,
        swapLong=instrument.swap_long,
        swapShort=instrument.swap_short,
        maxVolume=instrument.max_volume,
        minVolume=instrument.min_volume,
        stepVolume=instrument.step_volume,
        maxExposure=instrument.max_exposure,
        schedule=[ProtoOAInterval(startSecond=start, endSecond=end) for start, end in instrument.schedule],
        commissionType=instrument.commission_type,
        slDistance=instrument.sl_distance,
        tpDistance=instrument.tp_distance,
        gslDistance=instrument.gsl_distance,
        gslCharge=instrument.gsl_charge,
        distanceSetIn=ProtoOASymbolDistanceType.SYMBOL_DISTANCE_IN_POINTS,
        minCommissionType=instrument.min_commission_type,
        minCommissionAsset=instrument.min_commission_asset,
        rolloverCommission=instrument.rollover_commission,
        skipRolloverDays=instrument.skip_rollover_days,
        scheduleTimeZone=instrument.time_zone,
        tradingMode=instrument.trading_mode,
        rolloverCommission3Days=instrument.rollover_commission_3_days,
        swapCalculationType=instrument.swap_calculation_type,
        lotSize=instrument.lot_size,
        preciseTradingCommissionRate=instrument.commission_rate,
        preciseMinCommission=instrument.min_commission,
        holiday=[
            ProtoOAHoliday(
                holidayId=holiday.holiday_id,
                name=holiday.name,
                description=holiday.description,
                scheduleTimeZone=holiday.time_zone,
                holidayDate=holiday.date_days,
                isRecurring=holiday.recurring,
                startSecond=holiday.start_second,
                endSecond=holiday.end_second,
            )
            for holiday in instrument.holidays
        ],
        pnlConversionFeeRate=instrument.pnl_conversion_fee_rate,
        leverageId=instrument.leverage_id,
        swapPeriod=instrument.swap_period,
        swapTime=instrument.swap_time,
        skipSWAPPeriods=instrument.skip_swap_periods,
        chargeSwapAtWeekends=instrument.charge_swap_at_weekends,
        measurementUnits=instrument.measurement_units,
    )


ANSWERS: Final[Mapping[type[Message], tuple[Scope, Answer]]] = {
    ProtoOATraderReq: (Scope.ACCOUNT, _trader),
    ProtoOAAssetListReq: (Scope.ACCOUNT, _assets),
    ProtoOAAssetClassListReq: (Scope.ACCOUNT, _asset_classes),
    ProtoOASymbolCategoryListReq: (Scope.ACCOUNT, _categories),
    ProtoOASymbolsListReq: (Scope.ACCOUNT, _symbols),
    ProtoOASymbolByIdReq: (Scope.ACCOUNT, _symbols_by_id),
    ProtoOASymbolsForConversionReq: (Scope.ACCOUNT, _conversion),
    ProtoOAGetDynamicLeverageByIDReq: (Scope.ACCOUNT, _leverage),
    ProtoOAMarginCallListReq: (Scope.ACCOUNT, _margin_calls),
    ProtoOAMarginCallUpdateReq: (Scope.ACCOUNT, _update_margin_call),
}
