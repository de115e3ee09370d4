"""What a monitor sees of one optimizer, through the hooks that torch calls around every step."""

from __future__ import annotations

from typing import Any, final

import torch
from torch import Tensor
from torch.optim import Optimizer

from etude.integrations.monitor.clock import Clock
from etude.integrations.monitor.tensors import Number, lengths, own_parts, scalar
from etude.integrations.monitor.update import Look, Update


@final
class OptimizerWatch:
    """Reads an optimizer's steps; it changes no tensor of the training and draws no random number.

    Args:
        optimizer: What is watched.
        clock: Times what is done here.

    Attributes:
        updates: Updates since the last ``rest``.
        lrs: Learning rates of the groups at the last update; a tensor's value is copied.
        norm: Length of the whole gradient at the first update since the last ``rest``, if ``norms``.
        norms: Whether the gradient's length is read at every update.
        norm_seconds: Spent on that.
        timed: Whether the next update is timed.
        skipped: Whether the last update was skipped on the device, for a gradient scaler that found infinities; a tensor.
        alignment: Cosine of the gradient and minus the update before, if that one was looked at closely.
        look: What was seen of the first update since the last ``rest``, if it was looked at closely.
        seconds: Spent here.
    """

    def __init__(self, optimizer: Optimizer, clock: Clock) -> None:
        self._clock = clock
        self.optimizer = optimizer
        self.updates = 0
        self.lrs: list[float | Tensor] = []
        self.skipped: Number | None = None
        self.norm: Tensor | None = None
        self.norms = True
        self.norm_seconds = 0.0
        self.timed = True
        self.alignment: Tensor | None = None
        self.look: Look | None = None
        self.seconds = 0.0
        self._looking = False
        self._weights: tuple[tuple[Tensor, ...], Tensor] | None = None
        self._gradients: Tensor | None = None
        self._unclipped: Tensor | None = None
        self._last: Update | None = None
        self._pending: Update | None = None
        self._buffers: dict[Tensor, Tensor] = {}
        self._others: dict[Tensor, Tensor] = {}
        self._copies: list[Tensor] | None = None
        self._hooks = [
            optimizer.register_step_pre_hook(self._before),
            optimizer.register_step_post_hook(self._after),
        ]

    def close(self) -> None:
        """Leave the optimizer as it was."""
        for hook in self._hooks:
            hook.remove()

    def look_closely(self) -> None:
        """Look closely at the next update."""
        self._looking = True

    def last_update(self) -> dict[Tensor, Tensor]:
        """The update just made, by parameter, if it was looked at closely; empty else."""
        return {} if self._last is None else self._last.by_parameter()

    def accumulated(self) -> list[Tensor]:
        """Gradients that the next update will be made of, as far as they have been added up; none once it was made."""
        if self.updates:
            return []
        return [p.grad for group in self.optimizer.param_groups for p in group["params"] if p.grad is not None]

    def rest(self) -> None:
        """Begin the next record."""
        self.updates = 0
        self.skipped = self.alignment = self.look = self.norm = self._unclipped = self._pending = None
        self.seconds = self.norm_seconds = 0.0

    @torch.no_grad()
    def read_gradients(self) -> None:
        """Read the gradients as they are now, before they are clipped."""
        if self._looking or self.norms or self._pending is not None:
            began = self._clock.own()
            if self._pending is not None:
                self.alignment, self._pending = self._pending.alignment(), None
            found = self._read_all()
            self._unclipped = found if self._looking else None
            self.seconds += self._clock.own() - began

    def _before(self, optimizer: Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.updates += 1
        self.lrs = [lr.clone() if isinstance(lr := group["lr"], Tensor) else lr for group in optimizer.param_groups]
        if self.updates > 1:
            return
        # args[0] is the optimizer itself
        closure = kwargs.get("closure", args[1] if len(args) > 1 else None) is not None
        if self._looking or self._last is not None:
            self._begin(closure=closure)
        elif self.norms and self.norm is None and not closure:
            began = self._clock.own() if self.timed else 0.0
            self._read_all()
            self.seconds += self._clock.own() - began if self.timed else 0.0

    def _begin(self, *, closure: bool) -> None:
        """Compare the gradient with the update before, and read what the update to come will change."""
        began = self._clock.own()
        with torch.no_grad():
            if self._last is not None:
                if closure:  # which has yet to compute the gradient of this step
                    self._pending = self._last
                else:
                    self.alignment = self._last.alignment()
                self._last = None
            if self._looking:
                self._start(closure=closure)
            elif self.norms and self.norm is None and not closure:
                self._read_all()
        self.seconds += self._clock.own() - began

    def _after(self, optimizer: Optimizer, *_: Any) -> None:
        found_inf = getattr(optimizer, "found_inf", None)
        if found_inf is not None:
            self.skipped = scalar(found_inf)
        if self._weights is None:
            return
        began = self._clock.own()
        with torch.no_grad():
            self._finish(*self._weights)
        self._weights, self._looking = None, False
        self.seconds += self._clock.own() - began

    def _start(self, *, closure: bool) -> None:
        params = tuple(self._trained() if closure else self._with_gradients())
        if not params:
            return
        self._weights = params, lengths(params)
        self._gradients = None if closure else self._read_all()
        self._copies = None
        if closure or not self._moves_along_a_buffer():
            if self._pending is not None:
                self._buffers, self._others = self._others, self._buffers  # the update before is still needed
            for p in params:
                if p not in self._buffers:
                    self._buffers[p] = torch.empty_like(p)
            self._copies = [self._buffers[p] for p in params]
            torch._foreach_copy_(own_parts(self._copies), own_parts(params))

    def _read_all(self) -> Tensor | None:
        """Lengths of all gradients (N,), and that of the whole gradient kept as ``norm``."""
        began = self._clock.own() if self.timed else 0.0
        grads = [p.grad for group in self.optimizer.param_groups for p in group["params"] if p.grad is not None]
        found = self._read(grads) if grads else None
        if found is not None and self.norm is None:  # else it was read before clipping
            self.norm = torch.linalg.vector_norm(found)
        self.norm_seconds += self._clock.own() - began if self.timed else 0.0
        return found

    def _finish(self, params: tuple[Tensor, ...], weights: Tensor) -> None:
        update = self._update(params)
        gradients = self._gradients
        if gradients is None:
            grads = [torch.zeros_like(p) if p.grad is None else p.grad for p in params]
            gradients = self._read(grads)
        self.look = Look(params, gradients, weights, update.lengths, self._unclipped)
        self._last = update

    def _update(self, params: tuple[Tensor, ...]) -> Update:
        """The update just made: exactly from the optimizer's state, or as the difference from the weights before."""
        state = self.optimizer.state
        if self._copies is None:
            lrs = {p: float(group["lr"]) for group in self.optimizer.param_groups for p in group["params"]}
            factors = torch.tensor([-lrs[p] for p in params], device=params[0].device)
            return Update(params, [state[p]["momentum_buffer"] for p in params], factors)
        # before − after, in place; the factor turns it round
        torch._foreach_sub_(own_parts(self._copies), own_parts(params))
        return Update(params, self._copies, -1.0)

    def _moves_along_a_buffer(self) -> bool:
        """Whether an update is −η times the momentum buffer, whatever the buffer is made of: plain SGD with momentum."""
        return (
            type(self.optimizer) is torch.optim.SGD
            and getattr(self.optimizer, "found_inf", None) is None
            and all(
                group["momentum"] != 0
                and not group["nesterov"]
                and not group["maximize"]
                and not isinstance(group["lr"], Tensor)
                and all(p.dtype in (torch.float32, torch.float64) for p in group["params"])
                for group in self.optimizer.param_groups
            )
        )

    def _read(self, grads: list[Tensor]) -> Tensor:
        # A fused optimizer takes scaled gradients and divides them itself.
        scale = getattr(self.optimizer, "grad_scale", None)
        return lengths(grads) if scale is None else lengths(grads) / scale

    def _trained(self) -> list[Tensor]:
        return [p for group in self.optimizer.param_groups for p in group["params"] if p.requires_grad]

    def _with_gradients(self) -> list[Tensor]:
        return [p for p in self._trained() if p.grad is not None]
