"""The étude adaptive, end to end on a race of a second or two."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import etude
from etude.core.errors import SpecError
from etude.report.catalogue import LANGUAGES
from etude.report.figures import BandFigure
from etude.studies.adaptive import arms as race
from etude.studies.adaptive.entrants import ENTRANTS, Entrant
from etude.studies.adaptive.etude import ADAPTIVE, RESOLUTION
from etude.studies.optimizers import RULES
from etude.studies.study import Answer
from etude.training.measures import EffectiveRates
from etude.training.rules import AdamW, Muon

SMALL: dict[str, Any] = {"seeds": 3, "steps": 24, "batch_size": 32, "hidden": (16,)}
FEW = ("SGD", "Adam", "Prodigy")


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Answer]:
    """Three rules, each on its own grid."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(race, "ENTRANTS", tuple(e for e in ENTRANTS if e.name in FEW))
        folder = tmp_path_factory.mktemp("adaptive") / "study"
        yield etude.Study("adaptive", out=folder, **SMALL).run(workers=0)


def test_epochs_take_the_place_of_the_default_steps() -> None:
    assert etude.Study("adaptive").spec.steps == ADAPTIVE.defaults["steps"]
    spec = etude.Study("adaptive", epochs=2.0).spec
    assert (spec.steps, spec.epochs) == (None, 2.0)


def test_every_update_rule_races_and_sgd_in_three_forms() -> None:
    assert {entrant.optimizer for entrant in ENTRANTS} == set(RULES)
    assert [entrant.name for entrant in ENTRANTS if entrant.optimizer == "sgd"] == [
        "SGD",
        "SGD β=0.9",
        "Nesterov β=0.9",
    ]
    assert len({entrant.name for entrant in ENTRANTS}) == len(ENTRANTS)


@pytest.mark.parametrize("entrant", ENTRANTS, ids=lambda e: e.name)
def test_a_grid_holds_the_usual_rate_inside_and_one_refinement_is_enough(entrant: Entrant) -> None:
    assert entrant.lrs[0] < entrant.usual < entrant.lrs[-1]
    assert entrant.usual in entrant.lrs
    gaps = [np.log2(b / a) for a, b in pairwise(entrant.lrs)]
    assert max(gaps) < 2 * RESOLUTION
    assert min(gaps) > RESOLUTION


@pytest.mark.parametrize("entrant", ENTRANTS, ids=lambda e: e.name)
def test_weight_decay_is_off_but_for_adamw_and_one_value_is_for_all(entrant: Entrant) -> None:
    rule = entrant.rule()
    assert rule.weight_decay == (0.01 if isinstance(rule, AdamW) else 0.0)  # type: ignore[union-attr]
    assert entrant.rule(0.3).weight_decay == 0.3  # type: ignore[union-attr]


def test_the_rest_beside_muon_decays_as_its_matrices() -> None:
    muon = next(entrant for entrant in ENTRANTS if entrant.optimizer == "muon")
    for given, decay in ((None, 0.0), (0.3, 0.3)):
        rule = muon.rule(given)
        assert isinstance(rule, Muon)
        assert (rule.weight_decay, rule.rest.weight_decay) == (decay, decay)


def test_all_rules_have_the_same_budget_and_their_own_grids(small: Answer) -> None:
    sweeps = small.stored.sweeps
    assert tuple(sweep.arm.name for sweep in sweeps) == FEW
    for sweep in sweeps:
        base, entrant = sweep.arm.base, next(e for e in ENTRANTS if e.name == sweep.arm.name)
        assert (base.steps, base.batch_size, base.schedule) == (24, 32, sweeps[0].arm.base.schedule)
        assert base.rule == entrant.rule()
        assert sweep.arm.lrs == entrant.lrs
        assert sweep.table.seeds.tolist() == [0, 1, 2]
        assert (EffectiveRates() in base.measures) == entrant.adapts


def test_grids_are_refined_around_each_best(small: Answer) -> None:
    lrs = small["race_winner"].details["lr"]
    for sweep in small.stored.sweeps:
        own = sweep.table.lrs
        best = int(np.flatnonzero(own == lrs[sweep.arm.name])[0])  # type: ignore[index]
        near = own[max(0, best - 1) : best + 2]
        assert np.diff(np.log2(near)).max() <= RESOLUTION * 1.0001


def test_the_untuned_rule_is_judged_at_one(small: Answer) -> None:
    told = small["without_tuning"].details["arms"]
    assert set(told) == {"Prodigy"}  # type: ignore[call-overload]
    table = next(s.table for s in small.stored.sweeps if s.arm.name == "Prodigy")
    row = int(np.flatnonzero(table.lrs == 1.0)[0])
    assert told["Prodigy"]["loss"] == pytest.approx(table.result("validation_loss")[row].mean())  # type: ignore[index]


def test_effective_rates_of_adam_are_eta_over_the_second_moment(small: Answer) -> None:
    table = next(s.table for s in small.stored.sweeps if s.arm.name == "Adam")
    for lr, row in zip(table.lrs, table.cells, strict=True):
        for cell in row:
            assert cell is not None
            rate, root = (cell.evaluations[f"{kind}/q50"][1:] for kind in ("effective_lr", "second_moment"))
            # The median of a falling function is that function of the median.
            np.testing.assert_allclose(rate, lr / (root + 1e-8), rtol=1e-3)


def test_every_finding_and_sentence_is_there_in_both_languages(small: Answer) -> None:
    assert set(small.findings) == {
        "race_fair",
        "race_winner",
        "race_apart",
        "race_basin",
        "race_pace",
        "widths_apart",
        "usual_lr",
        "without_tuning",
        "spread_of_rates",
        "drift_of_rates",
    }
    for language in LANGUAGES:
        assert small.text(language)
    page = small.page
    ids = [figure.id for figure in page.figures]
    assert ids == ["contest", "basins", "shapes", "valleys", "ways", "rates", "moments"]
    assert len(set(ids)) == len(ids)
    rates = next(figure for figure in page.figures if figure.id == "rates")
    assert isinstance(rates, BandFigure)
    assert [panel.name for panel in rates.panels] == ["Adam", "Prodigy"]
    assert small.write_report().stat().st_size > 10_000


def test_a_grid_of_the_user_is_for_all_rules(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(race, "ENTRANTS", tuple(e for e in ENTRANTS if e.name in ("SGD", "Adam")))
    options = SMALL | {"seeds": 2, "steps": 8, "lr": "0.01:0.1:3", "weight_decay": 0.1}
    answer = etude.Study("adaptive", out=tmp_path / "s", **options).run(workers=0)
    for sweep in answer.stored.sweeps:
        np.testing.assert_allclose(sweep.arm.lrs, [0.01, 10**-1.5, 0.1])
        assert sweep.arm.base.rule.weight_decay == 0.1  # type: ignore[union-attr]
    assert answer["without_tuning"].estimate is None
    assert answer.write_report().exists()


@pytest.mark.parametrize(
    "options", [{"optimizer": "lion"}, {"momentum": 0.5}, {"nesterov": True}], ids=lambda o: next(iter(o))
)
def test_one_update_rule_cannot_be_asked_for(tmp_path: Any, options: dict[str, Any]) -> None:
    with pytest.raises(SpecError, match=f"adaptive runs every update rule at its defaults, got {next(iter(options))}"):
        etude.Study("adaptive", out=tmp_path / "s", **options).run(workers=0)
    assert not (tmp_path / "s").exists()
