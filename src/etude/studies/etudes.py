"""All the études there are."""

from __future__ import annotations

import difflib

from etude.core.errors import SpecError
from etude.studies.adaptive.etude import ADAPTIVE
from etude.studies.clinic.etude import CLINIC
from etude.studies.convergence import CONVERGENCE
from etude.studies.decay.etude import DECAY
from etude.studies.descent.etude import DESCENT
from etude.studies.etude import Etude
from etude.studies.find.etude import FIND
from etude.studies.generalization import GENERALIZATION
from etude.studies.gradients.etude import GRADIENTS
from etude.studies.precision import with_precision
from etude.studies.second_axis import with_second_axis
from etude.studies.spec import StudySpec
from etude.studies.updates.etude import UPDATES
from etude.studies.warmup.etude import WARMUP

ETUDES = (DESCENT, CONVERGENCE, GENERALIZATION, DECAY, ADAPTIVE, WARMUP, UPDATES, GRADIENTS, FIND, CLINIC)


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


def etude_of(spec: StudySpec) -> Etude:
    """The étude that the options name, over their second axis if they have one, to their precision if they ask for one.

    Raises:
        SpecError: When it takes no second axis, or no precision.
    """
    return with_precision(with_second_axis(etude_named(spec.etude), spec), spec)
