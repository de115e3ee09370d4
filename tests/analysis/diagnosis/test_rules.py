"""One record with a known answer for each rule, and the nearest record that must not raise it."""

from typing import Any

import numpy as np
import pytest

from etude.analysis.diagnosis.diagnose import diagnose
from etude.analysis.diagnosis.record import RunRecord
from etude.analysis.diagnosis.verdict import Diagnosis, Fault
from etude.core.trace import Array, Ending, Outcome, Trace
from etude.report.catalogue import LANGUAGES, say

STEPS, POINTS = 400, 11


def verdict(run: RunRecord, fault: Fault) -> Diagnosis:
    found = {v.fault: v for v in diagnose(run)}
    assert fault in found, list(found)
    told = found[fault]
    for language in LANGUAGES:
        for message in (told.symptom, told.falsifier, told.remedy and told.remedy.text, *told.wanted):
            if message is not None:
                assert say(message, language)
    return told


def silent(run: RunRecord, fault: Fault) -> None:
    assert fault not in {v.fault for v in diagnose(run)}


def changes(told: Diagnosis) -> dict[str, float]:
    assert told.remedy is not None
    return told.remedy.changes


def slow() -> dict[str, Array]:
    """A run that has come half of its way, at an even pace."""
    return {"train_loss": 2.3 * (1 - 0.5 * np.linspace(0, 1, POINTS))}


# ── Spikes ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_spikes_are_counted_and_the_limit_is_the_95th_percentile_of_the_clean_norms(healthy: Any) -> None:
    norms = healthy.per_step["gradient_norm"].copy()
    clean = np.percentile(norms[:150], 95)
    norms[[150, 220, 300]] *= 100
    norms[301:] *= 5  # what follows may be its damage
    told = verdict(healthy.record({"gradient_norm": norms}), Fault.SPIKE)
    assert (told.began, told.details["steps"]) == (150, [150, 220, 300])
    assert changes(told)["clip_norm"] == pytest.approx(clean)


def test_what_stands_out_where_every_step_sees_all_the_data_is_no_spike(healthy: Any) -> None:
    norms = healthy.per_step["gradient_norm"].copy()
    norms[200] *= 100
    verdict(healthy.record({"gradient_norm": norms}, batch_size=32, examples=320), Fault.SPIKE)
    silent(healthy.record({"gradient_norm": norms}, batch_size=320, examples=320), Fault.SPIKE)


def test_a_heavy_tail_is_no_spike(healthy: Any) -> None:
    norms = np.exp(0.5 * healthy.rng.normal(size=STEPS))  # passes ten times its median once in 500 000
    silent(healthy.record({"gradient_norm": norms}), Fault.SPIKE)


def test_steps_without_a_number_are_gaps_and_no_spikes(healthy: Any) -> None:
    norms = healthy.per_step["gradient_norm"].copy()
    norms[np.arange(STEPS) % 3 > 0] = np.nan
    silent(healthy.record({"gradient_norm": norms}), Fault.SPIKE)
    norms[300] = 200.0
    told = verdict(healthy.record({"gradient_norm": norms}), Fault.SPIKE)
    assert told.details["steps"] == [300]
    norms[150] = np.inf  # an overflow is no gap
    assert verdict(healthy.record({"gradient_norm": norms}), Fault.SPIKE).details["steps"] == [150, 300]


def test_a_loss_without_gradients_is_searched_for_spikes_and_told_what_is_missing(healthy: Any) -> None:
    loss = healthy.loss.copy()
    loss[200] = 50.0
    told = verdict(healthy.record({"loss": loss, "gradient_norm": None}), Fault.SPIKE)
    assert [m.key for m in told.wanted] == ["diagnosis.wanted.gradient_norm"]


def test_a_breakdown_at_a_spike_is_blamed_on_the_spike(healthy: Any) -> None:
    norms = healthy.per_step["gradient_norm"].copy()
    norms[250] = 300.0
    loss = healthy.loss.copy()
    loss[250:] = 2.0
    curve = np.interp(healthy.places, healthy.t, loss)
    run = healthy.record({"loss": loss, "gradient_norm": norms}, {"train_loss": curve, "validation_loss": curve})
    assert diagnose(run)[0].fault is Fault.SPIKE
    assert verdict(run, Fault.DIVERGING).cause is Fault.SPIKE


# ── The course of the learning rate ──────────────────────────────────────────────────────────────────────────────────


def test_a_schedule_stepped_per_batch_is_told_with_its_factor(healthy: Any) -> None:
    planned = 0.1 * (1 + np.cos(np.pi * healthy.t / STEPS)) / 2
    applied = planned[np.minimum(healthy.t * 20, STEPS - 1)]
    told = verdict(healthy.record({"lr": applied}, planned_lr=planned), Fault.WRONG_SCHEDULE)
    assert (told.began, told.details["stretch"]) == (1, 20.0)
    silent(healthy.record({"lr": planned}, planned_lr=planned), Fault.WRONG_SCHEDULE)


def test_rounding_in_float32_is_no_other_schedule(healthy: Any) -> None:
    planned = 0.1 * (1 + np.cos(np.pi * healthy.t / STEPS)) / 2
    rounded = planned.astype(np.float32).astype(np.float64)
    silent(healthy.record({"lr": rounded}, planned_lr=planned), Fault.WRONG_SCHEDULE)


def test_a_decay_after_a_tenth_of_the_run_came_too_soon_if_gradients_still_agree(healthy: Any) -> None:
    lr = np.where(healthy.t < 40, 0.1, 0.001)
    aligned = np.where(healthy.t < 40, 0.0, 0.5) + 0.1 * healthy.rng.normal(size=STEPS)
    told = verdict(healthy.record({"lr": lr, "alignment": aligned}, slow()), Fault.DECAYED_EARLY)
    assert told.began == 40
    assert changes(told) == {"decay_from": 0.75}
    far = healthy.record({"lr": lr}, slow())  # gradients say nothing, but the way was too short
    assert verdict(far, Fault.DECAYED_EARLY).symptom.key == "diagnosis.decayed_early.left"
    assert diagnose(far)[0].fault is Fault.DECAYED_EARLY
    silent(healthy.record({"lr": lr}), Fault.DECAYED_EARLY)
    late = np.where(healthy.t < 300, 0.1, 0.001)
    silent(healthy.record({"lr": late, "alignment": aligned}, slow()), Fault.DECAYED_EARLY)


def test_a_warm_up_over_most_of_the_run_is_too_long_if_gradients_agree_meanwhile(healthy: Any) -> None:
    lr = 0.1 * np.minimum(1, (healthy.t + 1) / 320)
    aligned = np.where(healthy.t < 200, 0.5, 0.0) + 0.1 * healthy.rng.normal(size=STEPS)
    told = verdict(healthy.record({"lr": lr, "alignment": aligned}), Fault.LONG_WARMUP)
    assert told.estimate == pytest.approx(0.8, abs=0.02)
    assert changes(told)["warmup_steps"] == 20
    far = healthy.record({"lr": lr}, slow())
    assert verdict(far, Fault.LONG_WARMUP).symptom.key == "diagnosis.long_warmup.left"
    short = 0.1 * np.minimum(1, (healthy.t + 1) / 20)
    silent(healthy.record({"lr": short, "alignment": aligned}), Fault.LONG_WARMUP)


def test_adam_at_full_speed_that_first_climbs_wants_a_warm_up_of_2_over_1_minus_beta2(healthy: Any) -> None:
    loss = healthy.loss.copy()
    loss[:30] = 4.0
    ratio = np.where(healthy.t < 30, 0.05, 0.002)
    told = verdict(
        healthy.record(
            {"loss": loss, "update_ratio": ratio}, slow(), rule="AdamW", hyperparameters={"beta1": 0.9, "beta2": 0.95}
        ),
        Fault.NO_WARMUP,
    )
    assert changes(told) == {"warmup_steps": 40}
    silent(healthy.record({"loss": loss, "update_ratio": ratio}, slow(), rule="SGD"), Fault.NO_WARMUP)
    overshoots = np.where(healthy.t < 30, 0.0, -0.2) + 0.1 * healthy.rng.normal(size=STEPS)  # to the end: η is too high
    lasting = {"loss": loss, "update_ratio": ratio, "alignment": overshoots}
    silent(healthy.record(lasting, slow(), rule="AdamW"), Fault.NO_WARMUP)


# ── Initialization and units ─────────────────────────────────────────────────────────────────────────────────────────


def profile(prefix: str, layers: int, slope: float) -> dict[str, Array]:
    columns = {f"{prefix}_rms/{i}": np.full(POINTS, 10.0 ** (slope * i)) for i in range(layers)}
    return columns | {f"{prefix}_slope": np.full(POINTS, slope), f"{prefix}_slope_error": np.full(POINTS, 0.01)}


def test_default_linear_layers_with_relu_vanish_over_twenty_layers_and_the_gain_is_he_s(healthy: Any) -> None:
    told = verdict(healthy.record(None, profile("delta", 20, 0.395) | slow()), Fault.VANISHING)
    assert changes(told)["init_gain"] == pytest.approx(np.sqrt(6), rel=0.02)
    silent(healthy.record(None, profile("delta", 3, 0.395) | slow()), Fault.VANISHING)
    silent(healthy.record(None, profile("delta", 20, 0.02) | slow()), Fault.VANISHING)
    silent(healthy.record(None, profile("delta", 20, 0.395)), Fault.VANISHING)  # it has learned everything
    silent(healthy.record(None, profile("delta", 5, 0.526) | slow()), Fault.VANISHING)  # SiLU, as PyTorch draws it


@pytest.mark.parametrize("slope", [-0.5, 0.5])
def test_signals_that_grow_or_shrink_by_layer_want_the_inverse_gain(healthy: Any, slope: float) -> None:
    told = verdict(healthy.record(None, profile("activation", 6, slope) | slow()), Fault.BAD_INIT)
    assert changes(told)["init_gain"] == pytest.approx(10**-slope)
    silent(healthy.record(None, profile("activation", 6, slope / 10) | slow()), Fault.BAD_INIT)
    silent(healthy.record(None, profile("activation", 6, slope)), Fault.BAD_INIT)  # it has learned everything


def test_a_first_loss_far_above_guessing_is_a_matter_of_the_last_layer(healthy: Any) -> None:
    told = verdict(healthy.record(chance_loss=0.3), Fault.BAD_INIT)
    assert changes(told)["output_gain"] == pytest.approx(0.3 / 2.3)
    silent(healthy.record(chance_loss=0.6), Fault.BAD_INIT)  # as a linear model may begin by chance


def test_a_first_loss_is_told_from_one_that_the_first_update_made(healthy: Any) -> None:
    """Where nothing was evaluated before training, only the first batch has seen the initial weights."""
    unevaluated: dict[str, Array | None] = dict.fromkeys(healthy.evaluations)
    loss = healthy.loss.copy()
    loss[:3] = 2.3, 900.0, 1e6
    silent(healthy.record({"loss": loss}, unevaluated), Fault.BAD_INIT)
    loss[:3] = 230.0, np.nan, np.nan
    exploded = RunRecord(Trace("", Outcome(Ending.DIVERGED, 1, "exploded"), {"loss": loss[:2]}), chance_loss=2.3)
    assert verdict(exploded, Fault.BAD_INIT).estimate == pytest.approx(100)
    assert verdict(exploded, Fault.TOO_HIGH).cause is Fault.BAD_INIT


def test_units_with_one_gradient_are_copies(healthy: Any) -> None:
    told = verdict(healthy.record(None, {"unit_cosine/1.weight": np.ones(POINTS)}), Fault.SYMMETRY)
    assert told.symptom.values["layer"] == "1.weight"
    exploded = np.append(0.1, np.ones(POINTS - 1))
    silent(healthy.record(None, {"unit_cosine/1.weight": exploded}), Fault.SYMMETRY)


def test_units_that_were_born_dead_are_not_the_learning_rate_s(healthy: Any) -> None:
    flat = {"train_loss": np.full(POINTS, 2.3), "validation_loss": np.full(POINTS, 2.3), "dead/1": np.ones(POINTS)}
    run = healthy.record({"alignment": -0.3 + healthy.per_step["alignment"]}, flat)
    assert diagnose(run)[0].fault is Fault.DEAD_UNITS
    assert verdict(run, Fault.DEAD_UNITS).began == 0
    silent(run, Fault.TOO_HIGH)


def test_dead_units_of_a_run_that_has_learned_everything_are_none_of_its_troubles(healthy: Any) -> None:
    done = {"train_loss": 2.3 * 0.5 ** (healthy.places / 20), "dead/1": np.linspace(0, 0.9, POINTS)}
    silent(healthy.record(None, done), Fault.DEAD_UNITS)


def test_a_saturated_layer_is_told_the_spread_of_a_normal_pre_activation(healthy: Any) -> None:
    told = verdict(healthy.record(None, {"saturated/1": np.full(POINTS, 0.6766)}), Fault.SATURATED)
    assert changes(told)["init_gain"] == pytest.approx(1 / 5, rel=0.01)  # P(|5z| > 2.09) = 0.676
    silent(healthy.record(None, {"saturated/1": np.full(POINTS, 0.3)}), Fault.SATURATED)


def test_a_layer_that_saturated_while_training_counts_only_where_nothing_was_learned(healthy: Any) -> None:
    saturating = {"saturated/1": np.linspace(0, 0.9, POINTS)}
    half = {"train_loss": 2.3 * (1 - 0.5 * healthy.places / STEPS)}
    nothing = {"train_loss": 2.3 * (1 - 0.1 * healthy.places / STEPS)}
    silent(healthy.record(None, saturating | half), Fault.SATURATED)
    assert verdict(healthy.record(None, saturating | nothing), Fault.SATURATED).remedy.lr_factor < 1


# ── Layers, clipping, time, rotation, batches, overfitting ───────────────────────────────────────────────────────────


def layers(*ratios: float, gradients: tuple[float, ...] = ()) -> dict[str, Array]:
    columns = {f"update_ratio/{i}.weight": np.full(STEPS, r) for i, r in enumerate(ratios)}
    norms = gradients or (1.0,) * len(ratios)
    return columns | {f"gradient_norm/{i}.weight": np.full(STEPS, g) for i, g in enumerate(norms)}


def test_a_layer_that_stands_apart_is_told_its_factor(healthy: Any) -> None:
    told = verdict(healthy.record(layers(1e-3, 2e-3, 1e-5)), Fault.IMBALANCE)
    assert changes(told) == {"group_scale/2.weight": pytest.approx(100)}
    silent(healthy.record(layers(1e-3, 2e-3, 4e-4)), Fault.IMBALANCE)


def test_of_two_weights_the_slower_is_named_where_too_much_lies_between_them(healthy: Any) -> None:
    def pair(apart: float) -> RunRecord:
        ratios = {"update_ratio/0.weight": np.full(STEPS, 1e-2), "update_ratio/2.weight": np.full(STEPS, 1e-2 / apart)}
        return healthy.record(ratios)

    assert changes(verdict(pair(100.0), Fault.IMBALANCE)) == {"group_scale/2.weight": pytest.approx(100)}
    silent(pair(30.0), Fault.IMBALANCE)


def test_the_order_of_the_layers_decides_nothing(healthy: Any) -> None:
    columns = layers(1e-3, 2e-3, 1e-5, 3e-3)
    there = healthy.record(columns, layers=("0.weight", "1.weight", "2.weight", "3.weight"))
    back = healthy.record(dict(reversed(columns.items())), layers=("3.weight", "2.weight", "1.weight", "0.weight"))
    assert changes(verdict(there, Fault.IMBALANCE)) == changes(verdict(back, Fault.IMBALANCE))


def test_a_parameter_with_a_gradient_that_never_moves_was_forgotten(healthy: Any) -> None:
    told = verdict(healthy.record(layers(1e-3, 0.0, 2e-3)), Fault.FROZEN_PARAMETER)
    assert told.details["parameters"] == ["1.weight"]
    rounding = layers(1e-3, 0.0, 2e-3, gradients=(1.0, 1e-9, 1.0))  # a bias before batch norm
    silent(healthy.record(rounding), Fault.FROZEN_PARAMETER)
    tiny = layers(1e-7, 0.0, 2e-7)  # updates below the resolution of float32
    silent(healthy.record(tiny), Fault.FROZEN_PARAMETER)


def test_clipping_that_decides_every_step_is_raised_to_the_95th_percentile(healthy: Any) -> None:
    told = verdict(healthy.record({"clip_factor": np.full(STEPS, 0.01)}), Fault.CLIPPING)
    assert changes(told)["clip_norm"] == pytest.approx(np.percentile(healthy.per_step["gradient_norm"], 95))
    assert told.interval is not None
    assert told.interval[1] == pytest.approx(1.0)
    rare = np.where(healthy.t % 20 == 0, 0.01, 1.0)
    silent(healthy.record({"clip_factor": rare}), Fault.CLIPPING)


def test_a_limit_on_entries_is_raised_by_what_it_took_from_the_median_gradient(healthy: Any) -> None:
    told = verdict(healthy.record({"clip_factor": np.full(STEPS, 0.01)}, clip_value=0.002), Fault.CLIPPING)
    assert changes(told) == {"clip_value": pytest.approx(2.0)}  # and ten times that, for the largest entries lose most


def test_a_rate_that_is_low_because_of_clipping_is_its_consequence(healthy: Any) -> None:
    aligned = 0.6 + 0.1 * healthy.rng.normal(size=STEPS)
    run = healthy.record({"clip_factor": np.full(STEPS, 0.01), "alignment": aligned}, slow())
    assert [v.fault for v in diagnose(run)] == [Fault.CLIPPING, Fault.TOO_LOW]
    assert verdict(run, Fault.TOO_LOW).cause is Fault.CLIPPING


def test_gradients_that_explode_in_time_with_a_heavy_tail_are_clipped_at_their_median(healthy: Any) -> None:
    norms = np.where(healthy.t % 20 == 0, 30.0, 1.0)
    told = verdict(
        healthy.record({"gradient_norm": norms}, {"hidden_gradient/slope": np.full(POINTS, 0.1)}), Fault.TIME_EXPLOSION
    )
    assert changes(told) == {"clip_norm": 1.0, "init_gain": pytest.approx(10**-0.1)}
    vanishing = {"hidden_gradient/slope": np.full(POINTS, -0.1)}
    silent(healthy.record({"gradient_norm": norms}, vanishing), Fault.TIME_EXPLOSION)


def test_a_scale_invariant_weight_that_spins_is_slowed_by_the_square(healthy: Any) -> None:
    spins = {"angular_update/0.weight": np.full(STEPS, 0.2)}
    known = {"final": {"scale_invariant/0.weight": 1.0}, "hyperparameters": {"weight_decay": 0.0005}}
    told = verdict(healthy.record(spins, **known), Fault.ROTATION)
    assert told.remedy is not None
    assert told.remedy.lr_factor == pytest.approx(max((0.01 / 0.2) ** 2, 1e-2))  # √(2·0.1·0.0005) = 0.01
    silent(healthy.record(spins), Fault.ROTATION)  # not known to be scale-invariant


def test_a_scale_invariant_weight_that_stands_still_wants_a_rate_of_its_own(healthy: Any) -> None:
    still = {"angular_update/0.weight": np.full(STEPS, 1e-5), "angular_update/2.weight": np.full(STEPS, 0.01)}
    known = {f"scale_invariant/{name}.weight": 1.0 for name in (0, 2)}
    told = verdict(healthy.record(still, final=known), Fault.ROTATION)
    assert changes(told) == {"group_scale/0.weight": pytest.approx(1000)}


def test_an_evaluated_loss_that_goes_up_and_down_is_held_up_by_noise(healthy: Any) -> None:
    swings = np.where(np.arange(POINTS) % 2 > 0, 0.6, 1.0)
    swings[0] = 2.3
    both = {"train_loss": swings, "validation_loss": swings + 0.1}
    told = verdict(healthy.record(None, both), Fault.NOISE_FLOOR)
    assert told.estimate == pytest.approx(4 * 0.4 / 1.7)  # four rises on the last two thirds
    decayed = np.linspace(0.1, 0.001, STEPS)
    silent(healthy.record({"lr": decayed}, both), Fault.NOISE_FLOOR)
    silent(healthy.record(None, {"train_loss": swings}), Fault.NOISE_FLOOR)  # held-out data disagrees
    nothing = np.where(np.arange(POINTS) % 2 > 0, 2.1, 2.3)
    silent(healthy.record(None, {"train_loss": nothing, "validation_loss": nothing}), Fault.NOISE_FLOOR)


def test_a_batch_far_below_the_noise_scale_counts_only_on_a_stalled_run(healthy: Any) -> None:
    noise = {"noise_trace": np.full(POINTS, 1000.0), "noise_square": 1 + 0.01 * healthy.rng.normal(size=POINTS)}
    stalled = {"train_loss": np.append(2.3, np.full(POINTS - 1, 1.5))}
    told = verdict(healthy.record(None, noise | stalled, batch_size=4), Fault.BATCH_SIZE)
    assert told.estimate == pytest.approx(1000, rel=0.02)
    silent(healthy.record(None, noise, batch_size=4), Fault.BATCH_SIZE)
    silent(healthy.record(None, noise | stalled, batch_size=128), Fault.BATCH_SIZE)


def test_a_small_batch_is_why_noise_holds_a_loss_up(healthy: Any) -> None:
    swings = np.where(np.arange(POINTS) % 2 > 0, 0.6, 1.0)
    swings[0] = 2.3
    noise = {"noise_trace": np.full(POINTS, 40.0), "noise_square": 1 + 0.01 * healthy.rng.normal(size=POINTS)}
    curves = noise | {"train_loss": swings, "validation_loss": swings}
    told = diagnose(healthy.record(None, curves, batch_size=4))
    assert [v.fault for v in told[:2]] == [Fault.BATCH_SIZE, Fault.NOISE_FLOOR]
    assert changes(told[0]) == {"batch_size": 40}
    assert told[1].cause is Fault.BATCH_SIZE
    silent(healthy.record(None, curves, batch_size=16), Fault.BATCH_SIZE)


def test_a_breakdown_at_a_jump_of_the_learning_rate_wants_the_rate_before_it(healthy: Any) -> None:
    loss = np.where(healthy.t < 240, healthy.loss, 2.0)
    curve = np.interp(healthy.places, healthy.t, loss)
    broken = {"train_loss": curve, "validation_loss": curve}
    jump = np.where(healthy.t < 240, 0.01, 0.5)
    told = verdict(healthy.record({"loss": loss, "lr": jump}, broken), Fault.DIVERGING)
    assert told.remedy is not None
    assert told.remedy.lr_factor == pytest.approx(0.02)
    steady = verdict(healthy.record({"loss": loss}, broken), Fault.DIVERGING)
    assert steady.remedy is not None
    assert steady.remedy.lr_factor == pytest.approx(1 / 3)


def test_a_held_out_loss_that_rises_while_training_goes_on_is_overfitting_since_its_minimum(healthy: Any) -> None:
    held_out = 0.5 + np.abs(healthy.places - 120) / 300
    held_out[0] = 2.3
    told = verdict(healthy.record(None, {"validation_loss": held_out}), Fault.OVERFITTING)
    assert told.began == 120
    assert changes(told) == {"stop_at": 120}
    both = {"validation_loss": held_out, "train_loss": held_out}
    silent(healthy.record(None, both), Fault.OVERFITTING)
