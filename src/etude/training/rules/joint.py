"""Both kinds of rules behind one call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from etude.core.rule import JointRule, Rule, State, UpdateRule

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
    return rule if isinstance(rule, JointRule) else PerTensor(rule)


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
