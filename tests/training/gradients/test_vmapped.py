"""torch.func's gradient against plain autograd, lane by lane."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from etude.tasks.task import Task
from etude.training.gradients.looped import LoopedGradients
from etude.training.gradients.vmapped import WIDTH, VmappedGradients


@pytest.mark.parametrize("lanes", [1, 3, WIDTH, WIDTH + 1])
@pytest.mark.parametrize("model", ["cnn-bn", "gru"])
def test_losses_gradients_and_moving_statistics_are_those_of_the_loop(
    task_of: Callable[[str], Task], model: str, lanes: int
) -> None:
    task = task_of(model)
    models = [task.init(k) for k in range(lanes)]
    params = {n: torch.stack([m.get_parameter(n).detach() for m in models]) for n, _ in models[0].named_parameters()}
    ours = {n: torch.stack([m.get_buffer(n) for m in models]) for n, _ in models[0].named_buffers()}
    theirs = {n: b.clone() for n, b in ours.items()}
    x, y = task.batch(0, 0, 16)
    losses, grads = VmappedGradients(task.init(0), task)(params, ours, x, y, 0)
    expected_losses, expected = LoopedGradients(task.init(0), task, random=False)(params, theirs, x, y, 0)
    torch.testing.assert_close(losses, expected_losses, rtol=1e-11, atol=0)
    for name in expected:
        torch.testing.assert_close(grads[name], expected[name], rtol=1e-9, atol=1e-13)
    for name in theirs:
        torch.testing.assert_close(ours[name], theirs[name], rtol=1e-12, atol=0)
