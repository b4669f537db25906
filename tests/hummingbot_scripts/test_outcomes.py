from hummingbot_scripts.ml_signals.journal import Journal
from hummingbot_scripts.ml_signals.outcomes import Outcome, OutcomeLog, Worth, outcome_of
from hummingbot_scripts.ml_signals.rules import Action, Decision, Reason
from hummingbot_scripts.ml_signals.sizing import Obstacle


def _outcome(reason: Reason, signal_id: int, action: Action = Action.NOTHING) -> Outcome:
    return outcome_of("BTC-USD", Decision(action, reason, signal_id), None)


def test_a_reason_that_lasts_many_ticks_counts_once_a_signal() -> None:
    log = OutcomeLog()
    for _ in range(10):
        log.note(_outcome(Reason.NOT_UP, 1))
    log.note(_outcome(Reason.NOT_UP, 2))
    assert log.counts == {Reason.NOT_UP: 2}
    assert log.last_reasons == {"BTC-USD": Reason.NOT_UP}


def test_only_what_is_new_is_worth_writing_down_and_a_new_signal_worth_counting() -> None:
    log = OutcomeLog()
    assert log.note(_outcome(Reason.NOT_UP, 1)) is Worth.WRITING
    assert log.note(_outcome(Reason.NOT_UP, 1)) is Worth.NOTHING
    assert log.note(_outcome(Reason.NOT_UP, 2)) is Worth.COUNTING
    assert log.note(_outcome(Reason.LOW_CONFIDENCE, 3)) is Worth.WRITING
    assert log.note(_outcome(Reason.CONFIDENT_UP, 4, Action.ENTER)) is Worth.WRITING


def test_what_was_in_the_way_replaces_the_decision() -> None:
    decision = Decision(Action.ENTER, Reason.CONFIDENT_UP, 7)
    outcome = outcome_of("BTC-USD", decision, Obstacle.NO_BALANCE)
    assert outcome == Outcome("BTC-USD", Action.NOTHING, Obstacle.NO_BALANCE, 7)


def test_written_outcomes_are_read_back(journal: Journal, now: object) -> None:
    outcome = _outcome(Reason.NOT_UP, 1)
    journal.add_outcome(outcome, now)
    assert journal.outcomes() == [outcome]
