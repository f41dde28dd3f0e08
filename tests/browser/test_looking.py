"""The measures of a page see what they are there for."""

from playwright.sync_api import Browser

from tests.browser.chromium import Reader
from tests.browser.looking import overflow, pale

PAGE = """
<body style="margin: 0"><div id="content" style="background: #fff">
<p style="color: #767676">just enough</p><p style="color: #888">too little</p>
<p style="color: rgb(0 0 0 / 30%)">shines through</p>
<div style="background: #222"><p>dark on dark</p><p style="color: #fff">clear</p></div>
<svg width="90" height="30"><g><rect width="90" height="30" fill="#ff0"/>
<text y="20" fill="#fff">drawn</text></g></svg>
WIDE</div></body>
"""
TABLE = '<table><tr><td style="min-width: 700px">wide</td></tr></table>'


def test_the_measures_find_pale_text_and_wide_pages(browser: Browser) -> None:
    reader = Reader(browser, "http://localhost", viewport={"width": 390, "height": 800})
    reader.page.set_content(PAGE.replace("WIDE", ""))
    found = "\n".join(pale(reader.page))
    assert [text for text in ("too little", "shines through", "dark on dark", "drawn")
            if text not in found] == []  # fmt: skip
    assert not [text for text in ("just enough", "clear") if text in found]
    assert overflow(reader.page) == []
    reader.page.set_content(PAGE.replace("WIDE", TABLE))
    assert overflow(reader.page)
    reader.page.set_content(PAGE.replace("WIDE", f'<div style="overflow: auto">{TABLE}</div>'))
    assert overflow(reader.page) == []
    reader.context.close()
