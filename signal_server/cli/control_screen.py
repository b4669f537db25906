"""Control orders and the bots that they are for, in words, as a table and as JSON."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hummingbot_scripts.ml_signals.pb import signals_pb2 as pb
from signal_server.serving.wire import from_timestamp

if TYPE_CHECKING:
    from google.protobuf.timestamp_pb2 import Timestamp
    from rich.table import Table

_MEANINGS = {
    "run": "trade",
    "stop-entries": "open nothing; DOWN still closes",
    "pause": "act on no signal",
    "flatten": "close every position, open nothing",
}
_COLOURS = {"run": "green", "stop-entries": "yellow", "pause": "yellow", "flatten": "red"}


def sentence(control: pb.Control) -> str:
    """Say what was ordered, for whom, by whom, when and why."""
    if not control.revision:
        return "Nothing was ordered yet: the bots trade."
    word = _word(control)
    return (
        f"{control.bot_id or 'every bot'}: {word} ({_MEANINGS[word]})\n"
        f"  ordered by {control.who} at {_when(control.set_at)} UTC, "
        f"order {control.revision}: {control.why}"
    )


def reception(bot_id: str, bots: Sequence[pb.Bot]) -> str:
    """Say which bots have an order for `bot_id` (empty: all) already, and when the others will."""
    meant = [bot for bot in bots if bot_id in ("", bot.bot_id)]
    strangers = [bot for bot in meant if not bot.watching and not bot.HasField("last_report_at")]
    if bot_id and strangers:
        known = ", ".join(bot.bot_id for bot in bots if bot not in strangers) or "none"
        return (
            f"  {bot_id} was never heard of; is that its bot_id? Known: {known}.\n"
            "  The order waits for it."
        )
    if not meant:
        return "  No bot was heard of yet; each obeys as soon as it connects."
    return "\n".join(f"  {bot.bot_id} {_notice(bot)}" for bot in meant)


def table(bots: Sequence[pb.Bot]) -> "Table":
    """Return a row a bot: whether it listens and what holds for it."""
    from rich.markup import escape
    from rich.table import Table

    made = Table(title="Bots")
    for name in ("bot", "listens", "last report (UTC)", "may", "since (UTC)", "ordered by", "why"):
        made.add_column(name, overflow="fold")
    for bot in bots:
        word, control = _word(bot.control), bot.control
        made.add_row(
            escape(bot.bot_id),
            "[green]yes[/]" if bot.watching else "[red]no[/]",
            _when(bot.last_report_at) if bot.HasField("last_report_at") else "never",
            f"[{_COLOURS[word]}]{word}[/]",
            _when(control.set_at) if control.revision else "",
            escape(control.who),
            escape(control.why),
        )
    return made


def health_line(health: pb.ModelHealth | None) -> str:
    """Say how the serving model does on live bars."""
    if health is None:
        return "No model predicts now."
    name = f"Model {health.model_id} {health.model_version}"
    right = (
        f"right in {health.accuracy:.1%} of its newest {health.known_outcomes} known outcomes"
        if health.known_outcomes
        else "no outcome known yet"
    )
    word = "halt" if health.drift_halt else "warning"
    drift = f"; drift {word}: {health.drift_reason}" if health.drift_reason else ""
    return f"{name}: {right}{drift}."


def jsonable(bot: pb.Bot) -> dict[str, Any]:
    """Return a bot and what holds for it."""
    control = bot.control
    reported = bot.HasField("last_report_at")
    return {
        "bot_id": bot.bot_id,
        "watching": bot.watching,
        "last_report_at": _iso(bot.last_report_at) if reported else None,
        "mode": _word(control),
        "revision": control.revision,
        "for_bot": control.bot_id,
        "who": control.who,
        "why": control.why,
        "set_at": _iso(control.set_at) if control.revision else None,
    }


def _word(control: pb.Control) -> str:
    if not control.revision:
        return "run"
    return pb.ControlMode.Name(control.mode)[len("CONTROL_MODE_") :].lower().replace("_", "-")


def _notice(bot: pb.Bot) -> str:
    if bot.watching:
        return "listens: it has the order now and obeys within a second or two"
    heard = _when(bot.last_report_at) if bot.HasField("last_report_at") else ""
    since = f", its last report came {heard} UTC" if heard else ""
    return f"is away{since}: it obeys when it is back"


def _when(stamp: "Timestamp") -> str:
    return f"{from_timestamp(stamp):%Y-%m-%d %H:%M:%S}"


def _iso(stamp: "Timestamp") -> str:
    return from_timestamp(stamp).isoformat()
