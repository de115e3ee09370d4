"""Files beside the database: written beside, fsynced, renamed, and found again by checksum."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import uuid
from pathlib import Path

from etude.core.errors import StorageError
from etude.storage.rows import Row

CHECKPOINTS = "checkpoints"
WEIGHTS = "weights"
TEMPORARY = ".etude-tmp"

_KEY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,119}")
_CHUNK = 1 << 20


def checkpoint_path(folder: Path, key: str, step: int) -> Path:
    """Where the checkpoint of ``key`` at ``step`` lies."""
    return folder / CHECKPOINTS / f"{checked_key(key)}-{step}.safetensors"


def weights_path(folder: Path, key: str) -> Path:
    """Where the final weights of ``key`` lie."""
    return folder / WEIGHTS / f"{checked_key(key)}.safetensors"


def checked_key(key: str) -> str:
    """The key, once it is known to be a plain file name.

    Raises:
        StorageError: When it is not: it could lead out of the study's folder.
    """
    if not _KEY.fullmatch(key):
        raise StorageError(f"needs a key of at most 120 letters, digits and ._-, got {key!r}: choose another key")
    return key


def write_durably(path: Path, data: bytes) -> str:
    """Put ``data`` at ``path`` so that a crash leaves the old file or the new one, never a part; its SHA-256 in hexadecimal."""
    path.parent.mkdir(exist_ok=True)
    beside = path.with_name(f"{path.name}.{uuid.uuid4().hex}{TEMPORARY}")
    try:
        with beside.open("xb") as stream:
            stream.write(data)
        move_durably(beside, path)
    except OSError:
        beside.unlink(missing_ok=True)
        raise
    return hashlib.sha256(data).hexdigest()


def move_durably(source: Path, path: Path) -> None:
    """Rename a finished file to ``path`` on the same disk, its bytes on the disk before its name is."""
    path.parent.mkdir(exist_ok=True)
    descriptor = os.open(source, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    source.replace(path)
    sync_folder(path.parent)
    sync_folder(path.parent.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def file_sha256(path: Path) -> tuple[str, int]:
    """SHA-256 (hexadecimal) and size [bytes] of a file."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
    return digest.hexdigest(), size


def file_path(folder: Path, row: Row) -> Path:
    """Where the file lies that a row of the table of files is about."""
    place, key, step, *_ = row
    return checkpoint_path(folder, key, step) if place == CHECKPOINTS else weights_path(folder, key)


def file_holds(folder: Path, row: Row) -> bool:
    """Whether the file of a row is there, with the size and checksum that the row states."""
    *_, size, sha256 = row
    try:
        return file_sha256(file_path(folder, row)) == (sha256, size)
    except FileNotFoundError:
        return False


def read_checked(path: Path, sha256: str) -> bytes | None:
    """The bytes of a file, or ``None`` when it is missing or does not match its checksum."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    return data if hashlib.sha256(data).hexdigest() == sha256 else None


def same_tensors(one: bytes, other: bytes) -> bool:
    """Whether two safetensors files hold the same, whatever the order in their headers.

    The format's writer puts metadata in the order of a randomly seeded hash map, so equal content may differ in bytes.
    """
    return one == other or _header_and_data(one) == _header_and_data(other)


def remove_temporaries(folder: Path) -> None:
    """Remove what a killed writer was still writing; nothing else is touched."""
    for place in (folder, folder / CHECKPOINTS, folder / WEIGHTS):
        for leftover in place.glob(f"*{TEMPORARY}*"):
            if leftover.name.endswith((TEMPORARY, f"{TEMPORARY}-journal")) and leftover.is_file():
                leftover.unlink(missing_ok=True)


def remove_checkpoints(folder: Path, key: str, keep: set[int]) -> None:
    """Remove the files of ``key`` but those at the steps to keep; also those a killed writer never acknowledged."""
    pattern = re.compile(re.escape(checked_key(key)) + r"-(\d+)\.safetensors")
    for path in (folder / CHECKPOINTS).glob("*.safetensors"):
        match = pattern.fullmatch(path.name)
        if match and int(match[1]) not in keep:
            path.unlink(missing_ok=True)


def free_bytes(folder: Path) -> int:
    """Space left [bytes] on the disk that holds ``folder``, or will hold it once it is made."""
    folder = folder.absolute()
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def _header_and_data(blob: bytes) -> tuple[object, bytes]:
    end = 8 + int.from_bytes(blob[:8], "little")
    try:
        return json.loads(blob[8:end]), blob[end:]
    except ValueError:
        return blob[:end], blob[end:]
