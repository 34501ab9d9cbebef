"""Why a connection failed, in words that say what to do."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from OpenSSL import SSL
from service_identity import VerificationError
from twisted.internet import error

from ctrader_twisted.errors import ConnectionFailed

if TYPE_CHECKING:
    from collections.abc import Iterable

# What OpenSSL calls each refusal of a certificate (X509_V_ERR_…), in words that say what to do.
_CERTIFICATE_REFUSALS = {
    9: "its certificate is not valid yet: check this machine's clock",
    10: "its certificate has expired: check this machine's clock, or the server's operator must renew it",
    18: "its certificate is self-signed and not among the trusted ones: set the trust root if that is meant",
    19: "its certificate is not signed by a trusted authority: set the trust root if it is a private one",
    20: "its certificate is not signed by a trusted authority: set the trust root if it is a private one",
    62: "its certificate is for another host name: this is not the server that was asked for",
    64: "its certificate is for another address: this is not the server that was asked for",
}


def connection_error(reason: BaseException | None, where: str) -> ConnectionFailed:
    """Turn what a transport gave as its reason into a `ConnectionFailed` that names it.

    :param where: the host and port, or the environment.
    """
    return ConnectionFailed(where, _say(reason))


def _say(reason: BaseException | None) -> str:
    if isinstance(reason, error.ConnectionDone):
        return "the server closed the connection"
    if isinstance(reason, error.DNSLookupError):
        return "the host name can't be resolved: check it, and this machine's DNS"
    if isinstance(reason, error.ConnectionRefusedError):
        return "the connection was refused: nothing listens there, or a firewall is in the way"
    if isinstance(reason, error.TimeoutError | error.TCPTimedOutError):
        return "the connection attempt timed out"
    if isinstance(reason, VerificationError):
        return "the certificate is for another host name: this is not the server that was asked for"
    if isinstance(reason, SSL.Error) and isinstance(reason.__cause__, ssl.SSLCertVerificationError):
        refusal = reason.__cause__
        return _CERTIFICATE_REFUSALS.get(refusal.verify_code, f"its certificate is refused: {refusal.verify_message}")
    if isinstance(reason, SSL.Error):
        return f"TLS failed: {_openssl(reason)}"
    if isinstance(reason, error.ConnectionLost):
        return "the connection was lost"
    return str(reason) or type(reason).__name__


def _openssl(reason: SSL.Error) -> str:
    details: Iterable[object] = reason.args[0] if reason.args and isinstance(reason.args[0], list) else reason.args
    words = [str(detail[-1]) if isinstance(detail, tuple) and detail else str(detail) for detail in details]
    said = "; ".join(word for word in words if word) or "the peer gave no reason"
    return said
