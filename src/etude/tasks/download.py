"""Fetching the data sets that do not ship with Étude, once, and only the bytes that are meant."""

from __future__ import annotations

from pathlib import Path

from etude.core.errors import DataError
from etude.tasks.blame import summary

# SHA-256 of each file as its authors published it.
_FILES = {
    "fashion-mnist": (
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion",
        {
            "train-images-idx3-ubyte.gz": "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            "train-labels-idx1-ubyte.gz": "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            "t10k-images-idx3-ubyte.gz": "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            "t10k-labels-idx1-ubyte.gz": "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        },
    ),
    "mnist": (
        "https://ossci-datasets.s3.amazonaws.com/mnist",
        {
            "train-images-idx3-ubyte.gz": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            "train-labels-idx1-ubyte.gz": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            "t10k-images-idx3-ubyte.gz": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            "t10k-labels-idx1-ubyte.gz": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        },
    ),
}


def download(name: str) -> Path:
    """Folder in the user's cache that holds the files of ``name``, fetched where absent and checked by SHA-256.

    Raises:
        DataError: When a file cannot be fetched or is not the file that was published.
    """
    import pooch  # imported late: it is slow to import, and most studies never download

    address, files = _FILES[name]
    folder = Path(pooch.os_cache("etude")) / name
    for file, digest in files.items():
        try:
            pooch.retrieve(f"{address}/{file}", known_hash=f"sha256:{digest}", fname=file, path=folder)
        except OSError as error:
            raise DataError(
                f"{name} is not on this machine and {address}/{file} cannot be fetched "
                f"({error.strerror or type(error).__name__}): put its four IDX files into $ETUDE_DATA/{name}, pass a "
                "folder that holds them, or use the bundled digits"
            ) from error
        except ValueError as error:
            raise DataError(
                f"what {address}/{file} holds is not the published file ({summary(error)}): put the four IDX files of "
                f"{name} into $ETUDE_DATA/{name}, or pass a folder that holds them"
            ) from error
    return folder
