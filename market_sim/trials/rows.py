"""The rows of the fault matrix."""

from dataclasses import replace

from market_sim.faults import FaultName, Where
from market_sim.trials.row import Blow, Dies, Enters, Exit, Row

PRIVATE = "the paper account is inside the bot; no private call or message leaves it"
ENGINE = "the paper account matches against the true books; this engine's fault is Kraken's own"
_ADD_BUY = Where(method="AddOrder", side="buy")
_ADD_SELL = Where(method="AddOrder", side="sell")
_BUY, _SELL = Where(side="buy"), Where(side="sell")


def _entry(title: str, *blows: Blow, enters: Enters = Enters.ALWAYS, wait_s: float = 1.5) -> Row:
    name = f"entry: {title}"
    return Row(name, at_entry=blows, enters=enters, wait_s=wait_s, within_s=30, no_paper=PRIVATE)


def _exit(title: str, *blows: Blow, within_s: float = 30) -> Row:
    return Row(f"exit: {title}", at_exit=blows, within_s=within_s, no_paper=PRIVATE)


def _add(name: str, where: Where, times: int | None = 1, amount: float | None = None) -> Blow:
    return Blow(FaultName[f"KRAKEN_{name}"], remaining=times, amount=amount, only=where)


def _lasting(name: str, where: Where, for_s: float, amount: float | None = None) -> Blow:
    return Blow(FaultName[f"KRAKEN_{name}"], for_s=for_s, amount=amount, only=where)


_PLAIN = (
    Row("stop-loss"),
    Row("take-profit", exit=Exit.PROFIT),
    Row("a DOWN signal", exit=Exit.DOWN),
    Row("time exit", exit=Exit.TIME, settings={"time_limit_s": 20}),
    Row("graceful stop closes", exit=Exit.BOT_STOPS),
    Row(
        "graceful stop keeps, restart guards",
        dies=Dies.KEPT,
        within_s=60,
        settings={"close_on_stop": False},
    ),
    Row("thin book at the exit", at_exit=(_lasting("THIN_BOOK", _SELL, 60, 0.001),)),
    Row(
        "thin book at the entry is refused",
        at_entry=(_lasting("THIN_BOOK", _BUY, 30, 0.00005),),
        enters=Enters.NEVER,
    ),
    Row(
        "flash crash through the stop for 4 s",
        at_exit=(Blow(FaultName.KRAKEN_FLASH_CRASH, amount=-0.1, for_s=4),),
        moves=False,
    ),
)

_KILLS = (
    Row("kill -9 as the entry is sent", dies=Dies.AT_ENTRY, within_s=60),
    Row("kill -9 as the entry fills", dies=Dies.AT_ENTRY_FILL, within_s=60),
    Row("kill -9 while open", dies=Dies.OPEN, within_s=60),
    Row("kill -9 while open, crash while down", dies=Dies.OPEN_AND_CRASH, within_s=60),
    Row("kill -9 as the exit is sent", dies=Dies.AT_EXIT, within_s=60),
    Row(
        "kill -9 in a partly filled entry",
        at_entry=(_lasting("PARTIAL_FILL", _BUY, 25, 0.5),),
        dies=Dies.AT_ENTRY_FILL,
        within_s=60,
        no_paper=ENGINE,
    ),
    Row("protective stop: own stop-loss first", settings={"protective_stop": True}),
    Row(
        "protective stop: sells while the bot is dead",
        dies=Dies.OPEN_AND_CRASH,
        wait_s=6,
        within_s=60,
        settings={"protective_stop": True},
    ),
)

_CALLS: tuple[tuple[str, str, float | None], ...] = (
    ("HTTP 520 after it was accepted", "ACCEPTED_520", None),
    ("connection cut after it was accepted", "ACCEPTED_CUT", None),
    ("internal error after it was accepted", "ACCEPTED_ERROR", None),
    ("HTTP 504, accepted 2 s later", "ACCEPTED_LATE", 2),
    ("answer 8 s late", "SLOW_ANSWER", 8),
    ("HTML answer", "HTML_ANSWER", None),
    ("truncated answer", "TRUNCATED_ANSWER", None),
    ("invalid nonce once", "INVALID_NONCE", None),
    ("rate limit once", "RATE_LIMIT", None),
    ("rests 5 s before it fills", "SLOW_FILL", 5),
    ("partly filled, the rest cancelled by the engine", "REMAINDER_CANCELED", 0.5),
    ("fill told before the acknowledgement", "EARLY_FILL", 0.5),
)
"""What may happen to an AddOrder that comes about all the same."""

_LOST_CALLS: tuple[tuple[str, str, float | None], ...] = (
    ("gateway error, never arrived", "PRIVATE_5XX", None),
    ("connection cut, never arrived", "CUT", None),
    ("8 s on its way, after its deadline", "SLOW_REQUEST", 8),
    ("busy once", "BUSY", None),
    ("throttled once", "THROTTLED", None),
    ("unavailable once", "UNAVAILABLE", None),
    ("internal error once", "INTERNAL_ERROR", None),
    ("order rate limit once", "ORDER_RATE_LIMIT", None),
    ("insufficient funds once", "INSUFFICIENT_FUNDS", None),
    ("rejected late", "REJECTED_LATE", 1),
)
"""What may happen to an AddOrder that does not come about; an exit is sent again, no entry is."""

_TOLD: tuple[tuple[str, tuple[Blow, ...]], ...] = (
    ("fill message lost", (_add("LOST_FILL", Where()),)),
    ("fill message 8 s late", (_add("LATE_FILL", Where(), None, 8),)),
    ("fill told twice", (_add("FILL_TWICE", Where(), None),)),
    ("order message lost", (_add("LOST_ORDER_UPDATE", Where(), 3),)),
    ("order message 8 s late", (_add("LATE_ORDER_UPDATE", Where(), None, 8),)),
    ("gap in the private sequence", (_add("SEQUENCE_GAP", Where()),)),
    ("private stream silent for 40 s", (_lasting("PRIVATE_SILENCE", Where(), 40),)),
    (
        "fill message lost, trade history 8 s late",
        (_add("LOST_FILL", Where()), _add("HISTORY_LAG", Where(), None, 8)),
    ),
)

_ENTRY = (
    *(_entry(title, _add(name, _ADD_BUY, 1, amount)) for title, name, amount in _CALLS),
    *(
        _entry(title, _add(name, _ADD_BUY, 1, amount), enters=Enters.MAYBE)
        for title, name, amount in _LOST_CALLS
    ),
    *(_entry(title, *blows) for title, blows in _TOLD),
    _entry("always busy", _lasting("BUSY", _ADD_BUY, 40), enters=Enters.NEVER),
    _entry("cancel-only market", _lasting("CANCEL_ONLY", Where(), 25), enters=Enters.NEVER),
    _entry("post-only market", _lasting("POST_ONLY", Where(), 25), enters=Enters.NEVER),
    _entry(
        "HTTP 520, and hidden for 3 s",
        _add("ACCEPTED_520", _ADD_BUY),
        _add("HIDDEN_ORDER", _ADD_BUY, 1, 3),
    ),
    _entry("partly filled, crash at once", _lasting("PARTIAL_FILL", _BUY, 60, 0.5), wait_s=0),
    _entry(
        "partly filled, the cancellation is slow",
        _lasting("PARTIAL_FILL", _BUY, 60, 0.5),
        _add("SLOW_CANCEL", Where(), 1, 5),
        wait_s=0,
    ),
    _entry(
        "partly filled, filled instead of cancelled",
        _lasting("PARTIAL_FILL", _BUY, 60, 0.5),
        _add("FILLED_INSTEAD", Where()),
        wait_s=0,
    ),
    _entry(
        "all news lost",
        _lasting("LOST_FILL", Where(), 20),
        _lasting("LOST_ORDER_UPDATE", Where(), 20),
    ),
    # All of it, and for longer than the two minutes between two looks at the balances.
    replace(_entry("balance a minute late", _add("BALANCE_LAG", Where(), None, 60)), wait_s=20),
    replace(_entry("balances as `.F`", _lasting("EARN_BALANCE", Where(), 180, 1)), lead_s=125),
    replace(
        _entry("HTTP 520 after a limit order"),
        no_live="the bot enters with market orders only",
        no_paper="the bot enters with market orders only",
    ),
)

_EXIT = (
    *(_exit(title, _add(name, _ADD_SELL, 1, amount)) for title, name, amount in _CALLS),
    *(_exit(title, _add(name, _ADD_SELL, 1, amount)) for title, name, amount in _LOST_CALLS),
    *(_exit(title, *blows) for title, blows in _TOLD),
    _exit("always refused for 40 s", _lasting("BUSY", _ADD_SELL, 40), within_s=120),
    _exit(
        "insufficient funds for 40 s", _lasting("INSUFFICIENT_FUNDS", _ADD_SELL, 40), within_s=120
    ),
    _exit("every private call fails for 40 s", _lasting("PRIVATE_5XX", Where(), 40), within_s=120),
    _exit("rate limit for 15 s", _lasting("RATE_LIMIT", Where(), 15), within_s=60),
    _exit("lockout for 15 s", _lasting("LOCKOUT", Where(), 15), within_s=90),
    _exit("cancel-only market for 20 s", _lasting("CANCEL_ONLY", Where(), 20), within_s=90),
    _exit("post-only market for 20 s", _lasting("POST_ONLY", Where(), 20), within_s=90),
    _exit(
        "HTTP 520, and hidden for 3 s",
        _add("ACCEPTED_520", _ADD_SELL),
        _add("HIDDEN_ORDER", _ADD_SELL, 1, 3),
    ),
    _exit("partly filled, rests 20 s", _lasting("PARTIAL_FILL", _SELL, 20, 0.5), within_s=60),
    _exit(
        "all news lost",
        _lasting("LOST_FILL", Where(), 20),
        _lasting("LOST_ORDER_UPDATE", Where(), 20),
    ),
    _exit("private stream cut once", _add("PRIVATE_DROP", Where())),
    _exit("private stream down for 15 s", _lasting("PRIVATE_DOWN", Where(), 15)),
    _exit(
        "private stream cut, token expired",
        _add("PRIVATE_DROP", Where()),
        _add("TOKEN_EXPIRED", Where()),
    ),
    replace(_exit("balances as `.F`", _lasting("EARN_BALANCE", Where(), 180, 1)), lead_s=125),
)

_PUBLIC = (
    Row("public REST fails for 20 s", at_exit=(_lasting("PUBLIC_5XX", Where(), 20),)),
    Row("too many public requests", at_exit=(_lasting("TOO_MANY_REQUESTS", Where(), 20),)),
    Row("180 wrong book checksums", at_exit=(_add("WRONG_CHECKSUM", Where(), 180),), within_s=30),
    Row("20 book updates lost", at_exit=(_add("LOST_BOOK_UPDATE", Where(), 20),), within_s=30),
    Row(
        "frozen book, heartbeats alive",
        at_exit=(_lasting("FROZEN_BOOK", Where(), 90),),
        within_s=45,
    ),
    Row(
        "crossed book for 15 s", at_exit=(_lasting("CROSSED_BOOK", Where(), 15, 0.01),), within_s=45
    ),
    Row("no heartbeats for 40 s", at_exit=(_lasting("NO_HEARTBEAT", Where(), 40),)),
    Row("public stream cut once", at_exit=(_add("PUBLIC_DROP", Where()),), within_s=30),
    Row(
        "public stream refused for 30 s",
        at_exit=(_lasting("PUBLIC_DOWN", Where(), 30),),
        within_s=45,
    ),
    Row(
        "no price at all for 20 s",
        at_exit=(_lasting("FROZEN_BOOK", Where(), 20), _lasting("PUBLIC_5XX", Where(), 20)),
        within_s=60,
    ),
    Row(
        "maintenance for 100 s at the stop",
        at_exit=(_lasting("MAINTENANCE", Where(), 100),),
        within_s=190,
    ),
)

ROWS: tuple[Row, ...] = (*_PLAIN, *_KILLS, *_PUBLIC, *_ENTRY, *_EXIT)
"""All rows, in the order of the printed matrix."""
