"""Factors of parameter groups, on two quadratics of which everything is known."""

import pytest
import torch
from torch import Tensor, nn
from torch.optim import SGD

import etude
from etude.core.errors import SpecError
from etude.integrations.finder.digest import digest_of
from etude.integrations.finder.groups import GroupAnswer, GroupFactor, find_groups

STEEP, SHALLOW = 50.0, 0.5


class TwoBowls(nn.Module):
    """½ (50 a² + ½ b²): gradient descent wants η = 0.02 for a and 2 for b, and diverges beyond 0.04 and 4."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = (nn.Parameter(torch.ones(2, dtype=torch.float64)) for _ in range(2))

    def forward(self) -> Tensor:
        return (STEEP * (self.a**2).sum() + SHALLOW * (self.b**2).sum()) / 2


def found(lr: float = 0.02, **options: object) -> tuple[GroupAnswer, TwoBowls, SGD]:
    model = TwoBowls()
    optimizer = SGD([{"params": [model.a]}, {"params": [model.b]}], lr=0.02)

    def step() -> Tensor:
        optimizer.zero_grad()
        loss = model()
        loss.backward()
        optimizer.step()
        return loss

    return find_groups(model, optimizer, step, lr=lr, reset=lambda: None, steps=30, **options), model, optimizer  # type: ignore[arg-type]


def test_a_group_with_a_hundredth_of_the_curvature_gets_a_hundred_times_the_learning_rate() -> None:
    answer, _, _ = found()
    assert answer.multipliers[0] == 1.0
    assert 50 < answer.multipliers[1] < 170
    assert min(answer.gains) > 0


def test_each_groups_edge_is_its_own() -> None:
    for group, edge in zip(found()[0].groups, (2.0, 200.0), strict=True):
        below, beyond = group.edge
        assert below is not None
        assert beyond is not None
        assert below <= edge <= beyond


def test_nothing_is_changed() -> None:
    model = TwoBowls()
    optimizer = SGD([{"params": [model.a]}, {"params": [model.b]}], lr=0.02)
    before = digest_of([model, optimizer])
    _, model, optimizer = found()
    after = [group["lr"] for group in optimizer.param_groups]
    assert after == [0.02, 0.02]
    assert digest_of([model, optimizer]) == before


def test_factors_that_do_not_help_together_are_not_answered() -> None:
    groups = (
        GroupFactor(1.0, 0.5, 2.0, (None, None), bounded=True, resolved=False),
        GroupFactor(9.0, 5.0, 20.0, (None, None), bounded=True, resolved=True),
    )
    assert GroupAnswer(groups, (0.1, -0.1), 0).multipliers == (1.0, 1.0)
    assert GroupAnswer(groups, (0.1, 0.1), 0).multipliers == (1.0, 9.0)
    assert GroupFactor(9.0, 5.0, 1000.0, (None, None), bounded=False, resolved=True).wished == 1.0


def test_the_answer_is_told_in_both_languages() -> None:
    answer, _, _ = found()
    assert "Multiply the groups' learning rates" in answer.text()
    assert "参数组 1" in answer.text("zh")


def test_one_group_or_an_exploding_run_is_an_error() -> None:
    model = nn.Linear(1, 1)
    with pytest.raises(SpecError, match="one parameter group"):
        find_groups(model, SGD(model.parameters(), lr=0.1), lambda: 0.0, lr=0.1)
    with pytest.raises(SpecError, match="explodes"):
        found(lr=1.0)


def test_it_is_reached_as_etude_find_groups() -> None:
    assert etude.find_groups is find_groups
