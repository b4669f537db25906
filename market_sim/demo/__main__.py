"""`python -m market_sim.demo`: run the whole loop offline and report what happened."""

import argparse
import signal
import sys
from datetime import datetime
from pathlib import Path

from rich.console import Console

from market_sim.demo.processes import DemoError
from market_sim.demo.stages import DemoRequest, run_demo

PROJECT = Path(__file__).resolve().parents[2]
PIPED_WIDTH = 120


def main() -> int:
    """Run the demo; return 0 only if at least one complete trade is in the trade log."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = max(console.width, PIPED_WIDTH)
    request = _parse(sys.argv[1:])
    # As with Ctrl-C, what was started is stopped on the way out.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        complete_trades = run_demo(request, console)
    except DemoError as error:
        console.print(f"[bold red]The demo stopped:[/] {error}", highlight=False)
        return 1
    except KeyboardInterrupt:
        console.print("[bold]Interrupted;[/] everything that was started has been stopped.")
        return 130
    if complete_trades == 0:
        console.print("[bold red]No complete trade is in the log, so the demo has failed.[/]")
        return 1
    return 0


def _parse(arguments: list[str]) -> DemoRequest:
    parser = argparse.ArgumentParser(prog="market_sim.demo", description=__doc__)
    parser.add_argument(
        "--data", default="", help="real bars to replay: Parquet files, comma-separated"
    )
    parser.add_argument("--seed", type=int, default=7, help="of the seeded model of a market")
    parser.add_argument("--history-bars", type=int, default=40_000)
    parser.add_argument("--trade-seconds", type=int, default=100, help="how long to trade")
    parser.add_argument("--folder", type=Path, help="where to keep the run (default: data/demo/…)")
    given = parser.parse_args(arguments)
    stamp = datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
    return DemoRequest(
        project=PROJECT,
        folder=(given.folder or PROJECT / "data" / "demo" / stamp).resolve(),
        data=tuple(Path(part) for part in given.data.split(",") if part),
        seed=given.seed,
        history_bars=given.history_bars,
        trade_s=given.trade_seconds,
    )


if __name__ == "__main__":
    sys.exit(main())
