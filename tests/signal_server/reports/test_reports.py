"""A report is one page that needs nothing else, and says what the figures say."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import numpy as np
import pytest

from signal_server.core.config import (
    BoosterConfig,
    LabelConfig,
    LabelKind,
    ProfileConfig,
    TrainingConfig,
)
from signal_server.reports import pictures
from signal_server.reports.model_report import model_report
from signal_server.reports.page import Page, Section, render
from signal_server.reports.report_folder import write_report
from signal_server.reports.results import sections, tiles
from signal_server.reports.walk_report import walk_report
from signal_server.training.aliases import Action, Event
from signal_server.training.registry import ModelRegistry
from signal_server.training.splits import Schedule
from signal_server.training.train import TrainingSpec, train
from signal_server.training.verdict import Verdict
from signal_server.training.walkforward import StepResult, WalkForward
from tests.signal_server.backtest.conftest import seeded_bars

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
VOID = {"meta", "br", "link", "img", "input", "hr"}


class Balanced(HTMLParser):
    """Collects the tags that are open, and complains when they are closed out of order."""

    def __init__(self):
        super().__init__()
        self.open = []

    def handle_starttag(self, tag, _attributes):
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def _trained(kind: LabelKind):
    booster = BoosterConfig(
        max_depth=3, learning_rate=0.1, min_child_weight=20, reg_lambda=10, subsample=0.8,
        colsample_bytree=0.8,
    )  # fmt: skip
    training = TrainingConfig(
        seed=7, validation_share=0.15, calibration_share=0.15, test_share=0.2, max_rounds=30,
        early_stopping_rounds=10, row_stride_bars=3, use_trade_counts=False, booster=booster,
    )  # fmt: skip
    threshold = 5.0 if kind is LabelKind.TREND else 0.0
    label = LabelConfig(kind=kind, horizon_s=300, threshold_bps=threshold)
    spec = TrainingSpec(
        "tested", ProfileConfig(label=label, features="six"), training, 60, round_trip_bps=58.0
    )
    bars = {"BTC-USD": seeded_bars(1), "ETH-USD": seeded_bars(2)}
    return train(bars, spec, lambda _stage, _share: None)


@pytest.fixture(scope="module", params=[LabelKind.DIRECTION, LabelKind.TREND])
def registered(request, tmp_path_factory):
    registry = ModelRegistry(tmp_path_factory.mktemp("models"), lambda: NOON)
    trained = _trained(request.param)
    return registry.register(trained, reasons=("too few trades",)), trained.reference


@pytest.fixture(scope="module")
def files(registered) -> dict[str, str]:
    return model_report(*registered, _event(Action.PROMOTED))


@pytest.fixture
def without_pictures(monkeypatch):
    """Pictures take most of the time, and most tests ask for the words alone."""
    for name in pictures.__all__:
        monkeypatch.setattr(pictures, name, lambda *_figures: "")


def _event(action: Action, *reasons: str) -> Event:
    return Event(NOON, action, "v1", by="a test", why="trained", reasons=reasons)


def test_the_page_is_whole_and_needs_no_other_file(files):
    page = files["index.html"]
    parser = Balanced()
    parser.feed(page)
    assert parser.open == []
    assert page.count("<svg") == 8
    links = re.findall(r'(?:src|href)="([^"#]+)"', page)
    assert [one for one in links if not one.startswith("#")] == []
    assert "<script" not in page


def test_the_same_figures_give_the_same_picture(registered):
    drawn = [pictures.reliability(registered[0].validation) for _ in range(2)]
    assert drawn[0] == drawn[1]


def test_the_page_opens_with_the_verdict(registered, files):
    page = files["index.html"]
    verdict = registered[0].validation.verdict.value
    assert page.index(verdict) < page.index("<svg")


@pytest.mark.parametrize(
    ("event", "sentence"),
    [
        (_event(Action.PROMOTED), "It passed all gates and is in use from now on"),
        (_event(Action.REFUSED, "too few trades"), "It failed a gate and is kept, but not used"),
        (_event(Action.CHALLENGED), "predicts beside the one in use"),
    ],
)
@pytest.mark.usefixtures("without_pictures")
def test_the_page_says_whether_the_model_is_used(registered, event, sentence):
    page = model_report(*registered, event)["index.html"]
    assert sentence in page
    assert all(reason in page for reason in event.reasons)


def test_the_file_for_programs_holds_every_figure(registered, files):
    content = json.loads(files["report.json"])
    validation = content["manifest"]["validation"]
    assert validation["accuracy"] == registered[0].validation.accuracy
    assert content["registration"]["action"] == "promoted"
    assert set(content["test_drift"]) == set(registered[0].feature_names)


@pytest.mark.usefixtures("without_pictures")
def test_a_constant_model_has_a_page_too(registered):
    manifest, reference = registered
    constant = replace(manifest, gain_shares={}, shap_means={})
    page = model_report(constant, reference, _event(Action.PROMOTED))["index.html"]
    assert "it is a constant" in page


@pytest.mark.usefixtures("without_pictures")
def test_a_validation_without_outcomes_or_confident_calls_is_shown(registered):
    bare = replace(registered[0].validation, selections=(), costs_bps=None, confident=None)
    shown = {tile.what: tile.value for tile in tiles(bare)}
    assert shown["right from confidence 60%"] == "no call"
    assert shown["a buy after costs"] == "-"
    assert len(sections(bare)) == 4


def test_a_walk_forward_has_a_page_with_all_its_steps(registered):
    day = timedelta(days=1)
    schedule = Schedule(NOON, NOON + 5 * day, day, 30 * day, timedelta(hours=1))
    rng = np.random.default_rng(1)
    steps = tuple(
        StepResult(NOON + n * day, 5000, 10 * n, "platt", 280, float(rng.uniform(0.4, 0.6)))
        for n in range(5)
    )
    validation = registered[0].validation
    result = WalkForward("tested", ("BTC-USD",), schedule, steps, validation)
    files = walk_report(result)
    assert 'id="steps"' in files["index.html"]
    assert "5 models, one every 1 day" in files["index.html"]
    assert files["index.html"].count("rounds on 5,000 rows") == 5
    assert json.loads(files["report.json"])["profile_name"] == "tested"


def test_what_is_written_on_a_page_cannot_break_it():
    section = Section("<b>bold</b>", "a & b")
    page = Page("<script>", "", Verdict.PIVOT, "x < y", (), ((section,),))
    html = render(page)
    assert "<script>" not in html
    assert "&lt;b&gt;bold" in html


def test_a_report_takes_the_place_of_an_earlier_one(tmp_path):
    write_report(tmp_path / "one", {"index.html": "old", "gone.html": "old"})
    folder = write_report(tmp_path / "one", {"index.html": "new"})
    assert [path.name for path in folder.iterdir()] == ["index.html"]
    assert (folder / "index.html").read_text() == "new"


def test_a_report_that_cannot_be_written_leaves_the_old_one(tmp_path, monkeypatch):
    write_report(tmp_path / "one", {"index.html": "old"})

    def refuse(*_arguments, **_keywords):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_text", refuse)
    with pytest.raises(OSError, match="No space left"):
        write_report(tmp_path / "one", {"index.html": "new"})
    assert [path.name for path in tmp_path.iterdir()] == ["one"]
    assert (tmp_path / "one" / "index.html").read_text() == "old"
