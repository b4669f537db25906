"""The journal's orders and their fills."""

from ..codec import fill_of, order_of, text
from ..trades import Fill, Order, OrderStatus
from .file import JournalFile


class OrderTable(JournalFile):
    """Every order from before it is sent, and every execution of it."""

    def add_order(self, order: Order) -> None:
        """Write an order that is about to be sent."""
        self._run(
            "INSERT INTO orders (order_id, position_id, symbol, side, order_type, amount,"
            " reference_price, created_at, status, role, txid, userref, trigger_price)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                order.order_id,
                order.position_id,
                order.symbol,
                order.side,
                order.order_type,
                text(order.amount),
                None if order.reference_price is None else text(order.reference_price),
                text(order.created_at),
                order.status,
                order.role,
                order.txid,
                order.userref,
                None if order.trigger is None else text(order.trigger),
            ),
        )

    def set_order_status(self, order_id: str, status: OrderStatus) -> None:
        """Write where an order stands now."""
        self._run("UPDATE orders SET status = ? WHERE order_id = ?", (status, order_id))

    def set_txid(self, order_id: str, txid: str) -> None:
        """Write the exchange's own id of an order, once it is known."""
        self._run("UPDATE orders SET txid = ? WHERE order_id = ?", (txid, order_id))

    def order(self, order_id: str) -> Order | None:
        """Return an order of this bot, or None for one that is not its own."""
        row = self._row("SELECT * FROM orders WHERE order_id = ?", (order_id,))
        return None if row is None else order_of(row)

    def orders(self, position_id: str) -> list[Order]:
        """Return all orders of a position in the order they were sent."""
        rows = self._rows(
            "SELECT * FROM orders WHERE position_id = ? ORDER BY rowid", (position_id,)
        )
        return [order_of(row) for row in rows]

    def txids(self, symbol: str) -> frozenset[str]:
        """Return the exchange's ids of all orders in a coin."""
        rows = self._rows(
            "SELECT txid FROM orders WHERE symbol = ? AND txid IS NOT NULL", (symbol,)
        )
        return frozenset(row["txid"] for row in rows)

    def add_fill(self, fill: Fill) -> bool:
        """Write a fill; False when this very fill was written before."""
        cursor = self._run(
            "INSERT OR IGNORE INTO fills (order_id, trade_id, price, amount, fee_quote, filled_at,"
            " cost_quote) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                fill.order_id,
                fill.trade_id,
                text(fill.price),
                text(fill.amount),
                text(fill.fee_quote),
                text(fill.filled_at),
                None if fill.cost_quote is None else text(fill.cost_quote),
            ),
        )
        return cursor.rowcount == 1

    def fills(self, order_id: str) -> list[Fill]:
        """Return all fills of an order."""
        rows = self._rows("SELECT * FROM fills WHERE order_id = ? ORDER BY rowid", (order_id,))
        return [fill_of(row) for row in rows]
