"""A consumer's process: started, killed, stopped, and its diary read."""

import asyncio
import signal
import sys
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from market_sim.data_soak.audit import LifeAudit
from market_sim.data_soak.consumer import ConsumerWish
from market_sim.data_soak.diary import DiaryReader, delivered

_STOP_S = 60.0
_LOG_CHARS = 3000


@dataclass(slots=True)
class Life:
    """A running consumer. `began` is set once it has its history and listens."""

    process: asyncio.subprocess.Process
    log: Path
    audit: LifeAudit
    reader: DiaryReader
    listening: bool = False
    resident: list[int] = field(default_factory=list)

    @property
    def ended(self) -> bool:
        """Whether the process is gone."""
        return self.process.returncode is not None

    def look(self) -> None:
        """Judge what has been delivered since the last look, and note the memory."""
        for what, value in self.reader.entries():
            if what == "bars":
                self.audit.take(delivered(value))
            elif what == "pause_s":
                self.audit.paused()
            elif what == "filled":
                self.audit.given = value
                self.listening = True
        if not self.ended:
            try:
                self.resident.append(psutil.Process(self.process.pid).memory_info().rss)
            except psutil.Error:
                return

    async def end(self, number: signal.Signals) -> None:
        """End the process by a signal, and judge all that it was given."""
        if not self.ended:
            self.process.send_signal(number)
        try:
            async with asyncio.timeout(_STOP_S):
                await self.process.wait()
        except TimeoutError:
            self.audit.problems.append(f"the consumer did not stop within {_STOP_S:.0f} s")
            self.process.kill()
            await self.process.wait()
        self.look()

    def last_words(self) -> str:
        """Return the end of its log."""
        return self.log.read_text(errors="replace")[-_LOG_CHARS:]


async def begin(wish: ConsumerWish, folder: Path, number: int, audit: LifeAudit) -> Life:
    """Start a consumer; its files are in `folder`."""
    wishes, log = folder / f"life-{number}.json", folder / f"life-{number}.log"
    wish.write(wishes)
    with log.open("wb") as file:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "market_sim.data_soak.consumer", str(wishes)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=file,
            stderr=file,
        )
    return Life(process, log, audit, DiaryReader(Path(wish.diary)))
