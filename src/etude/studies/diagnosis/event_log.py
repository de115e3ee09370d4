"""A log of TensorBoard: scalars out of its event files, read without TensorBoard.

A file is a row of records, each ``length (8 bytes), checksum of it (4), data (length), checksum (4)``; the data is a protocol
buffer ``Event{step = 2, summary = 5{value = 1{tag = 1, simple_value = 2, tensor = 8}}}``. A record that a kill
has cut off ends the file.

Source: tensorflow/core/util/event.proto, summary.proto, tensor.proto; tensorflow/core/lib/io/record_writer.h.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from etude.core.errors import DataError
from etude.studies.diagnosis.columns import Log

PATTERN = "*events.out.tfevents.*"
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_STEP, _SUMMARY, _VALUE, _TAG, _SIMPLE, _TENSOR = 2, 5, 1, 1, 2, 8
_DTYPE, _CONTENT, _FLOATS, _DOUBLES = 1, 4, 5, 6
_FLOAT, _DOUBLE = 1, 2

Field = tuple[int, int, int | bytes]


def event_files(folder: Path) -> list[Path]:
    """Event files in a folder, in the order in which they were begun."""
    return sorted(folder.glob(PATTERN))


def read_events(paths: list[Path]) -> Log:
    """Read the scalars of event files; of several values for one step, the last.

    Raises:
        DataError: When a file is no event file, or holds no scalar.
    """
    found: dict[str, dict[int, float]] = {}
    for path in paths:
        for record in _records(path):
            try:
                for step, tag, value in _scalars(record):
                    found.setdefault(tag, {})[step] = value
            except (IndexError, struct.error, UnicodeDecodeError) as error:
                raise DataError(f"{path} holds a record that is no event: pass a log of TensorBoard") from error
    if not found:
        raise DataError(f"{paths[0].parent} holds no scalars of TensorBoard: pass the folder that was written to")
    columns = {}
    for tag, values in found.items():
        steps = sorted(values)
        columns[tag] = np.array(steps, dtype=np.float64), np.array([values[step] for step in steps])
    return Log(columns)


def _records(path: Path) -> Iterator[bytes]:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot read {path} ({error.strerror}): pass a log of TensorBoard") from None
    at = 0
    while at + 12 <= len(data):
        length, checksum = struct.unpack_from("<QI", data, at)
        if _masked_crc(data[at : at + 8]) != checksum:
            raise DataError(f"{path} is damaged or no log of TensorBoard (byte {at}): pass another, or the CSV file")
        if at + 16 + length > len(data):
            return
        yield data[at + 12 : at + 12 + length]
        at += 16 + length


def _scalars(event: bytes) -> Iterator[tuple[int, str, float]]:
    step, values = 0, []
    for number, _, content in _fields(event):
        if number == _STEP and isinstance(content, int):
            step = content
        elif number == _SUMMARY and isinstance(content, bytes):
            values += [own for field, _, own in _fields(content) if field == _VALUE and isinstance(own, bytes)]
    for own in values:
        tag, scalar = "", None
        for number, kind, content in _fields(own):
            if number == _TAG and isinstance(content, bytes):
                tag = content.decode()
            elif number == _SIMPLE and kind == _FIXED32 and isinstance(content, bytes):
                scalar = float(struct.unpack("<f", content)[0])
            elif number == _TENSOR and isinstance(content, bytes):
                scalar = _of_tensor(content)
        if tag and scalar is not None:
            yield step, tag, scalar


def _of_tensor(tensor: bytes) -> float | None:
    """The one number of a tensor of floats or doubles, ``None`` for any other."""
    dtype, numbers = 0, b""
    for number, _, content in _fields(tensor):
        if number == _DTYPE and isinstance(content, int):
            dtype = content
        elif number in (_CONTENT, _FLOATS, _DOUBLES) and isinstance(content, bytes):
            numbers = content
    code, size = {_FLOAT: ("<f", 4), _DOUBLE: ("<d", 8)}.get(dtype, ("", 0))
    return float(struct.unpack(code, numbers)[0]) if size and len(numbers) == size else None


def _fields(message: bytes) -> Iterator[Field]:
    """Number, wire type and content of each field of a protocol buffer."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        number, kind = key >> 3, key & 7
        if kind == _VARINT:
            value, at = _varint(message, at)
            yield number, kind, value
            continue
        if kind == _BYTES:
            size, at = _varint(message, at)
        else:
            size = {_FIXED64: 8, _FIXED32: 4}[kind] if kind in (_FIXED64, _FIXED32) else len(message) + 1
        if at + size > len(message):
            raise IndexError
        yield number, kind, message[at : at + size]
        at += size


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if not byte & 0x80:
            return value, at
        shift += 7


def _masked_crc(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _CRC[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    crc ^= 0xFFFFFFFF
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def _crc_table() -> list[int]:
    """CRC-32C, Castagnoli's polynomial, of every byte."""
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
        table.append(crc)
    return table


_CRC = _crc_table()
