"""Text uses the words of the field, and nothing but the use case names what it is about.

A test fails with more places than before: use another word there. With fewer than the ratchet in vocabulary.py has:
lower it.
"""

from __future__ import annotations

from collections import defaultdict

import pytest

from boathouse.use_case import USE_CASE
from tests.conventions import project
from tests.conventions import vocabulary as conventions

# A test may name a word to show that it is found, or the name that something had before.
PROSE = [(path, text) for path, text in project.texts() if not path.startswith(("tests/", "CHANGELOG.md", "LICENSE"))]


@pytest.mark.parametrize("pattern", conventions.PRIVATE_WORDS)
def test_private_word_becomes_rarer(pattern: str) -> None:
    places = conventions.find_private_words(PROSE, pattern)
    instead = conventions.PRIVATE_WORDS[pattern]
    assert len(places) <= conventions.PRIVATE_WORDS_LEFT.get(pattern, 0), f"write: {instead}\n" + "\n".join(places)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("houses?", "class House:"),
        ("houses?", "a_house = 1"),
        ("harbours?", "HARBOUR"),
        ("lenders?", "the Lender's"),
        ("(put|puts|putting) aside", "rows_put_aside"),
        ("(put|puts|putting) aside", "they are put\naside"),
        ("in charge", "who is in charge."),
        ("(bring|brings|brought|bringing)( \\w+)? in line", "def bring_registry_in_line():"),
        ("mend(s|ed|ing)?", "cycle.mend()"),
        ("whoever", "Whoever asks"),
        ("pretend(s|ed|ing)?", "what a run pretends to know"),
        ("obey(s|ed|ing)?", "obey"),
        ("anew", "`begin anew`"),
    ],
)
def test_private_word_is_found(pattern: str, text: str) -> None:
    assert pattern in conventions.PRIVATE_WORDS
    assert conventions.find_private_words([("a.py", f"one\n{text}\nthree")], pattern) == ["a.py:2"]


@pytest.mark.parametrize("text", ["boathouse.lakehouse", "warehouse", "recommend, amend", "surcharge", "in"])
def test_part_of_another_word_is_no_private_word(text: str) -> None:
    found = [conventions.find_private_words([("a.py", text)], pattern) for pattern in conventions.PRIVATE_WORDS]
    assert not any(found)


def test_every_ratchet_is_of_a_private_word() -> None:
    assert conventions.PRIVATE_WORDS_LEFT.keys() <= conventions.PRIVATE_WORDS.keys()


def test_only_the_use_case_names_what_it_is_about() -> None:
    texts = [
        (path, text)
        for path, text in project.texts()
        if path.startswith(conventions.DOMAIN_FREE) and not path.startswith(conventions.OF_THE_PROJECT)
    ]
    by_room = defaultdict(list)
    for place in conventions.find_domain_words(texts, conventions.domain_words(USE_CASE)):
        by_room[conventions.room_of(place)].append(place)
    more = {
        room: places for room, places in by_room.items() if len(places) > conventions.DOMAIN_WORDS_LEFT.get(room, 0)
    }
    assert more == {}


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("One row per customer.", "customer"),
        ("rank CUSTOMERS well", "customers"),
        ("new_customers = 1", "customers"),
        ("synthetic statements", "statements"),
        ('"clean.customers"', "clean.customers"),
        ("raw.defaults", "clean.defaults"),
        ("transactions.csv", "clean.transactions"),
        ("cost in NT$ per row", "NT$"),
        ("sum(bill_amt)", "bill_amt"),
        ("utilisation_after_request", "utilisation_after_request"),
        ('name="missed_payment"', "missed_payment"),
        ("features.customer_profile", "customer_profile"),
    ],
)
def test_word_of_the_use_case_is_found(text: str, word: str) -> None:
    places = conventions.find_domain_words([("a.py", f"one\n{text}")], conventions.domain_words(USE_CASE))
    assert f"a.py:2: {word}" in places


@pytest.mark.parametrize(
    "text",
    [
        "a SQL statement",
        "two SQL statements",
        "the defaults of options",
        "transactions of a table",
        "the age of a table",
        "a month",
        "model_version, scored_at and prediction_id",
        "customerless, customs",
        "model card",
    ],
)
def test_other_words_are_no_words_of_the_use_case(text: str) -> None:
    assert conventions.find_domain_words([("a.py", text)], conventions.domain_words(USE_CASE)) == []


def test_tests_of_the_library_stand_on_the_toy_use_case() -> None:
    importing = [
        path
        for room in conventions.LIBRARY_TESTS
        for path, text in project.python_files(project.ROOT / "tests" / room)
        if conventions.imports_package(text, "boathouse.use_case")
    ]
    assert len(importing) <= conventions.USE_CASE_IMPORTS_LEFT, "\n".join(importing)


@pytest.mark.parametrize(
    ("text", "imports"),
    [
        ("from boathouse.use_case import USE_CASE", True),
        ("def f():\n    import boathouse.use_case.label", True),
        ("from boathouse import use_case", True),
        ("from boathouse.use_cases import x", False),
        ("from tests.fixtures.toy.use_case import USE_CASE", False),
    ],
)
def test_import_of_the_use_case_is_found(text: str, imports: bool) -> None:
    assert conventions.imports_package(text, "boathouse.use_case") is imports
