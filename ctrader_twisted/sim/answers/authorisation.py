"""Applications, accounts and tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ctrader_twisted.messages import (
    ProtoOAAccountAuthReq,
    ProtoOAAccountAuthRes,
    ProtoOAAccountLogoutReq,
    ProtoOAAccountLogoutRes,
    ProtoOAApplicationAuthReq,
    ProtoOAApplicationAuthRes,
    ProtoOACtidProfile,
    ProtoOACtidTraderAccount,
    ProtoOAGetAccountListByAccessTokenReq,
    ProtoOAGetAccountListByAccessTokenRes,
    ProtoOAGetCtidProfileByTokenReq,
    ProtoOAGetCtidProfileByTokenRes,
    ProtoOARefreshTokenReq,
    ProtoOARefreshTokenRes,
    ProtoOAVersionReq,
    ProtoOAVersionRes,
)
from ctrader_twisted.sim.answers.refusal import Refusal
from ctrader_twisted.sim.answers.scope import Answer, Scope

if TYPE_CHECKING:
    from collections.abc import Mapping

    from google.protobuf.message import Message

    from ctrader_twisted.sim.accounts import Grant
    from ctrader_twisted.sim.conversation import Conversation, Session

TOKEN_REFRESHED: Final = "Access token was refreshed"
_NO_LOGIN: Final = 3  # ProtoOAAccessRights


def _version(talk: Conversation, request: ProtoOAVersionReq) -> ProtoOAVersionRes:
    return ProtoOAVersionRes(version=talk.venue.options.version)


def _authorise_application(talk: Conversation, request: ProtoOAApplicationAuthReq) -> ProtoOAApplicationAuthRes:
    if talk.application is not None:
        raise Refusal(talk.venue.options.twice_code, "Application is already authenticated")
    application = talk.venue.registry.application(request.clientId, request.clientSecret)
    if application is None:
        raise Refusal("CH_CLIENT_AUTH_FAILURE", "clientId or clientSecret is incorrect", closes=True)
    most = talk.venue.options.max_connections
    if most and sum(other.application is application for other in talk.venue.conversations.values()) >= most:
        raise Refusal("CONNECTIONS_LIMIT_EXCEEDED", f"More than {most} connections", closes=True)
    talk.application = application
    return ProtoOAApplicationAuthRes()


def _authorise_account(talk: Conversation, request: ProtoOAAccountAuthReq) -> ProtoOAAccountAuthRes:
    grant = _grant(talk, request.accessToken)
    account_id = request.ctidTraderAccountId
    account = talk.venue.registry.accounts.get(account_id)
    if account is None or account_id not in grant.account_ids:
        raise Refusal("CH_CTID_TRADER_ACCOUNT_NOT_FOUND", f"Trading account {account_id} is not found")
    if account.is_live is not (talk.venue.options.environment == "live"):
        raise Refusal("CANT_ROUTE_REQUEST", "No environment connection")
    if account.access_rights == _NO_LOGIN:
        raise Refusal("RET_ACCOUNT_DISABLED", "Trading account may not log in")  # which code is unconfirmed
    session = talk.sessions.get(account_id)
    if session is not None and session.access_token == request.accessToken:
        raise Refusal("ALREADY_LOGGED_IN", "Trading account is already authorized in this channel")
    talk.open_session(account, grant)
    return ProtoOAAccountAuthRes(ctidTraderAccountId=account_id)


def _log_out(session: Session, request: ProtoOAAccountLogoutReq) -> ProtoOAAccountLogoutRes:
    talk = session.conversation
    talk.afterwards(lambda: talk.disconnect_account(session.account_id, for_good=True))
    return ProtoOAAccountLogoutRes(ctidTraderAccountId=session.account_id)


def _account_list(
    talk: Conversation, request: ProtoOAGetAccountListByAccessTokenReq
) -> ProtoOAGetAccountListByAccessTokenRes:
    venue = talk.venue
    grant = _grant(talk, request.accessToken)
    answer = ProtoOAGetAccountListByAccessTokenRes(accessToken=request.accessToken, permissionScope=grant.scope)
    for account_id in grant.account_ids:
        account = venue.registry.accounts[account_id]
        ledger = venue.exchange.desk(account_id).ledger
        closed = [deal.executed_at for deal in ledger.deals if deal.detail is not None]
        answer.ctidTraderAccount.append(
            ProtoOACtidTraderAccount(
                ctidTraderAccountId=account_id,
                isLive=account.is_live,
                traderLogin=account.login,
                lastClosingDealTimestamp=max(closed, default=None),
                lastBalanceUpdateTimestamp=max([*closed, *(flow.at for flow in ledger.cash_flow)], default=None),
                brokerTitleShort=account.broker_title,
            )
        )
    return answer


def _profile(talk: Conversation, request: ProtoOAGetCtidProfileByTokenReq) -> ProtoOAGetCtidProfileByTokenRes:
    grant = _grant(talk, request.accessToken)
    return ProtoOAGetCtidProfileByTokenRes(profile=ProtoOACtidProfile(userId=grant.user_id))


def _refresh(talk: Conversation, request: ProtoOARefreshTokenReq) -> ProtoOARefreshTokenRes:
    venue = talk.venue
    grant = venue.registry.refresh(request.refreshToken, venue.now(), _client_id(talk))
    if grant is None:
        raise Refusal("CH_ACCESS_TOKEN_INVALID", "Refresh token is not valid")
    if venue.options.events_before_refresh:
        venue.end_sessions_of(grant, TOKEN_REFRESHED)
    else:
        talk.afterwards(lambda: venue.end_sessions_of(grant, TOKEN_REFRESHED))
    return ProtoOARefreshTokenRes(
        accessToken=grant.access_token,
        tokenType="bearer",
        expiresIn=grant.expires_in(venue.now()),
        refreshToken=grant.refresh_token,
    )


def _grant(talk: Conversation, access_token: str) -> Grant:
    grant = talk.venue.registry.grant(access_token, _client_id(talk))
    if grant is None:
        raise Refusal("CH_ACCESS_TOKEN_INVALID", "Access token is not valid")
    if talk.venue.now() >= grant.expires_at:
        raise Refusal(talk.venue.options.expired_code, "Access token has expired")
    return grant


def _client_id(talk: Conversation) -> str | None:
    return None if talk.application is None else talk.application.client_id


ANSWERS: Final[Mapping[type[Message], tuple[Scope, Answer]]] = {
    ProtoOAVersionReq: (Scope.ANYONE, _version),
    ProtoOAApplicationAuthReq: (Scope.ANYONE, _authorise_application),
    ProtoOAAccountAuthReq: (Scope.APPLICATION, _authorise_account),
    ProtoOAGetAccountListByAccessTokenReq: (Scope.APPLICATION, _account_list),
    ProtoOAGetCtidProfileByTokenReq: (Scope.APPLICATION, _profile),
    ProtoOARefreshTokenReq: (Scope.APPLICATION, _refresh),
    ProtoOAAccountLogoutReq: (Scope.ACCOUNT, _log_out),
}
