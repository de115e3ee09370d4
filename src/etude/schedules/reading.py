"""From the notation's text to its segments; see ``notation`` for the grammar."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import final

from etude.core.errors import SpecError

_TOKEN = re.compile(
    r"(?:(?P<name>[^\W\d]\w*)|(?P<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?%?)|(?P<mark>[>(),=])|(?P<end>\Z))"
)
_SPACE = re.compile(r"\s*")
_LENGTH = re.compile(r"\d{1,15}(?P<percent>(?:\.\d{0,15})?%)?")


@final
@dataclass(frozen=True, slots=True)
class Segment:
    """One segment as written.

    Attributes:
        name: What it is called.
        place: Where its name begins in the text [characters, from 1].
        length: Exact length [optimizer steps], or ``None`` for "the rest".
        options: Every option of its kind, as written or by default.
    """

    name: str
    place: int
    length: Fraction | None
    options: Mapping[str, float]


@final
@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    place: int


def read_segments(text: str, horizon: int, grammar: Mapping[str, Mapping[str, float]]) -> list[Segment]:
    """Read the segments of a text, in order.

    Args:
        text: The notation.
        horizon: What a percentage is taken of [optimizer steps].
        grammar: Segment names, each with its options and their defaults.

    Returns:
        One or more segments.

    Raises:
        SpecError: When the text cannot be read; the message names the character.
    """
    return _Reader(text, horizon, grammar).segments()


@final
class _Reader:
    """Reads the tokens of one text from left to right."""

    def __init__(self, text: str, horizon: int, grammar: Mapping[str, Mapping[str, float]]) -> None:
        self._tokens = _tokens(text)
        self._next = next(self._tokens)
        self._horizon = horizon
        self._grammar = grammar

    def segments(self) -> list[Segment]:
        found = [self._segment()]
        while self._accept(">"):
            found.append(self._segment())
        if self._next.kind != "end":
            raise _unexpected(self._next, "'>' and another segment, or the end")
        return found

    def _segment(self) -> Segment:
        name = self._take("name", f"a segment ({', '.join(self._grammar)})")
        defaults = self._grammar[_known(name, self._grammar, "segment")]
        given = self._arguments(name.text, defaults) if self._accept("(") else {}
        options = {option: float(given.get(option, default)) for option, default in defaults.items()}
        length = given.get("length")
        return Segment(name.text, name.place, None if length is None else Fraction(length), options)

    def _arguments(self, segment: str, defaults: Mapping[str, float]) -> dict[str, Fraction | float]:
        given: dict[str, Fraction | float] = {}
        while True:
            place = self._next.place
            argument, value = self._option(segment, defaults) if self._next.kind == "name" else self._length()
            if argument in given:
                raise SpecError(f"'{segment}' is given two values of '{argument}' (character {place}): keep one")
            given[argument] = value
            if self._accept(")"):
                return given
            if not self._accept(","):
                raise _unexpected(self._next, "',' or ')'")

    def _option(self, segment: str, defaults: Mapping[str, float]) -> tuple[str, float]:
        option = _known(self._take("name", "an option"), defaults, f"option of '{segment}'")
        if not self._accept("="):
            raise _unexpected(self._next, f"'=' after '{option}'")
        value = self._take("number", f"a number for '{option}'")
        if value.text.endswith("%"):
            raise SpecError(
                f"'{option}' is a multiplier of the peak learning rate but got {value.text} (character {value.place}): "
                f"write it as a number, such as {option}=0.1"
            )
        return option, float(value.text)

    def _length(self) -> tuple[str, Fraction]:
        token = self._take("number", "a length or an option")
        match = _LENGTH.fullmatch(token.text)
        if match is None:
            raise SpecError(
                f"a length is a whole number of steps or a percentage of the horizon, got '{token.text}' (character "
                f"{token.place}): write it as in warmup(100) or warmup(5%)"
            )
        number = Fraction(token.text.rstrip("%"))
        return "length", number * self._horizon / 100 if match["percent"] else number

    def _accept(self, mark: str) -> bool:
        if self._next.text != mark:
            return False
        self._next = next(self._tokens)
        return True

    def _take(self, kind: str, wanted: str) -> _Token:
        token = self._next
        if token.kind != kind:
            raise _unexpected(token, wanted)
        self._next = next(self._tokens)
        return token


def _tokens(text: str) -> Iterator[_Token]:
    """The tokens of a text with their places; the last is of the kind ``end``."""
    at = 0
    while True:
        at += len(_SPACE.match(text, at)[0])  # type: ignore[index]  # matches the empty text too
        match = _TOKEN.match(text, at)
        if match is None:
            raise _unexpected(_Token("other", text[at], at + 1), "a segment, a length or an option")
        yield _Token(str(match.lastgroup), match[0], at + 1)
        if match.lastgroup == "end":
            return
        at = match.end()


def _known(token: _Token, names: Iterable[str], what: str) -> str:
    """The token's text, if it is one of the names; else an error that names the nearest."""
    if token.text in names:
        return token.text
    near = difflib.get_close_matches(token.text.lower(), names, n=1, cutoff=0.5)
    question = f"did you mean '{near[0]}'? " if near else ""
    raise SpecError(
        f"unknown {what} '{token.text}' (character {token.place}): {question}known are {', '.join(names) or 'none'}"
    )


def _unexpected(token: _Token, wanted: str) -> SpecError:
    got = f"got '{token.text}' at character {token.place}" if token.text else "but the text ends"
    return SpecError(
        f"cannot read the schedule: expected {wanted}, {got}; write it as in 'warmup(5%) > cosine(to=0.01)'"
    )
