"""The home holds the package, links to the project and settings that belong to the user."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tools.hummingbot_home import HummingbotHome, build_home

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> HummingbotHome:
    return build_home(tmp_path_factory.mktemp("home"))


def _output(command: list[str], home: HummingbotHome) -> str:
    done = subprocess.run(  # noqa: S603
        command, cwd=home.path, capture_output=True, text=True, check=True
    )
    return done.stdout


def test_hummingbot_takes_the_home_for_its_installation(home: HummingbotHome) -> None:
    program = "import hummingbot; print(hummingbot.root_path())"
    command = [sys.executable, "-c", program]
    assert _output(command, home).strip() == str(home.path)


def test_the_cli_runs_from_the_home(home: HummingbotHome) -> None:
    command = [sys.executable, "-m", "hummingbot.cli.main", "--version"]
    assert _output(command, home).startswith("hbot")


def test_the_home_links_to_the_projects_scripts_and_configs(home: HummingbotHome) -> None:
    assert (home.path / "scripts").resolve() == PROJECT / "hummingbot_scripts"
    assert home.script_configs.resolve() == PROJECT / "conf" / "scripts"


def test_building_again_keeps_what_the_user_changed(tmp_path: Path) -> None:
    home = build_home(tmp_path)
    fees = home.path / "conf" / "conf_fee_overrides.yml"
    fees.write_text("kraken_taker_percent_fee: 0.1\n", encoding="utf-8")
    package = (home.path / "hummingbot").stat().st_ino
    build_home(tmp_path)
    assert fees.read_text(encoding="utf-8") == "kraken_taker_percent_fee: 0.1\n"
    assert (home.path / "hummingbot").stat().st_ino == package


def test_an_interrupted_build_is_completed(tmp_path: Path) -> None:
    home = build_home(tmp_path)
    (home.path / ".package").unlink()
    (home.path / "hummingbot" / "__init__.py").unlink()
    build_home(tmp_path)
    assert (home.path / "hummingbot" / "__init__.py").exists()


def test_a_home_can_have_its_own_configs_and_balance(tmp_path: Path) -> None:
    configs = tmp_path / "configs"
    configs.mkdir()
    home = build_home(
        tmp_path / "home", script_configs=configs, paper_balance={"USD": 500.0, "BTC": 0.5}
    )
    settings = yaml.safe_load((home.path / "conf/conf_client.yml").read_text(encoding="utf-8"))
    assert home.script_configs.resolve() == configs
    assert settings["paper_trade"]["paper_trade_account_balance"] == {"USD": 500.0, "BTC": 0.5}


FEE_PROGRAM = """
import asyncio
from decimal import Decimal
from hummingbot.client.config.config_helpers import (
    create_yml_files_legacy, load_client_config_map_from_file, read_system_configs_from_yml)
from hummingbot.client.settings import AllConnectorSettings
from hummingbot.core.data_type.common import OrderType, TradeType
from hummingbot.core.utils.estimate_fee import build_trade_fee

async def main():
    client = load_client_config_map_from_file()
    await create_yml_files_legacy()
    await read_system_configs_from_yml()
    AllConnectorSettings.initialize_paper_trade_settings(client.paper_trade.paper_trade_exchanges)
    trade = ("BTC", "USD", OrderType.MARKET, TradeType.BUY, Decimal(1), Decimal(1))
    print(build_trade_fee("kraken", False, *trade).percent,
          build_trade_fee("kraken_paper_trade", False, *trade).percent,
          client.rate_oracle_source.name,
          type(client.anonymized_metrics_mode.hb_config).__name__)

asyncio.run(main())
"""


def test_hummingbot_accepts_the_settings(tmp_path: Path) -> None:
    home = build_home(tmp_path)
    command = [sys.executable, "-c", FEE_PROGRAM]
    for _ in range(2):
        assert _output(command, home).split() == [
            "0.0026",
            "0.0026",
            "coinbase_advanced_trade",
            "AnonymizedMetricsDisabledMode",
        ]
