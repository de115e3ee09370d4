"""Étude's schedules in a training loop of one's own."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from operator import mul
from typing import Any, final

from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from etude.core.errors import SpecError
from etude.core.schedule import Schedule
from etude.integrations.torch_groups import entries, one_each, remember_peak, write

_SAME = 1e-6  # relative: a learning rate in a float32 tensor is not read back more exactly


@final
class ScheduledLR(LRScheduler):
    r"""Runs schedules as a torch learning-rate scheduler.

    .. math:: \eta_g(t) = \eta_g \, m_g(\min(t - t_g, T_g - 1))

    with η_g the peak of group g, m_g its schedule and T_g the schedule's length, t the number of updates that the
    optimizer has made, and t_g the t at which the group was added (0 for the first groups). Call ``step()`` after every
    ``optimizer.step()``.

    The value is read at t, never computed from the one before: nothing drifts, and a resumed run has the same bits.

    - **Peaks**: the groups' learning rates when the scheduler is made, unless ``peak_lr`` says otherwise. Group scales
      are the groups' own learning rates, as everywhere in torch.
    - **Skipped updates**: ``step()`` goes on only if the optimizer has made an update since the last call. When a
      gradient scaler skips an update for infinite gradients, or gradients are being accumulated, the schedule waits;
      nothing has to be told. (A fused optimizer decides on the device; only there the answer must be waited for.)
    - **Groups added later**: ``add_param_group`` of this object gives the new group its right value at once. A group
      added to the optimizer itself takes its place at the next ``step()``, on the common schedule.
    - **Tensor learning rates** (``capturable`` optimizers, compiled steps, CUDA graphs) are changed in place and never read
      back from a device.
    - **Another hand**: a learning rate that something else has changed is set back with a warning, not silently. To
      change it for good, use ``set_peak_lr``.
    - **Beyond the horizon** the last value is kept, with one warning.
    - **Other hyperparameters**: ``also`` plays schedules of group entries such as ``"momentum"`` or ``"weight_decay"``;
      ``"beta1"`` stands for the first of ``"betas"``. Multiplier 1 is the value that the group came with.

    The state holds plain numbers and not the schedule: construct the scheduler as before, or with a plan for another
    horizon (``extend``, ``shorten``, ``cool_down_from``), and load the state into it. A plan that would make the
    learning rate jump there is named in a warning. Loading sets the optimizer's learning rates too, so it may come
    before or after loading the optimizer. A given ``peak_lr`` wins over the state.

    Args:
        optimizer: What is scheduled.
        schedule: Multiplier of the peak per update; one for all groups, or a sequence with one for each.
        last_epoch: t of a run that goes on without a state, less one, as in torch; −1 for a new run.
        peak_lr: η_g, one for all groups, or a sequence with one for each.
        also: Schedules of other entries of the groups.

    Raises:
        SpecError: When there is not one schedule or peak for each group, a group lacks an entry that is to be
            scheduled, or a run goes on and its peaks are unknown.

    Example:
        >>> import torch
        >>> from etude.schedules import Cosine, chain, warmup
        >>> optimizer = torch.optim.SGD([torch.zeros(1)], lr=0.1)
        >>> scheduler = ScheduledLR(optimizer, chain(warmup(2), Cosine(1.0, 0.0, 4)))
        >>> for _ in range(4):
        ...     print(round(optimizer.param_groups[0]["lr"], 4))
        ...     optimizer.step()
        ...     scheduler.step()
        0.05
        0.1
        0.1
        0.0854
    """

    def __init__(
        self,
        optimizer: Optimizer,
        schedule: Schedule | Sequence[Schedule],
        last_epoch: int = -1,
        *,
        peak_lr: float | Sequence[float] | None = None,
        also: Mapping[str, Schedule] | None = None,
    ) -> None:
        groups = optimizer.param_groups
        self.schedules = one_each(schedule, len(groups), "schedule")
        self._common = schedule if isinstance(schedule, Schedule) else None
        self._starts = [0] * len(groups)
        self._index()
        self._also = dict(also or {})
        self._also_peaks = [entries(group, self._also) for group in groups]
        self._said_beyond = False
        self._explicit = None if peak_lr is None else [float(p) for p in one_each(peak_lr, len(groups), "peak_lr")]
        for i, group in enumerate(groups):
            remember_peak(group, self._explicit[i] if self._explicit else None, resumed=last_epoch != -1)
        self._found_inf: Tensor | None = None
        self._updated = True  # the base class makes the first call itself, before any update
        super().__init__(optimizer, last_epoch)
        self.base_lrs = [float(peak) for peak in self.base_lrs]
        optimizer.register_step_post_hook(self._note_update)

    def step(self, epoch: int | None = None) -> None:
        """Go on by one, if the optimizer has made an update since the last call.

        Args:
            epoch: Go to this t instead, whatever the optimizer did.
        """
        updated, self._updated = self._updated, False
        if epoch is None and (not updated or (self._found_inf is not None and self._found_inf.item())):
            return
        if self._step_count:
            self._look_for_other_hands()
        t = self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        self._step_count += 1
        if t > self._end and not self._said_beyond:
            self._warn_beyond()
        self._set()

    def get_lr(self) -> list[float | Tensor]:
        """Learning rates of the groups at the present t."""
        return list(map(mul, self.base_lrs, self._multipliers()))

    def add_param_group(self, group: dict[str, Any], schedule: Schedule | None = None) -> None:
        """Add a group to the optimizer, at its right value at once.

        Args:
            group: As for the optimizer's own method; its ``"lr"``, or else the optimizer's default, is the peak.
            schedule: The group's own, which begins now; by default the common one, at the present t.

        Raises:
            SpecError: When there is no common schedule and none is given.
        """
        if schedule is None and self._common is None:
            raise SpecError("the groups have schedules of their own: pass the new group's schedule as well")
        self.optimizer.add_param_group(group)
        self._adopt_new_groups(schedule)
        self._set()

    def set_peak_lr(self, peak_lr: float | Sequence[float]) -> None:
        """Change the peaks from now on: one for all groups, or a sequence with one for each."""
        self.base_lrs = [float(p) for p in one_each(peak_lr, len(self.base_lrs), "peak_lr")]
        for group, peak in zip(self.optimizer.param_groups, self.base_lrs, strict=True):
            remember_peak(group, float(peak), resumed=False)
        self._set()

    def state_dict(self) -> dict[str, Any]:
        """Where the run is and its peaks: plain numbers, safe to load."""
        return {
            "last_epoch": self.last_epoch,
            "peak_lrs": [float(peak) for peak in self.base_lrs],
            "starts": list(self._starts),
            "multipliers": self._multipliers(),
            "also_peaks": [dict(peaks) for peaks in self._also_peaks],
            "updated": self._updated,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on where ``state_dict`` was taken, and set the optimizer's learning rates accordingly.

        Raises:
            SpecError: When the state is of another number of groups.
        """
        if len(state_dict["peak_lrs"]) != len(self.base_lrs):
            raise SpecError(
                f"the state is of {len(state_dict['peak_lrs'])} groups but the optimizer has {len(self.base_lrs)}: "
                "add the missing groups with add_param_group before loading"
            )
        self.last_epoch = state_dict["last_epoch"]
        self._step_count = self.last_epoch + 1
        self._starts = list(state_dict["starts"])
        self._also_peaks = [dict(peaks) for peaks in state_dict["also_peaks"]]
        self._index()
        self.base_lrs = list(self._explicit or state_dict["peak_lrs"])
        for group, peak in zip(self.optimizer.param_groups, self.base_lrs, strict=True):
            remember_peak(group, float(peak), resumed=False)
        self._updated = state_dict["updated"]
        self._warn_of_a_jump(state_dict["multipliers"])
        self._set()

    def _note_update(self, optimizer: Optimizer, *_: Any) -> None:
        self._updated = True
        self._found_inf = getattr(optimizer, "found_inf", None)

    def _index(self) -> None:
        """Find what has to be evaluated per step: groups with one schedule and one start share its value."""
        keys = [(id(schedule), start) for schedule, start in zip(self.schedules, self._starts, strict=True)]
        order = list(dict.fromkeys(keys))
        self._which = [order.index(key) for key in keys]
        shared = [self.schedules[keys.index(key)] for key in order]
        self._clocks = [(m, start, m.steps - 1) for m, (_, start) in zip(shared, order, strict=True)]
        self._end = max(start + last + 1 for _, start, last in self._clocks)

    def _multipliers(self) -> list[float]:
        if len(self._clocks) > 1:
            values = [self._multiplier(*clock) for clock in self._clocks]
            return [values[i] for i in self._which]
        return [self._multiplier(*self._clocks[0])] * len(self._which)

    def _multiplier(self, schedule: Schedule, start: int, last: int) -> float:
        t = self.last_epoch - start
        return schedule(t if 0 <= t <= last else min(max(t, 0), last))

    def _set(self) -> None:
        """Write the values of the present t into the optimizer."""
        self._last_lr = list(map(mul, self.base_lrs, self._multipliers()))
        for i, group in enumerate(self.optimizer.param_groups):
            if type(group["lr"]) is float:  # not by write, which costs as much as the rest of the step
                group["lr"] = self._last_lr[i]
            else:
                write(group, "lr", self._last_lr[i])
        for name, schedule in self._also.items():
            multiplier = schedule(min(self.last_epoch, schedule.steps - 1))
            for group, peaks in zip(self.optimizer.param_groups, self._also_peaks, strict=True):
                write(group, name, peaks[name] * multiplier)

    def _adopt_new_groups(self, schedule: Schedule | None = None) -> None:
        for group in self.optimizer.param_groups[len(self.base_lrs) :]:
            if schedule is None and self._common is None:
                raise SpecError("a group was added that has no schedule: add it with the scheduler's add_param_group")
            remember_peak(group, None, resumed=False)
            self.base_lrs.append(float(group["initial_lr"]))
            if self._explicit is not None:
                self._explicit.append(float(group["initial_lr"]))
            self.schedules = (*self.schedules, schedule or self._common)
            self._starts.append(self.last_epoch if schedule else 0)
            self._also_peaks.append(entries(group, self._also))
            self._last_lr.append(group["lr"])
            self._index()

    def _look_for_other_hands(self) -> None:
        """Adopt groups that were added to the optimizer, and warn of learning rates that were not set here."""
        groups = self.optimizer.param_groups
        if len(groups) > len(self.base_lrs):
            self._adopt_new_groups()
        for i, group in enumerate(groups):
            if group["lr"] is not self._last_lr[i]:
                self._compare(i, group["lr"], self._last_lr[i])

    def _compare(self, group: int, found: float | Tensor, ours: float | Tensor) -> None:
        if isinstance(found, Tensor) and found.device.type != "cpu":
            return  # reading it would wait for the device at every step
        if abs(float(found) - float(ours)) > _SAME * abs(float(ours)):
            warnings.warn(
                f"the learning rate of group {group} was changed to {float(found):g} by something else and the schedule sets "
                f"it back (it was {float(ours):g}): use set_peak_lr to change it for good",
                stacklevel=4,
            )

    def _warn_beyond(self) -> None:
        self._said_beyond = True
        warnings.warn(
            f"the run goes on beyond its schedule of {self._end} steps, at the last learning rate: "
            "plan anew with etude.schedules.extend, or stop",
            stacklevel=3,
        )

    def _warn_of_a_jump(self, before: Sequence[float]) -> None:
        now = self._multipliers()
        for i, (old, new) in enumerate(zip(before, now, strict=True)):
            if abs(new - old) > _SAME * max(abs(old), abs(new)):
                warnings.warn(
                    f"the schedule of group {i} has the multiplier {new:g} at step {self.last_epoch} where the saved run had "
                    f"{old:g}: plan anew without a jump by extend, shorten or cool_down_from of etude.schedules",
                    stacklevel=3,
                )
