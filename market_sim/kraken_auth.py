"""Kraken's request signing, nonces and WebSocket tokens, checked as the exchange checks them."""

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import parse_qsl

NONCE_WINDOW = 10
TOKEN_LIFE = timedelta(minutes=15)


class AuthRefusedError(Exception):
    """Kraken's own error text, such as `EAPI:Invalid signature`."""


@dataclass(slots=True)
class Authenticator:
    """One key; a nonce may lag the highest seen by the key's nonce window, once."""

    key: str
    secret: str = field(repr=False)
    clock: Callable[[], datetime]
    nonce_window: int = NONCE_WINDOW
    _seen: set[int] = field(default_factory=set)
    _tokens: dict[str, datetime] = field(default_factory=dict)

    def check(self, path: str, body: str, key: str, signature: str) -> dict[str, str]:
        """Return the parameters of a signed POST; raise `AuthRefusedError` if it is not valid."""
        if key != self.key:
            raise AuthRefusedError("EAPI:Invalid key")
        parameters = dict(parse_qsl(body, keep_blank_values=True))
        nonce = parameters.pop("nonce", "")
        if not hmac.compare_digest(self._sign(path, nonce, body), signature):
            raise AuthRefusedError("EAPI:Invalid signature")
        self._check_nonce(nonce)
        return parameters

    def new_token(self) -> str:
        """Return a token for the private stream."""
        token = secrets.token_urlsafe(32)
        self._tokens[token] = self.clock() + TOKEN_LIFE
        return token

    def token_valid(self, token: object) -> bool:
        """Tell whether a token may open a subscription now."""
        return isinstance(token, str) and self._tokens.get(token, self.clock()) > self.clock()

    def forget_tokens(self) -> None:
        """Let every token expire at once; subscriptions that there are go on."""
        self._tokens.clear()

    def _sign(self, path: str, nonce: str, body: str) -> str:
        try:
            secret = base64.b64decode(self.secret, validate=True)
        except binascii.Error:
            raise AuthRefusedError("EAPI:Invalid key") from None
        digest = hashlib.sha256(f"{nonce}{body}".encode()).digest()
        signed = hmac.new(secret, path.encode() + digest, hashlib.sha512).digest()
        return base64.b64encode(signed).decode()

    def _check_nonce(self, text: str) -> None:
        if not text.isdigit():
            raise AuthRefusedError("EAPI:Invalid nonce")
        nonce, highest = int(text), max(self._seen, default=0)
        if nonce in self._seen or nonce < highest - self.nonce_window:
            raise AuthRefusedError("EAPI:Invalid nonce")
        self._seen = {n for n in self._seen if n >= highest - self.nonce_window} | {nonce}
