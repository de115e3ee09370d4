"""The built-in data sets: images with class labels.

``digits``: 1797 scanned digits of 8×8 pixels, E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits"
(test part), UCI Machine Learning Repository, 1998, https://doi.org/10.24432/C50P49, licence CC BY 4.0.
Ships with Étude.

``fashion-mnist``: 70 000 pictures of clothing of 28×28 pixels, H. Xiao, K. Rasul and R. Vollgraf (2017), licence MIT.

``mnist``: 70 000 handwritten digits of 28×28 pixels, Y. LeCun, C. Cortes and C. Burges (1998), licence CC BY-SA 3.0.
"""

from __future__ import annotations

import difflib
import os
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from etude.core.errors import DataError, SpecError
from etude.tasks.download import download
from etude.tasks.idx import read_idx
from etude.tasks.order import FIXED, permutation

NAMES = ("digits", "fashion-mnist", "mnist")
DATA_VARIABLE = "ETUDE_DATA"
DIGITS_VALIDATION = 360
_SYSTEM_FOLDER = Path("/usr/share/datasets")

Part = Literal["train", "t10k"]


@dataclass(frozen=True)
class Images:
    """Labelled square images of one channel, standardized.

    Attributes:
        train: Inputs (N, 1, S, S) float32 and targets (N,) int64.
        validation: The same, held out.
        classes: Number of classes, the largest label plus one.
    """

    train: tuple[Tensor, Tensor]
    validation: tuple[Tensor, Tensor]
    classes: int

    @property
    def side(self) -> int:
        """S, the height and width of an image [pixels]."""
        return self.train[0].shape[-1]


def load_images(data: str) -> Images:
    """Load a built-in data set, or a folder with the four IDX files that MNIST has, compressed or not.

    Every pixel x becomes (x − μ)/σ, with μ and σ the mean and standard deviation over all pixels of all training images.
    ``fashion-mnist`` and ``mnist`` come from ``$ETUDE_DATA/NAME``, from Debian's package, or are downloaded once.

    Args:
        data: ``"digits"``, ``"fashion-mnist"``, ``"mnist"`` or a folder.

    Raises:
        SpecError: When ``data`` is neither a known name nor a folder.
        DataError: When files are missing, damaged, do not belong together, or cannot be downloaded.

    Example:
        >>> digits = load_images("digits")
        >>> tuple(digits.train[0].shape), len(digits.validation[1]), digits.classes
        ((1437, 1, 8, 8), 360, 10)
    """
    if data == "digits":
        return _digits()
    folder = _folder(data)
    return _standardized(_part(folder, "train"), _part(folder, "t10k"))


def _digits() -> Images:
    with resources.as_file(resources.files("etude.tasks") / "digits.npz") as path, np.load(path) as stored:
        pixels, labels = stored["pixels"], stored["labels"]
    order = permutation(len(labels), FIXED, 0).numpy()
    held_out, kept = order[:DIGITS_VALIDATION], order[DIGITS_VALIDATION:]
    return _standardized((pixels[kept], labels[kept]), (pixels[held_out], labels[held_out]))


def _folder(data: str) -> Path:
    if data not in NAMES:
        if Path(data).is_dir():
            return Path(data)
        near = difflib.get_close_matches(data, NAMES, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise SpecError(f"unknown data {data!r}: {hint}It must be one of {', '.join(NAMES)}, or an existing folder")
    places = [_SYSTEM_FOLDER / data]
    if os.environ.get(DATA_VARIABLE):
        places.insert(0, Path(os.environ[DATA_VARIABLE]) / data)
    return next((place for place in places if place.is_dir()), None) or download(data)


def _part(folder: Path, part: Part) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    images, labels = _file(folder, f"{part}-images-idx3-ubyte"), _file(folder, f"{part}-labels-idx1-ubyte")
    pixels, classes = read_idx(images), read_idx(labels)
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[1] != pixels.shape[2]:
        raise DataError(f"{images} must hold square images of bytes, got {_shown(pixels)}: is it the images file?")
    if classes.dtype != np.uint8 or classes.ndim != 1:
        raise DataError(f"{labels} must hold one byte per image, got {_shown(classes)}: is it the labels file?")
    if len(pixels) != len(classes):
        raise DataError(
            f"{images} has {len(pixels)} images but {labels.name} has {len(classes)} labels: fetch both again"
        )
    if pixels.size == 0:
        raise DataError(f"{images} is empty: it needs at least one image")
    return pixels, classes


def _file(folder: Path, name: str) -> Path:
    for candidate in (folder / name, folder / f"{name}.gz"):
        if candidate.is_file():
            return candidate
    raise DataError(
        f"{folder} has neither {name} nor {name}.gz: a data folder holds the four IDX files named as MNIST's"
    )


def _shown(values: NDArray[Any]) -> str:
    return f"{values.dtype} of shape {values.shape}"


def _standardized(
    train: tuple[NDArray[np.uint8], NDArray[np.uint8]], validation: tuple[NDArray[np.uint8], NDArray[np.uint8]]
) -> Images:
    if train[0].shape[1:] != validation[0].shape[1:]:
        raise DataError(
            f"training images are {train[0].shape[1:]} pixels but validation images {validation[0].shape[1:]}: "
            "they must have one size"
        )
    values = np.arange(256, dtype=np.float64)
    share = np.bincount(train[0].reshape(-1), minlength=256) / train[0].size
    mean = float(share @ values)
    deviation = float(np.sqrt(share @ (values - mean) ** 2))
    if deviation == 0.0:
        raise DataError(f"all pixels of the training images are {mean:.0f}: there is nothing to learn from them")
    table = ((values - mean) / deviation).astype(np.float32)

    def tensors(part: tuple[NDArray[np.uint8], NDArray[np.uint8]]) -> tuple[Tensor, Tensor]:
        return torch.from_numpy(table[part[0]]).unsqueeze(1), torch.from_numpy(part[1].astype(np.int64))

    return Images(tensors(train), tensors(validation), int(max(train[1].max(), validation[1].max())) + 1)
