"""Fine-tuning: the finder from a pre-trained state, judged on held-out data, against the truth of a sweep from that state."""

from collections.abc import Callable
from copy import deepcopy

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import etude
from etude.integrations.finder.digest import digest_of
from etude.tasks.builtin import ModelOptions, builtin_task

STEPS, BATCH = 71, 32  # as long as the search's own runs, so that nothing is carried over
LRS = np.geomspace(1e-3, 3, 12)


def split(part: tuple[Tensor, Tensor], old: bool) -> tuple[Tensor, Tensor]:
    inputs, labels = part
    rows = (labels < 5) == old
    return inputs[rows].flatten(1).float(), labels[rows]


def train(model: nn.Module, data: tuple[Tensor, Tensor], lr: float, steps: int, seed: int) -> None:
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)
    draw = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        rows = torch.randint(len(data[1]), (BATCH,), generator=draw)
        optimizer.zero_grad()
        functional.cross_entropy(model(data[0][rows]), data[1][rows]).backward()
        optimizer.step()


@pytest.fixture(scope="module")
def digits():
    task = builtin_task("digits", ModelOptions("mlp"))
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    train(model, split(task.train, old=True), lr=0.1, steps=300, seed=0)
    model[2].reset_parameters()  # the usual way: a new head on what was learned
    return model, split(task.train, old=False), split(task.validation, old=False)


def judge(model: nn.Module, held_out: tuple[Tensor, Tensor]) -> Callable[[], float]:
    def evaluate() -> float:
        with torch.no_grad():
            return float(functional.cross_entropy(model(held_out[0]), held_out[1]))

    return evaluate


def test_the_answer_for_fine_tuning_is_near_the_truth_on_held_out_data_and_the_net_keeps_what_it_learned(
    digits,
) -> None:
    model, data, held_out = digits
    losses = []
    for lr in LRS:
        tuned = [deepcopy(model) for _ in range(2)]
        for seed, net in enumerate(tuned):
            train(net, data, float(lr), STEPS, seed)
        losses.append(np.mean([judge(net, held_out)() for net in tuned]))
    truth = np.where(np.isfinite(losses), losses, np.inf)
    start = judge(model, held_out)()

    before = digest_of([model])
    answer = etude.find(
        model,
        data,
        functional.cross_entropy,
        optimizer=lambda p: torch.optim.SGD(p, 0.1, momentum=0.9),
        batch_size=BATCH,
        evaluate=judge(model, held_out),
        steps=STEPS,
    )
    assert digest_of([model]) == before
    regret = (np.interp(np.log(answer.lr), np.log(LRS), truth) - truth.min()) / (start - truth.min())
    assert regret < 0.02
    assert answer.interval[0] <= LRS[np.argmin(truth)] * 1.5
    assert answer.interval[1] >= LRS[np.argmin(truth)] / 1.5


def test_few_examples_that_are_seen_many_times_need_a_held_out_judge(digits) -> None:
    model, (inputs, labels), _ = digits
    data = (inputs[:96], labels[:96])
    answer = etude.find(model, data, functional.cross_entropy, batch_size=BATCH, steps=60, budget=300)
    assert (answer.confidence, [doubt.key for doubt in answer.doubts][:1]) == ("low", ["find.doubt.few.training"])
    assert "evaluate" in answer.text().splitlines()[1]
