"""Takes the picture of a Superset dashboard, once all of its charts are drawn: `superset_picture.py ADDRESS DASHBOARD FILE`; user and password by variables."""

import os
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright


def main() -> int:
    address, dashboard, picture = sys.argv[1:]
    chromium = subprocess.run([Path(__file__).parent / "chromium"], capture_output=True, text=True, check=True).stdout.strip()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1400, "height": 1000}, device_scale_factor=1)
        page.goto(f"{address}/login/")
        page.fill("input[type=text], #username", os.environ["SUPERSET_USER"])
        page.fill("input[type=password]", os.environ["SUPERSET_PASSWORD"])
        page.keyboard.press("Enter")
        page.wait_for_url(lambda url: "/login" not in url, timeout=60_000)
        page.goto(f"{dashboard}?standalone=1", wait_until="networkidle", timeout=120_000)
        # Charts below the window are asked for only when they come into sight.
        charts = page.locator("[data-test-viz-type], .dashboard-component-chart-holder")
        page.wait_for_selector(".dashboard-component-chart-holder", timeout=60_000)
        for i in range(charts.count()):
            charts.nth(i).scroll_into_view_if_needed()
            page.wait_for_timeout(500)
        page.wait_for_function("() => !document.querySelector('[data-test=loading-indicator], .loading')", timeout=120_000)
        page.wait_for_timeout(2_000)
        failed = page.locator("[role=alert], .ant-alert-error").all_inner_texts()
        # The window as high as the dashboard: nothing is below it.
        height = page.evaluate("() => Math.max(...[...document.querySelectorAll('.dashboard-component-chart-holder')].map((e) => e.getBoundingClientRect().bottom + scrollY))")
        page.set_viewport_size({"width": 1400, "height": int(height) + 24})
        page.wait_for_timeout(3_000)
        drawn = page.locator(".dashboard-component-chart-holder canvas, .dashboard-component-chart-holder table").count()
        page.screenshot(path=picture)
        browser.close()
    print(f"{picture}: {drawn} charts drawn")
    if failed or drawn < 5:
        print(f"not as it should be: {failed}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
