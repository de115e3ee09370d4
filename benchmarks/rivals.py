"""Who else implements each update rule: torch.optim, the authors' package, or else pytorch-optimizer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import dadaptation  # type: ignore[import-untyped]
import dog  # type: ignore[import-untyped]
import prodigyopt  # type: ignore[import-untyped]
import pytorch_optimizer
import schedulefree  # type: ignore[import-untyped]
from torch import nn, optim

from etude.core.rule import Rule
from etude.training.rules import (
    LAMB,
    LARS,
    SGD,
    Adadelta,
    Adafactor,
    Adagrad,
    Adam,
    Adamax,
    AdamW,
    AMSGrad,
    DAdaptAdam,
    DoG,
    Lion,
    Muon,
    NAdam,
    Prodigy,
    RAdam,
    RMSprop,
    ScheduleFreeAdamW,
    ScheduleFreeSGD,
)

Params = list[nn.Parameter]


class Stepping(Protocol):
    """What a loop wants of an optimizer."""

    def step(self) -> object:
        """Make an update."""


@dataclass(frozen=True)
class Duel:
    """A rule and its other implementation.

    Attributes:
        rule: Ours.
        lr: A learning rate at which both train.
        make: Their optimizer; options come from ``variants``.
        variants: Options among which the fastest counts.
    """

    rule: Rule
    lr: float
    make: Callable[..., Stepping]
    variants: tuple[Mapping[str, bool], ...] = ({},)

    def others(self) -> Iterator[tuple[str, Callable[[Params], Stepping]]]:
        """Every variant by the name of what it switches on."""
        for options in self.variants:
            name = " ".join(option for option, on in options.items() if on) or "plain"
            yield name, lambda params, options=options: self.make(params, self.lr, **options)  # type: ignore[misc]


class MuonAndAdamW:
    """torch.optim.Muon for the matrices, AdamW for the rest."""

    def __init__(self, params: Params, lr: float, **options: Any) -> None:
        self.parts: tuple[Stepping, ...] = (
            optim.Muon([p for p in params if p.ndim == 2], lr, adjust_lr_fn="match_rms_adamw"),
            optim.AdamW([p for p in params if p.ndim != 2], lr, (0.9, 0.95), **options),
        )

    def step(self) -> None:
        """Make an update."""
        for part in self.parts:
            part.step()


class AveragedDoG:
    """The authors' DoG with their averager, which wants a module."""

    def __init__(self, params: Params, lr: float) -> None:
        self.optimizer = dog.DoG(params, lr=lr)
        self.averager = dog.PolynomialDecayAverager(nn.ParameterList(params))

    def step(self) -> None:
        """Make an update."""
        self.optimizer.step()
        self.averager.step()


def _training(make: Callable[..., Any]) -> Callable[..., Stepping]:
    """An optimizer that must be told that training begins."""

    def made(params: Params, lr: float, **options: Any) -> Stepping:
        optimizer = make(params, lr, **options)
        optimizer.train()
        stepping: Stepping = optimizer
        return stepping

    return made


_FOREACH = ({"foreach": False}, {"foreach": True})
_FUSED = (*_FOREACH, {"fused": True})


def _sgd(**fixed: Any) -> Callable[..., Stepping]:
    return lambda params, lr, **options: optim.SGD(params, lr, **fixed, **options)


DUELS: dict[str, Duel] = {
    "SGD": Duel(SGD(), 0.01, _sgd(), _FUSED),
    "SGD, momentum": Duel(SGD(momentum=0.9), 0.01, _sgd(momentum=0.9), _FUSED),
    "SGD, Nesterov": Duel(SGD(momentum=0.9, nesterov=True), 0.01, _sgd(momentum=0.9, nesterov=True), _FUSED),
    "Adagrad": Duel(Adagrad(), 0.01, optim.Adagrad, _FUSED),
    "Adadelta": Duel(Adadelta(), 1.0, optim.Adadelta, _FOREACH),
    "RMSprop": Duel(RMSprop(), 1e-3, optim.RMSprop, _FOREACH),
    "Adam": Duel(Adam(), 1e-3, optim.Adam, _FUSED),
    "AMSGrad": Duel(AMSGrad(), 1e-3, lambda p, lr, **o: optim.Adam(p, lr, amsgrad=True, **o), _FUSED),
    "AdamW": Duel(AdamW(), 1e-3, optim.AdamW, _FUSED),
    "Adamax": Duel(Adamax(), 1e-3, optim.Adamax, _FOREACH),
    "NAdam": Duel(NAdam(), 1e-3, optim.NAdam, _FOREACH),
    "RAdam": Duel(RAdam(), 1e-3, optim.RAdam, _FOREACH),
    "Lion": Duel(Lion(), 1e-4, pytorch_optimizer.Lion, _FOREACH),
    "Adafactor": Duel(Adafactor(), 1e-2, optim.Adafactor, _FOREACH),
    "LARS": Duel(LARS(), 0.01, pytorch_optimizer.LARS, _FOREACH),
    "LAMB": Duel(LAMB(), 1e-3, pytorch_optimizer.Lamb, _FOREACH),
    "Muon": Duel(Muon(), 1e-3, MuonAndAdamW, _FUSED),
    "schedule-free SGD": Duel(ScheduleFreeSGD(), 0.1, _training(schedulefree.SGDScheduleFree), _FOREACH),
    "schedule-free AdamW": Duel(ScheduleFreeAdamW(), 1e-3, _training(schedulefree.AdamWScheduleFree), _FOREACH),
    "Prodigy": Duel(Prodigy(), 1.0, prodigyopt.Prodigy),
    "D-Adaptation": Duel(DAdaptAdam(growth=1.02), 1.0, lambda p, lr: dadaptation.DAdaptAdam(p, lr, growth_rate=1.02)),
    "DoG": Duel(DoG(), 1.0, AveragedDoG),
}
