"""The learning rate that every single parameter gets under a rule."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING, final

from etude.core.rule import WHOLE, JointRule, State, UpdateRule
from etude.training import rules
from etude.training.rules.joint import Blocks, PerTensor
from etude.training.rules.lanewise import spread

if TYPE_CHECKING:
    from torch import Tensor

    from etude.core.gradients import Params


@final
@dataclass(frozen=True, eq=False)
class Effective:
    """How far a step goes, element by element of one parameter, each (K, ...) or broadcasting against it.

    Attributes:
        rate: What multiplies the rule's direction, which is in units of the gradient: its momentum, or the gradient itself.
        first: m̂, where the rule keeps a running mean of gradients.
        root: The root in the denominator: √v̂, Adagrad's √s, Adamax's u, where there is one.
    """

    rate: Tensor
    first: Tensor | None = None
    root: Tensor | None = None


def effective_rates(rule: JointRule, state: dict[str, State], rates: Params, made: int) -> dict[str, Effective]:
    r"""Effective learning rate of every element, by parameter name.

    .. math:: \frac{\eta}{\sqrt{\hat v} + \epsilon}

    for Adam and its kin, with each rule's own form of the denominator; η for a rule that divides by nothing. What scales a
    layer as a whole (the trust ratio of LARS and LAMB, Adafactor's relative step and clipping, Muon's orthogonalization,
    Lion's sign) is left out.

    Args:
        rule: The rule of the K lanes.
        state: Its state after ``made`` steps.
        rates: Learning rates per parameter, shaped to broadcast against it.
        made: Steps made, at least 1.

    Example:
        >>> import torch
        >>> from etude.training.rules.joint import joint
        >>> state = {"w": {"first": torch.tensor([[0.1]]), "second": torch.tensor([[0.004]])}}
        >>> effective_rates(joint(rules.Adam()), state, {"w": torch.tensor([[0.1]])}, made=1)["w"].rate
        tensor([[0.0500]])
    """
    if isinstance(rule, Blocks):
        return _of_blocks(rule, state, rates, made)
    if isinstance(rule, PerTensor):
        return {name: _of_one(rule.rule, state[name], rate, made) for name, rate in rates.items()}
    return {name: _of_whole(rule, state[name], state[WHOLE], rate, made) for name, rate in rates.items()}


def _of_blocks(rule: Blocks, state: dict[str, State], rates: Params, made: int) -> dict[str, Effective]:
    parts = []
    for own, rows in rule.rows():
        cut = {name: {key: value[rows] for key, value in held.items()} for name, held in state.items()}
        parts.append(effective_rates(own, cut, {name: rate[rows] for name, rate in rates.items()}, made))
    return {name: _cat([part[name] for part in parts]) for name in rates}


def _of_one(rule: UpdateRule, state: State, lr: Tensor, made: int) -> Effective:  # noqa: C901 - a table of rules
    match rule:
        case rules.Adam() | rules.AdamW() | rules.AMSGrad() | rules.NAdam() | rules.LAMB():
            root = _root(state["largest" if isinstance(rule, rules.AMSGrad) else "second"], rule.beta2, made)
            return Effective(lr / (root + rule.eps), _first(state, rule.beta1, made), root)
        case rules.ScheduleFreeAdamW():
            root = _root(state["second"], rule.beta2, made)
            return Effective(lr / (root + rule.eps), None, root)
        case rules.RAdam():
            root, factor = _root(state["second"], rule.beta2, made), rule.rectification(made - 1)
            eps = rule.eps / sqrt(1 - rule.beta2**made)
            return Effective(
                lr if factor is None else lr * factor / (root + eps), _first(state, rule.beta1, made), root
            )
        case rules.Adamax():
            return Effective(lr / state["largest"], _first(state, rule.beta1, made), state["largest"])
        case rules.RMSprop():
            second = state["second"]
            root = (
                second.addcmul(state["mean"], state["mean"], value=-1).clamp(min=0) if rule.centered else second
            ).sqrt()
            return Effective(lr / (root + rule.eps), None, root)
        case rules.Adagrad():
            root = state["sum"].sqrt()
            return Effective(lr / (root + rule.eps), None, root)
        case rules.Adadelta():
            travel = (state["travel"] + rule.eps).sqrt()
            return Effective(lr * travel / (state["second"] + rule.eps).sqrt(), None, state["second"].sqrt())
        case rules.Adafactor():
            return _of_adafactor(rule, state, lr, made)
        case rules.Muon() if "second" in state:
            return _of_one(rule.rest, state, lr, made)
        case rules.Lion() | rules.Muon():
            return Effective(lr, state["first"])
        case _:
            return Effective(lr)


def _of_whole(rule: JointRule, state: State, whole: State, lr: Tensor, made: int) -> Effective:
    match rule:
        case rules.DoG():
            return Effective(lr * spread(whole["distance"] / whole["gradients"].sqrt(), lr))
        case rules.Prodigy():
            d, root = spread(whole["d"], lr), state["second"].sqrt() / spread(whole["d"], lr)
            return Effective(lr * d * _correction(rule, made) / (root + rule.eps), state["first"] / d, root)
        case rules.DAdaptAdam():
            d, root = spread(whole["d"], lr), state["second"].sqrt()
            return Effective(lr * d * _correction(rule, made) / (root + rule.eps), None, root)
        case _:
            return Effective(lr)


def _of_adafactor(rule: rules.Adafactor, state: State, lr: Tensor, made: int) -> Effective:
    import torch

    eps = torch.finfo(lr.dtype).eps if rule.eps1 is None else rule.eps1
    second = state.get("second")
    if second is None:
        rows, columns = state["rows"], state["columns"]
        second = rows * columns / rows.mean(-2, keepdim=True).clamp(min=eps)
    root = second.clamp(min=eps**2).sqrt()
    return Effective((lr.clamp(max=(made + 1) ** -0.5) if rule.capped else lr) / root, None, root)


def _first(state: State, beta1: float, made: int) -> Tensor:
    return state["first"] / (1 - beta1**made)


def _root(second: Tensor, beta2: float, made: int) -> Tensor:
    return (second / (1 - beta2**made)).sqrt()


def _correction(rule: rules.Prodigy | rules.DAdaptAdam, made: int) -> float:
    return sqrt(1 - rule.beta2**made) / (1 - rule.beta1**made) if rule.bias_correction else 1.0


def _cat(parts: list[Effective]) -> Effective:
    import torch

    def joined(tensors: list[Tensor | None]) -> Tensor | None:
        held = [t for t in tensors if t is not None]
        return torch.cat(held) if len(held) == len(tensors) else None

    rate = torch.cat([part.rate for part in parts])
    return Effective(rate, joined([part.first for part in parts]), joined([part.root for part in parts]))
