"""Faults of the stand-ins, switched on and off by name while they run."""

import random
from dataclasses import astuple, dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from market_sim.clock import Clock, utc_now


class FaultName(StrEnum):
    """What a stand-in can do wrong; `docs/market_sim.md` says what each does."""

    # Polygon's REST side: the call.
    REST_SERVER_ERROR = "rest_server_error"
    REST_RATE_LIMIT = "rest_rate_limit"
    REST_RETRY_AFTER = "rest_retry_after"
    REST_RESET = "rest_reset"
    REST_STALL = "rest_stall"
    REST_SLOW_DRIP = "rest_slow_drip"
    REST_CUT_BODY = "rest_cut_body"
    REST_BROKEN_JSON = "rest_broken_json"
    # Polygon's REST side: the page of bars.
    REST_EMPTY_PAGE = "rest_empty_page"
    REST_SILENT_PAGE = "rest_silent_page"
    REST_DUPLICATE_BARS = "rest_duplicate_bars"
    REST_OVERLAPPING_PAGE = "rest_overlapping_page"
    REST_UNORDERED_PAGE = "rest_unordered_page"
    REST_SWAPPED_PAGES = "rest_swapped_pages"
    REST_IMPOSSIBLE_BAR = "rest_impossible_bar"
    REST_PAGE_LOOP = "rest_page_loop"
    REST_PAGE_ELSEWHERE = "rest_page_elsewhere"
    # Polygon's stream: the way to a subscription.
    STREAM_REFUSED = "stream_refused"
    STREAM_DROP_IN_CONNECT = "stream_drop_in_connect"
    STREAM_DROP_IN_AUTH = "stream_drop_in_auth"
    STREAM_DROP_IN_SUBSCRIBE = "stream_drop_in_subscribe"
    STREAM_MUTE = "stream_mute"
    STREAM_MAX_CONNECTIONS = "stream_max_connections"
    STREAM_AUTH_FAILED = "stream_auth_failed"
    STREAM_AUTH_TIMEOUT = "stream_auth_timeout"
    # Polygon's stream: the connection.
    STREAM_DROP = "stream_drop"
    STREAM_CLOSE_1000 = "stream_close_1000"
    STREAM_CLOSE_1001 = "stream_close_1001"
    STREAM_CLOSE_1008 = "stream_close_1008"
    STREAM_CLOSE_1011 = "stream_close_1011"
    STREAM_HALF_OPEN = "stream_half_open"
    STREAM_SILENCE = "stream_silence"
    # Polygon's stream: a frame.
    STREAM_BROKEN_JSON = "stream_broken_json"
    STREAM_OBJECT_FRAME = "stream_object_frame"
    STREAM_HUGE_FRAME = "stream_huge_frame"
    STREAM_REORDERED_FRAME = "stream_reordered_frame"
    # Polygon's stream: a bar comes more than once, late, too early or never.
    STREAM_DUPLICATE_BAR = "stream_duplicate_bar"
    STREAM_LATE_BAR = "stream_late_bar"
    STREAM_REVISED_BAR = "stream_revised_bar"
    STREAM_UNFINISHED_BAR = "stream_unfinished_bar"
    STREAM_FUTURE_BAR = "stream_future_bar"
    STREAM_ANCIENT_BAR = "stream_ancient_bar"
    STREAM_LOST_BAR = "stream_lost_bar"
    # Polygon's stream: a bar is wrong, and REST has the right one.
    STREAM_UNKNOWN_EVENT = "stream_unknown_event"
    STREAM_MISSING_EVENT = "stream_missing_event"
    STREAM_NAN_BAR = "stream_nan_bar"
    STREAM_NULL_BAR = "stream_null_bar"
    STREAM_ZERO_BAR = "stream_zero_bar"
    STREAM_NEGATIVE_BAR = "stream_negative_bar"
    STREAM_INCONSISTENT_BAR = "stream_inconsistent_bar"
    STREAM_SPIKED_BAR = "stream_spiked_bar"
    STREAM_MISALIGNED_BAR = "stream_misaligned_bar"

    # The vendor's flat files: a download; and what is published.
    FLAT_FILES_DENIED = "flat_files_denied"
    FLAT_FILES_SERVER_ERROR = "flat_files_server_error"
    FLAT_FILES_RESET = "flat_files_reset"
    FLAT_FILES_STALL = "flat_files_stall"
    FLAT_FILES_SLOW_DRIP = "flat_files_slow_drip"
    FLAT_FILES_MISSING = "flat_files_missing"
    FLAT_FILES_CUT_FILE = "flat_files_cut_file"
    FLAT_FILES_REPUBLISHED = "flat_files_republished"

    # Kraken's gateway: before a call is acted upon.
    KRAKEN_PUBLIC_5XX = "kraken_public_5xx"
    KRAKEN_PRIVATE_5XX = "kraken_private_5xx"
    KRAKEN_CUT = "kraken_cut"
    KRAKEN_SLOW_REQUEST = "kraken_slow_request"
    # Kraken's gateway: after a call was acted upon.
    KRAKEN_ACCEPTED_520 = "kraken_accepted_520"
    KRAKEN_ACCEPTED_CUT = "kraken_accepted_cut"
    KRAKEN_ACCEPTED_ERROR = "kraken_accepted_error"
    KRAKEN_ACCEPTED_LATE = "kraken_accepted_late"
    KRAKEN_SLOW_ANSWER = "kraken_slow_answer"
    KRAKEN_HTML_ANSWER = "kraken_html_answer"
    KRAKEN_TRUNCATED_ANSWER = "kraken_truncated_answer"
    # Kraken's refusals: nothing was done.
    KRAKEN_TOO_MANY_REQUESTS = "kraken_too_many_requests"
    KRAKEN_INVALID_NONCE = "kraken_invalid_nonce"
    KRAKEN_RATE_LIMIT = "kraken_rate_limit"
    KRAKEN_THROTTLED = "kraken_throttled"
    KRAKEN_LOCKOUT = "kraken_lockout"
    KRAKEN_BUSY = "kraken_busy"
    KRAKEN_UNAVAILABLE = "kraken_unavailable"
    KRAKEN_INTERNAL_ERROR = "kraken_internal_error"
    KRAKEN_INSUFFICIENT_FUNDS = "kraken_insufficient_funds"
    KRAKEN_ORDER_RATE_LIMIT = "kraken_order_rate_limit"
    KRAKEN_CANCEL_ONLY = "kraken_cancel_only"
    KRAKEN_POST_ONLY = "kraken_post_only"
    KRAKEN_MAINTENANCE = "kraken_maintenance"
    # Kraken's matching engine.
    KRAKEN_REJECTED_LATE = "kraken_rejected_late"
    KRAKEN_SLOW_FILL = "kraken_slow_fill"
    KRAKEN_PARTIAL_FILL = "kraken_partial_fill"
    KRAKEN_REMAINDER_CANCELED = "kraken_remainder_canceled"
    KRAKEN_HIDDEN_ORDER = "kraken_hidden_order"
    KRAKEN_SLOW_CANCEL = "kraken_slow_cancel"
    KRAKEN_FILLED_INSTEAD = "kraken_filled_instead"
    KRAKEN_THIN_BOOK = "kraken_thin_book"
    KRAKEN_FLASH_CRASH = "kraken_flash_crash"
    # Kraken's account.
    KRAKEN_HISTORY_LAG = "kraken_history_lag"
    KRAKEN_BALANCE_LAG = "kraken_balance_lag"
    KRAKEN_EARN_BALANCE = "kraken_earn_balance"
    # Kraken's private stream.
    KRAKEN_LOST_FILL = "kraken_lost_fill"
    KRAKEN_LATE_FILL = "kraken_late_fill"
    KRAKEN_FILL_TWICE = "kraken_fill_twice"
    KRAKEN_EARLY_FILL = "kraken_early_fill"
    KRAKEN_LOST_ORDER_UPDATE = "kraken_lost_order_update"
    KRAKEN_LATE_ORDER_UPDATE = "kraken_late_order_update"
    KRAKEN_SEQUENCE_GAP = "kraken_sequence_gap"
    KRAKEN_TOKEN_EXPIRED = "kraken_token_expired"  # noqa: S105 - a fault's name
    KRAKEN_PRIVATE_SILENCE = "kraken_private_silence"
    KRAKEN_PRIVATE_DROP = "kraken_private_drop"
    KRAKEN_PRIVATE_DOWN = "kraken_private_down"
    # Kraken's public stream.
    KRAKEN_WRONG_CHECKSUM = "kraken_wrong_checksum"
    KRAKEN_LOST_BOOK_UPDATE = "kraken_lost_book_update"
    KRAKEN_FROZEN_BOOK = "kraken_frozen_book"
    KRAKEN_CROSSED_BOOK = "kraken_crossed_book"
    KRAKEN_NO_HEARTBEAT = "kraken_no_heartbeat"
    KRAKEN_PUBLIC_DROP = "kraken_public_drop"
    KRAKEN_PUBLIC_DOWN = "kraken_public_down"


@dataclass(frozen=True, slots=True)
class Where:
    """An occasion, or which occasions a fault is for: None is any.

    `symbol` as `BTC-USD`; of the order the `side`, `buy` or `sell`, and the `order_type` as
    `stop-loss`; `method` as `AddOrder`, at Polygon's REST side `second`, `minute`, `day` or
    `tickers`.
    """

    symbol: str | None = None
    side: str | None = None
    method: str | None = None
    order_type: str | None = None

    def covers(self, occasion: "Where") -> bool:
        """Tell whether a fault for `self` is for that occasion."""
        pairs = zip(astuple(self), astuple(occasion), strict=True)
        return all(mine is None or mine == theirs for mine, theirs in pairs)


ANYWHERE = Where()


@dataclass(slots=True)
class Fault:
    """A fault that happens with `probability` at each occasion, `remaining` times at the most.

    It ends at `until` (UTC). `amount` is its size: seconds, a share, or an HTTP status.
    """

    probability: float = 1.0
    remaining: int | None = None
    amount: float | None = None
    until: datetime | None = None
    only: Where = ANYWHERE
    noticed: bool = False


class FaultSwitch:
    """Which faults are on; chance is seeded by fault, so a run can be repeated."""

    def __init__(self, seed: int = 0, clock: Clock = utc_now) -> None:
        self._seed = seed
        self._clock = clock
        self._faults: dict[FaultName, Fault] = {}
        self._chances: dict[FaultName, random.Random] = {}
        self.happened: dict[FaultName, int] = {}

    def on(
        self,
        name: FaultName,
        *,
        probability: float = 1.0,
        remaining: int | None = None,
        amount: float | None = None,
        for_s: float | None = None,
        only: Where = ANYWHERE,
    ) -> None:
        """Switch a fault on: `remaining` occasions, `for_s` seconds, or until it is off."""
        until = None if for_s is None else self._clock() + timedelta(seconds=for_s)
        self._faults[name] = Fault(probability, remaining, amount, until, only)

    def off(self, name: FaultName) -> None:
        """Switch a fault off."""
        self._faults.pop(name, None)

    def all_off(self) -> None:
        """Switch every fault off."""
        self._faults.clear()

    @property
    def names(self) -> frozenset[FaultName]:
        """The faults that were switched on, even if they have struck their last time."""
        return frozenset(self._faults)

    def strikes(self, name: FaultName, occasion: Where = ANYWHERE) -> bool:
        """Tell whether the fault happens at this occasion, and count it if so."""
        return self.struck(name, occasion) is not None

    def struck(self, name: FaultName, occasion: Where = ANYWHERE) -> Fault | None:
        """Return the fault if it happens at this occasion, and count it."""
        fault = self.active(name, occasion)
        if fault is None:
            return None
        if self._chance(name).random() >= fault.probability:
            return None
        if fault.remaining is not None:
            fault.remaining -= 1
        self._count(name)
        return fault

    def lasting(self, name: FaultName, occasion: Where = ANYWHERE) -> Fault | None:
        """Return a fault that is on for this occasion and counts once however long it lasts."""
        fault = self.active(name, occasion)
        if fault is not None and not fault.noticed:
            fault.noticed = True
            self._count(name)
        return fault

    def active(self, name: FaultName, occasion: Where = ANYWHERE) -> Fault | None:
        """Return a fault that may happen at this occasion, whatever its chance; count nothing."""
        fault = self.switched_on(name, occasion)
        return None if fault is None or fault.remaining == 0 else fault

    def switched_on(self, name: FaultName, occasion: Where = ANYWHERE) -> Fault | None:
        """Return a fault that is on for this occasion, even if it has struck its last time."""
        fault = self._faults.get(name)
        if fault is None or not fault.only.covers(occasion):
            return None
        if fault.until is not None and self._clock() >= fault.until:
            return None
        return fault

    def _count(self, name: FaultName) -> None:
        self.happened[name] = self.happened.get(name, 0) + 1

    def _chance(self, name: FaultName) -> random.Random:
        if name not in self._chances:
            self._chances[name] = random.Random(f"{self._seed} {name}")  # noqa: S311 - a simulation
        return self._chances[name]
