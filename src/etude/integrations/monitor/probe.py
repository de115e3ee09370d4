"""What a monitor asks the loss itself: how it bends along the update, and how sharp the valley is."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.optim import Adam, AdamW, Optimizer
from torch.utils._pytree import tree_map

from etude.core.errors import SpecError
from etude.integrations.monitor.clock import Clock
from etude.integrations.monitor.inside import unwrapped
from etude.integrations.monitor.rows import Numbers
from etude.integrations.monitor.tensors import is_sharded
from etude.training.probes.curvature import Line, line_probe, model_sharpness
from etude.training.probes.isolated import isolated

MOST_PARAMETERS = 5_000_000
"""Of a model whose sharpness is read: the iteration keeps up to 60 vectors of that length."""

LINE, SHARP = 8.0, 300.0
"""Evaluations of the loss that take as long as a line probe, and an iteration for the sharpness, before one was timed."""

_REPEATS = 1e-4
"""Relative difference that two losses at the same weights may have: sums in another order on a GPU."""


@final
class Probe:
    """Runs a loss that its user wrote, on copies of the weights: nothing of the training is changed, see ``isolated``.

    Args:
        model: The model, perhaps wrapped for distributed training.
        loss: Computes the loss of a batch that it holds; without a backward pass.
        names: Parameters that are optimized, all of which must be the model's.
        optimizers: Whose state the preconditioner of the sharpness is.
        clock: Times the evaluations.

    Attributes:
        evaluation: Seconds that one evaluation of the loss takes.
        works: Whether it can be asked: no longer after it has failed.

    Raises:
        SpecError: When the loss cannot be computed, is no single number or not the same at the same weights, or the model
            cannot be lent copies.
    """

    def __init__(
        self,
        model: nn.Module,
        loss: Callable[[], Tensor],
        names: Mapping[Tensor, str],
        optimizers: Sequence[Optimizer],
        clock: Clock,
    ) -> None:
        self._wrapper, self._model, self._loss = model, unwrapped(model), loss
        self._optimizers = optimizers
        own: dict[Tensor, str] = {p: name for name, p in self._model.named_parameters()}
        _check(self._model, names, own)
        self._names = {p: own[p] for p in names}
        self._wide = True
        self.sharp = sum(p.numel() for p in own) <= MOST_PARAMETERS
        self.works = True
        first = self._at_rest()
        began = clock.own()
        second = self._at_rest()
        self.evaluation = clock.own() - began
        if abs(second - first) > _REPEATS * abs(first):
            raise SpecError(
                f"needs a probe that gives the same loss at the same weights, got {first:.6g} and {second:.6g}: "
                "let it hold one batch"
            )

    def line(self, updates: Mapping[Tensor, Tensor]) -> Numbers:
        """Slope and curvature of the loss along the update that has just been made, from its beginning.

        Args:
            updates: w_{t+1} − w_t by parameter; the model is at w_{t+1}.
        """
        after = {self._names[p]: p.detach() for p in updates if p in self._names}
        before = {self._names[p]: p.detach().double() - u.double() for p, u in updates.items() if p in self._names}

        def read() -> Numbers:
            line = self._line(before, after)
            return {
                "probe_loss": line.loss,
                "probe_slope": line.slope,
                "probe_curvature": line.curvature,
                "probe_resolution": line.resolution,
            }

        return self._sparing(read)

    def sharpness(self) -> Numbers:
        """Largest eigenvalue of the Hessian, plain and, for Adam, in its coordinates, at the present weights."""

        def read() -> Numbers:
            with isolated(self._model):
                self._model.eval()
                value, error = model_sharpness(self._model, self._loss)
                found = {"sharpness": value, "sharpness_error": error}
                scales = self._preconditioner()
                if scales is not None:
                    value, error = model_sharpness(self._model, self._loss, scales)
                    found |= {"preconditioned_sharpness": value, "preconditioned_sharpness_error": error}
            return found

        found = self._sparing(read)
        self.works, self.sharp = (
            True,
            self.sharp and bool(found),
        )  # what cannot be differentiated twice has a line still
        return found

    def _at_rest(self) -> float:
        try:
            with self._alone(), isolated(self._model), torch.no_grad():
                value = self._loss()
        except Exception as error:
            raise SpecError(
                "needs a probe that computes a loss when it is called without arguments, under torch.no_grad(), "
                f"got {type(error).__name__} ({str(error).splitlines()[0] if str(error) else 'no message'}): mend the function"
            ) from error
        if not isinstance(value, Tensor) or value.numel() != 1:
            raise SpecError(f"needs a probe that returns the loss, one number, got {_shape(value)}: return its mean")
        return float(value)

    def _line(self, before: Mapping[str, Tensor], after: Mapping[str, Tensor]) -> Line:
        if self._wide:
            try:
                return line_probe(self._model, self._widened, before, after, dtype=torch.float64)
            except RuntimeError:  # the model or the loss holds tensors of its own type
                self._wide = False
        return line_probe(self._model, self._loss, before, after)

    def _widened(self) -> Tensor:
        """The loss with float64 inputs: the small differences that a short update makes drown in rounding otherwise."""

        def widen(_: nn.Module, args: Any, kwargs: Any) -> Any:
            return tree_map(_doubled, (args, kwargs))

        hook = self._model.register_forward_pre_hook(widen, prepend=True, with_kwargs=True)
        try:
            return self._loss()
        finally:
            hook.remove()

    def _preconditioner(self) -> dict[str, Tensor] | None:
        r"""P = η/η_eff = √v̂ + ε by parameter, where all optimizers are Adam's kin; relative to the first group's η."""
        first = float(self._optimizers[0].param_groups[0]["lr"])
        scales = {}
        for optimizer in self._optimizers:
            if not isinstance(optimizer, Adam | AdamW) or first <= 0:
                return None
            for group in optimizer.param_groups:
                for p in group["params"]:
                    state = optimizer.state.get(p, {})
                    if not state or group["lr"] <= 0:
                        return None
                    second = state["max_exp_avg_sq" if group["amsgrad"] else "exp_avg_sq"]
                    root = (second / (1 - group["betas"][1] ** float(state["step"]))).sqrt() + group["eps"]
                    scales[self._names[p]] = root * (first / float(group["lr"]))
        return scales if len(scales) == sum(p.requires_grad for p in self._model.parameters()) else None

    def _sparing(self, read: Callable[[], Numbers]) -> Numbers:
        """Read something; what fails must not end the training."""
        try:
            with self._alone():
                return read()
        except Exception as error:  # noqa: BLE001 - whatever it is, the training goes on
            self.works = False
            warnings.warn(f"the monitor could not read its probe: {error}", stacklevel=4)
            return {}

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Let a call of the distributed model be one of the model in it: other ranks do not take part."""
        if self._wrapper is self._model:
            yield
            return
        attributes = vars(self._wrapper)
        attributes["forward"] = lambda *args, **kwargs: self._model(*args, **kwargs)
        try:
            yield
        finally:
            del attributes["forward"]


def _check(model: nn.Module, names: Mapping[Tensor, str], own: Mapping[Tensor, str]) -> None:
    if any(is_sharded(p) for p in names):
        raise SpecError("needs a whole model on every rank for a probe, got a sharded one: leave the probe out")
    if any(isinstance(part, nn.SyncBatchNorm) for part in model.modules()) and torch.distributed.is_initialized():
        raise SpecError("needs a model that one rank can run alone for a probe, got SyncBatchNorm: leave the probe out")
    strangers = [name for p, name in names.items() if p not in own]
    if strangers:
        raise SpecError(
            f"needs all optimized parameters in the model for a probe, got {strangers[0]} beside it: pass the whole model"
        )


def _doubled(value: Any) -> Any:
    return value.double() if isinstance(value, Tensor) and value.is_floating_point() else value


def _shape(value: object) -> str:
    return f"a tensor of shape {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
