"""The names of the traded pairs, of which Kraken has three for each."""

from typing import Any

from hummingbot.connector.exchange.kraken.kraken_utils import convert_from_exchange_trading_pair

from .requests import KrakenRequests


class PairNames(KrakenRequests):
    """Knows the symbol for each name of a pair: `XXBTZUSD`, `XBTUSD` and `XBT/USD` are BTC-USD."""

    def __init__(self, *args: Any, **named: Any) -> None:
        """Take what Hummingbot's connector takes."""
        self._symbols_by_name: dict[str, str] = {}
        super().__init__(*args, **named)

    def symbol_of(self, name: str) -> str | None:
        """Return the symbol that one of Kraken's names of a pair stands for."""
        return self._symbols_by_name.get(name)

    async def learn_symbols(self) -> None:
        """Ask Kraken for the pairs unless they are known; raises `OSError` when it says none."""
        if not self._symbols_by_name:
            await self.trading_pair_symbol_map()
        if not self._symbols_by_name:
            raise OSError("Kraken has not said yet which pairs there are")

    def _initialize_trading_pair_symbols_from_exchange_info(
        self, exchange_info: dict[str, Any]
    ) -> None:
        super()._initialize_trading_pair_symbols_from_exchange_info(exchange_info)
        for key, pair in exchange_info.items():
            if "wsname" in pair and not str(pair.get("altname", "")).endswith(".d"):
                symbol = convert_from_exchange_trading_pair(pair["wsname"])
                names = (key, pair.get("altname", key), pair["wsname"])
                self._symbols_by_name |= dict.fromkeys(names, symbol)
