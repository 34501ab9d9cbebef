"""The messages and enums of the cTrader Open API, under Spotware's own names.

Every class here is generated from `protos/`, where each field's meaning, unit and absence is written; an editor shows
the same text. An enum field reads as a plain `int`, an absent field as its default: ask `HasField` where that matters.
"""

from ctrader_twisted.wire.schema import *  # noqa: F403
from ctrader_twisted.wire.schema import __all__ as __all__
