"""The gradient on its way back through time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias, cast, final

import torch
from torch import Tensor, nn

from etude.training.probes.growth import Growth, log_growth
from etude.training.probes.isolated import isolated
from etude.training.probes.unrolled import Unrolled

States: TypeAlias = list[Tensor]
"""Hidden states h_1 … h_T, each (B, H)."""


@final
@dataclass(frozen=True)
class ThroughTime:
    """Norms of the gradient with respect to one layer's hidden states, in the order of time.

    Attributes:
        norms: ‖∂L/∂h_t‖ over batch and features, t = 1 … T: through the outputs and through all later states.
    """

    norms: tuple[float, ...]

    @property
    def growth(self) -> Growth:
        """Powers of ten per step *back* in time: positive explodes, negative vanishes.

        It is log₁₀ ρ of a linear network whose matrix is ρ times an orthogonal one and whose loss reads the last state. Norms
        that rounding made zero do not count.
        """
        return log_growth(self.norms[::-1])


def hidden_gradients(module: nn.Module, loss: Callable[[], Tensor]) -> dict[str, ThroughTime]:
    r"""Measure ‖∂L/∂h_t‖ over time for every layer and direction of the recurrent networks in a model.

    .. math:: \frac{\partial L}{\partial h_t} = \frac{\partial^+ L}{\partial h_t}
              + \left(\frac{\partial h_{t+1}}{\partial h_t}\right)^{\!\top} \frac{\partial L}{\partial h_{t+1}}

    torch's fused layers (``nn.RNN``, ``nn.GRU``, ``nn.LSTM``) hide their states, so they are replaced for this one pass by the
    same recurrence, written out; cells (``nn.RNNCell``, ``nn.GRUCell``, ``nn.LSTMCell``) are observed where they are called.
    Of an LSTM, h is followed, not the cell state.

    Args:
        module: The model, run in the mode it is in; it is left as it was.
        loss: Computes the scalar loss.

    Returns:
        By the name of the module, with ``.1`` for the second layer and ``.reverse`` for the direction against time, whose
        norms are in its own order. Empty for a model without recurrent layers.

    Raises:
        SpecError: When a fused layer has a projection or is given a packed sequence.

    References:
        Pascanu, Mikolov & Bengio (2013), On the difficulty of training recurrent neural networks, eqs. 3-5.

    Example:
        >>> cell = nn.RNNCell(1, 1, bias=False)
        >>> weights = nn.init.zeros_(cell.weight_ih), nn.init.constant_(cell.weight_hh, 0.5)
        >>> def loss():
        ...     h = torch.zeros(1, 1)
        ...     for _ in range(3):
        ...         h = cell(torch.zeros(1, 1), h)
        ...     return h.sum()
        >>> hidden_gradients(cell, loss)
        {'': ThroughTime(norms=(0.25, 0.5, 1.0))}
    """
    kept: dict[str, States] = {}
    with isolated(module), _kept_states(module, kept), torch.enable_grad():
        value = loss()
        states = [h for own in kept.values() for h in own]
        found = torch.autograd.grad(value, states, allow_unused=True) if states and value.requires_grad else ()
    norms = {id(h): 0.0 if g is None else float(g.double().norm()) for h, g in zip(states, found, strict=False)}
    return {name: ThroughTime(tuple(norms[id(h)] for h in own)) for name, own in kept.items() if id(own[0]) in norms}


@contextmanager
def _kept_states(module: nn.Module, kept: dict[str, States]) -> Iterator[None]:
    with ExitStack() as stack:
        for name, part in module.named_modules():
            if type(part) in (nn.RNN, nn.GRU, nn.LSTM):
                own = vars(part).get("forward")
                stack.callback(_restore, part, own)
                part.forward = Unrolled(cast(nn.RNNBase, part), _fused_keeper(kept, name))
            elif isinstance(part, nn.RNNCellBase):
                hook = part.register_forward_hook(_cell_keeper(kept, name))
                stack.callback(hook.remove)
        yield


def _restore(part: nn.Module, own: object) -> None:
    del part.forward
    if own is not None:
        vars(part)["forward"] = own


def _fused_keeper(kept: dict[str, States], name: str) -> Callable[[str, Tensor], None]:
    return lambda place, h: kept.setdefault((name + place).lstrip("."), []).append(h)


def _cell_keeper(kept: dict[str, States], name: str) -> Callable[[nn.Module, Any, Any], None]:
    def keep(_module: nn.Module, _arguments: Any, result: Any) -> None:
        kept.setdefault(name, []).append(result[0] if isinstance(result, tuple) else result)

    return keep
