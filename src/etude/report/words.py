"""Texts in every language at once, for media that let the reader switch."""

from __future__ import annotations

from etude.core.finding import Finding
from etude.core.message import Message
from etude.report import catalogue
from etude.report.catalogue import LANGUAGES, say
from etude.report.figures import Text
from etude.report.numbers import NOTHING, interval, number

Both = dict[str, str]
"""One text in every language."""


def both(text: Text, **parts: Text) -> Both:
    """Say a text in every language; ``parts`` are texts that go into a message's placeholders."""
    if isinstance(text, str):
        return dict.fromkeys(LANGUAGES, text)
    return {
        language: say(
            Message(text.key, text.values | {name: say(part, language) for name, part in parts.items()}), language
        )
        for language in LANGUAGES
    }


def word(key: str, **values: str | float) -> Message:
    """A fixed word of the page."""
    return Message(f"page.{key}", dict(values))


def estimate(finding: Finding) -> Text:
    """A finding's estimate with its interval and unit, or a dash."""
    if finding.estimate is None:
        return NOTHING
    found = finding.estimate, finding.interval
    text = number(found[0]) if found[1] is None else interval(found[0], *found[1])
    key = finding.unit.replace(" ", "_")
    if f"page.unit.{key}" in catalogue.catalogue():
        return word(f"unit.{key}", estimate=text)
    return f"{text} {finding.unit}".strip()
