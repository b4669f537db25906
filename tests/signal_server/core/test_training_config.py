"""Each profile trains by the common settings and its own changes to them."""

import pytest
import yaml

from signal_server.core.config import DEFAULT_CONFIG, Settings, load_settings
from signal_server.core.errors import ConfigError

PROFILE = "direction-15m"


@pytest.fixture
def settings_file(tmp_path):
    """Write the project's settings with some changes for one profile; return their path."""

    def write(changes):
        content = yaml.safe_load(DEFAULT_CONFIG.read_text(encoding="utf-8"))
        content["profiles"][PROFILE]["training"] = changes
        path = tmp_path / "settings.yml"
        path.write_text(yaml.safe_dump(content), encoding="utf-8")
        return path

    return write


def _profile(settings: Settings):
    return settings.training_of(PROFILE)


def test_a_profile_changes_what_it_names_and_keeps_the_rest(settings_file):
    settings = load_settings(settings_file({"seed": 11, "booster": {"max_depth": 5}}))
    found = _profile(settings)
    assert (found.seed, found.booster.max_depth) == (11, 5)
    common = settings.training.model_dump()
    rest = found.model_dump() | {"seed": common["seed"]}
    rest["booster"]["max_depth"] = common["booster"]["max_depth"]
    assert rest == common


def test_other_profiles_keep_the_common_settings(settings_file):
    settings = load_settings(settings_file({"seed": 11}))
    assert settings.training_of("trend-10m") == settings.training


def test_the_environment_changes_what_the_profile_does_not(settings_file, monkeypatch):
    monkeypatch.setenv("SIGNAL_SERVER_TRAINING__BOOSTER__MAX_DEPTH", "4")
    monkeypatch.setenv("SIGNAL_SERVER_TRAINING__SEED", "5")
    found = _profile(load_settings(settings_file({"booster": {"max_depth": 6}})))
    assert (found.seed, found.booster.max_depth) == (5, 6)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"booster": {"max_dept": 3}},
            r"profiles\.direction-15m\.training: booster\.max_dept is not",
        ),
        ({"colour": 1}, "colour is not a setting"),
        ({"seed": -1}, "seed: Input should be greater than or equal to 0"),
        ({"seed": 2**31}, "seed: Input should be less than"),
        ({"booster": {"reg_lambda": float("inf")}}, "finite number"),
        ({"booster": 3}, "booster"),
        ({"test_share": 0.9}, "under 20% to train on"),
        ({"scheduler": "10.0.0.1"}, "neither none, local nor an address"),
        ({"scheduler": "local", "external_memory": True}, "external_memory is for scheduler none"),
        ({"monotone_constraints": {"rsi_14": 2}}, "monotone_constraints"),
    ],
)
def test_a_bad_change_is_refused_by_name(settings_file, changes, sentence):
    with pytest.raises(ConfigError, match=sentence):
        load_settings(settings_file(changes))


@pytest.mark.parametrize("scheduler", ["none", "local", "tcp://10.0.0.1:8786", "tls://dask:8786"])
def test_a_scheduler_is_a_word_or_an_address(settings_file, scheduler):
    assert _profile(load_settings(settings_file({"scheduler": scheduler}))).scheduler == scheduler
