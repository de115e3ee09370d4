"""Which engine computes each arm: chosen once, then kept with the study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from etude.core.errors import SpecError
from etude.core.record import from_plain, to_plain
from etude.core.spec import RunSpec, TaskRef
from etude.core.task import Task
from etude.report.catalogue import say
from etude.storage.writer import StudyWriter
from etude.studies.arms import Arm
from etude.studies.preflight import lanes_that_fit
from etude.studies.shards import MOST_LANES, Shard, partition
from etude.studies.stored import ENGINES
from etude.studies.watch import Watcher
from etude.training.engine import CALIBRATION_LANES, Choice, Engine, choose_engine, lanes_at_once


def choose_engines(
    tasks: Mapping[TaskRef, Task], arms: Sequence[Arm], wanted: Engine, device: str, workers: int
) -> dict[str, Any]:
    """The engine of every arm, and how its lanes are dealt, as the study stores them.

    Arms that train one task with one batch size share the choice, which may rest on a calibration.
    """
    choices: dict[tuple[TaskRef, int], Choice] = {}
    about = {}
    for arm in arms:
        task, key = tasks[arm.base.task], (arm.base.task, arm.base.batch_size)
        if key not in choices:
            choices[key] = choose_engine(task, [arm.base] * min(CALIBRATION_LANES, len(arm.lrs)), wanted)
        engine = choices[key].engine
        about[arm.name] = {
            "engine": engine.value,
            "reason": to_plain(choices[key].reason),
            "lanes_that_fit": lanes_that_fit(task, arm.base, engine, workers),
            "at_once": lanes_at_once(task, arm.base.seed, engine),
        }
    return {"device": device, "arms": about}


def stored_engines(writer: StudyWriter, wanted: Engine, device: str, watcher: Watcher) -> dict[str, dict[str, Any]]:
    """Engine and dealing of every arm, as the study was begun; what is asked for now must not differ.

    Raises:
        SpecError: When another engine or device is asked for than the study was begun with.
    """
    stored = writer.reader.plan(ENGINES)
    assert stored is not None, "put when the study was begun"
    begun = {arm["engine"] for arm in stored["arms"].values()}
    if wanted is not Engine.AUTO and begun != {wanted.value}:
        raise SpecError(
            f"the study was begun with --engine {' and '.join(sorted(begun))}, whose last bits differ from {wanted}'s: "
            "leave --engine out, or choose another --out"
        )
    if device != stored["device"]:
        raise SpecError(
            f"the study was begun on {stored['device']}, whose last bits differ from {device}'s: "
            f"pass --device {stored['device']}, or choose another --out"
        )
    for line in dict.fromkeys(f"{arm['engine']} ({say(from_plain(arm['reason']))})" for arm in stored["arms"].values()):
        watcher.say(f"engine: {line}")
    return {
        name: {key: arm[key] for key in ("lanes_that_fit", "at_once")} | {"engine": Engine(arm["engine"])}
        for name, arm in stored["arms"].items()
    }


def deal(new: Mapping[str, Sequence[RunSpec]], dealt: Mapping[str, Mapping[str, Any]]) -> list[Shard]:
    """Shards of a round's new runs, by arm; runs that two arms share are trained once.

    Args:
        new: New runs of each arm, by its name.
        dealt: What ``stored_engines`` gives.
    """
    limits: dict[tuple[TaskRef, Engine, int], int] = {}
    runs: dict[tuple[TaskRef, Engine, int], dict[str, RunSpec]] = {}
    for name, own in new.items():
        for run in own:
            key = (run.task, dealt[name]["engine"], dealt[name]["at_once"])
            limits[key] = min(limits.get(key, MOST_LANES), dealt[name]["lanes_that_fit"])
            runs.setdefault(key, {})[run.hash] = run
    return [
        shard
        for (task, engine, at_once), own in runs.items()
        for shard in partition(list(own.values()), engine, limits[task, engine, at_once], at_once)
    ]
