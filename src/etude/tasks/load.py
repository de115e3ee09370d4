"""A user's own task, from a file."""

from __future__ import annotations

import difflib
import hashlib
import importlib.util
import sys
import traceback
from pathlib import Path
from types import ModuleType

from etude.core.errors import TaskError, UserError
from etude.tasks.blame import summary
from etude.tasks.task import Task


def load_task(reference: str) -> Task:
    """Call FUNCTION of FILE.py, without arguments, and take the ``Task`` that it returns.

    As when Python runs the file as a script, modules beside it can be imported.

    Args:
        reference: ``"FILE.py:FUNCTION"``.

    Raises:
        TaskError: When there is no such file or function, either of them fails, or it returns anything but a ``Task``.
        DataError: When the data that it makes its task of cannot be trained on.
    """
    file, separator, name = reference.rpartition(":")
    if not separator or not file or not name.isidentifier():
        raise TaskError(f"a task is given as FILE.py:FUNCTION, got {reference!r}: write for example my_task.py:task")
    path = Path(file)
    if not path.is_file():
        raise TaskError(f"there is no file {file}: check the path, relative to {Path.cwd()}")
    if path.suffix != ".py":
        raise TaskError(f"a task file is a Python file, got {file}: it must end in .py")
    function = getattr(_module(path.resolve(), file), name, None)
    if not callable(function):
        raise TaskError(_no_function(path, file, name, function))
    try:
        task = function()
    except UserError:
        raise
    except (Exception, SystemExit) as error:
        raise TaskError(f"{name}() of {file} failed{_place(error, path)} ({summary(error)}): correct it") from error
    if not isinstance(task, Task):
        raise TaskError(f"{name}() of {file} must return an etude Task, got {type(task).__name__}: return Task(...)")
    return task


def _module(path: Path, shown: str) -> ModuleType:
    # Under its own name a file called torch.py, or one imported twice from two folders, would hide another module.
    name = f"_etude_task_{hashlib.sha256(str(path).encode()).hexdigest()[:16]}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    if str(path.parent) not in sys.path:
        sys.path.insert(0, str(path.parent))
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise TaskError(f"{shown} cannot be imported{_place(error, path)} ({summary(error)}): correct it") from error
    return module


def _no_function(path: Path, file: str, name: str, found: object) -> str:
    if found is not None:
        return (
            f"{name} in {file} is of type {type(found).__name__}, not a function: name a function that returns a Task"
        )
    module = sys.modules[f"_etude_task_{hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:16]}"]
    functions = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
    near = difflib.get_close_matches(name, functions, n=1)
    remedy = f"did you mean {near[0]}?" if near else f"it has {', '.join(functions) or 'none'}"
    return f"{file} has no function {name}: {remedy}"


def _place(error: BaseException, path: Path) -> str:
    """Where in the user's file it happened, " at line 12"."""
    if isinstance(error, SyntaxError) and error.filename == str(path.resolve()):
        return f" at line {error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == str(path.resolve())]
    return f" at line {lines[-1]}" if lines else ""
