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
        ({"precision": 0.2, "grid": "momentum=0,0.9"}, "a second axis compares runs on equal seeds"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, sentence):
    with pytest.raises(SpecError, match=sentence):
        Study("convergence", data="digits", **options)


def test_an_etude_that_compares_arms_takes_no_precision():
    with pytest.raises(SpecError, match="decay compares runs on equal seeds and takes no precision"):
        Study("decay", data="digits", precision=0.2)


def test_a_precision_brings_a_coarse_grid_and_more_seeds():
    spec = Study("convergence", data="digits", precision=0.2).spec
    assert (len(spec.lrs), spec.seeds) == (10, 10)
