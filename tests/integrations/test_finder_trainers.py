"""The finder under Lightning and transformers, as their users call it.

`pip install lightning transformers accelerate` lets these tests run.
"""

import sys
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from etude.core.errors import UserError
from etude.integrations import hf_find, lightning_find
from etude.integrations.finder.digest import digest_of

pytestmark = pytest.mark.filterwarnings("default")  # theirs are not ours to mend


def rows(n: int = 256) -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(0)
    labels = torch.randint(0, 3, (n,), generator=draw)
    return torch.randn(n, 5, generator=draw) + 2 * functional.one_hot(labels, 5), labels


def loader() -> torch.utils.data.DataLoader:
    return torch.utils.data.DataLoader(torch.utils.data.TensorDataset(*rows()), batch_size=16, shuffle=True)


@pytest.fixture
def lightning():
    return pytest.importorskip("lightning.pytorch", reason="Lightning is not installed")


@pytest.fixture
def module(lightning):
    class Module(lightning.LightningModule):
        def __init__(self, lr: float = 1e-5, seen: list | None = None) -> None:
            super().__init__()
            self.lr, self.seen = lr, seen if seen is not None else []
            self.net = nn.Sequential(nn.Linear(5, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.1), nn.Linear(8, 3))

        def training_step(self, batch, batch_idx):
            loss = functional.cross_entropy(self.net(batch[0]), batch[1])
            self.log("train_loss", loss)
            return {"loss": loss}

        def configure_optimizers(self):
            optimizer = torch.optim.SGD(self.parameters(), lr=self.lr, momentum=0.9)
            return [optimizer], [torch.optim.lr_scheduler.StepLR(optimizer, 100)]

    torch.manual_seed(0)
    return Module


def trainer_of(lightning, tmp_path, **options):
    plain = {
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
    }
    plain |= {"max_epochs": 2, "accelerator": "cpu", "devices": 1, "default_root_dir": tmp_path}
    return lightning.Trainer(**plain | options)


def test_lightning_is_searched_before_it_trains_and_is_left_as_it_was(lightning, module, tmp_path) -> None:
    model, trainer = module(), trainer_of(lightning, tmp_path, gradient_clip_val=1.0)
    before = digest_of([model])
    found = lightning_find.lr_find(trainer, model, loader(), budget=400)
    assert digest_of([model]) == before
    assert 0.003 < found.suggestion() < 3
    assert found.answer.horizon == 2 * 16
    assert model.lr == 1e-5
    assert trainer.global_step == 0
    trainer.fit(model, loader())
    assert trainer.global_step == 32


def test_no_file_is_written_and_neither_callback_nor_logger_hears_of_a_search(lightning, module, tmp_path) -> None:
    heard = []

    class Listener(lightning.Callback):
        def on_fit_start(self, trainer, pl_module):
            heard.append("fit")

    options = {"logger": True, "enable_checkpointing": True, "enable_progress_bar": True, "callbacks": [Listener()]}
    trainer = trainer_of(lightning, tmp_path, **options)
    callbacks, loggers = trainer.callbacks, trainer.loggers
    assert lightning_find.lr_find(trainer, module(), loader(), budget=200).answer.steps > 100
    assert heard == []
    assert list(tmp_path.rglob("*")) == []
    assert trainer.callbacks == callbacks
    assert trainer.loggers == loggers


def test_a_search_does_not_change_the_training_that_follows_it(lightning, module, tmp_path) -> None:
    ends = []
    for searched in (False, True):
        torch.manual_seed(1)
        model, trainer, batches = module(lr=0.1), trainer_of(lightning, tmp_path), loader()
        if searched:
            lightning_find.lr_find(trainer, model, batches, budget=200)
        trainer.fit(model, batches)
        ends.append(torch.cat([p.detach().flatten() for p in model.parameters()]))
    assert torch.equal(*ends)


def test_the_callback_sets_the_learning_rate_and_the_training_goes_on_with_it(lightning, module, tmp_path) -> None:
    callback = lightning_find.learning_rate_finder(budget=400)
    model = module()
    trainer = trainer_of(lightning, tmp_path, callbacks=[callback], accumulate_grad_batches=2)
    trainer.fit(model, loader())
    assert model.lr == callback.found.suggestion() > 0.003
    assert trainer.optimizers[0].param_groups[0]["lr"] == model.lr
    assert trainer.global_step == 2 * 8


def test_without_an_answer_the_callback_warns_and_leaves_the_learning_rate(lightning, module, tmp_path) -> None:
    class Constant(module):
        def training_step(self, batch, batch_idx):
            return self.net(batch[0]).sum() * 0 + 1

    model, callback = Constant(lr=0.2), lightning_find.learning_rate_finder(budget=200)
    with pytest.warns(UserWarning, match="No learning rate"):
        trainer_of(lightning, tmp_path, callbacks=[callback], max_steps=2).fit(model, loader())
    assert model.lr == 0.2


def test_a_module_without_a_learning_rate_to_set_is_refused(lightning, module, tmp_path) -> None:
    class Fixed(module):
        def __init__(self) -> None:
            super().__init__()
            del self.lr

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=0.1)

    callback = lightning_find.learning_rate_finder(budget=200)
    with pytest.raises(UserError, match="no lr or learning_rate"):
        trainer_of(lightning, tmp_path, callbacks=[callback]).fit(Fixed(), loader())


def test_two_optimizers_in_manual_optimization_are_searched(lightning, tmp_path) -> None:
    class Pair(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.automatic_optimization = False
            self.first, self.second = nn.Linear(5, 8), nn.Linear(8, 3)

        def training_step(self, batch):
            loss = functional.cross_entropy(self.second(self.first(batch[0]).tanh()), batch[1])
            for optimizer in self.optimizers():
                optimizer.zero_grad()
            self.manual_backward(loss)
            for optimizer in self.optimizers():
                optimizer.step()
            return loss

        def configure_optimizers(self):
            return torch.optim.SGD(self.first.parameters(), lr=0.1), torch.optim.SGD(self.second.parameters(), lr=0.1)

    model = Pair()
    before = digest_of([model])
    found = lightning_find.lr_find(trainer_of(lightning, tmp_path), model, loader(), budget=300)
    assert found.suggestion() > 0.01
    assert digest_of([model]) == before


def test_without_lightning_it_is_said_how_to_install_it(monkeypatch) -> None:
    for name in ("lightning.pytorch.callbacks", "pytorch_lightning.callbacks"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(UserError, match="etude\\[lightning\\]"):
        lightning_find.learning_rate_finder()


@pytest.fixture
def trainer(tmp_path):
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")
    pytest.importorskip("accelerate", reason="accelerate is not installed")
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=32, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32, num_labels=2
    )
    draw = np.random.default_rng(0)
    ids = draw.integers(4, 32, (128, 8))
    data = [{"input_ids": row, "labels": int(row[0] > 17)} for row in ids]

    def make(**options):
        plain = {"output_dir": str(tmp_path), "per_device_train_batch_size": 8, "report_to": [], "save_strategy": "no"}
        plain |= {"use_cpu": True, "num_train_epochs": 2, "learning_rate": 1e-6, "disable_tqdm": True}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            args = transformers.TrainingArguments(**plain | options)
        return transformers.Trainer(
            transformers.BertForSequenceClassification(config), args, train_dataset=data, eval_dataset=data[:20]
        )

    return make


def test_a_trainer_is_searched_and_left_as_it_was(trainer) -> None:
    mine = trainer(gradient_accumulation_steps=2)
    before = digest_of([mine.model])
    found = hf_find.lr_find(mine, schedule="warmup(10%) > linear", budget=400)
    assert digest_of([mine.model]) == before
    assert mine.optimizer is None
    assert mine.args.learning_rate == 1e-6
    assert 1e-4 < found.suggestion() < 1
    assert found.answer.horizon == 2 * 8


def test_a_search_does_not_change_what_the_trainer_then_trains(trainer) -> None:
    ends = []
    for searched in (False, True):
        torch.manual_seed(3)
        mine = trainer(learning_rate=1e-3)
        if searched:
            hf_find.lr_find(mine, budget=200)
        mine.train()
        ends.append(torch.cat([p.detach().flatten() for p in mine.model.parameters()]))
    assert torch.equal(*ends)


def test_the_trainer_gets_the_learning_rate_when_that_is_asked_for(trainer) -> None:
    mine = trainer(max_steps=20)
    found = hf_find.lr_find(mine, update=True, budget=400)
    assert mine.args.learning_rate == found.suggestion()
    mine.train()
    assert mine.state.global_step == 20


def test_the_evaluation_data_of_a_trainer_judge_where_that_is_asked_for(trainer) -> None:
    mine = trainer()
    before = digest_of([mine.model])
    found = hf_find.lr_find(mine, evaluate=True, budget=300)
    assert digest_of([mine.model]) == before
    held = mine.evaluate()["eval_loss"]  # of the model as it was
    judged = [run.judged for run in found.answer.search.runs if run.finished]
    assert len(judged) > 3
    assert None not in judged
    assert 0 < min(judged) < 2 * held
    assert hf_find._held_out(mine)() == pytest.approx(held, rel=1e-5)


def test_several_devices_are_refused() -> None:
    trainer = SimpleNamespace(args=SimpleNamespace(world_size=2), model=None)
    with pytest.raises(UserError, match="one device"):
        hf_find.lr_find(trainer)


def test_results_and_plot_show_the_runs_that_decided() -> None:
    pyplot = pytest.importorskip("matplotlib.pyplot")
    import etude
    from etude.integrations.finder.found import Found

    torch.manual_seed(0)
    answer = etude.find(nn.Linear(5, 3), rows(), functional.cross_entropy, budget=400)
    found = Found(answer)
    assert found.suggestion() == answer.lr
    assert len(found.results["lr"]) == len({run.lr for run in answer.search.runs})
    axes = found.plot().axes[0]
    assert axes.get_xscale() == "log"
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [f"{answer.lr:.3g}"]
    pyplot.close("all")
