"""A sweep read once, for all its findings and figures."""

from __future__ import annotations

from dataclasses import dataclass

from etude.analysis.basin import Basin, find_basin
from etude.analysis.edge import Edge, find_edge
from etude.analysis.evidence import Evidence, weigh
from etude.analysis.optimum import Optimum, find_optimum
from etude.analysis.options import SweepOptions
from etude.analysis.recommend import Recommendation, recommend
from etude.analysis.table import SweepTable
from etude.core.errors import SpecError


@dataclass(frozen=True, eq=False)
class SweepReading:
    """The answers about one final loss; where ``evidence`` objects they are numbers without meaning."""

    metric: str
    optimum: Optimum
    basin: Basin
    edge: Edge
    evidence: Evidence
    recommendation: Recommendation


def read_sweep(table: SweepTable, metric: str, options: SweepOptions) -> SweepReading:
    """Locate best, basin and edge for a final loss, weigh the evidence, and recommend a learning rate or refuse.

    Raises:
        SpecError: When runs completed without this loss being measured.
    """
    if not table.has(metric) and (table.ran & ~table.diverged).any():
        raise SpecError(f"no run measured {metric!r} at its end: choose an objective that was measured")
    optimum = find_optimum(table, metric, options)
    basin = find_basin(table, metric, options)
    edge = find_edge(table, options)
    evidence = weigh(table, optimum, options)
    recommendation = recommend(table, optimum, basin, edge, evidence, options)
    return SweepReading(metric, optimum, basin, edge, evidence, recommendation)
