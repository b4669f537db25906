from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hummingbot_scripts.ml_signals.kraken import auth
from hummingbot_scripts.ml_signals.kraken.auth import Nonces

START = datetime(2026, 1, 1, tzinfo=UTC)


@given(st.lists(st.tuples(st.floats(-3600, 3600), st.booleans()), min_size=2, max_size=50))
def test_nonces_grow_however_the_clock_is_set(steps: list[tuple[float, bool]]) -> None:
    now = START
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(auth, "utc_now", lambda: now)
        nonces, newest = Nonces(), 0
        for moved_s, refused in steps:
            now += timedelta(seconds=moved_s)
            given_out = nonces.next()
            assert given_out > newest
            newest = given_out
            if refused:
                nonces.refused()
            else:
                nonces.accepted()


def test_a_key_that_ran_a_day_ahead_is_caught_up_within_six_refusals(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(auth, "utc_now", lambda: START)
    nonces = Nonces()
    seen = int((START + timedelta(days=1)).timestamp() * 1e6)
    refusals = 0
    while nonces.next() <= seen:
        nonces.refused()
        refusals += 1
    assert refusals <= 6


def test_one_overtaken_request_does_not_move_the_nonces_ahead(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(auth, "utc_now", lambda: START)
    nonces = Nonces()
    first = nonces.next()
    nonces.refused()
    assert nonces.next() == first + 1
