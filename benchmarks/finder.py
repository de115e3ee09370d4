"""How good the finder's learning rates are, beside other libraries' and against dense sweeps: `make scoreboard-finder`.

For each problem the truth is the mean final validation loss over five seeds at 24 learning rates that were trained for the
whole horizon; it is stored in ``finding/truth`` and made again by ``make truth``. Each method names a learning rate for each
of three other seeds. Its regret is what the truth loses there against its minimum, as a share of the attainable range, which
is the loss before training minus the minimum. What other libraries suggest is stored in ``finding/peers.json``.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import torch
from finding.compare import disagreement
from finding.methods import METHODS, SEEDS, Search
from finding.peers import FILE
from finding.problems import HALVES, Problem, problems
from finding.tables import report
from finding.truth import FOLDER, load, measure, store


def main() -> None:
    """Search and print the tables, or measure the truth."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--half", choices=HALVES, help="only these problems")
    parser.add_argument("--only", metavar="NAME", help="only this problem")
    parser.add_argument(
        "--truth", action="store_true", help="measure the truth anew and compare it with the stored one"
    )
    parser.add_argument("--write", action="store_true", help="with --truth: store what is measured")
    parser.add_argument("--json", type=Path, help="where to keep the answers, or where to read them if it exists")
    given = parser.parse_args()
    torch.set_num_threads(1)
    chosen = [p for p in problems() if given.half in (None, p.half) and given.only in (None, p.name)]
    if given.truth:
        measure_truths(chosen, write=given.write)
        return
    searches = kept(given.json) if given.json and given.json.exists() else list(searched(chosen))
    if given.json and not given.json.exists():
        given.json.write_text("[\n" + ",\n".join(json.dumps(asdict(s)) for s in searches) + "\n]\n")
    names = {p.name for p in chosen}
    known = [s for s in [*searches, *kept(FILE)] if s.problem in names]
    print(report(chosen, {p.name: load(p) for p in chosen}, known))


def searched(chosen: Sequence[Problem]) -> Iterator[Search]:
    """What the methods say that need no other library."""
    for problem in chosen:
        for seed in SEEDS:
            for method in METHODS:
                yield method(problem, seed)


def kept(path: Path) -> list[Search]:
    """Stored answers."""
    rows = json.loads(path.read_text())
    return [Search(**row | {"interval": tuple(row["interval"]) if row.get("interval") else None}) for row in rows]


def measure_truths(chosen: Sequence[Problem], *, write: bool) -> None:
    """Measure truths anew; without ``write`` the program fails when one disagrees with what is stored."""
    failed = []
    for problem in chosen:
        told = measure(problem)
        if write:
            store(told, FOLDER / f"{problem.name}.json")
            print(f"{problem.name} stored", flush=True)
            continue
        found = disagreement(problem, told)
        print(f"{problem.name}: {found}", flush=True)
        failed += [] if found.agrees else [problem.name]
    if failed:
        raise SystemExit(f"the stored truth disagrees with the measured one for {', '.join(failed)}")


if __name__ == "__main__":
    main()
