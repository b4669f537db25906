"""`signal-server control`: what the bots may do, ordered and watched."""

import getpass
from typing import TYPE_CHECKING, Any

import click

from signal_server.cli.session import Session, pass_session

if TYPE_CHECKING:
    from hummingbot_scripts.ml_signals.pb import signals_pb2 as pb

_DEADLINE_S = 10.0
_WORDS = {
    "run": "trade",
    "stop-entries": "open nothing; DOWN still closes",
    "pause": "act on no signal",
    "flatten": "close every position, open nothing",
}


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


@click.group(name="control")
def command() -> None:
    """Say what the bots may do: pause, resume, stop entries, flatten.

    Asks the running server, which tells every bot at once; a bot that is away obeys when it
    is back. The exits of positions work in every mode.
    """


def _ordering(name: str, mode: str, what: str) -> None:
    @command.command(name=name, help=f"{what}, until the next order.")
    @click.option("--why", required=True, help="Stands in the log and on the bots' status pages.")
    @click.option("--bot", default="", help="Only this bot; without it, every bot.")
    @click.option("--who", default=_login, show_default="your login name", help="Who orders it.")
    @pass_session
    def order(session: Session, why: str, bot: str, who: str) -> None:
        from hummingbot_scripts.ml_signals.pb import signals_pb2 as pb

        wanted = pb.SetControlRequest(
            bot_id=bot, mode=pb.ControlMode.Value(f"CONTROL_MODE_{mode}"), who=who, why=why
        )
        _show(_ask(session, "SetControl", wanted))


_ordering("pause", "PAUSE", "Act on no signal; exits go on")
_ordering("resume", "RUN", "Trade again, and take the account as it is where it differed")
_ordering("stop-entries", "STOP_ENTRIES", "Open nothing; DOWN still closes, exits go on")
_ordering("flatten", "FLATTEN", "Close every position and open nothing")


@command.command(name="show")
@click.option("--bot", default="", help="What holds for this bot.")
@pass_session
def show(session: Session, bot: str) -> None:
    """Show what was ordered last."""
    from hummingbot_scripts.ml_signals.pb import signals_pb2 as pb

    _show(_ask(session, "GetControl", pb.GetControlRequest(bot_id=bot)))


def _ask(session: Session, method: str, request: Any) -> Any:
    import grpc

    from hummingbot_scripts.ml_signals.pb import signals_pb2_grpc as rpc
    from signal_server.core.errors import ServerError

    serving = session.settings.serving
    address = f"{serving.host}:{serving.port}"
    with grpc.insecure_channel(address) as channel:
        try:
            return getattr(rpc.TradingServiceStub(channel), method)(request, timeout=_DEADLINE_S)
        except grpc.RpcError as error:
            known = isinstance(error, grpc.Call)
            if known and error.code() is grpc.StatusCode.INVALID_ARGUMENT:
                raise ServerError(str(error.details())) from None
            raise ServerError(
                f"no server answers at {address}; start it with `signal-server serve`, or put "
                "the word pause into the bot's own data/ml_signals_<bot_id>.control"
            ) from None


def _show(control: "pb.Control") -> None:
    from hummingbot_scripts.ml_signals.pb import signals_pb2 as pb

    if not control.revision:
        click.echo("Nothing was ordered yet: the bots trade.")
        return
    word = pb.ControlMode.Name(control.mode).removeprefix("CONTROL_MODE_")
    word = word.lower().replace("_", "-")
    whom = control.bot_id or "every bot"
    click.echo(f"{whom}: {word} ({_WORDS[word]})")
    click.echo(
        f"ordered by {control.who} at {control.set_at.ToDatetime():%Y-%m-%d %H:%M:%S} UTC, "
        f"order {control.revision}: {control.why}"
    )
