"""Trade predictions over bars with the bot's own rules.

One step is one bar interval of all symbols: orders decided at the last close fill at the open,
barriers act inside the bar, and at the close the halts and the rules decide again. Not modelled:
delay of bars and orders, the order book's spread and depth, minimum order sizes, the guards before
an order, and the halts that need live predictions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import pandas as pd

from signal_server.backtest.account import Account, open_account
from signal_server.backtest.position import Trade
from signal_server.backtest.timeline import SimulationRequest, Step, intervals


@dataclass(frozen=True, slots=True)
class Simulation:
    """What came of it.

    `equity` has one row an interval: index close time (UTC), float64 `equity` and `cash` in quote
    currency, int64 `positions`; open positions are marked at the last close, before exit costs.
    `undecided` counts, by reason, the signals that led to nothing; `halts` by kind how often each
    halt began.
    """

    trades: tuple[Trade, ...]
    equity: pd.DataFrame
    signals: int
    undecided: Mapping[str, int]
    halts: Mapping[str, int]


def simulate(request: SimulationRequest) -> Simulation:
    """Trade the predictions; positions still open at the end are closed at the last price.

    Such a last exit is an `EARLY_STOP`. Same request, same result.
    """
    account = open_account(request.config)
    times: list[datetime] = []
    rows: list[tuple[float, float, int]] = []
    for steps in intervals(request):
        _trade_interval(account, steps)
        times.append(steps[0].bar.close_time)
        rows.append((account.equity(), account.cash, len(account.positions)))
    if times:
        account.leave_all(times[-1])
        rows[-1] = (account.equity(), account.cash, 0)
    return Simulation(
        trades=tuple(account.trades),
        equity=_equity_frame(times, rows),
        signals=account.signals,
        undecided=dict(account.undecided),
        halts=dict(account.halts.begun),
    )


def _trade_interval(account: Account, steps: Sequence[Step]) -> None:
    for step in steps:
        account.close_what_was_decided(step.bar)
    for step in steps:
        account.buy_what_was_decided(step.bar)
    for step in steps:
        account.guard(step.bar)
    account.look_at_halts(steps[0].bar.close_time)
    for step in steps:
        account.decide(step)


def _equity_frame(times: list[datetime], rows: list[tuple[float, float, int]]) -> pd.DataFrame:
    index = pd.DatetimeIndex(times, tz="UTC", name="close_time")
    return pd.DataFrame(rows, index=index, columns=["equity", "cash", "positions"])
