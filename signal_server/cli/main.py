"""The `signal-server` command: finds each sub-command when it is asked for, and ends in words."""

import errno
import importlib
import os
import sys
from pathlib import Path

import click

from signal_server import __version__
from signal_server.cli.session import Session
from signal_server.core.errors import SignalServerError

INTERRUPTED = 130
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Commands(click.Group):
    """Sub-commands that live in modules of their own, imported when used.

    Heavy imports stay inside the commands' functions, so that `--help` is quick.
    """

    names = (
        "symbols",
        "backfill",
        "import",
        "data",
        "features",
        "audit",
        "train",
        "tune",
        "walk-forward",
        "models",
        "predict",
        "backtest",
        "serve",
        "signals",
        "drift",
        "trades",
        "positions",
        "control",
    )

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the commands in the order in which they are used."""
        return list(self.names)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import the command's module and return its `command`; None if there is none."""
        if cmd_name not in self.names:
            return None
        module = {"import": "import_files", "walk-forward": "walkforward"}.get(cmd_name, cmd_name)
        command = importlib.import_module(f"signal_server.cli.{module}").command
        return command if isinstance(command, click.Command) else None


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    default=Path("conf/signal_server.yml"),
    show_default=True,
    help="Settings file; SIGNAL_SERVER_… in the environment overrides it.",
)
@click.pass_context
def signal_server(context: click.Context, config: Path) -> None:
    """Calibrated trading signals from Polygon.io crypto bars, over gRPC.

    In this order: backfill (or import) bars, train a model, backtest it, serve it; then look at
    signals and trades.
    """
    context.obj = Session(config)


def main() -> None:
    """Run the command line; end with an error's exit code and its one sentence."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command; return its exit code."""
    try:
        signal_server.main(arguments, prog_name="signal-server", standalone_mode=False)
    except SignalServerError as error:
        return _fail(str(error), error.exit_code)
    except click.exceptions.Exit as ended:
        return ended.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except BrokenPipeError:
        # The reader (`| head`) has left; say nothing at the interpreter's last flush either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        advice = "make room" if error.errno in NO_ROOM else "make it accessible"
        return _fail(f"{where}{error.strerror or error}; {advice} and try again", 1)
    return 0


def _fail(sentence: str, exit_code: int) -> int:
    click.secho(sentence, fg="red", err=True)
    return exit_code
