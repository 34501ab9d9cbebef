"""Spotware's own names over this client: change ``ctrader_open_api`` to ``ctrader_twisted.compat`` in the imports.

`Client`, `Protobuf`, `TcpProtocol`, `Auth` and `EndPoints` are called and behave as in ``ctrader_open_api`` 0.9.2, and
the message classes stand in modules of the same names; under them are this package's TLS, wire, session and tokens.
``docs/moving-over.md`` says what behaves differently on purpose, and shows each idiom beside that of
`ctrader_twisted.OpenApiClient`.
"""

from ctrader_twisted.compat.auth import Auth as Auth
from ctrader_twisted.compat.client import Client as Client
from ctrader_twisted.compat.endpoints import EndPoints as EndPoints
from ctrader_twisted.compat.protobuf import Protobuf as Protobuf
from ctrader_twisted.compat.tcpProtocol import TcpProtocol as TcpProtocol

__all__ = ["Auth", "Client", "EndPoints", "Protobuf", "TcpProtocol"]
