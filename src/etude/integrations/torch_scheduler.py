"""Étude's schedules in a training loop of one's own."""

from __future__ import annotations

from typing import Any, final

from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from etude.core.schedule import Schedule


@final
class ScheduledLR(LRScheduler):
    r"""Runs a schedule as a torch learning-rate scheduler.

    .. math:: \eta_g(t) = \eta_g \, m(\min(t, T - 1))

    with η_g the learning rate that group g of the optimizer came with, m the schedule, T its length, and t the number
    of ``step()`` calls so far: call it after every ``optimizer.step()``. Beyond the horizon the last value is kept.
    The value is read at t, never computed from the one before, so nothing drifts and a resumed run has the same bits.
    A learning rate held in a tensor (``capturable`` optimizers, CUDA graphs) is changed in place.

    The state does not contain the schedule: construct the scheduler as before and load the state into it. Loading also
    sets the optimizer's learning rates, so it may come before or after loading the optimizer.

    Args:
        optimizer: Its groups' present learning rates are taken as the peaks.
        schedule: Multiplier of the peak learning rate per step.
        last_epoch: t of a run that goes on, or −1 for a new one, as in torch.

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

    def __init__(self, optimizer: Optimizer, schedule: Schedule, last_epoch: int = -1) -> None:
        self.schedule = schedule
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float | Tensor]:
        """Learning rates of the groups at the present step."""
        multiplier = self.schedule(min(self.last_epoch, self.schedule.steps - 1))
        return [peak * multiplier for peak in self.base_lrs]

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimizer and the schedule: plain numbers and tensors, safe to load."""
        return {name: value for name, value in super().state_dict().items() if name != "schedule"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on where ``state_dict`` was taken, and set the optimizer's learning rates accordingly."""
        super().load_state_dict(state_dict)
        for group, lr in zip(self.optimizer.param_groups, self.get_lr(), strict=True):
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(lr)
            else:
                group["lr"] = lr
