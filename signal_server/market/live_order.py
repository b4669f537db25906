"""One symbol's live bars in order: what was handed over, what waits, what may be missing.

No clock and no I/O: bars, answers and the time are passed in, and what is to be handed over or
written down comes out. Bars are known by their number (see `spans`).
"""

import random
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace

from signal_server.core.domain import Bar
from signal_server.market.live_bar import LiveBar, agree
from signal_server.market.quality import BarFlag
from signal_server.market.spans import Span, Spans

KEPT_BARS = 256
"""So many bars are remembered at least, to know them again when they are sent again."""
USUAL_BARS = 50
"""After so many bars without a gap, one that does not come is missed at once."""
MOST_REFUSALS = 5
"""A bar that REST has, but that cannot be used, is asked for again so often."""
MOST_SPANS = 256
"""So many spans are kept apart; one question covers them all anyway."""


@dataclass(slots=True)
class Passed:
    """What leaves: bars to hand over, in order, and other values of bars that were known."""

    ready: list[LiveBar] = field(default_factory=list)
    again: list[Bar] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Answer:
    """What REST said of a span.

    `found` are its good bars by number; those up to `sure_until` that are not among them had no
    trades. `stored` are numbers that the store has, for what memory does not reach back to, and
    `refused` those whose bars REST has, but that must not be used.
    """

    span: Span
    found: Mapping[int, LiveBar]
    sure_until: int
    stored: Collection[int] = ()
    refused: Collection[int] = ()


class SymbolOrder:
    """The order of one symbol's bars.

    `lost` may have been missed, and bars behind it wait for it, but not for ever; `doubtful` is
    asked about when there is time. Neither is ever forgotten before REST has answered.
    """

    def __init__(self, last: int | None, seen: Mapping[int, Bar], hold_s: float) -> None:
        """Begin after `last`, the newest stored bar; `seen` are the newest stored bars."""
        self.last = last
        self.lost = Spans()
        self.doubtful = Spans()
        self.hold_until_s: float | None = None
        self.asking = False
        self._hold_s = hold_s
        self._patient = True
        self._held: dict[int, LiveBar] = {}
        self._refusals: Counter[int] = Counter()
        self._seen = dict(seen)
        self._newest = max(seen, default=None)
        # Not all symbols tidy up at the same bar.
        self._most_seen = KEPT_BARS + 1 + random.randrange(KEPT_BARS)  # noqa: S311
        self._in_a_row = 0
        self._floor = min(seen, default=0)
        self._first = 0

    @property
    def floor(self) -> int:
        """The number from which on memory knows every bar that was handed over."""
        return self._floor

    @property
    def first(self) -> int:
        """The number of the first bar that is taken."""
        return self._first

    @property
    def newest(self) -> int:
        """The number of the newest bar that came, 0 before any."""
        return self._newest or 0

    @property
    def unwritten(self) -> Spans:
        """What is missing or doubtful, and the bars that wait for it."""
        return Spans([*self.lost, *self.doubtful, *((one - 1, one) for one in self._held)])

    def begin(self, number: int) -> None:
        """Take nothing from before this bar if nothing is stored: that is for a backfill."""
        if self.last is None:
            self._first = self._first or number

    def take(self, number: int, live: LiveBar, now_s: float, out: Passed) -> None:
        """Take a streamed bar, in whatever order it comes."""
        known = self._seen.get(number)
        if known is not None:
            if not agree(known, live.bar):
                out.again.append(live.bar)
            return
        if number < self._first - 1:
            return
        # The bar that ended just before a subscription may still come, and is as good as any.
        self._first = min(self._first, number)
        span = (number - 1, number)
        if number < self._floor:
            # Too long ago to tell from memory: REST will say, and the store.
            self.doubtful.add(span)
            return
        self._remember(number, live.bar)
        self._known(span)
        if self.last is not None and number < self.last:
            out.ready.append(self._flagged(number, replace(live, repaired=True)))
            return
        if not self.lost and not self._held:
            self._pass(number, live, out)
            return
        self._held[number] = live
        self._release(out)
        if self._held and self.hold_until_s is None:
            self.hold_until_s = now_s + self._hold_s

    def follow(self, number: int) -> None:
        """Doubt what is missing between the newest bar and this one: mostly it had no trades."""
        gap = (number - 1 if self._newest is None else self._newest, number - 1)
        if gap[0] < gap[1]:
            (self.lost if self._in_a_row >= USUAL_BARS else self.doubtful).add(gap)
            self._in_a_row = 0
        elif gap[0] == gap[1]:
            self._in_a_row += 1
        self._few(self.doubtful)

    def miss(self, span: Span) -> None:
        """Note bars that may have been missed, but for those that came."""
        self._open(self.lost, span)

    def doubt(self, span: Span) -> None:
        """Note bars to be asked about when there is time, but for those that came."""
        self._open(self.doubtful, span)

    def anchor(self, number: int) -> int:
        """Return the newest bar that came before `number`, or `number` without any."""
        return max((one for one in self._seen if one < number), default=number)

    def expire(self, now_s: float, out: Passed) -> None:
        """Let bars go that have waited long enough."""
        if self.hold_until_s is not None and now_s >= self.hold_until_s:
            self._patient = False
            self._release(out)

    def settle(self, answer: Answer, now_s: float, out: Passed) -> None:
        """Take what REST knows of a span, and let go what waited for it."""
        unknown = [*self.lost.within(answer.span), *self.doubtful.within(answer.span)]
        self._known(answer.span)
        for number in sorted(one for one in answer.found if one >= self._first):
            self._found(number, answer.found[number], answer.stored, out)
        for number in self._unsettled(answer, Spans(unknown)):
            self.doubtful.add((number - 1, number))
        self._release(out)
        if self._held and self.hold_until_s is None:
            self.hold_until_s = now_s + self._hold_s

    def _unsettled(self, answer: Answer, unknown: Spans) -> Iterator[int]:
        """Yield what was unknown and still is: REST may have it later, or in order later."""
        unsure = (max(answer.sure_until, answer.span[0]), answer.span[1])
        for after, last in unknown.within(unsure):
            yield from (n for n in range(after + 1, last + 1) if n not in answer.found)
        for number in answer.refused:
            self._refusals[number] += 1
            if number in unknown and self._refusals[number] < MOST_REFUSALS:
                yield number

    def _found(self, number: int, live: LiveBar, stored: Collection[int], out: Passed) -> None:
        known = self._seen.get(number)
        if known is not None or (number < self._floor and number in stored):
            if known is None or not agree(known, live.bar):
                out.again.append(live.bar)
            return
        self._remember(number, live.bar)
        if self.last is not None and number < self.last:
            out.ready.append(live)
        else:
            self._held[number] = live

    def _release(self, out: Passed) -> None:
        for number in sorted(self._held):
            if self._must_wait(number):
                return
            self._pass(number, self._held.pop(number), out)
        self.hold_until_s = None

    def _must_wait(self, number: int) -> bool:
        return self._patient and self._lacks_before(number)

    def _lacks_before(self, number: int) -> bool:
        return bool(self.lost) and any(after < number - 1 for after, _ in self.lost)

    def _pass(self, number: int, live: LiveBar, out: Passed) -> None:
        self.last = number
        out.ready.append(self._flagged(number, live))

    def _flagged(self, number: int, live: LiveBar) -> LiveBar:
        if not self._lacks_before(number):
            return live
        return replace(live, flags=(*live.flags, BarFlag.HOLE))

    def _open(self, spans: Spans, span: Span) -> None:
        span = (max(span[0], self._first - 1), span[1])
        spans.add(span)
        for number in self._seen:
            if span[0] < number <= span[1]:
                spans.remove((number - 1, number))
        self._few(spans)

    def _few(self, spans: Spans) -> None:
        if len(spans) > MOST_SPANS:
            spans.join()

    def _known(self, span: Span) -> None:
        self.lost.remove(span)
        self.doubtful.remove(span)
        if not self.lost:
            self._patient = True

    def _remember(self, number: int, bar: Bar) -> None:
        self._seen[number] = bar
        if self._newest is None or number > self._newest:
            self._newest = number
        # While REST is asked, nothing may be forgotten that its answer is compared with.
        if len(self._seen) > self._most_seen and not self.asking:
            self._forget()

    def _forget(self) -> None:
        newest = sorted(self._seen)[-KEPT_BARS:]
        self._seen = {one: self._seen[one] for one in newest}
        self._floor = newest[0]
        for number in [n for n in self._refusals if n < self._floor]:
            if number not in self.doubtful and number not in self.lost:
                del self._refusals[number]
