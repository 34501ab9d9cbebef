"""No secret is left in what is recorded, and one can still see which one it was."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctrader_twisted import messages
from ctrader_twisted.flight.redaction import BEARING, FIELDS, Redactor
from ctrader_twisted.wire import catalogue, codec
from ctrader_twisted.wire.envelope import Envelope

if TYPE_CHECKING:
    from google.protobuf.message import Message

SECRET = "Aq7-marked-secret-of-the-application"
TOKEN = "Zx9_marked_token_of_the_account"
NEXT_TOKEN = "Zx9_marked_token_after_the_refresh"
REFRESH = "Kw3_marked_refresh_token"
CLIENT = "1234_MarkedClientId"
ALL = (SECRET, TOKEN, NEXT_TOKEN, REFRESH, CLIENT)


def redacted(redactor: Redactor, message: Message) -> Any:
    number, payload, _ = codec.pack(message)
    result = redactor.payload(number, payload)
    assert result is not None
    return codec.unpack(Envelope(number, result))


def taught() -> Redactor:
    redactor = Redactor()
    redacted(redactor, messages.ProtoOAApplicationAuthReq(clientId=CLIENT, clientSecret=SECRET))
    redacted(redactor, messages.ProtoOAAccountAuthReq(ctidTraderAccountId=1, accessToken=TOKEN))
    redacted(redactor, messages.ProtoOARefreshTokenReq(refreshToken=REFRESH))
    redacted(redactor, messages.ProtoOARefreshTokenRes(
        accessToken=NEXT_TOKEN, tokenType="bearer", expiresIn=5, refreshToken="Kw3_next"))  # fmt: skip
    return redactor


def test_the_types_that_bear_secrets_are_these() -> None:
    assert {catalogue.name(number) for number in BEARING} == {
        "ProtoOAApplicationAuthReq",
        "ProtoOAAccountAuthReq",
        "ProtoOAGetAccountListByAccessTokenReq",
        "ProtoOAGetAccountListByAccessTokenRes",
        "ProtoOAGetCtidProfileByTokenReq",
        "ProtoOARefreshTokenReq",
        "ProtoOARefreshTokenRes",
    }
    assert FIELDS == {"clientId", "clientSecret", "accessToken", "refreshToken"}


def test_each_secret_gets_a_pseudonym_and_keeps_it() -> None:
    redactor = Redactor()
    for _ in range(2):
        assert redacted(redactor, messages.ProtoOAApplicationAuthReq(clientId=CLIENT, clientSecret=SECRET)) == (
            messages.ProtoOAApplicationAuthReq(clientId="client-id-1", clientSecret="client-secret-1")
        )
        for account, token, pseudonym in ((1, TOKEN, "access-token-1"), (2, NEXT_TOKEN, "access-token-2")):
            assert redacted(
                redactor, messages.ProtoOAAccountAuthReq(ctidTraderAccountId=account, accessToken=token)
            ) == (messages.ProtoOAAccountAuthReq(ctidTraderAccountId=account, accessToken=pseudonym))


def test_what_is_not_secret_stays() -> None:
    message = messages.ProtoOAGetAccountListByAccessTokenRes(
        accessToken=TOKEN,
        permissionScope="SCOPE_TRADE",
        ctidTraderAccount=[{"ctidTraderAccountId": 7, "isLive": True, "brokerTitleShort": "A Broker"}],
    )
    result = redacted(Redactor(), message)
    assert result.accessToken == "access-token-1"
    message.accessToken = result.accessToken
    assert result == message


def test_a_secret_that_was_seen_is_taken_out_of_every_text() -> None:
    redactor = taught()
    error = redacted(
        redactor, messages.ProtoOAErrorRes(errorCode="CH_ACCESS_TOKEN_INVALID", description=f"token {TOKEN} is bad")
    )
    assert error.description == "token access-token-1" + "*" * (len(TOKEN) - len("access-token-1")) + " is bad"
    assert redactor.text(f"closed: {SECRET}, {REFRESH}") == "closed: client-secret-1, refresh-token-1"
    assert redactor.text("closed: all is well") == "closed: all is well"


def test_a_secret_in_a_message_of_an_unknown_type_is_overwritten_and_nothing_moves() -> None:
    payload = b"\x0a\x05hello" + TOKEN.encode() + b"\x00\xff" + SECRET.encode()
    result = taught().payload(65_000, payload)
    assert result is not None
    assert len(result) == len(payload) and TOKEN.encode() not in result and SECRET.encode() not in result
    assert result.startswith(b"\x0a\x05hello") and b"\x00\xff" in result


def test_what_a_withheld_message_holds_is_secret_from_then_on() -> None:
    redactor = Redactor()
    number, payload, _ = codec.pack(messages.ProtoOAAccountAuthReq(ctidTraderAccountId=1, accessToken=TOKEN))
    for broken in (payload + b"\x1a", payload + b"\x82" * 1000, b"\x08\x01\x19abcdefgh" + payload + b"\x0f"):
        assert redactor.payload(number, broken) is None
    assert redactor.text(f"{TOKEN} is invalid") == "withheld-1 is invalid"


@given(st.binary())
def test_whatever_can_t_be_read_is_withheld(payload: bytes) -> None:
    Redactor().payload(2102, payload)


def test_a_secret_as_an_address_has_it_is_taken_out() -> None:
    redactor = Redactor(["hush/secret+with=signs"])
    assert redactor.text("?code=hush%2Fsecret%2Bwith%3Dsigns&x") == "?code=secret-1&x"


def test_a_message_that_bears_secrets_and_can_t_be_read_is_withheld() -> None:
    assert Redactor().payload(2102, b"\x1a\x7f" + TOKEN.encode()) is None


def test_fields_beyond_the_schema_are_dropped_from_messages_that_bear_secrets() -> None:
    extra = b"\xa2\x06" + bytes([len(TOKEN)]) + TOKEN.encode()
    payload = messages.ProtoOAAccountAuthReq(ctidTraderAccountId=1, accessToken="x").SerializeToString() + extra
    result = Redactor().payload(2102, payload)
    assert (
        result
        == messages.ProtoOAAccountAuthReq(ctidTraderAccountId=1, accessToken="access-token-1").SerializeToString()
    )


def test_fields_beyond_the_schema_stay_elsewhere() -> None:
    payload = messages.ProtoOAVersionRes(version="90").SerializeToString() + b"\xa2\x06\x03new"
    assert Redactor().payload(2105, payload) == payload


def test_a_text_that_is_not_utf_8_is_replaced_like_any_other() -> None:
    payload = b"\x10\x01\x1a\x06\xff\xfe\xfd\xfc\xfb\xfa"
    result = Redactor().payload(2102, payload)
    assert (
        result
        == messages.ProtoOAAccountAuthReq(ctidTraderAccountId=1, accessToken="access-token-1").SerializeToString()
    )


def test_an_empty_or_missing_token_stays_so_for_that_is_worth_knowing() -> None:
    redactor = Redactor()
    assert redactor.payload(2102, b"\x10\x01\x1a\x00") == b"\x10\x01\x1a\x00"
    assert redactor.payload(2102, b"\x10\x01") == b"\x10\x01"


def test_secrets_given_in_advance_are_replaced_from_the_beginning_and_never_forgotten() -> None:
    redactor = Redactor([TOKEN, ""], remember=1)
    for number in range(10):
        redacted(redactor, messages.ProtoOARefreshTokenReq(refreshToken=f"{REFRESH}{number}"))
    assert redactor.text(f"<{TOKEN}>") == "<secret-1>"
    # What it is for is seen later; its pseudonym stays.
    assert redacted(redactor, messages.ProtoOAAccountAuthReq(ctidTraderAccountId=1, accessToken=TOKEN)).accessToken == (
        "secret-1"
    )


def test_so_many_are_remembered_and_the_one_not_seen_for_longest_is_forgotten() -> None:
    redactor = Redactor(remember=2)
    names = []
    for token in ("first-token", "second-token", "first-token", "third-token"):
        message = messages.ProtoOAAccountAuthReq(ctidTraderAccountId=1, accessToken=token)
        names.append(redacted(redactor, message).accessToken)
    assert names == ["access-token-1", "access-token-2", "access-token-1", "access-token-3"]
    assert redactor.text("first-token second-token third-token") == "access-token-1 second-token access-token-3"


def test_one_that_is_a_part_of_another_does_not_spoil_it() -> None:
    redactor = Redactor(["abcdef", "abcdefghij"])
    assert redactor.text("abcdefghij abcdef") == "secret-1 secret-2"


def test_one_too_short_to_be_looked_for_is_replaced_in_its_field_only() -> None:
    redactor = Redactor()
    message = messages.ProtoOAAccountAuthReq(ctidTraderAccountId=1, accessToken="abc")
    assert redacted(redactor, message).accessToken == "access-token-1"
    assert redactor.text("abcdef") == "abcdef"


def test_a_pseudonym_says_nothing_of_the_secret() -> None:
    """Two redactors that see the same secrets in another order give them each other's pseudonyms."""
    one, other = Redactor(), Redactor()

    def names(redactor: Redactor, tokens: list[str]) -> dict[str, str]:
        return {
            token: redacted(
                redactor, messages.ProtoOAAccountAuthReq(ctidTraderAccountId=1, accessToken=token)
            ).accessToken
            for token in tokens
        }

    assert names(one, [TOKEN, REFRESH]) == {TOKEN: "access-token-1", REFRESH: "access-token-2"}
    assert names(other, [REFRESH, TOKEN]) == {REFRESH: "access-token-1", TOKEN: "access-token-2"}


# Every message of the schema, with a secret in each of its texts.


def filled(descriptor: Any, text: str, depth: int = 0) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for field in descriptor.fields:
        value: Any
        if field.message_type is not None:
            if depth > 3:
                continue
            value = filled(field.message_type, text, depth + 1)
        elif field.type in (field.TYPE_STRING, field.TYPE_BYTES):
            value = f"before {text} after" if field.name not in FIELDS else text
        else:
            continue
        fields[field.name] = value
    return fields


def build(cls: Any, text: str) -> Any:
    message = cls()

    def fill(message: Any, fields: dict[str, Any]) -> None:
        for name, value in fields.items():
            present = getattr(message, name)
            if isinstance(value, dict):
                fill(present.add() if hasattr(present, "add") else present, value)
            elif hasattr(present, "append"):
                present.append(value)
            else:
                setattr(message, name, value)

    fill(message, filled(cls.DESCRIPTOR, text))
    return message


@pytest.mark.parametrize("number", sorted(catalogue.PARSERS), ids=catalogue.name)
@pytest.mark.parametrize("secret", [SECRET, TOKEN, REFRESH, CLIENT])
def test_no_message_of_the_schema_keeps_a_known_secret(number: int, secret: str) -> None:
    payload = build(catalogue.PARSERS[number], secret).SerializePartialToString()
    result = taught().payload(number, payload)
    assert result is not None
    assert secret.encode() not in result
    codec.unpack(Envelope(number, result))


@given(
    st.sampled_from(sorted(catalogue.PARSERS)) | st.integers(0, 2**32 - 1),
    st.lists(st.binary(max_size=20) | st.sampled_from([secret.encode() for secret in ALL]), max_size=8),
)
def test_no_bytes_whatever_keep_a_known_secret(number: int, pieces: list[bytes]) -> None:
    result = taught().payload(number, b"".join(pieces))
    if result is not None:
        assert not any(secret.encode() in result for secret in ALL)


@given(st.lists(st.text(max_size=20) | st.sampled_from(ALL), max_size=8))
def test_no_text_whatever_keeps_a_known_secret(pieces: list[str]) -> None:
    result = taught().text("".join(pieces))
    assert not any(secret in result for secret in ALL)
