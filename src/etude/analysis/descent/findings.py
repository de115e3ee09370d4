"""What the runs say of theory: findings.

Full-batch descent has no chance in it but its start, so most intervals here are no sampling intervals: an edge lies between two
learning rates that ran, a fastest learning rate between the neighbours of the fastest one, and a rate within the range of the
slopes of its fits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from etude.analysis.descent.cases import Bracket, Case
from etude.analysis.descent.fastest import heavy_ball_steps
from etude.analysis.descent.floors import NoiseCase
from etude.analysis.plain import plain
from etude.analysis.statistics import t_interval
from etude.core.finding import Finding, Verdict
from etude.core.message import Message, Value
from etude.core.trace import Array

RATE_TOLERANCE = 0.05
"""Relative difference of −ln ρ up to which a measured rate counts as that of theory: a double root costs 1/t for ever."""

EXPONENT_TOLERANCE = 0.1
"""Difference of an exponent up to which a power law counts as the one of theory."""

CONFIDENCE = 0.95


def edge_finding(name: str, cases: Sequence[Case]) -> Finding:
    """Do runs stop converging where theory says? ``name`` is ``"edge"``, or ``"local_edge"`` where the Hessian varies."""
    question = Message(f"descent.{name}.question")
    found = {case.name: case.measured_edge for case in cases}
    details = {c.name: {"theory": c.edge, "measured": _ends(found[c.name])} for c in cases}
    open_ended = [c.name for c in cases if found[c.name] is None]
    if open_ended:
        return _cannot(name, question, Message("descent.edge.open", {"arm": open_ended[0]}), cases, details)
    shares = {c.name: bracket.over(c.edge) for c in cases if (bracket := found[c.name])}
    low, high = min(b.low for b in shares.values()), max(b.high for b in shares.values())
    values: dict[str, Value] = {"cases": len(cases), "low": low, "high": high}
    missed = [arm for arm, bracket in shares.items() if not bracket.holds(1.0)]
    if missed:
        worst = max(missed, key=lambda arm: abs(np.log(shares[arm].middle)))
        values |= {"arm": worst, "missed": len(missed), "low": shares[worst].low, "high": shares[worst].high}
        statement, verdict = Message(f"descent.{name}.refuted", values), Verdict.REFUTED
    else:
        statement, verdict = Message(f"descent.{name}.supported", values), Verdict.SUPPORTED
    estimate = float(np.exp(np.mean([np.log(b.middle) for b in shares.values()])))
    return _say(name, question, verdict, statement, estimate, (low, high), cases, details)


def best_lr_finding(case: Case) -> Finding:
    """Is the fastest learning rate of gradient descent 2/(λmin + λmax)?"""
    name, question, best = "best_lr", Message("descent.best_lr.question"), case.best
    details = {"theory": best.lr, "arm": case.name}
    if case.fastest is None:
        return _cannot(name, question, Message("descent.best_lr.open"), (case,), details)
    lr, around = case.fastest
    holds = around.holds(best.lr)
    values: dict[str, Value] = {"lr": lr, "low": around.low, "high": around.high, "theory": best.lr}
    statement = Message("descent.best_lr.supported" if holds else "descent.best_lr.refuted", values)
    verdict = Verdict.SUPPORTED if holds else Verdict.REFUTED
    return _say(name, question, verdict, statement, lr, (around.low, around.high), (case,), details, "learning rate")


def rate_finding(cases: Sequence[Case]) -> Finding:
    """Is the rate that of theory, at every learning rate of a problem? Estimate: median ratio of −ln ρ, measured to theory."""
    name, question = "rate", Message("descent.rate.question")
    ratios = {case.name: _ratios(case) for case in cases}
    known = np.concatenate([r[~np.isnan(r)] for r in ratios.values()])
    fastest = {c.name: _at_best(c) for c in cases if c.tuned}
    details = {"ratios": ratios, "at_best": fastest}
    ran = sum(r.size for r in ratios.values())
    if len(known) < ran / 2:
        return _cannot(name, question, Message("descent.rate.few", {"known": len(known), "runs": ran}), cases, details)
    close = float((np.abs(known - 1) <= RATE_TOLERANCE).mean())
    low, high = (float(q) for q in np.quantile(known, [0.025, 0.975]))
    values: dict[str, Value] = {"runs": len(known), "close": 100 * close, "tolerance": 100 * RATE_TOLERANCE}
    values |= {"median": float(np.median(known)), "low": low, "high": high, "refused": ran - len(known)}
    holds = close >= CONFIDENCE
    statement = Message("descent.rate.supported" if holds else "descent.rate.refuted", values)
    verdict = Verdict.SUPPORTED if holds else Verdict.REFUTED
    return _say(name, question, verdict, statement, values["median"], (low, high), cases, details)


def momentum_finding(plain_cases: Sequence[Case], heavy: Sequence[Case], share: float) -> Finding:
    """Do the steps to a share of the initial loss grow as √κ with the heavy ball, and as κ without momentum?

    Both lists are the same problems in the order of κ. The estimate is the heavy ball's exponent.
    """
    name, question = "momentum", Message("descent.momentum.question")
    conditions = np.array([case.problem.condition for case in plain_cases])
    without, with_it = (np.array([c.steps(share)[c.nearest(c.best.lr)] for c in own]) for own in (plain_cases, heavy))
    details = {"conditions": conditions, "gradient_descent": without, "heavy_ball": with_it, "share": share}
    cases = (*plain_cases, *heavy)
    if not (np.isfinite(without).all() and np.isfinite(with_it).all()):
        return _cannot(name, question, Message("descent.momentum.never", {"share": share}), cases, details)
    slow, fast = _exponents(conditions, without), _exponents(conditions, with_it)
    estimate, interval = float(fast.mean()), t_interval(fast, CONFIDENCE)
    slow_interval = t_interval(slow, CONFIDENCE)
    values: dict[str, Value] = {
        "exponent": estimate,
        "low": interval[0],
        "high": interval[1],
        "plain": float(slow.mean()),
    }
    values |= {"plain_low": slow_interval[0], "plain_high": slow_interval[1], "share": share, "level": 100 * CONFIDENCE}
    values |= {"condition": float(conditions[-1]), "gain": float(np.exp(np.log(without[-1] / with_it[-1]).mean()))}
    share_of_each = 1 / len(heavy[0].problem.eigenvalues)
    expected = np.array([[heavy_ball_steps(share, c.best.rate, share_of_each)] for c in heavy])
    values["expected"] = float(_exponents(conditions, expected)[0])
    values |= {"promised": float(np.log(heavy[-1].best.rate) / np.log(plain_cases[-1].best.rate))}
    if len(fast) < 2:
        return _cannot(name, question, Message("descent.momentum.seeds", {"seeds": len(fast)}), cases, details)
    if max(interval[1] - interval[0], slow_interval[1] - slow_interval[0]) > 4 * EXPONENT_TOLERANCE:
        wide = Message("descent.momentum.wide", {k: values[k] for k in ("low", "high", "plain_low", "plain_high")})
        return _cannot(name, question, wide, cases, details)
    holds = abs(estimate - 0.5) <= EXPONENT_TOLERANCE and abs(float(slow.mean()) - 1) <= EXPONENT_TOLERANCE
    statement = Message("descent.momentum.supported" if holds else "descent.momentum.refuted", values)
    return _say(name, question, _verdict(holds), statement, estimate, interval, cases, details)


def noise_finding(case: NoiseCase, with_momentum: NoiseCase) -> Finding:
    """Is the floor of SGD proportional to η, and as high as theory says?"""
    name, question = "noise_floor", Message("descent.noise_floor.question")
    details = {
        c.name: {"lrs": c.lrs, "floors": c.floors, "theory": c.theory(c.lrs), "momentum": c.momentum}
        for c in (case, with_momentum)
    }
    seeds = case.floors.shape[1]
    if seeds < 2:
        return _cannot_noise(
            name, question, Message("descent.noise_floor.seeds", {"seeds": seeds}), (case, with_momentum), details
        )
    if not np.isfinite(case.floors[case.small]).all() or len(case.small) < 3:
        return _cannot_noise(name, question, Message("descent.noise_floor.gone"), (case, with_momentum), details)
    exponent, interval = case.exponent(CONFIDENCE)
    ratio, (low, high) = case.ratio(CONFIDENCE)
    values: dict[str, Value] = {
        "exponent": exponent,
        "low": interval[0],
        "high": interval[1],
        "level": 100 * CONFIDENCE,
    }
    values["expected"] = case.exponent_in_theory
    values |= {"ratio": ratio, "ratio_low": low, "ratio_high": high, "seeds": seeds}
    values |= {"from": float(case.lrs[0]), "to": float(case.lrs[case.small[-1]])}
    if interval[1] - interval[0] > 4 * EXPONENT_TOLERANCE:
        wide = Message("descent.noise_floor.wide", {key: values[key] for key in ("low", "high", "seeds")})
        return _cannot_noise(name, question, wide, (case, with_momentum), details)
    holds = (
        interval[0] - 0.02 <= case.exponent_in_theory <= interval[1] + 0.02 and abs(exponent - 1) <= EXPONENT_TOLERANCE
    )
    statement = Message("descent.noise_floor.supported" if holds else "descent.noise_floor.refuted", values)
    hashes = (*case.table.hashes, *with_momentum.table.hashes)
    return Finding(name, question, _verdict(holds), statement, exponent, interval, "", plain(details), hashes)


def textbook_finding(cases: Sequence[Case]) -> Finding:
    """Is the textbook's bound on η safe, and is it sharp? Estimate: measured edge over bound, on the last problem."""
    name, question = "textbook_bound", Message("descent.textbook_bound.question")
    found = [(case, case.measured_edge, 2 / case.problem.bound) for case in cases]
    details: dict[str, Any] = {
        c.name: {"bound": bound, "measured": _ends(bracket), "theory": c.edge} for c, bracket, bound in found
    }
    first, last = found[0], found[-1]
    if first[1] is None or last[1] is None:
        return _cannot(name, question, Message("descent.edge.open", {"arm": last[0].name}), cases, details)
    shares = [bracket.over(bound) for _, bracket, bound in found if bracket]
    values: dict[str, Value] = {"first": shares[0].middle, "low": shares[-1].low, "high": shares[-1].high}
    values |= {"bound": last[2], "edge": last[1].middle}
    safe = all(share.high >= 1 for share in shares)
    sharp = all(share.low <= 1 for share in shares)
    kind = "unsafe" if not safe else "sharp" if sharp else "safe"
    statement = Message(f"descent.textbook_bound.{kind}", values)
    interval = shares[-1].low, shares[-1].high
    return _say(name, question, _verdict(safe), statement, shares[-1].middle, interval, cases, details)


def _ratios(case: Case) -> Array:
    """(L, S) measured −ln ρ over that of theory; NaN where there is no rate, or where theory's is hardly a rate at all."""
    theory = np.log(case.theory(case.lrs))[:, None]
    return np.asarray(np.where(np.abs(theory) > 1e-6, np.log(case.rates) / theory, np.nan))


def _at_best(case: Case) -> dict[str, float]:
    row = case.nearest(case.best.lr)
    return {"lr": float(case.lrs[row]), "theory": case.best.rate, "measured": float(np.mean(case.rates[row]))}


def _exponents(conditions: Array, steps: Array) -> Array:
    """(S,) slopes of ln steps (K, S) in ln κ (K,)."""
    x = np.log(conditions) - np.log(conditions).mean()
    return np.asarray(x @ np.log(steps) / (x @ x))


def _ends(bracket: Bracket | None) -> tuple[float, float] | None:
    return None if bracket is None else (bracket.low, bracket.high)


def _verdict(holds: bool) -> Verdict:
    return Verdict.SUPPORTED if holds else Verdict.REFUTED


def _say(
    name: str,
    question: Message,
    verdict: Verdict,
    statement: Message,
    estimate: Value,
    interval: tuple[float, float],
    cases: Sequence[Case],
    details: dict[str, Any],
    unit: str = "",
) -> Finding:
    return Finding(name, question, verdict, statement, float(estimate), interval, unit, plain(details), _hashes(cases))


def _cannot(name: str, question: Message, why: Message, cases: Sequence[Case], details: dict[str, Any]) -> Finding:
    return Finding(name, question, Verdict.INCONCLUSIVE, why, details=plain(details), runs=_hashes(cases))


def _cannot_noise(
    name: str, question: Message, why: Message, cases: Sequence[NoiseCase], details: dict[str, Any]
) -> Finding:
    hashes = tuple(run for case in cases for run in case.table.hashes)
    return Finding(name, question, Verdict.INCONCLUSIVE, why, details=plain(details), runs=hashes)


def _hashes(cases: Sequence[Case]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(run for case in cases for run in case.table.hashes))
