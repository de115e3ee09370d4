"""What pydantic found wrong with the options, as sentences."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any, get_args

_OTHER_NAMES = {
    "learning_rate": ["lr"],
    "lrs": ["lr"],
    "wd": ["weight_decay"],
    "clip_norm": ["clip"],
    "dataset": ["data"],
}


def sentence(error: Any, options: Mapping[str, Any]) -> str:
    """One of pydantic's errors about these options (pydantic's fields by name), with the nearest valid name or value."""
    key = ".".join(str(part) for part in error["loc"] if part != "function-after")
    if error["type"] == "extra_forbidden":
        near = _OTHER_NAMES.get(key) or difflib.get_close_matches(key, options, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(options)}"
        return f"there is no option {key!r}: {hint}"
    if error["type"] == "value_error":
        return str(error["ctx"]["error"])
    message = (error["msg"][0].lower() + error["msg"][1:]).replace("input should be", "must be")
    message = message.replace("a valid tuple", "a list")
    return f"option {key!r} {message}, got {error['input']!r}{_nearest(error, options)}"


def _nearest(error: Any, options: Mapping[str, Any]) -> str:
    if error["type"] != "literal_error" or not isinstance(error["input"], str):
        return ""
    names = get_args(options[error["loc"][0]].annotation)
    near = difflib.get_close_matches(error["input"].lower(), names, n=1)
    return f": did you mean {near[0]!r}?" if near else ""
