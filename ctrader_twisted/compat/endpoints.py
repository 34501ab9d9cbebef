"""Where Spotware's servers are."""

from __future__ import annotations

from typing import Final

from ctrader_twisted.credentials import DEMO, LIVE
from ctrader_twisted.tokens.oauth import TOKEN_URL


class EndPoints:
    """Addresses, under Spotware's names."""

    AUTH_URI: Final[str] = "https://openapi.ctrader.com/apps/auth"
    """The consent page that 0.9.2 names. Spotware's present one is `ctrader_twisted.tokens.oauth.CONSENT_URL`."""
    TOKEN_URI: Final[str] = TOKEN_URL
    PROTOBUF_DEMO_HOST: Final[str] = DEMO.host
    PROTOBUF_LIVE_HOST: Final[str] = LIVE.host
    PROTOBUF_PORT: Final[int] = DEMO.port
