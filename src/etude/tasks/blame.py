"""One sentence from whatever a user's code raises."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from etude.core.errors import TaskError, UserError


def summary(error: BaseException) -> str:
    """Type and first line of what an exception says, for use inside one sentence."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


@contextmanager
def user_code(condition: str, remedy: str) -> Iterator[None]:
    """Turn an exception of the code inside into ``TaskError("condition (Type: message): remedy")``.

    Errors that are already a sentence to the user pass unchanged.

    Example:
        >>> with user_code("the loss cannot be computed", "correct it"):
        ...     1 / 0
        Traceback (most recent call last):
        etude.core.errors.TaskError: the loss cannot be computed (ZeroDivisionError: division by zero): correct it
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        raise TaskError(f"{condition} ({summary(error)}): {remedy}") from error
