"""The options of a study, as a user gives them: on the command line, in a TOML file, or from Python."""

from __future__ import annotations

import difflib
import math
import shlex
import tomllib
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError, field_validator, model_validator

from etude.core.errors import SpecError
from etude.core.rule import UpdateRule
from etude.training.rules import SGD, Adam, AdamW

Optimizer = Literal["sgd", "adam", "adamw"]

DEFAULT_STEPS = 500
"""Horizon when neither steps nor epochs are given: long enough for a small network to converge, short enough to wait for."""

MOST_RUNS = 20_000
"""Runs of a grid: a study of more is a slip of the pen, and would take minutes to say that it does not fit the disk."""

MOST_STEPS = 10**9
"""Horizon [optimizer steps] at most, for the same reason."""

_ADAM_ONLY = ("beta1", "beta2", "eps")
_SGD_ONLY = ("momentum", "nesterov")


class StudySpec(BaseModel):
    """Everything that decides the numbers of a study; how it is executed (workers, folder) is not part of it.

    Attributes:
        etude: Which étude.
        data: Built-in data set, or a folder of IDX files; ``None`` with a task of one's own.
        task: ``FILE.py:FUNCTION``, or the name of a task made in Python; ``None`` for built-in data.
        model: Built-in network: mlp, cnn, cnn-bn or gru.
        hidden: Widths of its hidden layers.
        activation: Its activation.
        lr: Grid ``LOW:HIGH:N`` of N learning rates, evenly spaced in log η.
        seeds: Replicates per learning rate; 5 are the fewest that give a bootstrap interval any meaning.
        steps: Horizon [optimizer steps]; ``None`` means ``epochs``, or 500.
        epochs: Horizon in passes over the training data.
        batch_size: Examples per step.
        optimizer: Update rule: sgd, adam or adamw.
        momentum: Of sgd; 0.9, which is what practice uses.
        nesterov: Nesterov's momentum instead of the heavy ball.
        beta1: Of adam and adamw.
        beta2: Of adam and adamw.
        eps: Of adam and adamw.
        weight_decay: λ; ``None`` means 0, and 0.01 for adamw.
        schedule: Shape of the learning rate over the horizon, such as ``warmup(5%) > cosine``.
        clip: Global gradient norm to clip at.
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
    lr: str = "1e-4:1:24"
    seeds: int = 5
    steps: int | None = None
    epochs: float | None = None
    batch_size: int = 64
    optimizer: Optimizer = "sgd"
    momentum: float | None = None
    nesterov: bool = False
    beta1: float | None = None
    beta2: float | None = None
    eps: float | None = None
    weight_decay: float | None = None
    schedule: str = "constant"
    clip: float | None = None
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
        if not isinstance(value, str):
            raise ValueError(f"a grid of learning rates is LOW:HIGH:N, got {value!r}: write for example '1e-4:1:24'")
        return value

    @field_validator("lr")
    @classmethod
    def _lr_is_a_grid(cls, value: str) -> str:
        parse_grid(value)
        return value

    @model_validator(mode="after")
    def _fits_together(self) -> StudySpec:
        for name in ("seeds", "steps", "batch_size"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"needs {name} >= 1, got {value}: pass a positive whole number")
        if self.epochs is not None and not self.epochs > 0:
            raise ValueError(f"needs epochs > 0, got {self.epochs}: pass a positive number")
        if self.steps is not None and self.epochs is not None:
            raise ValueError(f"got both steps = {self.steps} and epochs = {self.epochs}: pass one of them")
        if (self.data is None) == (self.task is None):
            raise ValueError(
                "needs either data or a task of one's own, not both: pass --data NAME or --task FILE.py:FUNCTION"
            )
        if self.task is not None and (self.model != "mlp" or self.hidden or self.activation != "relu"):
            raise ValueError("a task of one's own brings its model: leave model, hidden and activation out")
        if not (math.isfinite(self.tolerance) and self.tolerance >= 0):
            raise ValueError(f"needs tolerance >= 0, got {self.tolerance}: 0.02 means 2 %")
        if self.clip is not None and not self.clip > 0:
            raise ValueError(f"needs clip > 0, got {self.clip}: leave it out to train without clipping")
        if len(self.lrs) * self.seeds > MOST_RUNS:
            raise ValueError(
                f"needs at most {MOST_RUNS} runs, got {len(self.lrs)} learning rates × {self.seeds} seeds: lower one of them"
            )
        self.rule()
        return self

    @property
    def lrs(self) -> list[float]:
        """The learning rates of the grid, ascending."""
        return parse_grid(self.lr)

    def rule(self) -> UpdateRule:
        """The update rule with its hyperparameters.

        Raises:
            SpecError: When a hyperparameter is out of range or belongs to another rule.
        """
        foreign = _ADAM_ONLY if self.optimizer == "sgd" else _SGD_ONLY
        given = [name for name in foreign if getattr(self, name) is not None and getattr(self, name) is not False]
        if given:
            raise SpecError(f"{self.optimizer} has no {given[0]}, got {getattr(self, given[0])}: leave it out")
        decay: dict[str, Any] = {} if self.weight_decay is None else {"weight_decay": self.weight_decay}
        if self.optimizer == "sgd":
            return SGD(0.9 if self.momentum is None else self.momentum, self.nesterov, **decay)
        moments: dict[str, Any] = {n: getattr(self, n) for n in _ADAM_ONLY if getattr(self, n) is not None}
        return (Adam if self.optimizer == "adam" else AdamW)(**moments, **decay)

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
            text = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
            parts += [flag] if value is True else [flag, text]
        return shlex.join([*parts, "--out", str(folder)])


def parse_grid(text: str) -> list[float]:
    """Learning rates of ``LOW:HIGH:N``, evenly spaced in log η, both ends included.

    Raises:
        SpecError: When the text is no such grid, or the range is empty, inverted or of one point.

    Example:
        >>> parse_grid("0.01:1:3")
        [0.01, 0.1, 1.0]
    """
    parts = text.split(":")
    try:
        low, high, count = float(parts[0]), float(parts[1]), int(parts[2])
        if len(parts) != 3:
            raise ValueError
    except (ValueError, IndexError):
        raise SpecError(f"a grid of learning rates is LOW:HIGH:N, got {text!r}: write for example 1e-4:1:24") from None
    if not (math.isfinite(low) and math.isfinite(high) and low > 0):
        raise SpecError(f"learning rates must be positive and finite, got {text!r}: write for example 1e-4:1:24")
    if not low < high:
        raise SpecError(f"the lowest learning rate must be below the highest, got {text!r}: write LOW:HIGH:N")
    if not 2 <= count <= 1000:
        raise SpecError(f"needs between 2 and 1000 learning rates, got {count} in {text!r}: 24 resolve a factor of 1.5")
    inner = 10 ** np.linspace(math.log10(low), math.log10(high), count)[1:-1]
    lrs = [low, *(float(f"{v:.12g}") for v in inner), high]
    if not all(a < b for a, b in pairwise(lrs)):
        raise SpecError(f"needs {count} different learning rates, got {text!r}: widen the range or lower N")
    return lrs


def make_spec(options: dict[str, Any]) -> StudySpec:
    """Check options, and say everything that is wrong with them in one sentence.

    Raises:
        SpecError: Naming each bad key, with the nearest valid one when it is unknown.
    """
    try:
        return StudySpec.model_validate(options)
    except ValidationError as error:
        raise SpecError("; ".join(_sentence(e) for e in error.errors())) from None


def read_toml(path: Path) -> dict[str, Any]:
    """The options in a TOML file.

    Raises:
        SpecError: When there is no such file or it is no TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SpecError(f"cannot read {path} ({error.strerror}): check the path given to --spec") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SpecError(f"{path} is no TOML ({error}): correct it there") from None


_OTHER_NAMES = {
    "learning_rate": ["lr"],
    "lrs": ["lr"],
    "wd": ["weight_decay"],
    "clip_norm": ["clip"],
    "dataset": ["data"],
}


def _sentence(error: Any) -> str:
    key = ".".join(str(part) for part in error["loc"] if part != "function-after")
    if error["type"] == "extra_forbidden":
        near = _OTHER_NAMES.get(key) or difflib.get_close_matches(key, StudySpec.model_fields, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(StudySpec.model_fields)}"
        return f"there is no option {key!r}: {hint}"
    if error["type"] == "value_error":
        return str(error["ctx"]["error"])
    message = (error["msg"][0].lower() + error["msg"][1:]).replace("input should be", "must be")
    message = message.replace("a valid tuple", "a list")
    return f"option {key!r} {message}, got {error['input']!r}{_nearest(error)}"


def _nearest(error: Any) -> str:
    if error["type"] != "literal_error" or not isinstance(error["input"], str):
        return ""
    names = get_args(StudySpec.model_fields[error["loc"][0]].annotation)
    near = difflib.get_close_matches(error["input"].lower(), names, n=1)
    return f": did you mean {near[0]!r}?" if near else ""
