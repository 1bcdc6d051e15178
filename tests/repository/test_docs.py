"""What the documents say is there is there."""

from __future__ import annotations

import hashlib
import re
import tomllib
from pathlib import Path

import pytest

from boathouse.pipeline_registry import FLOW
from scripts.pipeline_pages import MARKER, PAGES, ROOT, renew

DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "conf" / "README.md"])
ARCHITECTURE = ROOT / "docs" / "architecture.md"
CAPABILITIES = 179
# SHA-256 of the promises as they were given, a line each with its id, and of the paragraphs that detail them.
PROMISES = "1fff324c8d24ab2f12dd49d97547a0c2b4040c4b545bd9ee5fe2b2de10d0462b"
DETAILS = "e8cc758550e8ed48ef91b110ab6f523e40927e34f4ead1f7e941ccb93f04c6e3"
ROW = re.compile(r"^\| C(\d+) \| (.+?) \| (\w+) \| (.*?) \| (.*?) \| (.*?) \| (.*?) \|$", re.MULTILINE)


@pytest.mark.parametrize("name", FLOW)
def test_the_page_of_a_pipeline_is_as_the_code_is(name: str) -> None:
    """Otherwise: python scripts/pipeline_pages.py."""
    page = (PAGES / f"{name}.md").read_text(encoding="utf-8")
    assert renew(name, page) == page
    assert len(page.split(MARKER)[0]) > 500


def test_a_page_that_is_out_of_date_shows() -> None:
    page = (PAGES / "training.md").read_text(encoding="utf-8")
    assert renew("training", page.replace("training.search_models", "training.search")) == page


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(path: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8"))
    inside = [link for link in links if "://" not in link]
    assert [link for link in inside if not (path.parent / link).exists()] == []


def rows() -> list[tuple[str, ...]]:
    return ROW.findall((ROOT / "docs" / "capabilities.md").read_text(encoding="utf-8"))


def test_every_capability_is_answered_once() -> None:
    assert sorted(int(row[0]) for row in rows()) == list(range(1, CAPABILITIES + 1))
    assert {row[2] for row in rows()} == {"done", "partly", "planned"}


def digest_promises(found: list[tuple[str, ...]]) -> str:
    lines = sorted((int(number), f"C{number} {promise}") for number, promise, *_ in found)
    return hashlib.sha256("\n".join(line for _, line in lines).encode()).hexdigest()


def test_the_promises_are_quoted_whole() -> None:
    """A smaller promise is easier to keep: whether it is kept is said beside it, not by rewording it."""
    assert digest_promises(rows()) == PROMISES
    details = (ROOT / "docs" / "capabilities.md").read_text(encoding="utf-8").split("## The details\n")[1]
    headings = ("What the promises mean", "## Gates that cannot", "What others ship")
    paragraphs = [part for part in details.strip().split("\n\n") if not part.startswith(headings)]
    assert hashlib.sha256("\n".join(paragraphs).encode()).hexdigest() == DETAILS


def test_a_promise_that_is_shortened_shows() -> None:
    number, promise, *rest = rows()[0]
    assert digest_promises([(number, promise.partition(",")[0], *rest), *rows()[1:]]) != PROMISES


def test_what_is_done_names_code_and_test_that_exist() -> None:
    for number, _, status, _, _, code, test in rows():
        named = re.findall(r"`([^`]+)`", f"{code} {test}")
        assert (status == "planned") is not bool(named), f"C{number}"
        assert [name for name in named if not (ROOT / name).exists()] == [], f"C{number}"


def test_what_is_partly_done_says_what_is_missing() -> None:
    assert [f"C{row[0]}" for row in rows() if row[2] == "partly" and not row[3]] == []
    assert [f"C{row[0]}" for row in rows() if row[2] == "done" and row[3]] == []


def test_the_counts_are_those_of_the_rows() -> None:
    statuses = [row[2] for row in rows()]
    counts = ", ".join(f"{statuses.count(status)} {status}" for status in ("done", "partly", "planned"))
    assert f"Of {CAPABILITIES}: {counts}." in (ROOT / "docs" / "capabilities.md").read_text(encoding="utf-8")


def test_every_decision_says_what_was_decided_and_why() -> None:
    paths = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    numbers = [int(path.name[:4]) for path in paths]
    assert numbers == list(range(1, len(paths) + 1))
    for path in paths:
        text = path.read_text(encoding="utf-8")
        assert text.startswith(f"# {int(path.name[:4])}"), path.name


def test_the_table_of_rooms_has_the_order_of_the_import_contract() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    layers = next(contract for contract in contracts if contract["id"] == "layers")["layers"]
    rooms = [re.findall(r"\w+", layer) for layer in layers]
    table = re.findall(r"^\| `(\w+)` \|", ARCHITECTURE.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(table) == sorted(room for layer in rooms for room in layer)
    order = {room: number for number, layer in enumerate(rooms) for room in layer}
    assert [order[room] for room in table] == sorted(order.values())


def test_the_files_of_the_walks_exist() -> None:
    walks = ARCHITECTURE.read_text(encoding="utf-8").split("## Five walks")[1]
    named = re.findall(r"`((?:\w+/)+\w+\.(?:py|yml))`", walks)
    assert len(named) > 20
    assert [name for name in named if not ((ROOT / "src/boathouse" / name).exists() or (ROOT / name).exists())] == []
