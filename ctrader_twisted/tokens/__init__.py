"""Grants and their tokens: where they are kept, and how they are refreshed without ever being lost.

``ctrader_twisted.tokens.oauth`` has to be imported by its own name: it needs the extra ``oauth``.
"""

from ctrader_twisted.tokens.grant import Grant, GrantedAccount, TokenPair
from ctrader_twisted.tokens.keeper import TokenKeeper
from ctrader_twisted.tokens.store import FileTokenStore, MemoryTokenStore, TokenStore

__all__ = [
    "FileTokenStore",
    "Grant",
    "GrantedAccount",
    "MemoryTokenStore",
    "TokenKeeper",
    "TokenPair",
    "TokenStore",
]
