"""The server's settings: one YAML file, overridden by environment, refused when unknown."""

import difflib
import os
from collections.abc import Iterable
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from pydantic import (
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

from signal_server.core.errors import ConfigError
from signal_server.core.section import Positive, Section, Share
from signal_server.core.symbol_list import DEFAULT_SYMBOLS, symbols_meant
from signal_server.core.training_config import BoosterConfig as BoosterConfig
from signal_server.core.training_config import SampleWeights as SampleWeights
from signal_server.core.training_config import TrainingConfig as TrainingConfig

ENVIRONMENT_PREFIX = "SIGNAL_SERVER_"
DEFAULT_CONFIG = Path("conf/signal_server.yml")


class PolygonConfig(Section):
    """Where Polygon.io is, how fast the plan may be asked, and through which of its clients.

    A silence of `timeout_s` fails a call. A backfill tries what fails in passing, like a rate
    limit, again for `retry_for_s`.
    """

    rest_url: str
    feed: str
    secure: bool
    calls_per_minute: Annotated[int, Field(ge=0)]
    timeout_s: Annotated[float, Field(gt=0)]
    client: Literal["auto", "polygon", "massive"] = "auto"
    retry_for_s: Annotated[float, Field(ge=0)] = 14_400


class KrakenConfig(Section):
    """Where Kraken's public REST is, which says what can be traded and in which sizes."""

    rest_url: str = "https://api.kraken.com"
    timeout_s: Annotated[float, Field(gt=0)] = 20


class FlatFilesConfig(Section):
    """Where the vendor's flat files are, and how patiently they are fetched.

    A download slower than `slowest_bytes_s` goes on by a new request; a file is given up after
    `patience_s` without a byte.
    """

    url: str = "https://files.massive.com"
    bucket: str = "flatfiles"
    prefix: str = "global_crypto/minute_aggs_v1"
    timeout_s: Annotated[float, Field(gt=0)] = 20.0
    slowest_bytes_s: Annotated[float, Field(gt=0)] = 10_000.0
    patience_s: Annotated[float, Field(ge=0)] = 900.0
    downloads: Positive = 4


class DriftConfig(Section):
    """When the serving model counts as drifted: people are warned, or bots are told to stop buying.

    Inputs and confidence are those of the bars of the last `window_s`; accuracy is that of the
    newest `max_outcomes` calls whose horizons do not overlap.
    """

    window_s: Positive = 86_400
    min_rows: Positive = 500
    max_rows: Positive = 2000
    warn_psi: Annotated[float, Field(gt=0)] = 0.25
    min_outcomes: Positive = 100
    max_outcomes: Positive = 400
    warn_accuracy: Share = 0.50
    halt_accuracy: Share = 0.45


class ServingConfig(Section):
    """The gRPC server, its models, and when their signals expire.

    A bar waits at most `leader_wait_s` for those of the leaders that its features need.
    """

    host: str
    port: Annotated[int, Field(ge=0, le=65535)]
    profile: str
    signal_valid_s: Annotated[float, Field(gt=0)]
    max_bar_delay_s: Annotated[float, Field(gt=0)]
    heartbeat_s: Annotated[float, Field(gt=0, le=10)]
    accuracy_outcomes: Positive
    leader_wait_s: Annotated[float, Field(ge=0)] = 2.0
    drift: DriftConfig = DriftConfig()


class BacktestConfig(Section):
    """The bot's trading rules and costs as the backtest replays them.

    The rules have the names and the defaults of the bot's settings. `stop_loss`, `take_profit` and
    `trailing_*` are shares of the entry price; sizes are in quote currency.
    """

    min_confidence: Annotated[float, Field(ge=0, le=1)]
    quote_size: Annotated[float, Field(gt=0)]
    max_positions: Positive
    stop_loss: Annotated[float, Field(gt=0, lt=1)]
    take_profit: Annotated[float, Field(gt=0)]
    time_limit_s: Positive
    cooldown_s: Annotated[int, Field(ge=0)]
    initial_capital: Annotated[float, Field(gt=0)]
    fee_bps: Annotated[float, Field(ge=0)]
    slippage_bps: Annotated[float, Field(ge=0)]
    sizing: Literal["fixed", "volatility"] = "fixed"
    risk_per_trade: Share = 0.005
    max_position_share: Share = 0.10
    max_exposure_quote: Annotated[float, Field(gt=0)] = 500
    trailing_activation: Annotated[float, Field(gt=0)] | None = None
    trailing_delta: Share | None = None
    max_daily_loss_share: Share = 0.10
    max_daily_loss_quote: Annotated[float, Field(gt=0)] = 50
    day_timezone: str = "UTC"
    max_losses_in_row: Positive = 5
    loss_streak_pause_s: Positive = 86_400

    @field_validator("day_timezone")
    @classmethod
    def _know_the_time_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"{name!r} is no time zone; write one like Europe/Berlin") from None
        return name

    @model_validator(mode="after")
    def _rules_go_together(self) -> Self:
        activation, delta = self.trailing_activation, self.trailing_delta
        if (activation is None) != (delta is None):
            raise ValueError("trailing_activation and trailing_delta need each other")
        if activation is not None and delta is not None and delta >= activation:
            raise ValueError("trailing_delta must be below trailing_activation")
        if activation is not None and activation >= self.take_profit:
            raise ValueError("trailing_activation must be below take_profit, which sells first")
        if self.sizing == "fixed" and self.quote_size > self.max_exposure_quote:
            raise ValueError("quote_size is above max_exposure_quote; nothing could be bought")
        return self


class LabelKind(StrEnum):
    """How the future is turned into classes."""

    DIRECTION = "direction"
    TREND = "trend"
    TRIPLE_BARRIER = "triple_barrier"


class BarrierConfig(Section):
    """The trade that a triple-barrier label describes: the bot's exits and costs, by their names.

    `stop_loss` and `take_profit` are shares of the entry price; its time limit is the label's
    horizon. A signal may be acted on until `signal_valid_s` after its bar's close.
    """

    stop_loss: Annotated[float, Field(gt=0, lt=1)]
    take_profit: Annotated[float, Field(gt=0)]
    fee_bps: Annotated[float, Field(ge=0)]
    slippage_bps: Annotated[float, Field(ge=0)]
    signal_valid_s: Annotated[float, Field(gt=0)]


class LabelConfig(Section):
    """What is predicted: UP/DOWN, UP/FLAT/DOWN beyond a threshold, or how a trade ends.

    The threshold of a trend is `threshold_bps`, or `threshold_volatility` times the usual move
    over the horizon, as the last 60 bars lead to expect it, if that is more.
    """

    kind: LabelKind
    horizon_s: Positive
    threshold_bps: Annotated[float, Field(ge=0)] = 0.0
    threshold_volatility: Annotated[float, Field(ge=0)] = 0.0
    barriers: BarrierConfig | None = None

    @model_validator(mode="after")
    def _threshold_and_barriers_fit_the_kind(self) -> Self:
        if (self.kind is LabelKind.TREND) != (self.threshold_bps > 0):
            raise ValueError("threshold_bps must be above 0 for kind trend, and absent for others")
        if self.threshold_volatility and self.kind is not LabelKind.TREND:
            raise ValueError("threshold_volatility is for kind trend alone; remove it")
        if (self.kind is LabelKind.TRIPLE_BARRIER) != (self.barriers is not None):
            raise ValueError("kind triple_barrier needs barriers, and other kinds have none")
        return self


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


class Settings(BaseSettings):
    """Everything in `conf/signal_server.yml`, plus the secrets of the environment."""

    model_config = SettingsConfigDict(
        env_prefix=ENVIRONMENT_PREFIX,
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
    )

    data_dir: Path
    bar_seconds: Literal[1, 60]
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
