"""Schedules in a line of text, for the command line and specification files.

::

    schedule = segment { ">" segment }
    segment  = name [ "(" argument { "," argument } ")" ]
    argument = length | option "=" value { "/" value }
    length   = number of steps | percentage of the horizon "%" | number of epochs "ep"

A segment means the same wherever it stands: it starts at the peak unless an option says otherwise. The names, their
options and the options' defaults are in ``kinds``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from itertools import accumulate, pairwise

from etude.core.errors import SpecError
from etude.core.schedule import Schedule
from etude.schedules import checks
from etude.schedules.chain import chain
from etude.schedules.kinds import KINDS
from etude.schedules.options import Clock
from etude.schedules.reading import Segment, read_segments


def parse_schedule(text: str, horizon: int, epoch: int | None = None) -> Schedule:
    """Read a schedule from its short notation.

    Segments are joined by ``>``. A length in brackets is a number of steps, a percentage of the horizon (``5%``) or a
    number of epochs (``2ep``); at most one segment leaves it out, and takes the rest. Options are multipliers of the peak
    learning rate (``to=0.01``), lengths (``every=30%``), plain numbers, words, or several values with slashes between
    (``at=50%/75%``). Where lengths do not fall on whole steps, the boundaries between segments are rounded (half a step
    up), so that the lengths add up.

    Args:
        text: The notation.
        horizon: Length of the whole schedule [optimizer steps], at least 1.
        epoch: Optimizer steps of one pass over the data, at least 1; needed only for lengths in epochs.

    Returns:
        A schedule exactly ``horizon`` steps long.

    Raises:
        SpecError: When the text cannot be read, the lengths do not add up to the horizon, or a length is in epochs and
            ``epoch`` is not given.

    Example:
        >>> parse_schedule("cosine(to=0.01)", horizon=100)
        Cosine(start=1.0, stop=0.01, steps=100, exponent=1.0)
        >>> [part.steps for part in parse_schedule("warmup(5%) > constant > linear(20)", horizon=200).parts]
        [10, 170, 20]
        >>> parse_schedule("multistep(at=30ep/60ep)", horizon=900, epoch=10).milestones
        (300, 600)
    """
    horizon = checks.length(horizon, "horizon")
    if epoch is not None and epoch < 1:
        raise SpecError(f"needs steps of an epoch >= 1, got {epoch}: divide the examples by the batch size")
    segments = read_segments(text, Clock(horizon, epoch), KINDS)
    lengths = _whole(segments, _exact(segments, horizon))
    return chain(*(KINDS[s.name].build(steps, s.options) for s, steps in zip(segments, lengths, strict=True)))


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
