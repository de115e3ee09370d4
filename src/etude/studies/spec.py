"""The options of a study, as a user gives them: on the command line, in a TOML file, or from Python."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator, model_validator

from etude.core.controller import Controller
from etude.core.errors import SpecError
from etude.core.rule import Rule
from etude.studies.grids import COARSE_LR, DEFAULT_LR, parse_axis, parse_grid
from etude.studies.optimizers import read_controller, read_optimizer
from etude.studies.option_checks import check_amounts, check_precision
from etude.studies.option_errors import sentence

DEFAULT_STEPS = 500
"""Horizon when neither steps nor epochs are given: long enough for a small network to converge, short enough to wait for."""

MOST_STEPS = 10**9
"""Horizon [optimizer steps] at most: more is a slip of the pen, and would take minutes to say that it does not fit the disk."""

NUMBERS = ("batch_size", "steps", "epochs", "momentum", "beta1", "beta2", "eps", "weight_decay", "clip", "clip_value")
"""Options that a second axis can vary, besides the hyperparameters that are written in brackets."""

HYPERPARAMETERS = ("momentum", "nesterov", "beta1", "beta2", "eps", "weight_decay")
"""Those of the optimizer that have an option of their own; the others are written in brackets behind its name."""


class StudySpec(BaseModel):
    """Everything that decides the numbers of a study; how it is executed (workers, folder) is not part of it.

    Attributes:
        etude: Which étude.
        data: Built-in data set, or a folder of IDX files; ``None`` with a task of one's own.
        task: ``FILE.py:FUNCTION``, or the name of a task made in Python; ``None`` for built-in data.
        model: Built-in network: mlp, cnn, cnn-bn or gru.
        hidden: Widths of its hidden layers.
        activation: Its activation.
        lr: Grid ``LOW:HIGH:N`` of N learning rates, evenly spaced in log η; ``None`` leaves it to the étude, which takes
            1e-4:1:24 where one grid suits all runs, and 1e-4:1:10 to begin with where a ``precision`` is asked for.
        seeds: Replicates per learning rate; 5 are the fewest that give a bootstrap interval any meaning. With a ``precision``,
            the most that a learning rate gets.
        precision: Width of the interval of the best learning rate that is enough [decades]: runs are then spent where it is
            decided. ``None`` runs every learning rate on every seed.
        budget: Most runs of such a study, all of its arms together but not those that check the choice on fresh seeds; ``None``
            for no limit but the seeds.
        steps: Horizon [optimizer steps]; ``None`` means ``epochs``, or 500.
        epochs: Horizon in passes over the training data.
        batch_size: Examples per step.
        optimizer: Update rule: its name, and hyperparameters in brackets, such as ``lion(beta1=0.95)``.
        momentum: Of the rules that have it; 0.9 for sgd, which is what practice uses.
        nesterov: Nesterov's momentum instead of the heavy ball.
        beta1: Of the rules that have it, as the next ones.
        beta2: See above.
        eps: See above.
        weight_decay: λ; ``None`` means the rule's default.
        schedule: Shape of the learning rate over the horizon, such as ``warmup(5%) > cosine``.
        controller: Closed loop that multiplies the schedule, such as ``plateau(patience=3)``.
        scheduled: Schedules of hyperparameters, multiples of their own values, such as ``{"momentum": "linear(to=0.5)"}``.
        clip: Global gradient norm to clip at.
        clip_value: Size that every entry of the gradient is cut off at; not together with ``clip``.
        grid: A second axis: ``KEY=LOW:HIGH:N`` or ``KEY=V,V,…``, a whole sweep for each value.
        tolerance: How much worse than the best, relative to its loss, still counts as as good.
        target: Training loss whose first crossing is counted in steps.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, strict=True)

    etude: str
    data: str | None = None
    task: str | None = None
    model: str = "mlp"
    hidden: tuple[int, ...] = ()
    activation: str = "relu"
    lr: str | None = None
    seeds: int = 5
    steps: int | None = None
    epochs: float | None = None
    batch_size: int = 64
    optimizer: str = "sgd"
    momentum: float | None = None
    nesterov: bool | None = None
    beta1: float | None = None
    beta2: float | None = None
    eps: float | None = None
    weight_decay: float | None = None
    schedule: str = "constant"
    controller: str | None = None
    scheduled: dict[str, str] = {}
    clip: float | None = None
    clip_value: float | None = None
    grid: str | None = None
    precision: float | None = None
    budget: int | None = None
    tolerance: float = 0.02
    target: float | None = None

    @field_validator("hidden", mode="before")
    @classmethod
    def _hidden_is_a_tuple(cls, value: Any) -> Any:
        return tuple(value) if isinstance(value, list) else value

    @field_validator("lr", mode="before")
    @classmethod
    def _lr_is_text(cls, value: Any) -> Any:
        if isinstance(value, list | tuple) and len(value) == 3:
            return ":".join(map(str, value))
        if value is not None and not isinstance(value, str):
            raise ValueError(f"a grid of learning rates is LOW:HIGH:N, got {value!r}: write for example '1e-4:1:24'")
        return value

    @field_validator("lr")
    @classmethod
    def _lr_is_a_grid(cls, value: str | None) -> str | None:
        if value is not None:
            parse_grid(value)
        return value

    @field_validator("optimizer")
    @classmethod
    def _optimizer_is_known(cls, value: str) -> str:
        read_optimizer(value, {})
        return value

    @field_validator("controller")
    @classmethod
    def _controller_is_known(cls, value: str | None) -> str | None:
        if value is not None:
            read_controller(value)
        return value

    @model_validator(mode="after")
    def _has_one_task(self) -> StudySpec:
        if (self.data is None) == (self.task is None):
            raise ValueError(
                "needs either data or a task of one's own, not both: pass --data NAME or --task FILE.py:FUNCTION"
            )
        if self.task is not None and (self.model != "mlp" or self.hidden or self.activation != "relu"):
            raise ValueError("a task of one's own brings its model: leave model, hidden and activation out")
        return self

    @model_validator(mode="after")
    def _fits_together(self) -> StudySpec:
        check_amounts(self)
        check_precision(self)
        self.rule()
        self.along()
        return self

    @property
    def lrs(self) -> list[float]:
        """The learning rates of the grid, ascending."""
        return parse_grid(self.lr or (DEFAULT_LR if self.precision is None else COARSE_LR))

    def rule(self) -> Rule:
        """The update rule with its hyperparameters.

        Raises:
            SpecError: When a hyperparameter is out of range or belongs to another rule.
        """
        return read_optimizer(self.optimizer, {name: getattr(self, name) for name in HYPERPARAMETERS})

    def control(self) -> Controller | None:
        """The controller, if there is one."""
        return None if self.controller is None else read_controller(self.controller)

    def along(self) -> dict[str, StudySpec]:
        """The study at each value of its second axis, by ``key=value``; empty without one.

        Raises:
            SpecError: When the axis is none that has numbers, or a value is out of range.
        """
        if self.grid is None:
            return {}
        axis = parse_axis(self.grid)
        return {f"{axis.key}={value:g}": self._at(axis.key, value) for value in axis.values}

    def _at(self, key: str, value: float) -> StudySpec:
        plain = self.stored() | {"grid": None}
        if key in NUMBERS:
            return make_spec(plain | {key: value})
        if key in type(self).model_fields:
            raise SpecError(f"the second axis cannot be {key!r}: it can be {', '.join(NUMBERS)}, or a hyperparameter")
        bare = self.optimizer.strip().removesuffix(")")
        joint = ", " if "(" in bare else "("
        return make_spec(plain | {"optimizer": f"{bare}{joint}{key}={value:g})"})

    def horizon(self, examples: int) -> int:
        """Steps for a training set of so many examples.

        Raises:
            SpecError: When they are more than anyone could wait for.
        """
        if self.epochs is None:
            steps = self.steps or DEFAULT_STEPS
        else:
            steps = max(1, round(self.epochs * (examples // self.batch_size)))
        if steps > MOST_STEPS:
            raise SpecError(f"needs at most {MOST_STEPS} steps, got {steps:.3g}: lower steps or epochs")
        return steps

    def stored(self) -> dict[str, Any]:
        """The options as plain JSON; those left at their defaults too, since defaults may change."""
        return self.model_dump(mode="json")

    def command(self, folder: Path) -> str:
        """The shell command that makes the study again; the Python call where its task was made in Python."""
        given = {
            name: getattr(self, name)
            for name, info in type(self).model_fields.items()
            if name != "etude" and getattr(self, name) != info.default
        }
        if self.task is not None and ":" not in self.task:
            words = [f"{name}={value!r}" for name, value in given.items() if name != "task"]
            return f"etude.Study({', '.join([repr(self.etude), 'task=task', *words, f'out={str(folder)!r}'])}).run()"
        parts = ["etude", "run", self.etude]
        for name, value in given.items():
            flag = "--" + name.replace("_", "-")
            if isinstance(value, dict):
                parts += [word for key, text in value.items() for word in (flag, f"{key}={text}")]
                continue
            text = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
            parts += [flag] if value is True else [flag, text]
        return shlex.join([*parts, "--out", str(folder)])


def make_spec(options: dict[str, Any]) -> StudySpec:
    """Check options, and say everything that is wrong with them in one sentence.

    Raises:
        SpecError: Naming each bad key, with the nearest valid one when it is unknown.
    """
    try:
        return StudySpec.model_validate(options)
    except ValidationError as error:
        raise SpecError("; ".join(sentence(e, StudySpec.model_fields) for e in error.errors())) from None
