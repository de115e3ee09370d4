"""The race of the update rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from etude.analysis.options import LossMetric
from etude.analysis.race.adaptive_findings import (
    drift_of_rates,
    spread_of_rates,
    usual_rates,
    widths_apart,
    without_tuning,
)
from etude.analysis.race.findings import apart, fair, fastest, forgiving, winner
from etude.analysis.race.reading import Race, read_race
from etude.core.errors import SpecError
from etude.core.finding import Finding
from etude.core.measure import Measure
from etude.studies.adaptive.entrants import ENTRANTS
from etude.studies.arms import Arm, Sweep, tables
from etude.studies.bases import base_run
from etude.studies.etude import Tasks
from etude.studies.spec import StudySpec
from etude.training.measures.effective import EffectiveRates

METRIC: LossMetric = "validation_loss"
"""What decides the race; several rules bring the training loss of small data close to zero."""

USUAL = {entrant.name: entrant.usual for entrant in ENTRANTS}
UNTUNED = {entrant.name: entrant.usual for entrant in ENTRANTS if entrant.untuned}
ADAPTING = tuple(entrant.name for entrant in ENTRANTS if entrant.adapts)


def arms(spec: StudySpec, tasks: Tasks, measures: tuple[Measure, ...]) -> tuple[Arm, ...]:
    """Every update rule on its own grid, or on the one that the options give to all.

    Raises:
        SpecError: When the options ask for one update rule, or for a hyperparameter that not all have.
    """
    for name in ("optimizer", "momentum", "nesterov"):
        value = getattr(spec, name)
        if value != StudySpec.model_fields[name].default:
            raise SpecError(f"adaptive runs every update rule at its defaults, got {name} = {value}: leave it out")
    (task,) = tasks.values()
    base = base_run(spec, task, measures)
    given = tuple(spec.lrs) if spec.lr is not None else None
    found = []
    for entrant in ENTRANTS:
        own = base.measures + ((EffectiveRates(),) if entrant.adapts else ())
        run = replace(base, rule=entrant.rule(spec.weight_decay), measures=own)
        found.append(Arm(entrant.name, entrant.name, run, given or entrant.lrs))
    return tuple(found)


def race_of(sweeps: Sequence[Sweep]) -> Race:
    """The sweeps as a race."""
    base = sweeps[0].arm.base
    # Each rule has a range of its own, so none is the race's.
    options = replace(sweeps[0].options, objective=METRIC, lr_range=None)
    return read_race(tables(sweeps), METRIC, options, base.steps, base.batch_size)


def find(sweeps: Sequence[Sweep]) -> list[Finding]:
    """What every race finds but the price of another's learning rate, then what only a race of update rules does."""
    race = race_of(sweeps)
    shared = [fair(race), winner(race), apart(race), fastest(race), forgiving(race)]
    own = [widths_apart(race), usual_rates(race, USUAL), without_tuning(race, UNTUNED)]
    return [*shared, *own, spread_of_rates(race, ADAPTING), drift_of_rates(race, ADAPTING)]
