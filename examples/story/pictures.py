#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Makes the tour's pictures and texts from what `make story` left: spantap's pages and terminal output, in Chromium.

    pictures.py SPANTAP STORY_DIRECTORY OUT_DIRECTORY

Texts go into OUT_DIRECTORY/README.md, between <!-- name --> and <!-- end -->.
"""
import html
import os
import re
import subprocess
import sys
import tempfile

import numpy
import PIL.Image
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.support.ui import WebDriverWait

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import story  # noqa: E402

WIDTH = 1200
COLUMNS = 116
BYTES_MAX = 150_000
PALETTE = ["#24292f", "#c62828", "#2e7d32", "#9a6700", "#1565c0", "#8e24aa", "#00838f", "#57606a"]
PAGE = """<!doctype html><meta charset="utf-8"><style>
body {{ margin: 0; background: #fff; }}
pre {{ margin: 0; padding: 14px 18px; font: 13px/1.38 "DejaVu Sans Mono", monospace; color: #24292f; display: inline-block; }}
.prompt {{ color: #57606a; }}
</style><pre>{}</pre>"""


def style_of(codes, state):
    """The state (colour, bold, faint) after the codes of one escape."""
    codes = [int(code or 0) for code in codes.split(";")]
    while codes:
        code = codes.pop(0)
        if code == 0:
            state = {}
        elif code == 1:
            state = {**state, "font-weight": "bold"}
        elif code == 2:
            state = {**state, "color": "#8c959f"}
        elif code in (22, 39):
            state = {k: v for k, v in state.items() if k != ("font-weight" if code == 22 else "color")}
        elif 30 <= code <= 37 or 90 <= code <= 97:
            state = {**state, "color": PALETTE[code % 10]}
        elif code == 38 and codes[:1] == [5]:
            state = {**state, "color": PALETTE[codes[1] % 8]}
            del codes[:2]
    return state


def terminal_page(command, output):
    """What a terminal shows, as a page."""
    state, parts = {}, [f'<span class="prompt">$ {html.escape(command)}</span>\n']
    for piece in re.split(r"(\x1b\[[0-9;]*m)", output):
        found = re.fullmatch(r"\x1b\[([0-9;]*)m", piece)
        if found:
            state = style_of(found[1], state)
        elif piece:
            style = ";".join(f"{name}:{value}" for name, value in state.items())
            parts.append(f'<span style="{style}">{html.escape(piece)}</span>')
    return PAGE.format("".join(parts))


def shrink(path):
    """A page has few colours: the 256 it has most of stay as they are, which takes a third of the bytes."""
    with PIL.Image.open(path) as picture:
        pixels = numpy.asarray(picture.convert("RGB"))
    colours, inverse, times = numpy.unique(pixels.reshape(-1, 3), axis=0, return_inverse=True, return_counts=True)
    palette = colours[numpy.argsort(-times)[:256]]
    nearest = [numpy.abs(palette.astype(int) - colour).sum(axis=1).argmin() for colour in colours]
    small = PIL.Image.fromarray(numpy.array(nearest, numpy.uint8)[inverse].reshape(pixels.shape[:2]), "P")
    small.putpalette(palette.tobytes())
    small.save(path, optimize=True)


class Camera:
    def __init__(self, spantap, directory, out, scratch):
        self.spantap, self.directory, self.out, self.scratch = spantap, directory, out, scratch
        options = webdriver.ChromeOptions()
        options.binary_location = "/usr/bin/chromium"
        for word in ("headless=new", "no-sandbox", "disable-gpu", "hide-scrollbars", f"window-size={WIDTH},800"):
            options.add_argument(f"--{word}")
        options.add_argument(f"--user-data-dir={scratch}/profile")
        self.browser = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)
        self.browser.execute_cdp_cmd(
            "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": "light"}]}
        )

    def close(self):
        self.browser.quit()

    def shoot(self, name, width, height):
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        path = os.path.join(self.out, f"{name}.png")
        self.browser.save_screenshot(path)
        shrink(path)
        size = os.path.getsize(path)
        print(f"  {size:>8,}  {path}")
        if size > BYTES_MAX:
            sys.exit(f"pictures: {path}: larger than {BYTES_MAX:,} bytes")

    def output(self, *words):
        """What spantap prints, without the directory."""
        words = [os.path.join(self.directory, word) if word.endswith(".spantap") else word for word in words]
        environment = {**os.environ, "COLUMNS": str(COLUMNS)}
        done = subprocess.run([self.spantap, *words], capture_output=True, text=True, env=environment, check=False)
        if done.returncode:
            sys.exit(f"pictures: spantap {' '.join(words)}: {done.stderr}")
        return done.stdout.replace(self.directory + "/", "")

    def terminal(self, name, *words, until):
        """What spantap prints before the title `until`, with the command above it."""
        lines = self.output(*words, "--colour", "always").splitlines(keepends=True)
        last = next((at for at, line in enumerate(lines) if until in line), len(lines))
        output = "".join(lines[:last]).rstrip() + "\n"
        path = os.path.join(self.scratch, f"{name}.html")
        with open(path, "w", encoding="utf-8") as page:
            page.write(terminal_page("spantap " + " ".join(words), output))
        self.browser.get(f"file://{path}")
        box = self.browser.execute_script(
            "const b = document.querySelector('pre').getBoundingClientRect(); return [b.width, b.height]"
        )
        self.shoot(name, int(box[0]) + 1, int(box[1]) + 1)

    def page(self, name, file, view, height, prepare=None, width=WIDTH):
        """One view of a page (the part after #), after clicks or whatever `prepare` does."""
        self.browser.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False},
        )
        self.browser.get("about:blank")
        self.browser.get(f"file://{os.path.join(self.directory, file)}#{view}")
        WebDriverWait(self.browser, 20).until(
            lambda b: b.execute_script("return !document.getElementById('loading')")
        )
        if prepare:
            prepare(self.browser)
        self.shoot(name, width, height)


def main():
    if len(sys.argv) != 4:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    spantap, directory, out = (os.path.abspath(path) for path in sys.argv[1:])
    with tempfile.TemporaryDirectory(prefix="spantap-pictures.") as scratch:
        camera = Camera(spantap, directory, out, scratch)
        try:
            take(camera)
            write_texts(os.path.join(out, "README.md"), texts(camera))
        finally:
            camera.close()
    return 0


def open_trace(browser):
    """From an endpoint's view to one of its slowest traces: the fifth, for the slowest is seldom like the others."""
    browser.execute_script("[...document.querySelectorAll('a[href^=\"#trace\"]')].at(4).click()")


def take(camera):
    orders = "endpoint&service=shop-web&name=GET%20/orders/{id}"
    camera.terminal("report-terminal", "report", "0-before.spantap", until="what to change")
    camera.page("report", "0-before.html", "overview", 1000)
    camera.page("endpoint", "0-before.html", orders, 1100)
    camera.page("waterfall", "0-before.html", orders, 900, open_trace)
    camera.page("map", "0-before.html", "map", 430, width=1450)
    camera.terminal("diff-terminal", "diff", "0-before.spantap", "3-after.spantap", until="queries that changed")
    camera.page("diff", "diff-all.html", "overview", 1000)
    camera.page("diff-endpoint", "diff-all.html", orders, 1000)


def section(output, title):
    """From the line that begins so to the next empty one."""
    found = re.search(rf"^{title}.*?(?=\n\n|\Z)", output, re.M | re.S)
    return found[0] if found else ""


def texts(camera):
    """By the name of their place: what the report says to change; of each fix the code and its endpoint's numbers."""
    out = {"findings": section(camera.output("report", "0-before.spantap"), "what to change")}
    for turn, fix in enumerate(story.FIXES):
        files = [f"{at}-{story.VERSIONS[at]}.spantap" for at in (turn, turn + 1)]
        said = camera.output("diff", *files)
        out[f"fix{turn + 1}"] = story.code_change(fix)
        out[f"diff{turn + 1}"] = section(said, r"\S") + "\n\n" + section(said, rf"faster +{re.escape(fix.endpoint)}")
    return out


def write_texts(path, out):
    with open(path, encoding="utf-8") as source:
        page = source.read()
    for name, text in out.items():
        if not text.strip():
            sys.exit(f"pictures: nothing to show for {name}")
        block = "".join(f"    {line}".rstrip() + "\n" for line in text.strip("\n").splitlines())
        before, mark, rest = page.partition(f"<!-- {name} -->\n")
        page = f"{before}{mark}\n{block}\n{rest[rest.index('<!-- end -->') :]}" if mark else page
    with open(path, "w", encoding="utf-8") as target:
        target.write(page)


if __name__ == "__main__":
    sys.exit(main())
