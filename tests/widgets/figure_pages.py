"""What the tests of the interactive figures ask of an open page."""


def settle(page):
    """Wait until the page has drawn what was set: redraws happen at the next frame."""
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done())))")


def redraw_times(page):
    """Durations of the redraws so far, in milliseconds."""
    return page.evaluate("() => performance.getEntriesByName('aw-redraw').map(entry => entry.duration)")


def line(page, key, chart=0, figure=0):
    """The path of one line of a chart, as it is drawn now."""
    charts = page.locator(".aw").nth(figure).locator(".aw-chart")
    return charts.nth(chart).locator(f'[data-key="{key}"]').get_attribute("d")


def slider(page, name, figure=0):
    return page.locator(".aw").nth(figure).locator(f'input[name="{name}"]')


def press(page, label, figure=0):
    page.locator(".aw").nth(figure).get_by_role("button", name=label).click()
    settle(page)


def pressed(page):
    """The labels of the buttons that are on."""
    return [b.inner_text() for b in page.get_by_role("button").all() if b.get_attribute("aria-pressed") == "true"]
