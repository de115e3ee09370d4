"""What the étude ``gradients`` finds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from etude.analysis.gradients.depth import depth_finding, map_finding, slope_finding
from etude.analysis.gradients.remedies import remedy_finding
from etude.analysis.gradients.signals import Init
from etude.analysis.gradients.through_time import time_finding
from etude.analysis.race.findings import forgiving
from etude.analysis.table import SweepTable
from etude.core.finding import Finding
from etude.studies.arms import Sweep
from etude.studies.gradients import networks
from etude.studies.gradients.arms import deep_sweeps, map_sweeps, race_of, race_options
from etude.studies.gradients.networks import WIDTH, WITHOUT, label


def find(sweeps: Sequence[Sweep]) -> list[Finding]:
    """Theory against measurement by depth, how deep the default trains, the map, the remedies, gradients through time."""
    options = race_options(sweeps[0].options)
    deep = deep_sweeps(sweeps)
    exploding, vanishing, time = (race_of(sweeps, part) for part in ("exploding", "vanishing", "time"))
    return [
        slope_finding(deep, WIDTH, options),
        depth_finding(deep, "relu"),
        map_finding(map_sweeps(sweeps)),
        remedy_finding(exploding, "exploding", WITHOUT),
        replace(forgiving(exploding), name="exploding_basin"),
        remedy_finding(vanishing, "vanishing", WITHOUT),
        time_finding(recurrent(sweeps), options),
        remedy_finding(time, "recurrent", "default"),
    ]


def recurrent(sweeps: Sequence[Sweep]) -> dict[str, tuple[Init, SweepTable]]:
    """Recurrent networks by the label of their start, without the clipped ones, which start alike."""
    own = {sweep.arm.name: sweep.table for sweep in sweeps}
    return {
        label(remedy.init): (remedy.init, own[f"time: {name}"])
        for name, remedy in networks.THROUGH_TIME.items()
        if remedy.init is not None and not remedy.clip
    }
