"""What can go wrong, as a small tree.

::

    EtudeError                  exit code 1: the run stopped; what was computed is kept
    ├── UserError               exit code 2: the request cannot be carried out as given
    │   ├── SpecError           a hyperparameter, option or specification is invalid
    │   ├── DataError           the data cannot be trained on
    │   └── TaskError           the user's task cannot be loaded, or its parts do not fit together
    ├── StorageError            the study on disk cannot be read or written
    │   ├── DamagedError        stored bytes do not match their checksum
    │   └── LockedError         another process is writing this study
    ├── ExecutionError          a worker died, or a limit of the machine was met
    └── Interrupted             exit code 128 + signal: stopped by SIGTERM or Ctrl-C; can be continued

Every message is one sentence: the condition, the value that broke it, the remedy.
"""


class EtudeError(Exception):
    """Base of every error that Étude raises on purpose."""

    exit_code = 1


class UserError(EtudeError, ValueError):
    """The request cannot be carried out as given; nothing was trained."""

    exit_code = 2


class SpecError(UserError):
    """A hyperparameter, an option or a specification file is invalid."""


class DataError(UserError):
    """The data cannot be trained on: empty, not finite, of one class, truncated, of a wrong format."""


class TaskError(UserError):
    """A user's task cannot be imported, or its model, data and loss do not fit together."""


class StorageError(EtudeError):
    """The study on disk cannot be read or written."""


class DamagedError(StorageError):
    """Stored bytes do not match their checksum; the message names the part and the remedy."""


class LockedError(StorageError):
    """Another process is writing this study."""


class ExecutionError(EtudeError):
    """A worker died, or a limit of the machine was met."""


class Interrupted(EtudeError):  # noqa: N818 - it is no error of anyone
    """A signal stopped the study after its state was saved.

    Attributes:
        signal: Number of the signal.
    """

    def __init__(self, message: str, signal: int) -> None:
        super().__init__(message)
        self.signal = signal
        self.exit_code = 128 + signal
