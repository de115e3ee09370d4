"""Frozen dataclasses as plain JSON, by import path, without pickle."""

from __future__ import annotations

import hashlib
import importlib
import json
from dataclasses import fields, is_dataclass
from typing import Any

from etude.core.errors import StorageError

_TYPE = "type"


def to_plain(value: Any) -> Any:
    """Turn nested frozen dataclasses, tuples and scalars into what JSON can hold."""
    if is_dataclass(value) and not isinstance(value, type):
        kind = type(value)
        plain: dict[str, Any] = {_TYPE: f"{kind.__module__}:{kind.__qualname__}"}
        return plain | {f.name: to_plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, tuple | list):
        return [to_plain(v) for v in value]
    return value


def from_plain(plain: Any) -> Any:
    """Rebuild what ``to_plain`` wrote; lists become tuples, as frozen records hold no lists.

    Raises:
        StorageError: When the record names anything but a dataclass of Étude: a stored study never runs foreign code.
    """
    if isinstance(plain, list):
        return tuple(from_plain(v) for v in plain)
    if isinstance(plain, dict) and _TYPE in plain:
        arguments = {name: from_plain(v) for name, v in plain.items() if name != _TYPE}
        return _dataclass_named(plain[_TYPE])(**arguments)
    return plain


def canonical(plain: Any) -> str:
    """The one JSON text of a plain value: sorted keys, no spaces, no NaN."""
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=False)


def content_hash(value: Any) -> str:
    """First 16 hexadecimal digits (64 bits) of the SHA-256 of a record's canonical JSON."""
    return hashlib.sha256(canonical(to_plain(value)).encode()).hexdigest()[:16]


def _dataclass_named(path: str) -> type[Any]:
    module, _, name = path.partition(":")
    if module.split(".")[0] == "etude" and name.isidentifier():
        try:
            kind = getattr(importlib.import_module(module), name, None)
        except ImportError:
            kind = None
        if isinstance(kind, type) and is_dataclass(kind):
            return kind
    raise StorageError(
        f"the study names an unknown record {path!r}: it was written by another version of Étude, or by something else"
    )
