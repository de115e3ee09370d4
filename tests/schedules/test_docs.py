"""What the page on schedules says can be run."""

import doctest
import re
from pathlib import Path

import pytest

from etude.schedules import parse_schedule
from etude.schedules.kinds import KINDS

PAGE = (Path(__file__).parents[2] / "docs" / "schedules.md").read_text(encoding="utf-8")
EXPRESSIONS = [line for block in re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_every_expression_on_the_page_is_a_schedule(expression: str) -> None:
    assert parse_schedule(expression, 1000, epoch=100).steps == 1000


def test_every_segment_of_the_notation_is_on_the_page() -> None:
    written = {name for line in EXPRESSIONS for name in re.findall(r"(?:^|> )(\w+)", line)}
    assert written == set(KINDS)


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_prints_what_the_page_says(example: str) -> None:
    test = doctest.DocTestParser().get_doctest(example, {}, "docs/schedules.md", None, 0)
    assert test.examples
    failed, _ = doctest.DocTestRunner(verbose=False).run(test)
    assert failed == 0
