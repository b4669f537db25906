import asyncio

from hummingbot.core.data_type.order_book import OrderBook

from hummingbot_scripts.ml_signals.kraken.book_stream import PromptBooks


class Source:
    """Gives empty books; nothing else is asked of it here."""

    async def get_new_order_book(self, _symbol: str) -> OrderBook:
        return OrderBook()


async def test_a_hundred_books_are_ready_without_a_pause_for_each() -> None:
    symbols = [f"C{number:02d}-USD" for number in range(100)]
    tracker = PromptBooks(Source(), symbols)
    initialising = asyncio.create_task(tracker._init_order_books())
    async with asyncio.timeout(30):
        await initialising
    assert tracker.ready
    tracker.stop()
    assert set(tracker.order_books) == set(symbols)
