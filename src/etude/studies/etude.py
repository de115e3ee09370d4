"""What an étude is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from etude.analysis.options import SweepOptions
from etude.analysis.table import SweepTable
from etude.core.finding import Finding
from etude.core.message import Message
from etude.report.page import Page
from etude.studies.stored import StoredStudy


@dataclass(frozen=True)
class Etude:
    """A named study: one question, the runs that answer it, the findings, the page.

    Attributes:
        name: On the command line.
        question: What it asks.
        measures: Further measures that its runs take at their end.
        find: From the sweep to the findings.
        lay_out: From the stored study to its page.
    """

    name: str
    question: Message
    measures: tuple[str, ...]
    find: Callable[[SweepTable, SweepOptions], list[Finding]]
    lay_out: Callable[[StoredStudy], Page]
