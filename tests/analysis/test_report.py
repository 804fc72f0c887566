"""The page: whole in one file, and alive in a real browser."""

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

import numpy as np
import pytest

from tissue.analysis.report.collect import chosen
from tissue.analysis.report.page import digits, write_report
from tissue.cli import main
from tissue.errors import InputError
from tissue.geometry.grid import Grid
from tissue.geometry.synthetic import SyntheticSettings, synthesise
from tissue.storage.snapshot import write_snapshot
from tissue.storage.tables import Table

BROWSER = shutil.which("chromium")
DRIVER = shutil.which("chromedriver")
needs_browser = pytest.mark.skipif(
    not (BROWSER and DRIVER), reason="Chromium and its driver are not installed"
)
COLUMNS = (
    *("time_day", "bv_tv", "bv_tv_change_percent", "bs_tv_per_mm"),
    *("osteoclasts_per_mm2", "osteoblasts_per_mm2", "resorption_um_per_day"),
    *("formation_um_per_day", "rankl_pM", "opg_pM", "il1_marrow_pM"),
)


def made(folder: Path, loss: float = 0.1, edge: int = 24, snapshots: int = 3) -> Path:
    """The folder of a run that never ran: real bone that is lost evenly, and a gradient."""
    folder.mkdir(parents=True)
    bone = synthesise(SyntheticSettings((edge,) * 3, 10.0, 0.3, 60.0, seed=1)).bone_volume_fraction
    gradient = np.broadcast_to(np.arange(edge)[:, None, None] / edge, bone.shape)
    with (
        Table(folder / "metrics.csv", COLUMNS) as metrics,
        Table(folder / "ledger.csv", ("time_day", "bone_residual")) as ledger,
    ):
        for step in range(snapshots):
            left = np.clip(bone - loss * step, 0, 1).astype("f4")
            row = dict.fromkeys(COLUMNS, 1.0 + step) | {"time_day": 7 * step, "bv_tv": left.mean()}
            metrics.append(row | {"bv_tv_change_percent": -10.0 * loss * step})
            ledger.append({"time_day": 7 * step, "bone_residual": 1e-7})
            write_snapshot(
                folder,
                grid=Grid(bone.shape, 10.0),
                step=step,
                time=7.0 * step,
                fields={"bone_volume_fraction": left, "rankl": 10 + gradient + step},
                provenance={"tissue": "0", "config_sha256": "abc"},
            )
    (folder / "run.log").write_text("x WARNING <b>look</b> out\n")
    (folder / "run.toml").write_text(
        '[run]\nduration = "14 day"\n[geometry.synthetic]\n'
        '[[therapy]]\ndrug = "anakinra"\ndose = "1 mg/kg"\n'
        'times = ["0 day", "7 day"]\n'
    )
    return folder


def test_the_page_is_whole_and_small(tmp_path: Path) -> None:
    path = write_report([made(tmp_path / "a run")])
    assert path == tmp_path / "a run" / "report.html"
    text = path.read_text(encoding="utf-8")
    assert len(text) < 3e6
    assert "&lt;b&gt;look&lt;/b&gt; out" in text  # what users write is no markup
    assert "anakinra, 1 mg/kg" in text
    outside = set(re.findall(r'(?:src|href)="([^"]*)"', text))
    assert outside <= {"data:,"}


def test_two_runs_are_told_apart(tmp_path: Path) -> None:
    folders = [made(tmp_path / "untreated", 0.2), made(tmp_path / "treated", 0.1)]
    out = tmp_path / "both.html"
    assert write_report(folders, out) == out
    text = out.read_text(encoding="utf-8")
    assert "Differences at the end" in text
    for name in ("untreated", "treated"):
        assert f"<title>{'untreated and treated'}" in text
        assert name in text


def test_the_page_is_the_same_every_time(tmp_path: Path) -> None:
    folder = made(tmp_path / "run")
    first = write_report([folder]).read_bytes()
    assert write_report([folder]).read_bytes() == first


def test_few_times_are_chosen_evenly() -> None:
    assert chosen(3) == [0, 1, 2]
    assert chosen(12) == list(range(12))
    assert chosen(23) == list(range(0, 23, 2))


@pytest.mark.parametrize(
    ("value", "count", "text"), [(1283.3, 3, "1283"), (0.2408, 3, "0.241"), (-5.0, 4, "-5")]
)
def test_numbers_have_no_needless_exponent(value: float, count: int, text: str) -> None:
    assert digits(value, count) == text


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"metrics\.csv does not exist"):
        write_report([tmp_path])
    assert main(["report", str(tmp_path)]) == 2
    folder = made(tmp_path / "run", snapshots=1)
    assert main(["report", str(folder), "--out", str(tmp_path / "no" / "x.html")]) == 2
    assert main(["report", str(folder)]) == 0


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
    """Every address that the page has asked for."""
    found = set()
    for entry in browser.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            found.add(message["params"]["request"]["url"].partition(",")[0])
    return found


@needs_browser
def test_everything_on_the_page_answers(browser: Any, tmp_path: Path) -> None:
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    folders = [made(tmp_path / "untreated", 0.2), made(tmp_path / "treated", 0.05)]
    address = write_report(folders).as_uri()
    browser.get(address)
    until(lambda: drawings(browser) >= 2)
    surface, slice_ = "#surfaces .surface", "#slices .picture"
    bone, plane = pixels(browser, surface), pixels(browser, slice_)
    choose(browser, "time", 0)
    earlier = pixels(browser, surface)
    assert earlier != bone
    assert pixels(browser, slice_) != plane
    choose(browser, "paint", "rankl")
    assert pixels(browser, surface) != earlier
    for control, value in (("depth", 2), ("axis", "x"), ("field", "bone_volume_fraction")):
        plane = pixels(browser, slice_)
        choose(browser, control, value)
        assert pixels(browser, slice_) != plane, control
    others = "#surfaces figure:nth-child(2) .surface"
    before = [pixels(browser, each) for each in (surface, others)]
    browser.find_element(By.CSS_SELECTOR, surface).send_keys(Keys.ARROW_LEFT * 3)
    after = [pixels(browser, each) for each in (surface, others)]
    assert all(old != new for old, new in zip(before, after, strict=True))  # views are linked
    assert len(browser.find_elements(By.CSS_SELECTOR, ".uplot")) == 5
    assert problems(browser) == []
    assert asked_for(browser) <= {address, "data:"} | {
        url for url in asked_for(browser) if url.startswith(("blob:", "data:"))
    }


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
    finally:
        server.send_signal(signal.SIGTERM)
        server.stdout.close()
        assert server.wait(20) == -signal.SIGTERM


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
