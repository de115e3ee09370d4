"""A study from Python: options in, an answer out."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeGuard, final

from etude.core.errors import ExecutionError, SpecError
from etude.core.finding import Finding
from etude.core.record import content_hash
from etude.report.catalogue import Language, say
from etude.report.html import write_html
from etude.report.json import findings_json
from etude.report.page import Page
from etude.studies.etudes import etude_named, etude_of
from etude.studies.spec import StudySpec, make_spec
from etude.studies.stored import StoredStudy, read_stored
from etude.studies.watch import Silent, Watcher

if TYPE_CHECKING:
    from etude.tasks.task import Task

EngineName = Literal["auto", "stack", "loop"]
REPORT = "report.html"
HOME = Path("etude-studies")

SPARING_SEEDS = 10
"""Most seeds of a learning rate where a precision is asked for: few learning rates get them all."""


@final
@dataclass(frozen=True)
class Answer:
    """What a finished study says. Reads the stored study alone, and needs no torch.

    Attributes:
        folder: Where the study lies.
    """

    folder: Path

    def __post_init__(self) -> None:
        object.__setattr__(self, "folder", Path(self.folder))

    @cached_property
    def stored(self) -> StoredStudy:
        """The study's runs and findings."""
        return read_stored(self.folder)

    @cached_property
    def page(self) -> Page:
        """Its page, before it has a medium."""
        return etude_of(self.stored.spec).lay_out(self.stored)

    @property
    def findings(self) -> dict[str, Finding]:
        """The findings by name."""
        return {finding.name: finding for finding in self.stored.findings}

    def __getitem__(self, name: str) -> Finding:
        """The finding of this name."""
        return self.findings[name]

    def text(self, language: Language = "en") -> str:
        """The answer in a few sentences."""
        return "\n".join(say(sentence, language) for sentence in self.page.answer)

    def json(self) -> str:
        """The findings as JSON."""
        return findings_json(self.page)

    def write_report(self) -> Path:
        """Write ``report.html`` into the study's folder, and return its path.

        Raises:
            ExecutionError: When the file cannot be written.
        """
        path = self.folder / REPORT
        try:
            write_html(self.page, path)
        except OSError as error:
            raise ExecutionError(f"cannot write {path} ({error.strerror}): the study itself is safe") from None
        return path


@final
class Study:
    """A sweep over learning rates and seeds that answers an étude's question.

    Args:
        etude: Name of the étude: ``"convergence"`` or ``"generalization"``.
        task: A task made in Python, or ``"FILE.py:FUNCTION"``; leave it out to use built-in ``data``.
        out: Folder of the study; by default ``etude-studies/ETUDE-NAME-HASH``, so that other options go elsewhere.
        options: Those of ``StudySpec``, such as ``lr="1e-4:1:24"``, ``seeds=5``, ``epochs=10``, ``optimizer="adam"``.

    Raises:
        SpecError: When an option is unknown or out of range.

    Example:
        >>> Study("convergence", data="digits", seeds=3).spec.lrs[0]
        0.0001
    """

    def __init__(
        self, etude: str, *, task: Task | str | None = None, out: str | Path | None = None, **options: Any
    ) -> None:
        self.task = task if _made_in_python(task) else None
        if task is None:
            options.setdefault("data", "digits")
        else:
            options["task"] = self.task.name if self.task else task
        defaults = dict(etude_named(etude).defaults)
        if "epochs" in options:
            defaults.pop("steps", None)
        if options.get("precision") is not None:
            defaults.setdefault("seeds", SPARING_SEEDS)
        self.spec: StudySpec = make_spec({"etude": etude, **defaults} | options)
        self.etude = etude_of(self.spec)
        self.folder = Path(out) if out is not None else HOME / _folder_name(self.spec, self.task)

    def run(
        self,
        *,
        workers: int | None = None,
        engine: EngineName = "auto",
        device: str = "cpu",
        keep_weights: bool = True,
        watcher: Watcher | None = None,
    ) -> Answer:
        """Run the study, or go on with it where it stopped, and write its report.

        Args:
            workers: Processes, one thread each; by default one for each CPU, and none beside this one on a GPU.
            engine: ``"stack"`` and ``"loop"`` compute the same up to rounding; ``"auto"`` takes the faster one.
            device: Torch device.
            keep_weights: Whether the final weights of every run are stored.
            watcher: Told how it is getting on.

        Raises:
            UserError: When options, task or folder do not allow it; nothing was trained.
            Interrupted: When SIGTERM or Ctrl-C asked to stop; running again goes on.
            StorageError: When the disk is full, or the stored study is damaged.
            ExecutionError: When memory or disk are too small, or a worker died twice.
        """
        from etude.studies.run import Execution, run_study
        from etude.training.engine import Engine

        if workers is None:
            workers = _cpus() if device == "cpu" else 0
        if workers < 0:
            raise SpecError(f"needs workers >= 0, got {workers}: 0 trains in this process")
        if workers and device != "cpu":
            raise SpecError(f"worker processes are for the CPU, got workers = {workers} on {device}: leave workers out")
        tasks = self.etude.tasks(self.spec, self.task, device)
        execution = Execution(workers, Engine(engine), device, keep_weights)
        run_study(self.etude, self.spec, tasks, self.folder, execution, watcher or Silent())
        answer = Answer(self.folder)
        answer.write_report()
        return answer


def _made_in_python(task: Task | str | None) -> TypeGuard[Task]:
    if task is None or isinstance(task, str):
        return False
    from etude.tasks.task import Task

    return isinstance(task, Task)


def _folder_name(spec: StudySpec, task: Task | None) -> str:
    """Named after the options and the task's content: an edited network gets a folder of its own."""
    file = Path((spec.task or "").rpartition(":")[0])
    content = task.fingerprint if task else file.read_bytes().hex() if file.is_file() else ""
    name = spec.data or Path((spec.task or "").rpartition(":")[0] or (spec.task or "")).stem
    safe = "".join(c if c.isalnum() or c in "-_" else "-" for c in name).strip("-") or "task"
    return f"{spec.etude}-{safe[:40]}-{content_hash([spec.stored(), content])[:6]}"


def _cpus() -> int:
    """CPUs that this process may use; Linux alone knows that they may be fewer than there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
