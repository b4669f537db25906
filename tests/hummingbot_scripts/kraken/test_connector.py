from decimal import Decimal

import pytest

from tests.hummingbot_scripts.kraken.trading import (
    PAIR,
    BuyOrderCompletedEvent,
    SellOrderCompletedEvent,
    trading,
)


async def test_what_is_bought_and_sold_is_told_to_the_last_digit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with trading(monkeypatch) as run:
        run.buy()
        await run.heard(BuyOrderCompletedEvent)
        run.sell()
        await run.heard(SellOrderCompletedEvent)
        orders = run.kraken.exchange.orders.values()
        assert len(orders) == 2
        assert run.told_amount() == Decimal("0.02")
        assert run.connector.trusted_price(PAIR).source == "book"
        await run.connector._update_balances()
        assert run.connector.get_balance("USD") == run.kraken.exchange.balances["ZUSD"]
