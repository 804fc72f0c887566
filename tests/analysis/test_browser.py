"""The page is alive in a real browser, of runs that are over and while one goes."""

import base64
import json
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from analysis.made import branched, made
from axe_core_python.selenium import Axe

from tissue.analysis.report.page import write_report
from tissue.cli import main

BROWSER = shutil.which("chromium")
DRIVER = shutil.which("chromedriver")
needs_browser = pytest.mark.skipif(
    not (BROWSER and DRIVER), reason="Chromium and its driver are not installed"
)


@pytest.fixture
def browser() -> Iterator[Any]:
    """Headless Chromium with software graphics, that keeps what it logs and asks for."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    for flag in (
        *("headless=new", "no-sandbox", "disable-quic", "no-first-run", "disable-sync"),
        *("disable-background-networking", "disable-component-update"),
        *("enable-unsafe-swiftshader", "use-angle=swiftshader", "window-size=1280,1400"),
    ):
        options.add_argument(f"--{flag}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


def until(true: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def drawings(browser: Any) -> int:
    return int(browser.execute_script("return document.body.dataset.drawn || 0"))


def pixels(browser: Any, selector: str) -> bytes:
    from selenium.webdriver.common.by import By

    return bytes(browser.find_element(By.CSS_SELECTOR, selector).screenshot_as_png)


def choose(browser: Any, name: str, value: str | int) -> None:
    """Sets a control as a user does, and waits until it has been drawn."""
    before = drawings(browser)
    browser.execute_script(
        "const e = document.getElementById(arguments[0]); e.value = arguments[1];"
        "e.dispatchEvent(new Event(e.tagName === 'SELECT' ? 'change' : 'input'))",
        name,
        value,
    )
    until(lambda: drawings(browser) > before)


def problems(browser: Any) -> list[str]:
    return [entry["message"] for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]


def asked_for(browser: Any) -> set[str]:
    """Every address that the page has asked for since this was last asked."""
    found = set()
    for entry in browser.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            found.add(message["params"]["request"]["url"])
    return found


def everything_answers(browser: Any, address: str, runs: int) -> None:
    """Whatever a user may touch on a page changes the pictures, and no request leaves it.

    Args:
        browser: shows the page.
        address: of the page; its runs have two or more snapshots, with RANKL.
        runs: bones that are shown side by side.
    """
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    browser.get(address)
    until(lambda: drawings(browser) >= 2)
    bones = [f"#surfaces figure:nth-child({n + 1}) .surface" for n in range(runs)]
    surface, slice_ = bones[0], "#slices .picture"
    assert len(browser.find_elements(By.CSS_SELECTOR, "#surfaces figure")) == runs
    bone, plane = pixels(browser, surface), pixels(browser, slice_)
    choose(browser, "time", 0)
    earlier = pixels(browser, surface)
    assert earlier != bone
    assert pixels(browser, slice_) != plane
    choose(browser, "paint", "rankl")
    assert pixels(browser, surface) != earlier
    controls = (("range", "all"), ("depth", 2), ("axis", "x"), ("field", "bone_volume_fraction"))
    for control, value in controls:
        plane = pixels(browser, slice_)
        choose(browser, control, value)
        assert pixels(browser, slice_) != plane, control
    before = [pixels(browser, each) for each in bones]
    browser.find_element(By.CSS_SELECTOR, surface).send_keys(Keys.ARROW_LEFT * 3)
    after = [pixels(browser, each) for each in bones]
    assert all(old != new for old, new in zip(before, after, strict=True))  # views are linked
    charts = browser.find_elements(By.CSS_SELECTOR, "#curves .chart > svg")
    assert len(charts) == len(browser.find_elements(By.CSS_SELECTOR, "#curves .chart")) >= 6
    assert problems(browser) == []
    assert all(url == address or url.startswith(("blob:", "data:")) for url in asked_for(browser))


@needs_browser
def test_everything_on_the_page_answers(browser: Any, tmp_path: Path) -> None:
    folders = [made(tmp_path / "untreated", 0.2), made(tmp_path / "treated", 0.05)]
    everything_answers(browser, write_report(folders).as_uri(), 2)


@needs_browser
def test_charts_read_out_their_values(browser: Any, tmp_path: Path) -> None:
    """The curves of `made` rise from 1 by 1 every 7 days, and BV/TV falls by 1 %."""
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    sized(browser, 1280, write_report([made(tmp_path / "run", 0.1)]).as_uri())
    charts = browser.find_elements(By.CSS_SELECTOR, "#curves .chart")

    def readings() -> list[str]:
        return [each.find_element(By.CLASS_NAME, "reading").text for each in charts[:3]]

    assert readings() == ["day 14: \N{MINUS SIGN}2.00", *READ[14]]
    choose(browser, "time", 1)
    assert readings() == ["day 7: \N{MINUS SIGN}1.00", *READ[7]]
    cells = charts[2].find_element(By.TAG_NAME, "svg")
    # the axis lies between 58 and 428 of 440 px, and its middle 23 px right of that of the chart
    size = cells.rect["width"] / 440
    ActionChains(browser).move_to_element_with_offset(cells, round(23 * size), 0).perform()
    assert re.fullmatch(r"day 7(\.[01])?: 2\.0[01]", readings()[2])
    ActionChains(browser).move_to_element(browser.find_element("id", "time")).perform()
    assert readings()[2] == READ[7][1]
    cells.send_keys(Keys.ARROW_RIGHT * 3)
    assert readings()[2] == "day 7.6: 2.09"
    assert readings()[:2] == ["day 7: \N{MINUS SIGN}1.00", READ[7][0]]
    cells.send_keys(Keys.TAB)
    assert readings()[2] == READ[7][1]
    assert problems(browser) == []


READ = {
    day: [f"day {day}: resorption {value}, formation {value}", f"day {day}: {value}"]
    for day, value in ((7, "2.00"), (14, "3.00"))
}


OVERLAPS = """
const boxes = [...document.querySelectorAll("main figure, main table, main p, main .controls")]
  .filter((e) => e.getClientRects().length && !e.closest("details"));
const inside = (e) => e.closest(".scroll");
const wide = boxes.filter((e) => !inside(e) && e.getBoundingClientRect().right > innerWidth + 0.5);
const apart = (a, b) => a.bottom <= b.top + 0.5 || b.bottom <= a.top + 0.5
  || a.right <= b.left + 0.5 || b.right <= a.left + 0.5;
const clash = boxes.filter((a) => boxes.some((b) => a !== b && !a.contains(b) && !b.contains(a)
  && !a.matches(".time") && !b.matches(".time")
  && !apart(a.getBoundingClientRect(), b.getBoundingClientRect())));
return [wide, clash].map((each) => each.map((e) => e.outerHTML.slice(0, 90)));
"""
"""Elements of a page that are wider than the window, and those that lie on each other."""


def sized(browser: Any, width: int, address: str) -> None:
    """Opens a page in a window of a width [px]."""
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.get(address)
    until(lambda: drawings(browser) >= 2)


@needs_browser
def test_a_page_fits_a_phone_and_paper(browser: Any, tmp_path: Path) -> None:
    parent = made(tmp_path / "mine", 0.1)
    treated = branched(parent, tmp_path / "treated", 0.02)
    address = write_report([parent, treated], tmp_path / "both.html").as_uri()
    for width in (1280, 400):
        sized(browser, width, address)
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width
        assert browser.execute_script(OVERLAPS) == [[], []]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    visible = "return [...document.querySelectorAll(arguments[0])].filter(e => e.offsetParent)"
    captions = [each.text for each in browser.execute_script(visible, "figcaption")]
    start = "mine: day 14, how far the surface moved since day 0 (median \N{MINUS SIGN}"
    assert any(re.fullmatch(rf"{re.escape(start)}[\d.]+ µm\)", each) for each in captions)
    assert any(
        each.startswith(
            "treated: RANKL in marrow fluid [pM], day 14, plane z = 120 \N{MICRO SIGN}m"
        )
        for each in captions
    )
    assert not browser.execute_script(visible, ".controls, details, .surface")
    stills = browser.execute_script(visible, ".still")
    assert len(stills) == 2
    assert all(len(each.get_attribute("src")) > 3000 for each in stills)
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    paper = browser.execute_cdp_cmd("Page.printToPDF", {"preferCSSPageSize": True})
    text = base64.b64decode(paper["data"])
    assert 1 <= len(re.findall(rb"/Type\s*/Page\b", text)) <= 4
    assert problems(browser) == []


@needs_browser
def test_everything_has_a_name_for_a_screen_reader(browser: Any, tmp_path: Path) -> None:
    address = write_report([made(tmp_path / "run", 0.1)]).as_uri()
    sized(browser, 1280, address)
    tree = browser.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    named = ("slider", "combobox", "checkbox", "image", "img", "application", "region", "button")
    seen = [
        (node["role"]["value"], node.get("name", {}).get("value", ""))
        for node in tree
        if not node.get("ignored") and node.get("role", {}).get("value") in named
    ]
    assert [role for role, name in seen if not name.strip()] == []
    assert {"slider", "combobox", "checkbox", "application"} <= {role for role, _ in seen}
    slider = browser.find_element("id", "time")
    assert slider.get_attribute("aria-valuetext").startswith("day 14 of 14")
    before = drawings(browser)
    slider.send_keys("\ue012")  # arrow to the left
    until(lambda: drawings(browser) > before)
    assert slider.get_attribute("aria-valuetext").startswith("day 7 of 14")


@pytest.mark.slow
@needs_browser
def test_axe_finds_nothing_serious(browser: Any, tmp_path: Path) -> None:
    parent = made(tmp_path / "mine", 0.1)
    page = write_report([parent, branched(parent, tmp_path / "treated", 0.02)], tmp_path / "a.html")
    browser.set_script_timeout(120)

    def serious() -> dict[str, list[str]]:
        """Elements of the page that break a rule, and some that keep one, by the rule."""
        found = Axe().run(browser)
        kept = {rule["id"] for rule in found["passes"]}
        assert {"color-contrast", "label", "document-title"} <= kept
        return {
            rule["id"]: [node["html"] for node in rule["nodes"]]
            for rule in found["violations"]
            if rule["impact"] in ("serious", "critical")
        }

    for width in (1280, 400):
        for scheme in ("light", "dark"):
            media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
            browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
            sized(browser, width, page.as_uri())
            for details in browser.find_elements("css selector", "details"):
                browser.execute_script("arguments[0].open = true", details)
            assert serious() == {}, (width, scheme)
    browser.execute_script("document.querySelector('main').append(new Image(9, 9))")
    assert serious().keys() == {"image-alt"}


@pytest.mark.slow
@needs_browser
@pytest.mark.parametrize(
    ("names", "changes"),
    [
        (["shrew"], []),
        (["ra-erosion", "ra-anakinra"], ["--set", "run.duration=56 day"]),
    ],
)
def test_the_pages_of_real_runs_answer(
    browser: Any, tmp_path: Path, names: list[str], changes: list[str]
) -> None:
    for name in names:
        assert main(["run", name, *changes, "--out", str(tmp_path / name), "--quiet"]) == 0
    out = tmp_path / "report.html"
    folders = [str(tmp_path / name) for name in names]
    assert main(["report", *folders, "--out", str(out)]) == 0
    everything_answers(browser, out.as_uri(), len(names))


@needs_browser
def test_a_run_is_watched_while_it_grows(browser: Any, tmp_path: Path) -> None:
    folder = made(tmp_path / "run", snapshots=2)
    command = [sys.executable, "-u", "-m", "tissue", "watch", str(folder), "--port", "0"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert server.stdout
    try:
        address = server.stdout.readline().split()[0]
        assert address.startswith("http://127.0.0.1:")
        browser.get(address)
        until(lambda: drawings(browser) >= 2)
        days = "return document.getElementById('time').max"
        assert browser.execute_script(days) == "1"
        grown = made(tmp_path / "later", snapshots=3)
        newest = sorted(grown.glob("snap_*.hdf"))[-1]
        newest.replace(folder / newest.name)
        until(lambda: browser.execute_script(days) == "2")
        assert problems(browser) == []
        for path in ("run.toml", "..%2f..%2fetc/passwd", "../" * 5 + "etc/passwd"):
            with pytest.raises(HTTPError, match="404"):
                urlopen(f"{address}{path}")
        with pytest.raises(HTTPError, match="403"):
            urlopen(Request(address, headers={"Host": "elsewhere.example:80"}))
        for snapshot in folder.glob("snap_*.hdf"):  # the run is replaced by another
            snapshot.unlink()
        with pytest.raises(HTTPError, match="503"):
            urlopen(address)
        shown = days.replace(").max", ")?.max")  # the sentence has no such element
        until(lambda: "503" in browser.find_element("tag name", "body").text)
        for snapshot in grown.glob("snap_*.hdf"):
            snapshot.replace(folder / snapshot.name)
        until(lambda: browser.execute_script(shown) == "1")
    finally:
        server.send_signal(signal.SIGTERM)
        server.stdout.close()
        assert server.wait(20) == 0


@pytest.mark.slow
@needs_browser
def test_a_real_run_is_watched(browser: Any, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    tiny = Path(__file__).parents[1] / "tiny.toml"
    long = ["--set", "run.duration=2000 day", "--set", "output.snapshots=2 day", "--quiet"]
    run = [sys.executable, "-m", "tissue", "run", str(tiny), *long, "--out", str(folder)]
    watch = [sys.executable, "-u", "-m", "tissue", "watch", str(folder), "--port", "0"]
    with subprocess.Popen(run) as going:
        until(lambda: len(list(folder.glob("snap_*.hdf"))) > 2, 200)
        with subprocess.Popen(watch, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout
            browser.get(server.stdout.readline().split()[0])
            until(lambda: drawings(browser) >= 2)
            told = "return JSON.parse(document.getElementById('data').textContent).runs[0].times"
            last = browser.execute_script(told)[-1]
            until(lambda: browser.execute_script(told)[-1] > last)
            assert problems(browser) == []
            server.terminate()
        going.terminate()
        assert going.wait(60) == 75
