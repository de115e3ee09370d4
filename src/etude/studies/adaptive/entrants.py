"""The update rules that the étude ``adaptive`` compares, each with the learning rate that it is usually begun with."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, final

from etude.core.rule import Rule
from etude.studies.optimizers import RULES
from etude.training.rules import Muon

NO_DECAY = 0.0
"""Weight decay of the race: coupled in some rules and decoupled in others, it would mix another question into it."""


@final
@dataclass(frozen=True)
class Entrant:
    """One update rule of the race.

    Attributes:
        name: What the reader calls it, in any language.
        optimizer: Its name in ``optimizers.RULES``.
        usual: The learning rate that people begin with: the default of ``torch.optim``, or else of the authors' package
            (timm's for LARS and LAMB). For SGD, whose default in torch is 1e-3, the 0.1 of papers on image classification.
        below: Steps of its first grid below ``usual``, each a third of a decade.
        above: Steps above it.
        settings: Hyperparameters that are not the record's defaults.
        adapts: Whether it divides every weight's gradient by a root of its own, and by nothing that scales layers besides.
        untuned: Whether it is published as finding its learning rate itself, with η = 1.
    """

    name: str
    optimizer: str
    usual: float
    below: int
    above: int
    settings: dict[str, Any] = field(default_factory=dict)
    adapts: bool = False
    untuned: bool = False

    @property
    def lrs(self) -> tuple[float, ...]:
        """Its first grid, ascending: fine enough that one refinement brings the best one's neighbours within half an octave.

        Example:
            >>> ENTRANTS[0].lrs
            (0.0215, 0.0464, 0.1, 0.215, 0.464, 1.0, 2.15, 4.64)
        """
        return tuple(float(f"{self.usual * 10 ** (k / 3):.3g}") for k in range(-self.below, self.above + 1))

    def rule(self, weight_decay: float | None = None) -> Rule:
        """Its record at the documented defaults, but for the weight decay λ.

        ``None`` is λ = 0, except for AdamW, which keeps its default 0.01: without decay it would be Adam once more.
        """
        rule: Rule = RULES[self.optimizer](**self.settings)
        if weight_decay is None and self.optimizer == "adamw":
            return rule
        decay = NO_DECAY if weight_decay is None else weight_decay
        if isinstance(rule, Muon):
            return replace(rule, weight_decay=decay, rest=replace(rule.rest, weight_decay=decay))
        return replace(rule, weight_decay=decay)  # type: ignore[type-var]


ENTRANTS = (
    Entrant("SGD", "sgd", 0.1, 2, 5),
    Entrant("SGD β=0.9", "sgd", 0.1, 4, 3, {"momentum": 0.9}),
    Entrant("Nesterov β=0.9", "sgd", 0.1, 4, 3, {"momentum": 0.9, "nesterov": True}),
    Entrant("Adagrad", "adagrad", 0.01, 2, 5, adapts=True),
    Entrant("Adadelta", "adadelta", 1.0, 3, 5, adapts=True),
    Entrant("RMSprop", "rmsprop", 0.01, 5, 2, adapts=True),
    Entrant("Adam", "adam", 1e-3, 2, 5, adapts=True),
    Entrant("AMSGrad", "amsgrad", 1e-3, 2, 5, adapts=True),
    Entrant("AdamW", "adamw", 1e-3, 2, 5, adapts=True),
    Entrant("Adamax", "adamax", 2e-3, 2, 6, adapts=True),
    Entrant("NAdam", "nadam", 2e-3, 3, 4, adapts=True),
    Entrant("RAdam", "radam", 1e-3, 2, 6, adapts=True),
    Entrant("Lion", "lion", 1e-4, 2, 4),
    Entrant("Adafactor", "adafactor", 0.01, 3, 5),
    Entrant("LARS", "lars", 1.0, 2, 4),
    Entrant("LAMB", "lamb", 1e-3, 1, 5),
    Entrant("Muon", "muon", 1e-3, 2, 4),
    Entrant("Schedule-free SGD", "schedule-free-sgd", 1.0, 4, 2),
    Entrant("Schedule-free AdamW", "schedule-free-adamw", 2.5e-3, 3, 5, adapts=True),
    Entrant("Prodigy", "prodigy", 1.0, 5, 3, adapts=True, untuned=True),
    Entrant("D-Adaptation", "dadapt-adam", 1.0, 4, 2, adapts=True, untuned=True),
    Entrant("DoG", "dog", 1.0, 2, 2, untuned=True),
)
