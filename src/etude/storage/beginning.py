"""Where a study may begin, and whether it is the study that was meant."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from etude import __version__
from etude.core.errors import StorageError, UserError
from etude.core.record import canonical
from etude.storage.files import TEMPORARY
from etude.storage.guard import DATABASE
from etude.storage.lock import LOCK


def make_folder(folder: Path) -> None:
    """Make the folder, or see that the one there is a study, or empty but for what a killed beginning left.

    Raises:
        UserError: When it holds something else, or cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        found = sorted(path.name for path in folder.iterdir())
    except OSError as error:
        raise UserError(f"{folder} cannot be the study's folder ({error.strerror}): choose another --out") from error
    # A journal without its database is foreign too: SQLite would roll it back into the new one.
    foreign = [name for name in found if name != LOCK and not name.startswith(f"{DATABASE}{TEMPORARY}")]
    if foreign and DATABASE not in found:
        raise UserError(
            f"{folder} is not a study: it holds {foreign[0]} and no {DATABASE}; choose a new or empty folder for --out"
        )


def about(spec: Mapping[str, Any], provenance: Mapping[str, Any] | None) -> str:
    """The document that says what study this is."""
    created = datetime.now(UTC).isoformat(timespec="seconds")
    document = {"etude": __version__, "created": created, "spec": dict(spec), "provenance": dict(provenance or {})}
    return json_text("the study's options", document)


def json_text(what: str, document: Mapping[str, Any]) -> str:
    """The canonical JSON of what the caller passed.

    Raises:
        StorageError: When it is not plain JSON; NaN and infinity are not.
    """
    try:
        text = canonical(document)
        text.encode()
    except (TypeError, ValueError) as error:
        raise StorageError(f"{what} cannot be stored ({error}): use plain JSON values") from error
    return text


def differences(old: Any, new: Any, name: str = "") -> list[str]:
    """Where two JSON values differ, a phrase for each: the path, the old value, the new one."""
    if isinstance(old, dict) and isinstance(new, dict):
        keys = [*old, *(key for key in new if key not in old)]
        return [line for key in keys for line in differences(old.get(key), new.get(key), f"{name}.{key}".strip("."))]
    same = json.dumps(old, sort_keys=True) == json.dumps(new, sort_keys=True)
    return [] if same else [f"{name} was {json.dumps(old)}, now {json.dumps(new)}"]
