"""The example of docs/sessions.md does what it says."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred

from ctrader_twisted import Environment
from ctrader_twisted.sim import Venue
from ctrader_twisted.sim.accounts import ACCESS_TOKEN, CLIENT_ID, CLIENT_SECRET, EUR_ACCOUNT, REFRESH_TOKEN
from ctrader_twisted.sim.venue import DEFAULT_START
from ctrader_twisted.tokens import FileTokenStore, Grant, GrantedAccount
from tests.loopback.servers import over_sockets
from tests.paths import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


@over_sockets
async def test_an_account_that_stays_authorised(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from twisted.internet import reactor

    found = re.search(r"```python\n(.*?)```", (ROOT / "docs" / "sessions.md").read_text("utf-8"), re.DOTALL)
    assert found is not None
    venue = Venue(reactor, start=DEFAULT_START)
    port: Any = venue.listen(reactor).getHost()
    file = tmp_path / "tokens.json"
    accounts = (GrantedAccount(EUR_ACCOUNT),)
    # They end within the day: it begins with a refresh.
    end = reactor.seconds() + 3600  # type: ignore[attr-defined]  # the installed reactor
    await FileTokenStore(file, reactor).save(Grant("default", ACCESS_TOKEN, REFRESH_TOKEN, end, None, accounts))
    told = found[1]
    for given, here in (
        ("client id", CLIENT_ID),
        ("client secret", CLIENT_SECRET),
        ("tokens.json", str(file)),
        ("123456", str(EUR_ACCOUNT)),
    ):
        assert given in told
        told = told.replace(given, here)
    example: dict[str, Any] = {}
    exec(told, example)
    example["DEMO"] = Environment("simulator", "localhost", port.port, trust_root=venue.trust_root_pem)
    client = await Deferred.fromCoroutine(example["begin"](reactor))
    await client.trader(ctidTraderAccountId=EUR_ACCOUNT)
    await client.close()
    await venue.close()
    assert f"{EUR_ACCOUNT} authorised" in capsys.readouterr().out
    grants = await FileTokenStore(file, reactor).load()
    assert grants["default"].access_token == venue.registry.grants[0].access_token != ACCESS_TOKEN
