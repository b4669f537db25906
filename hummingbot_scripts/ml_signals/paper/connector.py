"""The live Kraken connector on a paper account: public data is Kraken's, the account is not."""

import asyncio
from collections import deque
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import hummingbot.core.connector_manager as connector_manager
from hummingbot import data_path
from hummingbot.core.data_type.common import OrderType, TradeType
from hummingbot.core.utils.estimate_fee import build_trade_fee

from ..kraken.answers import KrakenUnreachedError, error_for
from ..kraken.connector import CarefulKraken
from ..supervisor import supervise
from .account import PaperAccount
from .books import market_of
from .desk import Latency, PaperDesk
from .matching import Fees, Market
from .orders import Change, RefusedError
from .pairs import Pair, pairs_of
from .store import PaperStore
from .stream import Messages, PaperStream, beginning, messages_of

KRAKEN = "kraken"
FOLLOW_S = 0.2


def account_path() -> Path:
    """Return the paper account's file; deleting it while the bot is down begins a new account."""
    return Path(data_path()) / "paper_account_kraken.sqlite"


class PaperKraken(CarefulKraken):
    """Everything of the live connector, with a `PaperAccount` behind its private interface.

    Orders are checked, matched, charged and answered as Kraken would, against the connector's
    own books. What it cannot know: its orders move no market, its resting orders stand behind
    nobody, and nothing is matched while the bot is down.
    """

    LATENCY = Latency()

    def __init__(self, trading_pairs: list[str], path: Path) -> None:
        """Take up the account in the file at `path`; see `account_path`."""
        self.paper = PaperAccount(PaperStore(path), configured_fees)
        self._desk: PaperDesk | None = None
        self._desk_lock = asyncio.Lock()
        self._pairs: dict[str, Pair] = {}
        self._following: asyncio.Task[None] | None = None
        self._untold: deque[Messages] = deque()
        self._stream = PaperStream(self._beginning)
        super().__init__("", "", trading_pairs=trading_pairs)

    @property
    def display_name(self) -> str:
        """The name under which Hummingbot records orders, apart from live ones."""
        return f"{KRAKEN}_paper_trade"

    def set_balance(self, asset: str, amount: Decimal | float) -> None:
        """Give a new account its starting balance; one that was ever opened keeps its own."""
        self.paper.seed(asset, Decimal(str(amount)))

    async def private(self, method: str, parameters: Any, *, urgent: bool = False) -> Any:
        """Answer a private request from the paper account; raises a `KrakenError`."""
        del urgent  # nothing is counted here
        try:
            desk = await self._opened_desk()
        except (OSError, TimeoutError, ValueError, aiohttp.ClientError) as failure:
            raise KrakenUnreachedError(f"the pairs are not known yet: {failure}") from failure
        try:
            return await desk.answer(method, {k: str(v) for k, v in parameters.items()})
        except RefusedError as refusal:
            raise error_for([str(refusal)]) from refusal

    async def start_network(self) -> None:
        """Start the live connector's loops, and match the account's orders."""
        await super().start_network()
        self._following = asyncio.create_task(supervise("The paper exchange", self._follow))

    async def stop_network(self) -> None:
        """Stop everything that `start_network` started."""
        if self._following is not None:
            self._following.cancel()
            self._following = None
        await super().stop_network()

    def _initialize_trading_pair_symbols_from_exchange_info(
        self, exchange_info: dict[str, Any]
    ) -> None:
        super()._initialize_trading_pair_symbols_from_exchange_info(exchange_info)
        self._pairs |= pairs_of(exchange_info)

    def _create_user_stream_data_source(self) -> PaperStream:
        return self._stream

    async def _opened_desk(self) -> PaperDesk:
        """Return the exchange that is played, once Kraken has said which pairs there are."""
        async with self._desk_lock:
            if self._desk is None:
                await self.learn_symbols()
                now = self.server_clock.now
                self.paper.open(now())
                desk = PaperDesk(self.paper, self._pairs, self._market, now, self._tell)
                desk.latency = self.LATENCY
                self._desk = desk
            return self._desk

    async def _follow(self) -> None:
        desk = await self._opened_desk()
        while True:
            await desk.follow()
            await asyncio.sleep(FOLLOW_S)

    async def _beginning(self) -> Messages:
        await self._opened_desk()
        return beginning(self.paper, lambda symbol: self._pairs[symbol])

    def _market(self, symbol: str) -> Market:
        book = self.order_books.get(symbol)
        if book is None:
            return Market()
        return market_of(book, self._pairs[symbol], self.trusted_price(symbol))

    def _tell(self, change: Change, pair: Pair) -> None:
        """Pass a change to the private stream, a moment after the engine made it."""
        self._untold.append(messages_of(change, pair))
        asyncio.get_running_loop().call_later(self.LATENCY.stream_s, self._tell_next)

    def _tell_next(self) -> None:
        self._stream.tell(self._untold.popleft())


def configured_fees(symbol: str) -> Fees:
    """Return the fees that Hummingbot is configured to reckon with for Kraken."""
    base, quote = symbol.split("-")
    shares = (
        build_trade_fee(
            exchange=KRAKEN,
            is_maker=is_maker,
            base_currency=base,
            quote_currency=quote,
            order_type=OrderType.LIMIT,
            order_side=TradeType.BUY,
            amount=Decimal(0),
        ).percent
        for is_maker in (True, False)
    )
    return Fees(*shares)


def install() -> None:
    """Make Hummingbot build this connector for `kraken_paper_trade`; call before connectors are."""
    build_other: Callable[[str, list[str]], Any] = connector_manager.create_paper_trade_market

    def build(exchange_name: str, trading_pairs: list[str]) -> Any:
        if exchange_name != KRAKEN:
            return build_other(exchange_name, trading_pairs)
        return PaperKraken(trading_pairs, account_path())

    connector_manager.create_paper_trade_market = build
