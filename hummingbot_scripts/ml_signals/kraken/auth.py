"""Signs private requests, with nonces that only ever grow."""

import base64
import hashlib
import hmac
import json
import logging
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlparse

from hummingbot.connector.exchange.kraken.kraken_auth import KrakenAuth

from ..clock import utc_now

logger = logging.getLogger(__name__)

FIRST_JUMP_US = 1_000_000
LONGEST_JUMP_US = 86_400_000_000


class Nonces:
    """Microseconds since 1970, each greater than all before.

    One that another request has overtaken is refused alone. A key whose nonces ran ahead (another
    program's, or this computer's clock was set back) has every smaller one refused: from the
    second refusal in a row on, each skips further. How far ahead they are is kept in a file, else
    each start would have to skip beyond what the one before had skipped to.
    """

    def __init__(self) -> None:
        """Begin at the present moment."""
        self._newest = 0
        self._lead_us = 0
        self._jump_us = FIRST_JUMP_US
        self._refusals = 0
        self._path: Path | None = None
        self._kept_us = 0

    def keep_in(self, path: Path) -> None:
        """Go on with the lead that an earlier run has kept in a file, and keep it there."""
        self._path = path
        with suppress(OSError, ValueError):
            self._kept_us = int(path.read_text())
        self._lead_us = max(self._lead_us, self._kept_us)

    def next(self) -> int:
        """Return a nonce that was never used."""
        now_us = int(utc_now().timestamp() * 1e6) + self._lead_us
        self._newest = max(now_us, self._newest + 1)
        return self._newest

    @property
    def lead_us(self) -> int:
        """How far ahead of the clock the nonces are; a request is signed with it or with more."""
        return self._lead_us

    def refused(self, lead_us: int) -> None:
        """Note that Kraken has seen a greater one than that of a request of this lead.

        Requests that were on their way when the nonces skipped say nothing new.
        """
        if lead_us < self._lead_us:
            return
        self._refusals += 1
        if self._refusals > 1:
            self._lead_us += self._jump_us
            self._jump_us = min(self._jump_us * 60, LONGEST_JUMP_US)

    def accepted(self) -> None:
        """Note that Kraken took one, so that the next gap is small again."""
        self._refusals = 0
        self._jump_us = FIRST_JUMP_US
        if self._path is not None and self._lead_us > self._kept_us:
            self._keep(self._path)

    def _keep(self, path: Path) -> None:
        self._kept_us = self._lead_us
        partial = path.with_name(f"{path.name}.tmp")
        try:
            partial.write_text(f"{self._lead_us}\n")
            partial.replace(path)
        except OSError as error:
            logger.warning("How far the nonces are ahead cannot be kept in %s: %s", path, error)


NONCES = Nonces()
"""One sequence for the whole process, since a key must never be used by two."""


class CarefulAuth(KrakenAuth):  # type: ignore[misc]
    """Hummingbot's signing, over the very bytes that are sent."""

    async def rest_authenticate(self, request: Any) -> Any:
        """Turn the request's JSON into a signed form."""
        given = json.loads(request.data) if request.data is not None else {}
        nonce = str(NONCES.next())
        body = urlencode({"nonce": nonce, **given})
        request.headers = {
            "API-Key": self.api_key,
            "API-Sign": self._sign(urlparse(request.url).path, nonce, body),
            "Content-Type": "application/x-www-form-urlencoded; charset=utf-8",
        }
        request.data = body
        return request

    def _sign(self, path: str, nonce: str, body: str) -> str:
        digest = hashlib.sha256(f"{nonce}{body}".encode()).digest()
        secret = base64.b64decode(self.secret_key)
        signed = hmac.new(secret, path.encode() + digest, hashlib.sha512).digest()
        return base64.b64encode(signed).decode()
