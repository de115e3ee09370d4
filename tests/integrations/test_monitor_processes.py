"""The monitor among processes: killed while it records, and in distributed training on two ranks."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.multiprocessing as mp
from torch import nn

from etude.core.trace import Ending
from etude.integrations.monitor import Monitor
from etude.storage.recording import read_recording

ENDLESS = """
import sys, torch, etude
net = torch.nn.Linear(4, 1)
optimizer = torch.optim.SGD(net.parameters(), 0.01)
with etude.Monitor(net, optimizer, sys.argv[1]) as monitor:
    while True:
        for _ in range(50):
            optimizer.zero_grad()
            loss = net(torch.ones(8, 4)).square().mean()
            loss.backward()
            optimizer.step()
            monitor.step(loss)
        monitor.flush()
        print(monitor.steps, flush=True)
"""


def test_a_kill_loses_nothing_that_was_flushed(tmp_path):
    command = [sys.executable, "-c", ENDLESS, str(tmp_path / "run")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        acknowledged = [int(process.stdout.readline()) for _ in range(3)][-1]
        time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    recording = read_recording(tmp_path / "run")
    steps = recording.tables["steps"]["step"]
    assert len(steps) >= acknowledged
    assert steps.tolist() == list(range(len(steps)))
    assert (recording.outcome.ending, recording.outcome.reason) == (Ending.STOPPED, "killed")


def network() -> nn.Module:
    torch.manual_seed(0)
    # The buffer is one that data-parallel training would send to all ranks at a forward pass.
    net = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 2))
    net[1].register_buffer("spare", torch.zeros(3))
    return net


def batch(step: int) -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(step)
    return torch.randn(16, 6, generator=draw), torch.randint(0, 2, (16,), generator=draw)


def train(net: nn.Module, out: str, part: slice, steps: int = 4) -> None:
    optimizer = torch.optim.Adam(net.parameters(), 0.01)

    def probe() -> torch.Tensor:
        return nn.functional.cross_entropy(net(batch(99)[0]), batch(99)[1])

    whole = not hasattr(next(net.parameters()), "full_tensor")  # a sharded model takes no probe
    with Monitor(net, optimizer, out, every=2, probe=probe if whole else None) as monitor:
        for t in range(steps):
            optimizer.zero_grad()
            x, y = batch(t)
            loss = nn.functional.cross_entropy(net(x[part]), y[part])
            loss.backward()
            optimizer.step()
            monitor.step(loss)


def one_rank(rank: int, port: int, folder: str, sharded: bool) -> None:
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", rank=rank, world_size=2)
    net = network()
    if sharded:
        from torch.distributed.fsdp import fully_shard

        fully_shard(net, mesh=torch.distributed.init_device_mesh("cpu", (2,)))
    else:
        net = nn.parallel.DistributedDataParallel(net)
    train(net, f"{folder}/run", slice(8 * rank, 8 * rank + 8))
    torch.distributed.destroy_process_group()


@pytest.mark.long
@pytest.mark.parametrize("sharded", [False, True], ids=["replicated", "sharded"])
def test_two_ranks_record_what_one_process_does_with_the_whole_batch(sharded, tmp_path: Path):
    train(network(), str(tmp_path / "alone"), slice(0, 16))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    mp.spawn(one_rank, (port, str(tmp_path), sharded), nprocs=2)
    alone, both = read_recording(tmp_path / "alone"), read_recording(tmp_path / "run")
    assert both.facts["layers"] == alone.facts["layers"]
    assert both.tables["layers"]["step"].tolist() == [0, 2]
    for name, values in alone.tables["layers"].items():
        np.testing.assert_allclose(both.tables["layers"][name], values, rtol=2e-4, err_msg=name)
    np.testing.assert_allclose(both.tables["angles"]["alignment"], alone.tables["angles"]["alignment"], atol=1e-4)
    seen = both.tables["readings"]
    assert {"activation_rms/0", "delta_rms/2"} <= set(seen)
    if not sharded:  # the probe is asked by rank 0 alone, of the model that both have
        np.testing.assert_allclose(
            seen["probe_slope"], alone.tables["readings"]["probe_slope"], rtol=1e-3, equal_nan=True
        )
    first = nn.functional.cross_entropy(network()(batch(0)[0][:8]), batch(0)[1][:8])
    assert both.tables["steps"]["loss"][0] == pytest.approx(first.item(), rel=1e-6)


@pytest.mark.long
@pytest.mark.filterwarnings("ignore")
def test_a_compiled_model_keeps_its_names_and_its_numbers(tmp_path):
    train(network(), str(tmp_path / "plain"), slice(0, 16))
    train(torch.compile(network(), backend="eager"), str(tmp_path / "compiled"), slice(0, 16))
    plain, compiled = read_recording(tmp_path / "plain"), read_recording(tmp_path / "compiled")
    assert compiled.facts["layers"] == plain.facts["layers"] == ["0.weight", "0.bias", "2.weight", "2.bias"]
    np.testing.assert_allclose(compiled.tables["steps"]["loss"], plain.tables["steps"]["loss"], rtol=1e-5)
