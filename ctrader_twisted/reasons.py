"""Why a connection failed, in words that say what to do."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Final, NamedTuple

from OpenSSL import SSL
from service_identity import VerificationError
from twisted.internet import error

from ctrader_twisted.errors import ConnectionFailed

if TYPE_CHECKING:
    from collections.abc import Mapping

HANDSHAKE: Final = "handshake"
"""Where in an `OpenSSL.SSL.Error` its function is named: that it happened before TLS stood."""


class Explanation(NamedTuple):
    """What went wrong.

    :ivar problem: what.
    :ivar remedy: what to do about it, or ``""`` where nothing is known that would help.
    """

    problem: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.problem}: {self.remedy}" if self.remedy else self.problem


_UNTRUSTED: Final = Explanation(
    "its certificate is not signed by a trusted authority", "set the trust root if it is a private one"
)

# What OpenSSL calls each refusal of a certificate (X509_V_ERR_…).
_CERTIFICATE_REFUSALS: Final[Mapping[int, Explanation]] = {
    2: _UNTRUSTED,
    7: Explanation(
        "its certificate is not signed by the authority that is trusted, but by another of the same name",
        "get the server's present trust root",
    ),
    9: Explanation("its certificate is not valid yet", "check this machine's clock"),
    10: Explanation(
        "its certificate has expired", "check this machine's clock, or the server's operator must renew it"
    ),
    18: Explanation(
        "its certificate is self-signed and not among the trusted ones", "set the trust root if that is meant"
    ),
    19: _UNTRUSTED,
    20: _UNTRUSTED,
    21: _UNTRUSTED,
    62: Explanation("its certificate is for another host name", "this is not the server that was asked for"),
    64: Explanation("its certificate is for another address", "this is not the server that was asked for"),
}

UNTRUSTED: Final = frozenset(_CERTIFICATE_REFUSALS[number] for number in (7, 18, 20))
"""Refusals of a certificate that another trust root would change."""

_OUTDATED: Final = Explanation(
    "the server speaks only an outdated version of TLS; TLS 1.2 is the least that is accepted",
    "check the port, and what stands between here and the server; the server's operator must update it",
)
_NOT_TLS: Final = Explanation(
    "what answers there does not speak TLS",
    "check host and port (Spotware's are 5035 for protobuf, 5036 for JSON), and whether a proxy or a firewall answers "
    "in its place",
)
_NO_AGREEMENT: Final = Explanation(
    "the server accepts none of the ciphers and keys that this side offers",
    "check what stands between here and the server; the server's operator must update it",
)
_CUT: Final = Explanation(
    "the connection was cut during the TLS handshake",
    "what answers there does not speak TLS (check host and port), or the server is not serving now: try again later",
)

# What OpenSSL calls each failure of a handshake. A record of a version that TLS never had is no TLS at all.
_HANDSHAKE_FAILURES: Final[Mapping[str, Explanation]] = {
    "TLSV1_ALERT_PROTOCOL_VERSION": _OUTDATED,
    "UNSUPPORTED_PROTOCOL": _OUTDATED,
    "VERSION_TOO_LOW": _OUTDATED,
    "WRONG_SSL_VERSION": _OUTDATED,
    "WRONG_VERSION_NUMBER": _NOT_TLS,
    "UNKNOWN_PROTOCOL": _NOT_TLS,
    "HTTP_REQUEST": _NOT_TLS,
    "RECORD_LAYER_FAILURE": _NOT_TLS,
    "PACKET_LENGTH_TOO_LONG": _NOT_TLS,
    "SSLV3_ALERT_HANDSHAKE_FAILURE": _NO_AGREEMENT,
    "TLSV1_ALERT_INSUFFICIENT_SECURITY": _NO_AGREEMENT,
    "DH_KEY_TOO_SMALL": _NO_AGREEMENT,
    "TLSV1_UNRECOGNIZED_NAME": Explanation("the server does not know this host name", "check host and port"),
}


def connection_error(reason: BaseException | None, where: str) -> ConnectionFailed:
    """Turn what a transport gave as its reason into a `ConnectionFailed` that names it.

    :param where: the host and port, or the environment.
    """
    found = explain(reason)
    notes = getattr(reason.__cause__, "__notes__", ()) if found in UNTRUSTED and reason is not None else ()
    return ConnectionFailed(where, ". ".join((str(found), *notes)))


def explain(reason: BaseException | None) -> Explanation:
    """Say what a transport's reason means, and what to do about it."""
    if isinstance(reason, ConnectionFailed):
        return Explanation(reason.reason)
    if isinstance(reason, error.ConnectionDone):
        return Explanation("the server closed the connection")
    if isinstance(reason, error.DNSLookupError):
        return Explanation("the host name can't be resolved", "check it, and this machine's DNS")
    if isinstance(reason, error.ConnectionRefusedError):
        return Explanation("the connection was refused", "nothing listens there, or a firewall is in the way")
    if isinstance(reason, error.TimeoutError | error.TCPTimedOutError):
        return Explanation("the connection attempt timed out", "a firewall is in the way, or it is the wrong host")
    if isinstance(reason, error.NoRouteError):
        return Explanation("there is no way to that host", "check this machine's network")
    if isinstance(reason, VerificationError):
        return Explanation("the certificate is for another host name", "this is not the server that was asked for")
    if isinstance(reason, SSL.Error):
        return _explain_tls(reason)
    if isinstance(reason, error.ConnectionLost):
        return Explanation("the connection was lost")
    return Explanation(str(reason) or type(reason).__name__)


def _explain_tls(reason: SSL.Error) -> Explanation:
    cause = reason.__cause__
    if isinstance(cause, ssl.SSLCertVerificationError):
        unknown = Explanation(f"its certificate is refused: {cause.verify_message}")
        return _CERTIFICATE_REFUSALS.get(cause.verify_code, unknown)
    details: list[object] = reason.args[0] if reason.args and isinstance(reason.args[0], list) else list(reason.args)
    last = details[-1] if details else None
    if isinstance(cause, ssl.SSLError) and isinstance(last, tuple) and HANDSHAKE in last:
        if isinstance(cause, ssl.SSLEOFError | ssl.SSLZeroReturnError):
            return _CUT
        if cause.reason in _HANDSHAKE_FAILURES:
            return _HANDSHAKE_FAILURES[cause.reason]
    words = [str(detail[-1]) if isinstance(detail, tuple) and detail else str(detail) for detail in details]
    said = "; ".join(word for word in words if word) or "the peer gave no reason"
    return Explanation(f"TLS failed: {said}")
