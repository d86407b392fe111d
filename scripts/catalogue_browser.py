"""Uses the data catalogue in a real Chromium as a person would, and tells what happened, as JSON.

scripts/python scripts/catalogue_browser.py --page catalogue/index.html [--width 390] [--scheme dark] [--view marts.customer_360.revenue_eur]
    [--picture out.png] [--search revenue_eur …]

errors, requests: as in browser.py. views: of each one that was opened whether it is wider than the window, what has too little contrast, and what the
picture of the lineage shows. found: what each search found first. keys: what the keyboard alone does.
"""

import json

from browser import CONTRAST, arguments, depict, opened

VIEW = """() => {
  const entry = document.querySelector('.entry.shown');
  const svg = entry.querySelector('.lineage svg');
  const box = (e) => { const b = e.getBBox(); return b.width + b.height > 2; };
  return {
    id: entry.id,
    overflow: document.documentElement.scrollWidth > innerWidth,
    marked: [...document.querySelectorAll('tr.marked')].map((r) => r.id),
    boxes: svg ? [...svg.querySelectorAll('.box title')].map((t) => t.textContent).filter((t) => t.includes('.')) : [],
    columns: svg ? [...svg.querySelectorAll('.box .column title')].map((t) => t.textContent) : [],
    lines: svg ? [...svg.querySelectorAll('.lines path.flow')].filter(box).length : 0,
    soft: svg ? [...svg.querySelectorAll('.lines path.soft')].filter(box).length : 0,
    label: svg ? svg.getAttribute('aria-label') : null,
    others: [...document.querySelectorAll('.entry')].filter((e) => e !== entry && e.offsetParent).length,
  };
}"""


def main() -> None:
    parser = arguments()
    parser.add_argument("--view", nargs="*", default=[])
    parser.add_argument("--search", nargs="*", default=[])
    args = parser.parse_args()
    with opened(args) as (page, errors, requests):
        seen = {
            "language": page.evaluate("document.documentElement.lang"),
            "background": page.evaluate("getComputedStyle(document.body).backgroundColor"),
            "views": [],
            "found": {},
        }

        def look() -> None:
            told = page.evaluate(VIEW)
            page.evaluate("document.querySelectorAll('.entry.shown details').forEach((d) => { d.open = true; })")
            told["contrast"] = page.evaluate(CONTRAST)
            page.evaluate("document.querySelectorAll('.entry.shown details').forEach((d) => { d.open = false; })")
            seen["views"].append(told)

        page.keyboard.press("Tab")
        keys = {"first_stop": page.evaluate("document.activeElement.className")}
        page.evaluate("document.activeElement.blur()")
        look()
        for text in args.search:
            page.fill("#search", text)
            page.wait_for_selector(".results:not([hidden])")
            seen["found"][text] = page.evaluate(
                "[...document.querySelectorAll('.results a')].map((a) => decodeURIComponent(a.hash.slice(1)))"
            )
            page.fill("#search", "")
        # The keyboard alone: to the search, down to the first answer, and there.
        page.evaluate("document.activeElement.blur()")
        page.keyboard.press("/")
        keys["slash"] = page.evaluate("document.activeElement.id")
        page.keyboard.type("customer_360")
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        page.wait_for_function("document.querySelector('.entry.shown').id !== 'overview'")
        keys["led_to"] = page.evaluate("document.querySelector('.entry.shown').id")
        seen["keys"] = keys
        for view in args.view:
            name, _, deciding = view.partition("+")
            page.evaluate("(to) => { location.hash = to; }", name)
            page.wait_for_timeout(150)
            if deciding:
                page.check(".entry.shown .deciding")
            look()
        page.evaluate("document.activeElement.blur()")
        depict(page, args)
    print(json.dumps({"errors": errors, "requests": requests, **seen}))


if __name__ == "__main__":
    main()
