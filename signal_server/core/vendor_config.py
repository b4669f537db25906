"""Where the vendors of market data are, and how they may be asked."""

from typing import Annotated, Literal

from pydantic import Field

from signal_server.core.section import Positive, Section


class PolygonConfig(Section):
    """Where Polygon.io is, how fast the plan may be asked, and through which of its clients.

    A silence of `timeout_s` fails a call. A backfill tries what fails in passing, like a rate
    limit, again for `retry_for_s`.
    """

    rest_url: str
    feed: str
    secure: bool
    calls_per_minute: Annotated[int, Field(ge=0)]
    timeout_s: Annotated[float, Field(gt=0)]
    client: Literal["auto", "polygon", "massive"] = "auto"
    retry_for_s: Annotated[float, Field(ge=0)] = 14_400


class KrakenConfig(Section):
    """Where Kraken's public REST is, which says what can be traded and in which sizes."""

    rest_url: str = "https://api.kraken.com"
    timeout_s: Annotated[float, Field(gt=0)] = 20


class FlatFilesConfig(Section):
    """Where the vendor's flat files are, and how patiently they are fetched.

    A download slower than `slowest_bytes_s` goes on by a new request; a file is given up after
    `patience_s` without a byte.
    """

    url: str = "https://files.massive.com"
    bucket: str = "flatfiles"
    prefix: str = "global_crypto/minute_aggs_v1"
    timeout_s: Annotated[float, Field(gt=0)] = 20.0
    slowest_bytes_s: Annotated[float, Field(gt=0)] = 10_000.0
    patience_s: Annotated[float, Field(ge=0)] = 900.0
    downloads: Positive = 4
