"""Scripts in processes of their own that find a venue where they look for Spotware's servers."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twisted.internet.utils import getProcessOutputAndValue

from ctrader_twisted.sim.testing import ACCESS_TOKEN, CLIENT_ID, CLIENT_SECRET, EUR_ACCOUNT

if TYPE_CHECKING:
    from ctrader_twisted.sim import Venue

ROOT = Path(__file__).parents[2]

PRELUDE = """\
import sys
sys.path.insert(0, {root!r})
from twisted.internet import reactor
from ctrader_twisted.compat import EndPoints
EndPoints.PROTOBUF_DEMO_HOST, EndPoints.PROTOBUF_PORT = "localhost", {port}
EndPoints.TOKEN_URI = {token_url!r}
reactor.callLater(25, reactor.stop)
"""

PLACEHOLDERS = {
    "your client id": CLIENT_ID,
    "your client secret": CLIENT_SECRET,
    "your access token": ACCESS_TOKEN,
    "1000001": str(EUR_ACCOUNT),
}


async def run_at(venue: Venue, directory: Path, text: str, **more: Any) -> tuple[str, str, int]:
    """Run a script in a process of its own; give what it printed, what it complained of, and its status.

    :param more: variables that it finds.
    """
    from twisted.internet import reactor

    port = venue.listen(reactor).getHost().port
    venue.listen_oauth(reactor)
    trust = directory / "trust.pem"
    trust.write_text(venue.trust_root_pem)
    for placeholder, value in PLACEHOLDERS.items():
        text = text.replace(placeholder, value)
    names = "".join(f"{name} = {value!r}\n" for name, value in more.items())
    script = directory / "script.py"
    script.write_text(PRELUDE.format(root=str(ROOT), port=port, token_url=venue.token_url) + names + text)
    environment = {"SSL_CERT_FILE": str(trust), "PATH": "", "PYTHONDONTWRITEBYTECODE": "1", "HOME": str(directory)}
    out, err, status = await getProcessOutputAndValue(
        sys.executable, [str(script)], env=environment, path=str(directory)
    )
    return out.decode(), err.decode(), status
