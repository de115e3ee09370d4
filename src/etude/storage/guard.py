"""What SQLite and the operating system report, said in Étude's words."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from etude.core.errors import DamagedError, StorageError

DATABASE = "study.db"

_FULL = {errno.ENOSPC, errno.EDQUOT}
_UNREACHABLE = {
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_AUTH,
    sqlite3.SQLITE_NOLFS,
}
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL}
_MISUSE = (sqlite3.ProgrammingError, sqlite3.InterfaceError, sqlite3.NotSupportedError)


@contextmanager
def storage_errors(folder: Path) -> Iterator[None]:
    """Turn what goes wrong inside into a ``StorageError`` that names the folder and the remedy.

    Raises:
        DamagedError: When SQLite finds the database malformed.
        StorageError: When the disk is full, not writable or failing, or the database stays busy.
    """
    try:
        yield
    except _MISUSE:
        raise
    except sqlite3.Error as error:
        raise _from_sqlite(error, folder) from error
    except UnicodeDecodeError as error:
        # SQLite quotes a damaged schema in its message, and Python then fails to decode the message.
        raise malformed(folder, "its text is not UTF-8") from error
    except OSError as error:
        raise _from_system(error, folder) from error


def malformed(folder: Path, what: str) -> DamagedError:
    """The error for damage that computing again cannot mend."""
    return DamagedError(
        f"{folder / DATABASE} is damaged ({what}): restore {folder} from a copy, or start again with another --out"
    )


def recomputable(folder: Path, what: str) -> DamagedError:
    """The error for damage that a writer mends by computing the part again."""
    return DamagedError(f"{folder} is damaged ({what}): run the same command again, and that part is computed anew")


def _from_sqlite(error: sqlite3.Error, folder: Path) -> StorageError:
    code = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
    if code == sqlite3.SQLITE_FULL:
        return _no_space(folder)
    if code in _BUSY:
        return StorageError(f"{folder / DATABASE} is kept busy by another process: wait for it and try again")
    if code == sqlite3.SQLITE_READONLY and os.access(folder / DATABASE, os.W_OK):
        return malformed(folder, "its header says that it is read-only")
    if code in _UNREACHABLE:
        return StorageError(f"cannot read or write {folder / DATABASE} ({error}): check the disk and its permissions")
    return malformed(folder, str(error))


def _from_system(error: OSError, folder: Path) -> StorageError:
    if error.errno in _FULL:
        return _no_space(folder)
    name = error.filename or folder
    return StorageError(f"cannot read or write {name} ({error.strerror}): check the disk and its permissions")


def _no_space(folder: Path) -> StorageError:
    return StorageError(
        f"no space left on {folder}'s disk: free some and run the same command again; nothing stored before is lost"
    )
