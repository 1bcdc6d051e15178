"""The monitoring report in a real browser: on a phone and a desktop, light and dark, by keyboard, without a network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from boathouse.modelling.task import BINARY
from boathouse.monitoring.report import render_report
from tests.fixtures.browser import open_browser
from tests.fixtures.monitoring_history import make_history

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.fixtures.browser import Browser

pytestmark = pytest.mark.browser
PHONE, DESKTOP = 400, 1280
# Text that ends right of the window and does not stand in a part that scrolls by itself.
OUTSIDE = """[...document.querySelectorAll("h1, h2, p, li, dd, summary, figcaption, pre")]
    .filter(each => each.getBoundingClientRect().right > innerWidth + 1).map(each => each.textContent)"""
CUT = """[...document.querySelectorAll(".scroll, .drawing")]
    .filter(each => !each.closest("details") && each.scrollWidth > each.clientWidth + 1)
    .map(each => each.getAttribute("aria-label"))"""
TITLE = "(r => [r.left, r.right, r.top, r.bottom])(document.querySelector('h1').getBoundingClientRect())"
FOCUSED = "document.activeElement.getAttribute('aria-label') || document.activeElement.textContent"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with open_browser(tmp_path_factory.mktemp("browser")) as opened:
        yield opened


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "monitoring.html"
    path.write_text(render_report(make_history(), task=BINARY), encoding="utf-8")
    return path


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [PHONE, DESKTOP])
def test_the_page_fits_says_nothing_and_asks_for_nothing(browser: Browser, page: Path, width: int, dark: bool) -> None:
    browser.open(page, width=width, dark=dark)
    assert browser.complaints() == []
    assert browser.requests() == [page.as_uri()]
    assert browser.run("document.documentElement.scrollWidth") <= width
    assert browser.run(OUTSIDE) == []
    title = browser.run(
        "(r => [r.left, r.right, r.top, r.bottom])(document.querySelector('h1').getBoundingClientRect())"
    )
    assert 0 <= title[0] < title[1] <= width
    assert 0 <= title[2] < title[3] <= 900
    ground = browser.run("getComputedStyle(document.body).backgroundColor")
    assert ground == ("rgb(20, 24, 29)" if dark else "rgb(255, 255, 255)")


def test_nothing_is_cut_on_a_desktop(browser: Browser, page: Path) -> None:
    browser.open(page, width=DESKTOP)
    assert browser.run(CUT) == []


def test_a_long_name_breaks_instead_of_widening_the_page(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "long.html"
    path.write_text(render_report(make_history(name="x" * 200, windows=2, columns=2), task=BINARY), encoding="utf-8")
    browser.open(path, width=PHONE)
    assert browser.run("document.documentElement.scrollWidth") <= PHONE
    assert browser.run(OUTSIDE) == []


def test_many_windows_scroll_in_their_chart(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "wide.html"
    path.write_text(render_report(make_history(windows=24, columns=3), task=BINARY), encoding="utf-8")
    browser.open(path, width=PHONE)
    assert browser.run("document.documentElement.scrollWidth") <= PHONE
    assert any("Population" in each for each in browser.run(CUT))


def test_the_keyboard_reaches_the_points_and_shows_where_it_is(browser: Browser, page: Path) -> None:
    browser.open(page, width=DESKTOP)
    reached = []
    for _ in range(30):
        browser.press_tab()
        reached.append(browser.run(FOCUSED))
        if reached[-1].startswith("version 2, 2005-07-01"):
            break
    assert reached[-1] == "version 2, 2005-07-01: 0.755 [0.747, 0.763]. demand"
    assert browser.run("getComputedStyle(document.activeElement).outlineStyle") == "solid"
