"""Findings by depth: slopes against theory, how deep a network still trains, how its weights may be scaled.

Axes: L learning rates, S seeds.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from etude.analysis.gradients.signals import Init, predict
from etude.analysis.options import SweepOptions
from etude.analysis.plain import plain
from etude.analysis.statistics import means, t_interval
from etude.analysis.table import SweepTable
from etude.core.finding import Finding, Verdict
from etude.core.message import Message, Value
from etude.core.trace import Array

PER_LAYER = "powers of ten per layer"
AGREES = 0.05
"""Powers of ten per layer, 12 %, by which theory may be off: it is one of infinite width, and at 16 layers of 48 units the mean
logarithm lies below the logarithm of the mean by about a hundredth per layer."""

HALFWAY = 0.5
"""Share of the way from an untrained network to the best one from which on a network counts as trained."""


@dataclass(frozen=True, eq=False)
class DeepSweep:
    """A sweep of one network.

    Attributes:
        activation: Of its hidden layers.
        depth: Hidden layers.
        init: How it is initialized.
        label: What the reader calls the initialization.
        table: Its runs.
    """

    activation: str
    depth: int
    init: Init
    label: str
    table: SweepTable


@dataclass(frozen=True, eq=False)
class Slopes:
    """δ by depth at initialization, measured and foretold.

    Attributes:
        sweep: Of which network.
        measured: Powers of ten per layer towards the output, (S,).
        theory: The same, of each seed's own first signal, (S,).
    """

    sweep: DeepSweep
    measured: Array
    theory: Array

    @property
    def gap(self) -> Array:
        """Measured less theory, (S,)."""
        return self.measured - self.theory


def shown(activation: str) -> str:
    """What the reader calls an activation."""
    return "ReLU" if activation == "relu" else activation


def profile(table: SweepTable, column: str, lr_row: int = 0, point: int = 0) -> tuple[tuple[str, ...], Array]:
    """Layers in their order and a column of a measure by layers at an evaluation, (layers, S); NaN where there is none."""
    layers = [
        n for row in table.cells for c in row if c is not None for n in c.evaluations if n.startswith(f"{column}/")
    ]
    names = tuple(sorted(dict.fromkeys(layers), key=_counted))
    out = np.full((len(names), len(table.seeds)), np.nan)
    for j, trace in enumerate(table.cells[lr_row]):
        for i, name in enumerate(names):
            if trace is not None and name in trace.evaluations and len(trace.evaluations[name]) > point:
                out[i, j] = trace.evaluations[name][point]
    return tuple(name.removeprefix(f"{column}/") for name in names), out


def _counted(name: str) -> list[tuple[int, str]]:
    """Numbers in a name count as numbers: stored columns come back in the order of their letters."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]


def slopes(sweeps: Sequence[DeepSweep], width: int) -> list[Slopes]:
    """Slopes of the networks whose depth was looked into."""
    found = []
    for own in sweeps:
        names, signal = profile(own.table, "activation_rms")
        if not names:
            continue
        measured = own.table.baseline("delta_slope")
        theory = [predict(first, own.depth, own.init, own.activation, width).delta_slope for first in signal[1]]
        found.append(Slopes(own, measured, np.array(theory)))
    return found


def slope_finding(sweeps: Sequence[DeepSweep], width: int, options: SweepOptions) -> Finding:
    """Does theory foretell how fast gradients vanish or explode?"""
    found = slopes(sweeps, width)
    question = Message("gradients.slopes.question")
    details = {
        f"{s.sweep.activation}, {s.sweep.label}": {
            "measured": s.measured.mean(),
            "interval": t_interval(s.measured, options.confidence),
            "theory": s.theory.mean(),
        }
        for s in found
    }
    runs = tuple(run for s in found for run in s.sweep.table.hashes)
    worst = max(found, key=lambda s: abs(float(s.gap.mean())))
    gap, (low, high) = float(worst.gap.mean()), t_interval(worst.gap, options.confidence)
    usual = next(s for s in found if s.sweep.init == "default" and s.sweep.activation == found[0].sweep.activation)
    values: dict[str, Value] = {
        "activation": shown(usual.sweep.activation),
        "layers": usual.sweep.depth,
        "measured": 10 ** float(usual.measured.mean()),
        "theory": 10 ** float(usual.theory.mean()),
        "count": len(found),
        "worst": f"{shown(worst.sweep.activation)}, {worst.sweep.label}",
        "gap": gap,
        "low": low,
        "high": high,
        "allowed": AGREES,
    }
    values |= _level(worst.sweep.table, options)
    if len(worst.gap) < 2:
        why = Message("cannot_say.seeds", {"seeds": len(worst.gap), "needed": 2})
        return Finding("slopes", question, Verdict.INCONCLUSIVE, why, unit=PER_LAYER, details=plain(details), runs=runs)
    kind = (
        "agrees" if max(abs(low), abs(high)) <= AGREES else "differs" if min(abs(low), abs(high)) > AGREES else "open"
    )
    if low <= 0 <= high and kind == "differs":
        kind = "open"
    verdict = {"agrees": Verdict.SUPPORTED, "differs": Verdict.REFUTED, "open": Verdict.INCONCLUSIVE}[kind]
    statement = Message(f"gradients.slopes.{kind}", values)
    if kind == "open":
        return Finding("slopes", question, verdict, statement, unit=PER_LAYER, details=plain(details), runs=runs)
    return Finding("slopes", question, verdict, statement, gap, (low, high), PER_LAYER, plain(details), runs)


def reached(sweeps: Sequence[DeepSweep]) -> list[Array]:
    r"""How far each network comes at each learning rate, (L,): 0 untrained, 1 as far as the best of all.

    .. math:: \frac{\ell_0 - \ell}{\ell_0 - \ell^*}

    with ℓ0 the smallest loss before training of any network (one that knows nothing and claims nothing: the logarithm of the
    number of classes), and ℓ* the smallest one after. Negative shares are told as 0.
    """
    start = min(float(own.table.baseline("train_loss").mean()) for own in sweeps)
    best = min(float(means(own.table.result("train_loss")).min()) for own in sweeps)
    return [np.clip((start - means(own.table.result("train_loss"))) / (start - best), 0, 1) for own in sweeps]


def depth_finding(sweeps: Sequence[DeepSweep], activation: str) -> Finding:
    """How deep a network with torch's default initialization still trains, at its own best learning rate."""
    shares = [float(share.max()) for share in reached(sweeps)]
    trained: dict[str, list[int]] = {}
    failed: dict[str, list[int]] = {}
    for own, share in zip(sweeps, shares, strict=True):
        if own.activation == activation:
            (trained if share >= HALFWAY else failed).setdefault(own.label, []).append(own.depth)
    runs = tuple(run for own in sweeps if own.activation == activation for run in own.table.hashes)
    details = {
        "reached": {f"{o.activation} {o.depth} {o.label}": s for o, s in zip(sweeps, shares, strict=True)},
        "trained": trained,
        "failed": failed,
    }
    first = next(own for own in sweeps if own.activation == activation)
    holds, fails = trained.get("default", []), failed.get("default", [])
    others = [label for label in trained if label != "default" and max(trained[label]) >= max([*holds, *fails])]
    question = Message("gradients.depth.question", {"activation": shown(activation)})
    values: dict[str, Value] = {"activation": shown(activation), "most": max([*holds, *fails]), "share": HALFWAY}
    values |= {"lrs": len(first.table.lrs), "seeds": len(first.table.seeds)}
    named: dict[str, Value] = {"others": ", ".join(others) or "–"}

    def tell(statement: Message, verdict: Verdict, ends: tuple[float, float] | None = None) -> Finding:
        estimate = None if ends is None else ends[0]
        return Finding("default_depth", question, verdict, statement, estimate, ends, "layers", plain(details), runs)

    if not fails:
        return tell(Message("gradients.depth.all", values), Verdict.SUPPORTED)
    if not holds:
        return tell(Message("gradients.depth.none", values | named), Verdict.REFUTED)
    deepest = max(holds)
    beyond = min((depth for depth in fails if depth > deepest), default=deepest)
    values |= named | {"deepest": deepest, "next": beyond}
    return tell(Message("gradients.depth.stops", values), Verdict.REFUTED, (float(deepest), float(beyond)))


def map_finding(sweeps: Sequence[DeepSweep]) -> Finding:
    """At which scales of the weights does a deep ReLU network train at all?"""
    shares = np.array([float(share.max()) for share in reached(sweeps)])
    scales = np.array([float(own.init) for own in sweeps])
    works = shares >= HALFWAY
    lrs = [len(own.table.lrs) for own in sweeps]
    runs = tuple(run for own in sweeps for run in own.table.hashes)
    wide = [float((share >= HALFWAY).sum()) for share in reached(sweeps)]
    details = {"scales": scales, "reached": shares, "learning_rates_that_train": wide}
    question = Message("gradients.map.question", {"layers": sweeps[0].depth})
    unit = "σ_w"
    best = float(scales[int(np.argmax(wide))])
    tried: dict[str, Value] = {"lrs": max(lrs), "scales": len(scales)}
    if not works.any():
        why = Message("gradients.map.none", tried)
        return Finding("scale", question, Verdict.INCONCLUSIVE, why, unit=unit, details=plain(details), runs=runs)
    ends = float(scales[works].min()), float(scales[works].max())
    values = tried | {"best": best, "he": float(np.sqrt(2)), "share": HALFWAY, "most": max(wide)}
    values |= {"low": ends[0], "high": ends[1], "seeds": len(sweeps[0].table.seeds)}
    near = abs(np.log(best / np.sqrt(2))) <= np.log(float((scales[1:] / scales[:-1]).max())) * 1.01
    if near:
        statement, verdict = Message("gradients.map.he", values), Verdict.SUPPORTED
    else:
        statement, verdict = Message("gradients.map.elsewhere", values), Verdict.REFUTED
    return Finding("scale", question, verdict, statement, best, ends, unit, plain(details), runs)


def _level(table: SweepTable, options: SweepOptions) -> dict[str, Value]:
    return {"level": 100 * options.confidence, "seeds": len(table.seeds)}
