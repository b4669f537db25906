"""Which version is in use is one file with its history, swapped whole, and can be undone."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signal_server.core.errors import ModelError
from signal_server.training.aliases import (
    Action,
    Aliases,
    Event,
    change_aliases,
    read_aliases,
)

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


def _event(action: Action, version: str, **more: object) -> Event:
    return Event(NOON, action, version, by="a test", **more)


def _after(*events: tuple[Action, str]) -> Aliases:
    aliases = Aliases()
    for action, version in events:
        aliases = aliases.after(_event(action, version))
    return aliases


def test_a_profile_without_a_file_has_no_champion(tmp_path):
    assert read_aliases(tmp_path) == Aliases()


def test_what_was_written_is_read_again(tmp_path):
    refused = _event(Action.REFUSED, "v2", why="trained", reasons=("too few trades",))
    change_aliases(tmp_path, lambda _old: _event(Action.PROMOTED, "v1"))
    change_aliases(tmp_path, lambda _old: refused)
    aliases = read_aliases(tmp_path)
    assert aliases.champion == "v1"
    assert aliases.history[-1] == refused
    assert aliases.reasons_against("v2") == ("too few trades",)
    assert aliases.reasons_against("v1") == ()


def test_writers_at_once_lose_none_of_their_events(tmp_path):
    def register(number: int) -> None:
        change_aliases(tmp_path, lambda _old: _event(Action.REGISTERED, f"v{number}"))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(register, range(40)))
    assert {event.version for event in read_aliases(tmp_path).history} == {
        f"v{number}" for number in range(40)
    }


def test_nothing_is_left_of_a_write_that_failed(tmp_path, monkeypatch):
    change_aliases(tmp_path, lambda _old: _event(Action.PROMOTED, "v1"))
    before = sorted(tmp_path.iterdir())

    def refuse(*_arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", refuse)
    with pytest.raises(OSError, match="No space left"):
        change_aliases(tmp_path, lambda _old: _event(Action.PROMOTED, "v2"))
    assert sorted(tmp_path.iterdir()) == before
    assert read_aliases(tmp_path).champion == "v1"


def test_a_damaged_file_is_named(tmp_path):
    (tmp_path / "aliases.json").write_text('{"champion": 3')
    with pytest.raises(ModelError, match=r"aliases\.json does not hold the aliases"):
        read_aliases(tmp_path)


def test_a_promoted_challenger_challenges_no_more():
    aliases = _after(
        (Action.PROMOTED, "a"),
        (Action.CHALLENGED, "b"),
        (Action.CHALLENGED, "c"),
        (Action.PROMOTED, "b"),
    )
    assert (aliases.champion, aliases.challengers) == ("b", ("c",))


def test_a_withdrawn_challenger_is_gone():
    aliases = _after((Action.CHALLENGED, "b"), (Action.WITHDRAWN, "b"))
    assert aliases.challengers == ()


def test_rolling_back_twice_goes_back_two_champions():
    three = _after(*((Action.PROMOTED, version) for version in "abc"))
    assert three.earlier_champions == ("b", "a")
    back = three.after(_event(Action.ROLLED_BACK, "b"))
    assert (back.champion, back.earlier_champions) == ("b", ("a",))
    further = back.after(_event(Action.ROLLED_BACK, "a"))
    assert (further.champion, further.earlier_champions) == ("a", ())


def test_a_version_promoted_again_is_remembered_once():
    aliases = _after(*((Action.PROMOTED, version) for version in "aba"))
    assert aliases.earlier_champions == ("b",)


@given(st.lists(st.tuples(st.sampled_from(list(Action)), st.sampled_from("abcd")), max_size=30))
def test_the_champion_is_neither_challenger_nor_earlier_champion(steps):
    aliases = Aliases()
    for action, version in steps:
        if action is Action.ROLLED_BACK and version not in aliases.earlier_champions:
            continue
        if action is Action.CHALLENGED and version == aliases.champion:
            continue
        aliases = aliases.after(_event(action, version))
        assert aliases.champion not in aliases.challengers
        assert aliases.champion not in aliases.earlier_champions
        assert len(set(aliases.challengers)) == len(aliases.challengers)
