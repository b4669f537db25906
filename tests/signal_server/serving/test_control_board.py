import asyncio
from dataclasses import replace

import pytest

from signal_server.journal.control import ControlMode, ControlOrder
from signal_server.serving.control_board import ControlBoard
from signal_server.serving.hub import SubscriptionEndedError, TooManyStreamsError
from tests.signal_server.journal.records import NOON

PAUSE = ControlOrder(ControlMode.PAUSE, "", "ada", "odd", NOON, revision=1)


def test_nothing_holds_at_first() -> None:
    assert ControlBoard().holds("bot") is None


def test_the_greatest_revision_for_a_bot_or_for_all_holds() -> None:
    mine = replace(PAUSE, bot_id="mine", mode=ControlMode.RUN, revision=2)
    board = ControlBoard([PAUSE, mine])
    assert (board.holds("mine"), board.holds("other"), board.holds("")) == (mine, PAUSE, mine)
    for_all = replace(PAUSE, revision=3)
    board.take(for_all)
    assert board.holds("mine") == board.holds("") == for_all


def test_an_older_order_that_comes_late_changes_nothing() -> None:
    newer = replace(PAUSE, revision=2)
    board = ControlBoard([newer])
    board.take(PAUSE)
    assert board.holds("bot") == newer


async def test_a_watcher_that_was_away_finds_only_what_holds_now() -> None:
    board = ControlBoard()
    with board.watch("bot", "peer") as watch:
        for revision in range(1, 1000):
            board.take(replace(PAUSE, revision=revision))
        await watch.wait(10)
        assert board.holds("bot") == replace(PAUSE, revision=999)
        await watch.wait(0)


async def test_a_watcher_ends_with_the_reason() -> None:
    board = ControlBoard()
    with board.watch("bot", "peer") as watch:
        waiting = asyncio.create_task(watch.wait(10))
        await asyncio.sleep(0)
        board.close("the server is stopping")
        with pytest.raises(SubscriptionEndedError, match="is stopping"):
            await waiting
    with board.watch("late", "peer") as watch, pytest.raises(SubscriptionEndedError):
        await watch.wait(10)


def test_a_peer_watches_so_often_and_no_more() -> None:
    board = ControlBoard(max_watchers_per_peer=1)
    with board.watch("a", "peer"), board.watch("b", "another"):
        assert board.watching == {"a", "b"}
        with pytest.raises(TooManyStreamsError, match="close some"), board.watch("c", "peer"):
            pass
    with board.watch("c", "peer"):
        assert board.watching == {"c"}


def test_bots_with_an_order_of_their_own_are_known() -> None:
    assert ControlBoard([PAUSE, replace(PAUSE, bot_id="a", revision=2)]).named == {"a"}
