"""The monitor: watches a training loop that Étude does not own, and records what a lane records."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self, final

import numpy as np
from torch import Tensor, nn
from torch.optim import Optimizer

from etude.core.trace import Ending, Outcome
from etude.integrations.monitor.clock import Clock
from etude.integrations.monitor.facts import (
    check_cadence,
    check_facts,
    facts_of,
    folder_of,
    names_of,
    one_number,
    optimizers_of,
)
from etude.integrations.monitor.pace import Pace
from etude.integrations.monitor.ranks import largest, rank, ranks
from etude.integrations.monitor.readings import Readings
from etude.integrations.monitor.rows import Row, Rows
from etude.integrations.monitor.store import Store
from etude.integrations.monitor.tensors import Number, is_sharded
from etude.integrations.monitor.watches import Watches

_TIMED_EVERY = 8  # steps, for the clocks cost something too


@final
class Monitor:
    r"""Watches a training loop of one's own: ``with Monitor(model, optimizer, "runs/x") as monitor``.

    Call ``monitor.step(loss)`` after every ``optimizer.step()``. At every step the loss, the learning rates of the groups,
    skipped updates and, if there is time for it, ``gradient_norm`` are recorded; at every k-th also, in all and by parameter,

    - ``gradient_norm``, ‖g‖, and ``weight_norm``, ‖w‖, before the update;
    - ``update_norm``, ‖Δw‖, the update as it was made, and ``update_ratio``, ‖Δw‖/‖w‖;
    - ``clip_factor``, what clipping multiplied the gradient by;
    - at the step after, ``alignment``: the cosine of its gradient and −Δw, of the first optimizer.

    More seldom it reads what the measures of a lane read: dead and saturated units, and the size of signals and gradients by
    depth, in the passes that the training makes (``dead/LAYER``, ``delta_rms/LAYER`` …); both parts of the noise scale, where
    gradients are accumulated; with a ``probe``, slope and curvature of the loss along an update, and the sharpness.

    The training is not changed by a bit: the monitor reads through hooks that torch calls, writes into no tensor of the
    training, and draws no random number. All cadences adapt so that the monitor takes at most ``budget`` of the time, and half
    a second in all beyond that; on a GPU that is the time of the Python process, which also queues the kernels. Where
    compiled code runs in the training, nothing inside is read.

    The gradient is read as the optimizer gets it, so after clipping; what ``clip_grad_norm_`` returns, given to ``step``, or a
    call of ``gradients()`` before clipping, tells of the one before. Several updates between two calls (of a critic, say) are
    one step, whose first update is looked at. A call without an update before it is a skipped step, as ``GradScaler`` makes.

    In distributed training every rank makes its monitor; rank 0 writes, and its losses are of its own batches. Where parameters
    are sharded (``fully_shard``) all ranks look at the same steps, and lengths are those over all shards.

    Args:
        model: Names the parameters; may be compiled or wrapped for distributed training.
        optimizer: What is watched; several may be given.
        out: Folder of the recording, for ``etude diagnose``, ``etude show`` and ``etude report``.
        steps: Horizon: steps that are planned.
        batch_size: Examples per step.
        examples: Training examples in all.
        chance_loss: Loss of the best constant output: ln C for cross entropy and C balanced classes.
        clip_norm: Global gradient norm that the loop clips at.
        planned_lr: η that is meant to be applied at each step, to be held against the one that is.
        budget: Share of the training's time that the monitor may take; 2 % is hardly noticed.
        every: k, if it shall stay the same, as for runs that are to be compared step by step; readings then come at every 16th
            look.
        probe: Computes the loss of a batch that it holds, without a backward pass, such as ``lambda: loss_fn(model(x), y)``.
        tensorboard: Whether to write what is recorded for TensorBoard as well.
        first_step: Step at which a training goes on from a checkpoint, and its recording in ``out`` with it.

    Raises:
        SpecError: When an argument is out of its range, or the probe gives no number or another each time.
        UserError: When the folder holds something else, or the recording of another training.
        LockedError: When another process records there.

    Example:
        >>> import tempfile, torch
        >>> model = nn.Linear(4, 1)
        >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        >>> with tempfile.TemporaryDirectory() as runs, Monitor(model, optimizer, f"{runs}/a") as monitor:
        ...     for _ in range(3):
        ...         optimizer.zero_grad()
        ...         loss = model(torch.ones(8, 4)).square().mean()
        ...         loss.backward()
        ...         optimizer.step()
        ...         monitor.step(loss)
        ...     monitor.steps
        3
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: Optimizer | Iterable[Optimizer],
        out: str | Path,
        *,
        steps: int | None = None,
        batch_size: int | None = None,
        examples: int | None = None,
        chance_loss: float | None = None,
        clip_norm: float | None = None,
        planned_lr: Sequence[float] | None = None,
        budget: float = 0.02,
        every: int | None = None,
        probe: Callable[[], Tensor] | None = None,
        tensorboard: bool = False,
        first_step: int = 0,
    ) -> None:
        check_cadence(budget, every, first_step)
        known = {
            "horizon": steps,
            "batch_size": batch_size,
            "examples": examples,
            "chance_loss": chance_loss,
            "clip_norm": clip_norm,
        }
        check_facts(known, planned_lr)
        folder = folder_of(out)
        self.steps = first_step
        optimizers = optimizers_of(optimizer)
        self._model = model
        self._names = names_of(model, optimizers)
        self._sharded = any(is_sharded(p) for p in self._names)
        self._clock = Clock(on_cpu=all(p.device.type == "cpu" for p in self._names))
        self._rows = Rows()
        self._losses: list[Number] = []
        self._looking = False
        self._untimed = 0
        writes = rank() == 0
        # The other ranks need not look, unless a length is the sum over all of them.
        watched = optimizers if writes or self._sharded else ()
        self._readings: Readings | None = None
        if writes:
            self._readings = Readings(
                model,
                self._names,
                optimizers,
                self._clock,
                budget=budget,
                every=every,
                batch_size=batch_size if ranks() == 1 else None,
                probe=probe,
            )
        self._pace = Pace(budget * (1 - (self._readings.share if self._readings is not None else 0.0)), every)
        self._store: Store | None = None
        if writes:
            facts = facts_of(self._names.values(), optimizers) | known | {"budget": budget}
            self._store = Store(folder, facts, first_step, planned_lr, tensorboard=tensorboard)
        self._watches = Watches(watched, self._clock)
        self._timed = True
        self._prepare()
        self._clock.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self._end(Outcome(Ending.STOPPED, self.steps, kind.__name__))

    @property
    def every(self) -> int:
        """Steps from one close look to the next, at present."""
        return self._pace.every

    @property
    def cost(self) -> float:
        """Share of the training's own time that the monitor has taken so far."""
        return self._pace.share

    def loss(self, loss: Number) -> None:
        """Take the loss of a part of a step's batch, where gradients are accumulated: the step's is the mean of its parts."""
        if self._watches:
            self._losses.append(one_number(loss, "loss"))
            if self._readings is not None and self._readings.active:
                self._readings.part(self._watches.accumulated())

    def gradients(self) -> None:
        """Read the gradients as they are now; call it before gradients are clipped (and after ``scaler.unscale_``)."""
        self._watches.read_gradients()

    def step(self, loss: Number | None = None, *, gradient_norm: Number | None = None) -> None:
        """Close the record of a step; call it once after every ``optimizer.step()``, before or after the scheduler's.

        Args:
            loss: Loss of the step's batch, not scaled; it may be a tensor on any device and is not waited for.
            gradient_norm: What ``clip_grad_norm_`` returned, the length before clipping.

        Raises:
            SpecError: When the loss is not a single number.
        """
        if not self._watches:
            return
        timed = self._timed
        entered = self._clock.own() if timed else 0.0
        if loss is not None:
            self._losses.append(one_number(loss, "loss"))
        hooks, norms = (self._watches.seconds, self._watches.norm_seconds) if timed else (0.0, 0.0)
        norm = self._watches.norm() if gradient_norm is None else one_number(gradient_norm, "gradient norm")
        looked, followed = self._take(norm, told=gradient_norm is not None)
        readings = self._readings
        inside = along = 0.0
        if readings is not None and readings.active:
            inside = readings.seconds  # in the passes of this step
            along = readings.take(self.steps, self._pace.training_seconds, norm, self._watches)
        self._watches.rest()
        self.steps += 1
        if timed and (self._store is None or self._store.due()):
            self.flush()
        self._untimed += 1
        if timed:
            own = hooks + self._clock.own() - entered - along
            self._pace.stepped(
                self._clock.step(),
                own,
                norms,
                steps=self._untimed,
                looked=looked,
                followed=followed,
                readings=inside + along,
            )
            self._untimed = 0
        self._prepare()
        if timed:
            self._clock.start()

    def log(self, **numbers: Number) -> None:
        """Record numbers of an evaluation after the steps made so far: ``validation_loss``, ``validation_accuracy``."""
        if self._watches:
            own = {name: one_number(value, name) for name, value in numbers.items()}
            self._rows.evaluations.append({"step": self.steps, **own})

    def flush(self) -> None:
        """Store what was recorded; when this returns it survives a kill.

        A failing disk does not end the training: a warning says that the recording has ended.
        """
        if self._store is not None:
            if any(p not in self._names for p in self._rows.params()):  # a group was added
                self._names = names_of(self._model, self._watches.optimizers)
            tables = self._rows.tables(self._names, self._readings.rows if self._readings is not None else ())
            pace = {"step": self.steps, "every": self.every, "cost": self.cost, "seconds": self._pace.own_seconds}
            pace["pending"] = self._watches.updates  # at the end, an update that no call of step has followed
            if self._readings is not None:
                pace |= self._readings.pace()
            self._store.write(tables | {"pace": {name: np.array([float(value)]) for name, value in pace.items()}})
            if not self._store.works and not self._sharded:
                self._leave()
        self._rows.clear()
        if self._readings is not None:
            self._readings.rows.clear()

    def close(self) -> None:
        """Store everything and leave the optimizers alone; the training has come to its end."""
        self._end(Outcome(Ending.COMPLETED, self.steps))

    def _prepare(self) -> None:
        """Decide what is read of the next step; all ranks of a sharded model decide alike."""
        readings = self._readings
        active = asked = False
        if readings is not None and (self._timed or self._pace.fixed):
            readings.prepare(self.steps, self._pace.training_seconds)
            active, asked = readings.active, readings.looking and not self._sharded
        followed, self._looking = self._looking, asked or self._pace.due(self.steps)
        self._timed = self._looking or followed or active or self.steps % _TIMED_EVERY == _TIMED_EVERY - 1
        if self._looking and self._sharded:
            # Lengths are collective operations: the slowest rank decides how often.
            self._pace.every = largest(self._pace.every, next(iter(self._names)).device)
        self._watches.prepare(look=self._looking, norms=self._pace.norms and not self._sharded, timed=self._timed)

    def _take(self, norm: Number | None, *, told: bool) -> tuple[bool, bool]:
        """Take over what the optimizers' hooks have seen; whether they looked closely, and whether they ended a look."""
        watches = self._watches
        self._rows.steps.append(Row(self.steps, watches.skipped(), self._losses, watches.lrs, norm))
        self._losses = []
        looks, alignment = watches.looks, watches.alignment
        if looks:
            self._rows.looks.append((self.steps, looks, norm if told else None))
        if alignment is not None:
            self._rows.angles.append({"step": self.steps, "alignment": alignment})
        return bool(looks), alignment is not None

    def _end(self, outcome: Outcome) -> None:
        if self._watches:
            if self._readings is not None:
                self._readings.close()
            self.flush()
        if self._store is not None:
            self._store.finish(outcome)
        self._leave()

    def _leave(self) -> None:
        if self._readings is not None:
            self._readings.close()
        self._watches.close()
        self._store = self._readings = None
