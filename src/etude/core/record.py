"""Frozen dataclasses as plain JSON, by import path, without pickle."""

from __future__ import annotations

import hashlib
import importlib
import json
import math
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

from etude.core.errors import StorageError, UserError

_TYPE = "type"
_VALUE = "value"
_FLOAT = "float"
_DICT = "dict"


def to_plain(value: Any) -> Any:
    """Turn nested frozen dataclasses, enums, dicts, tuples and scalars into what JSON can hold.

    JSON has no NaN and no infinity, so those become ``{"type": "float", "value": "nan"}``; a dict of the caller that
    has a key ``"type"`` is wrapped, so that it is never taken for a record.

    Raises:
        TypeError: When a value, or a key of a dict, has no counterpart in JSON.

    Example:
        >>> to_plain({"lr": (0.1, float("inf"))})
        {'lr': [0.1, {'type': 'float', 'value': 'inf'}]}
    """
    if isinstance(value, Enum):
        return {_TYPE: _path_of(type(value)), _VALUE: to_plain(value.value)}
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {_TYPE: _FLOAT, _VALUE: repr(float(value))}
    if isinstance(value, tuple | list):
        return [to_plain(v) for v in value]
    if isinstance(value, dict):
        return _plain_dict(value)
    if is_dataclass(value) and not isinstance(value, type):
        plain = {f.name: to_plain(getattr(value, f.name)) for f in fields(value)}
        return {_TYPE: _path_of(type(value))} | plain
    raise TypeError(f"a record cannot hold {value!r} of type {type(value).__name__}: use plain Python values")


def from_plain(plain: Any) -> Any:
    """Rebuild what ``to_plain`` wrote; lists become tuples, as frozen records hold no lists.

    Raises:
        StorageError: When the record names anything but a dataclass or an enum of Étude (a stored study never runs
            foreign code), or when its fields are not those of this version.

    Example:
        >>> from_plain({"lr": [0.1, {"type": "float", "value": "inf"}]})
        {'lr': (0.1, inf)}
    """
    if isinstance(plain, list):
        return tuple(from_plain(v) for v in plain)
    if not isinstance(plain, dict):
        return plain
    if _TYPE not in plain:
        return {name: from_plain(v) for name, v in plain.items()}
    try:
        return _typed(plain[_TYPE], {name: v for name, v in plain.items() if name != _TYPE})
    except (TypeError, AttributeError, KeyError, ValueError, UserError) as error:
        raise StorageError(
            f"the study holds a {plain[_TYPE]} that this version of Étude does not accept ({error}): "
            "use the version that wrote it, or choose another --out"
        ) from error


def canonical(plain: Any) -> str:
    """The one JSON text of a plain value: sorted keys, no spaces, no NaN."""
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=False)


def content_hash(value: Any) -> str:
    """First 16 hexadecimal digits (64 bits) of the SHA-256 of a record's canonical JSON."""
    return hashlib.sha256(canonical(to_plain(value)).encode()).hexdigest()[:16]


def _plain_dict(value: dict[Any, Any]) -> dict[str, Any]:
    for name in value:
        if type(name) is not str:
            raise TypeError(f"a record cannot hold a dict with the key {name!r}: use strings as keys")
    plain = {name: to_plain(v) for name, v in value.items()}
    return {_TYPE: _DICT, _VALUE: plain} if _TYPE in plain else plain


def _typed(path: Any, rest: dict[str, Any]) -> Any:
    if path == _FLOAT:
        return float(rest[_VALUE])
    if path == _DICT:
        return {name: from_plain(v) for name, v in rest[_VALUE].items()}
    kind = _record_named(path)
    if issubclass(kind, Enum):
        return kind(from_plain(rest[_VALUE]))
    return kind(**{name: from_plain(v) for name, v in rest.items()})


def _path_of(kind: type[Any]) -> str:
    return f"{kind.__module__}:{kind.__qualname__}"


def _record_named(path: Any) -> type[Any]:
    module, _, name = path.partition(":") if isinstance(path, str) else ("", "", "")
    parts = module.split(".")
    # A leading underscore excludes etude.__main__, the one module that does something when imported.
    if parts[0] == "etude" and name.isidentifier() and not any(part.startswith("_") for part in parts):
        try:
            kind = getattr(importlib.import_module(module), name, None)
        except ImportError:
            kind = None
        if isinstance(kind, type) and (is_dataclass(kind) or issubclass(kind, Enum)):
            return kind
    raise StorageError(
        f"the study names an unknown record {path!r}: it was written by another version of Étude, or by something else"
    )
