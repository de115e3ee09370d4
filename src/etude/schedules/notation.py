"""Schedules in a line of text, for the command line and specification files.

::

    schedule = segment { ">" segment }
    segment  = name [ "(" argument { "," argument } ")" ]
    argument = length | option "=" number
    length   = number of steps | percentage of the horizon "%"

A segment means the same wherever it stands: it starts at the peak unless an option says otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate, pairwise
from types import MappingProxyType
from typing import final

from etude.core.errors import SpecError
from etude.core.schedule import Schedule
from etude.schedules import checks
from etude.schedules.chain import chain
from etude.schedules.constant import Constant
from etude.schedules.cosine import Cosine
from etude.schedules.linear import Linear
from etude.schedules.reading import Segment, read_segments
from etude.schedules.warmup import warmup


@final
@dataclass(frozen=True, slots=True)
class _Kind:
    """What a name builds: its options with their defaults, and a schedule from a length and the options."""

    options: Mapping[str, float]
    build: Callable[[int, Mapping[str, float]], Schedule]


_KINDS: Mapping[str, _Kind] = MappingProxyType(
    {
        "constant": _Kind({"at": 1.0}, lambda steps, o: Constant(steps, o["at"])),
        "linear": _Kind({"from": 1.0, "to": 0.0}, lambda steps, o: Linear(o["from"], o["to"], steps)),
        "cosine": _Kind({"from": 1.0, "to": 0.0}, lambda steps, o: Cosine(o["from"], o["to"], steps)),
        "warmup": _Kind({}, lambda steps, _: warmup(steps)),
    }
)


def parse_schedule(text: str, horizon: int) -> Schedule:
    """Read a schedule from its short notation.

    Segments are ``constant``, ``linear``, ``cosine`` and ``warmup``, joined by ``>``. A length in brackets is a number
    of steps or a percentage of the horizon; at most one segment leaves it out, and takes the rest. Options are
    multipliers of the peak learning rate: ``to=`` (0 if left out) and ``from=`` (1) for ``linear`` and ``cosine``,
    ``at=`` (1) for ``constant``. Where percentages do not fall on whole steps, the boundaries between segments are
    rounded (half a step up), so that the lengths add up.

    Args:
        text: The notation.
        horizon: Length of the whole schedule [optimizer steps], at least 1.

    Returns:
        A schedule exactly ``horizon`` steps long.

    Raises:
        SpecError: When the text cannot be read, or the lengths do not add up to the horizon.

    Example:
        >>> parse_schedule("cosine(to=0.01)", horizon=100)
        Cosine(start=1.0, stop=0.01, steps=100, exponent=1.0)
        >>> [part.steps for part in parse_schedule("warmup(5%) > constant > linear(20)", horizon=200).parts]
        [10, 170, 20]
    """
    horizon = checks.length(horizon, "horizon")
    segments = read_segments(text, horizon, {name: kind.options for name, kind in _KINDS.items()})
    lengths = _whole(segments, _exact(segments, horizon))
    return chain(*(_KINDS[s.name].build(steps, s.options) for s, steps in zip(segments, lengths, strict=True)))


def _exact(segments: Sequence[Segment], horizon: int) -> list[Fraction]:
    """Lengths [optimizer steps], not yet whole, that add up to the horizon."""
    unsaid = [s for s in segments if s.length is None]
    said = sum((s.length for s in segments if s.length is not None), Fraction(0))
    if len(unsaid) > 1:
        first, second = unsaid[:2]
        raise SpecError(
            f"only one segment may leave out its length, but '{first.name}' (character {first.place}) and "
            f"'{second.name}' (character {second.place}) do: write one of them as in {second.name}(50%)"
        )
    if unsaid and said >= horizon:
        raise SpecError(
            f"the given lengths take {_steps(said)} of {horizon} steps and leave none for '{unsaid[0].name}' "
            f"(character {unsaid[0].place}): shorten them, or leave that segment out"
        )
    if not unsaid and said != horizon:
        raise SpecError(
            f"the lengths add up to {_steps(said)} steps but the horizon is {horizon}: leave one length out, and its "
            "segment takes the rest"
        )
    return [horizon - said if s.length is None else s.length for s in segments]


def _whole(segments: Sequence[Segment], exact: Sequence[Fraction]) -> list[int]:
    """The same lengths in whole steps: the boundaries are rounded, so the sum stays."""
    boundaries = [math.floor(b + Fraction(1, 2)) for b in accumulate(exact, initial=Fraction(0))]
    lengths = [stop - start for start, stop in pairwise(boundaries)]
    for segment, whole, wished in zip(segments, lengths, exact, strict=True):
        if whole < 1:
            raise SpecError(
                f"'{segment.name}' (character {segment.place}) would be {_steps(wished)} steps long and get no whole "
                "step: leave the segment out, or make it longer"
            )
    return lengths


def _steps(exact: Fraction) -> str:
    return str(exact.numerator) if exact.denominator == 1 else f"{float(exact):g}"
