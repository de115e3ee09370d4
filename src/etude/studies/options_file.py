"""The options of a study in a TOML file."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from etude.core.errors import SpecError


def read_toml(path: Path) -> dict[str, Any]:
    """The options in a TOML file.

    Raises:
        SpecError: When there is no such file or it is no TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SpecError(f"cannot read {path} ({error.strerror}): check the path given to --spec") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SpecError(f"{path} is no TOML ({error}): correct it there") from None
