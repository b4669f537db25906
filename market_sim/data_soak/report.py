"""What a soak of market data has to report."""

import numpy as np

from market_sim.data_soak.soak import DataSoaked
from market_sim.soak_report import SoakReport, verdict

_MIB = 1024 * 1024


def data_report(result: DataSoaked) -> SoakReport:
    """Return counts, waits, memory, faults and differences."""
    wish = result.wish
    title = f"{wish.minutes:g} min, {wish.symbols} symbols, seed {wish.seed}"
    return SoakReport(
        title=f"{title}: {verdict(result.problems, 'every bar agrees')}",
        figures=_figures(result),
        faults=result.faults,
        problems=result.problems,
        log=result.log,
    )


def _figures(result: DataSoaked) -> dict[str, str]:
    waits = np.asarray(result.waits_ms or [np.nan]) / result.wish.speed
    return {
        **{name: str(count) for name, count in sorted(result.counts.items())},
        "from receipt to hand-over, p50, ms": f"{np.quantile(waits, 0.5):.2f}",
        "from receipt to hand-over, p99, ms": f"{np.quantile(waits, 0.99):.2f}",
        "memory of the last consumer, by quarters, MiB": _memory(result.resident),
        "faults that struck": str(sum(result.faults.values())),
    }


def _memory(resident: list[int]) -> str:
    """Return the median of each quarter of a life."""
    quarters = np.array_split(np.asarray(resident or [0]), 4)
    return " ".join(f"{np.median(part) / _MIB:.0f}" for part in quarters if len(part))
