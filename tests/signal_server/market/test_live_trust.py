"""What a connection vouches for, and what lies outside of that."""

from signal_server.market.live_trust import StreamTrust
from signal_server.market.spans import Spans

NONE = Spans()


def trust(last: int | None = 100) -> StreamTrust:
    return StreamTrust({"BTC-USD": last, "ETH-USD": last}, 60)


def test_what_passed_since_the_newest_stored_bar_was_missed() -> None:
    one = trust()
    assert one.begin("BTC-USD", 110) == (100, 110)
    assert one.begin("BTC-USD", 111) is None
    assert one.trusted == ["BTC-USD"]
    assert trust(None).begin("BTC-USD", 110) is None


def test_a_step_at_which_no_symbol_had_a_bar_is_told_once() -> None:
    one = trust()
    one.begin("BTC-USD", 110)
    assert one.advance(111) is None
    assert one.advance(111) is None
    assert one.advance(114) == (111, 113)
    assert one.advance(113) is None
    assert one.advance(115) is None


def test_after_a_connection_its_newest_bars_count_as_missed_too() -> None:
    one = trust()
    one.begin("BTC-USD", 110)
    for number in range(111, 121):
        one.advance(number)
    one.end()
    assert not one.is_trusted("BTC-USD")
    assert one.begin("BTC-USD", 125) == (119, 125)


def test_what_is_missed_without_a_connection_is_told_bit_by_bit() -> None:
    one = trust()
    assert one.missed_until("BTC-USD", 105) == (100, 105)
    assert one.missed_until("BTC-USD", 105) is None
    assert one.begin("BTC-USD", 107) == (105, 107)
    assert one.missed_until("BTC-USD", 120) is None


def test_the_stream_vouches_for_whole_bars_up_to_where_it_has_gone_on() -> None:
    one = trust()
    one.begin("BTC-USD", 110)
    assert one.vouched("BTC-USD", NONE) == []
    one.advance(120)
    # The bar 111 was under way when trust began, and 120 is too new.
    assert one.vouched("BTC-USD", NONE) == [(111, 119)]
    one.advance(130)
    assert one.vouched("BTC-USD", Spans([(121, 123)])) == [(119, 121), (123, 129)]
    one.end()
    assert one.vouched("BTC-USD", NONE) == [(121, 123)]
    assert one.vouched("ETH-USD", NONE) == []
