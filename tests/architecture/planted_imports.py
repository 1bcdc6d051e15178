"""Plant imports in a copy of the source, case by case, and print as JSON which contracts each breaks.

Usage: ``python planted_imports.py FOLDER < CASES``. FOLDER has ``src/boathouse`` and ``pyproject.toml``; its ``src``
is on the Python path. CASES is a JSON list; a case maps the path of a module below ``src/boathouse``, old or new, to
the lines that are put at its end. The answer is a list of the same length with the ids of the contracts that are
broken. It needs a process of its own, since the package that is read has to be the one in FOLDER.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any

from importlinter import configuration
from importlinter.application import use_cases
from importlinter.domain.contract import registry


def main() -> None:
    """Read the cases from stdin and write the ids of the broken contracts to stdout."""
    folder = Path(sys.argv[1])
    configuration.configure()
    options = use_cases.read_user_options(str(folder / "pyproject.toml"))
    # Import-linter has no public way to check contracts without printing a report.
    use_cases._register_contract_types(options)
    answers = []
    for case in json.load(sys.stdin):
        with planted(folder / "src" / "boathouse", case):
            answers.append(find_broken(options, cache=folder / "cache"))
    json.dump(answers, sys.stdout)


@contextmanager
def planted(package: Path, case: Mapping[str, str]) -> Iterator[None]:
    """Put the lines of ``case`` into their modules, and take them out at the end."""
    before = {package / name: (package / name).exists() and (package / name).read_text("utf-8") for name in case}
    for path, text in before.items():
        path.write_text(f"{text or ''}\n{case[path.relative_to(package).as_posix()]}\n", encoding="utf-8")
    yield
    for path, text in before.items():
        if text is False:
            path.unlink()
        else:
            path.write_text(text, encoding="utf-8")


def find_broken(options: Any, *, cache: Path) -> list[str]:
    """Return the ids of the contracts that the package on the Python path breaks, in the order of pyproject.toml."""
    session = options.session_options
    graph = use_cases._build_graph(
        root_package_names=session["root_packages"],
        include_external_packages=True,
        exclude_type_checking_imports=True,
        verbose=False,
        cache_dir=str(cache),
    )
    broken = []
    for section in options.contracts_options:
        contract = registry.get_contract_class(section["type"])(section["name"], session, section)
        if not contract.check(deepcopy(graph), verbose=False).kept:
            broken.append(section["id"])
    return broken


if __name__ == "__main__":
    main()
