"""Readings that cost more than a close look, each on a cadence of its own: inside the model, along updates, of the valley."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import final

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from etude.integrations.monitor.cadence import Cadence
from etude.integrations.monitor.clock import Clock
from etude.integrations.monitor.compiled import Lookout, may_run_compiled
from etude.integrations.monitor.inside import AROUND, EXAMPLES, Inside, unwrapped
from etude.integrations.monitor.probe import LINE, SHARP, Probe
from etude.integrations.monitor.rows import Numbers
from etude.integrations.monitor.tensors import Number, lengths
from etude.integrations.monitor.watches import Watches
from etude.training.probes.noise_scale import two_batch_noise

INSIDE, ALONG, VALLEY = 0.25, 0.15, 0.1
"""Parts of the budget; the rest is for close looks."""

APART = 16
"""Close looks from one reading to the next where the user has fixed how often to look."""


@final
class Readings:
    """Takes readings when they are due, and keeps them until they are stored.

    Args:
        model: The model.
        names: Names of its parameters.
        optimizers: What trains it.
        clock: Times what is done here.
        budget: Share of the training's time that all of the monitor may take.
        every: Steps from one close look to the next, if they are fixed.
        batch_size: Examples per step, without which the parts of an accumulated batch say nothing of the noise.
        probe: Loss that line probes and the sharpness are read of.

    Attributes:
        active: Whether something is read at this step.
        looking: Whether this step must be looked at closely, because a line probe follows its update.
        rows: What was read, each with its step.
    """

    def __init__(
        self,
        model: nn.Module,
        names: Mapping[Tensor, str],
        optimizers: Sequence[Optimizer],
        clock: Clock,
        *,
        budget: float,
        every: int | None,
        batch_size: int | None,
        probe: Callable[[], Tensor] | None,
    ) -> None:
        apart = None if every is None else APART * every
        self.active = self.looking = False
        self.rows: list[Numbers] = []
        self._clock = clock
        self._inside = Inside(unwrapped(model), names, clock)
        self._probe = None if probe is None else Probe(model, probe, names, optimizers, clock)
        self._within = Cadence(budget, INSIDE, apart)
        self._along = Cadence(budget, ALONG, apart)
        self._valley = Cadence(budget, VALLEY, None if apart is None else APART * apart)
        self._batch_size = batch_size
        self._lookout = Lookout()
        self._began = 0  # step of the reading inside that is open
        self._row: Numbers = {}
        self._per_step = self._window = 0.0  # seconds inside: of a step, and of a whole reading
        self._line = self._sharp = False
        self._first = False  # whether this is the first step of the reading inside
        self._parts: list[Tensor | None] = []

    @property
    def share(self) -> float:
        """Which part of the budget readings may take."""
        return INSIDE + (0.0 if self._probe is None else ALONG + VALLEY)

    def prepare(self, step: int, trained: float) -> None:
        """Decide what is read at the step to come, after so many seconds of training."""
        probe = self._probe
        if self._inside.works and not self._inside.open:
            self._prepare_inside(step, trained)
        if probe is not None and probe.works:
            cost = self._along.cost
            self._line = self._along.due(step, trained, LINE * probe.evaluation if cost is None else cost)
            cost = self._valley.cost
            self._sharp = probe.sharp and self._valley.due(
                step, trained, SHARP * probe.evaluation if cost is None else cost
            )
        self.looking = self._line or self._first
        self.active = self._inside.open or self._lookout.open or self._line or self._sharp

    @torch.no_grad()
    def part(self, grads: Sequence[Tensor]) -> None:
        """Take note of the gradient after a part of an accumulated batch; of none, where it is not there or no longer."""
        if self._first:
            self._parts.append(torch.linalg.vector_norm(lengths(grads)) if grads else None)

    @property
    def seconds(self) -> float:
        """Spent by hooks in the passes of this step."""
        return AROUND * self._inside.seconds

    def take(self, step: int, trained: float, norm: Number | None, watches: Watches) -> float:
        """Read what is due after a step's update; returns the seconds that this took, those of the hooks apart.

        Args:
            step: The step.
            trained: Seconds of training so far.
            norm: Length of the step's gradient, before clipping if that is known.
            watches: Have looked closely at that step's updates.
        """
        began = self._clock.own()
        if self._lookout.open:
            self._end_lookout()
        if self._inside.open:
            self._take_inside(step, trained, norm)
        if self._line and self._probe is not None:
            before = self._clock.own()
            update = watches.last_updates()
            self._keep(step, self._probe.line(update) if update else {})
            self._along.took(self._clock.own() - before, step)
        if self._sharp and self._probe is not None and self._probe.works:
            before = self._clock.own()
            self._keep(step + 1, self._probe.sharpness())
            self._valley.took(self._clock.own() - before, step)
        self.active = self.looking = self._line = self._sharp = False
        return self._clock.own() - began

    def pace(self) -> dict[str, float]:
        """How many readings there were of each kind, and whether compiled code kept those inside away."""
        return {
            "inside": self._within.taken,
            "probes": self._along.taken,
            "sharpness": self._valley.taken,
            "compiled": float(self._inside.compiled),
        }

    def close(self) -> None:
        """Take the hooks off the model."""
        self._lookout.end()
        if self._inside.open:
            self._inside.end()
            self._keep(self._began, self._row)
            self._first = False

    def _prepare_inside(self, step: int, trained: float) -> None:
        """Begin a reading that is due, but where something may be compiled a step later, when that has been looked out for."""
        clear = self._lookout.ran is False
        if clear or self._within.due(step, trained, self._window):
            if may_run_compiled() and not clear:
                self._lookout.begin()
            else:
                self._inside.begin()
                self._lookout.ran = None
                self._began, self._first, self._row = step, True, {}

    def _end_lookout(self) -> None:
        self._lookout.end()
        if self._lookout.ran:
            self._inside.compiled, self._inside.works = True, False

    def _take_inside(self, step: int, trained: float, norm: Number | None) -> None:
        """Go on with the reading that is open, or end it when it has seen enough or is no longer paid for."""
        inside = self._inside
        began = self._clock.own()
        if self._first:
            self._row = inside.depth() | self._noise(norm)
            self._first = False
        steps = step - self._began + 1
        inside.works = (
            inside.works and inside.examples > 0
        )  # else the model takes part in another way than by its passes
        enough = inside.examples >= EXAMPLES
        here = AROUND * inside.seconds + self._clock.own() - began
        if steps > 1 or not self._per_step:  # the very first one allocates
            self._per_step = max(here, 1e-9)
        left = -(-EXAMPLES // max(inside.examples // steps, 1)) - steps
        self._within.spent += here
        inside.seconds = 0.0
        if enough or not inside.works or not self._within.pays(trained, left * self._per_step):
            self._keep(self._began, self._row | inside.end())
            self._window = self._per_step * max(steps + left, 1)
            self._within.took(inside.seconds, self._began)
            inside.seconds = 0.0

    def _noise(self, norm: Number | None) -> Numbers:
        """Both parts of the noise scale from the gradient of the first of N parts, and that of all of them together.

        What a gradient scaler multiplied by is seen in the length after the last part, which it should have been.
        """
        parts, self._parts = self._parts, []
        norms = [float(part) for part in parts if part is not None]
        count, batch = len(parts), self._batch_size
        if norm is None or count < 2 or len(norms) < count or batch is None or batch % count or min(norms) <= 0:
            return {}
        scale = norms[-1] / float(norm)
        small, big = count * norms[0] / scale, norms[-1] / scale
        noise = two_batch_noise(small**2, big**2, batch // count, batch)
        return {"noise_trace": noise.trace, "noise_square": noise.square}

    def _keep(self, step: int, numbers: Numbers) -> None:
        if numbers:
            self.rows.append({"step": float(step), **numbers})
