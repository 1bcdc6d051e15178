"""Modules have a subject; functions are short and documented."""

from __future__ import annotations

import pytest

from tests.conventions import code_shape as conventions
from tests.conventions import project


def functions() -> list[conventions.Function]:
    return [one for path, text in project.python_files() for one in conventions.find_functions(path, text)]


def planted(body_lines: int, *, name: str = "count_rows", docstring: bool = True) -> list[conventions.Function]:
    text = f'"""A module."""\n\n\ndef {name}():\n'
    text += '    """Return nothing.\n\n    For a reason.\n    """\n\n    # Said why.\n' if docstring else ""
    return list(conventions.find_functions("a.py", text + "    x = 1\n" * body_lines))


def test_no_function_is_too_long() -> None:
    assert conventions.find_long_functions(functions()) == []


def test_long_function_is_found_and_only_code_counts() -> None:
    assert conventions.find_long_functions(planted(50)) == []
    assert conventions.find_long_functions(planted(51)) == ["a.py:4: count_rows: 51 lines"]


def test_functions_are_short_on_the_whole() -> None:
    assert conventions.describe_lengths(functions()) == []


def test_many_long_functions_are_found() -> None:
    assert conventions.describe_lengths(planted(8) * 9 + planted(25)) == []
    assert conventions.describe_lengths(planted(9) * 10) == ["median of 9.0 body lines, 8 at most"]
    assert conventions.describe_lengths(planted(1) * 8 + planted(30) * 2)[0].startswith("nine in ten")


def test_public_functions_are_documented() -> None:
    assert conventions.find_undocumented(functions()) == []


def test_undocumented_function_is_found() -> None:
    bare = planted(1, docstring=False) + planted(1, name="_count_rows", docstring=False)
    assert conventions.find_undocumented(bare) == ["a.py:4: count_rows"]


def test_undocumented_method_is_found() -> None:
    text = "class Rows:\n    def count(self):\n        return 1\n\n    def _keep(self):\n        return 1\n"
    assert conventions.find_undocumented(conventions.find_functions("a.py", text)) == ["a.py:2: Rows.count"]


def test_files_are_of_a_length_to_read() -> None:
    assert conventions.find_long_files(project.python_files()) == []


def test_long_file_is_found() -> None:
    assert conventions.find_long_files([("a.py", "\n" * 401), ("b.py", "\n" * 400)]) == ["a.py: 401 lines"]


def test_short_files_that_one_file_imports_become_fewer() -> None:
    """More than before: merge a new one into the file that imports it. Fewer: lower SHORT_FILES to their number."""
    found = conventions.find_short_files(dict(project.python_files()))
    assert len(found) <= conventions.SHORT_FILES, "\n".join(found)


SHORT = {
    "src/p/__init__.py": "from p.handed import hand\n",
    "src/p/one.py": "from p.part import x\nfrom p import shared\n",
    "src/p/two.py": "def f():\n    import p.shared\n    from p import hand\n",
    "src/p/three.py": "from p import hand, long\n",
    "src/p/part.py": "x = 1\n" * 39,
    "src/p/shared.py": "",
    "src/p/handed.py": "hand = 1\n",
    "src/p/long.py": "x = 1\n" * 40,
}


def test_short_file_with_one_importer_is_found() -> None:
    """Not one with two importers, nor one whose name two modules take from the package, nor a longer one."""
    assert conventions.find_short_files(SHORT) == ["src/p/part.py: 39 lines, imported by p.one alone"]
    fewer = SHORT | {"src/p/two.py": ""}
    assert [found.split(":")[0] for found in conventions.find_short_files(fewer)] == [
        "src/p/part.py",
        "src/p/shared.py",
        "src/p/handed.py",
    ]


def test_modules_have_a_subject() -> None:
    paths = [path for folder in ("src", "tests") for path, _ in project.python_files(project.ROOT / folder)]
    assert conventions.find_subjectless(paths) == []


@pytest.mark.parametrize("path", ["src/utils.py", "src/helpers/dates.py", "core/table_manager.py", "core/common.py"])
def test_module_without_subject_is_found(path: str) -> None:
    assert conventions.find_subjectless([path, "core/drift.py", "core/commonness.py"]) == [path]
