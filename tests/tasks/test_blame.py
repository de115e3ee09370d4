import pytest

from etude.core.errors import DataError, TaskError
from etude.tasks.blame import summary, user_code


def test_a_summary_is_the_type_and_the_first_line():
    assert summary(ValueError("  one\ntwo")) == "ValueError: one"
    assert summary(AssertionError()) == "AssertionError"


def test_an_exception_becomes_one_sentence_that_remembers_its_cause():
    with (
        pytest.raises(TaskError, match=r"^it failed \(KeyError: 'x'\): mend it$") as caught,
        user_code("it failed", "mend it"),
    ):
        raise KeyError("x")
    assert isinstance(caught.value.__cause__, KeyError)


def test_a_sentence_to_the_user_passes_unchanged():
    with pytest.raises(DataError, match=r"^no data$"), user_code("it failed", "mend it"):
        raise DataError("no data")


def test_an_interrupt_is_not_blamed_on_the_user():
    with pytest.raises(KeyboardInterrupt), user_code("it failed", "mend it"):
        raise KeyboardInterrupt
