"""The report in a browser: it requests nothing, logs nothing on the console, and fits the page."""
import json
import os
import subprocess
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.support.ui import WebDriverWait

SAASGEN = os.environ["SAASGEN"]
FLAGS = """--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking
           --disable-component-update --disable-sync --hide-scrollbars""".split()

BROKEN = """
retention.decay_days = 150.0
logs = { loss_min = 0.1, loss_max = 0.4 }
plans.Pro.price = 89.0
"""


@pytest.fixture(scope="session")
def reports(tmp_path_factory):
    """A report of a correct data set with all tables, and one of a wrong data set with long messages."""
    folder = tmp_path_factory.mktemp("reports")
    tables = "customers,usage_daily,billing,support,retention_curves,usage_truth"
    run = lambda *args: subprocess.run([SAASGEN, *args], cwd=folder, stdout=subprocess.DEVNULL).returncode
    assert run("generate", "--customers", "20000", "--tables", tables, "--out", "right") == 0
    assert run("verify", "--data", "right", "--report", "right.html") == 0
    (folder / "broken.toml").write_text(BROKEN)
    assert run("generate", "--customers", "20000", "--tables", tables, "--model", "broken.toml", "--out", "wrong") == 0
    (folder / "wrong" / "manifest.json").unlink()
    (folder / "wrong" / "support.parquet").unlink()
    assert run("verify", "--data", "wrong", "--report", "wrong.html") == 1
    return folder


@pytest.fixture(scope="session")
def browser():
    options = webdriver.ChromeOptions()
    options.binary_location = os.environ.get("CHROMIUM", "/usr/bin/chromium")
    for flag in FLAGS:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options, Service(os.environ.get("CHROMEDRIVER", "/usr/bin/chromedriver")))
    yield driver
    driver.quit()


def opened(browser, report, width, scheme="light", unfolded=True):
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600})
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]})
    browser.get(report.as_uri())
    assert browser.execute_script("return document.readyState") == "complete"
    if unfolded:
        browser.execute_script("document.querySelectorAll('details').forEach(details => details.open = true)")


def requests(browser):
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    return [message["params"]["request"]["url"] for message in messages if message["method"] == "Network.requestWillBeSent"]


@pytest.mark.parametrize("name", ["right", "wrong"])
def test_the_report_requests_nothing_and_logs_nothing(browser, reports, name):
    browser.get_log("performance"), browser.get_log("browser")
    report = reports / f"{name}.html"
    opened(browser, report, 1400)
    requested = [url for url in requests(browser) if not url.startswith("data:")]
    assert requested == [report.as_uri()]
    assert browser.get_log("browser") == []


OVERFLOWING = """
const wide = [...document.querySelectorAll('body *')].filter(element => {
  const box = element.getBoundingClientRect();
  return box.width > 0 && (box.right > innerWidth + 0.5 || box.left < -0.5);
});
return [document.documentElement.scrollWidth, innerWidth, wide.map(element => element.outerHTML.slice(0, 120))];
"""

CUT_OFF_OR_OVERLAPPING = """
const faults = [];
for (const svg of document.querySelectorAll('svg')) {
  const frame = svg.getBoundingClientRect();
  const boxes = [...svg.querySelectorAll('text')].map(text => [text.textContent.trim(), text.getBoundingClientRect()])
    .filter(([text]) => text);
  for (const [text, box] of boxes) {
    if (box.left < frame.left - 1 || box.right > frame.right + 1 || box.top < frame.top - 1 || box.bottom > frame.bottom + 1)
      faults.push([svg.ariaLabel.slice(0, 40), 'cut off', text]);
  }
  boxes.forEach(([text, a], i) => boxes.slice(i + 1).forEach(([other, b]) => {
    if (Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1 && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1)
      faults.push([svg.ariaLabel.slice(0, 40), 'overlaps', text, other]);
  }));
}
return faults;
"""


# Words of more letters may be broken: hashes, and lists without spaces.
BROKEN_WORDS = """
const broken = [], range = document.createRange(), texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (texts.nextNode()) {
  const text = texts.currentNode;
  if (text.parentElement.closest('svg, style')) continue;
  for (const word of text.data.matchAll(/(?<!\\S)\\S{1,30}(?!\\S)/g)) {
    // A line of text may end at the hyphen of a date, but not a line in a table.
    if (word[0].includes('-') && !text.parentElement.closest('td, dd')) continue;
    range.setStart(text, word.index);
    range.setEnd(text, word.index + word[0].length);
    if (new Set([...range.getClientRects()].map(box => Math.round(box.top))).size > 1) broken.push(word[0]);
  }
}
return broken;
"""


@pytest.mark.parametrize("name", ["right", "wrong"])
@pytest.mark.parametrize("width", [390, 700, 720, 1000, 1200, 1400])
def test_no_word_is_broken(browser, reports, name, width):
    opened(browser, reports / f"{name}.html", width)
    assert browser.execute_script(BROKEN_WORDS) == []


def test_the_page_begins_with_the_data_set_and_folds_statistics_away(browser, reports):
    opened(browser, reports / "right.html", 1200, unfolded=False)
    begin, first_chart, folded, groups = browser.execute_script("""
        const first = document.querySelector('svg'), text = document.body.innerText;
        return [text.slice(0, text.indexOf(first.closest('figure').querySelector('figcaption').innerText)),
                first.ariaLabel, [...document.querySelectorAll('details')].map(details => [details.open, details.innerText]),
                [...document.querySelectorAll('section h2')].map(title => title.innerText)]""")
    for part in ["The data set holds", "20,000", "2023-07-01 to 2024-12-31", "written by", "saasgen", "Enterprise", "usage_daily"]:
        assert part in begin, (part, begin)
    assert first_chart.startswith("Free ") and "standard deviation" not in first_chart
    assert groups == ["customers", "usage_daily", "billing", "support", "retention_curves", "usage_truth", "manifest"]
    assert len(folded) == len(groups)
    for is_open, text in folded:
        assert not is_open and "hold" in text and "99 % interval" not in text, text
    opened(browser, reports / "wrong.html", 1200, unfolded=False)
    is_open = browser.execute_script("return [...document.querySelectorAll('details')].map(details => details.open)")
    assert any(is_open) and not all(is_open)


def test_folded_statistics_are_printed(browser, reports):
    opened(browser, reports / "right.html", 1200, unfolded=False)
    is_shown = "return document.querySelector('.checks').checkVisibility({contentVisibilityAuto: true})"
    wait = WebDriverWait(browser, 30)
    wait.until(lambda browser: not browser.execute_script(is_shown))
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    wait.until(lambda browser: browser.execute_script(is_shown))
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


@pytest.mark.parametrize("name", ["right", "wrong"])
@pytest.mark.parametrize("width", [390, 1200, 1400])
def test_nothing_overflows_and_every_label_is_readable(browser, reports, name, width):
    opened(browser, reports / f"{name}.html", width)
    scroll_width, inner_width, wide = browser.execute_script(OVERFLOWING)
    assert (scroll_width, wide) == (inner_width, [])
    assert browser.execute_script(CUT_OFF_OR_OVERLAPPING) == []
    sizes = browser.execute_script("""return [...document.querySelectorAll('svg text')].map(text =>
        parseFloat(getComputedStyle(text).fontSize) * text.ownerSVGElement.getBoundingClientRect().width / text.ownerSVGElement.viewBox.baseVal.width)""")
    assert min(sizes) >= 9, "the text must be readable on a phone"


CONTRASTS = """
const channel = value => { value /= 255; return value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4; };
const light = color => { const [r, g, b] = color.match(/[\\d.]+/g).map(Number); return 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b); };
const page = light(getComputedStyle(document.body).backgroundColor);
const contrast = color => { const own = light(color); return (Math.max(own, page) + 0.05) / (Math.min(own, page) + 0.05); };
const found = {};
for (const element of document.querySelectorAll('h1, h2, p, td, th, li, dt, dd, strong, summary, figcaption')) found[getComputedStyle(element).color] = contrast(getComputedStyle(element).color);
for (const text of document.querySelectorAll('svg text')) found[getComputedStyle(text).fill] = contrast(getComputedStyle(text).fill);
for (const dot of document.querySelectorAll('svg circle')) found['dot ' + getComputedStyle(dot).fill] = contrast(getComputedStyle(dot).fill) * 1.5;
return [page, found];
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_enough_contrast_in_light_and_dark(browser, reports, scheme):
    opened(browser, reports / "wrong.html", 1400, scheme)
    page, contrasts = browser.execute_script(CONTRASTS)
    assert (page > 0.5) == (scheme == "light")
    assert len(contrasts) >= 6 and min(contrasts.values()) >= 4.5, contrasts


def test_every_chart_has_marks_and_an_alternative_text(browser, reports):
    opened(browser, reports / "right.html", 1400)
    charts = browser.execute_script("""return [...document.querySelectorAll('svg')].map(svg => [svg.ariaLabel, svg.getAttribute('role'),
        svg.querySelectorAll('circle, polyline, rect, polygon').length, svg.closest('figure').querySelector('figcaption').innerText])""")
    assert len(charts) >= 27
    for label, role, marks, caption in charts:
        assert len(label) > 20 and role == "img" and marks >= 3 and caption, (label, marks)


def test_the_report_can_be_printed(browser, reports):
    opened(browser, reports / "right.html", 1400, "dark")
    printed = browser.execute_cdp_cmd("Page.printToPDF", {"printBackground": False})
    assert len(printed["data"]) > 50_000


def test_screenshots_are_saved(browser, reports):
    """Saves screenshots in target/browser, at both widths and in both schemes."""
    folder = Path(os.environ.get("PICTURES", "target/browser"))
    folder.mkdir(parents=True, exist_ok=True)
    for name in ["right", "wrong"]:
        for width, scheme in [(390, "light"), (390, "dark"), (1200, "light"), (1200, "dark")]:
            opened(browser, reports / f"{name}.html", width, scheme, unfolded=False)
            height = browser.execute_script("return document.documentElement.scrollHeight")
            browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False})
            picture = folder / f"report-{name}-{width}-{scheme}.png"
            assert browser.save_screenshot(str(picture)) and picture.stat().st_size > 100_000
