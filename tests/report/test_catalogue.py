import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import etude
from etude.core.message import Message
from etude.report import catalogue as catalogue_module
from etude.report.catalogue import LANGUAGES, _checked, placeholders, say
from etude.report.numbers import interval, number

SOURCES = sorted(Path(etude.__file__).parent.rglob("*.py"))


def messages_in(source: Path) -> Iterator[tuple[int, str, set[str] | None]]:
    """Each ``Message("key", {"name": …})`` with literal key: line, key, names of its values if they are literal.

    ``word("key")`` of the report is a message of the page whose values may come later.
    """
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"Message", "word"}):
            continue
        if not (node.args and isinstance(node.args[0], ast.Constant)):
            continue
        if node.func.id == "word":
            yield node.lineno, f"page.{node.args[0].value}", None
            continue
        values = (
            node.args[1] if len(node.args) > 1 else next((k.value for k in node.keywords if k.arg == "values"), None)
        )
        names: set[str] | None = set()
        if isinstance(values, ast.Dict) and all(isinstance(k, ast.Constant) for k in values.keys):
            names = {str(k.value) for k in values.keys if isinstance(k, ast.Constant)}
        elif values is not None:
            names = None
        yield node.lineno, str(node.args[0].value), names


@pytest.mark.parametrize("source", SOURCES, ids=lambda s: str(s.relative_to(Path(etude.__file__).parent)))
def test_every_message_of_the_source_is_in_the_catalogue_with_its_placeholders(source: Path) -> None:
    known = catalogue_module.catalogue()
    for line, key, names in messages_in(source):
        assert key in known, f"{source.name}:{line}: no message {key!r}"
        for language in LANGUAGES:
            if names is not None:
                assert placeholders(known[key][language]) == names, f"{source.name}:{line}: {key!r} in {language}"


def test_messages_are_found_in_a_source(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text('f(Message("a.b", {"x": 1}), Message("c"), Message("d", v), word("e"))')
    assert [(key, names) for _, key, names in messages_in(tmp_path / "a.py")] == [
        ("a.b", {"x"}),
        ("c", set()),
        ("d", None),
        ("page.e", None),
    ]


def test_every_sentence_is_written_and_its_chinese_is_chinese() -> None:
    for key, sentences in catalogue_module.catalogue().items():
        assert all(text.strip() == text and text for text in sentences.values()), key
        words = any(character.isalpha() and character.isascii() for character in sentences["en"].split("{")[0])
        same = sentences["en"] == sentences["zh"]
        assert not (same and words and len(sentences["en"]) > 20), f"{key} is not translated"


def test_an_unknown_key_is_an_error() -> None:
    with pytest.raises(LookupError, match=r"no message 'page\.nonsense'"):
        say(Message("page.nonsense"))


@pytest.mark.parametrize("values", [{}, {"lr": 0.1, "more": 1}])
def test_values_that_are_not_exactly_the_placeholders_are_an_error(values: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"needs \['lr'\]"):
        say(Message("page.eta", values))


@pytest.mark.parametrize(
    ("sentences", "complaint"),
    [
        ({"en": "a"}, "needs exactly"),
        ({"en": "{a}", "zh": "{b}"}, "must be the same"),
        ({"en": "{a.b}", "zh": "{a.b}"}, "plain names"),
    ],
)
def test_a_sentence_that_is_not_the_same_in_both_languages_is_an_error(
    sentences: dict[str, str], complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        _checked("k", sentences)


def test_a_name_with_braces_is_not_read_as_a_placeholder() -> None:
    assert say(Message("page.column.mean", {"name": "{lr.__class__} {0}"})) == "{lr.__class__} {0}, mean"


@pytest.mark.parametrize(
    ("value", "spec", "text"),
    [
        (0.1 + 0.2, ".3g", "0.3"),
        (123456.0, ".3g", "123000"),
        (1.5e7, ".3g", "1.5×10⁷"),
        (-1e-7, ".3g", "−10⁻⁷"),
        (0.0, ".3g", "0"),
        (99.96, ".1f", "100.0"),
        (float("-inf"), ".3g", "−∞"),
    ],
)
def test_numbers_are_printed_for_readers(value: float, spec: str, text: str) -> None:
    assert number(value, spec) == text


def test_an_interval_is_printed_beside_its_estimate() -> None:
    assert interval(2.0, -1.0, 5.0) == "2 [−1, 5]"
