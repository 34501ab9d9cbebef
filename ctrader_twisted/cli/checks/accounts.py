"""An account: whether it is authorised, what it is, and if not, why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ctrader_twisted import messages
from ctrader_twisted.cli.checks.report import Finding, failed, ok, warning
from ctrader_twisted.cli.checks.sentences import code_and_description
from ctrader_twisted.config.settings import KNOWN_HOSTS
from ctrader_twisted.errors import CannotRoute

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ctrader_twisted.client import OpenApiClient


async def look_at_account(
    client: OpenApiClient, account_id: int, access_token: str, opened: Mapping[int, Any]
) -> Finding:
    """Authorise an account and ask what it is.

    :param opened: what its token opens, as the server said: a ProtoOACtidTraderAccount by its id.
    """
    listed = opened.get(account_id)
    if listed is None:
        return _not_granted(account_id, opened)
    environment = client.environment
    kind = "live" if listed.isLive else "demo"
    elsewhere = environment.live is not None and listed.isLive != environment.live
    try:
        await client.account_auth(ctidTraderAccountId=account_id, accessToken=access_token)
    except CannotRoute as error:
        if not elsewhere:
            raise
        problem = f'it is a {kind} account, and "{environment.name}" serves the others: {code_and_description(error)}'
        known = environment.name in KNOWN_HOSTS
        remedy = f'Write environment = "{kind}"' if known else f"Name an environment that serves {kind} accounts"
        return failed(problem, f"{remedy} for it")
    trader = (await client.trader(ctidTraderAccountId=account_id)).trader
    assets = (await client.asset_list(ctidTraderAccountId=account_id)).asset
    currency = next((asset.name for asset in assets if asset.assetId == trader.depositAssetId), "an unknown asset")
    about = [f"authorised, {kind}", trader.brokerName or listed.brokerTitleShort or "its broker is not named"]
    if trader.HasField("traderLogin"):
        about.append(f"login {trader.traderLogin}")
    about.append(f"in {currency}")
    if trader.HasField("balanceVersion"):
        about.append(f"balance version {trader.balanceVersion}")
    detail = ", ".join(about)
    if elsewhere:
        remedy = f"Correct live in [environment.{environment.name}]"
        return warning(f'{detail}; the configuration says that "{environment.name}" serves the others', remedy)
    if trader.accessRights != messages.ProtoOAAccessRights.FULL_ACCESS:
        rights = messages.ProtoOAAccessRights(trader.accessRights).name
        return warning(f"{detail}; its rights are {rights}", "Ask its broker, if it is to trade")
    return ok(detail)


def opened_by_none(account_id: int, opened: Mapping[int, Any], *, simulated: bool) -> Finding:
    """Say that no token is known to open an account.

    :param opened: what those that there are open: a ProtoOACtidTraderAccount by its id.
    :param simulated: whether it would be an account of the simulator.
    """
    meant = _meant_by_login(account_id, opened)
    if meant is not None:
        return meant
    known = ", ".join(map(str, opened))
    if simulated and opened:
        remedy = f"It has {known}; without an id, the first of them is taken"
        return failed(f"the simulator has no account {account_id}", remedy)
    problem, log_in = "no token is known that opens it", "og in with a cTrader ID that owns it: ctrader login"
    if not opened:
        return failed(problem, f"L{log_in}")
    return failed(f"{problem}; those there are open {known}", f"{_CHECK_ID}, or l{log_in}")


_CHECK_ID: Final = "Check the id (the ctidTraderAccountId, not the login)"


def _meant_by_login(account_id: int, opened: Mapping[int, Any]) -> Finding | None:
    for other_id, other in opened.items():
        if other.HasField("traderLogin") and other.traderLogin == account_id:
            return failed(f"{account_id} is the login of account {other_id}", f"Write id = {other_id}")
    return None


def _not_granted(account_id: int, opened: Mapping[int, Any]) -> Finding:
    meant = _meant_by_login(account_id, opened)
    if meant is not None:
        return meant
    known = ", ".join(map(str, opened)) or "none"
    return failed(
        f"its token was not granted for it; it opens {known}",
        f"{_CHECK_ID}, or log in again and tick the account: ctrader login",
    )
