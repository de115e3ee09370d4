"""What the finders of fastai, torch-lr-finder and Lightning suggest, each as its library gives it.

They want an environment of their own, which Étude's tests do not need::

    python3 -m venv peers
    peers/bin/pip install -c constraints.txt torch==2.13.0
    peers/bin/pip install -c constraints.txt -e .
    peers/bin/pip install --no-deps fastai==2.8.12 lightning==2.6.6 pytorch-lightning==2.6.6 torch-lr-finder==0.2.2
    peers/bin/pip install -c constraints.txt fastcore fasttransform fastprogress fastdownload "plum-dispatch<2.10" \
        cloudpickle ipython lightning-utilities matplotlib pandas pyyaml requests scikit-learn torchmetrics tqdm
    MPLBACKEND=agg PYTHONPATH=benchmarks peers/bin/python -m finding.peers

Without dependencies, because fastai asks for torchvision, whose build in the registry does not fit torch's CPU build; what is
used here of fastai does not import it. The last line writes ``peers.json``, which the scoreboard reads.
"""

from __future__ import annotations

import argparse
import json
import logging
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable
from contextlib import redirect_stdout
from functools import partial
from importlib import import_module
from io import StringIO
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from finding.problems import BATCH, Problem, problems

SEEDS = range(100, 103)
FILE = Path(__file__).with_name("peers.json")
RULES = ("valley", "slide", "minimum", "steep")


def by_fastai(problem: Problem, seed: int) -> dict[str, float | None]:
    """``Learner.lr_find`` with its defaults: 100 steps from 1e-7 to 10, four rules."""
    basics, schedule = import_module("fastai.basics"), import_module("fastai.callback.schedule")
    task = problem.task()
    loader = basics.DataLoader(TensorDataset(*task.train), bs=BATCH, shuffle=True, drop_last=True, num_workers=0)
    data = basics.DataLoaders(loader, loader)
    model = problem.model(seed)
    optimizer = partial(basics.OptimWrapper, opt=_with_lr(problem))
    learner = basics.Learner(data, model, loss_func=task.criterion, opt_func=optimizer)
    rules = tuple(getattr(schedule, name) for name in RULES)
    with learner.no_bar(), learner.no_logging():
        found = learner.lr_find(suggest_funcs=rules, show_plot=False)
    return {f"fastai `{name}`": float(lr) for name, lr in zip(RULES, found, strict=True)}


def by_torch_lr_finder(problem: Problem, seed: int) -> dict[str, float | None]:
    """``LRFinder.range_test`` and ``plot`` with their defaults: 100 steps to 10, here from 1e-7."""
    finder = import_module("torch_lr_finder")
    plots = import_module("matplotlib.pyplot")
    task, model = problem.task(), problem.model(seed)
    test = finder.LRFinder(model, problem.optimizer(model.parameters()), task.criterion)
    test.range_test(_loader(problem), start_lr=1e-7)
    axes = plots.figure().add_subplot()
    told = test.plot(ax=axes)
    plots.close("all")
    return {"torch-lr-finder": float(told[1]) if isinstance(told, tuple) else None}


def by_lightning(problem: Problem, seed: int) -> dict[str, float | None]:
    """``Tuner.lr_find`` and ``suggestion`` with their defaults: 100 steps from 1e-8 to 1."""
    lightning = import_module("lightning")
    tuner = import_module("lightning.pytorch.tuner")
    task, model = problem.task(), problem.model(seed)

    class Module(lightning.LightningModule):  # type: ignore[name-defined, misc]
        def __init__(self, net: nn.Module) -> None:
            super().__init__()
            self.net, self.lr = net, problem.default

        def training_step(self, batch: Any, _: int) -> Any:
            return task.loss(self.net(batch[0]), batch[1])

        def configure_optimizers(self) -> Any:
            return _with_lr(problem)(self.parameters(), lr=self.lr)

    with tempfile.TemporaryDirectory() as folder:
        trainer = lightning.Trainer(
            accelerator="cpu",
            default_root_dir=folder,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        found = tuner.Tuner(trainer).lr_find(Module(model), train_dataloaders=_loader(problem))
    lr = found.suggestion()
    return {"Lightning": None if lr is None else float(lr)}


def main() -> None:
    """Run all of them and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=FILE)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    rows: list[dict[str, object]] = []
    for problem in problems():
        for seed in SEEDS:
            for suggest in (by_fastai, by_torch_lr_finder, by_lightning):
                rows += asked(suggest, problem, seed)
        print(problem.name, flush=True)
    given.out.write_text("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n")


def asked(
    suggest: Callable[[Problem, int], dict[str, float | None]], problem: Problem, seed: int
) -> Iterable[dict[str, object]]:
    """One row for each suggestion, as ``Search`` has its fields."""
    began = time.process_time()
    with redirect_stdout(StringIO()):
        told = suggest(problem, seed)
    seconds = round(time.process_time() - began, 3)
    for method, lr in told.items():
        yield {
            "problem": problem.name,
            "seed": seed,
            "method": method,
            "lr": None if lr is None else float(f"{lr:.5g}"),
            "steps": 100,
            "seconds": seconds,
        }


def _loader(problem: Problem) -> Any:
    return DataLoader(TensorDataset(*problem.task().train), batch_size=BATCH, shuffle=True, drop_last=True)


def _with_lr(problem: Problem) -> Callable[..., torch.optim.Optimizer]:
    """Torch's optimizer for parameters and a learning rate."""

    def made(parameters: Any, lr: float) -> torch.optim.Optimizer:
        optimizer = problem.optimizer(parameters)
        for group in optimizer.param_groups:
            group["lr"] = lr
        return optimizer

    return made


if __name__ == "__main__":
    main()
