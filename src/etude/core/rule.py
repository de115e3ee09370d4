"""How a gradient becomes a step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeAlias, runtime_checkable

if TYPE_CHECKING:
    from torch import Tensor

State = dict[str, "Tensor"]

WHOLE = ""
"""Key of the state that belongs to a whole lane instead of one parameter; no parameter can be called this."""


class UpdateRule(Protocol):
    """One optimizer, written for one parameter tensor of one lane and correct for K of them.

    A concrete rule is a frozen dataclass of its hyperparameters, which may change from step to step; those on which its state
    rests it names in a class attribute ``fixed``. Tensors may carry a leading lane axis; every operation must then act
    within a lane, and ``lr`` comes shaped to broadcast against the parameter.

    The update works in place. A pure update would copy every parameter and moment at every step, and that traffic is
    what a small model's step costs; the slow twin in the tests is ``torch.optim``.
    """

    def init(self, param: Tensor) -> State:
        """State before the first step, each entry shaped like ``param`` or broadcasting against it."""
        ...

    def update(self, param: Tensor, grad: Tensor, state: State, lr: Tensor, step: int) -> None:
        """Make step number ``step`` (from 0), in place on ``param`` and ``state``; ``grad`` may be overwritten."""
        ...


@runtime_checkable
class JointRule(Protocol):
    """One optimizer that needs a number per lane over ALL its parameters, such as the distance from the start.

    The dictionaries are keyed by parameter name. What belongs to the lane stands in ``state[WHOLE]``, each entry (K,), so
    that lanes can be taken out of the stack like rows of any other state.
    """

    def init_all(self, params: dict[str, Tensor]) -> dict[str, State]:
        """State before the first step: one entry per parameter, and ``WHOLE``."""
        ...

    def update_all(
        self,
        params: dict[str, Tensor],
        grads: dict[str, Tensor],
        state: dict[str, State],
        lr: dict[str, Tensor],
        step: int,
    ) -> None:
        """Make step number ``step`` (from 0) in place, as ``UpdateRule.update`` does for one parameter."""
        ...


@runtime_checkable
class AveragedRule(Protocol):
    """A rule whose result is not the point where it takes gradients: an average along the way."""

    def evaluation(self, param: Tensor, state: State) -> Tensor:
        """Weights to evaluate and to keep, from the weights in training; neither argument is changed."""
        ...


Rule: TypeAlias = UpdateRule | JointRule
