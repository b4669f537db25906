"""The models that look at live bars: one whose predictions are published, others in its shadow."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

import pandas as pd

from signal_server.core.clock import Clock
from signal_server.core.errors import SignalServerError
from signal_server.journal.predictions import Prediction
from signal_server.serving.history import BarHistory, Intake, LiveBar
from signal_server.serving.predictor import (
    Freshness,
    Made,
    Predictor,
    Refusal,
    RefusalReason,
)
from signal_server.serving.served import ServedModel
from signal_server.serving.waiting import Waiting

Stored = Callable[[str, int], pd.DataFrame]
"""Return so many of a symbol's newest stored bars, or a few more."""


@dataclass(frozen=True, slots=True)
class Stage:
    """What all models of a line-up work with; a bar waits `leader_wait_s` for leaders' bars."""

    symbols: Sequence[str]
    stored: Stored
    freshness: Freshness
    leader_wait_s: float
    clock: Clock


class Lineup:
    """A champion and its challengers over one history of bars; for one thread at a time."""

    def __init__(self, champion: ServedModel, stage: Stage) -> None:
        """Read the stored bars and open the champion.

        Raises `NoHistoryError` naming a leader that is not among the symbols.
        """
        bars = champion.history_bars
        frames = {symbol: stage.stored(symbol, bars) for symbol in stage.symbols}
        self._stage = stage
        self._history = BarHistory(frames, bars, champion.bar_seconds)
        self._champion = self._predictor(champion)
        self._challengers: list[Predictor] = []
        self._waiting: Waiting[LiveBar] = Waiting(stage.leader_wait_s, stage.clock)
        self._shadow: Waiting[LiveBar] = Waiting(stage.leader_wait_s, stage.clock)
        self._taken: list[LiveBar] = []
        self._changed: set[str] = set()

    @property
    def champion(self) -> ServedModel:
        """The model whose predictions are published."""
        return self._champion.model

    @property
    def challengers(self) -> list[ServedModel]:
        """The models that predict in shadow."""
        return [predictor.model for predictor in self._challengers]

    def left_s(self) -> float | None:
        """Return the seconds until a bar has waited long enough; None when none waits."""
        left = [wait.left_s() for wait in (self._waiting, self._shadow)]
        return min((seconds for seconds in left if seconds is not None), default=None)

    def take(self, lives: Sequence[LiveBar], *, last: bool = False) -> list[tuple[LiveBar, Made]]:
        """Take bars as they come; return what the champion makes of those that wait no longer.

        Bars that are not newer than their symbol's last only fill the history. With `last` none
        goes on waiting.
        """
        ready = self._waiting.admit(lives, self.champion.leaders, self._history.last_close)
        if last:
            ready += self._waiting.release()
        told: list[tuple[LiveBar, Made]] = []
        for _, together in groupby(sorted(ready, key=_close_time), key=_close_time):
            told += self._take_moment(list(together))
        return told

    def take_in_shadow(self, *, last: bool = False) -> list[Prediction]:
        """Return what the challengers predict from the bars that were taken last."""
        taken, self._taken = self._taken, []
        changed, self._changed = self._changed, set()
        if not self._challengers:
            return []
        leaders = sorted({name for model in self.challengers for name in model.leaders})
        ready = self._shadow.admit(taken, leaders, self._history.last_close)
        if last:
            ready += self._shadow.release()
        made: list[Made] = []
        for predictor in self._challengers:
            predictor.reopen(changed)
            made += predictor.predict(ready)
        return [one for one in made if isinstance(one, Prediction)]

    def change(self, champion: ServedModel, challengers: Sequence[ServedModel]) -> dict[str, str]:
        """Let others play from the next bar on; one that plays already goes on as it is.

        Returns, by version, why a model could not be opened: then the champion stays, or that
        challenger is left out.
        """
        opened: dict[str, Predictor] = {
            one.model.version: one for one in (self._champion, *self._challengers)
        }
        problems: dict[str, str] = {}
        for model in (champion, *challengers):
            if model.version not in opened:
                try:
                    opened[model.version] = self._open(model)
                except SignalServerError as error:
                    problems[model.version] = str(error)
        self._champion = opened.get(champion.version, self._champion)
        # In shadow it may have waited longer for its leaders.
        self._champion.catch_up()
        playing = [opened[one.version] for one in challengers if one.version in opened]
        self._challengers = [one for one in playing if one is not self._champion]
        return problems

    def _open(self, model: ServedModel) -> Predictor:
        """Open a model over the history, which is read further back if it needs more."""
        if model.history_bars > self._history.bars:
            bars = model.history_bars
            frames = {symbol: self._stage.stored(symbol, bars) for symbol in self._stage.symbols}
            self._history.lengthen(frames, bars)
        return self._predictor(model)

    def _predictor(self, model: ServedModel) -> Predictor:
        return Predictor(model, self._history, self._stage.freshness, self._stage.clock)

    def _take_moment(self, lives: Sequence[LiveBar]) -> list[tuple[LiveBar, Made]]:
        intake = self._history.take(lives)
        self._champion.reopen(intake.changed)
        self._changed |= intake.changed
        self._taken.extend(intake.newest)
        made = self._champion.predict(intake.newest)
        return [*self._strangers(intake), *zip(intake.newest, made, strict=True)]

    def _strangers(self, intake: Intake[LiveBar]) -> list[tuple[LiveBar, Made]]:
        now: datetime = self._stage.clock()
        return [
            (live, Refusal(live.bar.symbol, RefusalReason.NOT_FOLLOWED, live.bar.symbol, now))
            for live in intake.strangers
        ]


def _close_time(live: LiveBar) -> datetime:
    return live.bar.close_time
