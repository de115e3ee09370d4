"""The finder: right on a problem whose best learning rate is known, silent where there is nothing to find."""

import itertools
import json
import math
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import SGD, Adam, Optimizer

import etude
from etude.cli import app
from etude.core.errors import DataError, ExecutionError, SpecError
from etude.core.finding import Verdict
from etude.integrations.finder.answer import Answer
from etude.integrations.finder.digest import digest_of
from etude.integrations.finder.memory import Memory
from etude.integrations.finder.of_task import find_for_task
from etude.report.catalogue import say

CURVATURE = 4.0  # f(w) = ½ c w²: the edge of gradient descent is 2/c, the best learning rate 1/c


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


class Bowl(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.full((3,), 2.0, dtype=torch.float64))

    def forward(self) -> Tensor:
        return CURVATURE / 2 * (self.w**2).sum()


def step_of(model: nn.Module, optimizer: Optimizer, loss: Callable[[], Tensor]) -> Callable[[], Tensor]:
    def step() -> Tensor:
        optimizer.zero_grad()
        value = loss()
        value.backward()
        optimizer.step()
        return value

    return step


def bowl(shift: float = 0.0, scale: float = 1.0, **options: Any) -> Answer:
    model = Bowl()
    optimizer = SGD(model.parameters(), lr=123.0)
    step = step_of(model, optimizer, lambda: scale * model() + shift)
    return etude.find(model, optimizer, step, **{"budget": 500} | options)


def blobs(n: int = 256) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(0, 3, (n,), generator=generator)
    return torch.randn(n, 5, generator=generator) + 2 * functional.one_hot(labels, 5), labels


def reason(answer: Answer) -> str | None:
    assert (answer.lr is None) == (answer.reason is not None)
    return answer.reason.key if answer.reason else None


def test_the_edge_of_gradient_descent_on_a_quadratic_is_two_over_the_curvature() -> None:
    answer = bowl(reset=lambda: None)
    below, beyond = answer.edge
    assert below is not None
    assert beyond is not None
    assert below <= 2 / CURVATURE <= beyond
    assert beyond / below < 1.4


def test_the_best_learning_rate_of_a_quadratic_lies_in_the_interval_and_the_answer_near_it() -> None:
    answer = bowl(reset=lambda: None)
    assert answer.lr is not None
    assert answer.interval is not None
    assert answer.interval[0] <= 1 / CURVATURE <= answer.interval[1]
    assert 0.4 / CURVATURE < answer.lr < 1.5 / CURVATURE


@pytest.mark.parametrize("shift", [-10.0, 0.0, 50.0])
def test_the_answer_does_not_depend_on_a_constant_in_the_loss_so_it_may_be_negative(shift: float) -> None:
    assert bowl(shift=shift, reset=lambda: None).lr == pytest.approx(bowl(reset=lambda: None).lr, rel=0.4)


def test_the_answer_follows_the_scale_of_the_loss() -> None:
    assert bowl(scale=100.0, reset=lambda: None).lr == pytest.approx(0.01 * bowl(reset=lambda: None).lr, rel=0.3)


def test_longer_training_gets_a_smaller_learning_rate_and_a_wider_interval() -> None:
    short, long = (bowl(reset=lambda: None, steps=steps) for steps in (71, 7100))
    assert long.lr < short.lr
    assert math.log(long.interval[1] / long.interval[0]) > math.log(short.interval[1] / short.interval[0])


def test_the_budget_is_kept_and_counted() -> None:
    calls = itertools.count()
    model = nn.Linear(5, 3)
    optimizer = SGD(model.parameters(), lr=0.1)
    inputs, labels = blobs()

    def loss() -> Tensor:
        next(calls)
        return functional.cross_entropy(model(inputs), labels)

    answer = etude.find(model, optimizer, step_of(model, optimizer, loss), budget=500)
    assert answer.steps == next(calls) <= 500


def test_nothing_is_changed_and_a_second_search_gives_the_same_answer() -> None:
    model = nn.Sequential(nn.Linear(5, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 3))
    optimizer = Adam(model.parameters(), lr=3e-4)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 2)
    data = [tuple(part[i : i + 32] for part in blobs()) for i in range(0, 256, 32)]

    def step(batch: tuple[Tensor, Tensor]) -> float:
        loss = functional.cross_entropy(model(batch[0]), batch[1])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
        return loss.item()

    before = digest_of([model, optimizer, scheduler])
    first = etude.find(model, optimizer, step, data=data, also=[scheduler], budget=400)
    assert digest_of([model, optimizer, scheduler]) == before
    assert optimizer.param_groups[0]["lr"] == 3e-4
    second = etude.find(model, optimizer, step, data=data, also=[scheduler], budget=400)
    assert first.lr is not None
    assert first.lr == second.lr


def test_a_scheduler_and_a_scaler_that_only_the_step_names_are_given_back() -> None:
    model = Bowl()
    optimizer = SGD(model.parameters(), lr=1.0)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 10)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0, growth_interval=1)

    def forward() -> Tensor:
        return scaler.scale(model())

    def step() -> float:
        optimizer.zero_grad()
        loss = forward()
        loss.backward()
        scaler.step(optimizer)
        scaler.update()
        scheduler.step()
        return loss.item()

    before = digest_of([model, optimizer, scheduler, scaler])
    etude.find(model, optimizer, step, budget=200)
    assert digest_of([model, optimizer, scheduler, scaler]) == before


def test_a_scheduler_inside_the_step_does_not_change_what_is_measured() -> None:
    def found(schedule: bool) -> float | None:
        model = Bowl()
        optimizer = SGD(model.parameters(), lr=1.0)
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda t: t)

        def step() -> float:
            optimizer.zero_grad()
            loss = model()
            loss.backward()
            if schedule:
                scheduler.optimizer.param_groups[0]["lr"] = 99.0
            optimizer.step()
            return loss.item()

        return etude.find(model, optimizer, step, reset=lambda: None, also=[scheduler], budget=400).lr

    assert found(schedule=True) == found(schedule=False)


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_everything_is_given_back_after_an_error_and_after_ctrl_c(error: type[BaseException]) -> None:
    model = nn.Linear(5, 3)
    optimizer = SGD(model.parameters(), lr=0.1, momentum=0.9)
    calls = itertools.count()
    inputs, labels = blobs()

    def loss() -> Tensor:
        if next(calls) == 120:
            raise error
        return functional.cross_entropy(model(inputs), labels)

    before = digest_of([model, optimizer])
    with pytest.raises(error):
        etude.find(model, optimizer, step_of(model, optimizer, loss))
    assert digest_of([model, optimizer]) == before


def test_a_state_that_is_not_given_back_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    model = Bowl()
    optimizer = SGD(model.parameters(), lr=0.1)
    monkeypatch.setattr("etude.integrations.finder.memory.Memory.restore", lambda self: None)
    with pytest.raises(ExecutionError, match="differs from what it was"):
        etude.find(model, optimizer, step_of(model, optimizer, model), budget=200)


def test_a_step_that_cannot_be_repeated_is_named() -> None:
    model, drift = Bowl(), itertools.count(1)
    optimizer = SGD(model.parameters(), lr=0.1)
    step = step_of(model, optimizer, lambda: model() * (1 + 0.001 * next(drift)))
    answer = etude.find(model, optimizer, step, reset=lambda: None, budget=400)
    assert "find.not_repeatable" in [note.key for note in answer.doubts]


def test_the_learning_rate_is_set_when_that_is_asked_for_and_groups_keep_their_ratio() -> None:
    model = nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 3))
    optimizer = SGD([{"params": model[0].parameters(), "lr": 0.01}, {"params": model[2].parameters(), "lr": 0.1}])
    inputs, labels = blobs()
    step = step_of(model, optimizer, lambda: functional.cross_entropy(model(inputs), labels))
    answer = etude.find(model, optimizer, step, reset=lambda: None, budget=400, apply=True)
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([answer.lr / 10, answer.lr])


def test_two_models_with_two_optimizers_are_searched_and_given_back() -> None:
    generator, critic = nn.Linear(2, 2), nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1))
    g, c = Adam(generator.parameters(), lr=1e-3), Adam(critic.parameters(), lr=2e-3)

    def step() -> Tensor:
        real = torch.randn(32, 2) + 2
        fake = generator(torch.randn(32, 2))
        c.zero_grad()
        scores = critic(torch.cat([real, fake.detach()]))[:, 0]
        loss = functional.binary_cross_entropy_with_logits(scores, torch.arange(64).lt(32).float())
        loss.backward()
        c.step()
        g.zero_grad()
        fooled = functional.softplus(-critic(fake)).mean()
        fooled.backward()
        g.step()
        return loss + fooled  # the second part depends on η at the first step already

    roots = [generator, critic, g, c]
    before = digest_of(roots)
    answer = etude.find([generator, critic], [g, c], step, reset=lambda: None, budget=400)
    assert digest_of(roots) == before
    assert answer.steps > 100
    assert "find.not_repeatable" not in [doubt.key for doubt in answer.doubts]


def test_ones_own_evaluation_decides_where_it_is_given() -> None:
    model = Bowl()  # w(t) = 2 (1 − cη)^t, so after n steps w = 1 at η = (1 − 2^(−1/n)) / c
    optimizer = SGD(model.parameters(), lr=1.0)
    evaluate = lambda: ((model.w - 1) ** 2).sum()  # noqa: E731
    answer = etude.find(model, optimizer, step_of(model, optimizer, model), reset=lambda: None, evaluate=evaluate)
    best = (1 - 2 ** (-1 / answer.measured)) / CURVATURE
    assert answer.interval[0] <= best <= answer.interval[1]
    assert answer.lr == pytest.approx(best, rel=0.3)


def test_with_ones_own_evaluation_the_edge_is_where_it_leaves_what_it_was_before_training() -> None:
    model = Bowl()
    optimizer = SGD(model.parameters(), lr=1.0)
    step = step_of(model, optimizer, model)
    below, beyond = etude.find(model, optimizer, step, reset=lambda: None, evaluate=model, budget=500).edge
    assert below <= 2 / CURVATURE <= beyond
    assert beyond / below < 1.4


def test_ctrl_c_while_the_state_is_given_back_waits_until_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    model = Bowl()
    optimizer = SGD(model.parameters(), lr=0.1)
    restore, interrupted = Memory.restore, []

    def restored_slowly(memory: Memory) -> None:
        if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
            signal.raise_signal(signal.SIGINT)
            interrupted.append(True)
        restore(memory)

    monkeypatch.setattr(Memory, "restore", restored_slowly)
    before = digest_of([model, optimizer])
    with pytest.raises(KeyboardInterrupt):
        etude.find(model, optimizer, step_of(model, optimizer, model), budget=200)
    assert interrupted
    assert digest_of([model, optimizer]) == before


def test_dict_batches_mixed_precision_and_accumulation_work() -> None:
    model = nn.Linear(5, 3)
    optimizer, scaler = SGD(model.parameters(), lr=0.1), torch.amp.GradScaler("cpu", init_scale=8.0)
    inputs, labels = blobs()
    data = [{"x": inputs[i : i + 32], "y": labels[i : i + 32]} for i in range(0, 256, 32)]

    def step(batch: dict[str, Tensor]) -> Tensor:
        optimizer.zero_grad()
        for half in (slice(0, 16), slice(16, 32)):
            with torch.autocast("cpu", torch.bfloat16):
                loss = functional.cross_entropy(model(batch["x"][half]), batch["y"][half]) / 2
            scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        return 2 * loss

    before = digest_of([model, optimizer, scaler])
    answer = etude.find(model, optimizer, step, data=data, also=[scaler], budget=400)
    assert answer.lr is not None
    assert digest_of([model, optimizer, scaler]) == before


def test_the_simple_form_takes_tensors_loaders_and_batches_of_any_kind() -> None:
    inputs, labels = blobs()
    model, sgd = nn.Linear(5, 3), lambda p: SGD(p, lr=0.1)
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(inputs, labels), batch_size=32, shuffle=True)
    dicts = [{"x": inputs[i : i + 32], "y": labels[i : i + 32]} for i in range(0, 256, 32)]

    def of_dict(net: nn.Module, batch: dict[str, Tensor]) -> Tensor:
        return functional.cross_entropy(net(batch["x"]), batch["y"])

    answers = [
        etude.find(model, (inputs, labels), functional.cross_entropy, optimizer=sgd, batch_size=32, budget=400),
        etude.find(model, loader, functional.cross_entropy, optimizer=sgd, budget=400),
        etude.find(model, dicts, of_dict, optimizer=sgd, budget=400),
    ]
    assert all(0.03 < answer.lr < 10 for answer in answers)


def test_without_data_it_is_said_that_batches_differ() -> None:
    model = nn.Linear(5, 3)
    optimizer = SGD(model.parameters(), lr=0.1)
    inputs, labels = blobs()

    def endless() -> Iterator[Tensor]:
        while True:
            yield from torch.randperm(256).split(32)

    rows = endless()

    def loss() -> Tensor:
        chosen = next(rows)
        return functional.cross_entropy(model(inputs[chosen]), labels[chosen])

    answer = etude.find(model, optimizer, step_of(model, optimizer, loss))
    assert "find.unpaired" in [note.key for note in answer.doubts]


def constant() -> Answer:
    model = nn.Linear(5, 3)
    optimizer = SGD(model.parameters(), lr=0.1)
    return etude.find(model, optimizer, step_of(model, optimizer, lambda: 0 * model(blobs()[0]).sum() + 1.0))


def at_first_step(value: float) -> Answer:
    return etude.find(
        nn.Linear(5, 3),
        list(zip(*[part.split(32) for part in blobs()], strict=True)),
        lambda out, _: out.sum() * 0 + value,
    )


def no_update() -> Answer:
    model = nn.Linear(5, 3)
    return etude.find(model, SGD(model.parameters(), lr=0.1), lambda: float(torch.rand(())))


def no_descent() -> Answer:
    model = nn.Linear(1, 1)
    optimizer = SGD(model.parameters(), lr=0.1)
    return etude.find(model, optimizer, step_of(model, optimizer, lambda: torch.randn(()) + 0 * model.weight.sum()))


@pytest.mark.parametrize(
    ("search", "key"),
    [
        (lambda: at_first_step(math.nan), "find.nan"),
        (lambda: at_first_step(math.inf), "find.infinite"),
        (lambda: at_first_step(1e30), "find.absurd"),
        (constant, "find.still"),
        (no_update, "find.no_update"),
        (
            lambda: etude.find(nn.Linear(5, 3), (blobs()[0], blobs()[1] * 0), functional.cross_entropy),
            "find.one_target",
        ),
        (
            lambda: etude.find(nn.Linear(5, 3), tuple(p[:1] for p in blobs()), functional.cross_entropy),
            "find.one_sample",
        ),
        (lambda: etude.find(nn.Linear(5, 3), tuple(p[:0] for p in blobs()), functional.cross_entropy), "find.empty"),
        (lambda: etude.find(nn.Linear(5, 3), (blobs()[0] / 0, blobs()[1]), functional.cross_entropy), "find.bad_data"),
        (lambda: etude.find(nn.Linear(5, 3), (blobs()[0] * 1e30, blobs()[1]), functional.cross_entropy), "find.absurd"),
    ],
)
def test_degenerate_input_gets_its_own_sentence_and_no_number(search: Callable[[], Answer], key: str) -> None:
    answer = search()
    assert reason(answer) == key
    assert answer.lr is answer.interval is None
    assert say(answer.reason) in answer.text()
    assert json.loads(answer.json())["lr"] is None


def test_noise_without_descent_gets_no_number() -> None:
    assert no_descent().lr is None


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda m, o, s: etude.find(m, o, s, steps=0), "steps >= 1, got 0"),
        (lambda m, o, s: etude.find(m, o, s, budget=10), "budget >= 200"),
        (lambda m, o, s: etude.find(m, o, s, data=[1], reset=lambda: None), "both data and reset"),
        (lambda m, o, s: etude.find(m, o, lambda: "x"), "got str"),
        (lambda m, o, s: etude.find(m, o, lambda: torch.ones(2)), "of shape"),
        (lambda m, o, s: etude.find(m, iter([]), functional.mse_loss), "only once"),
        (lambda m, o, s: etude.find(m, [1], functional.mse_loss, apply=True), "other form"),
    ],
)
def test_a_wrong_call_is_one_sentence(call: Callable[..., Answer], words: str) -> None:
    model = Bowl()
    optimizer = SGD(model.parameters(), lr=1.0)
    with pytest.raises(SpecError, match=words):
        call(model, optimizer, step_of(model, optimizer, model))


def test_data_without_a_batch_is_an_error() -> None:
    with pytest.raises(DataError, match="no batch"):
        etude.find(nn.Linear(1, 1), list, functional.mse_loss)


def test_a_task_is_searched_from_the_command_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    app(["find", "--budget", "200", "--json", "--html", str(tmp_path / "a.html")], standalone_mode=False)
    found = json.loads(capsys.readouterr().out)
    assert found["interval"][0] <= found["lr"] <= found["interval"][1]
    assert (tmp_path / "a.html").stat().st_size > 10_000
    app(["find", "--budget", "200", "--steps", "14", "--json", "--evaluate"], standalone_mode=False)
    judged = json.loads(capsys.readouterr().out)
    assert (judged["measured_steps"], judged["confidence"]) == (14, "high")


@pytest.mark.parametrize(
    ("options", "words"),
    [({"optimizer": "best"}, "choose one of sgd"), ({"optimizer": "adam", "momentum": 0.5}, "no momentum")],
)
def test_options_that_do_not_fit_a_task_are_named(options: dict[str, Any], words: str) -> None:
    with pytest.raises(SpecError, match=words):
        find_for_task(**options)


@pytest.mark.parametrize(
    "search",
    [
        lambda: etude.find(nn.Linear(5, 3), tuple(p[:0] for p in blobs()), functional.cross_entropy),
        lambda: at_first_step(math.nan),
        constant,
    ],
)
def test_a_refusal_has_a_report_too(search: Callable[[], Answer], tmp_path: Path) -> None:
    answer = search()
    html = answer.write_report(tmp_path / "find.html").read_text()
    assert "No learning rate can be recommended" in html
    assert answer.page.findings[0].verdict is Verdict.INCONCLUSIVE


def test_the_report_is_written_in_both_languages(tmp_path: Path) -> None:
    answer = bowl(reset=lambda: None)
    html = answer.write_report(tmp_path / "find.html").read_text()
    assert "Runs at constant learning rates" in html
    assert "恒定学习率" in html
    assert "建议" in answer.text("zh")
    assert json.loads(answer.json())["interval"] == pytest.approx(list(answer.interval))
