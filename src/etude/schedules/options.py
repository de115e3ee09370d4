"""What the notation's options take, and how a written value is read."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, final

from etude.core.errors import SpecError

_LENGTH = re.compile(r"\d{1,15}(?P<percent>(?:\.\d{0,15})?%)?")
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?%?")


@final
@dataclass(frozen=True, slots=True)
class Written:
    """One value as written.

    Attributes:
        option: The option it was written for.
        text: The value.
        place: Where it begins in the whole text [characters, from 1].
        horizon: What a percentage of a length is taken of [optimizer steps].
    """

    option: str
    text: str
    place: int
    horizon: int


@final
@dataclass(frozen=True, slots=True)
class Option:
    """What an option takes.

    Attributes:
        read: From one written value to what the schedule needs.
        default: What stands for it when it is left out, as it would be written; ``None`` for nothing.
        many: Whether it takes several values with slashes between, and gives a tuple.
    """

    read: Callable[[Written], Any]
    default: str | None
    many: bool = False


def multiplier(default: str) -> Option:
    """A multiple of the peak learning rate."""
    return Option(lambda w: _plain(w, "a multiplier of the peak learning rate"), default)


def multipliers(default: str) -> Option:
    """Several of them."""
    return Option(lambda w: _plain(w, "a multiplier of the peak learning rate"), default, many=True)


def number(default: str) -> Option:
    """A number without a unit."""
    return Option(lambda w: _plain(w, "a plain number"), default)


def count(default: str | None) -> Option:
    """A whole number."""
    return Option(_whole, default)


def length(default: str | None) -> Option:
    """A number of steps, or a percentage of the horizon, in whole steps."""
    return Option(_steps, default)


def lengths(default: str) -> Option:
    """Several of them."""
    return Option(_steps, default, many=True)


def share(default: str) -> Option:
    """A percentage of the segment, or the same as a number."""
    return Option(lambda w: float(_number(w).rstrip("%")) / (100 if w.text.endswith("%") else 1), default)


def choice(default: str, choices: Sequence[str]) -> Option:
    """One of a few words."""
    return Option(lambda w: _choice(w, choices), default)


def exact_length(text: str, place: int, horizon: int) -> Fraction:
    """A length [optimizer steps], not yet whole.

    Raises:
        SpecError: When the text is neither a whole number nor a percentage.
    """
    match = _LENGTH.fullmatch(text)
    if match is None:
        raise SpecError(
            f"a length is a whole number of steps or a percentage of the horizon, got '{text}' (character "
            f"{place}): write it as in warmup(100) or warmup(5%)"
        )
    exact = Fraction(text.rstrip("%"))
    return exact * horizon / 100 if match["percent"] else exact


def nearest(text: str, names: Sequence[str]) -> str:
    """A question that names what may have been meant; empty when nothing is near."""
    near = difflib.get_close_matches(text.lower(), names, n=1, cutoff=0.5)
    return f"did you mean '{near[0]}'? " if near else ""


def _plain(written: Written, what: str) -> float:
    text = _number(written)
    if text.endswith("%"):
        raise SpecError(
            f"'{written.option}' is {what} but got {text} (character {written.place}): "
            f"write it as a number, such as {written.option}=0.1"
        )
    return float(text)


def _number(written: Written) -> str:
    if _NUMBER.fullmatch(written.text) is None:
        raise SpecError(
            f"cannot read the schedule: expected a number for '{written.option}', got '{written.text}' at character "
            f"{written.place}; write it as in 'warmup(5%) > cosine(to=0.01)'"
        )
    return written.text


def _whole(written: Written) -> int:
    if not re.fullmatch(r"\d{1,15}", written.text):
        raise SpecError(
            f"'{written.option}' is a whole number but got {written.text} (character {written.place}): round it"
        )
    return int(written.text)


def _steps(written: Written) -> int:
    exact = exact_length(_number(written), written.place, written.horizon)
    whole = math.floor(exact + Fraction(1, 2))
    if whole == 0 < exact:
        raise SpecError(
            f"'{written.option}' (character {written.place}) would be {float(exact):g} steps long and get no whole step: "
            "make it longer"
        )
    return whole


def _choice(written: Written, choices: Sequence[str]) -> str:
    if written.text not in choices:
        raise SpecError(
            f"unknown {written.option} '{written.text}' (character {written.place}): {nearest(written.text, choices)}"
            f"known are {', '.join(choices)}"
        )
    return written.text
