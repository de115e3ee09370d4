"""Names of what is called, also where weights are computed first, and without a trace."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrizations

from etude.training.probes.depth import depth_profile
from etude.training.probes.places import followed
from etude.training.probes.units import count_units


class Attentive(nn.Module):
    """Token embedding shared with the output, two encoder layers, arguments by keyword."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(20, 16)
        layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)

    def forward(self, tokens: Tensor) -> Tensor:
        return functional.linear(input=self.encoder(self.embedding(tokens)), weight=self.embedding.weight).mean(1)


def test_layers_of_a_transformer_have_their_names() -> None:
    torch.manual_seed(0)
    model, tokens = Attentive().eval(), torch.arange(20).view(4, 5)
    profile = depth_profile(model, lambda: functional.cross_entropy(model(tokens), torch.arange(4)))
    inner = [f"encoder.layers.{i}.linear{j}" for i in (0, 1) for j in (1, 2)]
    assert profile.layers == (*inner, "embedding")
    assert list(count_units(model, lambda: model(tokens))) == ["encoder.layers.0.relu", "encoder.layers.1.relu"]


@pytest.mark.parametrize("computed", [parametrizations.weight_norm, parametrizations.spectral_norm])
def test_a_weight_that_is_computed_first_has_the_name_of_its_layer(computed: Callable[[nn.Module], nn.Module]) -> None:
    shared = nn.ReLU()
    model = nn.Sequential(computed(nn.Linear(4, 4)), shared, computed(nn.Linear(4, 6)), shared)
    x = torch.randn(8, 4)
    assert depth_profile(model, lambda: model(x).sum()).layers == ("0", "2")
    assert {name: u.units for name, u in count_units(model, lambda: model(x)).items()} == {"1": 4, "1_1": 6}


def test_a_scripted_model_shows_nothing_of_its_inside() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        model = torch.jit.script(nn.Sequential(nn.Linear(4, 4), nn.ReLU()))
    assert count_units(model, lambda: model(torch.ones(2, 4))) == {}
    assert depth_profile(model, lambda: model(torch.ones(2, 4)).sum()).layers == ()


def test_a_module_entered_by_a_failing_pass_is_left(moody: nn.Module) -> None:
    with followed(moody, {}) as place:
        with pytest.raises(RuntimeError):
            moody(torch.zeros(1))
        assert [name for name, _ in place.entered] == [""]
