"""The state of a process in which lanes train."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def prepare_process() -> Iterator[None]:
    """One thread, and denormal numbers flushed to zero, while lanes train.

    A second OpenMP thread beside a busy neighbour makes a step two to ten times slower, and the momentum of a dead network
    decays into denormal numbers, which are slow. Both settings are part of what makes a lane's bits the same everywhere.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)
        torch.set_num_threads(threads)
