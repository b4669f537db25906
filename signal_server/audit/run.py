"""The checks in their order, and one run of them all."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain

from signal_server import __version__
from signal_server.audit.causality import every_hour, future_shuffle, prefix_invariance, warm_up
from signal_server.audit.chance import known_edge, no_edge, target_permutation
from signal_server.audit.finiteness import finite
from signal_server.audit.labelling import known_at
from signal_server.audit.markets import Market, harsh, planted_edge, random_walk
from signal_server.audit.pace import quick
from signal_server.audit.parity import live_parity
from signal_server.audit.parts import held_out, past_rows, purge, walk_forward
from signal_server.audit.subject import Subject
from signal_server.core.audits import AuditResult, CheckResult, label_name
from signal_server.core.clock import Clock, monotonic_s
from signal_server.core.code_state import code_state
from signal_server.core.errors import ModelError
from signal_server.features.catalogue import schema_hash

Report = Callable[[str, float], None]
"""Takes a check's name and the share of it that is done, 0 to 1."""

MarketOf = Callable[[Subject], Market]


@dataclass(frozen=True, slots=True)
class Check:
    """A hunt for one kind of leak: what it proves when it finds nothing, and how it looks.

    It is run on the audited bars if `audited`, and on the `made` markets.
    """

    name: str
    proves: str
    find: Callable[[Subject, Market], tuple[str, ...]]
    audited: bool = True
    made: tuple[MarketOf, ...] = ()


def _quick_walk(subject: Subject) -> Market:
    return random_walk(quick(subject))


def _quick_edge(subject: Subject) -> Market:
    return planted_edge(quick(subject))


CHECKS = (
    Check(
        "prefix invariance",
        "no feature changes when later bars are cut off",
        prefix_invariance,
        made=(harsh,),
    ),
    Check(
        "every hour",
        "no feature looks ahead at some hours or minutes alone",
        every_hour,
    ),
    Check(
        "future shuffle",
        "no feature changes when later bars become others",
        future_shuffle,
        made=(harsh,),
    ),
    Check(
        "warm-up",
        "each feature needs no more bars than it declares",
        warm_up,
        made=(harsh,),
    ),
    Check(
        "live parity",
        "the server computes live, and after a restart, what the model learned from",
        live_parity,
        made=(harsh,),
    ),
    Check(
        "finite values",
        "features are numbers where nothing is traded and where the price stands still",
        finite,
        audited=False,
        made=(harsh,),
    ),
    Check(
        "known_at",
        "no label hangs on a bar that closes after its known_at",
        known_at,
        made=(harsh,),
    ),
    Check(
        "past rows",
        "rows of bars that have closed stay as they are, whatever comes later",
        past_rows,
    ),
    Check(
        "purge",
        "each part's labels are known before the next begins, in tuning's folds too",
        purge,
    ),
    Check(
        "walk-forward",
        "each step learns from labels known before its embargo, and forecasts what follows",
        walk_forward,
    ),
    Check(
        "held-out rows",
        "the booster hangs on the train and validation parts alone, the calibration on its own",
        held_out,
        audited=False,
        made=(_quick_edge,),
    ),
    Check(
        "target permutation",
        "shuffled labels cannot be forecast: the fit has not seen those of the test part",
        target_permutation,
    ),
    Check(
        "random walk",
        "where there is no edge none is found",
        no_edge,
        audited=False,
        made=(_quick_walk,),
    ),
    Check(
        "planted edge",
        "where there is an edge it is found, and not more of it than there is",
        known_edge,
        audited=False,
        made=(_quick_edge,),
    ),
)


def audit(subject: Subject, market: Market, clock: Clock, report: Report) -> AuditResult:
    """Run all checks; `market` holds the audited bars.

    Raises `NoHistoryError` when they are too few to train on.
    """
    return AuditResult(
        profile=subject.spec.profile_name,
        schema_hash=schema_hash(subject.names),
        label=label_name(subject.label_config),
        market=market.name,
        at=clock(),
        code_version=__version__,
        checks=tuple(run_check(check, subject, market, report) for check in CHECKS),
        code=code_state(),
    )


def run_check(check: Check, subject: Subject, market: Market, report: Report) -> CheckResult:
    """Run one check on its markets.

    What cannot be computed or learned from is a finding too, so that the other checks are heard.
    """
    started = monotonic_s()
    report(check.name, 0.0)
    markets = [market] if check.audited else []
    markets += [make(subject) for make in check.made]
    findings = []
    for done, one in enumerate(markets, start=1):
        try:
            findings.append(check.find(subject, one))
        except ModelError as error:
            findings.append((f"it cannot be run on {one.name}: {error}",))
        report(check.name, done / len(markets))
    return CheckResult(check.name, check.proves, tuple(chain(*findings)), monotonic_s() - started)
