from __future__ import annotations

import json
import string
import tomllib
from dataclasses import replace
from importlib.resources import files

import numpy as np
import pytest

from etude.analysis.convergence_findings import convergence_findings
from etude.analysis.generalization_findings import generalization_findings
from etude.analysis.options import SweepOptions
from etude.analysis.planning import plan
from etude.analysis.table import SweepTable
from etude.core.errors import SpecError
from etude.core.finding import Verdict

OPTIONS = SweepOptions(resamples=300)
CATALOGUE = tomllib.loads(files("etude.report").joinpath("messages/analysis.toml").read_text(encoding="utf-8"))
X = np.nan
LRS = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0]
START = {"train_loss": 2.0, "validation_loss": 2.0}


def sentences(message):
    entry = CATALOGUE
    for part in message.key.split("."):
        entry = entry[part]
    return entry


def check_words(message):
    """The catalogue says the message in both languages and with exactly its values."""
    for sentence in sentences(message).values():
        assert {name for _, name, _, _ in string.Formatter().parse(sentence) if name} == set(message.values)
        said = sentence.format(**message.values)
        assert "nan" not in said.split()
        assert "inf" not in said.split()


def check(findings):
    for finding in findings:
        check_words(finding.question)
        check_words(finding.statement)
        json.dumps(finding.details, allow_nan=False)
        assert finding.runs
        if finding.verdict is Verdict.INCONCLUSIVE:
            assert finding.estimate is None
            assert finding.interval is None
        else:
            assert finding.estimate is not None
            if finding.interval is not None:
                assert finding.interval[0] <= finding.estimate <= finding.interval[1]
    return {finding.name: finding for finding in findings}


def leaves(entry):
    if "en" in entry:
        yield entry
    else:
        for value in entry.values():
            yield from leaves(value)


def test_every_sentence_exists_in_both_languages_with_equal_placeholders():
    for entry in leaves(CATALOGUE):
        names = [{n for _, n, _, _ in string.Formatter().parse(entry[language]) if n} for language in ("en", "zh")]
        assert names[0] == names[1], entry["en"]


@pytest.mark.parametrize("objective", ["train_loss", "validation_loss"])
@pytest.mark.parametrize("seeds", [1, 2, 3, 6])
def test_a_valley_is_answered_in_words_and_numbers(valley, objective, seeds):
    table = SweepTable.of(valley.sweep(np.geomspace(1e-4, 1, 20), seeds, np.random.default_rng(0)))
    found = check(convergence_findings(table, replace(OPTIONS, objective=objective)))
    assert list(found) == ["best_lr", "basin", "edge", "recommended_lr", "sensitivity", "steps_to_target"]
    expected = Verdict.SUPPORTED if seeds >= 3 else Verdict.INCONCLUSIVE
    assert found["recommended_lr"].verdict is expected
    assert found["edge"].verdict is expected
    check(generalization_findings(table, OPTIONS))


def test_the_lead_numbers_of_a_valley_are_right(valley):
    table = SweepTable.of(valley.sweep(np.geomspace(1e-4, 1, 24), 8, np.random.default_rng(0)))
    found = check(convergence_findings(table, replace(OPTIONS, objective="validation_loss")))
    assert np.log2(found["best_lr"].estimate) == pytest.approx(valley.best, abs=0.3)
    low, high = found["edge"].interval
    assert low < 2**valley.cliff < high
    other = check(generalization_findings(table, OPTIONS))
    assert other["best_lr_validation"].estimate == found["best_lr"].estimate
    assert other["generalization_gap"].estimate == pytest.approx(0.4, abs=0.05)
    assert other["train_vs_validation"].verdict is Verdict.REFUTED


@pytest.mark.parametrize(
    ("rows", "best", "edge"),
    [
        ([[X] * 3] * 6, "cannot_say.diverged", "edge.below"),
        ([[1.99, 1.98, 1.99]] * 6, "cannot_say.untrained", "edge.beyond"),
        ([[m, m + 0.01, m - 0.01] for m in (1.5, 1.2, 1.0, 0.8, 0.6, 0.5)], "cannot_say.grid_high", "edge.beyond"),
        ([[m, m + 0.01, m - 0.01] for m in (0.5, 0.6, 0.8, 1.0, 1.2, X)], "cannot_say.grid_low", "edge.closed"),
        ([[1.0] * 3, [0.5] * 3, [X] * 3, [1.0] * 3, [X] * 3, [X] * 3], "best_lr.grid_alike", "edge.closed_again"),
        ([[1.0] * 3, [0.5] * 3, [1.0, 1.0, X], [1.0] * 3, [1.0] * 3, [1.0] * 3], "best_lr.grid_alike", "edge.seldom"),
    ],
)
def test_sick_sweeps_are_answered_honestly(table_of, rows, best, edge):
    table = table_of(LRS, rows)
    found = check(convergence_findings(table, OPTIONS))
    assert found["best_lr"].statement.key == best
    assert found["edge"].statement.key == edge
    for reason in plan(table, OPTIONS).reasons:
        check_words(reason)


@pytest.mark.parametrize(
    ("rows", "key", "interval"),
    [
        ([[1.0] * 3, [0.5] * 3, [0.6] * 3, [0.7] * 3, [X] * 3, [X] * 3], "closed", (8.0, 16.0)),
        ([[1.0] * 3, [0.5] * 3, [X] * 3, [1.0] * 3, [X] * 3, [X] * 3], "closed_again", (2.0, 16.0)),
        ([[1.0] * 3, [0.5] * 3, [0.6] * 3, [0.7, 0.7, X], [X, X, 0.7], [X, X, 0.7]], "open", (4.0, np.inf)),
        ([[1.0] * 3, [0.5] * 3, [X] * 3, [1.0] * 3, [X] * 3, [1.0] * 3], "open_again", (2.0, np.inf)),
        ([[X, 1.0, 1.0], [X, 0.5, 0.5], [X, 0.6, 0.6], [X, 0.7, 0.7], [X] * 3, [X] * 3], "some_below", None),
        ([[1.0] * 2, [0.5] * 2, [0.6] * 2, [0.7] * 2, [X] * 2, [X] * 2], "few_seeds", None),
        ([[1.0], [0.5], [0.6], [0.7], [X], [X]], "few_seeds", None),
    ],
)
def test_the_edge_is_told_with_its_interval_or_why_there_is_none(table_of, rows, key, interval):
    edge = check(convergence_findings(table_of(LRS, rows), OPTIONS))["edge"]
    assert edge.statement.key == f"edge.{key}"
    if interval is None:
        assert edge.interval is None
    else:
        assert edge.interval == (pytest.approx(interval[0], rel=0.7), pytest.approx(interval[1]))
        assert edge.interval[0] <= edge.details["lower"] < edge.details["upper"] <= edge.interval[1]


def test_a_network_that_starts_at_nan_is_answered_too(make_run):
    start = {"train_loss": X, "validation_loss": X}
    runs = [make_run(lr, s, dict(START), start, diverged=True) for lr in LRS for s in range(3)]
    found = check(convergence_findings(SweepTable.of(runs), OPTIONS))
    assert {f.statement.key for name, f in found.items() if name != "edge"} == {"cannot_say.diverged"}
    check(generalization_findings(SweepTable.of(runs), OPTIONS))


@pytest.mark.parametrize(
    ("rows", "key"),
    [
        ([[1.5] * 3, [0.5] * 3, [0.51] * 3, [1.5] * 3], "closed"),
        ([[0.5, 0.51, 0.5], [0.5, 0.5, 0.5], [1.0] * 3, [1.5] * 3], "open_left"),
        ([[1.0] * 3, [0.7] * 3, [0.5] * 3, [0.501] * 3], "open_right"),
        ([[0.502] * 3, [0.501] * 3, [0.5] * 3, [0.501] * 3], "open"),
    ],
)
def test_an_open_basin_is_told(table_of, rows, key):
    found = check(convergence_findings(table_of(LRS[:4], rows), OPTIONS))
    assert found["basin"].statement.key == f"basin.{key}"


def test_sensitivity_refers_to_the_range_first_asked_for(table_of):
    table = table_of(LRS, [[4.5] * 3, [4.0] * 3, [9.0] * 3, [X] * 3, [X] * 3, [X] * 3], initial=7.0)
    inside = check(convergence_findings(table, replace(OPTIONS, lr_range=(1.0, 4.0))))["sensitivity"]
    assert inside.estimate == pytest.approx(3.5 / 3)
    outside = check(convergence_findings(table, replace(OPTIONS, lr_range=(0.1, 1.1))))["sensitivity"]
    assert outside.statement.key == "cannot_say.grid"


def test_a_target_that_is_never_reached_is_told(table_of):
    table = table_of(LRS[:3], [[1.0] * 3, [0.5] * 3, [1.0] * 3])
    never = check(convergence_findings(table, replace(OPTIONS, target=0.1)))["steps_to_target"]
    assert never.statement.key == "steps_to_target.never"
    reached = check(convergence_findings(table, replace(OPTIONS, target=0.8)))["steps_to_target"]
    assert reached.details["fastest_lr"] == 2.0


@pytest.mark.parametrize(("against", "loss_key"), [(1, "flatter_better"), (-1, "sharper_better"), (0, "unclear")])
def test_sharpness_is_related_to_both_loss_and_gap(make_run, against, loss_key):
    rng = np.random.default_rng(0)
    runs = []
    for i, lr in enumerate(LRS):
        for s in range(6):
            validation = 0.5 + 0.05 * against * (i - 2) + 0.03 * rng.normal() * (against == 0) + 0.001 * rng.normal()
            final = {"train_loss": 0.1 + 0.001 * rng.normal(), "validation_loss": validation}
            runs.append(make_run(lr, s, final | {"sharpness": 2.0**i, "sharpness_error": 0.1}, START))
    found = check(generalization_findings(SweepTable.of(runs), OPTIONS))
    assert found["sharpness"].verdict is Verdict.SUPPORTED
    assert found["sharpness_and_loss"].statement.key == f"sharpness_and_loss.{loss_key}"
    assert found["sharpness_and_gap"].statement.key == f"sharpness_and_gap.{loss_key}"


@pytest.mark.parametrize(
    ("offset", "scatter", "key"), [(0.3, 0.01, "higher"), (-0.05, 0.01, "lower"), (0.0, 0.02, "none")]
)
def test_the_sign_of_the_gap_is_told(make_run, offset, scatter, key):
    rng = np.random.default_rng(1)
    runs = []
    for lr, loss in zip(LRS, (1.0, 0.7, 0.5, 0.7, 1.0, 1.2), strict=True):
        for s in range(5):
            final = {"train_loss": loss, "validation_loss": loss + offset + scatter * rng.normal()}
            runs.append(make_run(lr, s, final, START))
    found = check(generalization_findings(SweepTable.of(runs), OPTIONS))
    assert found["generalization_gap"].statement.key == f"generalization_gap.{key}"
    assert found["train_vs_validation"].verdict is Verdict.SUPPORTED


def test_scatter_leaves_the_choice_between_train_and_validation_open(make_run):
    rng = np.random.default_rng(0)
    runs = [
        make_run(lr, s, {"train_loss": train, "validation_loss": 1.0 + 0.2 * rng.normal()}, START)
        for lr, train in zip(LRS, (1.0, 0.7, 0.5, 0.7, 1.0, 1.2), strict=True)
        for s in range(4)
    ]
    found = check(generalization_findings(SweepTable.of(runs), OPTIONS))
    assert found["train_vs_validation"].statement.key == "train_vs_validation.unclear"


@pytest.mark.parametrize(
    "bad",
    [
        {"confidence": 1.0},
        {"tolerance": -0.1},
        {"edge_ratio": 1.0},
        {"resamples": 0},
        {"target": X},
        {"lr_range": (1.0, 0.1)},
    ],
)
def test_options_out_of_range_are_refused_with_their_name(bad):
    with pytest.raises(SpecError, match=next(iter(bad)).split("_")[0]):
        SweepOptions(**bad)


def test_what_one_seed_measured_is_told_without_an_interval(make_run):
    runs = [
        make_run(lr, s, {"train_loss": loss, "validation_loss": loss, "sharpness": 3.0}, START, diverged=s == 1)
        for lr, loss in zip(LRS, (1.0, 0.7, 0.5, 0.7, 1.0, 1.2), strict=True)
        for s in range(2)
    ]
    found = check(generalization_findings(SweepTable.of(runs), OPTIONS))
    assert found["sharpness"].statement.key == "sharpness.one_seed"
    assert found["generalization_gap"].statement.key == "generalization_gap.unmeasured"


def test_a_range_in_which_everything_diverged_has_no_sensitivity(table_of):
    losses = [[0.5] * 5, [0.3] * 5, [0.4] * 5, [X] * 5, [X] * 5, [X] * 5]
    options = replace(OPTIONS, lr_range=(8.0, 32.0))
    findings = check(convergence_findings(table_of(LRS, losses), options))
    assert findings["sensitivity"].verdict is Verdict.INCONCLUSIVE
    assert findings["sensitivity"].statement.key == "cannot_say.diverged"
