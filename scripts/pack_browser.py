"""Opens the auditor's folder in a real Chromium and tells what it did, as JSON; prints it and counts the sheets.

scripts/python scripts/pack_browser.py --page audit/run-1/index.html [--width 390] [--scheme dark] [--picture out.png] [--whole] [--paper out.pdf]
"""

import json
import re
import pathlib
import tempfile

import browser

SEEN = """() => ({
  language: document.documentElement.lang,
  title: document.title,
  overflow: document.documentElement.scrollWidth > innerWidth,
  chapters: [...document.querySelectorAll('section.chapter')].map((s) => s.id),
  broken: [...document.querySelectorAll('a[href^="#"]')].filter((a) => !document.getElementById(a.hash.slice(1))).map((a) => a.hash),
  doubled: [...document.querySelectorAll('[id]')].map((e) => e.id).filter((id, at, all) => all.indexOf(id) !== at),
  tables: document.querySelectorAll('table').length,
  // What is cut off at the side and cannot be scrolled to.
  cut: [...document.querySelectorAll('main *')].filter((e) => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest('.scroll, pre')).length,
})"""


def main() -> None:
    args = browser.arguments().parse_args()
    with tempfile.TemporaryDirectory() as folder, browser.opened(args) as (page, errors, requests):
        seen = page.evaluate(SEEN)
        seen["contrast"] = page.evaluate(browser.CONTRAST)
        page.keyboard.press("Tab")
        seen["first_stop"] = page.evaluate("document.activeElement.className")
        page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
        args.paper = args.paper or pathlib.Path(folder) / "page.pdf"
        browser.depict(page, args)
        paper = args.paper.read_bytes()
        seen["sheets"] = len(re.findall(rb"/Type\s*/Page\b", paper))
        seen["formats"] = sorted({m.decode() for m in re.findall(rb"/MediaBox\s*\[([^\]]*)\]", paper)})
    print(json.dumps({"errors": errors, "requests": requests, **seen}))


if __name__ == "__main__":
    main()
