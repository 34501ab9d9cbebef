"""The two tables, cell by cell, against a second writing of them."""

from __future__ import annotations

import pytest

from ctrader_twisted.session.machine import (
    ACCOUNT_TABLE,
    CONNECTION_TABLE,
    AccountInput,
    AccountState,
    ConnectionInput,
    ConnectionState,
)

CONNECTION = """
                 DISCONNECTED  CONNECTED     AUTHORISING   READY         REFUSED       CLOSED
MADE             CONNECTED     CONNECTED     AUTHORISING   READY         CONNECTED     CLOSED
AUTH_SENT        DISCONNECTED  AUTHORISING   AUTHORISING   READY         REFUSED       CLOSED
AUTH_ACCEPTED    DISCONNECTED  CONNECTED     READY         READY         REFUSED       CLOSED
AUTH_REFUSED     DISCONNECTED  CONNECTED     REFUSED       READY         REFUSED       CLOSED
AUTH_FAILED      DISCONNECTED  CONNECTED     CONNECTED     READY         REFUSED       CLOSED
APPLICATION_CUT  DISCONNECTED  CONNECTED     CONNECTED     CONNECTED     REFUSED       CLOSED
LOST             DISCONNECTED  DISCONNECTED  DISCONNECTED  DISCONNECTED  REFUSED       CLOSED
CLOSE            CLOSED        CLOSED        CLOSED        CLOSED        CLOSED        CLOSED
"""

# The server's acceptance of an account is its last word on it, whatever this side made of the silence before.
ACCOUNT = """
                  UNAUTHORISED  AUTHORISING   AUTHORISED    DROPPED       TOKEN_INVALID NEEDS_LOGIN   REFUSED
AUTH_SENT         AUTHORISING   AUTHORISING   AUTHORISED    AUTHORISING   AUTHORISING   AUTHORISING   AUTHORISING
AUTH_ACCEPTED     AUTHORISED    AUTHORISED    AUTHORISED    AUTHORISED    AUTHORISED    AUTHORISED    AUTHORISED
TOKEN_REFUSED     UNAUTHORISED  TOKEN_INVALID AUTHORISED    DROPPED       TOKEN_INVALID NEEDS_LOGIN   REFUSED
AUTH_REFUSED      UNAUTHORISED  REFUSED       AUTHORISED    DROPPED       TOKEN_INVALID NEEDS_LOGIN   REFUSED
AUTH_FAILED       UNAUTHORISED  DROPPED       AUTHORISED    DROPPED       TOKEN_INVALID NEEDS_LOGIN   REFUSED
FOUND_UNUSABLE    REFUSED       REFUSED       AUTHORISED    REFUSED       REFUSED       NEEDS_LOGIN   REFUSED
GRANT_DEAD        NEEDS_LOGIN   NEEDS_LOGIN   AUTHORISED    NEEDS_LOGIN   NEEDS_LOGIN   NEEDS_LOGIN   NEEDS_LOGIN
TOKEN_INVALIDATED UNAUTHORISED  AUTHORISING   DROPPED       DROPPED       TOKEN_INVALID NEEDS_LOGIN   REFUSED
CUT               UNAUTHORISED  AUTHORISING   DROPPED       DROPPED       TOKEN_INVALID NEEDS_LOGIN   REFUSED
LOST              UNAUTHORISED  DROPPED       DROPPED       DROPPED       TOKEN_INVALID NEEDS_LOGIN   REFUSED
LOGGED_OUT        UNAUTHORISED  AUTHORISING   UNAUTHORISED  UNAUTHORISED  UNAUTHORISED  UNAUTHORISED  UNAUTHORISED
"""


def cells(written: str) -> dict[tuple[str, str], str]:
    """State and input to next state, by name."""
    head, *rows = written.strip("\n").splitlines()
    states = head.split()
    table = {}
    for row in rows:
        happened, *following = row.split()
        assert len(following) == len(states)
        table |= {(state, happened): after for state, after in zip(states, following, strict=True)}
    return table


CONNECTION_CELLS = cells(CONNECTION)
ACCOUNT_CELLS = cells(ACCOUNT)


@pytest.mark.parametrize("happened", ConnectionInput, ids=lambda member: member.name)
@pytest.mark.parametrize("state", ConnectionState, ids=lambda member: member.name)
def test_a_cell_of_the_connection(state: ConnectionState, happened: ConnectionInput) -> None:
    assert CONNECTION_TABLE[state][happened].name == CONNECTION_CELLS[state.name, happened.name]


@pytest.mark.parametrize("happened", AccountInput, ids=lambda member: member.name)
@pytest.mark.parametrize("state", AccountState, ids=lambda member: member.name)
def test_a_cell_of_an_account(state: AccountState, happened: AccountInput) -> None:
    assert ACCOUNT_TABLE[state][happened].name == ACCOUNT_CELLS[state.name, happened.name]


def test_the_tables_have_no_cell_besides() -> None:
    assert {(s.name, i.name) for s, row in CONNECTION_TABLE.items() for i in row} == set(CONNECTION_CELLS)
    assert {(s.name, i.name) for s, row in ACCOUNT_TABLE.items() for i in row} == set(ACCOUNT_CELLS)
    assert len(CONNECTION_CELLS) == len(ConnectionState) * len(ConnectionInput) == 48
    assert len(ACCOUNT_CELLS) == len(AccountState) * len(AccountInput) == 77


@pytest.mark.parametrize(
    ("table", "start"),
    [(CONNECTION_TABLE, ConnectionState.DISCONNECTED), (ACCOUNT_TABLE, AccountState.UNAUTHORISED)],
    ids=["connection", "account"],
)
def test_every_state_can_be_reached(table: dict, start: object) -> None:
    reached, edge = {start}, [start]
    while edge:
        following = set(table[edge.pop()].values()) - reached
        reached |= following
        edge += following
    assert reached == set(table)


def test_nothing_leads_out_of_closed() -> None:
    assert set(CONNECTION_TABLE[ConnectionState.CLOSED].values()) == {ConnectionState.CLOSED}


def test_only_an_accepted_authorisation_makes_ready_or_authorised() -> None:
    assert {
        happened
        for state, row in CONNECTION_TABLE.items()
        for happened, after in row.items()
        if after is ConnectionState.READY and state is not ConnectionState.READY
    } == {ConnectionInput.AUTH_ACCEPTED}
    assert {
        happened
        for state, row in ACCOUNT_TABLE.items()
        for happened, after in row.items()
        if after is AccountState.AUTHORISED and state is not AccountState.AUTHORISED
    } == {AccountInput.AUTH_ACCEPTED}


@pytest.mark.parametrize(
    "state", [state for state in AccountState if state is not AccountState.UNAUTHORISED], ids=lambda member: member.name
)
def test_no_account_stays_where_an_authorisation_cannot_help(state: AccountState) -> None:
    asked = ACCOUNT_TABLE[state][AccountInput.AUTH_SENT]
    assert ACCOUNT_TABLE[asked][AccountInput.AUTH_ACCEPTED] is AccountState.AUTHORISED
