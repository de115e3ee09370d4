"""The scoreboard: labels, remedies, tables, and what other tools would have said."""

import sys
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from etude.analysis.diagnosis.evidence import Evidence
from etude.analysis.diagnosis.record import RunRecord
from etude.analysis.diagnosis.verdict import Fault, Remedy
from etude.analysis.statistics import wilson_interval
from etude.core.message import Message
from etude.core.trace import Ending, Outcome, Trace

FOLDER = Path(__file__).parents[1] / "benchmarks"
MODULES = (
    "scoreboard",
    "cases",
    "own",
    "lab",
    "heal",
    "judge",
    "rates",
    "faults",
    "worlds",
    "nets",
    "sources",
    "others",
    "tables",
)


@pytest.fixture(scope="module")
def board() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(FOLDER))
        import scoreboard

        yield scoreboard
        for name in MODULES:
            sys.modules.pop(name, None)


def other(name: str) -> Any:
    return sys.modules[name]


def test_labels_follow_the_results_of_a_sweep(board: Any) -> None:
    def run(train: float, held_out: float, *, diverged: bool = False) -> Any:
        outcome = Outcome(Ending.DIVERGED, 3, "exploded") if diverged else Outcome(Ending.COMPLETED, 9)
        points = {"train_loss": np.array([2.0]), "validation_loss": np.array([2.0])}
        final = {} if diverged else {"train_loss": train, "validation_loss": held_out}
        return other("lab").Run(None, Trace("", outcome, {}, points, final))

    runs = [run(1.9, 1.9), run(0.2, 0.3), run(0.09, 0.3), run(0.0, 0.2), run(0.8, 0.28), run(0, 0, diverged=True)]
    assert other("cases").label(runs) == ["low", "low", "ok", "ok", "ok", "high"]


def test_every_half_has_worlds_of_its_own_and_every_fault_a_healthy_twin(board: Any) -> None:
    worlds, cases, own = other("worlds"), other("cases"), other("own")
    names = {half: {world.name for world in worlds.worlds(half)} for half in ("development", "held-out", "check")}
    assert len(set.union(*names.values())) == sum(map(len, names.values()))
    found = [*cases.planted(worlds.worlds("held-out")[0], 0)]
    found += [case for family in own.families("held-out") for case in family(0)]
    assert len({(case.world, case.kind) for case in found}) == len(found)
    assert len({case.kind for case in found if case.truth}) >= 20
    assert {case.world for case in found if case.truth} == {case.world for case in found if case.kind == "twin"}


def test_a_twin_that_another_learning_rate_beats_is_not_called_healthy(board: Any) -> None:
    world = other("worlds").worlds("development")[0]
    slow = replace(world, steps=24, good=world.good / 100)

    def twin_and_spikes(seed: int) -> Any:
        return islice(other("cases").planted(slow, seed), 2)

    assert [run.truth for run in board.planted_runs(twin_and_spikes, 0)] == ["", ""]


def test_runs_that_were_kept_are_judged_as_they_were(board: Any, tmp_path: Path) -> None:
    judge, cases, lab = other("judge"), other("cases"), other("lab")
    world = replace(other("worlds").worlds("development")[0], steps=24)
    run = judge.labelled(lab.train_cases([next(iter(cases.planted(world, 0)))])[0], "ok", {"train": 1.0})
    judge.keep([run], tmp_path / "new" / "a.pkl")
    assert judge.judge(judge.kept(tmp_path / "new" / "a.pkl")[0]) == judge.judge(run)


def test_where_lanes_are_dear_the_seeds_share_the_learning_rates_of_a_sweep(board: Any) -> None:
    worlds = {world.name: world for world in other("worlds").worlds("development")}
    assert worlds["mlp"].lrs(0) == worlds["mlp"].lrs(1)
    there, here = worlds["gru-adam"].lrs(0), worlds["gru-adam"].lrs(1)
    assert sorted(there + here) == pytest.approx([1e-6 * 10 ** (i / 2) for i in range(13)], rel=1e-3)


def test_a_run_on_the_board_is_forked_on_its_way_and_looked_into_now_and_then(board: Any) -> None:
    cases, lab = other("cases"), other("lab")
    world = replace(other("worlds").worlds("development")[0], steps=24)
    kept = lab.FORK_AT
    run = lab.train_cases([next(iter(cases.planted(world, 0)))])[0]
    assert run.fork is not None
    assert run.fork.step == kept * 24
    dead = next(column for name, column in run.trace.evaluations.items() if name.startswith("dead/"))
    assert np.isfinite(dead).tolist() == [t % (lab.SELDOM * 2) == 0 or t == 24 for t in range(0, 25, 2)]
    assert np.isfinite(run.trace.evaluations["delta_slope"]).tolist() == [True] + 12 * [False]


def test_what_was_kept_can_follow_its_remedies_later(board: Any) -> None:
    cases = other("cases")
    world = replace(other("worlds").worlds("development")[0], steps=40)

    def twin_and_frozen(seed: int) -> Any:
        return [case for case in cases.planted(world, seed) if case.kind in ("twin", "frozen")]

    runs = board.planted_runs(twin_and_frozen, 0)
    after = board.follow_planted(lambda: twin_and_frozen(0), runs)
    assert [run.truth for run in runs] == ["ok", "frozen_parameter"]
    assert [run.healed for run in runs] == [None, None]
    assert [run.healed for run in after] == [None, True]


def test_an_interval_takes_a_world_for_one_observation_where_its_runs_agree(board: Any) -> None:
    interval, one = other("tables").cluster_interval, np.ones(1)
    runs = np.full((20, 1), 50.0)
    agreed = interval(np.where(np.arange(20) < 14, 50.0, 0.0)[:, None], runs, one)
    mixed = interval(np.full((20, 1), 35.0), runs, one)
    alone = interval((np.arange(1000) < 700).astype(float)[:, None], np.ones((1000, 1)), one)
    assert agreed == pytest.approx(wilson_interval(14, 20), abs=0.06)
    assert mixed == pytest.approx(wilson_interval(700, 1000))
    assert alone == pytest.approx(wilson_interval(700, 1000), abs=0.01)
    assert interval(np.zeros((3, 1)), np.full((3, 1), 10.0), one) == pytest.approx(wilson_interval(0, 30))


def test_a_remedy_changes_what_it_names(board: Any) -> None:
    cases, heal = other("cases"), other("heal").heal
    case = next(iter(cases.planted(other("worlds").worlds("development")[0], 0)))
    text = Message("diagnosis.healthy.falsifier")
    slower = heal(case, Remedy(text, lr_factor=0.1))
    assert slower.spec.peak_lr == pytest.approx(0.1 * case.spec.peak_lr)
    changed = heal(case, Remedy(text, changes={"clip_norm": 1.5, "warmup_steps": 40, "group_scale/1.weight": 100}))
    assert (changed.spec.clip_norm, changed.spec.group_scales) == (1.5, (("1.weight", 100.0),))
    assert changed.spec.schedule(0) < changed.spec.schedule(39) <= changed.spec.schedule(40) == 1
    gained = heal(case, Remedy(text, changes={"init_gain": 2.0}))
    before, after = (c.task.init(0).state_dict() for c in (case, gained))
    assert [float(after[n].norm() / before[n].norm()) for n in ("1.weight", "3.weight", "5.weight")] == pytest.approx(
        [2, 2, 1]
    )


def test_the_report_counts(board: Any) -> None:
    def score(truth: str, said: str, right: bool, healed: bool | None = None) -> Any:
        return other("tables").Score(
            "w", "k", truth, 0.1, 0, [said], right, [said], True, {name: [] for name in other("others").OTHERS}, healed
        )

    scores = [score("ok", "healthy", True)] * 9 + [score("ok", "too_low", False)]
    scores += [
        score("low", "too_low", True, True),
        score("high", "healthy", False, False),
        score("spike", "spike", True, True),
    ]
    text = other("tables").report(scores)
    assert "false alarms on healthy runs" in text
    alone, forked = (line for line in text.splitlines() if line.lstrip().startswith("false alarms"))
    assert " 10.0%" in alone
    assert " 0.0%" in forked
    assert "always too low" in text


def test_the_check_has_sweeps_of_cheap_worlds_alone_and_its_report_does_without_the_rest(board: Any) -> None:
    jobs = board.jobs_of("check", seeds=2, plants=1, treated=0)
    assert len(jobs) == 2 * len(other("worlds").worlds("check"))
    assert all(job.name.startswith("sweeps-") for job in jobs)
    assert not any(world.dear for world in other("worlds").worlds("check"))
    none = {name: list[str]() for name in other("others").OTHERS}
    truths = {"ok": "healthy", "low": "too_low", "high": "diverging"}
    scores = [
        other("tables").Score(world, "k", truth, 0.1, 0, [said], True, [said], True, none)
        for world in "vw"
        for truth, said in truths.items()
    ]
    lines = [line for line in other("tables").report(scores).splitlines() if not line.startswith("none")]
    assert [line.split()[-2:] for line in lines if line.startswith("other faults")] == 4 * [["no", "runs"]]
    assert any("cannot be said" in line for line in lines)


def test_a_nan_silences_the_rule_of_olmo_as_long_as_it_is_in_the_window(board: Any) -> None:
    rng = np.random.default_rng(0)
    loss = 1 + 0.01 * rng.normal(size=400)
    loss[200] = 5.0

    def said(values: Any) -> set[str]:
        trace = Trace("", Outcome(Ending.COMPLETED, 400), {"loss": values})
        found: set[str] = other("others").olmo(Evidence(RunRecord(trace)))
        return found

    assert said(loss) == {Fault.SPIKE.value}
    loss[150] = np.nan
    assert said(loss) == set()
