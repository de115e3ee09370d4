"""The edge of an averaged gradient, as Adam has it where ε outweighs the second moment."""

import pytest
import torch

from etude.analysis.descent.theory import Method, edge
from etude.training.rules import Adam

EPS = 1e12


@pytest.mark.parametrize(("beta", "expected", "steps"), [(0.5, 0.6, 10_000), (0.9, 3.8, 10_000), (0.99, 39.8, 1_000)])
def test_an_averaged_gradient_is_stable_up_to_2_times_1_plus_beta_over_1_minus_beta(beta, expected, steps):
    # With ε far above |g| the step is (η/ε)·m̂; the correction of m̂ fades as β^t.
    assert edge(Method.AVERAGED, 10.0, beta) == pytest.approx(expected, rel=1e-12)
    rule = Adam(beta1=beta, beta2=0.0, eps=EPS)
    rates = expected * EPS * torch.tensor([[0.9999], [1.0001]], dtype=torch.float64)
    w = torch.full((2, 1), 1e-30, dtype=torch.float64)  # so small that |g| stays far below ε
    state = rule.init(w)
    peaks = []
    for t in range(steps):
        rule.update(w, 10.0 * w, state, rates, t)
        peaks.append(w.abs().flatten().clone())
    early, late = torch.stack(peaks[steps // 2 : steps // 2 + 200]).amax(0), torch.stack(peaks[-200:]).amax(0)
    assert late[0] < 0.9 * early[0]
    assert late[1] > 1.1 * early[1]
