"""Where tensors live."""

from __future__ import annotations

import torch

from etude.core.errors import SpecError


def device_named(name: str) -> torch.device:
    """The torch device of this name, tried once.

    Raises:
        SpecError: When there is no such device here.

    Example:
        >>> device_named("cpu")
        device(type='cpu')
    """
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).item()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise SpecError(f"there is no device {name!r} here ({reason}): leave --device out to use the CPU") from None
    return device
