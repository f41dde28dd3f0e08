"""What can be measured of a page that is shown: its width, and how well its text can be read."""

import re
from collections import deque
from collections.abc import Iterator
from urllib.parse import SplitResult, urlsplit

from playwright.sync_api import Page

LEAST_CONTRAST = 4.5
# Pages that differ in the row they are about are one page.
_NAMED = re.compile(r"/[^/]+(?=/change/$)")
# Forms of Django's own, the same for every model.
_OF_DJANGO = re.compile(r"/(?:history|delete|logout|jsi18n|password_change)/$")

# Without these the walk has lost its way.
MAIN = {
    f"/django_taskq/{page}"
    for page in (
        "", "job/", "job/*/change/", "job/failures/", "job/overview/", "queue/",
        "queue/*/change/", "run/", "run/*/change/", "schedule/", "schedule/*/change/", "tenant/",
        "worker/", "worker/*/change/", "worker/live/",
    )
}  # fmt: skip

# Also those of drawings, whose `href` is no text.
LINKS = """[...document.querySelectorAll("body a[href], body form[action]")].map(
    each => new URL(each.getAttribute("href") ?? each.getAttribute("action"), document.URL).href)
"""
OVERFLOW = """() => {
    const width = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= width) return [];
    return [...document.querySelectorAll("body *")]
        .filter(each => each.getBoundingClientRect().right > width + 1)
        .map(each => `${each.tagName} ${each.className} ${each.id}`).slice(0, 5);
}"""
# Where Django's own style sheet does not know the markup, the bar has no ground.
BAR = """() => {
    const bar = document.querySelector(".breadcrumbs");
    return bar ? getComputedStyle(bar).backgroundColor : null;
}"""
# Every text of the page's own part with the contrast to what is painted behind it.
CONTRASTS = """() => {
    // Colours fade into one another when the theme is switched.
    document.getAnimations().forEach(each => each.finish());
    const canvas = new OffscreenCanvas(1, 1);
    const pen = canvas.getContext("2d", {willReadFrequently: true});
    const read = color => {
        pen.clearRect(0, 0, 1, 1);
        pen.fillStyle = color;
        pen.fillRect(0, 0, 1, 1);
        const [red, green, blue, alpha] = pen.getImageData(0, 0, 1, 1).data;
        return [red, green, blue, alpha / 255];
    };
    const over = (top, below) =>
        [0, 1, 2].map(i => top[i] * top[3] + below[i] * (1 - top[3])).concat(1);
    const light = color => {
        const [red, green, blue] = color.slice(0, 3).map(value => {
            value /= 255;
            return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
        });
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
    // Shapes of a drawing under the middle of a text, the last one drawn first.
    const shapes = text => {
        const box = text.getBoundingClientRect();
        const [x, y] = [(box.left + box.right) / 2, (box.top + box.bottom) / 2];
        return [...text.ownerSVGElement.querySelectorAll("rect, circle")].filter(each => {
            const found = each.getBoundingClientRect();
            const after = each.compareDocumentPosition(text) & Node.DOCUMENT_POSITION_FOLLOWING;
            return after && getComputedStyle(each).fill !== "none"
                && found.left <= x && x <= found.right && found.top <= y && y <= found.bottom;
        }).reverse();
    };
    const behind = element => {
        const layers = [];
        if (element.ownerSVGElement)
            layers.push(...shapes(element).map(each => read(getComputedStyle(each).fill)));
        for (let each = element; each; each = each.parentElement)
            layers.push(read(getComputedStyle(each).backgroundColor));
        layers.push([255, 255, 255, 1]);
        return layers.reduceRight((below, top) => over(top, below));
    };
    const found = [];
    for (const element of document.querySelectorAll("#content *")) {
        const own = [...element.childNodes].filter(node => node.nodeType === 3);
        const text = own.map(node => node.textContent).join("").trim();
        if (!text || !element.checkVisibility() || element.closest("option, script, style, title"))
            continue;
        const style = getComputedStyle(element);
        const ground = behind(element);
        const ink = over(read(element.closest("svg") ? style.fill : style.color), ground);
        const [dark, bright] = [light(ink), light(ground)].sort((a, b) => a - b);
        found.push({
            text: text.slice(0, 60),
            of: `${element.tagName} ${element.getAttribute("class") || ""}`,
            ratio: (bright + 0.05) / (dark + 0.05),
        });
    }
    return found;
}"""


def overflow(page: Page) -> list[str]:
    """Return what makes the page wider than its window."""
    return list(page.evaluate(OVERFLOW))


def bar(page: Page) -> str | None:
    """Return the colour of the bar that leads back, None where there is no bar."""
    found: str | None = page.evaluate(BAR)
    return found


def pale(page: Page) -> list[str]:
    """Return the texts that stand out too little from what is behind them."""
    measured = page.evaluate(CONTRASTS)
    assert measured, f"{page.url}: no text was found to measure."
    return [
        f"{each['of']} {each['text']!r}: {each['ratio']:.2f}"
        for each in measured
        if each["ratio"] < LEAST_CONTRAST
    ]


def links(page: Page) -> list[SplitResult]:
    """Return where the links and forms of the page lead."""
    return [urlsplit(link) for link in page.evaluate(LINKS)]


def walk(page: Page, start: str) -> Iterator[str]:
    """Show one page of each kind that links lead to from the pages of the app; yield its path."""
    root = "/".join(start.split("/")[:2])
    waiting, seen = deque([start]), {kind_of(start)}
    while waiting:
        path = waiting.popleft()
        response = page.goto(path)
        assert response is not None
        assert response.ok, f"{path}: {response.status}"
        yield path
        for found in links(page):
            kind = kind_of(found.path)
            is_ours = found.path.startswith(f"{root}/django_taskq/")
            if is_ours and kind not in seen and not _OF_DJANGO.search(found.path):
                seen.add(kind)
                waiting.append(f"{found.path}?{found.query}" if found.query else found.path)


def kind_of(path: str) -> str:
    """Return a path without what names a row."""
    return _NAMED.sub("/*", path.split("?", maxsplit=1)[0])
