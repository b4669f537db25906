"""Which price to believe: the streamed book, or what a question by REST says. Pure but a clock."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from ..clock import Clock
from .ladder import Best

BASIS_POINTS = 10_000
_DOUBTS_WHILE_MOVING = 2


class Source(StrEnum):
    """Where a price is from."""

    BOOK = "book"
    TICKER = "ticker"


@dataclass(frozen=True, slots=True)
class TrustedPrice:
    """Best prices in quote currency, as of a moment (tz-aware UTC)."""

    bid: Decimal
    ask: Decimal
    as_of: datetime
    source: Source

    @property
    def mid(self) -> Decimal:
        """Halfway between them."""
        return (self.bid + self.ask) / 2


@dataclass(frozen=True, slots=True)
class TrustLimits:
    """When a book counts as frozen, and how old a price may be.

    A book whose best prices have not moved for `still_s` and are more than `apart_bps` from what
    REST says is not believed. One that moves must be `moving_apart_bps` from it twice in a row,
    since both take time. A book that is not believed is asked for anew every `renew_s`. Prices
    hold for `book_s` after the book's last message, and for `ticker_s` after REST's answer.
    """

    still_s: float = 2.0
    apart_bps: float = 20.0
    moving_apart_bps: float = 200.0
    book_s: float = 60.0
    ticker_s: float = 15.0
    renew_s: float = 10.0


@dataclass(frozen=True, slots=True)
class _Seen:
    best: Best
    at: datetime
    unmoved_since: datetime


class PriceWatch:
    """Follows both sources of every symbol and says which one holds."""

    def __init__(self, clock: Clock, limits: TrustLimits = TrustLimits()) -> None:
        """Begin without any price."""
        self._clock = clock
        self._limits = limits
        self._books: dict[str, _Seen] = {}
        self._tickers: dict[str, _Seen] = {}
        self._distrusted: dict[str, str] = {}
        self._doubts: dict[str, int] = {}
        self._renewed_at: dict[str, datetime] = {}

    @property
    def distrusted(self) -> dict[str, str]:
        """Why a symbol's book is not believed now."""
        return dict(self._distrusted)

    def book(self, symbol: str, best: Best | None) -> None:
        """Note a good message of the book; `best` is None for a book without two sides."""
        if best is None:
            self.broken(symbol)
            return
        now, before = self._clock(), self._books.get(symbol)
        unmoved = before is not None and before.best == best
        self._books[symbol] = _Seen(best, now, before.unmoved_since if before and unmoved else now)
        if symbol in self._distrusted and self._gap_bps(symbol) <= self._limits.apart_bps:
            del self._distrusted[symbol]

    def broken(self, symbol: str) -> None:
        """Note that the book is known to be wrong, or has to be built anew."""
        self._books.pop(symbol, None)

    def ticker(self, symbol: str, best: Best) -> bool:
        """Note what REST says; True when the book should be asked for anew."""
        now = self._clock()
        self._tickers[symbol] = _Seen(best, now, now)
        book = self._books.get(symbol)
        if book is not None and symbol not in self._distrusted and not self._doubted(symbol, book):
            self._renewed_at.pop(symbol, None)
            return False
        return self._renewal_due(symbol, now, at_once=book is not None)

    def _doubted(self, symbol: str, book: _Seen) -> bool:
        """Hold a believed book against REST; True when it is not believed any more."""
        still = (self._clock() - book.unmoved_since).total_seconds() > self._limits.still_s
        gap = self._gap_bps(symbol)
        if gap <= (self._limits.apart_bps if still else self._limits.moving_apart_bps):
            self._doubts.pop(symbol, None)
            return False
        self._doubts[symbol] = self._doubts.get(symbol, 0) + 1
        if not still and self._doubts[symbol] < _DOUBTS_WHILE_MOVING:
            return False
        self._distrusted[symbol] = f"it is {gap:.0f} bps from what Kraken says when asked"
        return True

    def _renewal_due(self, symbol: str, now: datetime, *, at_once: bool) -> bool:
        """Whether to ask for the book now; one that never came had been asked for already."""
        before = self._renewed_at.get(symbol)
        if before is not None and (now - before).total_seconds() < self._limits.renew_s:
            return False
        self._renewed_at[symbol] = now
        return at_once or before is not None

    def heard_within(self, seconds: float) -> bool:
        """Whether Kraken has told any price lately."""
        seen = (*self._books.values(), *self._tickers.values())
        return any(self._age_s(each) <= seconds for each in seen)

    def trusted(self, symbol: str) -> TrustedPrice | None:
        """Return the best prices to act on; None when neither source is fresh."""
        if book := self._believed_book(symbol):
            return TrustedPrice(book.best.bid, book.best.ask, book.at, Source.BOOK)
        ticker = self._tickers.get(symbol)
        if ticker is None or self._age_s(ticker) > self._limits.ticker_s:
            return None
        return TrustedPrice(ticker.best.bid, ticker.best.ask, ticker.at, Source.TICKER)

    def _believed_book(self, symbol: str) -> _Seen | None:
        book = self._books.get(symbol)
        if book is None or symbol in self._distrusted:
            return None
        return book if self._still_confirmed(symbol, book) else None

    def _still_confirmed(self, symbol: str, book: _Seen) -> bool:
        """Whether the book moved lately, or REST has lately said the same."""
        if self._age_s(book) <= self._limits.book_s:
            return True
        ticker = self._tickers.get(symbol)
        return ticker is not None and self._age_s(ticker) <= self._limits.ticker_s

    def _gap_bps(self, symbol: str) -> float:
        book, ticker = self._books.get(symbol), self._tickers.get(symbol)
        if book is None or ticker is None:
            return 0.0
        return abs(float(book.best.mid / ticker.best.mid) - 1) * BASIS_POINTS

    def _age_s(self, seen: _Seen) -> float:
        return (self._clock() - seen.at).total_seconds()
