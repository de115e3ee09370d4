"""The étude decay, end to end on a small race."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import etude
from etude.core.errors import SpecError
from etude.core.finding import Verdict
from etude.report.catalogue import LANGUAGES
from etude.schedules.notation import parse_schedule
from etude.studies.decay import arms as families
from etude.studies.decay.arms import FAMILIES, FEWEST_STEPS, SHARES
from etude.studies.study import Answer

SMALL: dict[str, Any] = {"lr": "0.1:0.8:4", "seeds": 3, "steps": 60, "batch_size": 32, "hidden": (16,)}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Answer]:
    """Three schedules at two horizons, one of them the user's."""
    few = {name: FAMILIES[name] for name in ("constant", "linear")}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(families, "FAMILIES", few)
        patch.setattr(families, "SHARES", (1.0, 0.5))
        folder = tmp_path_factory.mktemp("decay") / "study"
        yield etude.Study("decay", out=folder, schedule="warmup(10%) > cosine", **SMALL).run(workers=0)


@pytest.mark.parametrize("text", FAMILIES.values())
@pytest.mark.parametrize("steps", [round(share * FEWEST_STEPS) for share in SHARES] + [250, 1001])
def test_every_family_begins_at_the_peak_and_never_rises(text: str, steps: int) -> None:
    schedule = parse_schedule(text, steps)
    m = np.array([schedule(t) for t in range(steps)])
    assert m[0] == pytest.approx(1)
    assert (np.diff(m) <= 1e-12).all()
    assert m[-1] > 0


def test_all_arms_of_a_horizon_have_the_same_budget_and_only_the_schedule_differs(small: Answer) -> None:
    sweeps = small.stored.sweeps
    assert [sweep.arm.base.steps for sweep in sweeps] == [60] * 3 + [30] * 3
    for sweep in sweeps:
        other = sweeps[0].arm.base
        base = sweep.arm.base
        assert (base.task, base.rule, base.batch_size, base.clip_norm) == (
            other.task,
            other.rule,
            other.batch_size,
            other.clip_norm,
        )
        assert sweep.table.ran.all()
        assert sweep.table.seeds.tolist() == [0, 1, 2]
    assert [sweep.arm.label for sweep in sweeps[:3]] == ["constant", "linear", "warmup(10%) > cosine"]


def test_grids_are_refined_around_each_best(small: Answer) -> None:
    for sweep in small.stored.sweeps:
        mean = sweep.table.result("validation_loss").mean(axis=1)
        best = int(np.argmin(mean))
        assert 0 < best < len(mean) - 1
        assert max(np.diff(sweep.table.octaves)[best - 1 : best + 1]) <= 0.51


def test_the_findings_answer_the_race_and_its_horizons(small: Answer) -> None:
    names = ["race_fair", "race_winner", "race_apart", "race_price", "race_basin", "race_pace", "race_horizons"]
    assert [finding.name for finding in small.stored.findings] == names
    assert small["race_fair"].verdict is Verdict.SUPPORTED
    assert small["race_winner"].details["comparisons"] == 3
    assert small["race_horizons"].details["comparisons"] == 6
    assert small["race_horizons"].details["horizons"] == (30, 60)


def test_the_page_shows_contest_shapes_valleys_prices_and_horizons(small: Answer) -> None:
    page = small.page
    assert [figure.id for figure in page.figures] == ["contest", "shapes", "ways", "valleys", "price", "horizons"]
    for language in LANGUAGES:
        assert small.text(language)
    html = (small.folder / "report.html").read_text()
    assert "warmup(10%) &gt; cosine" in html or "warmup(10%) > cosine" in html
    horizons = page.figures[-1]
    best = np.array([line.y for line in horizons.lines]).min(axis=0)  # type: ignore[union-attr]
    np.testing.assert_allclose(best, 1)


def test_too_few_steps_to_halve_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="decay needs at least 40 steps, got 10"):
        etude.Study("decay", out=tmp_path / "s", steps=10).run(workers=0)


def test_a_second_axis_is_refused() -> None:
    with pytest.raises(SpecError, match="decay compares arms of its own"):
        etude.Study("decay", grid="momentum=0:0.9:2")
