"""How fast Étude is, against what anyone would write with PyTorch. Wants an idle machine.

Every figure is a ratio of measurements that were interleaved in this one run; medians with their range.
"""

from __future__ import annotations

import argparse

import torch
from halving import compare_halving
from monitor import compare_monitor
from rules import compare_rules
from scheduler import compare_schedulers
from sweeps import compare_sweeps

PARTS = {
    "sweeps": compare_sweeps,
    "halving": compare_halving,
    "scheduler": compare_schedulers,
    "rules": compare_rules,
    "monitor": compare_monitor,
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)}; all of them by default")
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    if unknown := set(given.parts) - PARTS.keys():
        parser.error(f"unknown part {', '.join(sorted(unknown))}: known are {', '.join(PARTS)}")
    # A child that forks from a process whose OpenMP threads exist, and then asks for threads of its own, hangs.
    torch.set_num_threads(1)
    for name in given.parts or PARTS:
        PARTS[name](given.rounds)


if __name__ == "__main__":
    main()
