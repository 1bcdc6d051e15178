"""Conventions of words: those of the field instead of private ones, and none of the use case outside of it."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from boathouse.problem.spec import UseCase

# Words that only this project used, by what to write instead: a pattern over words in lower case, blanks between them.
# An identifier is its words: `put_aside` and `PutAside` are "put aside", `lakehouse` and `recommend` are one word each.
PRIVATE_WORDS = {
    "houses?": "environment",
    "harbours?": "environment",
    "governed (model|version)s?": "model version, model history",
    "model life": "model state",
    "(bring|brings|brought|bringing)( \\w+)? in line": "sync",
    "mend(s|ed|ing)?": "sync, repair",
    "obey(s|ed|ing)?": "handle",
    "whoever": "the person who, the process that",
    "anew": "again",
    "lenders?": "session",
    "in charge": "champion",
    "withdrawn": "archived",
    "rivals?": "baseline, compared model",
    "rulings?": "decision record",
    "surroundings": "runtime environment",
    "(put|puts|putting) aside": "quarantined",
    "pretend(s|ed|ing)?": "what is meant: cutoff, default, simulated",
    "delta older": "time travel",
    "earlier rows": "existing rows",
    "tells": "says, returns, shows: the plain verb",
    "nobody": "no person, no process, none",
}
# In how many places each still occurs: a ratchet. Lower it when some are gone; a pattern without a line here is gone.
# The hidden name of `models sync` ("mend") stays for one release; `rival*` are columns of the table audit.comparisons.
PRIVATE_WORDS_LEFT = {
    "mend(s|ed|ing)?": 1,
    "rivals?": 5,
}

# Where the use case may not be named, prose included. Elsewhere (conf, docs, benchmarks) the project is shown at work.
DOMAIN_FREE = ("src/boathouse/", "tests/")
OF_THE_PROJECT = (
    "src/boathouse/use_case/",
    *(f"tests/{name}/" for name in ("use_case", "cli", "pipelines", "parity", "golden", "conventions")),
)
# In how many places each room still names the use case: a ratchet. A room without a line here is clean.
DOMAIN_WORDS_LEFT = {
    "tests/evaluation": 10,
    "tests/fixtures": 81,
    "tests/hooks": 50,
    "tests/modelling": 10,
    "tests/repository": 9,
    "tests/serving": 2,
    "tests/tables": 1,
}
# Names in the use case's contracts that every use case has: those of the platform's own tables.
OF_THE_PLATFORM = frozenset(
    "observed_on label_event_date label_known_on split split_version split_seed broken_rules probability decision "
    "reasons model_name "
    "prediction_id role feature_versions data_versions run_id request_id requested_at kind stream_id source_batch "
    "dead_at model_version scored_at _batch_id _source_file _ingested_at".split()
)
# Tests of these rooms stand on the toy use case. How many of their files still import the one of the credit cards.
LIBRARY_TESTS = (
    *("tables", "problem", "features", "scoring", "simulation", "lifecycle", "registry", "lineage", "serving"),
    *("endpoints", "inference", "evaluation", "modelling", "monitoring", "reports"),
)
USE_CASE_IMPORTS_LEFT = 0

_PIECE = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")


def find_private_words(texts: Iterable[tuple[str, str]], pattern: str) -> list[str]:
    """Return ``path:line`` of each place that has words which match ``pattern``, in prose or in an identifier."""
    return [place for path, text in texts for place in _find_words(path, text, pattern)]


def _find_words(path: str, text: str, pattern: str) -> list[str]:
    pieces = [(word.lower(), at) for at, line in enumerate(text.splitlines(), 1) for word in _PIECE.findall(line)]
    words = " ".join(word for word, _ in pieces)
    starts = (match.start() for match in re.finditer(rf"(?<!\S)(?:{pattern})(?!\S)", words))
    return [f"{path}:{pieces[words.count(' ', 0, start)][1]}" for start in starts]


def domain_words(use_case: UseCase) -> dict[str, str]:
    """Return by name what only ``use_case`` may name, as a pattern over text: words, currency, tables and columns.

    Of columns, features and views those of several words count (``bill_amt``): one word alone (``age``) is one of the
    language too. A table counts with its schema and as the extract's file. What an observation is called may be a word
    of SQL or Python, as "statement" is: of it the plural counts, unless it says whose (``SQL statements``).
    """
    words = {use_case.entity.singular, use_case.entity.plural, use_case.words.observations}
    names = {column.name for contract in use_case.contracts.values() for column in contract.columns}
    names |= {use_case.label.name, *use_case.feature_names, *(view.name for view in use_case.views)}
    patterns = {word: rf"(?i:(?<!SQL )(?<![^\W_]){re.escape(word)}(?![^\W_]))" for word in words}
    patterns |= {name: rf"(?<!\w){re.escape(name)}(?!\w)" for name in names if "_" in name.strip("_")}
    for source in use_case.sources:
        patterns[f"clean.{source.name}"] = rf"(?<!\w)(?:raw|clean)\.{source.name}(?!\w)|(?<!\w){source.name}\.csv\b"
    return patterns | {use_case.words.currency: re.escape(use_case.words.currency)}


def find_domain_words(texts: Iterable[tuple[str, str]], patterns: Mapping[str, str]) -> list[str]:
    """Return ``path:line: word`` of each word of the use case in ``texts``, prose and strings included.

    Args:
        texts: Path and text of each file.
        patterns: What :func:`domain_words` gave.
    """
    searched = {name: re.compile(pattern) for name, pattern in patterns.items() if name not in OF_THE_PLATFORM}
    return [
        f"{path}:{number}: {name}"
        for path, text in texts
        for name, pattern in searched.items()
        # Most files have none of most words: looking for the letters alone is quick.
        if name.rpartition(".")[2].lower() in text.lower()
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]


def room_of(path: str) -> str:
    """Return the folder by which places are counted: ``src/boathouse/<room>`` or ``tests/<room>``."""
    parts = path.split(":", maxsplit=1)[0].split("/")
    return "/".join(parts[: 3 if parts[0] == "src" else 2])


def imports_package(text: str, package: str) -> bool:
    """Return whether a module imports ``package`` or a module of it, inside functions and for types too."""
    imported = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            imported |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return any(name == package or name.startswith(f"{package}.") for name in imported)
