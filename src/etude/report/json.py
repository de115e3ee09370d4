"""The findings of a page as JSON, for programs.

JSON has no NaN and no infinity: such numbers become the strings ``"nan"``, ``"inf"`` and ``"-inf"``, which stay distinct
from ``null``, "there is no number".
"""

from __future__ import annotations

import json
import math
from enum import Enum
from typing import Any

import numpy as np

from etude.core.finding import Finding
from etude.report.catalogue import say
from etude.report.page import Page


def findings_json(page: Page, indent: int | None = 2) -> str:
    """The study's name, its answer, its findings, and the command that makes it again.

    Sentences are in English; ``question_zh``, ``statement_zh`` and ``answer_zh`` hold the Chinese ones.
    """
    plain = {
        "study": page.study,
        "answer": [say(message) for message in page.answer],
        "answer_zh": [say(message, "zh") for message in page.answer],
        "findings": [_finding(finding) for finding in page.findings],
        "command": page.command,
    }
    return json.dumps(_finite(plain), indent=indent, ensure_ascii=False, allow_nan=False)


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "name": finding.name,
        "question": say(finding.question),
        "verdict": finding.verdict.value,
        "statement": say(finding.statement),
        "estimate": finding.estimate,
        "interval": finding.interval,
        "unit": finding.unit,
        "details": finding.details,
        "runs": finding.runs,
        "question_zh": say(finding.question, "zh"),
        "statement_zh": say(finding.statement, "zh"),
    }


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(name): _finite(v) for name, v in value.items()}
    if isinstance(value, tuple | list):
        return [_finite(v) for v in value]
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, np.ndarray | np.generic):
        return _finite(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value
