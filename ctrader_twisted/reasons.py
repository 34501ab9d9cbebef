"""Why a connection failed, in words that say what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from OpenSSL import SSL
from service_identity import VerificationError
from twisted.internet import error

from ctrader_twisted.errors import ConnectionFailed

if TYPE_CHECKING:
    from collections.abc import Iterable


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
    if isinstance(reason, SSL.Error):
        return f"TLS failed: {_openssl(reason)}"
    if isinstance(reason, error.ConnectionLost):
        return "the connection was lost"
    return str(reason) or type(reason).__name__


def _openssl(reason: SSL.Error) -> str:
    details: Iterable[object] = reason.args[0] if reason.args and isinstance(reason.args[0], list) else reason.args
    words = [str(detail[-1]) if isinstance(detail, tuple) and detail else str(detail) for detail in details]
    said = "; ".join(word for word in words if word) or "the peer gave no reason"
    if "certificate verify failed" in said:
        said += " (its certificate is not signed by a trusted authority, or has expired)"
    return said
