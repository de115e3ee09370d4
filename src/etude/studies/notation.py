"""Records in a line of text: ``adamw``, ``sgd(momentum=0.9, nesterov=true)``, ``plateau(patience=3)``."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import fields
from enum import Enum
from typing import Any, get_type_hints

from etude.core.errors import SpecError

_RECORD = re.compile(r"\s*(?P<name>[\w-]+)\s*(?:\((?P<inside>[^()]*)\))?\s*")
_WORDS = {"true": True, "yes": True, "false": False, "no": False}


def read_record(text: str, kinds: Mapping[str, type], what: str) -> tuple[str, dict[str, Any]]:
    """Name and given fields of a record in the notation ``name(field=value, …)``.

    Args:
        text: The notation.
        kinds: Frozen dataclasses by the names that a user writes.
        what: What such a record is called in messages.

    Returns:
        A key of ``kinds``, and the fields that were written, read by their types.

    Raises:
        SpecError: When the text cannot be read, or a name, a field or a value is unknown.

    Example:
        >>> from etude.training.rules import SGD
        >>> read_record("sgd(momentum=0.9, nesterov=true)", {"sgd": SGD}, "optimizer")
        ('sgd', {'momentum': 0.9, 'nesterov': True})
    """
    match = _RECORD.fullmatch(text)
    if match is None:
        name = next(iter(kinds))
        raise SpecError(f"cannot read the {what} {text!r}: write it as {name} or {name}(name=value, name=value)")
    name = match["name"].lower().replace("_", "-")
    if name not in kinds:
        raise SpecError(f"there is no {what} {match['name']!r}: {_hint(name, list(kinds))}")
    types = get_type_hints(kinds[name])
    names = [f.name for f in fields(kinds[name])]
    given: dict[str, Any] = {}
    for part in filter(None, (p.strip() for p in (match["inside"] or "").split(","))):
        key, equals, value = (p.strip() for p in part.partition("="))
        if not equals:
            raise SpecError(f"cannot read {part!r} in the {what} {text!r}: write it as name=value")
        if key not in names:
            raise SpecError(f"{name} has no {key!r}: {_hint(key, names)}")
        if key in given:
            raise SpecError(f"the {what} {text!r} gives {key!r} twice: keep one of them")
        given[key] = _value(value, types[key], f"{key} of {name}")
    return name, given


def _value(text: str, kind: Any, what: str) -> Any:
    if kind is bool:
        if text.lower() not in _WORDS:
            raise SpecError(f"{what} is true or false, got {text!r}: write one of them")
        return _WORDS[text.lower()]
    if isinstance(kind, type) and issubclass(kind, Enum):
        choices = [str(member.value) for member in kind]
        if text not in choices:
            raise SpecError(f"{what} is one of {', '.join(choices)}, got {text!r}: write one of them")
        return next(member for member in kind if str(member.value) == text)
    if kind is str:
        return text
    try:
        return int(text) if kind is int else float(text)
    except ValueError:
        raise SpecError(f"{what} is a {'whole ' * (kind is int)}number, got {text!r}: write it as in 0.9") from None


def _hint(name: str, names: list[str]) -> str:
    near = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {near[0]!r}?" if near else f"known are {', '.join(names)}"
