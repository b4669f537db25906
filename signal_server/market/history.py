"""Backfill: bring the store up to date from a vendor's history, several symbols at once."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

from signal_server.core.clock import Clock
from signal_server.market.filling import BackfillProgress as BackfillProgress
from signal_server.market.filling import BackfillResult as BackfillResult
from signal_server.market.filling import Filling
from signal_server.market.filling import History as History
from signal_server.market.filling import Outcome as Outcome
from signal_server.market.pieces import last_close_before as last_close_before
from signal_server.market.plan import BackfillRequest as BackfillRequest
from signal_server.market.plan import Plan, plan_of
from signal_server.market.store import BarStore

THREADS = 8


def backfill(
    history: History,
    store: BarStore,
    request: BackfillRequest,
    clock: Clock,
    report: Callable[[BackfillProgress], None],
) -> list[BackfillResult]:
    """Fetch what is missing; run again, it asks for nothing that is there.

    Raises `VendorAuthError`; what else goes wrong with a symbol is in its result. `report` is
    called from several threads, and once for each symbol before anything is fetched.
    """
    plans = [plan_of(store, symbol, request, clock()) for symbol in request.symbols]
    for plan in plans:
        report(BackfillProgress(plan.symbol, 0, len(plan.pieces), 0))

    def fill(plan: Plan) -> BackfillResult:
        return Filling(history, store, plan, clock).run(report)

    return _all(fill, plans, history)


def _all(
    fill: Callable[[Plan], BackfillResult], plans: Iterable[Plan], history: History
) -> list[BackfillResult]:
    with ThreadPoolExecutor(THREADS, thread_name_prefix="backfill") as pool:
        futures = [pool.submit(fill, plan) for plan in plans]
        try:
            return [future.result() for future in futures]
        except BaseException:
            # Whatever ends this, also Ctrl-C, ends the threads, which may wait for hours.
            history.stop()
            pool.shutdown(cancel_futures=True)
            raise
