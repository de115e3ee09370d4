"""What the learning rate does to convergence: the findings."""

from __future__ import annotations

from etude.analysis.answers import LEARNING_RATE, LOSS, OCTAVES, STEPS, answer, basis, cannot_say, level
from etude.analysis.convergence import steps_to_target
from etude.analysis.edge_finding import edge_finding
from etude.analysis.evidence import few_seeds
from etude.analysis.options import SweepOptions
from etude.analysis.reading import SweepReading, read_sweep
from etude.analysis.sensitivity import sensitivity
from etude.analysis.statistics import means, resample_seeds, resampled_interval, resampled_means
from etude.analysis.table import SweepTable
from etude.core.finding import Finding
from etude.core.message import Message, Value


def convergence_findings(table: SweepTable, options: SweepOptions) -> list[Finding]:
    """``best_lr``, ``basin``, ``edge``, ``recommended_lr``, ``sensitivity`` and ``steps_to_target``.

    All but the edge and the steps refer to the final loss named by ``options.objective``. Learning rates that fewer
    than two seeds have finished are left out.

    Raises:
        SpecError: When no learning rate was run on every seed, or when the objective was not measured.
    """
    table = table.comparable()
    reading = read_sweep(table, options.objective, options)
    return [
        best_lr(table, reading, options, "best_lr"),
        basin(table, reading, options),
        edge_finding(table, reading.edge, options),
        recommended_lr(table, reading, options),
        sensitivity_finding(table, reading, options),
        steps_finding(table, reading, options),
    ]


def best_lr(table: SweepTable, reading: SweepReading, options: SweepOptions, name: str) -> Finding:
    """Which learning rate gives the lowest loss?"""
    optimum, family = reading.optimum, _family(reading.metric)
    details = basis(table, reading.metric, options) | {
        "grid_lr": optimum.grid_lr,
        "grid": table.lrs,
        "mean": optimum.means,
        "alike": table.lrs[optimum.alike],
        "method": optimum.method,
        "basis": optimum.basis,
        "loss": optimum.loss,
        "initial_loss": optimum.initial,
        "at_end": optimum.at_end,
    }
    question = Message(f"{family}.question")
    objection = reading.evidence.against_curve or few_seeds(table, 2) or reading.evidence.against_best
    if objection is not None:
        return cannot_say(table, name, question, objection, LEARNING_RATE, details)
    assert optimum.interval is not None, "two seeds give an interval"
    low, high = optimum.interval
    values = level(table, options) | {"lr": optimum.lr, "low": low, "high": high, "loss": optimum.loss}
    statement = Message(f"{family}.{optimum.method}_{optimum.basis}", values)
    return answer(table, name, question, statement, optimum.lr, optimum.interval, LEARNING_RATE, details)


def basin(table: SweepTable, reading: SweepReading, options: SweepOptions) -> Finding:
    """Which learning rates are as good as the best?"""
    found = reading.basin
    details = basis(table, reading.metric, options) | {
        "tolerance": options.tolerance,
        "floor": options.floor,
        "threshold": found.threshold,
        "left": found.left,
        "best": found.best,
        "right": found.right,
        "left_interval": found.left_interval,
        "right_interval": found.right_interval,
        "left_octaves": found.left_octaves,
        "right_octaves": found.right_octaves,
        "open_left": found.open_left,
        "open_right": found.open_right,
        "elsewhere": found.elsewhere,
    }
    question = Message(f"basin.question.{reading.metric}")
    objection = reading.evidence.against_curve or few_seeds(table, 2)
    if objection is not None:
        return cannot_say(table, "basin", question, objection, OCTAVES, details)
    assert found.width_interval is not None, "two seeds give an interval"
    low, high = found.width_interval
    values = level(table, options) | {
        "left": found.left,
        "right": found.right,
        "octaves": found.octaves,
        "low": low,
        "high": high,
        "below": found.left_octaves,
        "above": found.right_octaves,
        "threshold": found.threshold,
        "tolerance": options.tolerance,
        "floor": options.floor,
    }
    ends = {(False, False): "closed", (True, False): "open_left", (False, True): "open_right", (True, True): "open"}
    return answer(
        table,
        "basin",
        question,
        Message(f"basin.{ends[found.open_left, found.open_right]}", values),
        found.octaves,
        found.width_interval,
        OCTAVES,
        details,
    )


def recommended_lr(table: SweepTable, reading: SweepReading, options: SweepOptions) -> Finding:
    """Which learning rate should one use?"""
    advice, found = reading.recommendation, reading.basin
    details = basis(table, reading.metric, options) | {
        "regret": advice.regret,
        "regret_interval": advice.regret_interval,
        "margin_octaves": advice.margin,
        "basin": (found.left, found.right),
        "best_lr": reading.optimum.lr,
    }
    question = Message(f"recommended_lr.question.{reading.metric}")
    if advice.lr is None:
        return cannot_say(table, "recommended_lr", question, advice.reason, LEARNING_RATE, details)
    return answer(
        table, "recommended_lr", question, advice.reason, advice.lr, (found.left, found.right), LEARNING_RATE, details
    )


def sensitivity_finding(table: SweepTable, reading: SweepReading, options: SweepOptions) -> Finding:
    """How much does it cost to miss the best learning rate?"""
    low, high = options.lr_range or (float(table.lrs[0]), float(table.lrs[-1]))
    inside = (table.lrs >= low * (1 - 1e-9)) & (table.lrs <= high * (1 + 1e-9)) & table.ran.any(axis=1)
    grid, losses = table.lrs[inside], table.result(reading.metric)[inside]
    details = basis(table, reading.metric, options) | {"range": (low, high), "grid": grid}
    question, values = Message(f"sensitivity.question.{reading.metric}"), level(table, options)
    objection = reading.evidence.against_curve or few_seeds(table, 2)
    if objection is None and len(grid) < 2:
        objection = Message("cannot_say.grid", {"points": len(grid), "low": low, "high": high})
    if objection is None and table.diverged[inside].all():
        objection = Message("cannot_say.diverged", {"low": low, "high": high})
    if objection is not None:
        return cannot_say(table, "sensitivity", question, objection, LOSS, details)
    initial, seeds = reading.optimum.initial, len(table.seeds)
    estimate = float(sensitivity(grid, means(losses), initial))
    counts = resample_seeds(seeds, options.resamples, options.bootstrap_seed)
    sample = sensitivity(grid, resampled_means(losses, counts), initial)
    interval = resampled_interval(sample, sample, seeds, options.confidence)
    values |= {"value": estimate, "low": interval[0], "high": interval[1], "from": low, "to": high, "points": len(grid)}
    values |= {"share": estimate / (initial - reading.optimum.loss)}
    return answer(
        table, "sensitivity", question, Message("sensitivity.value", values), estimate, interval, LOSS, details
    )


def steps_finding(table: SweepTable, reading: SweepReading, options: SweepOptions) -> Finding:
    """At which learning rate does training converge fastest?"""
    found = steps_to_target(table, options)
    details = {
        "seeds": len(table.seeds),
        "confidence": options.confidence,
        "target": found.target,
        "target_chosen": found.chosen,
        "grid": table.lrs,
        "median_steps": found.median,
        "reached": found.reached,
        "steps": found.steps,
        "fastest_lr": None if found.fastest is None else float(table.lrs[found.fastest]),
    }
    question = Message("steps_to_target.question")
    objection = reading.evidence.diverged or (None if found.chosen else reading.evidence.untrained)
    if objection is None and found.fastest is None:
        objection = Message("steps_to_target.never", {"target": found.target, "runs": int(table.ran.sum())})
    if objection is not None:
        return cannot_say(table, "steps_to_target", question, objection, STEPS, details)
    assert found.fastest is not None, "else the objection above holds"
    steps = float(found.median[found.fastest])
    values: dict[str, Value] = {"lr": float(table.lrs[found.fastest]), "steps": steps, "target": found.target}
    values |= {"reached": int(found.reached[found.fastest]), "seeds": int(table.ran[found.fastest].sum())}
    kind = "plain"
    if found.interval is not None:
        kind, values = "interval", values | level(table, options)
        values |= {"low": found.interval[0], "high": found.interval[1]}
    return answer(
        table,
        "steps_to_target",
        question,
        Message(f"steps_to_target.{kind}", values),
        steps,
        found.interval,
        STEPS,
        details,
    )


def _family(metric: str) -> str:
    return "best_lr" if metric == "train_loss" else "best_lr_validation"
