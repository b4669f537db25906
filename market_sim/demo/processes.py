"""Child processes of the demo: started, watched, measured and always ended."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

STOP_GRACE_S = 20.0


class DemoError(Exception):
    """A stage of the demo failed; the text says which and where to look."""


@dataclass(slots=True)
class Child:
    """A background process with a log file; `peak_memory_bytes` is the highest seen."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    peak_memory_bytes: int = 0

    def check(self) -> None:
        """Raise `DemoError` with the log's last lines if the process has ended."""
        if self.process.poll() is not None:
            raise DemoError(
                f"{self.name} ended with exit code {self.process.returncode}; "
                f"the end of {self.log}:\n{tail(self.log)}"
            )

    def stop(self) -> None:
        """End the process: ask first, then kill."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_GRACE_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


@dataclass(slots=True)
class Children:
    """All background processes of a run; leaving the context ends them, newest first."""

    folder: Path
    environment: Mapping[str, str]
    running: list[Child] = field(default_factory=list)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for child in reversed(self.running):
            child.stop()

    def start(self, name: str, command: Sequence[str]) -> Child:
        """Start `command` in the background, its output in `<folder>/<name>.log`."""
        log = self.folder / f"{name}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(  # noqa: S603
                command, stdout=output, stderr=subprocess.STDOUT, env=dict(self.environment)
            )
        child = Child(name, process, log)
        self.running.append(child)
        return child

    def measure(self) -> None:
        """Note each process's peak memory so far."""
        for child in self.running:
            child.peak_memory_bytes = max(
                child.peak_memory_bytes, peak_memory_bytes(child.process.pid)
            )


def peak_memory_bytes(pid: int) -> int:
    """Return the process's peak resident memory as the kernel counts it; 0 if it has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return 0
    for line in status.splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def wait_for_json(path: Path, child: Child, timeout_s: float) -> dict[str, Any]:
    """Return what the child writes to its ready file; raise `DemoError` if it ends or stalls."""

    def read() -> dict[str, Any] | None:
        child.check()
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None

    found = wait_for(read, timeout_s)
    if found is None:
        raise DemoError(f"{child.name} was not ready in {timeout_s:.0f} s; see {child.log}")
    return found


def wait_for[T](probe: Callable[[], T | None], timeout_s: float, every_s: float = 0.2) -> T | None:
    """Call `probe` until it returns something or the time is over (then None)."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        found = probe()
        if found is not None:
            return found
        time.sleep(every_s)
    return None


def run(name: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
    """Run one stage on the terminal; raise `DemoError` if it fails."""
    code = subprocess.run(command, env=dict(environment), check=False).returncode  # noqa: S603
    if code != 0:
        raise DemoError(f"{name} failed with exit code {code}; its message is above")


def inherited_environment(**extra: str) -> dict[str, str]:
    """Return the environment without `SIGNAL_SERVER_*`: a run depends on its files alone."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("SIGNAL_SERVER_")}
    return kept | extra


def tail(path: Path, lines: int = 15) -> str:
    """Return the last lines of a log."""
    if not path.exists():
        return "(nothing)"
    return "\n".join(path.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
