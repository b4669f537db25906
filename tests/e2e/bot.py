"""The real Hummingbot in a home of its own, driven by its own command line."""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tools.hummingbot_home import HummingbotHome

COMMAND_TIMEOUT_S = 240


@dataclass(frozen=True, slots=True)
class Bot:
    """One Hummingbot installation; `environment` is added to this process's."""

    home: HummingbotHome
    environment: Mapping[str, str]

    async def connect(self, connector: str, keys: Mapping[str, str]) -> None:
        """Store API keys, encrypted with the keystore's password."""
        await self._command("connect", connector, "--keys-stdin", stdin=json.dumps(dict(keys)))

    async def start(self, config: str) -> None:
        """Start the bot in the background; return when its strategy runs."""
        await self._command("start", config, "--timeout", str(COMMAND_TIMEOUT_S))

    async def stop(self) -> None:
        """Ask the bot to stop and wait until it has."""
        await self._command("stop", "--timeout", "120")

    async def status(self) -> str:
        """Return what `status` prints."""
        return await self._command("status")

    def kill(self) -> None:
        """End the bot at once if it still runs; return when it is gone."""
        with suppress(OSError, ValueError):
            pid = int((self.home.data / "bot" / "bot.pid").read_text())
            os.kill(pid, signal.SIGKILL)
            while _runs(pid):
                time.sleep(0.01)

    def log(self) -> str:
        """Return the end of the bot's log, to explain a failure."""
        texts = [
            path.read_text(errors="replace")[-6000:]
            for path in sorted(self.home.logs.glob("*.log"))
        ]
        return "\n".join(texts)

    async def _command(self, *arguments: str, stdin: str = "") -> str:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "hummingbot.cli.main",
            *arguments,
            cwd=self.home.path,
            env={**os.environ, **self.environment, "HBOT_PASSWORD": "e2e"},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        async with asyncio.timeout(COMMAND_TIMEOUT_S + 30):
            output, _ = await process.communicate(stdin.encode())
        text = output.decode(errors="replace")
        if process.returncode != 0:
            raise AssertionError(f"{' '.join(arguments)} failed:\n{text}\n{self.log()}")
        return text


def _runs(pid: int) -> bool:
    """Whether a process still works; a killed one that nobody has waited for does not."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


async def write_config(path: Path, settings: Mapping[str, object]) -> None:
    """Write a script's settings; JSON is YAML too."""
    await asyncio.to_thread(path.write_text, json.dumps(dict(settings)))
