"""Draw the README's picture of the live figure again: python tools/readme_picture.py"""

from pathlib import Path

from awing_lib.browser import chromium
from awing_lib.widgets.loss_explorer import LossExplorer

PICTURE = Path(__file__).resolve().parent.parent / "book/_static/loss-explorer.png"

with chromium() as browser:
    page = browser.new_page(viewport={"width": 860, "height": 700}, device_scale_factor=1.5)
    page.set_content(
        f"<!doctype html><html><body style='margin: 0; background: white'>{LossExplorer().html()}</body></html>"
    )
    page.wait_for_selector(".aw .aw-summary")
    page.locator(".aw").screenshot(path=PICTURE)
print(PICTURE)
