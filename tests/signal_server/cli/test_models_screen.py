"""The list of models fits the screen, and a damaged file hides no version."""

from io import StringIO

from rich.console import Console

from signal_server.cli.main import run
from signal_server.cli.models_screen import WIDE, list_table
from signal_server.training.aliases import Aliases
from signal_server.training.registry import Entry

VERSION = "20260102T120000Z-5ad9d92a"
DAMAGED = Entry("direction-15m", VERSION, None, "data/models/it is damaged; train it again")


def _printed(width: int, aliases: dict[str, Aliases]) -> str:
    console = Console(width=width, file=StringIO())
    console.print(list_table([DAMAGED], aliases, width))
    found = console.file
    assert isinstance(found, StringIO)
    return found.getvalue()


def test_a_version_is_whole_on_a_narrow_screen() -> None:
    for width in (80, WIDE - 1, WIDE, 200):
        lines = _printed(width, {"direction-15m": Aliases(champion=VERSION)}).splitlines()
        assert max(map(len, lines)) <= width
        assert any(VERSION in line for line in lines)
        assert any("champion" in line for line in lines)


def test_versions_are_listed_though_their_parts_cannot_be_read(config, tmp_path, capsys) -> None:
    folder = tmp_path / "data" / "models" / "direction-15m"
    (folder / VERSION).mkdir(parents=True)
    (folder / VERSION / "manifest.json").write_text("{}")
    (folder / "aliases.json").write_text("{")
    assert run(["--config", str(config), "models", "list"]) == 1
    told = capsys.readouterr()
    assert VERSION in told.out
    assert "unknown" in told.out
    assert "aliases.json does not hold" in told.err
