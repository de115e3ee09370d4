"""Rows and ledger changed together, by the one process that may change them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import final

from etude.core.errors import StorageError
from etude.storage.database import transaction
from etude.storage.repair import Index, verified_index
from etude.storage.rows import Key, Row, Table, delete_row, insert_row, row_digest, write_ledger

Change = tuple[Table, Key, Row | None]


@final
class Book:
    """The writer's account of what is stored: the digest of every row, by table and key.

    Args:
        folder: The study's folder.
        connection: Open for writing; its owner closes it.
        warnings: Where to say what was found damaged and dropped.
    """

    def __init__(self, folder: Path, connection: sqlite3.Connection, warnings: list[str]) -> None:
        self._folder = folder
        self._connection = connection
        self._warnings = warnings
        self._known: dict[str, Index] | None = None
        self._all()

    def index(self, table: Table) -> Index:
        """Digests of the rows of a table."""
        return self._all()[table.name]

    def put_once(self, table: Table, rows: Sequence[Row], otherwise: str) -> None:
        """Store rows that never change again, all or none; those that are there already are left.

        Raises:
            StorageError: When another row of the same key is stored; ``otherwise`` says what that means.
        """
        stored = self.index(table)
        new: dict[Key, Row] = {}
        for row in rows:
            key, digest = table.key(row), row_digest(table, row)
            before = stored[key] if key in stored else row_digest(table, new.setdefault(key, row))
            if before != digest:
                raise StorageError(f"{table.label(row)} cannot be stored in {self._folder}: {otherwise}")
        self.commit((table, key, row) for key, row in new.items())

    def commit(self, changes: Iterable[Change]) -> None:
        """Set the rows of the given keys (``None``: remove them) and the ledger, in one transaction."""
        index = {name: dict(digests) for name, digests in self._all().items()}
        touched: dict[str, Table] = {}
        # An interrupt may fall just before or just after the commit; until this is over, only the disk knows.
        self._known = None
        with transaction(self._connection, self._folder):
            for table, key, row in changes:
                digests = index[table.name]
                if digests.pop(key, None) is not None:
                    delete_row(self._connection, table, key)
                    touched[table.name] = table
                if row is not None:
                    digests[key] = row_digest(table, row)
                    insert_row(self._connection, table, row, digests[key])
                    touched[table.name] = table
            for name, table in touched.items():
                write_ledger(self._connection, table, index[name].values())
        self._known = index

    def _all(self) -> dict[str, Index]:
        if self._known is None:
            self._known, damaged = verified_index(self._connection, self._folder)
            self._warnings += damaged
        return self._known
