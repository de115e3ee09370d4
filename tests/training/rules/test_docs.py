"""The page on update rules against the code."""

from __future__ import annotations

import dataclasses
import math
import re
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
import torch

from etude.core.rule import WHOLE, Rule
from etude.studies.optimizers import RULES, read_optimizer
from etude.training.rules import AdamW
from etude.training.rules.joint import joint

PAGE = (Path(__file__).parents[3] / "docs" / "rules.md").read_text(encoding="utf-8")


def table(heading: str) -> dict[str, list[str]]:
    """Cells after the first, by the name in the first."""
    part = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = [re.split(r"(?<!\\)\|", line)[1:-1] for line in part.splitlines() if line.startswith("| `")]
    return {row[0].strip(" `"): [cell.strip() for cell in row[1:]] for row in rows}


STEPS = table("What they do")
COSTS = table("What they cost, and what η means")
ORIGINS = table("Where they come from, and who differs")
EVERY = pytest.mark.parametrize("name", RULES)


def written(value: Any) -> str:
    """A hyperparameter as the page writes it."""
    if isinstance(value, AdamW):
        default = AdamW()
        names = (f.name for f in dataclasses.fields(value))
        own = [f"{n}={written(getattr(value, n))}" for n in names if getattr(value, n) != getattr(default, n)]
        return f"adamw({', '.join(own)})"
    if isinstance(value, Enum):
        return str(value.value)
    if value is None or isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}"


@pytest.mark.parametrize("rows", [STEPS, COSTS, ORIGINS])
def test_every_table_has_every_rule_in_the_order_of_the_command_line(rows: dict[str, list[str]]) -> None:
    assert list(rows) == list(RULES)
    assert all(all(cells) for cells in rows.values())
    assert len({len(cells) for cells in rows.values()}) == 1


@EVERY
def test_the_hyperparameters_and_their_defaults_are_the_codes(name: str) -> None:
    fields = dataclasses.fields(RULES[name])
    assert STEPS[name][-1] == f"`{', '.join(f'{f.name}={written(f.default)}' for f in fields)}`"


def kept(rule: Rule) -> float:
    """Tensors as large as a matrix of 40 × 60 that a rule keeps of it; what belongs to a lane or a side is a small part."""
    state = joint(rule).init_all({"w": torch.zeros(1, 40, 60)})
    return sum(v.numel() for v in state["w"].values()) / 2400


@EVERY
def test_the_state_is_as_large_as_the_page_says(name: str) -> None:
    cell, rule = COSTS[name][0], read_optimizer(name + ("(momentum=0)" if name == "sgd" else ""), {})
    expected = 100 / 2400 if cell.startswith("a row and a column") else float(re.match(r"\d+", cell)[0])
    assert math.isclose(kept(rule), expected, abs_tol=0.01)


@pytest.mark.parametrize(
    ("text", "tensors"),
    [
        ("sgd(momentum=0.9)", 1),
        ("rmsprop(momentum=0.9)", 2),
        ("rmsprop(momentum=0.9, centered=true)", 3),
        ("dog(average=false)", 1),
    ],
)
def test_the_state_of_variants_is_as_large_as_the_page_says(text: str, tensors: int) -> None:
    assert kept(read_optimizer(text, {})) == tensors


def test_the_rest_under_muon_and_a_vector_under_adafactor_keep_what_the_page_says() -> None:
    vector = {"b": torch.zeros(1, 50)}
    sizes = {n: sum(v.numel() for v in joint(RULES[n]()).init_all(vector)["b"].values()) for n in ("muon", "adafactor")}
    assert sizes == {"muon": 100, "adafactor": 50}


def test_what_a_whole_run_shares_is_numbers_only() -> None:
    for name in ("prodigy", "dadapt-adam", "dog"):
        state = joint(RULES[name]()).init_all({"w": torch.zeros(3, 40, 60)})
        assert {v.shape for v in state[WHOLE].values()} == {(3,)}


@EVERY
def test_the_reference_is_the_docstrings(name: str) -> None:
    doc = RULES[name].__doc__ or ""
    for preprint in re.findall(r"arXiv:[\d.]+", ORIGINS[name][0]):
        assert preprint in doc
    for year in re.findall(r"\b(?:19|20)\d\d\b", ORIGINS[name][0]):
        assert year in doc


@EVERY
def test_the_usual_learning_rate_lies_in_its_range(name: str) -> None:
    usual, *ends = (float(number) for number in re.findall(r"[\d.]+(?:e-\d+)?", COSTS[name][-1]))
    if ends:
        assert ends[0] <= usual <= ends[1]


def test_the_example_on_the_page_can_be_written_on_the_command_line() -> None:
    (text,) = re.findall(r"--optimizer '(.*?)'", PAGE)
    assert read_optimizer(text, {}) == AdamW(beta2=0.95, weight_decay=0.1)
    assert read_optimizer("sgd", {}) == read_optimizer("sgd(momentum=0.9)", {})
