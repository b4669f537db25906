"""What a soak of trades has to report."""

from market_sim.soak_report import SoakReport, verdict
from market_sim.trials.soak import Soaked


def soak_report(result: Soaked) -> SoakReport:
    """Return memory, counts, faults and differences."""
    title = f"{result.wish.minutes:g} min, {result.wish.coins} coins, seed {result.wish.seed}"
    return SoakReport(
        title=f"{title}: {verdict(result.problems, 'every digit agrees')}",
        figures=_figures(result),
        faults=result.faults,
        problems=result.problems,
        log=result.log,
    )


def _figures(result: Soaked) -> dict[str, str]:
    memory = result.memory
    return {
        "memory at the start, MiB": f"{memory.start_mib:.0f}",
        "memory at the end, MiB": f"{memory.end_mib:.0f}",
        "memory at the most, MiB": f"{memory.peak_mib:.0f}",
        "earned, quote currency": f"{result.earned:f}",
        **{name: str(count) for name, count in sorted(result.counts.items())},
        "faults that struck": str(sum(result.faults.values())),
    }
