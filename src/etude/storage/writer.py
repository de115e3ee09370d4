"""The study as the one process that runs it writes it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, final

from etude import __version__
from etude.core.errors import SpecError, StorageError
from etude.core.finding import Finding
from etude.core.record import canonical, to_plain
from etude.core.spec import RunSpec
from etude.core.trace import Trace
from etude.storage.beginning import about, differences, json_text, make_folder
from etude.storage.blobs import trace_row
from etude.storage.book import Book
from etude.storage.database import connect, create
from etude.storage.files import (
    CHECKPOINTS,
    WEIGHTS,
    checkpoint_path,
    read_checked,
    remove_checkpoints,
    remove_temporaries,
    same_tensors,
    weights_path,
    write_durably,
)
from etude.storage.guard import DATABASE, storage_errors
from etude.storage.lock import WriterLock
from etude.storage.reader import PLAN, STUDY, StudyReader
from etude.storage.rows import (
    DOCUMENTS,
    FILES,
    FINDINGS,
    RUNS,
    TRACES,
    Key,
    Row,
)

_CHECKPOINTS_KEPT = 2
_NOT_DETERMINISTIC = (
    "the computation is not deterministic: choose another --out, and run on one machine with the same versions"
)


@final
class StudyWriter:
    """Writes a study; when a method returns, what it was given survives a kill and a power cut. A context manager.

    Attributes:
        reader: Reads the same study.
        warnings: What was found damaged and is computed again, in words.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as out:
        ...     with StudyWriter.create_or_open(Path(out), {"seeds": 5}) as writer:
        ...         writer.put_plan("engine", {"engine": "stack"})
        ...     with StudyReader.open(Path(out)) as reader:
        ...         reader.info().spec, reader.plan("engine"), reader.traces()
        ({'seeds': 5}, {'engine': 'stack'}, {})
    """

    def __init__(self, folder: Path, lock: WriterLock, connection: sqlite3.Connection) -> None:
        self.folder = folder
        self.reader = StudyReader(folder, connection)
        self.warnings: list[str] = []
        self._lock = lock
        self._book = Book(folder, connection, self.warnings)

    @classmethod
    def create_or_open(cls, folder: Path, spec: Mapping[str, Any], provenance: Mapping[str, Any] | None = None) -> Self:
        """Begin a study in a new or empty folder, or go on with the one that is there.

        Args:
            folder: The study's folder; made when it is missing.
            spec: The study's options, plain JSON; when the study is there already they must be the same.
            provenance: On what the study is begun, plain JSON; kept from the first time.

        Raises:
            UserError: When the folder holds something else, or cannot be made.
            LockedError: When another process is writing the study.
            SpecError: When the study there was begun with other options; names them.
            DamagedError: When it is damaged beyond what can be computed again.
            StorageError: When another version wrote it, or the disk is full or failing.
        """
        make_folder(folder)
        with storage_errors(folder):
            lock = WriterLock(folder)
            try:
                remove_temporaries(folder)
                if not (folder / DATABASE).exists():
                    create(folder, [(DOCUMENTS, (STUDY, about(spec, provenance)))])
                connection = connect(folder, writing=True)
                try:
                    writer = cls(folder, lock, connection)
                    writer._check_study(json.loads(json_text("the study's options", spec)))
                except BaseException:
                    connection.close()
                    raise
            except BaseException:
                lock.release()
                raise
        return writer

    def close(self) -> None:
        """Let the next writer in."""
        self.reader.close()
        self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def put_plan(self, name: str, plan: Mapping[str, Any]) -> None:
        """Store a JSON document that never changes again, such as how runs are shared among workers.

        Raises:
            StorageError: When another plan is stored under this name.
        """
        row = (PLAN + name, json_text(f"the plan {name!r}", plan))
        self._book.put_once(
            DOCUMENTS, [row], "it is stored with other content, and a plan never changes; choose another --out"
        )

    def add_runs(self, specs: Sequence[RunSpec]) -> None:
        """Add runs; those that are there already stay where they are."""
        known = self._book.index(RUNS)
        new = {spec.hash: spec for spec in specs if (spec.hash,) not in known}
        rows = [(run, len(known) + i, canonical(to_plain(spec))) for i, (run, spec) in enumerate(new.items())]
        self._book.commit((RUNS, RUNS.key(row), row) for row in rows)

    def put_traces(self, traces: Sequence[Trace]) -> None:
        """Store finished runs, all or none of them. Storing a trace again is harmless.

        Raises:
            StorageError: When another trace of the same run is stored: the computation was not deterministic.
        """
        self._book.put_once(
            TRACES,
            [trace_row(trace) for trace in traces],
            f"it was computed before with another result, so {_NOT_DETERMINISTIC}",
        )

    def put_findings(self, findings: Sequence[Finding]) -> None:
        """Store the findings in place of those stored before."""
        new = {(i,): (i, canonical(to_plain(finding))) for i, finding in enumerate(findings)}
        old = self._book.index(FINDINGS)
        self._book.commit((FINDINGS, key, new.get(key)) for key in {**old, **new})

    def put_checkpoint(self, key: str, step: int, checkpoint: bytes) -> None:
        """Store how far the runs of ``key`` have come, and forget all but the newest two.

        Args:
            key: Names the runs that are trained together.
            step: Steps made so far.
            checkpoint: The bytes of a safetensors file.
        """
        path = checkpoint_path(self.folder, key, step)
        steps = {*self._checkpoint_steps(key), step}
        # A file in the place of one that is stored would look damaged if we were killed before its row is replaced.
        self._book.commit([(FILES, (CHECKPOINTS, key, step), None)])
        with storage_errors(self.folder):
            sha256 = write_durably(path, checkpoint)
        kept = set(sorted(steps)[-_CHECKPOINTS_KEPT:]) | {step}
        rows: dict[Key, Row | None] = {(CHECKPOINTS, key, old): None for old in steps - kept}
        rows[CHECKPOINTS, key, step] = (CHECKPOINTS, key, step, len(checkpoint), sha256)
        self._book.commit((FILES, at, row) for at, row in rows.items())
        with storage_errors(self.folder):
            remove_checkpoints(self.folder, key, kept)

    def latest_checkpoint(self, key: str) -> bytes | None:
        """The newest sound checkpoint of ``key``; damaged ones are forgotten, with a line in ``warnings``."""
        stored = {row[2]: row[4] for row in self.reader.files() if row[:2] == (CHECKPOINTS, key)}
        for step in sorted(stored, reverse=True):
            path = checkpoint_path(self.folder, key, step)
            with storage_errors(self.folder):
                data = read_checked(path, stored[step])
            if data is not None:
                return data
            self._book.commit([(FILES, (CHECKPOINTS, key, step), None)])
            older = "an older checkpoint is used" if min(stored) < step else "its runs start again"
            self.warnings.append(f"{path} is missing or does not match its checksum: {older}")
        return None

    def drop_checkpoints(self, key: str) -> None:
        """Forget the checkpoints of runs that are finished."""
        self._book.commit([(FILES, (CHECKPOINTS, key, step), None) for step in self._checkpoint_steps(key)])
        with storage_errors(self.folder):
            remove_checkpoints(self.folder, key, set())

    def put_weights(self, key: str, data: bytes) -> None:
        """Store final weights, a safetensors file. Storing the same tensors again is harmless.

        Raises:
            StorageError: When other weights are stored under this key: the computation was not deterministic.
        """
        path = weights_path(self.folder, key)
        if (WEIGHTS, key, 0) in self._book.index(FILES):
            if not same_tensors(self.reader.weights(key), data):
                raise StorageError(
                    f"the weights {key!r} in {self.folder} were computed before with another result, so {_NOT_DETERMINISTIC}"
                )
            return
        with storage_errors(self.folder):
            sha256 = write_durably(path, data)
        self._book.commit([(FILES, (WEIGHTS, key, 0), (WEIGHTS, key, 0, len(data), sha256))])

    def _checkpoint_steps(self, key: str) -> list[int]:
        return [step for place, owner, step in self._book.index(FILES) if (place, owner) == (CHECKPOINTS, key)]

    def _check_study(self, spec: dict[str, Any]) -> None:
        info = self.reader.info()
        changed = differences(info.spec, spec)
        if changed:
            raise SpecError(
                f"the study in {self.folder} was begun with other options ({'; '.join(changed)}): "
                "choose another --out, or give the same options to go on with it"
            )
        if info.etude != __version__:
            self.warnings.append(f"the study was begun with Étude {info.etude} and goes on with {__version__}")
