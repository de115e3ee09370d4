"""What a search for a learning rate answers."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal, final

from etude.analysis.finder.verdict import Verdict
from etude.core.message import Message, Value
from etude.integrations.finder.search import Search
from etude.report.catalogue import Language, say
from etude.report.html import write_html

if TYPE_CHECKING:
    from etude.report.page import Page

Confidence = Literal["high", "low"]


@final
@dataclass(frozen=True, eq=False)
class Answer:
    """A learning rate, or the reason why there is none.

    Attributes:
        verdict: The recommendation, or ``None``.
        reason: Why there is none; ``None`` if there is one.
        horizon: Steps that the answer is for.
        measured: Steps of each run that decided; 0 when there was none.
        steps: Training steps that the search took.
        seconds: Time that it took.
        doubts: Why to trust the answer less.
        classical: What the usual rules read off the ramp, by name; the answer does not use them. Empty where there is none.
        search: All that was measured.
        schedule: What the learning rate is planned to do, with its recommended value as the peak; ``None``: stay constant.
    """

    verdict: Verdict | None
    reason: Message | None
    horizon: int
    measured: int
    steps: int
    seconds: float
    search: Search
    doubts: tuple[Message, ...] = ()
    classical: dict[str, float] = field(default_factory=dict)
    schedule: str | None = None

    @property
    def lr(self) -> float | None:
        """Recommended peak learning rate; ``None`` when there is no answer."""
        return self.verdict.lr if self.verdict else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Where the best learning rate for the horizon may lie."""
        return self.verdict.interval if self.verdict else None

    @property
    def confidence(self) -> Confidence | None:
        """How far to trust the answer: low where something speaks against it, or was never tested."""
        if self.verdict is None:
            return None
        return "low" if self.doubts else "high"

    @property
    def regret(self) -> float | None:
        """Loss that is expected to be given away against the best learning rate, in runs of the measured length."""
        return self.verdict.regret if self.verdict else None

    @property
    def edge(self) -> tuple[float | None, float | None]:
        """Largest η whose run was sound and smallest one whose run was not; ``None`` where no run shows it."""
        return self.search.edge

    @property
    def kind(self) -> Literal["constant", "scheduled"]:
        """What the learning rate is planned to do."""
        return "constant" if self.schedule is None else "scheduled"

    @cached_property
    def sentences(self) -> tuple[Message, ...]:
        """The answer in sentences, before they have a language."""
        cost = Message("find.cost", {"steps": self.steps, "seconds": self.seconds})
        if self.verdict is None:
            assert self.reason is not None
            return Message("find.no_answer"), self.reason, cost
        return *_said(self.verdict, self), cost

    def text(self, language: Language = "en") -> str:
        """The answer in a few lines."""
        lines = [say(sentence, language) for sentence in self.sentences]
        if self.classical:
            shown = {name: say(Message("page.eta", {"lr": lr}), language) for name, lr in self.classical.items()}
            rules = ", ".join(f"{name} {lr}" for name, lr in shown.items())
            lines.append(say(Message("find.classical", {"rules": rules}), language))
        return "\n".join(lines)

    def json(self) -> str:
        """The answer for programs."""
        return json.dumps(
            {
                "lr": self.lr,
                "interval": self.interval,
                "edge": self.edge,
                "confidence": self.confidence,
                "expected_regret": self.regret,
                "horizon": self.horizon,
                "schedule": self.schedule,
                "measured_steps": self.measured,
                "steps": self.steps,
                "seconds": round(self.seconds, 3),
                "reason": self.reason and say(self.reason),
                "reason_zh": self.reason and say(self.reason, "zh"),
                "doubts": [say(doubt) for doubt in self.doubts],
                "doubts_zh": [say(doubt, "zh") for doubt in self.doubts],
                "classical": self.classical,
            },
            indent=2,
            ensure_ascii=False,
            allow_nan=False,
        )

    @cached_property
    def page(self) -> Page:
        """The report before it has a medium."""
        from etude.integrations.finder.page import lay_out

        return lay_out(self)

    def write_report(self, path: str | Path) -> Path:
        """Write one self-contained HTML file."""
        write_html(self.page, Path(path))
        return Path(path)


def _how(verdict: Verdict, answer: Answer) -> Message:
    """In what it was measured, and by what it was carried over to the horizon."""
    values: dict[str, Value] = {"measured": answer.measured}
    if answer.schedule is not None:
        values |= {"schedule": answer.schedule}
    if answer.horizon == answer.measured:
        return Message(f"find.measured.{answer.kind}", values)
    values |= {"horizon": answer.horizon, "alpha": verdict.drift.exponent, "error": verdict.drift.error}
    return Message(f"find.carried.{answer.kind}", values)


def _said(verdict: Verdict, answer: Answer) -> list[Message]:
    low, high = verdict.interval
    values: dict[str, Value] = {"lr": verdict.lr, "low": low, "high": high, "horizon": answer.horizon}
    said = [Message(f"find.answer.{answer.confidence}", values), *answer.doubts, _how(verdict, answer)]
    if verdict.capped:
        said.append(Message("find.capped"))
    said.append(
        Message("find.regret", {"regret": verdict.regret, "share": 100 * verdict.share, "measured": answer.measured})
    )
    below, beyond = answer.edge
    if below is not None and beyond is not None:
        said.append(
            Message(f"find.edge.{answer.kind}", {"below": below, "beyond": beyond, "measured": answer.measured})
        )
    else:
        said.append(Message("find.no_edge"))
    return said
