"""Polygon's WebSocket frames as events, and the events of aggregates as bars."""

import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from signal_server.core.domain import Bar
from signal_server.market.frames import frame_of, valid_rows

logger = logging.getLogger(__name__)

EVENTS = {1: "XAS", 60: "XA"}
"""The event that carries bars of so many seconds."""


class StreamLostError(Exception):
    """The connection cannot be trusted any more; the text says why."""


def bar_of_event(event: dict[str, Any], bar_seconds: int) -> Bar | None:
    """Convert an XA or XAS event, stamped with its START in ms UTC; None if it is no valid bar.

    The stream carries no trade count: `transactions` is NaN.
    """
    if event.get("ev") != EVENTS[bar_seconds]:
        return None
    try:
        start = datetime.fromtimestamp(event["s"] / 1000, UTC)
        prices = (float(event[name]) for name in ("o", "h", "l", "c", "v"))
        bar = Bar(str(event["pair"]), start + timedelta(seconds=bar_seconds), *prices)
    except (KeyError, TypeError, ValueError, OverflowError, OSError):
        logger.warning("an unreadable bar was passed over: %.200r", event)
        return None
    if not valid_rows(frame_of([bar]), bar_seconds).all():
        logger.warning("an impossible bar was passed over: %.200r", event)
        return None
    return bar


def events_of(text: str | bytes) -> Iterator[dict[str, Any]]:
    """Return the events of a frame; raise `StreamLostError` if it is no JSON array."""
    try:
        content = json.loads(text)
    except ValueError as error:
        raise StreamLostError("a frame is no JSON") from error
    if not isinstance(content, list):
        raise StreamLostError("a frame is no JSON array")
    return (event for event in content if isinstance(event, dict))
