"""How much memory the bot's processes took, run by run."""

from dataclasses import dataclass, field

MIB = 1024 * 1024


@dataclass(slots=True)
class Memory:
    """Resident bytes as they were seen: the first and the newest of each process, and the most."""

    first: dict[int, int] = field(default_factory=dict)
    newest: dict[int, int] = field(default_factory=dict)
    most: int = 0

    def note(self, pid: int, resident: int) -> None:
        """Take down what a process has now."""
        self.first.setdefault(pid, resident)
        self.newest[pid] = resident
        self.most = max(self.most, resident)

    @property
    def start_mib(self) -> float:
        """What the first process had at first."""
        return next(iter(self.first.values()), 0) / MIB

    @property
    def end_mib(self) -> float:
        """What the last process had at last."""
        return next(reversed(self.newest.values()), 0) / MIB

    @property
    def peak_mib(self) -> float:
        """The most that any process had."""
        return self.most / MIB
