"""A learning-rate workbench for PyTorch.

What does the learning rate do to my network, which one should I use, and how sure is that? ::

    import etude

    task = etude.Task("mine", make_model, train=(inputs, targets))
    answer = etude.Study("convergence", task=task, seeds=5).run()
    print(answer.text())
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["Answer", "EtudeError", "Monitor", "Study", "Task", "UserError", "__version__", "find", "find_groups"]

if TYPE_CHECKING:
    from etude.core.errors import EtudeError, UserError
    from etude.integrations.finder.find import find
    from etude.integrations.finder.groups import find_groups
    from etude.integrations.monitor import Monitor
    from etude.studies.study import Answer, Study
    from etude.tasks.task import Task

_HOMES = {
    "Answer": "etude.studies.study",
    "EtudeError": "etude.core.errors",
    "Monitor": "etude.integrations.monitor",
    "Study": "etude.studies.study",
    "Task": "etude.tasks.task",
    "UserError": "etude.core.errors",
    "find": "etude.integrations.finder.find",
    "find_groups": "etude.integrations.finder.groups",
}


def __getattr__(name: str) -> Any:
    # Late, because a Task brings torch along, and `etude --help` must not wait for it.
    import importlib

    if name not in _HOMES:
        raise AttributeError(f"module 'etude' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
