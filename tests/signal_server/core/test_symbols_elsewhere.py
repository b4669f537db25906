"""Others that name coins, the bot's library and the stand-in, agree with the one mapping."""

from pathlib import Path

from hummingbot.connector.exchange.kraken.kraken_utils import (
    convert_from_exchange_trading_pair,
    convert_to_exchange_trading_pair,
)

from market_sim.kraken_pairs import pair_of
from signal_server.core.symbol_list import load_symbol_list
from signal_server.core.symbols import (
    to_kraken_altname,
    to_kraken_rest,
    to_kraken_stream_v1,
)

LIST = load_symbol_list(Path(__file__).parents[3] / "conf" / "symbols.yml")
COINS = (*LIST.symbols(["all"]), *LIST.renamed, *(new.to for new in LIST.renamed.values()))


def test_hummingbot_calls_every_coin_as_it_is_called_here() -> None:
    for symbol in COINS:
        assert convert_from_exchange_trading_pair(to_kraken_stream_v1(symbol)) == symbol
        assert convert_to_exchange_trading_pair(symbol, "/") == to_kraken_stream_v1(symbol)
        assert convert_to_exchange_trading_pair(symbol) == to_kraken_altname(symbol)


def test_the_stand_in_of_kraken_calls_every_coin_as_kraken_does() -> None:
    for symbol in COINS:
        pair = pair_of(symbol, 1.0)
        assert pair.key == to_kraken_rest(symbol)
        assert pair.altname == to_kraken_altname(symbol)
        assert pair.wsname == to_kraken_stream_v1(symbol)
