"""The words of the rules: signals as they see them, and what they may answer."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum


class Side(StrEnum):
    """The direction that a signal predicts."""

    DOWN = "DOWN"
    FLAT = "FLAT"
    UP = "UP"


class Action(StrEnum):
    """What to do about one symbol now."""

    ENTER = "ENTER"
    CLOSE = "CLOSE"
    NOTHING = "NOTHING"


class Reason(StrEnum):
    """Why a decision was taken; the text that status pages and logs show."""

    CONFIDENT_UP = "UP with enough confidence"
    DOWN_CLOSES_LONG = "DOWN closes the long"
    NO_SIGNAL = "no signal yet"
    STALE_SIGNAL = "signal has expired"
    ALREADY_ACTED = "this signal was acted on already"
    FLAGGED_DATA = "signal rests on flagged data"
    MODEL_NOT_ALLOWED = "signal is of a model that is not allowed"
    WRONG_SCHEMA = "signal rests on other features than allowed"
    NOT_UP = "signal is not UP"
    LOW_CONFIDENCE = "confidence below the minimum"
    ALREADY_HOLDING = "already holding this coin"
    TOO_MANY_POSITIONS = "as many positions as allowed"
    TOO_MUCH_AT_RISK = "as much money at risk as allowed"
    NO_VOLATILITY = "signal says no volatility to size by"
    NO_CAPITAL = "capital is not known"
    COOLING_DOWN = "cooling down after an exit"
    ENTRIES_STOPPED = "entries are stopped by order"
    PAUSED = "paused by order"
    FLATTENING = "flattening by order"
    HALT_DAILY_LOSS = "halted by the day's loss"
    HALT_LOSS_STREAK = "halted by losses in a row"
    HALT_LIVE_ACCURACY = "halted by the model's live accuracy"
    HALT_DRIFT = "halted by drift"
    HALT_CRITICAL_ERROR = "halted by an error"
    HALT_UNSETTLED = "halted until the account is settled"


class ExitReason(StrEnum):
    """Why a position was closed, as the trade log records it."""

    STOP_LOSS = "STOP_LOSS"
    TAKE_PROFIT = "TAKE_PROFIT"
    TIME_LIMIT = "TIME_LIMIT"
    TRAILING_STOP = "TRAILING_STOP"
    SIGNAL_DOWN = "SIGNAL_DOWN"
    EARLY_STOP = "EARLY_STOP"
    FLATTENED = "FLATTENED"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class SignalView:
    """The part of a signal that the rules look at. Times are tz-aware UTC.

    `volatility` is the standard deviation of the log returns of bars of `bar_seconds`; 0 for
    either means not known. `schema` is the hash of the features that the model was given.
    """

    id: int
    symbol: str
    direction: Side
    confidence: Decimal
    valid_until: datetime
    flags: tuple[str, ...] = ()
    model: str = ""
    volatility: float = 0.0
    bar_seconds: int = 0
    schema: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """An action about one symbol, with its reason and the signal it rests on."""

    action: Action
    reason: Reason
    signal_id: int | None = None
