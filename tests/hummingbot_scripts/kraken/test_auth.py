from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hummingbot_scripts.ml_signals.kraken import auth
from hummingbot_scripts.ml_signals.kraken.auth import FIRST_JUMP_US, Nonces

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
                nonces.refused(nonces.lead_us)
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
        nonces.refused(nonces.lead_us)
        refusals += 1
    assert refusals <= 6


def test_one_overtaken_request_does_not_move_the_nonces_ahead(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(auth, "utc_now", lambda: START)
    nonces = Nonces()
    first = nonces.next()
    nonces.refused(nonces.lead_us)
    assert nonces.next() == first + 1


def test_requests_that_were_on_their_way_move_the_nonces_ahead_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(auth, "utc_now", lambda: START)
    nonces = Nonces()
    sent_with = [nonces.lead_us for _ in range(10)]
    for lead_us in sent_with:
        nonces.refused(lead_us)
    assert nonces.lead_us == FIRST_JUMP_US


def test_a_new_start_goes_on_where_the_last_one_had_skipped_to(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(auth, "utc_now", lambda: START)
    nonces, path = Nonces(), tmp_path / "bot.nonce"
    nonces.keep_in(path)
    for _ in range(4):
        nonces.refused(nonces.lead_us)
    last = nonces.next()
    nonces.accepted()
    again = Nonces()
    again.keep_in(path)
    assert again.next() >= last


@pytest.mark.parametrize("text", ["", "x", "-5"])
def test_a_kept_lead_that_makes_no_sense_is_passed_over(tmp_path: Path, text: str) -> None:
    path = tmp_path / "bot.nonce"
    path.write_text(text)
    nonces = Nonces()
    nonces.keep_in(path)
    assert nonces.lead_us == 0
