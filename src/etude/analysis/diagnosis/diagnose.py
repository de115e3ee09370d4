"""All rules on one run, and which verdict comes first."""

from __future__ import annotations

from etude.analysis.diagnosis.record import RunRecord
from etude.analysis.diagnosis.verdict import Confidence, Diagnosis, Fault
from etude.core.message import Message


def diagnose(run: RunRecord) -> list[Diagnosis]:
    """Say what is wrong with a run, causes before consequences; if nothing is, that is the one verdict.

    With less evidence less is said: rules that find their columns missing keep silent, and a run of which nothing about the
    learning rate can be known is ``Fault.UNDECIDED``, with the evidence that would decide.

    Args:
        run: The record.

    Returns:
        At least one verdict.
    """
    return [Diagnosis(Fault.UNDECIDED, Message("diagnosis.undecided"), Confidence.POSSIBLE)]
