"""What an answer of Kraken's private interface, or its absence, means for the request. Pure."""

import re
from collections.abc import Mapping, Sequence
from typing import Any


class KrakenError(OSError):
    """A private request without a result; an OSError, as Hummingbot expects of the network."""


class KrakenRefusedError(KrakenError):
    """Kraken has read the request and will not do it; asking again is a new decision."""


class KrakenUnreachedError(KrakenError):
    """The request was turned away before anything was done; it may be sent again."""


class KrakenUncertainError(KrakenError):
    """Nobody knows whether it was carried out: no answer, or a gateway's or an inner error."""


NONCE_ERROR = "EAPI:Invalid nonce"
RATE_ERROR = "EAPI:Rate limit exceeded"

_UNREACHED = (NONCE_ERROR, RATE_ERROR, "EGeneral:Too many requests")
# Words of the engine itself: it looked at the order and did nothing.
_REFUSED_BY_ENGINE = ("EService:Deadline elapsed", "EService:Market in ")
_UNCERTAIN = (
    "EService:",
    "EGeneral:Internal error",
    "EGeneral:Unknown error",
    "EGeneral:Temporary",
)
_STATUS = re.compile(r"HTTP status is (\d{3})")


def result_of(answer: object) -> Any:
    """Return the result of a decoded answer; raises the `KrakenError` that its errors mean.

    An answer that is not Kraken's (a gateway's page, half a document) is uncertain.
    """
    if not isinstance(answer, Mapping):
        raise KrakenUncertainError(f"not Kraken's answer: {str(answer)[:100]}")
    errors = _errors(answer.get("error"))
    if errors:
        raise error_for(errors)
    if answer.get("result") is None:
        raise KrakenUncertainError("an answer without a result")
    return answer["result"]


def error_for(errors: Sequence[str]) -> KrakenError:
    """Return what Kraken's error texts mean; the least certain of them counts."""
    text = ", ".join(errors)
    if any(_uncertain(error) for error in errors):
        return KrakenUncertainError(text)
    if any(error.startswith(_UNREACHED) for error in errors):
        return KrakenUnreachedError(text)
    return KrakenRefusedError(text)


def error_of_failure(failure: Exception) -> KrakenError:
    """Return what a failed exchange of messages means; only Kraken's own words are certain.

    A status of 429 comes from the gateway before Kraken sees anything.
    """
    if isinstance(failure, KrakenError):
        return failure
    found = _STATUS.search(str(failure))
    status = int(found.group(1)) if found else 0
    text = str(failure) or type(failure).__name__
    return KrakenUnreachedError(text) if status == 429 else KrakenUncertainError(text)


def _uncertain(error: str) -> bool:
    return error.startswith(_UNCERTAIN) and not error.startswith(_REFUSED_BY_ENGINE)


def _errors(given: object) -> list[str]:
    if given is None:
        return []
    if isinstance(given, str):
        return [given] if given else []
    if isinstance(given, Sequence):
        return [str(error) for error in given if not str(error).startswith("W")]
    return [str(given)]
