"""Muon's orthogonalization against the singular value decomposition."""

from __future__ import annotations

import pytest
import torch

from etude.training.rules import AdamW, Muon
from etude.training.rules.muon import QUINTIC, StepSize, orthogonalized


@pytest.mark.parametrize("shape", [(4, 9), (9, 4), (5, 5), (1, 6)])
def test_the_iteration_applies_its_polynomial_to_the_singular_values(shape: tuple[int, int]) -> None:
    g = torch.randn(3, *shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    u, s, vt = torch.linalg.svd(g, full_matrices=False)
    s = s / s.norm(dim=1, keepdim=True)
    a, b, c = QUINTIC
    for _ in range(5):
        s = a * s + b * s**3 + c * s**5
    torch.testing.assert_close(orthogonalized(g, 5), u @ torch.diag_embed(s) @ vt, rtol=1e-9, atol=1e-11)


def test_singular_values_end_near_one() -> None:
    g = torch.randn(20, 12, 30, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    values = torch.linalg.svdvals(orthogonalized(g, 5))
    assert values.min() > 0.65
    assert values.max() < 1.25


def test_matrices_have_one_state_and_everything_else_that_of_the_rest() -> None:
    rule = Muon(rest=AdamW(beta1=0.5))
    assert set(rule.init(torch.zeros(2, 3, 4))) == {"first"}
    for shape in [(2,), (2, 3), (2, 3, 4, 5)]:
        assert set(rule.init(torch.zeros(shape))) == {"first", "second"}


def test_step_sizes_are_those_of_their_sources() -> None:
    assert StepSize.ORIGINAL.factor(400, 100) == 2.0
    assert StepSize.ORIGINAL.factor(100, 400) == 1.0
    assert StepSize.MATCH_ADAMW.factor(100, 400) == pytest.approx(4.0)
