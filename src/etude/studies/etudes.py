"""All the études there are."""

from __future__ import annotations

import difflib

from etude.core.errors import SpecError
from etude.studies.convergence import CONVERGENCE
from etude.studies.etude import Etude
from etude.studies.generalization import GENERALIZATION

ETUDES = (CONVERGENCE, GENERALIZATION)


def etude_named(name: str) -> Etude:
    """The étude of this name.

    Raises:
        SpecError: When there is none; names the nearest.
    """
    names = [etude.name for etude in ETUDES]
    if name not in names:
        near = difflib.get_close_matches(name, names, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(names)}"
        raise SpecError(f"there is no étude {name!r}: {hint}")
    return ETUDES[names.index(name)]
