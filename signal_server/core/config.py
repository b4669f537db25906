"""The server's settings: one YAML file, overridden by environment, refused when unknown."""

import difflib
import os
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import (
    BeforeValidator,
    Field,
    JsonValue,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from signal_server.core.backtest_config import BacktestConfig as BacktestConfig
from signal_server.core.errors import ConfigError
from signal_server.core.label_config import BarrierConfig as BarrierConfig
from signal_server.core.label_config import LabelConfig as LabelConfig
from signal_server.core.label_config import LabelKind as LabelKind
from signal_server.core.section import Positive, Section
from signal_server.core.serving_config import DriftConfig as DriftConfig
from signal_server.core.serving_config import ServingConfig as ServingConfig
from signal_server.core.symbol_list import DEFAULT_SYMBOLS, symbols_meant
from signal_server.core.training_config import BoosterConfig as BoosterConfig
from signal_server.core.training_config import SampleWeights as SampleWeights
from signal_server.core.training_config import TrainingConfig as TrainingConfig
from signal_server.core.vendor_config import FlatFilesConfig as FlatFilesConfig
from signal_server.core.vendor_config import KrakenConfig as KrakenConfig
from signal_server.core.vendor_config import PolygonConfig as PolygonConfig

ENVIRONMENT_PREFIX = "SIGNAL_SERVER_"
DEFAULT_CONFIG = Path("conf/signal_server.yml")


class ProfileConfig(Section):
    """A label, the feature set that predicts it, and what of `training` it changes for itself."""

    label: LabelConfig
    features: Literal["indicators", "six", "all", "pooled"]
    training: dict[str, JsonValue] = Field(default_factory=dict)


class GatesConfig(Section):
    """What a new version must reach on its test part to replace the one in use.

    `min_accuracy` and `min_trades` count calls of UP and DOWN at confidence 0.60 and above; the
    defaults are the specification's.
    """

    min_accuracy: Annotated[float, Field(ge=0, le=1)] = 0.55
    min_trades: Annotated[int, Field(ge=0)] = 100
    max_calibration_error: Annotated[float, Field(ge=0, le=1)] = 0.03


class RegistryConfig(Section):
    """The registered models and which of them may be used."""

    gates: GatesConfig = GatesConfig()


class JournalConfig(Section):
    """How many days of predictions and measurements the trade log keeps, against the newest.

    Trades, and the outcomes that accuracy rests on, are kept for ever.
    """

    keep_days: Positive = 30


def _number_in_text(given: object) -> object:
    """Read a number of the environment, where all is text: choices of numbers take none."""
    return int(given) if isinstance(given, str) and given.isdecimal() else given


class Settings(BaseSettings):
    """Everything in `conf/signal_server.yml`, plus the secrets of the environment."""

    model_config = SettingsConfigDict(
        env_prefix=ENVIRONMENT_PREFIX,
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
    )

    data_dir: Path
    bar_seconds: Annotated[Literal[1, 60], BeforeValidator(_number_in_text)]
    symbols_file: Path = DEFAULT_SYMBOLS
    symbols: Annotated[list[str], NoDecode, Field(min_length=1)]
    polygon: PolygonConfig
    flat_files: FlatFilesConfig = FlatFilesConfig()
    kraken: KrakenConfig = KrakenConfig()
    serving: ServingConfig
    training: TrainingConfig
    backtest: BacktestConfig
    registry: RegistryConfig = RegistryConfig()
    journal: JournalConfig = JournalConfig()
    profiles: dict[str, ProfileConfig]
    backfill_start: date | None = None
    bars_url: str | None = None
    polygon_api_key: SecretStr = SecretStr("")
    flat_files_access_key: SecretStr = SecretStr("")
    flat_files_secret_key: SecretStr = SecretStr("")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 (as pydantic calls it)
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let the environment win over the file, whose content arrives as init arguments."""
        return env_settings, init_settings

    @field_validator("symbols", mode="before")
    @classmethod
    def _tiers_stand_for_their_coins(cls, given: object, info: ValidationInfo) -> list[str]:
        return symbols_meant(given, info.data.get("symbols_file", DEFAULT_SYMBOLS))

    @model_validator(mode="after")
    def _names_and_durations_fit(self) -> Self:
        if self.serving.profile not in self.profiles:
            raise ValueError(f"serving.profile {self.serving.profile!r} is not one of profiles")
        for name, profile in self.profiles.items():
            if profile.label.horizon_s % self.bar_seconds:
                raise ValueError(f"profiles.{name}: horizon_s is not a multiple of bar_seconds")
            if profile.features == "pooled" and self.bar_seconds != 60:
                raise ValueError(f"profiles.{name}: features pooled need bar_seconds 60")
            _check_training(name, profile, self.training)
            self._check_mirror(name)
        return self

    def _check_mirror(self, name: str) -> None:
        if not self.training_of(name).mirror:
            return
        if self.profiles[name].label.kind is LabelKind.TRIPLE_BARRIER:
            raise ValueError(
                f"profiles.{name}: a trade that pays costs has no mirror image; set mirror: false"
            )
        if self.profiles[name].features != "pooled":
            raise ValueError(f"profiles.{name}: training.mirror needs features pooled")

    def training_of(self, profile: str) -> TrainingConfig:
        """Return how a profile's models are trained: `training` with the profile's changes."""
        return self.training.overridden(self.profiles[profile].training)

    @property
    def bars_dir(self) -> Path:
        """Local root of the bar store, and of what `bars_url` leaves on this computer."""
        return self.data_dir / "bars"

    @property
    def flat_files_dir(self) -> Path:
        """Where flat files are kept while they are read, and which were read."""
        return self.data_dir / "flat_files"

    @property
    def listing_file(self) -> Path:
        """Where it is remembered which coins the vendor lists."""
        return self.data_dir / "listing.json"

    @property
    def models_dir(self) -> Path:
        """Root of the model registry."""
        return self.data_dir / "models"

    @property
    def audit_dir(self) -> Path:
        """Where the results of audits are kept."""
        return self.data_dir / "audit"

    @property
    def tuning_dir(self) -> Path:
        """Where the trials of all tuning are kept."""
        return self.data_dir / "tuning"

    @property
    def reports_dir(self) -> Path:
        """Where backtests and reports are written."""
        return self.data_dir / "reports"

    @property
    def trade_log(self) -> Path:
        """Path of the SQLite trade log."""
        return self.data_dir / "signals.sqlite"


def load_settings(path: Path = DEFAULT_CONFIG) -> Settings:
    """Read the settings file and the environment.

    Raises `ConfigError` naming the file and every bad key, or the environment's unknown name.
    """
    _refuse_unknown_names(os.environ)
    try:
        return Settings(**_read_yaml(path))
    except ValidationError as error:
        raise ConfigError(f"{path}: {_describe(error)}") from error
    except SettingsError as error:
        raise ConfigError(
            f"{ENVIRONMENT_PREFIX}* in the environment: {error}; "
            'write a list or a section as JSON, like ["BTC-USD"]'
        ) from error


def _check_training(name: str, profile: ProfileConfig, training: TrainingConfig) -> None:
    try:
        training.overridden(profile.training)
    except ValidationError as error:
        raise ValueError(f"profiles.{name}.training: {_describe(error)}") from error


def _refuse_unknown_names(environment: Iterable[str]) -> None:
    known = {ENVIRONMENT_PREFIX + name.upper() for name in Settings.model_fields}
    for name in sorted(environment):
        if name.upper().startswith(ENVIRONMENT_PREFIX) and name.upper().split("__")[0] not in known:
            raise ConfigError(f"{name} in the environment is not a setting; {_advice(name, known)}")


def _advice(name: str, known: Iterable[str]) -> str:
    """Name the nearest setting; the usual slip is one underscore where two join a section."""
    names = [*known, *_nested_names()]
    close = difflib.get_close_matches(name.upper(), names, n=1, cutoff=0.8)
    return f"did you mean {close[0]}?" if close else "unset it or correct its name"


def _nested_names() -> list[str]:
    sections: tuple[type[Section], ...] = (
        PolygonConfig,
        FlatFilesConfig,
        KrakenConfig,
        ServingConfig,
        TrainingConfig,
        BacktestConfig,
        RegistryConfig,
        JournalConfig,
    )
    names = (
        "POLYGON",
        "FLAT_FILES",
        "KRAKEN",
        "SERVING",
        "TRAINING",
        "BACKTEST",
        "REGISTRY",
        "JOURNAL",
    )
    return [
        f"{ENVIRONMENT_PREFIX}{name}__{key.upper()}"
        for name, section in zip(names, sections, strict=True)
        for key in section.model_fields
    ]


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{path} does not exist; name the settings file with --config") from None
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"{path} cannot be read as YAML: {reason}") from error
    if not isinstance(content, dict):
        raise ConfigError(f"{path} holds no settings; see conf/signal_server.yml for all of them")
    return content


def _describe(error: ValidationError) -> str:
    return "; ".join(
        _describe_one(item["loc"], item["type"], item["msg"]) for item in error.errors()
    )


def _describe_one(location: tuple[int | str, ...], kind: str, message: str) -> str:
    key = ".".join(str(part) for part in location) or "settings"
    if kind == "missing":
        return f"{key} is missing; set it"
    if kind == "extra_forbidden":
        return f"{key} is not a setting; remove it or correct its name"
    return f"{key}: {message.removeprefix('Value error, ')}"
