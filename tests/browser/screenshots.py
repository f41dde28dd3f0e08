"""Take the pictures of the guide: `make screenshots`.

The pages are those of the example project after its own demonstration, with a worker beside it.
"""

import io
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from PIL import Image
from playwright.sync_api import Browser, Page

from tests.browser import chromium
from tests.browser.chromium import Reader
from tests.browser.conftest import log_in
from tests.browser.site import ROOT, Site
from tests.deadlines import wait_until

PLACE = ROOT / "docs" / "screenshots"
APP = "/admin/django_taskq"
FILES = 1500
MOST_BYTES = 150_000
# Fewer colours than the pages have shades of; text stays sharp.
COLORS = 64
WIDE = {"width": 1280, "height": 860}
NARROW = {"width": 390, "height": 844}
LONGEST = 120.0


class Shot(NamedTuple):
    """A picture: its name, its page, a link on that to follow, and what stands at its top."""

    name: str
    path: str
    follow: str = ""
    top: str = ""
    is_dark: bool = False
    is_narrow: bool = False


SHOTS = (
    Shot("overview", f"{APP}/job/overview/"),
    Shot("overview-dark", f"{APP}/job/overview/", is_dark=True),
    Shot("overview-narrow", f"{APP}/job/overview/", is_narrow=True),
    Shot("jobs", f"{APP}/job/?state=FAILED"),
    Shot("job", f"{APP}/job/?state=FAILED", follow="#result_list tbody th a"),
    Shot("failures", f"{APP}/job/failures/"),
    Shot("queues", f"{APP}/queue/"),
    Shot("tenants", f"{APP}/tenant/"),
    Shot("workers", f"{APP}/worker/"),
    Shot("schedule", f"{APP}/schedule/", "#result_list tbody th a", top=".field-next_runs"),
    Shot("run", f"{APP}/run/", follow=f"#content a[href*='{APP}/run/']"),
)


def main() -> int:
    """Fill a desk, show it, and keep the pictures of its pages; return the exit status."""
    path = chromium.find()
    if path is None:
        sys.stderr.write("screenshots: there is no Chromium; .ci/chromium.sh may install it.\n")
        return 1
    with tempfile.TemporaryDirectory() as name:
        site = Site(Path(name))
        sys.stdout.write(f"The demonstration reads {FILES} files.\n")
        site.python("-m", "example_project.demo", "--files", str(FILES))
        site.python("manage.py", "tenant", "set", "django", "--weight", "2")
        site.python("manage.py", "queue", "set", "summaries", "--max-running", "4")
        site.start()
        try:
            with chromium.running(path) as browser:
                take_all(browser, site)
        finally:
            site.stop()
    return 0


def take_all(browser: Browser, site: Site) -> None:
    """Take every picture; those that are gone from the list are removed."""
    PLACE.mkdir(exist_ok=True)
    for shot in SHOTS:
        size = take(browser, site, shot)
        sys.stdout.write(f"{shot.name}.png  {size / 1000:.0f} KB\n")
    kept = {f"{shot.name}.png" for shot in SHOTS}
    for picture in PLACE.glob("*.png"):
        if picture.name not in kept:
            picture.unlink()


def take(browser: Browser, site: Site, shot: Shot) -> int:
    """Take one picture and return how many bytes it has."""
    reader = Reader(
        browser,
        site.address,
        viewport=NARROW if shot.is_narrow else WIDE,
        color_scheme="dark" if shot.is_dark else "light",
    )
    try:
        log_in(reader.page)
        show(reader.page, shot)
        return keep(reader.page.screenshot(full_page=False), PLACE / f"{shot.name}.png")
    finally:
        reader.context.close()


def show(page: Page, shot: Shot) -> None:
    """Go to the page of a picture, and wait until it has what it shows."""
    page.goto(shot.path)
    # The side bar of the admin takes a quarter of a picture and says the same in each.
    page.evaluate("localStorage.setItem('django.admin.navSidebarIsOpen', 'false')")

    def has_content() -> bool:
        page.goto(shot.path)
        return page.locator(shot.follow or "#content").count() > 0

    wait_until(has_content, timeout=LONGEST, what=f"{shot.follow!r} on {shot.path}")
    if shot.follow:
        page.locator(shot.follow).first.click()
        page.wait_for_load_state("networkidle")
    if shot.top:
        page.locator(shot.top).evaluate("each => each.scrollIntoView()")


def keep(taken: bytes, path: Path) -> int:
    """Write a picture with few colours; return its size. Raise ValueError where it is too large."""
    picture = Image.open(io.BytesIO(taken)).convert("RGB")
    few = picture.quantize(COLORS, dither=Image.Dither.NONE)
    few.save(path, optimize=True)
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise ValueError(f"{path.name}: expected at most {MOST_BYTES} bytes, got {size}.")
    return size


if __name__ == "__main__":
    sys.exit(main())
