"""A stack as bytes and back, to the same bits, in the safetensors format."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import torch
from safetensors.torch import load, save
from torch import Tensor

from etude.core.errors import DamagedError
from etude.core.rule import State
from etude.core.spec import RunSpec
from etude.training.lanes import Lanes

_META = "meta"


def pack_tensors(tensors: dict[str, Tensor]) -> bytes:
    """Serialize named tensors."""
    return bytes(save({name: t.contiguous().cpu() for name, t in tensors.items()}))


def unpack_tensors(data: bytes) -> dict[str, Tensor]:
    """Read what ``pack_tensors`` wrote."""
    return dict(load(data))


def pack(lanes: Lanes) -> bytes:
    """Everything that a stack needs to go on: weights, buffers, the rule's state, its position, and its record so far."""
    meta = {
        "specs": [s.hash for s in lanes.specs],
        "params": list(lanes.params),
        "alive": lanes.alive,
        "step": lanes.step,
        "exploded": [[lane, step] for lane, step in lanes.exploded.items()],
    }
    tensors = {_META: torch.frombuffer(bytearray(json.dumps(meta).encode()), dtype=torch.uint8)}
    for group, own in _by_parameter(lanes).items():
        tensors |= {f"{group}/{n}": t for n, t in own.items()}
    tensors |= {f"state/{key}/{n}": v for n, s in lanes.state.items() for key, v in s.items()}
    tensors |= {f"per_step/{n}": column for n, column in lanes.per_step.items()}
    tensors |= {f"evaluation/{n}": torch.from_numpy(np.array(rows)) for n, rows in lanes.evaluations.items()}
    tensors |= {f"control/{n}": torch.from_numpy(value) for n, value in lanes.control.items()}
    tensors["multiplier"] = torch.from_numpy(lanes.multiplier)
    return pack_tensors(tensors)


def unpack(data: bytes, specs: Sequence[RunSpec], device: torch.device) -> Lanes:
    """Rebuild the stack of these runs.

    Raises:
        DamagedError: When the checkpoint belongs to other runs.
    """
    tensors = unpack_tensors(data)
    meta = json.loads(bytes(tensors[_META].numpy()))
    if meta["specs"] != [s.hash for s in specs]:
        raise DamagedError("a checkpoint belongs to other runs than its name says: remove it and run the command again")

    def group(prefix: str) -> dict[str, Tensor]:
        return {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}

    def by_parameter(prefix: str) -> dict[str, Tensor]:
        # In the order in which they were: sums over all parameters would round differently in another.
        held = group(prefix)
        return {n: held[n].to(device) for n in meta["params"] if n in held}

    params = by_parameter("param/")
    state: dict[str, State] = {n: {} for n in params}
    for path, value in group("state/").items():
        key, _, name = path.partition("/")
        state.setdefault(name, {})[key] = value.to(device)
    return Lanes(
        specs=tuple(specs),
        alive=list(meta["alive"]),
        params=params,
        buffers={n: t.to(device) for n, t in group("buffer/").items()},
        state=state,
        step=meta["step"],
        multiplier=tensors["multiplier"].numpy(),
        control={n: t.numpy() for n, t in group("control/").items()},
        last_grads=by_parameter("last_grads/"),
        last_update=by_parameter("last_update/"),
        per_step=group("per_step/"),
        evaluations={n: list(t.numpy()) for n, t in group("evaluation/").items()},
        exploded=dict(meta["exploded"]),
    )


def _by_parameter(lanes: Lanes) -> dict[str, dict[str, Tensor]]:
    return {
        "param": lanes.params,
        "buffer": lanes.buffers,
        "last_grads": lanes.last_grads,
        "last_update": lanes.last_update,
    }
