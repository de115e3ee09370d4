"""Layer-wise decay of the learning rate."""

from fnmatch import fnmatchcase

import pytest
from torch import nn

from etude.core.errors import SpecError
from etude.scaling import layerwise_decay


def test_the_last_layer_keeps_the_learning_rate_and_each_below_decays_once_more() -> None:
    assert layerwise_decay(["a", "b", "c"], 0.5) == (("a.*", 0.25), ("b.*", 0.5), ("c.*", 1.0))


def test_a_decay_of_one_is_one_learning_rate_for_all() -> None:
    assert layerwise_decay(["a", "b"], 1) == (("a.*", 1.0), ("b.*", 1.0))


def test_every_parameter_of_a_deep_network_matches_exactly_one_layer() -> None:
    model = nn.Sequential(*[nn.Linear(1, 1) for _ in range(12)])  # names 1 and 11 share a beginning
    scales = layerwise_decay([name for name, _ in model.named_children()], 0.8)
    for name, _ in model.named_parameters():
        matching = [scale for pattern, scale in scales if fnmatchcase(name, pattern)]
        assert matching == pytest.approx([0.8 ** (11 - int(name.split(".")[0]))])


@pytest.mark.parametrize(
    ("names", "decay", "message"),
    [
        (["a"], 0.0, "needs decay > 0 and finite, got 0.0"),
        (["a"], 1.5, "needs decay <= 1, got 1.5"),
        ([], 0.5, r"needs the names of the layers, got \[\]"),
        (["a", ""], 0.5, "needs the names of the layers"),
        (["a", "a"], 0.5, "'a' lies inside 'a' or repeats it"),
        (["body.0", "body"], 0.5, r"'body\.0' lies inside 'body'"),
    ],
)
def test_what_cannot_be_a_layer_or_a_decay_is_refused(names, decay, message) -> None:
    with pytest.raises(SpecError, match=message):
        layerwise_decay(names, decay)
