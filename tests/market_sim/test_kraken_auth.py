"""Signatures, nonces and tokens, as Kraken documents them."""

import base64
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market_sim.kraken_auth import NONCE_WINDOW, TOKEN_LIFE, Authenticator, AuthRefusedError
from tests.market_sim.markets import SetClock

PATH = "/0/private/Balance"
SECRET = base64.b64encode(b"a secret").decode()


def signature(nonce: object, body: str) -> str:
    digest = hashlib.sha256(f"{nonce}{body}".encode()).digest()
    signed = hmac.new(b"a secret", PATH.encode() + digest, hashlib.sha512).digest()
    return base64.b64encode(signed).decode()


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def auth(clock: SetClock) -> Authenticator:
    return Authenticator("a key", SECRET, clock)


def call(auth: Authenticator, nonce: object) -> dict[str, str]:
    body = f"nonce={nonce}&asset=XXBT"
    return auth.check(PATH, body, "a key", signature(nonce, body))


def test_the_example_of_kraken_s_documentation_is_accepted(clock: SetClock) -> None:
    secret = (
        "kQH5HW/8p1uGOVjbgWA7FunAmGO8lsSUXNsu3eow76sz84Q18fWxnyRzBHCd3pd5nE9qa99HAZtuZuj6F1huXg=="
    )
    body = "nonce=1616492376594&ordertype=limit&pair=XBTUSD&price=37500&type=buy&volume=1.25"
    signed = (
        "4/dpxb3iT4tp/ZCVEwSnEsLxx0bqyhLpdfOpc6fn7OR8+UClSV5n9E6aSS8MPtnRfp32bAb0nmbRn6H8ndwLUQ=="
    )
    given = Authenticator("key", secret, clock).check("/0/private/AddOrder", body, "key", signed)
    assert given["volume"] == "1.25"


def test_parameters_come_without_the_nonce(auth: Authenticator) -> None:
    assert call(auth, 5) == {"asset": "XXBT"}


def test_another_key_path_or_body_is_refused(auth: Authenticator) -> None:
    body = "nonce=5"
    with pytest.raises(AuthRefusedError, match="EAPI:Invalid key"):
        auth.check(PATH, body, "another", signature(5, body))
    with pytest.raises(AuthRefusedError, match="EAPI:Invalid signature"):
        auth.check("/0/private/AddOrder", body, "a key", signature(5, body))
    with pytest.raises(AuthRefusedError, match="EAPI:Invalid signature"):
        auth.check(PATH, body + "&a=b", "a key", signature(5, body))


@pytest.mark.parametrize("nonce", ["", "soon", "-5", "1.5"])
def test_a_nonce_that_is_no_number_is_refused(auth: Authenticator, nonce: str) -> None:
    with pytest.raises(AuthRefusedError, match="EAPI:Invalid nonce"):
        call(auth, nonce)


@given(nonces=st.lists(st.integers(1, 60), max_size=30))
def test_a_nonce_is_taken_once_and_never_from_below_the_window(nonces: list[int]) -> None:
    auth = Authenticator("a key", SECRET, SetClock())
    taken: set[int] = set()
    for nonce in nonces:
        allowed = nonce not in taken and nonce >= max(taken, default=0) - NONCE_WINDOW
        if allowed:
            call(auth, nonce)
            taken.add(nonce)
        else:
            with pytest.raises(AuthRefusedError, match="EAPI:Invalid nonce"):
                call(auth, nonce)


def test_a_token_is_good_for_a_quarter_of_an_hour(auth: Authenticator, clock: SetClock) -> None:
    token = auth.new_token()
    clock.forward(TOKEN_LIFE.total_seconds() - 1)
    assert auth.token_valid(token)
    clock.forward(1)
    assert not auth.token_valid(token)
    assert not auth.token_valid("never given")
    assert not auth.token_valid(None)
