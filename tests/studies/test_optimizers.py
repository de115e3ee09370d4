"""Update rules and controllers as a user writes them."""

from dataclasses import fields, is_dataclass

import pytest

from etude.core.errors import SpecError
from etude.studies.optimizers import CONTROLLERS, RULES, read_controller, read_optimizer
from etude.studies.spec import make_spec
from etude.training import rules
from etude.training.rules import SGD, AdamW, Muon, RMSprop


def test_every_update_rule_can_be_named():
    assert {kind.__name__ for kind in RULES.values()} == set(rules.__all__)
    for name, kind in RULES.items():
        assert isinstance(read_optimizer(name, {}), kind)


def test_hyperparameters_are_read_by_their_types():
    assert read_optimizer("rmsprop(centered=true, momentum=0.5)", {}) == RMSprop(centered=True, momentum=0.5)
    assert read_optimizer("Muon( iterations = 3 )", {}) == Muon(iterations=3)
    step_size = next(f for f in fields(Muon) if f.name == "step_size")
    for member in type(step_size.default):
        assert read_optimizer(f"muon(step_size={member.value})", {}).step_size is member


def test_practice_has_momentum_and_plain_descent_is_written_out():
    assert read_optimizer("sgd", {}) == SGD(momentum=0.9)
    assert read_optimizer("sgd(momentum=0)", {}) == SGD()


def test_flags_and_brackets_add_up():
    assert read_optimizer("adamw(beta1=0.8)", {"beta2": 0.99, "eps": None}) == AdamW(beta1=0.8, beta2=0.99)


@pytest.mark.parametrize(
    ("text", "flags", "why"),
    [
        ("adm", {}, "there is no optimizer 'adm': did you mean 'adam'"),
        ("adam(", {}, "cannot read the optimizer"),
        ("adam(beta3=1)", {}, "adam has no 'beta3': did you mean 'beta"),
        ("adam(beta1)", {}, "write it as name=value"),
        ("adam(beta1=x)", {}, "beta1 of adam is a number, got 'x'"),
        ("adam(beta1=0.1, beta1=0.2)", {}, "gives 'beta1' twice"),
        ("adam(beta1=0.1)", {"beta1": 0.2}, "given both in"),
        ("adam", {"momentum": 0.9}, "adam has no momentum, got 0.9: leave it out"),
        ("sgd(nesterov=perhaps)", {}, "true or false, got 'perhaps'"),
        ("muon(step_size=huge)", {}, "is one of"),
        ("adam(beta1=2)", {}, "needs 0 <= beta1 < 1, got 2"),
    ],
)
def test_a_mistake_is_told_with_its_remedy(text, flags, why):
    with pytest.raises(SpecError, match=why):
        read_optimizer(text, flags)


def test_controllers_are_read_like_update_rules():
    assert all(is_dataclass(kind) for kind in CONTROLLERS.values())
    assert read_controller("plateau(patience=3, factor=0.5)").patience == 3
    with pytest.raises(SpecError, match="there is no controller 'plato': did you mean 'plateau'"):
        read_controller("plato")


def test_a_second_axis_reaches_options_and_hyperparameters_alike():
    spec = make_spec(
        {"etude": "convergence", "data": "digits", "optimizer": "lion(beta1=0.95)", "grid": "beta2=0.9,0.99"}
    )
    assert [own.rule().beta2 for own in spec.along().values()] == [0.9, 0.99]
    assert all(own.rule().beta1 == 0.95 for own in spec.along().values())
    spec = make_spec({"etude": "convergence", "data": "digits", "optimizer": "prodigy", "grid": "d0=1e-6,1e-4"})
    assert [own.rule().d0 for own in spec.along().values()] == [1e-6, 1e-4]
    spec = make_spec({"etude": "convergence", "data": "digits", "grid": "batch_size=16,64"})
    assert [own.batch_size for own in spec.along().values()] == [16, 64]


@pytest.mark.parametrize("grid", ["lr=0:1:3", "seeds=1,2", "momentm=0:0.9:3", "momentum=0:1:3"])
def test_an_axis_that_is_none_is_refused_before_anything_runs(grid):
    with pytest.raises(SpecError):
        make_spec({"etude": "convergence", "data": "digits", "grid": grid})
