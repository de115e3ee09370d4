import sys

import pytest

from etude.core.errors import DataError, TaskError
from etude.tasks.load import load_task

GOOD = """
import torch
from torch import nn
from etude.tasks.task import Task

def my_task():
    return Task("mine", lambda: nn.Linear(2, 1), (torch.rand(10, 2), torch.rand(10, 1)))

NUMBER = 3
"""


@pytest.fixture(autouse=True)
def _same_modules_afterwards(monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)


def write(tmp_path, text: str, name: str = "mine.py") -> str:
    (tmp_path / name).write_text(text)
    return str(tmp_path / name)


def test_a_function_that_returns_a_task_is_enough(tmp_path):
    task = load_task(write(tmp_path, GOOD) + ":my_task")
    assert (task.name, task.size("train"), task.size("validation")) == ("mine", 8, 2)


def test_a_task_may_use_modules_beside_it_and_hides_none(tmp_path):
    write(tmp_path, GOOD, "beside_the_task.py")
    file = write(tmp_path, "from beside_the_task import my_task", "torch.py")
    import torch

    assert load_task(f"{file}:my_task").name == "mine"
    assert sys.modules["torch"] is torch
    del sys.modules["beside_the_task"]


def test_an_edited_file_is_read_again(tmp_path):
    assert load_task(write(tmp_path, GOOD) + ":my_task").name == "mine"
    assert load_task(write(tmp_path, GOOD.replace('"mine"', '"yours"')) + ":my_task").name == "yours"


@pytest.mark.parametrize(
    ("text", "function", "message"),
    [
        (GOOD, "my_tusk", "has no function my_tusk: did you mean my_task\\?"),
        (GOOD, "zebra", "has no function zebra: it has Task, my_task"),
        ("", "task", "has no function task: it has none"),
        (GOOD, "NUMBER", "NUMBER in .*mine.py is of type int, not a function"),
        ("x = (\n", "task", r"cannot be imported at line 1 \(SyntaxError: '\(' was never closed"),
        ("import math\n\nmath.nothing\n", "task", "cannot be imported at line 3 .AttributeError: module 'math'"),
        ("import no_such_module_here", "task", "at line 1 .ModuleNotFoundError: No module named 'no_such_module_here'"),
        ("raise SystemExit(3)", "task", "cannot be imported at line 1 .SystemExit: 3"),
        ("def task():\n    return 1 / 0\n", "task", r"task\(\) of .* failed at line 2 \(ZeroDivisionError: division"),
        ("def task(x):\n    return x\n", "task", r"task\(\) of .* failed \(TypeError: task\(\) missing 1 required"),
        ("def task():\n    return 5\n", "task", r"task\(\) of .* must return an etude Task, got int: return Task"),
        (GOOD.replace("lambda: nn.Linear(2, 1)", "3"), "my_task", "make_model must be callable, got int"),
    ],
)
def test_what_is_wrong_with_a_task_file_is_one_sentence(tmp_path, text, function, message):
    with pytest.raises(TaskError, match=message) as caught:
        load_task(f"{write(tmp_path, text)}:{function}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("no_such.py:task", "there is no file no_such.py"),
        ("digits", "a task is given as FILE.py:FUNCTION, got 'digits'"),
        ("file.py:", "a task is given as"),
        (":task", "a task is given as"),
        ("file.py:a.b", "a task is given as"),
    ],
)
def test_what_is_no_reference_to_a_task_is_said(reference, message):
    with pytest.raises(TaskError, match=message):
        load_task(reference)


def test_a_file_that_is_no_python_is_refused(tmp_path):
    with pytest.raises(TaskError, match="a task file is a Python file"):
        load_task(write(tmp_path, "", "mine.txt") + ":task")


def test_errors_in_the_data_keep_their_kind(tmp_path):
    with pytest.raises(DataError, match="train is empty"):
        load_task(write(tmp_path, GOOD.replace("rand(10", "rand(0")) + ":my_task")
