"""Clipping against torch's own."""

from __future__ import annotations

import pytest
import torch

from etude.training.clip import clip_, clip_values_


def test_each_lane_is_clipped_like_torch_clips_it_alone() -> None:
    generator = torch.Generator().manual_seed(0)
    scale = torch.tensor([1e-3, 1.0, 100.0], dtype=torch.float64)
    grads = {
        "w": torch.randn(3, 4, 5, generator=generator, dtype=torch.float64) * scale.view(3, 1, 1),
        "b": torch.randn(3, 4, generator=generator, dtype=torch.float64) * scale.view(3, 1),
    }
    before = {n: g.clone() for n, g in grads.items()}
    factors = clip_(grads, grads["w"].new_tensor([2.0, 2.0, 2.0]))
    for k in range(3):
        params = [torch.zeros(before[n][k].shape, dtype=torch.float64, requires_grad=True) for n in grads]
        for p, n in zip(params, grads, strict=True):
            p.grad = before[n][k].clone()
        norm = torch.nn.utils.clip_grad_norm_(params, 2.0)
        torch.testing.assert_close(factors[k], (2 / (norm + 1e-6)).clamp(max=1), rtol=1e-14, atol=0)
        for p, n in zip(params, grads, strict=True):
            torch.testing.assert_close(grads[n][k], p.grad, rtol=1e-14, atol=0)


def test_a_lane_at_nan_spoils_no_other() -> None:
    grads = {"w": torch.tensor([[float("nan"), 1.0], [3.0, 4.0]])}
    clip_(grads, torch.tensor([1.0, 1.0]))
    assert grads["w"][0].isnan().all()
    torch.testing.assert_close(grads["w"][1], torch.tensor([0.6, 0.8]))


def test_a_parameter_that_is_a_single_number_counts_like_any_other() -> None:
    grads = {"w": torch.tensor([[3.0], [0.0]]), "temperature": torch.tensor([4.0, 2.0])}
    torch.testing.assert_close(clip_(grads, torch.tensor([1.0, 4.0])), torch.tensor([0.2, 1.0]))
    torch.testing.assert_close(grads["temperature"], torch.tensor([0.8, 2.0]))


def test_a_lane_without_a_limit_keeps_every_bit_even_where_its_norm_overflows() -> None:
    grads = {"w": torch.tensor([[1e30, 3e38], [3.0, 4.0]])}
    torch.testing.assert_close(clip_(grads, torch.tensor([float("inf"), 1.0])), torch.tensor([1.0, 0.2]))
    assert grads["w"][0].tolist() == torch.tensor([1e30, 3e38]).tolist()


@pytest.mark.parametrize("tensors", [1, 2, 3, 6, 7, 12])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_lane_is_clipped_to_the_same_bits_alone(tensors: int, dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(1)
    grads = {str(i): torch.randn(5, 3, i + 1, generator=generator, dtype=dtype) for i in range(tensors)}
    limits = torch.full((5,), 0.5, dtype=dtype)
    alone = [clip_({n: g[k : k + 1].clone() for n, g in grads.items()}, limits[:1]) for k in range(5)]
    assert torch.equal(clip_(grads, limits), torch.cat(alone))


def test_each_lane_is_cut_off_like_torch_cuts_it_off_alone() -> None:
    generator = torch.Generator().manual_seed(2)
    grads = {
        "w": torch.randn(3, 4, 5, generator=generator, dtype=torch.float64),
        "b": torch.randn(3, 4, generator=generator, dtype=torch.float64),
    }
    before = {n: g.clone() for n, g in grads.items()}
    limits = grads["w"].new_tensor([0.1, 1.0, 100.0])
    left = clip_values_(grads, limits)
    for k, c in enumerate(limits.tolist()):
        params = [torch.zeros(before[n][k].shape, dtype=torch.float64, requires_grad=True) for n in grads]
        for p, n in zip(params, grads, strict=True):
            p.grad = before[n][k].clone()
        torch.nn.utils.clip_grad_value_(params, c)
        for p, n in zip(params, grads, strict=True):
            assert torch.equal(grads[n][k], p.grad)
        norm, clipped = (torch.cat([t[n][k].flatten() for n in t]).norm() for t in (before, grads))
        torch.testing.assert_close(left[k], clipped / norm)
    assert left[2] == 1


def test_without_a_limit_of_values_a_lane_keeps_every_bit_and_a_zero_gradient_loses_nothing() -> None:
    grads = {"w": torch.tensor([[1e30, 3e38], [0.0, 0.0], [float("nan"), 5.0]])}
    before = grads["w"].clone()
    left = clip_values_(grads, torch.tensor([float("inf"), 1.0, 1.0]))
    assert torch.equal(grads["w"][:2], before[:2])
    assert left[:2].tolist() == [1, 1]
    assert grads["w"][2].isnan().tolist() == [True, False]
    assert grads["w"][2, 1] == 1
