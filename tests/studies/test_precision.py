"""Studies that stop at the precision that is asked for, from the options to the page."""

import pytest

from etude.core.errors import SpecError
from etude.report.catalogue import say
from etude.studies.fresh import FRESH_SEEDS
from etude.studies.study import Study

OPTIONS = {"lr": "0.002:0.5:5", "seeds": 5, "steps": 60, "precision": 0.5}


@pytest.fixture(scope="module")
def answer(tmp_path_factory, small_task):
    folder = tmp_path_factory.mktemp("precision") / "study"
    return Study("convergence", task=small_task, out=folder, **OPTIONS).run(workers=0)


def test_it_makes_fewer_runs_than_the_grid_and_says_how_many(answer):
    counts = answer.stored.table.ran.sum(axis=1)
    assert counts.min() == 2
    assert counts.max() > 2
    statement = answer["search"].statement
    assert statement.values["runs"] == counts.sum()
    assert statement.values["runs"] < statement.values["every"] == 5 * len(counts)
    assert f"{counts.min()}–{counts.max()} seeds" in say(answer.page.subtitle)


def test_the_chosen_learning_rate_is_run_again_on_seeds_that_the_search_never_used(answer):
    recommended, fresh = answer["recommended_lr"], answer["fresh"]
    assert fresh.details["lr"] == recommended.estimate
    assert len(fresh.details["losses"]) == FRESH_SEEDS
    assert fresh.interval[0] <= fresh.estimate <= fresh.interval[1]
    assert not set(fresh.runs) & set(answer.stored.table.hashes)
    for language in ("en", "zh"):
        assert say(fresh.statement, language) in answer.text(language)


def test_the_page_tells_where_the_runs_went(answer):
    spent = answer.page.sections[-1].tables[0]
    assert [row[1] for row in spent.rows] == answer.stored.table.ran.sum(axis=1).tolist()
    verdicts = [row[-1].key for row in spent.rows]
    assert verdicts.count("search.spent.best") == 1
    assert {row[2] for row in spent.rows} <= set(range(1, len(answer.stored.rounds) + 1))
    dropped = [row for row in spent.rows if row[-1].key == "search.spent.dropped"]
    assert all(row[3].values["low"] > 0 for row in dropped)


def test_running_it_again_changes_nothing(answer, small_task):
    again = Study("convergence", task=small_task, out=answer.folder, **OPTIONS).run(workers=0)
    assert again.findings == answer.findings


def test_generalization_seeks_the_best_of_both_losses(tmp_path, small_task):
    study = Study("generalization", task=small_task, out=tmp_path / "s", **(OPTIONS | {"steps": 30, "budget": 60}))
    answer = study.run(workers=0)
    assert "fresh" in answer.findings
    assert answer["train_vs_validation"].statement
    assert len(answer.stored.table.hashes) <= 60


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"precision": 0.0}, "needs 0.01 <= precision <= 2, got 0.0"),
        ({"precision": 0.2, "seeds": 2}, "a precision needs seeds >= 3, got 2"),
        ({"budget": 50}, "got budget = 50 without a precision"),
        ({"precision": 0.2, "budget": 19}, "needs budget >= 20"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, sentence):
    with pytest.raises(SpecError, match=sentence):
        Study("convergence", data="digits", **options)


@pytest.mark.parametrize("name", ["descent", "clinic", "find"])
def test_an_etude_of_which_no_run_can_be_spared_says_why(name):
    with pytest.raises(SpecError, match=f"{name} takes no precision, because it"):
        Study(name, data="digits", precision=0.2)


RACE = {"steps": 30, "seeds": 4, "precision": 0.4, "grid": "momentum=0,0.9", "lr": "0.003:3:5", "budget": 80}


@pytest.fixture(scope="module")
def race(tmp_path_factory, small_task):
    folder = tmp_path_factory.mktemp("race") / "study"
    return Study("convergence", task=small_task, out=folder, **RACE).run(workers=0)


def test_arms_are_compared_on_equal_seeds_within_one_budget(race):
    tables = [sweep.table for sweep in race.stored.sweeps]
    assert len({tuple(table.seeds) for table in tables}) == 1
    assert sum(len(table.hashes) for table in tables) == race["search"].statement.values["runs"] <= RACE["budget"]
    assert all(table.ran.all(axis=1).any() for table in tables)
    assert not all(table.ran.all() for table in tables)


def test_every_arm_is_run_again_on_seeds_that_took_no_part_in_tuning_and_compared_there(race):
    fresh, seen = race["fresh"], {run for sweep in race.stored.sweeps for run in sweep.table.hashes}
    assert {len(losses) for losses in fresh.details["losses"].values()} == {FRESH_SEEDS}
    assert not set(fresh.runs) & seen
    assert fresh.details["mean"] == pytest.approx({n: sum(v) / FRESH_SEEDS for n, v in fresh.details["losses"].items()})
    assert fresh.estimate == min(fresh.details["mean"].values())
    for language in ("en", "zh"):
        assert say(fresh.statement, language) in race.text(language)


def test_the_page_of_a_comparison_tells_what_was_dropped_when_and_why(race):
    spent, dropped, again = race.page.sections[-1].tables
    for row, sweep in zip(spent.rows, race.stored.sweeps, strict=True):
        counts = sweep.table.ran.sum(axis=1)
        assert (row[3], row[4], row[5]) == (len(counts), (counts < len(sweep.table.seeds)).sum(), counts.sum())
    assert len(dropped.rows) == sum(row[4] for row in spent.rows) > 0
    assert all(row[4].values["low"] > 0 for row in dropped.rows if row[5].key == "search.dropped.worse")
    assert len(again.rows) == len(spent.rows)
    assert race.page.rests_on[-1].key == "search.rests"


def test_a_comparison_that_is_run_again_changes_nothing(race, small_task):
    again = Study("convergence", task=small_task, out=race.folder, **RACE).run(workers=0)
    assert again.findings == race.findings


def test_a_budget_below_the_first_round_of_all_arms_is_refused_before_anything_is_trained(tmp_path, small_task):
    study = Study("convergence", task=small_task, out=tmp_path / "s", **(RACE | {"budget": 19}))
    with pytest.raises(SpecError, match="needs budget >= 20, 2 runs for each learning rate of each first grid, got 19"):
        study.run(workers=0)
    assert not study.folder.exists()


def test_a_precision_brings_a_coarse_grid_and_more_seeds():
    spec = Study("convergence", data="digits", precision=0.2).spec
    assert (len(spec.lrs), spec.seeds) == (10, 10)
