"""What a path holds that can be diagnosed."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

from etude.core.errors import UserError
from etude.storage.guard import DATABASE, storage_errors
from etude.storage.recording import is_recording
from etude.studies.diagnosis.columns import Facts, observed
from etude.studies.diagnosis.csv_log import read_csv
from etude.studies.diagnosis.event_log import event_files, read_events
from etude.studies.diagnosis.observed import Observed
from etude.studies.diagnosis.recorded import read_recorded


def read_training(path: Path, facts: Facts) -> Observed:
    """Read a monitor's folder, a log of TensorBoard (its folder or file), or a CSV file.

    Raises:
        UserError: When there is nothing to be diagnosed, or a recording is given facts that it holds itself.
    """
    with storage_errors(path):
        there = path.exists()
    if not there:
        raise UserError(f"{path} does not exist: pass a monitor's folder, a CSV file, or a log of TensorBoard")
    if is_recording(path):
        given = [f.name for f in fields(facts) if getattr(facts, f.name) is not None]
        if given:
            raise UserError(f"{path} is a monitor's recording, which holds its own facts: leave out {', '.join(given)}")
        return read_recorded(path)
    if (path / DATABASE).exists():
        raise UserError(f"{path} is a study, which has an answer of its own: use etude show {path}")
    if path.is_dir():
        files = event_files(path)
        if not files:
            raise UserError(
                f"{path} holds neither a recording nor a log of TensorBoard: pass the folder that was written to"
            )
        return observed(read_events(files), path, facts)
    if "tfevents" in path.name:
        return observed(read_events([path]), path, facts)
    return observed(read_csv(path), path, facts)
