from collections.abc import Callable
from dataclasses import replace
from graphlib import TopologicalSorter
from typing import Any

import numpy as np
import pytest

from etude.analysis.diagnosis.diagnose import CAUSES, RULES, diagnose
from etude.analysis.diagnosis.evidence import Evidence
from etude.analysis.diagnosis.record import RunRecord
from etude.analysis.diagnosis.verdict import Confidence, Diagnosis, Fault
from etude.core.errors import SpecError
from etude.core.fork import Fork
from etude.core.trace import Array, Ending, Outcome, Trace
from etude.report.catalogue import LANGUAGES, say

STEPS, POINTS = 400, 11


def faults(run: RunRecord) -> list[Fault]:
    return [verdict.fault for verdict in diagnose(run)]


def first(run: RunRecord) -> Diagnosis:
    found = diagnose(run)[0]
    for language in LANGUAGES:
        for message in (found.symptom, found.falsifier, found.remedy and found.remedy.text, *found.wanted):
            if message is not None:
                assert say(message, language)
    return found


def trace_of(evaluations: dict[str, Array]) -> Trace:
    return Trace("", Outcome(Ending.COMPLETED, STEPS), {}, evaluations)


# ── Healthy, and too little to say ───────────────────────────────────────────────────────────────────────────────────


def test_a_healthy_run_is_healthy(healthy: Any) -> None:
    assert faults(healthy.record()) == [Fault.HEALTHY]
    assert first(healthy.record()).falsifier is not None


def test_a_loss_alone_gives_no_verdict_on_the_learning_rate_and_says_what_would_decide(healthy: Any) -> None:
    run = RunRecord(Trace("", Outcome(Ending.COMPLETED, STEPS), {"loss": healthy.loss}))
    found = first(run)
    assert found.fault is Fault.UNDECIDED
    assert [m.key for m in found.wanted] == ["diagnosis.wanted.alignment", "diagnosis.wanted.fork"]


@pytest.mark.parametrize("length", [0, 1, 5])
def test_a_record_that_is_too_short_is_undecided(length: int) -> None:
    run = RunRecord(Trace("", Outcome(Ending.STOPPED, length), {"loss": np.ones(length)}))
    assert faults(run) == [Fault.UNDECIDED]


def test_an_empty_record_is_undecided() -> None:
    assert faults(RunRecord(Trace("", Outcome(Ending.STOPPED, 0)))) == [Fault.UNDECIDED]


def test_every_subset_of_the_columns_is_diagnosed_without_an_error(healthy: Any) -> None:
    names = [*healthy.per_step, *(n for n in healthy.evaluations if n != "step")]
    for name in names:
        gone = {name: None}
        known = faults(healthy.record(gone if name in healthy.per_step else None, gone))
        assert known[0] in (Fault.HEALTHY, Fault.UNDECIDED), name
        alone = healthy.record(
            {n: None for n in healthy.per_step if n != name},
            {n: None for n in healthy.evaluations if n not in (name, "step")},
        )
        assert faults(alone)[0] in (Fault.HEALTHY, Fault.UNDECIDED), name


def test_a_run_that_stalled_halfway_is_not_called_healthy(healthy: Any) -> None:
    stalled = {"train_loss": np.append(2.3, np.full(POINTS - 1, 1.2))}
    found = first(healthy.record(None, stalled))
    assert (found.fault, found.symptom.key) == (Fault.UNDECIDED, "diagnosis.undecided.stalled")
    assert [m.key for m in found.wanted] == ["diagnosis.wanted.fork"]


def test_white_noise_about_a_level_is_no_oscillation(healthy: Any) -> None:
    flat = 0.05 + 0.01 * healthy.rng.normal(size=STEPS)
    loss = np.where(healthy.t < 40, healthy.loss, flat)
    assert Fault.OSCILLATION not in faults(healthy.record({"loss": loss}))
    assert (np.diff(np.sign(np.diff(loss[50:]))) != 0).mean() > 0.6  # it does change direction at two steps of three


def test_half_of_the_activations_at_zero_are_no_dead_units(healthy: Any) -> None:
    assert faults(healthy.record(None, {"dead/1": np.full(POINTS, 0.45)})) == [Fault.HEALTHY]


def test_what_follows_a_step_decay_and_a_restart_is_healthy(healthy: Any) -> None:
    lr = np.where(healthy.t < 200, 0.1, 0.01)
    lr[300:] = 0.1
    norms = healthy.per_step["gradient_norm"].copy()
    norms[300:305] *= 100
    loss = healthy.loss.copy()
    loss[300:305] *= 10
    assert faults(healthy.record({"lr": lr, "gradient_norm": norms, "loss": loss})) == [Fault.HEALTHY]


# ── The learning rate ────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_loss_that_falls_evenly_along_agreeing_gradients_asks_for_a_higher_rate(
    healthy: Any, slow: Callable[[float], dict[str, Array]]
) -> None:
    aligned = 0.6 + 0.1 * healthy.rng.normal(size=STEPS)
    found = first(healthy.record({"alignment": aligned}, slow(0.5)))
    assert found.fault is Fault.TOO_LOW
    assert found.estimate == pytest.approx(
        2 / 3, abs=0.01
    )  # two thirds of an even descent are made on the last two thirds
    assert found.remedy is not None
    assert found.remedy.lr_factor > 1


def test_a_run_that_has_hardly_begun_is_told_how_much_is_missing(
    healthy: Any, slow: Callable[[float], dict[str, Array]]
) -> None:
    aligned = 0.6 + 0.1 * healthy.rng.normal(size=STEPS)
    flat = {"probe_curvature": 1e-6 * np.ones(POINTS)}
    found = first(healthy.record({"alignment": aligned}, slow(0.003) | flat))
    assert found.fault is Fault.TOO_LOW
    assert found.remedy is not None
    assert found.remedy.lr_factor == pytest.approx(100)  # 0.3 of the loss, at 0.003 of it per run


def test_agreeing_gradients_at_the_end_of_a_descent_are_healthy(healthy: Any) -> None:
    aligned = 0.6 + 0.1 * healthy.rng.normal(size=STEPS)
    assert faults(healthy.record({"alignment": aligned})) == [Fault.HEALTHY]


def test_an_explosion_at_the_start_is_too_high_and_dead_units_are_its_consequence(healthy: Any) -> None:
    loss = np.full(STEPS, 2.31)
    loss[3:30] = 50.0
    points = {"train_loss": np.full(POINTS, 2.3), "dead/1": np.where(healthy.places > 0, 1.0, 0.0)}
    run = healthy.record({"loss": loss, "alignment": -np.abs(healthy.per_step["alignment"])}, points)
    found = diagnose(run)
    assert [v.fault for v in found[:2]] == [Fault.TOO_HIGH, Fault.DEAD_UNITS]
    assert found[0].began == 3
    assert found[1].cause is Fault.TOO_HIGH
    assert found[0].remedy is not None
    assert (found[0].remedy.lr_factor, found[0].remedy.restart) == (0.1, True)


def test_a_loss_that_is_not_finite_before_anything_was_learned_is_certainly_too_high(healthy: Any) -> None:
    loss = np.full(12, 2.3)
    loss[5:] = np.inf
    columns = {name: column[:12] for name, column in healthy.per_step.items()} | {"loss": loss}
    run = RunRecord(Trace("", Outcome(Ending.DIVERGED, 5, "exploded"), columns))
    assert (first(run).fault, first(run).confidence, first(run).began) == (Fault.TOO_HIGH, Confidence.CERTAIN, 5)


def test_a_run_that_gives_back_what_it_had_learned_is_diverging_since_then(healthy: Any) -> None:
    loss = np.where(healthy.t < 250, healthy.loss, 0.05 * np.exp((healthy.t - 250) / 30))
    curve = np.interp(healthy.places, healthy.t, loss)
    found = first(healthy.record({"loss": loss}, {"train_loss": curve, "validation_loss": curve}))
    assert found.fault is Fault.DIVERGING
    assert found.began is not None
    assert 245 <= found.began <= 330
    assert found.remedy is not None
    assert not found.remedy.restart


def test_gradients_that_point_back_and_forth_without_progress_are_an_oscillation(healthy: Any) -> None:
    cosines = -0.8 + 0.1 * healthy.rng.normal(size=STEPS)
    stuck = {"train_loss": np.append(2.3, np.full(POINTS - 1, 0.5))}
    found = first(healthy.record({"gradient_cosine": cosines}, stuck))
    assert found.fault is Fault.OSCILLATION
    assert Fault.OSCILLATION not in faults(healthy.record({"gradient_cosine": cosines}))  # at the edge, and done
    crawls = {"train_loss": np.append(2.3, np.linspace(0.83, 0.5, POINTS - 1))}  # G = 0.14
    assert Fault.OSCILLATION not in faults(healthy.record({"gradient_cosine": cosines}, crawls))
    undone = -0.99 + 0.01 * healthy.rng.normal(size=STEPS)  # every step takes the last one back
    assert Fault.OSCILLATION in faults(healthy.record({"gradient_cosine": undone}, crawls))
    assert found.interval is not None
    assert found.interval[0] < -0.8 < found.interval[1]


def test_the_edge_of_stability_with_a_falling_loss_is_information(
    healthy: Any, slow: Callable[[float], dict[str, Array]]
) -> None:
    run = healthy.record(None, slow(0.95) | {"sharpness": np.full(POINTS, 20.0)})
    verdicts = {v.fault: v for v in diagnose(run)}
    assert not any(v.accuses for v in verdicts.values())
    assert verdicts[Fault.EDGE].estimate == pytest.approx(2.0)
    done = healthy.record(None, {"sharpness": np.full(POINTS, 20.0)})
    assert Fault.EDGE in faults(done)


def test_a_run_that_is_far_from_over_is_too_low_unless_updates_feel_curvature_or_the_loss_went_up(healthy: Any) -> None:
    late = 2.3 * np.array([1, 0.98, 0.96, 0.94, 0.9, 0.85, 0.75, 0.65, 0.55, 0.5, 0.45])
    curves = {"train_loss": late, "validation_loss": late}

    def probes(q: float) -> dict[str, Array]:
        return {"probe_slope": -np.ones(POINTS), "probe_curvature": np.full(POINTS, q / 2)}

    assert first(healthy.record({"alignment": None}, curves | probes(0.5))).fault is Fault.TOO_LOW
    assert Fault.TOO_LOW not in faults(healthy.record({"alignment": None}, curves | probes(1.5)))
    swings = late + 0.2 * (np.arange(POINTS) % 2)
    assert Fault.TOO_LOW not in faults(
        healthy.record({"alignment": None}, curves | probes(0.5) | {"train_loss": swings})
    )


def test_where_a_tenth_of_the_loss_is_left_both_gradients_and_probes_must_ask_for_longer_steps(healthy: Any) -> None:
    left = 2.3 * (0.08 + 0.92 * (1 - np.linspace(0, 1, POINTS)))
    agree = {"alignment": 0.5 + 0.1 * healthy.rng.normal(size=STEPS)}
    feels = {"probe_slope": -np.ones(POINTS), "probe_curvature": np.full(POINTS, 0.15)}
    flat = {"probe_slope": -np.ones(POINTS), "probe_curvature": np.full(POINTS, 0.02)}
    assert Fault.TOO_LOW not in faults(healthy.record(agree, {"train_loss": left} | feels))
    assert first(healthy.record(agree, {"train_loss": left} | flat)).fault is Fault.TOO_LOW


def test_a_descent_that_comes_late_is_too_high_only_where_the_loss_had_gone_up(healthy: Any) -> None:
    overshoots = {
        "alignment": -0.5 + 0.1 * healthy.rng.normal(size=STEPS),
        "update_ratio": np.full(STEPS, 0.05),
    }
    late = 2.3 * np.array([1, 0.98, 0.96, 0.94, 0.9, 0.8, 0.6, 0.4, 0.3, 0.25, 0.2])
    up = late + 2.3 * np.array([0, 0.3, 0.4, 0.2, 0.1, 0, 0, 0, 0, 0, 0])
    assert Fault.TOO_HIGH not in faults(healthy.record(overshoots, {"train_loss": late}))
    assert first(healthy.record(overshoots, {"train_loss": up})).fault is Fault.TOO_HIGH


def test_overshooting_is_too_high_where_the_loss_went_up_again_and_not_where_it_stands_still(healthy: Any) -> None:
    overshoots = {"alignment": -0.5 + 0.1 * healthy.rng.normal(size=STEPS), "update_ratio": np.full(STEPS, 0.05)}
    stalled = np.append(2.3, np.full(POINTS - 1, 0.7))
    swung = stalled + np.where(np.arange(POINTS) % 3 == 1, 0.2, 0.0)

    def said(curve: Array) -> Diagnosis:
        return first(healthy.record(overshoots, {"train_loss": curve, "validation_loss": curve}))

    assert not said(stalled).accuses
    assert said(swung).symptom.key == "diagnosis.too_high.swung"


def test_gradients_that_agree_accuse_nobody_whose_probes_feel_the_curvature(healthy: Any) -> None:
    agree = {"alignment": 0.5 + 0.1 * healthy.rng.normal(size=STEPS)}
    slower = {"train_loss": 2.3 * np.linspace(1, 0.15, POINTS) ** 2 + 0.3}

    def probes(q: float) -> dict[str, Array]:
        return {"probe_slope": -np.ones(POINTS), "probe_curvature": np.full(POINTS, q / 2)}

    assert first(healthy.record(agree, slower | probes(0.3))).fault is Fault.TOO_LOW
    assert not first(healthy.record(agree, slower | probes(1.2))).accuses


# ── Fork tests ───────────────────────────────────────────────────────────────────────────────────────────────────────


def fork(before: float, low: float, same: float, high: float, noise: float = 1e-3) -> Fork:
    rng = np.random.default_rng(1)
    after = np.array([low, same, high]) + noise * rng.normal(size=(4, 3))
    return Fork(100, 50, np.array([1 / 3, 1.0, 3.0]), np.full(4, before), after)


def test_a_fork_that_comes_three_times_as_far_is_certain(
    healthy: Any, slow: Callable[[float], dict[str, Array]]
) -> None:
    found = first(healthy.record(None, slow(0.5), fork=fork(1.0, 0.967, 0.9, 0.7)))
    assert (found.fault, found.confidence) == (Fault.TOO_LOW, Confidence.CERTAIN)


def test_what_a_fork_gains_on_training_data_alone_convicts_nobody(
    healthy: Any, slow: Callable[[float], dict[str, Array]]
) -> None:
    by_heart, held_out = fork(1.0, 0.967, 0.9, 0.7), fork(1.0, 0.96, 0.9, 0.9)
    found = healthy.record(
        None, slow(0.5), fork=replace(by_heart, held_out_before=held_out.before, held_out_after=held_out.after)
    )
    assert Fault.TOO_LOW not in faults(found)
    agreed = replace(by_heart, held_out_before=by_heart.before, held_out_after=by_heart.after)
    assert faults(healthy.record(None, slow(0.5), fork=agreed))[0] is Fault.TOO_LOW


def test_a_fork_that_comes_no_further_acquits(healthy: Any, slow: Callable[[float], dict[str, Array]]) -> None:
    aligned = {"alignment": 0.6 + 0.1 * healthy.rng.normal(size=STEPS)}
    assert Fault.TOO_LOW not in faults(healthy.record(aligned, slow(0.5), fork=fork(1.0, 0.93, 0.9, 0.89)))


def test_a_fork_that_the_lower_rate_wins_shows_the_noise_floor(healthy: Any) -> None:
    start = 2.3
    found = first(healthy.record(fork=fork(1.0, 0.3, 0.9, 1.6)))
    assert found.fault is Fault.NOISE_FLOOR
    assert found.estimate == pytest.approx((0.9 - 0.3) / (start - 0.3), abs=0.01)
    cosine = 0.1 * (1 + np.cos(np.pi * healthy.t / STEPS)) / 2
    assert faults(healthy.record(fork=fork(1.0, 0.3, 0.9, 1.6), planned_lr=np.full(STEPS, 0.1)))[0] is Fault.NOISE_FLOOR
    assert faults(healthy.record({"lr": cosine}, fork=fork(1.0, 0.3, 0.9, 1.6), planned_lr=cosine)) == [Fault.HEALTHY]


def test_a_plateau_on_which_no_rate_matters_is_not_the_learning_rate(healthy: Any) -> None:
    flat = {"train_loss": np.full(POINTS, 2.3), "validation_loss": np.full(POINTS, 2.3)}
    loss = 2.3 + 0.01 * healthy.rng.normal(size=STEPS)
    for higher in (2.3, 2.6):  # no better, or worse
        found = first(healthy.record({"loss": loss}, flat, fork=fork(2.3, 2.3, 2.3, higher)))
        assert (found.fault, found.confidence) == (Fault.PLATEAU, Confidence.CERTAIN)


def test_a_fork_needs_a_copy_that_was_left_alone() -> None:
    with pytest.raises(SpecError, match="a copy at factor 1"):
        Fork(0, 1, np.array([0.5, 2.0]), np.ones(1), np.ones((1, 2)))
    with pytest.raises(SpecError, match="one row per repeat"):
        Fork(0, 1, np.array([0.5, 1.0]), np.ones(1), np.ones((2, 2)))
    with pytest.raises(SpecError, match="give both"):
        Fork(0, 1, np.array([0.5, 1.0]), np.ones(1), np.ones((1, 2)), held_out_before=np.ones(1))


# ── Laws ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("scale", [1e-3, 7.0, 1e4])
def test_the_unit_of_the_loss_does_not_matter(
    healthy: Any, slow: Callable[[float], dict[str, Array]], scale: float
) -> None:
    def scaled(run: RunRecord) -> RunRecord:
        losses = ("loss", "train_loss", "validation_loss", "probe_slope", "probe_curvature", "gradient_norm")
        steps = {n: c * (scale if n in losses else 1) for n, c in run.trace.per_step.items()}
        points = {n: c * (scale if n in losses else 1) for n, c in run.trace.evaluations.items()}
        trace = Trace("", run.trace.outcome, steps, points)
        return RunRecord(trace, rule="SGD", chance_loss=2.3 * scale)

    aligned = 0.6 + 0.1 * healthy.rng.normal(size=STEPS)
    dying = {"dead/1": np.where(healthy.places > 0, 1.0, 0.0)}
    runs = [
        healthy.record(),
        healthy.record({"alignment": aligned}, slow(0.5)),
        healthy.record(None, slow(0.02) | dying),
    ]
    for run in runs:
        assert faults(scaled(run)) == faults(run)


def test_the_order_of_columns_does_not_matter(healthy: Any) -> None:
    extra = {f"dead/{i}": np.full(POINTS, d) for i, d in enumerate((0.1, 0.9, 0.3))}
    there, back = healthy.record(None, extra), healthy.record(None, dict(reversed(extra.items())))
    assert faults(there) == faults(back)
    assert [v.symptom for v in diagnose(there)] == [v.symptom for v in diagnose(back)]


def test_no_verdict_denies_an_earlier_one(healthy: Any) -> None:
    """Neither "η is not why" nor "raise η" may follow "η was too high"."""
    loss = np.full(STEPS, 2.31)
    loss[3:30] = 50.0
    flat = {"train_loss": np.full(POINTS, 2.3), "dead/1": np.where(healthy.places > 0, 1.0, 0.0)}
    high = faults(healthy.record({"loss": loss, "alignment": -np.abs(healthy.per_step["alignment"])}, flat))
    assert high == [Fault.TOO_HIGH, Fault.DEAD_UNITS]
    aligned = 0.6 + 0.1 * healthy.rng.normal(size=STEPS)
    low = {"train_loss": 2.3 * (1 - 0.1 * healthy.places / STEPS), "saturated/1": np.linspace(0, 0.9, POINTS)}
    told = faults(healthy.record({"alignment": aligned}, low))
    assert told[0] is Fault.SATURATED  # which asks for a lower η
    assert Fault.TOO_LOW not in told


def test_layers_stand_in_the_order_of_the_model(healthy: Any) -> None:
    names = ("1", "3", "11", "21")
    columns = {f"dead/{name}": np.zeros(POINTS) for name in names}
    stored = dict(sorted(columns.items()))
    assert list(Evidence(RunRecord(trace_of(stored))).family("dead")) == list(names)
    known = RunRecord(trace_of(stored), layers=("21.weight", "21.bias", "3.weight", "11.weight", "1.weight"))
    assert list(Evidence(known).family("dead")) == ["21", "3", "11", "1"]
    drawn = {f"dead/{name}": np.zeros(POINTS) for name in ("rnn", "head")}
    assert list(Evidence(RunRecord(trace_of(drawn))).family("dead")) == ["rnn", "head"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_losses_are_told_as_they_are_and_nothing_is_minus_zero(healthy: Any, language: Any) -> None:
    """A loss that rose has not lost minus so many per cent, and a cosine of -0.001 is zero."""
    flat = {"train_loss": np.linspace(2.3, 2.35, POINTS)}
    aligned = -0.001 + 0.0001 * healthy.rng.normal(size=STEPS)
    found = diagnose(healthy.record({"alignment": aligned, "loss": 2.3 + 0.01 * healthy.rng.normal(size=STEPS)}, flat))
    assert found[0].fault is Fault.PLATEAU
    text = say(found[0].symptom, language)
    assert "2.35" in text
    assert "%" not in text.replace("95%", "")
    narrow = {"alignment": np.full(STEPS, -1e-5)}
    assert "−0.000" not in say(diagnose(healthy.record(narrow, flat))[0].symptom, language)


def test_rules_stand_in_the_order_of_causes(healthy: Any) -> None:
    names = [rule.__name__ for rule in RULES]
    assert len(set(names)) == len(names)
    order = list(Fault)
    found = diagnose(healthy.record({"clip_factor": np.full(STEPS, 0.01)}, {"dead/1": np.full(POINTS, 1.0)}))
    free = [order.index(v.fault) for v in found if v.cause is None]
    assert free == sorted(free)


def test_no_fault_is_a_cause_of_itself_by_way_of_others() -> None:
    assert list(TopologicalSorter(CAUSES).static_order())
