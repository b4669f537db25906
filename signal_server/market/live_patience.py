"""How long the live stream waits for what."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LivePatience:
    """Seconds, unless the name says otherwise.

    A connection must be open after `open_s` and subscribed after `connect_s`, and counts as dead
    when nothing was heard for three bars and `idle_slack_s`, or longer in a quiet market. Live bars
    wait `hold_s` at most for the bars missing before them. REST is asked again after `retry_s`,
    doubled up to `longest_retry_s`; a bar that it lacks is asked for once more after `rest_lag_s`.
    What is merely doubtful is asked for together, every `doubt_s` or `doubt_bars`, whatever is
    longer. While the stream is down, REST is asked every `poll_s` or every bar.
    """

    open_s: float = 5.0
    connect_s: float = 15.0
    idle_slack_s: float = 10.0
    longest_idle_s: float = 900.0
    shortest_backoff_s: float = 0.5
    longest_backoff_s: float = 30.0
    attempts_per_minute: int = 20
    hold_s: float = 3.0
    retry_s: float = 1.0
    longest_retry_s: float = 60.0
    rest_lag_s: float = 5.0
    doubt_s: float = 30.0
    doubt_bars: int = 10
    poll_s: float = 15.0
    cover_s: float = 60.0
    tick_s: float = 0.1
