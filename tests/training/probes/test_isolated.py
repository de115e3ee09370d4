"""A look inside leaves no trace."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from etude.training.probes.isolated import isolated


def test_whatever_happens_inside_leaves_the_model_as_it_was(
    moody: nn.Module, batch: tuple, unchanged: Callable
) -> None:
    x, y = batch
    with unchanged(moody), isolated(moody):
        moody.train()
        nn.functional.cross_entropy(moody(x), y).backward()
        with torch.no_grad():
            for p in moody.parameters():
                p.add_(1.0)
        moody.eval()


def test_an_exception_leaves_the_model_as_it_was_too(moody: nn.Module, batch: tuple, unchanged: Callable) -> None:
    def fail() -> None:
        with isolated(moody, dtype=torch.float64):
            moody.train()(batch[0].double())
            raise ZeroDivisionError

    with unchanged(moody), pytest.raises(ZeroDivisionError):
        fail()


def test_attributes_that_a_forward_pass_replaces_come_back() -> None:
    class Keeping(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.utils.parametrizations.weight_norm(nn.Linear(2, 2))
            self.calls, self.cache = 0, torch.zeros(1)

        def forward(self, x: Tensor) -> Tensor:
            self.calls += 1
            self.cache, self.fresh = self.inner(x), x
            return self.cache

    model = Keeping()
    model(torch.ones(1, 2))
    del model.fresh
    cache = model.cache
    with isolated(model, dtype=torch.float64):
        model(torch.ones(1, 2).double())
    assert model.calls == 1
    assert model.cache is cache
    assert not hasattr(model, "fresh")
    assert list(model.state_dict()) == list(Keeping().state_dict())


def test_a_graph_that_waits_for_its_backward_pass_survives(moody: nn.Module, batch: tuple) -> None:
    x, y = batch
    torch.manual_seed(0)
    random.seed(0)
    np.random.seed(0)
    pending = nn.functional.cross_entropy(moody(x), y)
    with isolated(moody, dtype=torch.float64):
        moody(x.double())
    pending.backward()
    assert all(p.grad is not None for p in moody.parameters() if p.requires_grad)


def test_the_accumulators_that_data_parallel_training_hooks_into_stay(moody: nn.Module, batch: tuple) -> None:
    def accumulator(p: Tensor) -> object:
        return p.view_as(p).grad_fn.next_functions[0][0]

    weight = moody.conv.weight
    node = accumulator(weight)
    with isolated(moody, dtype=torch.float64):
        moody(batch[0].double())
    assert accumulator(weight) is node


def test_tied_weights_stay_tied_inside(moody: nn.Module) -> None:
    with isolated(moody) as copies:
        assert moody.one.weight is moody.two.weight
        assert moody.one.weight is copies["one.weight"]
        assert "two.weight" not in copies


def test_given_weights_stand_in_for_the_own(moody: nn.Module) -> None:
    given = {"one.weight": torch.full((6, 6), 7.0)}
    with isolated(moody, given) as copies:
        assert bool((moody.two.weight == 7).all())
        assert torch.equal(copies["head.weight"], moody.head.weight)
        assert not copies["head.bias"].requires_grad


def test_a_model_computes_in_float64_inside(moody: nn.Module, batch: tuple) -> None:
    moody.eval()
    single = moody(batch[0])
    with isolated(moody, dtype=torch.float64):
        double = moody(batch[0].double())
    assert double.dtype == torch.float64
    assert torch.allclose(single.double(), double, rtol=1e-2)
    assert single.dtype == moody(batch[0]).dtype


def test_compiled_code_is_not_compiled_again(batch: tuple) -> None:
    torch.manual_seed(0)
    layer = nn.Sequential(nn.Flatten(), nn.Linear(16, 3))
    compilations = []

    def backend(graph: torch.fx.GraphModule, inputs: list[Tensor]) -> Callable:
        compilations.append(graph)
        return graph.forward

    compiled = torch.compile(layer, backend=backend)
    compiled(batch[0])
    once = len(compilations)
    with isolated(compiled, dtype=torch.float64):
        compiled(batch[0].double())
    compiled(batch[0])
    assert len(compilations) == once == 1
