"""Polygon's WebSocket frames as events, and the events of aggregates as bars."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from signal_server.core.domain import Bar

EVENTS = {1: "XAS", 60: "XA"}
"""The event that carries bars of so many seconds."""
OTHER_EVENTS = frozenset({"XT", "XQ", "XL2", "XA", "XAS", "FMV", "LV"})
"""Events of the crypto cluster that may come and are not asked for."""


class UnreadableFrameError(Exception):
    """A frame is no JSON array of events; its bars are lost."""


@dataclass(frozen=True, slots=True)
class Status:
    """What the vendor says of the connection itself."""

    name: str
    message: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An event that may have been a bar; `pair` is whose, None if it does not say."""

    pair: str | None
    event: object


def events_of(text: str | bytes) -> list[object]:
    """Return the events of a frame, which an object alone is one of.

    Raises `UnreadableFrameError` if it is no JSON, or neither array nor object.
    """
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UnreadableFrameError(f"a frame is no JSON: {text[:80]!r}") from error
    if isinstance(content, dict):
        return [content]
    if not isinstance(content, list):
        raise UnreadableFrameError(f"a frame is no JSON array: {text[:80]!r}")
    return content


def event_of(event: object, bar_seconds: int) -> Bar | Status | Unreadable | None:
    """Return what an event means for bars of that length; None if nothing.

    A bar need not be a valid one: check it. Its time is tz-aware UTC; `vwap` is NaN if the event
    has none, `transactions` always, since the stream carries no trade count.
    """
    if not isinstance(event, dict):
        return Unreadable(None, event)
    kind = str(event.get("ev"))
    if kind == EVENTS[bar_seconds]:
        return _bar(event, bar_seconds)
    if kind == "status":
        return Status(str(event.get("status")), str(event.get("message", "")))
    return None if kind in OTHER_EVENTS else Unreadable(_pair(event), event)


def _bar(event: dict[str, Any], bar_seconds: int) -> Bar | Unreadable:
    try:
        return Bar(
            str(event["pair"]),
            datetime.fromtimestamp(event["s"] / 1000 + bar_seconds, UTC),
            float(event["o"]),
            float(event["h"]),
            float(event["l"]),
            float(event["c"]),
            float(event["v"]),
            _positive(event.get("vw")),
        )
    except (KeyError, TypeError, ValueError, OverflowError, OSError):
        return Unreadable(_pair(event), event)


def _pair(event: dict[str, Any]) -> str | None:
    pair = event.get("pair")
    return pair if isinstance(pair, str) else None


def _positive(value: object) -> float:
    number = float(value) if isinstance(value, int | float) else 0.0
    return number if 0 < number < float("inf") else float("nan")
