"""Which of several processes this one is, in distributed training."""

from __future__ import annotations

import torch


def rank() -> int:
    """Number of this process; 0 where there is one."""
    return torch.distributed.get_rank() if _several() else 0


def ranks() -> int:
    """How many processes train together."""
    return torch.distributed.get_world_size() if _several() else 1


def largest(value: int, device: torch.device) -> int:
    """The largest of all processes' values; a collective operation on that device."""
    found = torch.tensor(value, device=device)
    torch.distributed.all_reduce(found, torch.distributed.ReduceOp.MAX)
    return int(found)


def _several() -> bool:
    return torch.distributed.is_available() and torch.distributed.is_initialized()
