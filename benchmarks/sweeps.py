"""How fast a study trains: its runs on lanes against tuned loops, and the default study from command to report."""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from statistics import median

from jobs import J1, J2, J3, OTHERS, WORKERS, Case, lanes_in_a_pool, sgemm, tuned_loop, tunings
from timing import interleaved, ratio, seconds_in_child, together

GEMM = (128, 784, 128)
AIMS = {J1.name: 2.3, J2.name: 1.1, J3.name: 1.5}


def compare_sweeps(rounds: int) -> None:
    """Print every case, the time until the first answer, and the default study."""
    for case in (J1, J2, J3, *OTHERS):
        compare(case, rounds)
    help_time(rounds)
    default_study()


def compare(case: Case, rounds: int) -> None:
    """A case on lanes against the fastest tuned loop."""
    task = case.task()
    short = replace(case, steps=case.steps // 5)
    trials = {tuning: seconds_in_child(tuned_loop(short, task, tuning)) for tuning in tunings(case)}
    best = min(trials, key=lambda tuning: trials[tuning])
    loop, lanes = tuned_loop(case, task, best), lanes_in_a_pool(case, task)
    measures = {"loop": lambda: seconds_in_child(loop), "lanes": lambda: seconds_in_child(lanes)}
    if case is J1:
        flops, repeats = 2 * GEMM[0] * GEMM[1] * GEMM[2], 4000
        gemm = sgemm(*GEMM, repeats, 1)
        measures["sgemm"] = lambda: together(gemm, WORKERS) / (WORKERS * repeats * flops)
    taken = interleaved(measures, rounds)
    member_steps = case.lanes * case.steps
    middle, low, high = ratio(taken["loop"], taken["lanes"])
    aim = f"  aim {AIMS[case.name]}" if case.name in AIMS else "  aim 1.0"
    print(f"{case.name}: {middle:.2f} times the loop ({low:.2f}-{high:.2f}){aim}")
    print(
        f"    loop ({best.threads} threads{', fused' * best.fused}{', channels last' * best.channels_last}) "
        f"{1e6 * median(taken['loop']) / member_steps:.0f} µs, "
        f"lanes ({WORKERS} workers) {1e6 * median(taken['lanes']) / member_steps:.0f} µs per member-step"
    )
    if "sgemm" in taken:
        per_step = 2 * 2 * GEMM[0] * GEMM[1] * GEMM[2] + 3 * 2 * GEMM[0] * GEMM[2] * 10
        reached = [per_step * member_steps * g / s for g, s in zip(taken["sgemm"], taken["lanes"], strict=True)]
        print(
            f"    {100 * median(reached):.0f} % ({100 * min(reached):.0f}-{100 * max(reached):.0f}) of the matrix product's "
            f"{1e-9 / median(taken['sgemm']):.0f} GFLOP/s on {WORKERS} cores  aim 55, then 80"
        )
    sys.stdout.flush()


def help_time(rounds: int) -> None:
    """The time until ``etude --help`` has answered."""
    seconds = []
    for _ in range(rounds):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-m", "etude", "--help"], check=True, capture_output=True)
        seconds.append(time.perf_counter() - began)
    print(f"etude --help: {median(seconds):.2f} s  aim 0.3")


def default_study() -> None:
    """The default digits study from the command to the report, and the memory of all its processes."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "etude", "run", "convergence", "--out", str(Path(folder) / "study")]
        began = time.perf_counter()
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            peak = 0
            while process.poll() is None:
                peak = max(peak, _tree_bytes(process.pid))
                time.sleep(0.1)
        seconds = time.perf_counter() - began
    usage = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"the default digits study: {seconds:.1f} s  aim 40")
    print(
        f"    peak memory of all processes {peak / 2**30:.2f} GiB (proportional set sizes; one process {usage:.0f} MiB)  aim 3"
    )


def _tree_bytes(root: int) -> int:
    """Memory of a process and its children, shared pages counted once (proportional set size)."""
    total, waiting = 0, [root]
    while waiting:
        pid = waiting.pop()
        try:
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
            waiting += map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
        except OSError:
            continue
        total += sum(int(line.split()[1]) * 1024 for line in rollup.splitlines() if line.startswith("Pss:"))
    return total
