"""Callbacks of Lightning and transformers, on trainers that stand in for theirs and on theirs where they are installed.

The stand-ins call the hooks in the order that the libraries state; `pip install lightning transformers accelerate`
lets the tests of the real ones run.
"""

import sys
import warnings
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from etude.core.errors import UserError
from etude.core.trace import Ending
from etude.integrations import hf, lightning
from etude.storage.recording import read_recording


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Linear(4, 2)


def batch(i: int) -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(i)
    return torch.randn(8, 4, generator=draw), torch.randint(0, 2, (8,), generator=draw)


@pytest.fixture
def stand_in(monkeypatch):
    """Put a module of a library in place that has nothing but the base class of its callbacks."""

    def put(module: str, name: str) -> None:
        fake = ModuleType(module)
        setattr(fake, name, type(name, (), {}))
        monkeypatch.setitem(sys.modules, module, fake)

    return put


def lightning_fit(callback, parts: int = 2, steps: int = 3, fail: bool = False) -> nn.Module:
    """What Lightning's automatic optimization does, with accumulation and clipping, as its documentation states."""
    net = network()
    optimizer = torch.optim.Adam(net.parameters(), 0.01)
    trainer = SimpleNamespace(
        optimizers=[optimizer],
        global_step=0,
        estimated_stepping_batches=steps,
        gradient_clip_val=0.1,
        gradient_clip_algorithm=None,
        accumulate_grad_batches=parts,
        callback_metrics={"val_loss": torch.tensor(0.5), "train_loss": torch.tensor(1.0)},
    )
    callback.on_train_start(trainer, net)
    for i in range(parts * steps):
        x, y = batch(i)

        def closure(x=x, y=y, i=i):
            loss = nn.functional.cross_entropy(net(x), y) / parts
            loss.backward()
            if i % parts == parts - 1:
                callback.on_before_optimizer_step(trainer, net, optimizer)
                nn.utils.clip_grad_norm_(net.parameters(), 0.1)
            return loss

        if i % parts == parts - 1:
            loss = optimizer.step(closure)
            optimizer.zero_grad()
            trainer.global_step += 1
        else:
            loss = closure()
        callback.on_train_batch_end(trainer, net, {"loss": loss.detach()}, None, i)
    if fail:
        callback.on_exception(trainer, net, KeyboardInterrupt())
        return net
    callback.on_validation_end(trainer, net)
    callback.on_train_end(trainer, net)
    return net


class NoCallback:
    def __getattr__(self, _):
        return lambda *_: None


def test_lightnings_steps_are_seen_before_clipping_and_by_accumulation(stand_in, tmp_path):
    stand_in("lightning.pytorch.callbacks", "Callback")
    watched = lightning_fit(lightning.monitor_callback(tmp_path / "run", every=1, batch_size=16))
    for a, b in zip(watched.parameters(), lightning_fit(NoCallback()).parameters(), strict=True):
        assert torch.equal(a, b)
    recording = read_recording(tmp_path / "run")
    steps, layers = recording.tables["steps"], recording.tables["layers"]
    assert recording.facts["horizon"] == 3
    assert recording.facts["clip_norm"] == 0.1
    assert recording.facts["batch_size"] == 16
    net = network()
    first = [nn.functional.cross_entropy(net(x), y) for x, y in (batch(0), batch(1))]
    ((first[0] + first[1]) / 2).backward()
    norm = np.linalg.norm([p.grad.norm().item() for p in net.parameters()])
    assert steps["loss"][0] == pytest.approx((first[0] + first[1]).item() / 2, rel=1e-6)
    assert steps["gradient_norm"][0] == pytest.approx(norm, rel=1e-6)
    assert layers["gradient_norm"][0] == pytest.approx(norm, rel=1e-6)
    assert layers["clip_factor"][0] == pytest.approx(0.1 / norm, rel=1e-4)
    assert recording.tables["evaluations"]["validation_loss"].tolist() == [0.5]
    assert recording.outcome.ending is Ending.COMPLETED


def test_lightnings_exception_is_the_reason_why_a_training_stopped(stand_in, tmp_path):
    stand_in("lightning.pytorch.callbacks", "Callback")
    lightning_fit(lightning.monitor_callback(tmp_path / "run"), fail=True)
    outcome = read_recording(tmp_path / "run").outcome
    assert (outcome.ending, outcome.step, outcome.reason) == (Ending.STOPPED, 3, "KeyboardInterrupt")


class WithLoss(nn.Module):
    """A model whose outputs hold the loss, as those of transformers do."""

    def __init__(self) -> None:
        super().__init__()
        self.net = network()

    def forward(self, x, labels=None, num_items_in_batch=None):
        outputs = self.net(x)
        loss = nn.functional.cross_entropy(outputs, labels, reduction="sum" if num_items_in_batch else "mean")
        return {"loss": loss / (num_items_in_batch or 1), "logits": outputs}


@pytest.mark.parametrize("items", [None, 16])
def test_transformers_steps_are_seen_with_the_models_own_loss(items, stand_in, tmp_path):
    stand_in("transformers", "TrainerCallback")
    callback = hf.monitor_callback(tmp_path / "run", every=1)
    model = WithLoss()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    wrapper = SimpleNamespace(optimizer=optimizer)  # as Accelerate wraps it
    args = SimpleNamespace(gradient_accumulation_steps=2, train_batch_size=8, world_size=1, max_grad_norm=0.0)
    state = SimpleNamespace(max_steps=3, global_step=0)
    callback.on_train_begin(args, state, None, model=model, optimizer=wrapper)
    losses = []
    for t in range(3):
        for part in range(2):
            x, y = batch(2 * t + part)
            loss = model(x, y, num_items_in_batch=items)["loss"]
            (loss if items else loss / 2).backward()
            losses.append(nn.functional.cross_entropy(model.net(x), y).item())
        optimizer.step()
        optimizer.zero_grad()
        callback.on_step_end(args, state, None)
    model.eval()
    model(*batch(0))
    callback.on_evaluate(args, state, None, metrics={"eval_loss": 0.7, "eval_runtime": 1.0})
    callback.on_train_end(args, state, None)
    recording = read_recording(tmp_path / "run")
    assert recording.facts["batch_size"] == 16
    assert recording.facts["horizon"] == 3
    np.testing.assert_allclose(recording.tables["steps"]["loss"], np.reshape(losses, (3, 2)).mean(1), rtol=1e-6)
    assert set(recording.tables["evaluations"]) == {"step", "validation_loss"}
    assert (recording.tables["readings"]["delta_rms/net"] > 0).any()
    assert not model._forward_hooks


@pytest.mark.parametrize(("module", "library"), [(lightning, "Lightning"), (hf, "transformers")])
def test_without_the_library_one_sentence_says_so(module, library, monkeypatch, tmp_path):
    def absent(name):
        raise ImportError(name)

    monkeypatch.setattr(module, "import_module", absent)
    with pytest.raises(UserError, match=f"needs {library}, which is not installed: pip install"):
        module.monitor_callback(tmp_path / "run")


@pytest.mark.filterwarnings("ignore")
def test_a_real_lightning_trainer_is_watched_and_not_changed(tmp_path):
    pl = pytest.importorskip("lightning.pytorch", reason="needs lightning, which is optional: pip install lightning")

    class Module(pl.LightningModule):
        def __init__(self):
            super().__init__()
            self.net = network()

        def training_step(self, data, _):
            return nn.functional.cross_entropy(self.net(data[0]), data[1])

        def validation_step(self, data, _):
            self.log("val_loss", nn.functional.cross_entropy(self.net(data[0]), data[1]))

        def configure_optimizers(self):
            return torch.optim.Adam(self.parameters(), 0.01)

    def fit(callbacks):
        torch.manual_seed(0)
        examples = torch.utils.data.TensorDataset(
            *(torch.cat(parts) for parts in zip(*map(batch, range(8)), strict=True))
        )
        quiet = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False)
        module = Module()
        loader = torch.utils.data.DataLoader(examples, 8)
        trainer = pl.Trainer(
            max_epochs=2,
            accumulate_grad_batches=2,
            gradient_clip_val=0.1,
            accelerator="cpu",
            callbacks=callbacks,
            **quiet,
        )
        trainer.fit(module, loader, loader)
        return list(module.parameters())

    watched = fit([lightning.monitor_callback(tmp_path / "run", every=1)])
    assert all(torch.equal(a, b) for a, b in zip(watched, fit([]), strict=True))
    recording = read_recording(tmp_path / "run")
    assert len(recording.tables["steps"]["loss"]) == recording.facts["horizon"] == 8
    assert (recording.tables["layers"]["clip_factor"] < 1).any()
    assert (recording.tables["readings"]["delta_rms/net"] > 0).any()
    assert recording.tables["steps"]["loss"].min() > 0.4


@pytest.mark.filterwarnings("ignore")
def test_a_real_trainer_of_transformers_is_watched_and_not_changed(tmp_path):
    transformers = pytest.importorskip("transformers", reason="needs transformers, which is optional")
    pytest.importorskip("accelerate", reason="needs accelerate, which transformers trains with")

    def fit(callbacks):
        torch.manual_seed(0)
        model = WithLoss()
        data = [{"x": x, "labels": int(y)} for i in range(4) for x, y in zip(*batch(i), strict=True)]
        options = transformers.TrainingArguments(
            str(tmp_path / "out"),
            num_train_epochs=2,
            per_device_train_batch_size=8,
            gradient_accumulation_steps=2,
            report_to=[],
            eval_strategy="epoch",
            save_strategy="no",
            use_cpu=True,
            disable_tqdm=True,
            learning_rate=0.01,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            transformers.Trainer(model, options, train_dataset=data, eval_dataset=data, callbacks=callbacks).train()
        return list(model.parameters())

    watched = fit([hf.monitor_callback(tmp_path / "run", every=1)])
    assert all(torch.equal(a, b) for a, b in zip(watched, fit([]), strict=True))
    recording = read_recording(tmp_path / "run")
    assert len(recording.tables["steps"]["loss"]) == recording.facts["horizon"] == 4
    assert (recording.tables["readings"]["delta_rms/net"] > 0).any()
    assert recording.tables["steps"]["loss"].min() > 0.4
