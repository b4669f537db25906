"""`signal-server control`: what the bots may do, ordered and watched."""

import asyncio
import getpass
import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from signal_server.cli.session import Session, pass_session

if TYPE_CHECKING:
    import grpc

    from hummingbot_scripts.ml_signals.pb import signals_pb2 as pb

DEADLINE_S = 10.0

_ADDRESS = click.option("--address", help="host:port of the server; from the settings by default.")


@click.group(name="control")
def command() -> None:
    """Say what the bots may do: pause, resume, stop entries, flatten.

    Asks the running server, which keeps the order and tells every bot that listens at once; a
    bot that is away obeys when it is back. The exits of positions work in every mode.
    """


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def _ordering(name: str, mode: str, what: str) -> None:
    @command.command(name=name, help=f"{what}, until the next order.")
    @click.option("--why", required=True, help="Stands in the log and on the bots' status pages.")
    @click.option("--bot", default="", help="Only this bot; without it, every bot.")
    @click.option("--who", default=_login, show_default="your login name", help="Who orders it.")
    @_ADDRESS
    @pass_session
    def order(session: Session, why: str, bot: str, who: str, address: str | None) -> None:
        from hummingbot_scripts.ml_signals.pb import signals_pb2 as pb
        from signal_server.cli.control_screen import reception, sentence

        wanted = pb.SetControlRequest(
            bot_id=bot, mode=pb.ControlMode.Value(f"CONTROL_MODE_{mode}"), who=who, why=why
        )
        stored, bots = _ask(
            session, address, lambda stub: (_call(stub.SetControl, wanted), _bots(stub))
        )
        click.echo(sentence(stored))
        click.echo(reception(bot, bots))


_ordering("pause", "PAUSE", "Act on no signal; exits go on")
_ordering("resume", "RUN", "Trade again, and take the account as it is where it differed")
_ordering("stop-entries", "STOP_ENTRIES", "Open nothing; DOWN still closes, exits go on")
_ordering("flatten", "FLATTEN", "Close every position and open nothing")


@command.command(name="show")
@click.option("--bot", default="", help="Only this bot.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array, one object a bot.")
@_ADDRESS
@pass_session
def show(session: Session, bot: str, as_json: bool, address: str | None) -> None:
    """Show which bots are known, whether they listen, and what holds for each."""
    from signal_server.cli.control_screen import health_line, jsonable, sentence, table
    from signal_server.cli.screen import make_console

    newest, bots, health = _ask(
        session, address, lambda stub: (_newest(stub, bot), _bots(stub), _health(stub))
    )
    listed = [each for each in bots if bot in ("", each.bot_id)]
    if as_json:
        click.echo(json.dumps([jsonable(each) for each in listed], indent=2))
        return
    click.echo(sentence(newest))
    if listed:
        make_console().print(table(listed))
    else:
        click.echo(f"{bot} was never heard of." if bot else "No bot was heard of yet.")
    click.echo(health_line(health))


@command.command(name="watch")
@click.option("--bot", default="", help="What holds for this bot; without it, for any.")
@click.option("--count", type=click.IntRange(min=1), help="End after so many lines.")
@_ADDRESS
@pass_session
def watch(session: Session, bot: str, count: int | None, address: str | None) -> None:
    """Print what holds now and every order as it is given, until Ctrl-C."""
    serving = session.settings.serving
    target = address or f"{serving.host}:{serving.port}"
    asyncio.run(_print_orders(target, bot, count, serving.heartbeat_s))


async def _print_orders(target: str, bot: str, count: int | None, heartbeat_s: float) -> None:
    from contextlib import aclosing

    from hummingbot_scripts.ml_signals.pb import signals_pb2 as pb
    from hummingbot_scripts.ml_signals.pb import signals_pb2_grpc as rpc
    from signal_server.cli.control_screen import sentence
    from signal_server.cli.stream import messages

    def listen(channel: "grpc.aio.Channel") -> Any:
        return rpc.TradingServiceStub(channel).WatchControl(pb.WatchControlRequest(bot_id=bot))

    stream = messages(target, listen, heartbeat_s)
    shown: list[int] = []
    async with aclosing(stream):
        async for message in stream:
            if message.control.revision in shown[-1:]:
                continue
            shown.append(message.control.revision)
            click.echo(sentence(message.control))
            if len(shown) == count:
                return


def _ask[T](session: Session, address: str | None, ask: Callable[[Any], T]) -> T:
    """Return what `ask` gets of the trading service; raise `ServerError` in words."""
    import grpc

    from hummingbot_scripts.ml_signals.pb import signals_pb2_grpc as rpc
    from signal_server.core.errors import ServerError

    serving = session.settings.serving
    target = address or f"{serving.host}:{serving.port}"
    with grpc.insecure_channel(target) as channel:
        try:
            return ask(rpc.TradingServiceStub(channel))
        except grpc.RpcError as error:
            if isinstance(error, grpc.Call) and not _is_unreached(error):
                raise ServerError(f"{target} answers: {error.details()}") from None
            raise ServerError(
                f"no server answers at {target}; start it with `signal-server serve` or set "
                "--address, or put the word pause or flatten into the bot's own "
                "data/ml_signals_<bot_id>.control"
            ) from None


def _is_unreached(error: "grpc.Call") -> bool:
    # The server says UNAVAILABLE too, of a trade log that it cannot write.
    refused = str(error.details()).startswith("failed to connect")
    return error.code().name == "DEADLINE_EXCEEDED" or refused


def _call(method: Callable[..., Any], request: Any) -> Any:
    return method(request, timeout=DEADLINE_S)


def _newest(stub: Any, bot: str) -> "pb.Control":
    from hummingbot_scripts.ml_signals.pb import signals_pb2 as pb

    newest: pb.Control = _call(stub.GetControl, pb.GetControlRequest(bot_id=bot))
    return newest


def _bots(stub: Any) -> "Sequence[pb.Bot]":
    from hummingbot_scripts.ml_signals.pb import signals_pb2 as pb

    bots: Sequence[pb.Bot] = _call(stub.ListBots, pb.ListBotsRequest()).bots
    return bots


def _health(stub: Any) -> "pb.ModelHealth | None":
    """Return how the model does, None while none predicts."""
    from hummingbot_scripts.ml_signals.pb import signals_pb2 as pb

    stream = _call(stub.WatchControl, pb.WatchControlRequest())
    message: pb.WatchControlResponse = next(stream)
    stream.cancel()
    return message.health if message.HasField("health") else None
