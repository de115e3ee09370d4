import json
import math
from dataclasses import replace

import numpy as np

from etude.core.finding import Finding, Verdict
from etude.report.json import findings_json
from etude.report.page import Page


def test_the_findings_are_said_in_both_languages(convergence: Page) -> None:
    data = json.loads(findings_json(convergence))
    assert data["study"] == "convergence"
    assert [f["name"] for f in data["findings"]] == ["best_lr", "edge", "sharpness"]
    best = data["findings"][0]
    assert best["question"] == "Which learning rate trains best?"
    assert best["question_zh"] == "哪个学习率的训练效果最好？"
    assert best["verdict"] == "supported"
    assert best["statement"].startswith("A parabola")
    assert best["statement_zh"].startswith("在 log η 上")
    assert (best["estimate"], best["interval"], best["unit"]) == (0.13, [0.09, 0.18], "")
    assert data["findings"][2]["estimate"] is None


def test_what_is_not_finite_stays_distinct_and_the_text_stays_valid(convergence: Page) -> None:
    word = convergence.title
    details = {
        "curve": np.array([1.0, math.nan, math.inf]),
        "counts": (np.int64(3), -math.inf, None),
        "verdict": Verdict.REFUTED,
    }
    finding = Finding("f", word, Verdict.REFUTED, word, math.inf, (1.0, math.inf), "", details)
    text = findings_json(replace(convergence, findings=(finding,)))
    parsed = json.loads(text, parse_constant=lambda token: (_ for _ in ()).throw(ValueError(token)))["findings"][0]
    assert parsed["estimate"] == "inf"
    assert parsed["interval"] == [1.0, "inf"]
    assert parsed["details"] == {"curve": [1.0, "nan", "inf"], "counts": [3, "-inf", None], "verdict": "refuted"}
