"""Figures: of one sweep over η (``sweep``, ``curves``), and those that compare arms, families and layers.

An arm is one contestant of a race: a schedule, an update rule, a way of warming up. In every array NaN means "no such
number": a run that diverged, a grid that another arm does not share. Every figure has these four fields:

- ``id``: unique on the page; lower-case letters, digits and hyphens;
- ``title``: its heading;
- ``caption``: what is drawn and how it was computed;
- ``summary``: what a reader who cannot see the figure should know.
"""

from etude.report.figures.bands import BandFigure, BandPanel
from etude.report.figures.curves import Curve, CurveFigure
from etude.report.figures.heat import HeatAxis, HeatFigure, HeatFrame
from etude.report.figures.lines import Line, LineFigure
from etude.report.figures.parts import MISSING, Array, Mark, Text, same_length
from etude.report.figures.race import Arm, RaceFigure
from etude.report.figures.surface import SurfaceFigure, SurfacePanel, Trajectory
from etude.report.figures.sweep import Divergence, Estimate, LrFigure, Series

__all__ = [
    "MISSING",
    "Arm",
    "Array",
    "BandFigure",
    "BandPanel",
    "Curve",
    "CurveFigure",
    "Divergence",
    "Estimate",
    "HeatAxis",
    "HeatFigure",
    "HeatFrame",
    "Line",
    "LineFigure",
    "LrFigure",
    "Mark",
    "RaceFigure",
    "Series",
    "SurfaceFigure",
    "SurfacePanel",
    "Text",
    "Trajectory",
    "same_length",
]
