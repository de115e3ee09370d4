"""From the notation's text to its segments; see ``notation`` for the grammar."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, final

from etude.core.errors import SpecError
from etude.schedules.kinds import Kind
from etude.schedules.options import Clock, Option, Written, exact_length, nearest

_TOKEN = re.compile(
    r"(?:(?P<word>1-[^\W\d]\w*)|(?P<name>[^\W\d]\w*)|(?P<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?:%|ep\b)?)"
    r"|(?P<mark>[>(),=/])|(?P<end>\Z))"
)
_SPACE = re.compile(r"\s*")


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
    options: Mapping[str, Any]


@final
@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    place: int


def read_segments(text: str, clock: Clock, kinds: Mapping[str, Kind]) -> list[Segment]:
    """Read the segments of a text, in order.

    Args:
        text: The notation.
        clock: What lengths are measured in.
        kinds: What the segments' names stand for.

    Returns:
        One or more segments.

    Raises:
        SpecError: When the text cannot be read; the message names the character.
    """
    return _Reader(text, clock, kinds).segments()


@final
class _Reader:
    """Reads the tokens of one text from left to right."""

    def __init__(self, text: str, clock: Clock, kinds: Mapping[str, Kind]) -> None:
        self._tokens = _tokens(text)
        self._next = next(self._tokens)
        self._clock = clock
        self._kinds = kinds

    def segments(self) -> list[Segment]:
        found = [self._segment()]
        while self._accept(">"):
            found.append(self._segment())
        if self._next.kind != "end":
            raise _unexpected(self._next, "'>' and another segment, or the end")
        return found

    def _segment(self) -> Segment:
        name = self._take(("name",), f"a segment ({', '.join(self._kinds)})")
        kind = self._kinds[_known(name, self._kinds, "segment")]
        given = self._arguments(name.text, kind.options) if self._accept("(") else {}
        options = {o: given[o] if o in given else self._default(o, kind.options[o]) for o in kind.options}
        return Segment(name.text, name.place, _length(name, kind, given.get("length"), options), options)

    def _arguments(self, segment: str, options: Mapping[str, Option]) -> dict[str, Any]:
        given: dict[str, Any] = {}
        while True:
            place = self._next.place
            argument, value = self._option(segment, options) if self._next.kind == "name" else self._length()
            if argument in given:
                raise SpecError(f"'{segment}' is given two values of '{argument}' (character {place}): keep one")
            given[argument] = value
            if self._accept(")"):
                return given
            if not self._accept(","):
                raise _unexpected(self._next, "',' or ')'")

    def _option(self, segment: str, options: Mapping[str, Option]) -> tuple[str, Any]:
        name = _known(self._take(("name",), "an option"), options, f"option of '{segment}'")
        if not self._accept("="):
            raise _unexpected(self._next, f"'=' after '{name}'")
        values = [self._value(name, options[name])]
        while options[name].many and self._accept("/"):
            values.append(self._value(name, options[name]))
        return name, tuple(values) if options[name].many else values[0]

    def _value(self, name: str, option: Option) -> Any:
        token = self._take(("number", "name", "word"), f"a value for '{name}'")
        return option.read(Written(name, token.text, token.place, self._clock))

    def _default(self, name: str, option: Option) -> Any:
        if option.default is None:
            return None
        values = [option.read(Written(name, text, 0, self._clock)) for text in option.default.split("/")]
        return tuple(values) if option.many else values[0]

    def _length(self) -> tuple[str, Fraction]:
        token = self._take(("number",), "a length or an option")
        return "length", exact_length(token.text, token.place, self._clock)

    def _accept(self, mark: str) -> bool:
        if self._next.text != mark:
            return False
        self._next = next(self._tokens)
        return True

    def _take(self, kinds: tuple[str, ...], wanted: str) -> _Token:
        token = self._next
        if token.kind not in kinds:
            raise _unexpected(token, wanted)
        self._next = next(self._tokens)
        return token


def _length(name: _Token, kind: Kind, given: Fraction | None, options: Mapping[str, Any]) -> Fraction | None:
    if kind.length is None:
        return given
    if given is not None:
        raise SpecError(
            f"'{name.text}' (character {name.place}) has a length of its own, from {' and '.join(kind.options)}: "
            "leave the length out"
        )
    return Fraction(kind.length(options))


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


def _known(token: _Token, names: Mapping[str, object], what: str) -> str:
    """The token's text, if it is one of the names; else an error that names the nearest."""
    if token.text in names:
        return token.text
    raise SpecError(
        f"unknown {what} '{token.text}' (character {token.place}): {nearest(token.text, tuple(names))}"
        f"known are {', '.join(names) or 'none'}"
    )


def _unexpected(token: _Token, wanted: str) -> SpecError:
    got = f"got '{token.text}' at character {token.place}" if token.text else "but the text ends"
    return SpecError(
        f"cannot read the schedule: expected {wanted}, {got}; write it as in 'warmup(5%) > cosine(to=0.01)'"
    )
