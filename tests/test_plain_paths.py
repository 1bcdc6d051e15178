"""Paths that libraries take apart are refused or named by a link, in a folder that no other account can change."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from boathouse.errors import ConfigError
from boathouse.plain_paths import is_plain, plain_path, require_possible

POSSIBLE = (
    "plain",
    "my bank",
    "a#b",
    "a?b",
    "a%b",
    "100%",
    "a%2",
    "[x]",
    "{y}",
    "*",
    "Zürich",
    "日本",
    "a'b",
    'a"b',
    "a`b",
)
POSSIBLE += ("a:b", "a$b", "${HOME}", "a;b", "a|b", "a^b", "~x", " a ", "a::b", "-a", "file:", "a=b", "e\u0301", "😀")
IMPOSSIBLE = {
    "a%20b": "has %20, which",
    "a%2Fb": "has %2F, which",
    "a\\b": "has \\, which",
    "a\nb": "line break",
    "a\tb": "control character",
    "a\x1bb": "control character",
    "a\u2028b": "control character",
    "a\udcffb": "not UTF-8",
    "x" * 300: "File name too long",
    "/".join(["d" * 200] * 18): "bytes; at most",
}


@pytest.mark.parametrize("name", POSSIBLE)
def test_a_possible_path_is_left_alone_or_named_by_a_link_to_it(tmp_path: Path, name: str) -> None:
    path = f"{tmp_path}/{name}"
    require_possible(path, named="BOATHOUSE_DATA")
    assert not Path(path).exists()
    plain = plain_path(path)
    assert is_plain(plain)
    assert plain == path or Path(plain).readlink() == Path(path)
    assert plain_path(path) == plain


@pytest.mark.parametrize(("name", "reason"), IMPOSSIBLE.items())
def test_an_impossible_path_is_refused_with_the_reason_and_nothing_is_made(
    tmp_path: Path, name: str, reason: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        require_possible(f"{tmp_path}/{name}", named="BOATHOUSE_DATA")
    assert reason in str(refused.value)
    assert "set BOATHOUSE_DATA" in str(refused.value)
    assert str(refused.value).isprintable()
    assert list(tmp_path.iterdir()) == []


def test_what_a_plain_link_points_to_counts(tmp_path: Path) -> None:
    (tmp_path / "a%20b").mkdir()
    (tmp_path / "plain").symlink_to(tmp_path / "a%20b")
    with pytest.raises(ConfigError, match="%20"):
        require_possible(f"{tmp_path}/plain", named="BOATHOUSE_DATA")


def test_the_name_of_a_file_keeps_its_ending(tmp_path: Path) -> None:
    assert plain_path(f"{tmp_path}/a [1].csv").endswith(".csv")


def test_links_are_in_a_folder_of_this_account_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    folder = Path(plain_path(f"{tmp_path}/a b")).parent
    assert folder.parent == tmp_path
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    # Where another account could have put a link, none is trusted.
    folder.chmod(0o777)
    assert Path(plain_path(f"{tmp_path}/a b")).parent != folder


def test_a_link_that_points_elsewhere_is_corrected(tmp_path: Path) -> None:
    path = f"{tmp_path}/a b"
    link = Path(plain_path(path))
    link.unlink()
    link.symlink_to("/elsewhere")
    assert Path(plain_path(path)).readlink() == Path(path)
    assert [each for each in os.listdir(link.parent) if each.startswith(link.name)] == [link.name]  # noqa: PTH208
