"""A sentence to the reader, before it has a language."""

from __future__ import annotations

from dataclasses import dataclass, field

Value = str | int | float


@dataclass(frozen=True)
class Message:
    """A key into the message catalogue and the values its sentence needs.

    The catalogue (``etude.report``) holds each sentence in every language: computed once, read in any.

    Attributes:
        key: Name in the catalogue, dotted: ``"best_lr.interior"``.
        values: What the sentence's placeholders take; numbers stay numbers, the sentence decides how to print them.

    Example:
        >>> Message("best_lr.interior", {"lr": 0.028}).values["lr"]
        0.028
    """

    key: str
    values: dict[str, Value] = field(default_factory=dict)
