"""The real Hummingbot in a home of its own, driven by its own command line."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tools.hummingbot_home import HummingbotHome

COMMAND_TIMEOUT_S = 240
STOP_TIMEOUT_S = 120
_PASSWORD = {"HBOT_PASSWORD": "trial"}
_NEWEST = 6000


class BotFailedError(Exception):
    """A command of the bot failed; the text has its output and the end of the bot's log."""


@dataclass(slots=True)
class Bot:
    """One Hummingbot installation; `environment` is added to this process's."""

    home: HummingbotHome
    environment: Mapping[str, str]
    _engine: asyncio.subprocess.Process | None = field(default=None, init=False)

    async def connect(self, connector: str, keys: Mapping[str, str]) -> None:
        """Store API keys, encrypted with the keystore's password."""
        await self._command("connect", connector, "--keys-stdin", stdin=json.dumps(dict(keys)))

    async def start(self, config: str) -> None:
        """Start the bot in the background; return when its strategy runs."""
        await self._command("start", config, "--timeout", str(COMMAND_TIMEOUT_S))

    async def launch(self, config: str) -> None:
        """Start the bot in the foreground of its own process; return at once."""
        with (self.home.logs / "engine.out").open("ab") as out:
            self._engine = await asyncio.create_subprocess_exec(
                *self._line("start", config, "--foreground"),
                cwd=self.home.path,
                env=self._environment(),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=out,
                stderr=out,
            )

    async def stop(self) -> None:
        """Ask the bot to stop and wait until it has."""
        if self._engine is None:
            await self._command("stop", "--timeout", str(STOP_TIMEOUT_S))
            return
        with suppress(ProcessLookupError):
            self._engine.send_signal(signal.SIGTERM)
        async with asyncio.timeout(STOP_TIMEOUT_S):
            await self._engine.wait()

    async def status(self) -> str:
        """Return what `status` prints."""
        return await self._command("status")

    @property
    def pid(self) -> int | None:
        """The engine's process, None while there is none."""
        if self._engine is not None:
            return self._engine.pid if self._engine.returncode is None else None
        with suppress(OSError, ValueError):
            return int((self.home.data / "bot" / "bot.pid").read_text())
        return None

    def kill(self) -> None:
        """End the bot with kill -9, if it runs."""
        pid = self.pid
        if pid is not None:
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)

    async def gone(self) -> None:
        """Wait until the launched bot's process has ended."""
        if self._engine is not None:
            await self._engine.wait()

    def log(self) -> str:
        """Return the end of the bot's log, to explain a failure."""
        paths = [*sorted(self.home.logs.glob("logs_*.log")), self.home.logs / "engine.out"]
        texts = [path.read_text(errors="replace")[-_NEWEST:] for path in paths if path.exists()]
        return "\n".join(texts)

    def _line(self, *arguments: str) -> tuple[str, ...]:
        return (sys.executable, "-m", "hummingbot.cli.main", *arguments)

    def _environment(self) -> dict[str, str]:
        return {**os.environ, **self.environment, **_PASSWORD}

    async def _command(self, *arguments: str, stdin: str = "") -> str:
        process = await asyncio.create_subprocess_exec(
            *self._line(*arguments),
            cwd=self.home.path,
            env=self._environment(),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        async with asyncio.timeout(COMMAND_TIMEOUT_S + 30):
            output, _ = await process.communicate(stdin.encode())
        text = output.decode(errors="replace")
        if process.returncode != 0:
            raise BotFailedError(f"{' '.join(arguments)} failed:\n{text}\n{self.log()}")
        return text


async def write_config(path: Path, settings: Mapping[str, object]) -> None:
    """Write a script's settings; JSON is YAML too."""
    await asyncio.to_thread(path.write_text, json.dumps(dict(settings)))
