"""Modules have a subject; functions are short and documented."""

from __future__ import annotations

import pytest

from tests.conventions import code_shape as conventions
from tests.conventions import project

# Each with its reason.
LONG_FILES: dict[str, str] = {
    "src/boathouse/core/errors.py": "the one tree of errors, with all messages",
}


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
    files = [(path, text) for path, text in project.python_files() if path not in LONG_FILES]
    assert conventions.find_long_files(files) == []


def test_long_file_is_found() -> None:
    assert conventions.find_long_files([("a.py", "\n" * 301), ("b.py", "\n" * 300)]) == ["a.py: 301 lines"]


def test_modules_have_a_subject() -> None:
    paths = [path for folder in ("src", "tests") for path, _ in project.python_files(project.ROOT / folder)]
    assert conventions.find_subjectless(paths) == []


@pytest.mark.parametrize("path", ["src/utils.py", "src/helpers/dates.py", "core/table_manager.py", "core/common.py"])
def test_module_without_subject_is_found(path: str) -> None:
    assert conventions.find_subjectless([path, "core/drift.py", "core/commonness.py"]) == [path]
