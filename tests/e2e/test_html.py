#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""The pages of `report --html` and `diff --html` in a real browser: clicks, keys, sizes, colours, and that nothing is loaded.

SPANTAP_SHOTS=DIRECTORY keeps a picture of each view, light and dark, wide and narrow.
"""
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import e2e  # noqa: E402
import synthetic as syn  # noqa: E402

try:
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys
except ImportError:
    webdriver = None

CHROMIUM, DRIVER = "/usr/bin/chromium", "/usr/bin/chromedriver"
PAGE_MAX = 1 << 20  # without data
BIG = 10000  # spans of the largest trace
ROWS_MAX = 200  # elements that exist at once
FRAME_MS = 1500  # generous: a frame that takes longer is not smooth on any machine
CONTRAST = 4.5
HOSTILE = 'GET /"><script>document.title="owned"</script><!--\u202e<img src=x onerror=alert(1)>\x07'
LONG = "SELECT '</script><script>owned=1</script>' -- " + "x" * 10000
WATCH = """
window.violations = []; window.longest = 0;
addEventListener("securitypolicyviolation", (e) => violations.push(e.violatedDirective + " " + e.blockedURI));
new PerformanceObserver((l) => { for (const e of l.getEntries()) longest = Math.max(longest, e.duration); }).observe({entryTypes: ["longtask"]});
"""
# Texts with too little contrast against what is behind them, in the view that is shown.
FAINT = """
const rgb = (c) => { const m = c.match(/[\\d.]+/g).map(Number); return m.length < 4 ? [...m, 1] : m; };
const lum = (c) => { const [r, g, b] = c.slice(0, 3).map((v) => { v /= 255; return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; }); return .2126 * r + .7152 * g + .0722 * b; };
const over = (a, b) => a.slice(0, 3).map((v, i) => v * a[3] + b[i] * (1 - a[3]));
const behind = (e) => {
	const layers = [];
	for (let n = e; n; n = n.parentElement) {
		const box = n.tagName === "g" && n.querySelector(".box");
		const c = rgb(box ? getComputedStyle(box).fill : getComputedStyle(n).backgroundColor);
		layers.push(c);
		if (c[3] === 1) break;
	}
	return layers.reverse().reduce((under, c) => [...over(c, under), 1], [255, 255, 255, 1]);
};
const bad = [];
for (const e of document.querySelectorAll("body *")) {
	const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
	if (!own || ["SCRIPT", "STYLE", "TITLE", "title"].includes(e.tagName) || e.closest(".missed, [disabled], details:not([open]) > :not(summary)") || !e.getClientRects().length) continue;
	const style = getComputedStyle(e);
	const front = rgb(e instanceof SVGElement ? style.fill : style.color), back = behind(e);
	const [a, b] = [lum(over(front, back)), lum(back)];
	const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
	if (ratio < arguments[0]) bad.push(`${ratio.toFixed(2)} ${e.tagName}.${e.getAttribute("class")} ${e.textContent.slice(0, 40)}`);
}
return bad;
"""
# What somebody who does not see the page, or has no mouse, would miss.
UNNAMED = """
const bad = [], ids = new Set();
for (const e of document.querySelectorAll("button, a, [role=button]"))
	if (!(e.getAttribute("aria-label") || e.textContent).trim()) bad.push("no name: " + e.outerHTML.slice(0, 90));
for (const e of document.querySelectorAll("input"))
	if (!e.getAttribute("aria-label") && !e.closest("label")?.textContent.trim()) bad.push("no label: " + e.outerHTML.slice(0, 90));
for (const e of document.querySelectorAll("th")) if (!e.scope) bad.push("no scope: " + e.outerHTML.slice(0, 90));
for (const e of document.querySelectorAll("table")) if (!e.caption && !e.closest("details")) bad.push("no caption: " + e.outerHTML.slice(0, 90));
for (const e of document.querySelectorAll("svg[role]")) if (!e.getAttribute("aria-label")) bad.push("drawing without text: " + e.outerHTML.slice(0, 60));
for (const e of document.querySelectorAll("[id]")) { if (ids.has(e.id)) bad.push("twice: #" + e.id); ids.add(e.id); }
let level = 0;
const heads = [...document.querySelectorAll("h1, h2, h3, h4")];
if (heads.filter((h) => h.tagName === "H1").length !== 1 || heads[0].tagName !== "H1") bad.push("the first heading must be the only h1");
for (const h of heads) { const n = Number(h.tagName[1]); if (n > level + 1) bad.push("heading skips: " + h.textContent); level = n; }
if (!document.title || !document.documentElement.lang) bad.push("no title or language");
if (document.querySelectorAll("main").length !== 1) bad.push("not one main");
return bad;
"""


def unable():
    if not webdriver:
        return "no selenium: tools/install.sh test"
    missing = [path for path in (CHROMIUM, DRIVER) if not os.path.exists(path)]
    return f"no {' and no '.join(missing)}: Debian's chromium and chromium-driver (Ubuntu's is a snap)" if missing else ""


def shop():
    quote = syn.Endpoint("POST /quote", service="pricing", own_ms=syn.lognormal(2), calls=[
        syn.Call("SELECT * FROM prices WHERE id = ?", ms=syn.lognormal(0.5)), syn.Call("INCRBY quotes:{id}", "redis", ms=0.3)])  # fmt: skip
    return [
        syn.Endpoint("GET /orders/{id}", requests=150, own_ms=syn.lognormal(3, 0.4), calls=[
            syn.Call("SELECT * FROM orders WHERE id = ?", ms=syn.lognormal(0.5)), syn.Call("SELECT * FROM products WHERE id = ?", times=20, ms=0.2)]),
        syn.Endpoint("GET /checkout", requests=150, blocked_ms=150, errors=0.1, calls=[syn.Call("POST /quote", "http", serves=quote)]),
        syn.Endpoint("GET /products", requests=300, own_ms=syn.lognormal(1.5), calls=[syn.Call("GET product:{id}", "redis", ms=0.2, times=2)]),
    ]  # fmt: skip


def huge():
    return syn.Endpoint("GET /huge", requests=1, own_ms=5, calls=[syn.Call("SELECT * FROM products WHERE id = ?", times=BIG, ms=0.2)])


def hostile(spans):
    """A request whose every text wants out."""
    for span in spans:
        if span["name"] == "GET /hostile":
            span["name"] = HOSTILE
            span["attributes"].update({"http.route": HOSTILE[4:], "url.path": HOSTILE[4:], "user_agent.original": "</script>" + "y" * 10000})
        if "hostile" in span["attributes"].get("db.query.text", ""):
            span["attributes"]["db.query.text"] = LONG
    return spans


class Browser:
    """One Chromium that writes down what it loads and what it complains about."""

    def __init__(self):
        self.profile = tempfile.mkdtemp(prefix="spantap-chromium.")
        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM
        for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", f"--user-data-dir={self.profile}"):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(service=Service(DRIVER), options=options)
        self.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": WATCH})
        self.size(1400, 900)
        self.scheme("light")
        self.driver.get("about:blank")
        self.driver.get_log("performance")  # of the browser's own first page

    def close(self):
        self.driver.quit()
        shutil.rmtree(self.profile, ignore_errors=True)

    def size(self, width, height):
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False})

    def scheme(self, value, media=""):
        features = [{"name": "prefers-color-scheme", "value": value}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media, "features": features})

    def loaded(self):
        """What was asked for over a network or from another file."""
        messages = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        urls = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
        return [url for url in urls if not url.startswith(("file:///tmp/spantap-html", "data:text/html"))]


class Page(e2e.Case):
    needs_capture = False
    browser = directory = None
    files = {}

    @classmethod
    def setUpClass(cls):
        if unable():
            return
        cls.directory = tempfile.mkdtemp(prefix="spantap-html.", dir="/tmp")
        try:
            cls.files = {}
            cls.make()
            cls.browser = Browser()
        except BaseException:
            cls.tearDownClass()
            raise

    @classmethod
    def tearDownClass(cls):
        if cls.browser:
            cls.browser.close()
        if cls.directory:
            shutil.rmtree(cls.directory, ignore_errors=True)

    @classmethod
    def path(cls, name):
        return os.path.join(cls.directory, name)

    @classmethod
    def record(cls, name, endpoints, seed, change=lambda spans: spans):
        syn.write_recording(cls.path(name), change(syn.workload(endpoints, seconds=30, seed=seed)), syn.import_tool())

    @classmethod
    def spantap(cls, *words):
        done = subprocess.run([e2e.SPANTAP, *words], cwd=cls.directory, capture_output=True, text=True, timeout=120, check=False)
        if done.returncode:
            raise AssertionError(f"{words}: exit status {done.returncode}: {done.stderr}")

    def setUp(self):
        if unable():
            self.skipTest(unable())
        self.driver = self.browser.driver
        self.browser.size(1400, 900)
        self.browser.scheme("light")

    def tearDown(self):
        if not self.browser:
            return
        complaints = [entry["message"] for entry in self.driver.get_log("browser")]
        self.assertEqual(complaints, [], "the console")
        self.assertEqual(self.js("return window.violations || []"), [], "the content security policy")
        self.assertEqual(self.browser.loaded(), [], "the network")

    def js(self, code, *values):
        return self.driver.execute_script(code, *values)

    def open(self, name, address=""):
        self.driver.get("about:blank")
        self.driver.get(f"file://{self.path(name)}{address}")

    def find(self, selector):
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def texts(self, selector):
        return self.js("return [...document.querySelectorAll(arguments[0])].map((e) => e.textContent)", selector)

    def keys(self, *keys):
        ActionChains(self.driver).send_keys(*keys).perform()

    def until(self, what, check):
        return e2e.wait_until(what, check, 20)

    def names(self, table="#table-endpoints"):
        return self.texts(f"{table} tbody th a")

    def heading(self, text):
        self.until(f"heading {text}", lambda: text in self.find("h1").text)

    def follow(self, text):
        self.driver.find_element(By.PARTIAL_LINK_TEXT, text).click()

    def check_views(self, name, addresses):
        """Both schemes, wide and narrow: contrast, names, no scrolling sideways; with SPANTAP_SHOTS a picture of each."""
        for view, address in addresses.items():
            self.open(name, address)
            for scheme, width in (("light", 1400), ("dark", 1400), ("light", 420), ("dark", 420)):
                with self.subTest(view=view, scheme=scheme, width=width):
                    self.browser.scheme(scheme)
                    self.browser.size(width, 900)
                    self.js("document.body.offsetWidth")
                    self.assertEqual(self.js(FAINT, CONTRAST), [])
                    self.assertEqual(self.js(UNNAMED), [])
                    self.assertLessEqual(self.js("return document.documentElement.scrollWidth"), width)
                    self.shoot(f"{name}-{view}-{scheme}-{width}", width)

    def shoot(self, name, width):
        directory = os.environ.get("SPANTAP_SHOTS")
        if directory:
            os.makedirs(directory, exist_ok=True)
            self.browser.size(width, min(2600, self.js("return document.documentElement.scrollHeight")))
            self.driver.save_screenshot(os.path.join(directory, name + ".png"))


class Report(Page):
    @classmethod
    def make(cls):
        hidden = syn.Endpoint("GET /hostile", requests=3, calls=[syn.Call("SELECT hostile", ms=1)])
        cls.record("shop.spantap", [*shop(), huge(), hidden], 3, hostile)
        syn.write_recording(cls.path("none.spantap"), [], syn.import_tool())
        cls.spantap("report", "shop.spantap", "--html", "shop.html")
        cls.spantap("report", "none.spantap", "--html", "none.html")
        with open(cls.path("shop.html"), encoding="utf-8") as source:
            cls.data = json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', source.read(), re.S)[1])

    def trace_of(self, name):
        endpoint = next(e for e in self.data["endpoints"] if e["name"] == name)
        return f"#trace&id={endpoint['slowest'][0]['trace']}"

    def endpoint(self, name):
        return f"#endpoint&service=shop-web&name={name.replace('/', '%2F')}"

    def test_file(self):
        with open(self.path("none.html"), encoding="utf-8") as source:
            empty = source.read()
        self.assertLess(len(empty.encode()), PAGE_MAX)
        self.assertIn("default-src 'none'", empty)
        outside = set(re.findall(r"https?://[^\s\"'<>)]+", empty)) - {"http://www.w3.org/2000/svg"}
        self.assertEqual(outside, set())
        self.assertEqual(re.findall(r"\b(?:src|srcset|action|onclick|onload)=|@import|url\(", empty), [])
        self.open("none.html")
        self.heading("What was slow")
        self.assertIn("No request was recorded.", self.find("main").text)
        for view in ("findings", "queries", "map"):
            self.open("none.html", f"#{view}")
            self.assertTrue(self.find("h1").text)

    def test_several(self):
        """Two recordings are one report; what ended out of order says so."""
        shutil.copy(self.path("shop.spantap"), self.path("cut.spantap"))
        with sqlite3.connect(self.path("cut.spantap")) as recording:
            recording.execute("UPDATE about SET value = 0 WHERE key = 'finished'")
        recording.close()
        self.spantap("report", "cut.spantap", "none.spantap", "--html", "two.html")
        self.open("two.html")
        main = self.find("main").text
        self.assertIn("cut.spantap: it did not end in order", main)
        self.assertNotIn("none.spantap: it", main)
        self.assertIn("The recordings", main)
        self.assertIn("empty", main)

    def test_sort(self):
        self.open("shop.html")
        self.assertEqual(self.names()[0], max(self.data["endpoints"], key=lambda e: e["total"])["name"])
        head = self.find("#table-endpoints thead th:nth-child(2)")
        self.assertIsNone(head.get_attribute("aria-sort"))
        head.find_element(By.TAG_NAME, "button").click()
        self.assertEqual(head.get_attribute("aria-sort"), "descending")
        self.assertEqual(self.names()[0], "GET /products")
        self.assertEqual(len(self.all("#table-endpoints [aria-sort]")), 1)
        self.keys(Keys.ENTER)  # the button has the focus
        self.assertEqual(head.get_attribute("aria-sort"), "ascending")
        self.assertEqual(self.names()[0], "GET /huge")
        self.until("said", lambda: "sorted by Requests, least first" in self.find("#live").get_attribute("textContent"))

    def test_filter(self):
        self.open("shop.html")
        everything = self.names()
        self.find("#filter-endpoints").send_keys("web check")
        self.assertEqual(self.names(), ["GET /checkout"])
        self.until("said", lambda: "1 endpoint of" in self.find("#live").get_attribute("textContent"))
        self.find("#filter-endpoints").send_keys("zzz")
        self.assertIn("Nothing matches.", self.find("#table-endpoints").text)
        self.find("#filter-endpoints").clear()
        self.find("#filter-endpoints").send_keys(" ")
        self.assertEqual(self.names(), everything)
        self.find("#flag-endpoints").click()
        self.assertEqual(self.names(), ["GET /checkout"])

    def test_endpoint(self):
        self.open("shop.html")
        self.follow("GET /checkout")
        self.heading("GET /checkout")
        main = self.find("main").text
        self.assertIn("blocked", main)
        self.assertIn("POST", self.texts("table[id^='table-calls'] tbody th")[0])
        self.assertEqual(len(self.all("main figure svg[role=img]")), 2)
        self.assertIn("sleep", self.texts(".finding h3"))
        self.find("details summary").click()
        rows = self.texts("details[open] tbody td")
        self.assertEqual(sum(int(n.replace(",", "")) for n in rows), 150)
        self.driver.back()
        self.heading("What was slow")
        self.driver.forward()
        self.heading("GET /checkout")
        self.follow("Trace 1")
        self.until("waterfall", lambda: self.all(".row"))
        self.driver.back()
        self.heading("GET /checkout")

    def active(self):
        return self.js("return document.activeElement.className.includes('row') ? document.activeElement.textContent : null")

    def test_keys(self):
        self.open("shop.html", self.trace_of("GET /checkout"))
        rows = len(self.all(".row"))
        self.assertEqual(self.find(".row[aria-level='1']").get_attribute("aria-expanded"), "true")
        self.find(".row").click()
        self.keys(Keys.ARROW_DOWN)
        self.assertIn("POST", self.active())
        self.assertEqual(self.find(".side h2").text, "POST")
        self.keys(Keys.ARROW_LEFT)
        self.assertEqual(len(self.all(".row")), 2)
        self.assertIn("+3", self.active())
        self.keys(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
        self.assertEqual(len(self.all(".row")), rows)
        self.assertIn("pricing", self.active())
        self.keys(Keys.END)
        self.assertIn("INCRBY", self.active())
        self.assertEqual(len(self.all(".row[tabindex='0']")), 1)
        before = self.texts(".ticks span")
        self.keys("z")
        self.assertNotEqual(self.texts(".ticks span"), before)
        self.keys(Keys.ESCAPE)
        self.assertEqual(self.texts(".ticks span"), before)
        self.keys(Keys.HOME)
        self.assertIn("Own time", self.find(".side").text)
        self.assertIn("http.request.method", self.find(".side").text)
        self.keys(Keys.ARROW_DOWN)
        self.until("address of the span", lambda: "span=" in self.driver.current_url)
        address = self.driver.current_url
        self.driver.get("about:blank")
        self.driver.get(address)
        self.assertEqual(self.find(".side h2").text, "POST")

    def press(self, text):
        next(button for button in self.all(".trace button") if button.text == text).click()

    def test_alike(self):
        """An N+1 is one row until it is opened; what is searched for in it is found."""
        self.open("shop.html", self.trace_of("GET /orders/{id}"))
        rows = [row.text for row in self.all(".row")]
        self.assertEqual(len(rows), 3)
        self.assertIn("\u00d720", rows[2])
        self.all(".row")[2].click()
        self.assertIn("Median", self.find(".side").text)
        self.keys(Keys.ENTER)
        self.assertEqual(len(self.all(".row")), 23)
        self.keys(Keys.ARROW_DOWN)
        self.assertEqual(self.find(".row[aria-selected=true]").get_attribute("aria-level"), "3")
        self.until("address of the span", lambda: "span=" in self.driver.current_url)
        address = self.driver.current_url
        self.keys(Keys.ARROW_LEFT, Keys.ARROW_LEFT)
        self.assertEqual(len(self.all(".row")), 3)
        self.find("#search").send_keys("from products")
        self.assertEqual(self.find(".found").text, "20 matches")
        self.assertEqual(len(self.all(".row.missed")), 2)
        self.keys(Keys.ENTER)
        self.assertEqual(len(self.all(".row")), 23)
        self.open("none.html")
        self.driver.get(address)
        self.assertEqual(self.find(".row[aria-selected=true]").get_attribute("aria-level"), "3")

    def test_big_trace(self):
        self.open("shop.html", self.trace_of("GET /huge"))
        box = self.find(".rows")
        self.press("Expand all")
        self.assertEqual(int(box.get_attribute("aria-rowcount")), BIG + 2)  # the call, and the row that holds them all
        most = self.driver.execute_async_script(
            """
            const [box, done] = [document.querySelector(".rows"), arguments[0]]; window.longest = 0;
            let most = 0, n = 0, last = performance.now(), slowest = 0;
            const step = (now) => {
                slowest = Math.max(slowest, now - last); last = now;
                most = Math.max(most, box.querySelectorAll(".row").length);
                const y = box.scrollTop; box.scrollTop = n * box.scrollHeight / 120;
                if (n++ < 120) requestAnimationFrame(step); else done([most, slowest, window.longest]);
            };
            requestAnimationFrame(step);
            """)  # fmt: skip
        self.assertLess(most[0], ROWS_MAX)
        self.assertLess(max(most[1:]), FRAME_MS)
        self.find(".row").click()
        self.keys(Keys.END)
        self.assertEqual(self.js("return document.activeElement.getAttribute('aria-rowindex')"), str(BIG + 2))
        self.js("document.querySelector('.rows').scrollTop = 0")
        self.until("scrolled", lambda: self.js("return document.querySelector('.row[aria-rowindex=\"1\"]') !== null"))
        self.assertEqual(self.js("return document.activeElement.getAttribute('aria-rowindex')"), str(BIG + 2), "the focus got lost")
        self.keys(Keys.HOME, Keys.ARROW_LEFT)
        self.assertEqual(len(self.all(".row")), 1)
        self.assertIn(f"+{BIG:,}", self.find(".row").text)
        self.find(".fold").click()
        self.assertGreater(len(self.all(".row")), 10)
        self.keys("/")
        self.keys("select products")
        self.until("found", lambda: self.find(".found").text == f"{BIG:,} matches")
        self.assertTrue(self.all(".row mark"))
        self.keys(Keys.ENTER, Keys.ENTER)
        self.assertEqual(self.js("return document.activeElement.id"), "search")
        self.assertLess(self.js("return window.longest"), FRAME_MS * 2)

    def test_search(self):
        self.open("shop.html", self.trace_of("GET /checkout"))
        self.press("Collapse all")
        self.assertEqual(len(self.all(".row")), 1)
        self.find("#search").send_keys("quotes:")  # only in an attribute
        self.assertEqual(self.find(".found").text, "1 match")
        self.keys(Keys.ENTER)
        self.assertIn("INCRBY", self.find(".row[aria-selected=true]").text)
        self.assertIn("INCRBY", self.find(".side h2").text)
        self.press("Expand all")
        self.assertTrue(self.all(".row.missed"))

    def test_map(self):
        self.open("shop.html", "#map")
        self.assertEqual(len(self.all(".map .node")), len({e["from"] for e in self.data["edges"]} | {e["to"] for e in self.data["edges"]}))
        self.assertEqual(len(self.all(".map .edge")), len(self.data["edges"]))
        self.assertEqual(len(self.all(".map .node[tabindex='0']")), 1)
        self.js("document.querySelector(\".map .node[tabindex='0']\").focus()")
        label = lambda: self.js("return document.activeElement.getAttribute('aria-label')")  # noqa: E731
        seen = {label()}
        for key in (Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.ARROW_DOWN, Keys.ARROW_UP, Keys.ARROW_LEFT, Keys.ARROW_LEFT, Keys.ARROW_LEFT):
            self.keys(key)
            seen.add(label())
        self.assertGreaterEqual(len(seen), 4)
        web = self.find(".map .node[aria-label^='shop-web']")
        self.js("arguments[0].focus()", web)
        self.keys(Keys.ENTER)
        self.assertEqual(web.get_attribute("aria-pressed"), "true")
        self.assertIn("calls pricing", self.find("#about-node").text)
        self.keys(Keys.ESCAPE)
        self.assertEqual(self.all(".map .faded"), [])
        overlaps = """
            const boxes = [...document.querySelectorAll(".map .box")].map((e) => e.getBoundingClientRect());
            return boxes.filter((a, i) => boxes.some((b, k) => k > i && a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom)).length;
        """
        self.assertEqual(self.js(overlaps), 0)
        self.assertEqual(len(self.all("#table-edges tbody tr")), len(self.data["edges"]))

    def test_theme(self):
        self.open("shop.html")
        ground = lambda: self.js("return getComputedStyle(document.body).backgroundColor")  # noqa: E731
        light = ground()
        self.browser.scheme("dark")
        dark = ground()
        self.assertNotEqual(light, dark)
        self.find("#theme").click()
        self.assertEqual(ground(), light)
        self.assertEqual(self.find("#theme").get_attribute("aria-pressed"), "false")
        self.open("shop.html")
        self.assertEqual(ground(), light, "the choice is kept")
        self.js("localStorage.clear()")
        self.browser.scheme("light", "print")
        self.assertFalse(self.find(".bar").is_displayed())
        self.browser.scheme("light")

    def test_skip_link(self):
        self.open("shop.html")
        self.keys(Keys.TAB)
        self.assertEqual(self.js("return document.activeElement.className"), "skip")
        self.keys(Keys.ENTER)
        self.assertEqual(self.js("return document.activeElement.id"), "main")
        self.heading("What was slow")

    def test_addresses(self):
        for address in ("#nowhere", "#endpoint", "#endpoint&service=%ff&name=%", "#trace&id=0000", "#=&&=", "#trace&id=<script>"):
            self.open("shop.html", address)
            self.assertTrue(self.find("h1").text, address)
        self.follow("To the overview")
        self.heading("What was slow")

    def test_hostile(self):
        self.open("shop.html")
        self.assertNotEqual(self.driver.title, "owned")
        endpoint = next(e for e in self.data["endpoints"] if "script" in e["name"])
        self.assertEqual(self.all("main img, main script"), [])
        shown = next(name for name in self.names() if "script" in name)
        self.assertIn("\u27e8202e\u27e9", shown)
        self.assertNotIn("\u202e", self.find("main").get_attribute("textContent"))
        self.driver.find_element(By.PARTIAL_LINK_TEXT, "script").click()
        self.until("its view", lambda: "<script>" in self.find("h1").text)
        self.follow("Trace 1")
        self.until("its trace", lambda: self.all(".row"))
        self.assertEqual(len(endpoint["slowest"]), 3)
        self.all(".row")[1].click()
        self.assertIn("</script>", self.find(".side").get_attribute("textContent"))
        self.assertIsNone(self.js("return window.owned || null"))
        beyond = "return [...document.querySelectorAll('.card')].filter((e) => e.scrollWidth > e.clientWidth).map((e) => e.className)"
        self.assertEqual(self.js(beyond), [])
        self.assertEqual(self.all("main img, main script"), [])
        self.assertLessEqual(self.js("return document.documentElement.scrollWidth"), 1400)

    def test_views(self):
        self.check_views("shop.html", {"overview": "", "findings": "#findings", "queries": "#queries", "map": "#map",
                                       "endpoint": self.endpoint("GET /checkout"), "trace": self.trace_of("GET /checkout")})  # fmt: skip


class Diff(Page):
    @classmethod
    def make(cls):
        cls.record("before.spantap", shop(), 5)
        orders, checkout, products = shop()
        fixed = orders.but(calls=orders.calls[:1])
        new = syn.Endpoint("GET /new", requests=50, calls=[syn.Call("SELECT 1", ms=1)])
        cls.record("after.spantap", [fixed, checkout, products.but(slower=1.8), new], 6)
        cls.spantap("diff", "before.spantap", "after.spantap", "--html", "diff.html")

    def test_table(self):
        self.open("diff.html")
        self.assertIn("GET /orders/{id} is", self.find(".lead").text)
        self.assertIn("1 endpoint got slower, 1 endpoint got faster", self.find("main").text)
        rows = {row.find_element(By.TAG_NAME, "a").text: row.text for row in self.all("#table-diff tbody tr")}
        self.assertIn("faster", rows["GET /orders/{id}"])
        self.assertIn("slower", rows["GET /products"])
        self.assertIn("no change shown", rows["GET /checkout"])
        label = self.find("#table-diff tbody tr .range").get_attribute("aria-label")
        self.assertRegex(label, r"[+\u2212][\d.,]+%, between .* to ")
        self.find("#flag-diff").click()
        self.assertEqual(len(self.all("#table-diff tbody tr")), 2)

    def test_endpoint(self):
        self.open("diff.html")
        self.follow("GET /orders")
        self.heading("GET /orders/{id}")
        main = self.find("main").text
        self.assertIn("faster", self.find(".lead").text)
        self.assertIn("gone", main)
        self.assertIn("20 \u2192 0", main)
        self.assertEqual(len(self.all(".against .stack")), 2)
        self.assertEqual(len(self.all(".chart .bin-after")), 2)  # and in the legend
        self.driver.back()
        self.heading("Before and after")

    def test_other_views(self):
        self.open("diff.html", "#appeared")
        self.assertIn("GET /new", self.find("main").text)
        self.open("diff.html", "#queries")
        self.assertIn("SELECT * FROM orders", self.find("main").text)
        self.open("diff.html", "#notes")
        self.assertIn("comparisons", self.find("main").text)

    def test_views(self):
        self.check_views("diff.html", {"overview": "", "queries": "#queries", "appeared": "#appeared", "notes": "#notes",
                                       "endpoint": "#endpoint&service=shop-web&name=GET%20%2Forders%2F%7Bid%7D"})  # fmt: skip


if __name__ == "__main__":
    e2e.main()
