"""The message catalogue: each sentence in every language.

``messages/*.toml`` hold one table per key, ``[best_lr.interior]``, with ``en`` and ``zh``: format strings whose
placeholders are plain names, the same ones in both languages. The sentence decides how its numbers are printed.
"""

from __future__ import annotations

import string
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Literal, get_args

from etude.core.message import Message, Value
from etude.report.numbers import number

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = get_args(Language)

Sentences = Mapping[Language, str]


def say(message: Message | str, language: Language = "en") -> str:
    """Say a message in a language; a plain string is a name and reads the same in every language.

    Raises:
        LookupError: When the catalogue has no such key.
        ValueError: When the message's values are not exactly the sentence's placeholders.

    Example:
        >>> say(Message("page.eta", {"lr": 0.000012}))
        'η = 1.2×10⁻⁵'
    """
    if isinstance(message, str):
        return message
    sentences = catalogue().get(message.key)
    if sentences is None:
        raise LookupError(f"the catalogue has no message {message.key!r}: add it to report/messages/*.toml")
    needed = placeholders(sentences[language])
    if needed != set(message.values):
        raise ValueError(
            f"message {message.key!r} needs {sorted(needed)}, got {sorted(message.values)}: pass exactly those values"
        )
    return _TYPESETTER.vformat(sentences[language], (), dict(message.values))


@cache
def catalogue() -> Mapping[str, Sentences]:
    """All messages by key.

    Raises:
        ValueError: When a key is defined twice, lacks a language, or has unequal placeholders.
    """
    known: dict[str, Sentences] = {}
    for source in sorted(files("etude.report").joinpath("messages").iterdir(), key=lambda f: f.name):
        if source.name.endswith(".toml"):
            for key, sentences in _flat(tomllib.loads(source.read_text(encoding="utf-8"))):
                if key in known:
                    raise ValueError(f"{source.name} defines {key!r} a second time: rename one of them")
                known[key] = _checked(key, sentences)
    return known


def placeholders(sentence: str) -> set[str]:
    """Names of the values that a sentence needs.

    Example:
        >>> sorted(placeholders("{best:.3g} of {runs} runs"))
        ['best', 'runs']
    """
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name is not None}


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, dict[str, str]]]:
    sentences = {name: value for name, value in table.items() if isinstance(value, str)}
    if sentences:
        yield prefix, sentences
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}.{name}" if prefix else name)


def _checked(key: str, sentences: dict[str, str]) -> Sentences:
    if set(sentences) != set(LANGUAGES):
        raise ValueError(f"message {key!r} is written in {sorted(sentences)}: it needs exactly {list(LANGUAGES)}")
    needed = {language: placeholders(sentences[language]) for language in LANGUAGES}
    if needed["en"] != needed["zh"]:
        raise ValueError(f"message {key!r} has placeholders {needed}: they must be the same in both languages")
    if not all(name.isidentifier() for name in needed["en"]):
        raise ValueError(f"message {key!r} has placeholders {needed['en']}: only plain names are allowed")
    return {language: sentences[language] for language in LANGUAGES}


class _Typesetter(string.Formatter):
    """``str.format``, but numbers are printed by ``number``."""

    def format_field(self, value: Value, format_spec: str) -> str:
        if isinstance(value, str):
            return format(value, format_spec)
        default = ".3g" if isinstance(value, float) else "d"
        return number(value, format_spec or default)


_TYPESETTER = _Typesetter()
