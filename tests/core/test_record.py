"""Records as JSON and back, and what is refused."""

import json
import math
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etude.core.errors import StorageError
from etude.core.finding import Finding, Verdict
from etude.core.message import Message
from etude.core.record import canonical, content_hash, from_plain, to_plain
from etude.core.spec import TaskRef

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=4) | st.sampled_from(["type", "value"]), inner, max_size=3)
        | st.sampled_from(Verdict)
        | st.builds(Message, st.just("k"), st.dictionaries(st.just("type") | st.just("lr"), st.floats(allow_nan=False)))
    ),
    max_leaves=8,
)


@given(values)
def test_what_is_written_comes_back_through_json(value):
    assert from_plain(json.loads(json.dumps(to_plain(value), allow_nan=False))) == value


@given(st.floats(allow_nan=False))
def test_a_float_comes_back_bit_for_bit(number):
    again = from_plain(json.loads(canonical(to_plain(number))))
    assert (again, math.copysign(1, again)) == (number, math.copysign(1, number))


def test_not_a_number_stays_not_a_number():
    assert math.isnan(from_plain(json.loads(canonical(to_plain(float("nan"))))))


def test_a_finding_comes_back_with_its_enum_messages_and_details():
    finding = Finding(
        "edge",
        Message("edge.question", {"limit": float("inf")}),
        Verdict.INCONCLUSIVE,
        Message("edge.far"),
        interval=(0.1, float("inf")),
        details={"type": "bracket", "probabilities": (0.0, 0.5), "nested": {"value": None}},
        runs=("a", "b"),
    )
    again = from_plain(json.loads(canonical(to_plain(finding))))
    assert again == finding
    assert type(again.verdict) is Verdict


def test_the_order_of_a_dict_does_not_change_the_hash():
    assert content_hash(Message("k", {"a": 1, "b": 2})) == content_hash(Message("k", {"b": 2, "a": 1}))


def test_the_hash_of_a_known_record_stays_as_it_was_stored():
    assert content_hash(TaskRef("digits", "00")) == "f9b72147a4c3ceb6"


@pytest.mark.parametrize(
    "path",
    [
        "os:system",
        "builtins:eval",
        "pickle:loads",
        "subprocess:Popen",
        "etude.core.record:json",
        "etude.core.errors:UserError",
        "etude.core.spec:RunSpec.x",
        "etude.__main__:X",
        "etude.absent:X",
        "etude:__version__",
        "etudes:X",
        3,
    ],
)
def test_a_record_that_names_anything_but_one_of_our_records_is_refused(path):
    with pytest.raises(StorageError, match="unknown record"):
        from_plain({"type": path})


def test_a_pickle_inside_a_record_stays_text():
    text = "cos\nsystem\n(S'true'\ntR."
    assert from_plain(to_plain(TaskRef(text, ""))).name == text


@pytest.mark.parametrize(
    "plain",
    [
        {"type": "etude.core.spec:TaskRef", "name": "x"},
        {"type": "etude.core.spec:TaskRef", "name": "x", "fingerprint": "y", "new_field": 1},
        {"type": "etude.core.finding:Verdict", "value": "perhaps"},
        {"type": "etude.core.finding:Verdict"},
        {"type": "float", "value": "many"},
        {"type": "dict", "value": 3},
    ],
)
def test_a_record_with_other_fields_than_ours_is_refused_with_a_remedy(plain):
    with pytest.raises(StorageError, match="use the version that wrote it"):
        from_plain(plain)


@dataclass(frozen=True)
class Holder:
    value: object


@pytest.mark.parametrize("value", [{1: "a"}, b"bytes", {1, 2}, object(), 1j, Holder])
def test_what_json_cannot_hold_is_refused_when_it_is_written(value):
    with pytest.raises(TypeError, match="cannot hold"):
        to_plain(Holder(value))
