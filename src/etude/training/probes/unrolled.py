"""Torch's fused recurrent layers, written out step by step, so that their hidden states can be seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias, final

import torch
from torch import Tensor, nn
from torch.nn import functional

from etude.core.errors import SpecError

State: TypeAlias = tuple[Tensor, ...]
"""(h,), or (h, c) of an LSTM, each (B, H)."""


@final
class Unrolled:
    """The forward pass of an ``nn.RNN``, ``nn.GRU`` or ``nn.LSTM`` that tells every hidden state as it comes up.

    Args:
        layer: The layer whose weights and options it takes.
        keep: Called with the name of layer and direction (``""``, ``".1"``, ``".1.reverse"``) and h_t (B, H).
    """

    def __init__(self, layer: nn.RNNBase, keep: Callable[[str, Tensor], None]) -> None:
        self._layer = layer
        self._keep = keep

    def __call__(self, input: Tensor, hx: Tensor | State | None = None) -> tuple[Tensor, Tensor | State]:  # noqa: A002
        """Input (B, T, F), (T, B, F) or (T, F) and initial states → outputs and last states, as the layer gives them."""
        layer = self._layer
        if not isinstance(input, Tensor) or layer.proj_size:
            raise SpecError(
                "needs a plain sequence and no projection to write a recurrent layer out, got a packed sequence "
                "or proj_size > 0: measure on padded sequences, or leave hidden gradients out"
            )
        batched = input.dim() == 3
        x = input if batched else input.unsqueeze(1)
        x = x.transpose(0, 1) if batched and layer.batch_first else x
        initial = self._initial(x, hx, batched)
        last: list[State] = []
        for depth in range(layer.num_layers):
            if depth and layer.dropout:
                x = functional.dropout(x, layer.dropout, layer.training)
            ways = []
            for way in range(1 + layer.bidirectional):
                states, end = self._run(x, tuple(part[len(last)] for part in initial), depth, way)
                ways.append(states)
                last.append(end)
            x = torch.cat(ways, dim=-1)
        ends = tuple(torch.stack(parts) for parts in zip(*last, strict=True))
        if not batched:
            return x.squeeze(1), _unwrapped(tuple(end.squeeze(1) for end in ends))
        return x.transpose(0, 1) if layer.batch_first else x, _unwrapped(ends)

    def _initial(self, x: Tensor, hx: Tensor | State | None, batched: bool) -> State:
        layer = self._layer
        if hx is None:
            zeros = x.new_zeros(layer.num_layers * (1 + layer.bidirectional), x.shape[1], layer.hidden_size)
            return (zeros, zeros) if layer.mode == "LSTM" else (zeros,)
        given = (hx,) if isinstance(hx, Tensor) else hx
        return given if batched else tuple(part.unsqueeze(1) for part in given)

    def _run(self, x: Tensor, state: State, depth: int, way: int) -> tuple[Tensor, State]:
        """One layer in one direction: its outputs (T, B, H) in the order of time, and its last state."""
        suffix = f"l{depth}" + "_reverse" * way
        leaves = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        weights = [getattr(self._layer, f"{leaf}_{suffix}", None) for leaf in leaves]
        name = (f".{depth}" if depth else "") + ".reverse" * way
        states = []
        for one in x.flip(0) if way else x:
            state = _step(self._layer.mode, one, state, weights)
            self._keep(name, state[0])
            states.append(state[0])
        return torch.stack(states[::-1] if way else states), state


def _step(mode: str, x: Tensor, state: State, weights: list[Tensor | None]) -> State:
    if mode == "LSTM":
        h, c = torch.lstm_cell(x, state, *weights)  # type: ignore[arg-type]
        return h, c
    cell = {"GRU": torch.gru_cell, "RNN_TANH": torch.rnn_tanh_cell, "RNN_RELU": torch.rnn_relu_cell}[mode]
    return (cell(x, state[0], *weights),)  # type: ignore[arg-type]


def _unwrapped(state: State) -> Tensor | State:
    return state[0] if len(state) == 1 else state
