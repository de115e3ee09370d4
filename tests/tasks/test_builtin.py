import pickle

import numpy as np
import pytest
import torch

from etude.core.errors import DataError, SpecError
from etude.tasks import builtin
from etude.tasks.builtin import KINDS, ModelOptions, builtin_task
from etude.tasks.data import Images


def shapes(options: ModelOptions) -> list[tuple[int, ...]]:
    return [tuple(p.shape) for p in builtin_task("digits", options).init(0).parameters()]


def test_the_default_is_two_layers_on_digits():
    task = builtin_task()
    assert task.name == "digits"
    assert task.classification
    assert [tuple(p.shape) for p in task.init(0).parameters()] == [(128, 64), (128,), (10, 128), (10,)]


def test_options_reach_the_model():
    assert shapes(ModelOptions(hidden=(9, 8)))[::2] == [(9, 64), (8, 9), (10, 8)]
    assert shapes(ModelOptions("gru", (5,)))[0] == (15, 8)
    assert "Tanh" in repr(builtin_task("digits", ModelOptions("cnn", activation="tanh")).init(0))


def test_every_kind_has_a_fingerprint_of_its_own():
    assert len({builtin_task("digits", ModelOptions(kind)).fingerprint for kind in KINDS}) == len(KINDS)


def test_a_built_in_model_can_be_sent_to_another_process():
    task = builtin_task("digits", ModelOptions("cnn-bn"))
    copy = pickle.loads(pickle.dumps(task))
    assert copy.fingerprint == task.fingerprint
    assert np.array_equal(copy.batch(1, 2, 3)[0], task.batch(1, 2, 3)[0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kind": "cnnbn"}, "unknown model 'cnnbn': did you mean 'cnn-bn'\\? It must be one of mlp, cnn, cnn-bn, gru"),
        ({"kind": "transformer"}, "unknown model 'transformer': It must be one of"),
        ({"activation": "rellu"}, "unknown activation 'rellu': did you mean 'relu'"),
        ({"hidden": (8, 0)}, r"needs hidden widths >= 1, got \(8, 0\)"),
        ({"kind": "cnn", "hidden": (8,)}, "a cnn has no hidden widths"),
        ({"kind": "gru", "hidden": (8, 8)}, "a gru has one hidden state, got 2 widths"),
        ({"kind": "gru", "activation": "tanh"}, "a gru has its own activations, got 'tanh'"),
    ],
)
def test_options_that_mean_nothing_are_refused(arguments, message):
    with pytest.raises(SpecError, match=message):
        ModelOptions(**arguments)


def test_images_too_small_for_two_poolings_are_refused(monkeypatch):
    pair = torch.zeros(4, 1, 3, 3), torch.arange(4)
    monkeypatch.setattr(builtin, "load_images", lambda _: Images(pair, pair, 4))
    with pytest.raises(DataError, match="a cnn needs images of at least 4×4 pixels, got 3×3"):
        builtin_task("tiny", ModelOptions("cnn"))
