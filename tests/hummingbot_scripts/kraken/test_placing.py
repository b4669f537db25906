from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hummingbot_scripts.ml_signals.kraken import placing
from hummingbot_scripts.ml_signals.kraken.answers import (
    KrakenRefusedError,
    KrakenUncertainError,
    KrakenUnreachedError,
)
from hummingbot_scripts.ml_signals.kraken.placing import OrderNotPlacedError, Placer, asking

UNREACHED = KrakenUnreachedError("EAPI:Invalid nonce")
UNCERTAIN = KrakenUncertainError("HTTP status is 520")
REFUSED = KrakenRefusedError("EGeneral:Permission denied")
NOTHING: dict[str, Any] = {"open": {}, "closed": {}}
PLACED = {"txid": ["O1"]}


class FakeKraken:
    """Answers AddOrder and look-ups from two lists, whose last entries hold on."""

    def __init__(self, placing: list[Any], looking: list[Any] | None = None) -> None:
        self.placing, self.looking = placing, looking or [NOTHING]
        self.orders: list[Mapping[str, str]] = []
        self.looks: list[Mapping[str, str]] = []
        self.told: str | None = None
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    async def ask(self, method: str, parameters: Mapping[str, str]) -> Any:
        adding = method == "AddOrder"
        (self.orders if adding else self.looks).append(parameters)
        answers = self.placing if adding else self.looking
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    async def place(self, monkeypatch: pytest.MonkeyPatch) -> str:
        monkeypatch.setattr(placing.asyncio, "sleep", self.sleep)
        placer = Placer(self.ask, self.ask, lambda: self.now, lambda _userref: self.told)
        return await placer.place("7", {"pair": "XBTUSD"})


async def test_an_order_bears_its_reference_and_a_deadline(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kraken = FakeKraken([PLACED])
    assert await kraken.place(monkeypatch) == "O1"
    deadline = "2026-01-01T00:00:05.000Z"
    assert kraken.orders == [{"pair": "XBTUSD", "userref": "7", "deadline": deadline}]


async def test_an_order_that_was_turned_away_is_sent_again_with_a_new_deadline(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kraken = FakeKraken([UNREACHED, UNREACHED, PLACED])
    assert await kraken.place(monkeypatch) == "O1"
    assert len({order["deadline"] for order in kraken.orders}) == 3


async def test_an_order_of_unknown_outcome_is_looked_for_and_never_sent_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kraken = FakeKraken([UNCERTAIN], [NOTHING, NOTHING, {"open": {"O2": {}}}])
    assert await kraken.place(monkeypatch) == "O2"
    assert len(kraken.orders) == 1


async def test_only_orders_of_now_are_looked_for_since_references_come_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kraken = FakeKraken([UNCERTAIN], [NOTHING, {"closed": {"O2": {}}}])
    await kraken.place(monkeypatch)
    sent = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
    assert sent - 120 <= float(kraken.looks[-1]["start"]) <= sent


async def test_an_order_has_failed_once_it_is_nowhere_after_its_deadline(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kraken = FakeKraken([UNCERTAIN])
    sent = kraken.now
    with pytest.raises(OrderNotPlacedError):
        await kraken.place(monkeypatch)
    assert kraken.now >= sent + timedelta(seconds=7)
    assert len(kraken.orders) == 1
    assert len(kraken.looks) <= 12


@pytest.mark.parametrize("silence", [UNCERTAIN, UNREACHED, REFUSED])
async def test_as_long_as_kraken_does_not_say_an_order_is_neither_placed_nor_failed(
    silence: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    kraken = FakeKraken([UNCERTAIN], [silence] * 30 + [NOTHING, {"closed": {"O2": {}}}])
    sent = kraken.now
    assert await kraken.place(monkeypatch) == "O2"
    assert kraken.now > sent + timedelta(minutes=5)


async def test_what_the_private_stream_tells_ends_the_search(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kraken = FakeKraken([UNCERTAIN], [REFUSED])
    kraken.told = "O3"
    assert await kraken.place(monkeypatch) == "O3"
    assert not kraken.looks


async def test_a_refused_order_is_neither_sent_again_nor_looked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kraken = FakeKraken([REFUSED])
    with pytest.raises(KrakenRefusedError):
        await kraken.place(monkeypatch)
    assert len(kraken.orders) == 1
    assert not kraken.looks


async def test_a_question_is_repeated_unless_kraken_refuses_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kraken = FakeKraken([PLACED], [UNCERTAIN, UNREACHED, NOTHING])
    monkeypatch.setattr(placing.asyncio, "sleep", kraken.sleep)
    assert await asking(kraken.ask)("OpenOrders", {}) == NOTHING
    kraken.looking = [REFUSED]
    with pytest.raises(KrakenRefusedError):
        await asking(kraken.ask)("OpenOrders", {})
    assert len(kraken.looks) == 4
