"""The bot's money now: what there is, what is at risk, and what entries will still spend."""

from dataclasses import replace
from decimal import Decimal

from .desk import Desk
from .exchange import Exchange
from .positions import PositionBook
from .sizing import Quote

ZERO = Decimal(0)


class Money:
    """Sums in quote currency; those of the journal are made again only after `moved`."""

    def __init__(self, exchange: Exchange, book: PositionBook, desk: Desk, symbol: str) -> None:
        """Count in the quote currency of `symbol`."""
        self._exchange = exchange
        self._book = book
        self._desk = desk
        self._symbol = symbol
        self._at_risk: Decimal | None = None
        self._paid: Decimal | None = None

    def moved(self) -> None:
        """Count again: an entry was planned, a fill has come, or a position has ended."""
        self._at_risk = self._paid = None

    @property
    def at_risk(self) -> Decimal:
        """What held coins have cost, with all that entries under way are to cost."""
        if self._at_risk is None:
            self._at_risk = self._book.exposure()
        return self._at_risk

    @property
    def paid(self) -> Decimal:
        """What held coins have cost so far."""
        if self._paid is None:
            self._paid = self._book.invested()
        return self._paid

    @property
    def capital(self) -> Decimal | None:
        """What the account has, with what held coins have cost; None while nobody knows."""
        if not self._exchange.ready:
            return None
        return self._exchange.quote_balance(self._symbol) + self.paid

    @property
    def open_pnl(self) -> Decimal:
        """What open positions would earn if they were sold now, but for the exits' fees."""
        gains = [executor.get_net_pnl_quote() for _, executor in self._desk]
        return sum((gain for gain in gains if gain.is_finite()), ZERO)

    def less_pending(self, quote: Quote) -> Quote:
        """Return a quote without the money that entries under way are going to spend."""
        pending = (self.at_risk - self.paid) * (1 + quote.fee_share)
        return replace(quote, available=quote.available - pending)
