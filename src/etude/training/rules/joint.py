"""Both kinds of rules, and rules that differ from lane to lane, behind one call."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from typing import TYPE_CHECKING, cast, final

from etude.core.rule import AveragedRule, JointRule, Rule, State, UpdateRule

if TYPE_CHECKING:
    from torch import Tensor


def joint(rule: Rule) -> JointRule:
    """The rule as one over all parameters; a rule for single tensors is applied to each.

    Example:
        >>> from etude.training.rules import SGD, DoG
        >>> joint(SGD())
        PerTensor(rule=SGD(momentum=0.0, nesterov=False, weight_decay=0.0))
        >>> joint(DoG()) == DoG()
        True
    """
    return cast("JointRule", rule) if _is_joint(type(rule)) else PerTensor(cast("UpdateRule", rule))


@cache
def _is_joint(kind: type) -> bool:
    # Asked at every step; to compare a class with a protocol takes longer than a small layer's update.
    return issubclass(kind, JointRule)


@cache
def _is_averaged(kind: type) -> bool:
    return issubclass(kind, AveragedRule)


def by_lane(rules: Sequence[Rule]) -> JointRule:
    """The rules of a stack's lanes, one each, as one rule over the stack.

    Example:
        >>> from etude.training.rules import SGD
        >>> by_lane([SGD(), SGD()]) == joint(SGD())
        True
        >>> [size for _, size in by_lane([SGD(), SGD(), SGD(momentum=0.9)]).blocks]
        [2, 1]
    """
    blocks = tuple((joint(rule), len(list(group))) for rule, group in groupby(rules))
    return blocks[0][0] if len(blocks) == 1 else Blocks(blocks)


def evaluated(rule: JointRule, params: dict[str, Tensor], state: dict[str, State]) -> dict[str, Tensor]:
    """Weights to evaluate: those in training, unless the rule's result is an average of them."""
    if isinstance(rule, Blocks):
        parts = [evaluated(r, _rows(params, rows), _state_rows(state, rows)) for r, rows in rule.rows()]
        return {name: _cat([part[name] for part in parts]) for name in params}
    inner = rule.rule if isinstance(rule, PerTensor) else rule
    if not _is_averaged(type(inner)):
        return params
    averaged = cast("AveragedRule", inner)
    return {name: averaged.evaluation(param, state[name]) for name, param in params.items()}


@final
@dataclass(frozen=True)
class PerTensor:
    """A rule for single tensors, applied to every parameter by itself.

    Attributes:
        rule: The rule.
    """

    rule: UpdateRule

    def init_all(self, params: dict[str, Tensor]) -> dict[str, State]:
        """State of every parameter."""
        return {name: self.rule.init(param) for name, param in params.items()}

    def update_all(
        self,
        params: dict[str, Tensor],
        grads: dict[str, Tensor],
        state: dict[str, State],
        lr: dict[str, Tensor],
        step: int,
    ) -> None:
        """Make one step in place."""
        for name, param in params.items():
            self.rule.update(param, grads[name], state[name], lr[name], step)


@final
@dataclass(frozen=True)
class Blocks:
    """Neighbouring lanes that share a rule, block after block, each updated through views into the stack.

    Attributes:
        blocks: Rules, and how many lanes each has.
    """

    blocks: tuple[tuple[JointRule, int], ...]

    def rows(self) -> Iterator[tuple[JointRule, slice]]:
        """Every block's rule and its rows of the stack."""
        start = 0
        for rule, size in self.blocks:
            yield rule, slice(start, start + size)
            start += size

    def init_all(self, params: dict[str, Tensor]) -> dict[str, State]:
        """State of all blocks; where one keeps what another does not (momentum 0 has no velocity) the other has zeros."""
        parts = [rule.init_all(_rows(params, rows)) for rule, rows in self.rows()]
        sizes = [size for _, size in self.blocks]
        state: dict[str, State] = {}
        for name in dict.fromkeys(name for part in parts for name in part):
            kept = [part.get(name, {}) for part in parts]
            like = {key: value for own in kept for key, value in own.items()}
            state[name] = {
                key: _cat([own.get(key, v.new_zeros((n, *v.shape[1:]))) for own, n in zip(kept, sizes, strict=True)])
                for key, v in like.items()
            }
        return state

    def update_all(
        self,
        params: dict[str, Tensor],
        grads: dict[str, Tensor],
        state: dict[str, State],
        lr: dict[str, Tensor],
        step: int,
    ) -> None:
        """Make one step in place."""
        for rule, rows in self.rows():
            rule.update_all(_rows(params, rows), _rows(grads, rows), _state_rows(state, rows), _rows(lr, rows), step)


def _rows(tensors: dict[str, Tensor], rows: slice) -> dict[str, Tensor]:
    return {name: tensor[rows] for name, tensor in tensors.items()}


def _state_rows(state: dict[str, State], rows: slice) -> dict[str, State]:
    return {name: _rows(own, rows) for name, own in state.items()}


def _cat(parts: list[Tensor]) -> Tensor:
    import torch

    return torch.cat(parts)
