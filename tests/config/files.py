"""Configurations that tests begin with, and the secrets they need."""

from __future__ import annotations

import json

SECRETS = {"CTRADER_CLIENT_ID": "id-1", "CTRADER_CLIENT_SECRET": "hush-app", "CTRADER_ACCESS_TOKEN": "hush-token"}

ACCOUNT = """
[[account]]
id = 7
environment = "demo"
symbols = ["EURUSD", "XAUUSD"]
"""
OUTPUT = """
[[output]]
path = "-"
"""
PLAIN = ACCOUNT + OUTPUT
RECORDING = PLAIN + '[[recording]]\npath = "m"\nformat = "sqlite"\n'
SIMULATED = '[simulator]\n[[account]]\nenvironment = "simulator"\n' + OUTPUT


def credentials(**values: object) -> str:
    return json.dumps(values)


ALL = credentials(
    accountId="70", clientId="id-file", clientSecret="hush-file", accessToken="hush-at", refreshToken="hush-rt"
)
