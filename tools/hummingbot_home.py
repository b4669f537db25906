"""Build a folder that Hummingbot takes for its installation: package, scripts, conf, data, logs.

Hummingbot looks for its configuration beside its own package, so the package has to be in the
home; files are hard-linked from the environment, which costs no disk. Settings in `conf/` are
copied once and then belong to the user: Hummingbot itself rewrites them at every start.
"""

import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path

import yaml

PROJECT_ROOT = Path(__file__).resolve().parents[1]
RUNTIME_FOLDERS = (
    "conf/connectors",
    "conf/controllers",
    "conf/strategies",
    "certs",
    "controllers",
    "data",
    "logs",
)
STAMP = ".package"


@dataclass(frozen=True, slots=True)
class HummingbotHome:
    """A home: run `python -m hummingbot.cli.main …` with `path` as working directory."""

    path: Path

    @property
    def script_configs(self) -> Path:
        """Where `start NAME.yml` looks for NAME.yml."""
        return self.path / "conf" / "scripts"

    @property
    def data(self) -> Path:
        """Where Hummingbot and the script keep their databases."""
        return self.path / "data"

    @property
    def logs(self) -> Path:
        """Where Hummingbot writes `logs_<config name>.log`."""
        return self.path / "logs"


def build_home(
    path: Path,
    *,
    project_root: Path = PROJECT_ROOT,
    script_configs: Path | None = None,
    paper_balance: Mapping[str, float] | None = None,
) -> HummingbotHome:
    """Build or complete the home at `path`; quick when it is there, and never loses settings.

    `script_configs` is the folder linked as `conf/scripts`, by default the project's.
    `paper_balance` (asset → amount) replaces the paper account's balances.
    """
    home = HummingbotHome(path.resolve())
    for folder in RUNTIME_FOLDERS:
        (home.path / folder).mkdir(parents=True, exist_ok=True)
    _link_package(home.path)
    _link(home.path / "scripts", project_root / "hummingbot_scripts")
    _link(home.script_configs, script_configs or project_root / "conf" / "scripts")
    _copy_settings(project_root / "conf" / "hummingbot", home.path / "conf")
    if paper_balance is not None:
        _set_paper_balance(home.path / "conf" / "conf_client.yml", paper_balance)
    return home


def _link_package(home: Path) -> None:
    source = _installed_package()
    stamp = home / STAMP
    identity = f"{source}\n{_installation_id()}\n"
    if stamp.exists() and stamp.read_text(encoding="utf-8") == identity:
        return
    stamp.unlink(missing_ok=True)
    shutil.rmtree(home / "hummingbot", ignore_errors=True)
    shutil.copytree(source, home / "hummingbot", copy_function=_link_or_copy)
    stamp.write_text(identity, encoding="utf-8")


def _installed_package() -> Path:
    return Path(str(distribution("hummingbot").locate_file("hummingbot"))).resolve()


def _installation_id() -> str:
    """Return what changes whenever the package is installed again."""
    record = Path(str(distribution("hummingbot").locate_file("hummingbot/__init__.py"))).stat()
    return f"{distribution('hummingbot').version} {record.st_ino} {record.st_mtime_ns}"


def _link_or_copy(source: str, target: str) -> str:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
    return target


def _link(link: Path, target: Path) -> None:
    """Point the symbolic link at `target`, in one step so that no moment is without it."""
    target = target.resolve()
    if link.is_symlink() and link.readlink() == target:
        return
    fresh = link.with_name(f".{link.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target, target_is_directory=True)
    fresh.replace(link)


def _copy_settings(templates: Path, conf: Path) -> None:
    for template in sorted(templates.glob("*.yml")):
        target = conf / template.name
        if not target.exists():
            partial = target.with_suffix(".partial")
            shutil.copyfile(template, partial)
            partial.replace(target)


def _set_paper_balance(client_config: Path, balance: Mapping[str, float]) -> None:
    settings = yaml.safe_load(client_config.read_text(encoding="utf-8"))
    settings["paper_trade"]["paper_trade_account_balance"] = dict(balance)
    client_config.write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")


def main(arguments: list[str]) -> int:
    """Build the home named by the only argument."""
    build_home(Path(arguments[0]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
