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

_LENGTH = re.compile(r"(?P<value>\d{1,15}(?P<part>\.\d{0,15})?)(?P<unit>%|ep)?")
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?:%|ep)?")


@final
@dataclass(frozen=True, slots=True)
class Clock:
    """What lengths are measured in.

    Attributes:
        horizon: What a percentage is taken of [optimizer steps].
        epoch: Optimizer steps of one pass over the data, or ``None`` where that is unknown.
    """

    horizon: int
    epoch: int | None = None


@final
@dataclass(frozen=True, slots=True)
class Written:
    """One value as written.

    Attributes:
        option: The option it was written for.
        text: The value.
        place: Where it begins in the whole text [characters, from 1].
        clock: What a length is measured in.
    """

    option: str
    text: str
    place: int
    clock: Clock


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
    """A number of steps or of epochs, or a percentage of the horizon, in whole steps."""
    return Option(_steps, default)


def lengths(default: str) -> Option:
    """Several of them."""
    return Option(_steps, default, many=True)


def share(default: str) -> Option:
    """A percentage of the segment, or the same as a number."""
    return Option(_share, default)


def choice(default: str, choices: Sequence[str]) -> Option:
    """One of a few words."""
    return Option(lambda w: _choice(w, choices), default)


def exact_length(text: str, place: int, clock: Clock) -> Fraction:
    """A length [optimizer steps], not yet whole.

    Raises:
        SpecError: When the text is no whole number of steps, percentage or number of epochs, or when it is one of epochs
            and their steps are unknown.
    """
    match = _LENGTH.fullmatch(text)
    if match is None or (match["part"] and not match["unit"]):
        raise SpecError(
            f"a length is a whole number of steps, a percentage of the horizon or a number of epochs, got '{text}' "
            f"(character {place}): write it as in warmup(100), warmup(5%) or warmup(2ep)"
        )
    exact = Fraction(match["value"])
    if match["unit"] == "%":
        return exact * clock.horizon / 100
    if match["unit"] is None:
        return exact
    if clock.epoch is None:
        raise SpecError(
            f"'{text}' (character {place}) is in epochs, and the steps of an epoch are unknown here: "
            "say how many they are (--epoch 100), or write steps or a percentage"
        )
    return exact * clock.epoch


def nearest(text: str, names: Sequence[str]) -> str:
    """A question that names what may have been meant; empty when nothing is near."""
    near = difflib.get_close_matches(text.lower(), names, n=1, cutoff=0.5)
    return f"did you mean '{near[0]}'? " if near else ""


def _plain(written: Written, what: str) -> float:
    text = _number(written)
    if text.endswith(("%", "ep")):
        instead = f"{float(text[:-1]) / 100:g}" if text.endswith("%") else "0.1"
        raise SpecError(
            f"'{written.option}' is {what} but got {text} (character {written.place}): "
            f"write it as a number, such as {written.option}={instead}"
        )
    return float(text)


def _share(written: Written) -> float:
    text = _number(written)
    if text.endswith("ep"):
        raise SpecError(
            f"'{written.option}' is a share of its segment but got {text} (character {written.place}): "
            f"write it as {written.option}=30%"
        )
    return float(text.rstrip("%")) / (100 if text.endswith("%") else 1)


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
    exact = exact_length(_number(written), written.place, written.clock)
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
