"""The tree of errors."""

import pytest

from etude.core import errors


def test_a_bad_request_exits_with_2_and_everything_else_with_1() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    assert len(kinds) >= 8
    for kind in kinds:
        assert issubclass(kind, errors.EtudeError)
        assert kind.exit_code == (2 if issubclass(kind, errors.UserError) else 1)


@pytest.mark.parametrize("kind", [errors.SpecError, errors.DataError, errors.TaskError])
def test_a_bad_value_can_be_caught_as_pythons_own_error(kind: type[errors.UserError]) -> None:
    with pytest.raises(ValueError, match="a sentence"):
        raise kind("a sentence")


def test_damage_and_a_lock_are_errors_of_storage() -> None:
    assert issubclass(errors.DamagedError, errors.StorageError)
    assert issubclass(errors.LockedError, errors.StorageError)
