"""The study as others read it: every answer is checked against its checksums before it is given."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar, final

from etude.core.errors import StorageError, UserError
from etude.core.finding import Finding
from etude.core.record import from_plain
from etude.core.spec import RunSpec
from etude.core.trace import Trace
from etude.storage.blobs import row_trace
from etude.storage.database import checked_rows, connect, snapshot
from etude.storage.files import WEIGHTS, file_holds, file_path, read_checked, weights_path
from etude.storage.guard import DATABASE, malformed, recomputable, storage_errors
from etude.storage.rows import DOCUMENTS, FILES, FINDINGS, RUNS, TABLES, TRACES, Row, Table

STUDY = "study"
PLAN = "plan/"

RecordT = TypeVar("RecordT")


@dataclass(frozen=True)
class StudyInfo:
    """What a study is.

    Attributes:
        etude: Version of Étude that began it.
        created: When, in ISO 8601, UTC.
        spec: The study's options, plain JSON.
        provenance: On what it was begun, plain JSON: machine, versions of libraries, command.
    """

    etude: str
    created: str
    spec: dict[str, Any]
    provenance: dict[str, Any]


@final
class StudyReader:
    """Reads a study, without a lock, also while it is being written. A context manager.

    Every method reads one consistent state, and raises ``DamagedError`` when a row, the ledger or a file does not
    match its checksum.
    """

    def __init__(self, folder: Path, connection: sqlite3.Connection) -> None:
        self.folder = folder
        self._connection = connection

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Open the study in ``folder`` and verify all of it.

        Raises:
            UserError: When the folder is not a study.
            StorageError: When another version wrote it, or it cannot be read.
            DamagedError: When anything in it is damaged.
        """
        with storage_errors(folder):
            there = (folder / DATABASE).is_file()
        if not there:
            raise UserError(f"{folder} is not a study: it holds no {DATABASE}; pass the folder that --out named")
        reader = cls(folder, connect(folder, writing=False))
        try:
            reader.verify()
        except BaseException:
            reader.close()
            raise
        return reader

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def info(self) -> StudyInfo:
        """What the study is."""
        document = self._document(STUDY)
        if document is None:
            raise malformed(self.folder, "it does not say what study it is")
        return StudyInfo(**document)

    def plan(self, name: str) -> dict[str, Any] | None:
        """The plan stored under ``name``, or ``None``."""
        return self._document(PLAN + name)

    def specs(self) -> list[RunSpec]:
        """The runs, in the order in which they were added."""
        return [_decode(RunSpec, text) for _, _, text in sorted(self._rows(RUNS), key=lambda row: int(row[1]))]

    def traces(self) -> dict[str, Trace]:
        """The traces stored so far, by the content hash of their run; arrays are read-only."""
        return {row[0]: row_trace(row) for row in self._rows(TRACES)}

    def findings(self) -> list[Finding]:
        """The findings, in the order in which they were stored."""
        return [_decode(Finding, text) for _, text in sorted(self._rows(FINDINGS))]

    def weights_keys(self) -> list[str]:
        """The keys under which final weights are stored."""
        return [key for folder, key, *_ in self._rows(FILES) if folder == WEIGHTS]

    def weights(self, key: str) -> bytes:
        """Final weights stored under ``key``, as safetensors.

        Raises:
            StorageError: When none are stored.
            DamagedError: When the file is missing or does not match its checksum.
        """
        for row in self._rows(FILES):
            if row[:2] == (WEIGHTS, key):
                with storage_errors(self.folder):
                    data = read_checked(weights_path(self.folder, key), row[4])
                if data is None:
                    raise recomputable(self.folder, f"{weights_path(self.folder, key)} is missing or altered")
                return data
        raise StorageError(f"{self.folder} holds no weights {key!r}: finish the study first")

    def files(self) -> list[Row]:
        """Rows (folder, key, step, bytes, sha256) of the checkpoints and weights that are stored."""
        return self._rows(FILES)

    def verify(self) -> None:
        """Check everything that is stored: structure, rows, ledger, files.

        Raises:
            DamagedError: Naming what is damaged, and the remedy.
        """
        with snapshot(self._connection, self.folder):
            for table in TABLES:
                for _ in checked_rows(self._connection, self.folder, table):
                    pass
        for row in self.files():
            # A writer may replace checkpoints while they are read; then the row of the missing one has gone too.
            with storage_errors(self.folder):
                holds = file_holds(self.folder, row)
            if not holds and row in self.files():
                raise recomputable(self.folder, f"{file_path(self.folder, row)} is missing or altered")

    def _rows(self, table: Table) -> list[Row]:
        with snapshot(self._connection, self.folder):
            return [row for row, _ in checked_rows(self._connection, self.folder, table)]

    def _document(self, name: str) -> dict[str, Any] | None:
        for stored, text in self._rows(DOCUMENTS):
            if stored == name:
                document: dict[str, Any] = json.loads(text)
                return document
        return None


def _decode(kind: type[RecordT], text: str) -> RecordT:
    record = from_plain(json.loads(text))
    if not isinstance(record, kind):
        raise StorageError(f"the study holds {record!r} where a {kind.__name__} belongs: use the Étude that wrote it")
    return record
