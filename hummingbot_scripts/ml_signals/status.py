"""The text of `format_status`: what is held, what was heard, and why nothing is done. Pure."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from .client import ReceivedSignal
from .rules.halts import Halt
from .status_page import Holding, Limits, StatusPage
from .table import clipped, duration, money, percent, price, table, wrapped
from .trades import Position

FEW_COINS = 12
"""So many coins are all shown; of more, those held and those with something to say."""

MOST_SIGNALS = 20
MOST_REASONS = 8
NONE = "  none"


def render(page: StatusPage) -> str:
    """Return the page as text of at most 120 columns."""
    sections = (
        _header(page),
        ["POSITIONS", *(_positions(page) or [NONE])],
        ["SIGNALS", *(_signals(page) or [NONE])],
        ["DECISIONS TODAY", *(_counts(page) or [NONE])],
        ["LAST CLOSED", *(_closed(page) or [NONE])],
    )
    return "\n\n".join("\n".join(lines) for lines in sections)


def _header(page: StatusPage) -> list[str]:
    name = f"   bot {page.bot_id}" if page.bot_id else ""
    skew = "" if page.clock_skew_s is None else f", clock {page.clock_skew_s:+.2f} s"
    lines = [f"ML signals ({page.mode}){name}   {page.now:%Y-%m-%d %H:%M:%S} UTC"]
    for problem in page.problems:
        lines += wrapped(f"!! {problem}", "  ")
    lines.append(clipped(f"  Server    {page.feed}{skew}"))
    why = f" by {page.control_why}" if page.control_why else ""
    lines.append(clipped(f"  Control   {page.control}{why}"))
    for halt in page.halts:
        lines += _halt(halt)
    if page.limits is not None:
        lines += _limits(page.limits, len(page.holdings))
    return [*lines, clipped(f"  Outbox    {_outbox(page)}")]


def _halt(halt: Halt) -> list[str]:
    until = "" if halt.until is None else f", until {halt.until:%Y-%m-%d %H:%M} UTC"
    return [
        clipped(
            f"  HALT      {halt.kind} since {halt.since:%Y-%m-%d %H:%M} UTC{until}: {halt.why}"
        ),
        clipped(f"            ends: {halt.how_it_ends}"),
    ]


def _limits(limits: Limits, held: int) -> list[str]:
    bounds = (
        f"positions {held} of {limits.max_positions}",
        f"exposure {limits.exposure:.2f} of {limits.exposure_limit:.2f}",
        f"losses in a row {limits.losses_in_row} of {limits.max_losses_in_row}",
    )
    day = f"{money(limits.day_pnl)}, halts at {money(-limits.day_loss_limit)}"
    return [
        clipped(f"  Day       {day} (days of {limits.day_zone})"),
        clipped(f"  Limits    {', '.join(bounds)}"),
    ]


def _outbox(page: StatusPage) -> str:
    if not page.outbox_waiting and not page.outbox_refused:
        return "all trade events are with the server"
    waiting = f"{page.outbox_waiting} trade events wait for the server"
    notes = [page.outbox_problem] if page.outbox_waiting and page.outbox_problem else []
    if page.outbox_refused:
        notes.append(f"{page.outbox_refused} refused by the server, kept in the bot's journal")
    return f"{waiting} ({'; '.join(notes)})" if notes else waiting


_POSITION_HEADERS = (
    *("COIN", "AMOUNT", "ENTRY", "NOW", "NET", "TO STOP", "TO TAKE", "TRAILING"),
    *("TIME LEFT", "REST STOP", ""),
)


def _positions(page: StatusPage) -> list[str]:
    if not page.holdings:
        return []
    lines = table(_POSITION_HEADERS, [_position(item, page.now) for item in page.holdings])
    header, rows = lines[0], lines[1:]
    shown = [header]
    for item, line in zip(page.holdings, rows, strict=True):
        shown.append(line)
        if item.trouble:
            shown += wrapped(f"!! {item.trouble}", "    ")
        if not item.watched:
            shown += wrapped("!! of an earlier run: no exit is guarding it yet", "    ")
    return shown


def _position(item: Holding, now: datetime) -> list[str]:
    plan, net = item.position.plan, item.net_pnl_share
    stop = None if plan is None or plan.stop_loss is None else plan.stop_loss
    take = None if plan is None or plan.take_profit is None else plan.take_profit
    return [
        item.position.symbol,
        price(item.position.amount if item.amount is None else item.amount),
        "pending" if item.entry_price is None else price(item.entry_price),
        price(item.price_now),
        percent(net),
        _distance(None if stop is None or net is None else net + stop),
        _distance(None if take is None or net is None else take - net),
        _trailing(item),
        _time_left(item, now),
        _protective(item),
        "closing" if item.closing else "",
    ]


def _distance(share: Decimal | None) -> str:
    """Return how far a barrier is, in percent of the entry's cost."""
    if share is None or not share.is_finite():
        return "-"
    return f"{share * 100:.2f}%" if share > 0 else "reached"


def _trailing(item: Holding) -> str:
    plan, net = item.position.plan, item.net_pnl_share
    if plan is None or plan.trailing_activation is None or net is None:
        return "-"
    if item.trailing_trigger is not None:
        return _distance(net - item.trailing_trigger)
    return f"arms in {_distance(plan.trailing_activation - net)}"


def _time_left(item: Holding, now: datetime) -> str:
    plan = item.position.plan
    if plan is None or plan.time_limit_s is None:
        return "-"
    left_s = plan.timestamp + plan.time_limit_s - now.timestamp()
    return duration(left_s) if left_s > 0 else "over"


def _protective(item: Holding) -> str:
    if item.protective is not None:
        return price(item.protective)
    plan = item.position.plan
    return "-" if plan is None or plan.protective_margin is None else "none yet"


def _signals(page: StatusPage) -> list[str]:
    symbols = list(page.signals)
    told = symbols if len(symbols) <= FEW_COINS else _telling(page)
    shown = told[:MOST_SIGNALS]
    headers = ("COIN", "PREDICTS", "CONFIDENCE", "SIGNAL", "AGE", "STATE", "DECISION")
    rows = [_signal(page, symbol) for symbol in shown]
    lines = table(headers, rows, left=("PREDICTS", "STATE")) if rows else []
    rest = [symbol for symbol in symbols if symbol not in set(shown)]
    return [*lines, *_rest(page, rest)]


def _telling(page: StatusPage) -> list[str]:
    """Return the coins that are held, then those with a fresh and confident signal."""
    held = [item.position.symbol for item in page.holdings if item.position.symbol in page.signals]
    confident = [
        (signal.view.confidence, symbol)
        for symbol, signal in page.signals.items()
        if symbol not in held and signal is not None and _is_telling(page, signal)
    ]
    ranked = sorted(confident, key=lambda item: (-item[0], item[1]))
    return [*held, *(symbol for _, symbol in ranked)]


def _is_telling(page: StatusPage, signal: ReceivedSignal) -> bool:
    view = signal.view
    return page.now < view.valid_until and view.confidence >= page.min_confidence


def _signal(page: StatusPage, symbol: str) -> list[str]:
    signal, reason = page.signals[symbol], page.reasons.get(symbol, "")
    if signal is None:
        return [symbol, "-", "-", "-", "-", "none yet", reason]
    view = signal.view
    state = "fresh" if page.now < view.valid_until else "expired"
    age = duration((page.now - signal.received_at).total_seconds())
    flagged = ", ".join(view.flags)
    return [
        symbol,
        view.direction,
        f"{view.confidence:.3f}",
        f"#{view.id}",
        age,
        f"{state}, flagged" if flagged else state,
        f"{reason} [{flagged}]" if flagged else reason,
    ]


def _rest(page: StatusPage, symbols: Sequence[str]) -> list[str]:
    if not symbols:
        return []
    signals = [page.signals[symbol] for symbol in symbols]
    unheard = sum(1 for signal in signals if signal is None)
    fresh = sum(1 for signal in signals if signal and page.now < signal.view.valid_until)
    expired = len(symbols) - unheard - fresh
    return [f"  and {len(symbols)} more: {fresh} fresh, {expired} expired, {unheard} without one"]


def _counts(page: StatusPage) -> list[str]:
    ranked = sorted(page.reason_counts.items(), key=lambda item: (-item[1], item[0]))
    lines = [clipped(f"  {count:>7,}  {reason}") for reason, count in ranked[:MOST_REASONS]]
    others = ranked[MOST_REASONS:]
    if others:
        lines.append(f"  {sum(count for _, count in others):>7,}  {len(others)} other reasons")
    return lines


def _closed(page: StatusPage) -> list[str]:
    rows = [
        [
            position.symbol,
            position.exit_reason or "never filled",
            price(position.amount),
            money(pnl),
            _held_for(position),
            f"{position.closed_at:%Y-%m-%d %H:%M:%S}" if position.closed_at else "",
        ]
        for position, pnl in page.closed
    ]
    headers = ("COIN", "REASON", "AMOUNT", "PNL", "HELD", "CLOSED (UTC)")
    return table(headers, rows, left=("REASON",)) if rows else []


def _held_for(position: Position) -> str:
    if position.closed_at is None:
        return "-"
    return duration((position.closed_at - position.opened_at).total_seconds())
