"""The open-loop factor of the learning rate: a pure function of the step."""

from __future__ import annotations

from typing import Protocol, runtime_checkable


@runtime_checkable
class Schedule(Protocol):
    """A multiplier m(t) of the peak learning rate, for steps t = 0 … steps−1 (half-open, like ``range``).

    Concrete schedules are frozen dataclasses: hashable, comparable, picklable, stored by import path.
    """

    @property
    def steps(self) -> int:
        """Length [optimizer steps]."""
        ...

    def __call__(self, t: int) -> float:
        """Multiplier at step ``t`` [1 = peak learning rate]."""
        ...
