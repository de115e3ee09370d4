"""One writer per study: a lock that the kernel releases when its process dies, however it dies."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import final

from etude.core.errors import LockedError

LOCK = "study.lock"

_held: set[int] = set()


@final
class WriterLock:
    """An exclusive ``flock`` on ``study.lock`` in the study's folder.

    The file stays when the lock is released: removing it would let two processes lock two different files of one name.

    Raises:
        LockedError: At once, when another process (or another writer in this one) holds the lock.
    """

    def __init__(self, folder: Path) -> None:
        self._fd = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = _owner(self._fd)
            os.close(self._fd)
            raise LockedError(
                f"the study in {folder} is being run by {owner}: wait for it, or choose another --out"
            ) from None
        except OSError:
            os.close(self._fd)
            raise
        _held.add(self._fd)
        started = datetime.now(UTC).isoformat(timespec="seconds")
        note = json.dumps({"process": os.getpid(), "host": socket.gethostname(), "started": started})
        try:
            os.ftruncate(self._fd, 0)
            os.pwrite(self._fd, note.encode(), 0)
        except OSError:
            self.release()
            raise

    def release(self) -> None:
        """Let the next writer in; harmless when called again."""
        if self._fd in _held:
            _held.remove(self._fd)
            os.close(self._fd)


def _owner(fd: int) -> str:
    # The owner writes its name just after it took the lock, so an empty or half-written note is read once more.
    for _ in range(5):
        try:
            note = json.loads(os.pread(fd, 4096, 0))
            return f"process {note['process']} on {note['host']} since {note['started']}"
        except (ValueError, KeyError, TypeError):
            time.sleep(0.02)
    return "another process"


def _close_in_child() -> None:
    # A forked worker shares the lock; if it outlived a killed study, it would keep the next command out.
    for fd in _held:
        os.close(fd)
    _held.clear()


os.register_at_fork(after_in_child=_close_in_child)
