"""Opens a page in a real Chromium and tells what it did, as JSON.

scripts/python scripts/browser.py --page report.html [--width 390] [--scheme dark] [--picture out.png] [--paper out.pdf]

errors: what the console or a script complained of. requests: what was asked for besides the page itself. charts: of each one its
kind, how many shapes it drew, and whether it stands within the page. overflow: whether the page is wider than the window.
"""

import argparse
import contextlib
import json
import pathlib
import subprocess

from playwright.sync_api import sync_playwright

SEEN = """() => ({
  language: document.documentElement.lang,
  title: document.title,
  overflow: document.documentElement.scrollWidth > innerWidth,
  background: getComputedStyle(document.body).backgroundColor,
  charts: [...document.querySelectorAll('[data-spec]')].map((element) => ({
    id: element.closest('figure').id,
    kind: JSON.parse(element.dataset.spec).kind,
    label: element.getAttribute('aria-label'),
    shapes: [...element.querySelectorAll('svg path')].filter((p) => { const box = p.getBBox(); return box.width + box.height > 2; }).length,
    texts: [...element.querySelectorAll('svg text')].map((t) => t.textContent),
    rows: element.closest('figure').querySelectorAll('tbody tr').length,
  })),
  commands: [...document.querySelectorAll('.made code')].map((code) => code.textContent),
  small: [...document.querySelectorAll('summary, .copy')].filter((e) => e.offsetParent && e.getBoundingClientRect().height < 22).length,
})"""

# Every element with text of its own: is it told from what is behind it, as WCAG AA asks?
CONTRAST = """() => {
  const parts = (c) => c.match(/[\\d.]+/g).map(Number);
  const light = (c) => { const [r, g, b] = c.slice(0, 3).map((v) => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; }); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const found = [];
  for (const element of document.querySelectorAll('body *')) {
    if (element.closest('svg') || !element.offsetParent || ![...element.childNodes].some((n) => n.nodeType === 3 && n.data.trim())) continue;
    let behind = element;
    while (behind && (parts(getComputedStyle(behind).backgroundColor)[3] ?? 1) === 0) behind = behind.parentElement;
    const style = getComputedStyle(element);
    const [a, b] = [light(parts(style.color)), light(parts(getComputedStyle(behind || document.body).backgroundColor))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) found.push(`${element.tagName}.${element.className}: ${ratio.toFixed(2)}`);
  }
  return [...new Set(found)];
}"""


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser()
    parser.add_argument("--page", type=pathlib.Path, required=True)
    parser.add_argument("--width", type=int, default=1280)
    parser.add_argument("--height", type=int, default=900)
    parser.add_argument("--scheme", choices=["light", "dark"], default="light")
    parser.add_argument("--picture", type=pathlib.Path)
    parser.add_argument("--paper", type=pathlib.Path)
    parser.add_argument("--whole", action="store_true", help="the picture shows the whole page")
    return parser


@contextlib.contextmanager
def opened(args: argparse.Namespace, fragment: str = ""):
    """The page in a Chromium, with what the console complained of and what was asked for besides the page itself."""
    chromium = subprocess.run(
        [pathlib.Path(__file__).with_name("chromium")], check=True, stdout=subprocess.PIPE, text=True
    ).stdout.strip()
    errors: list[str] = []
    requests: list[str] = []
    address = args.page.resolve().as_uri()
    with sync_playwright() as play:
        # As root Chromium starts without its sandbox only; the page is our own.
        browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(
            viewport={"width": args.width, "height": args.height},
            color_scheme=args.scheme,
            device_scale_factor=1 if args.width > 600 else 2,
        )
        page.on("console", lambda m: errors.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda e: errors.append(str(e)))
        page.on("request", lambda r: requests.append(r.url) if r.url.split("#")[0] != address else None)
        page.goto(address + fragment, wait_until="load")
        yield page, errors, requests
        browser.close()


def depict(page, args: argparse.Namespace) -> None:
    """The page as a picture and on paper, where that is asked for."""
    if args.picture:
        page.screenshot(path=args.picture, full_page=args.whole)
    if args.paper:
        page.pdf(path=args.paper, prefer_css_page_size=True, format="A4")


def main() -> None:
    args = arguments().parse_args()
    with opened(args) as (page, errors, requests):
        seen = page.evaluate(SEEN)
        page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
        seen["contrast"] = page.evaluate(CONTRAST)
        page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = false; })")
        # The keyboard alone: where the first steps lead, and what opens the first table.
        page.keyboard.press("Tab")
        seen["first_stop"] = page.evaluate("document.activeElement.className")
        page.focus("figure summary")
        page.keyboard.press("Enter")
        seen["opened_by_key"] = page.evaluate("document.querySelector('figure details').open")
        page.keyboard.press("Enter")
        page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
        depict(page, args)
    print(json.dumps({"errors": errors, "requests": requests, **seen}))


if __name__ == "__main__":
    main()
