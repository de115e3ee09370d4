"""Update rules and controllers by the names that a user writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from types import MappingProxyType
from typing import Any

from etude.core.controller import Controller
from etude.core.errors import SpecError
from etude.core.rule import Rule
from etude.studies.notation import read_record
from etude.training import rules
from etude.training.controllers import Hypergradient, Plateau, Polyak

RULES: Mapping[str, type] = MappingProxyType(
    {
        "sgd": rules.SGD,
        "adagrad": rules.Adagrad,
        "adadelta": rules.Adadelta,
        "rmsprop": rules.RMSprop,
        "adam": rules.Adam,
        "amsgrad": rules.AMSGrad,
        "adamw": rules.AdamW,
        "adamax": rules.Adamax,
        "nadam": rules.NAdam,
        "radam": rules.RAdam,
        "lion": rules.Lion,
        "adafactor": rules.Adafactor,
        "lars": rules.LARS,
        "lamb": rules.LAMB,
        "muon": rules.Muon,
        "schedule-free-sgd": rules.ScheduleFreeSGD,
        "schedule-free-adamw": rules.ScheduleFreeAdamW,
        "prodigy": rules.Prodigy,
        "dadapt-adam": rules.DAdaptAdam,
        "dog": rules.DoG,
    }
)

CONTROLLERS: Mapping[str, type] = MappingProxyType(
    {"plateau": Plateau, "hypergradient": Hypergradient, "polyak": Polyak}
)

USUAL = MappingProxyType({"sgd": {"momentum": 0.9}})
"""Hyperparameters that differ from the record's default because practice does: plain SGD is written sgd(momentum=0)."""


def read_optimizer(text: str, flags: Mapping[str, Any]) -> Rule:
    """The update rule in the notation ``name(hyperparameter=value, …)``, with the values of separate flags.

    Args:
        text: The notation.
        flags: Values given beside it, by hyperparameter; ``None`` stands for not given.

    Raises:
        SpecError: When a name or value is unknown or out of range, belongs to another rule, or is given twice.

    Example:
        >>> read_optimizer("sgd", {"nesterov": True})
        SGD(momentum=0.9, nesterov=True, weight_decay=0.0)
        >>> read_optimizer("lion(beta1=0.95)", {})
        Lion(beta1=0.95, beta2=0.99, weight_decay=0.0)
    """
    name, given = read_record(text, RULES, "optimizer")
    for key, value in flags.items():
        if value is None:
            continue
        if key not in {f.name for f in fields(RULES[name])}:
            raise SpecError(f"{name} has no {key}, got {value}: leave it out")
        if key in given:
            raise SpecError(f"{key} is given both in {text!r} and beside it: keep one of them")
        given[key] = value
    rule: Rule = RULES[name](**(dict(USUAL.get(name, {})) | given))
    return rule


def read_controller(text: str) -> Controller:
    """The controller in the notation ``name(setting=value, …)``.

    Raises:
        SpecError: When a name or value is unknown or out of range.

    Example:
        >>> read_controller("plateau(patience=3)").patience
        3
    """
    name, given = read_record(text, CONTROLLERS, "controller")
    controller: Controller = CONTROLLERS[name](**given)
    return controller
