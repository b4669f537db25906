"""Bar frames for the tests of quality."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd

from signal_server.market.frames import bar_frame

START = datetime(2025, 1, 1, tzinfo=UTC)


def random_frame(bars: int, *, seed: int = 0, end: datetime | None = None) -> pd.DataFrame:
    """Return minute bars around 100 that nothing is wrong with."""
    rng = np.random.default_rng(seed)
    closes = 100 * np.exp(np.cumsum(rng.normal(0, 1e-4, bars)))
    opens = np.concatenate(([100.0], closes[:-1]))
    first = (end - timedelta(minutes=bars) if end else START) + timedelta(minutes=1)
    return bar_frame(
        pd.date_range(first, periods=bars, freq="min"),
        {
            "open": opens,
            "high": np.maximum(opens, closes) * 1.0001,
            "low": np.minimum(opens, closes) * 0.9999,
            "close": closes,
            "volume": rng.lognormal(0, 1, bars),
        },
    )
