"""The heatmap race: its arithmetic against the Python library, its claims, and the figure in Chromium."""

import statistics

import numpy as np
import pytest
import torch
import traitlets

from awing_lib.figures import pixel_losses
from awing_lib.widgets.heatmap_race import HeatmapRace

LOSSES = {"mse": "MSE", "l1": "L1", "wing": "Wing", "awing": "AWing"}  # name in JavaScript: name in Python
SETTINGS = {"stepSize": 0.02, "labelNoise": 1.0, "pixelNoise": 0.1, "equalSlopes": True, "seed": 0}


@pytest.fixture(scope="module")
def race_js(run_module):
    """race_js(script, data): what the script leaves in ``result``, with the figure's module in scope."""
    return lambda script, data=None: run_module(script, data, source=HeatmapRace._esm)


@pytest.fixture
def open_race(open_figures):
    """open_race(copies=1, **traits), with the keywords of ``open_figures`` in ``page``."""
    return lambda copies=1, page=None, **traits: open_figures(
        *(HeatmapRace(**traits) for _ in range(copies)), **(page or {})
    )


def click(page, name):
    page.get_by_role("button", name=name, exact=True).first.click()


def pictures(page):
    return page.evaluate("[...document.querySelectorAll('figure canvas')].map((canvas) => canvas.toDataURL())")


def slopes(name, prediction, target):
    prediction = torch.as_tensor(prediction, dtype=torch.float64).clone().requires_grad_()
    pixel_losses()[LOSSES[name]](prediction, torch.as_tensor(target, dtype=torch.float64)).sum().backward()
    return prediction.grad.numpy()


def test_steepest_slopes(race_js):
    error, target = np.meshgrid([*np.linspace(-1, 1, 2001), 1e-7], np.linspace(0, 1, 101))
    for name, steepest in race_js("result = STEEPEST").items():
        assert np.abs(slopes(name, (target + error).ravel(), target.ravel())).max() == pytest.approx(steepest, rel=1e-4)


def test_one_step_equals_the_library_over_a_grid(race_js):
    target, prediction = (
        grid.ravel()
        for grid in np.meshgrid(np.linspace(0, 1, 81), np.concatenate([np.linspace(-2, 2, 161), [-15, 15]]))
    )
    for equal in (True, False):
        moved = race_js(
            "const maps = Object.fromEntries(['mse', 'l1', 'wing', 'awing'].map((name) => [name, Float64Array.from(data.prediction)]));"
            "descend(maps, Float64Array.from(data.target), 1, data.equal);"
            "result = Object.fromEntries(Object.entries(maps).map(([name, map]) => [name, [...map]]));",
            {"prediction": prediction.tolist(), "target": target.tolist(), "equal": equal},
        )
        steepest = race_js("result = STEEPEST")
        for name in LOSSES:
            expected = slopes(name, prediction, target) / (steepest[name] if equal else 1)
            np.testing.assert_allclose(prediction - np.array(moved[name]), expected, atol=1e-6, err_msg=name)


def test_noisy_target_equals_numpy(race_js):
    settings = {"seed": 3, "step": 7, "labelNoise": 1.5, "pixelNoise": 0.2}
    target, noise = race_js(
        "const normal = normals(data.seed, data.step);"
        "result = [[...noisyTarget(new Float64Array(64 * 64), data)], Array.from({length: 2 + 64 * 64}, normal)]",
        settings,
    )
    x, y = 32 + 1.5 * noise[0], 32 + 1.5 * noise[1]
    rows, columns = np.mgrid[:64, :64]
    gaussian = np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * 1.75**2))
    gaussian[gaussian < 0.001] = 0
    expected = np.clip(gaussian + 0.2 * np.array(noise[2:]).reshape(64, 64), 0, 1)
    np.testing.assert_allclose(np.array(target).reshape(64, 64), expected, atol=1e-9)


def test_noise_is_standard_normal_and_steps_are_independent(race_js):
    noise = np.array(race_js(
        "result = Array.from({length: 4000}, (_, step) => { const n = normals(5, step); return [n(), n(), n()]; })"
    ))  # fmt: skip
    assert np.abs(noise.mean(0)).max() < 0.06
    assert np.abs(noise.std(0) - 1).max() < 0.05
    assert np.abs(np.corrcoef(noise.T) - np.eye(3)).max() < 0.06
    assert abs(np.corrcoef(noise[:-1, 0], noise[1:, 0])[0, 1]) < 0.06


@pytest.mark.parametrize("equal", [True, False])
def test_steps_of_the_race_equal_a_recomputation(race_js, equal):
    settings = SETTINGS | {"equalSlopes": equal}
    targets, maps = race_js(
        "const r = createRace(), targets = [];"
        "for (let i = 0; i < 6; i++) { r.advance(1, data); targets.push([...r.target]); }"
        "result = [targets, Object.fromEntries(Object.entries(r.maps).map(([name, map]) => [name, [...map]]))]",
        settings,
    )
    steepest = race_js("result = STEEPEST")
    for name in LOSSES:
        pixels = np.zeros(64 * 64)
        for target in targets:
            pixels = pixels - 0.02 * slopes(name, pixels, target) / (steepest[name] if equal else 1)
        np.testing.assert_allclose(maps[name], pixels, atol=1e-6, err_msg=name)


def test_measures(race_js):
    found = race_js("const { clean } = createRace(); result = measure(clean, clean)")
    assert found["peak"] == 1
    assert found["width"] == pytest.approx(2 * 1.75 * np.sqrt(2 * np.log(2)), abs=0.05)  # read between pixels
    assert found["error"] == found["background"] == found["change"] == 0
    empty = race_js("const r = createRace(); result = measure(r.maps.mse, r.clean)")
    assert empty["peak"] == 0 and empty["width"] is None, "NaN, which JSON writes as null: no peak, no width"


def test_lightness_of_the_colours_only_rises(race_js):
    colors = np.array(list(race_js("result = [...COLORMAP]"))).reshape(256, 3)
    assert (np.diff(colors @ [0.2126, 0.7152, 0.0722]) > -0.5).all()  # half a level: rounding
    assert colors[-1].mean() - colors[0].mean() > 180


@pytest.fixture(scope="module")
def outcome(race_js):
    """Averages of the measures over many steps after the start has been forgotten, by name of the loss."""

    def average(**settings):
        return race_js(
            "const r = createRace(), sums = {}; r.advance(600, data);"
            "for (let i = 0; i < data.rounds; i++) {"
            "  r.advance(5, data);"
            "  for (const [name, map] of Object.entries(r.maps)) {"
            "    sums[name] ??= {};"
            "    for (const [key, value] of Object.entries(measure(map, r.clean, r.before[name])))"
            "      sums[name][key] = (sums[name][key] ?? 0) + value / data.rounds;"
            "  } }"
            "result = sums;",
            SETTINGS | {"rounds": 400} | settings,
        )

    return average


def test_claim_without_noise(race_js, outcome):
    found = outcome(labelNoise=0, pixelNoise=0, rounds=20)
    assert found["mse"]["change"] < 1e-6
    assert (
        found["awing"]["change"] < found["l1"]["change"] / 10
        and found["awing"]["change"] < found["wing"]["change"] / 10
    )
    largest, where = race_js(
        "const r = createRace(); r.advance(1000, data);"
        "const change = Object.fromEntries(Object.keys(r.maps).map((name) => [name, r.maps[name].map((p, i) => Math.abs(p - r.before[name][i]))]));"
        "result = [Object.fromEntries(Object.entries(change).map(([name, c]) => [name, Math.max(...c)])),"
        "  [...change.awing].flatMap((c, i) => c > 0.002 ? [i] : [])]",
        SETTINGS | {"labelNoise": 0, "pixelNoise": 0},
    )
    assert all(abs(i // 64 - 32) <= 1 and abs(i % 64 - 32) <= 1 for i in where) and where, (
        "Adaptive Wing trembles at the peak only"
    )
    for name in ("l1", "wing"):
        assert largest[name] == pytest.approx(0.02, rel=0.05), "a jump of about a step"


def test_claim_with_label_noise(outcome):
    one, two = outcome(labelNoise=1, pixelNoise=0), outcome(labelNoise=2, pixelNoise=0)
    mean_of_moved = 1.75**2 / (1.75**2 + 1)
    assert one["mse"]["peak"] == pytest.approx(mean_of_moved, abs=0.02)
    assert 0.02 < one["awing"]["peak"] - one["mse"]["peak"] < 0.1
    assert 0 < one["mse"]["width"] - one["awing"]["width"] < 0.25
    for name in ("l1", "wing"):
        assert one[name]["width"] < one["awing"]["width"] - 0.2
        assert one[name]["change"] > 3 * max(one["mse"]["change"], one["awing"]["change"])
        assert two[name]["width"] < min(two["mse"]["width"], two["awing"]["width"]) - 1
        assert two[name]["error"] > max(two["mse"]["error"], two["awing"]["error"])
    assert max(found["peak"] for found in two.values()) < 0.5


def test_claim_with_pixel_noise(outcome):
    found = outcome(labelNoise=0, pixelNoise=0.1, rounds=100)
    backgrounds = {name: found[name]["background"] for name in LOSSES}
    assert max(backgrounds, key=backgrounds.get) == "awing"
    assert min(backgrounds.values()) > 0.01
    # what is cut off at 0 has the mean 0.1 / sqrt(2 pi), and MSE goes to the mean
    assert backgrounds["mse"] == pytest.approx(0.1 / np.sqrt(2 * np.pi), rel=0.02)


def test_traits_are_validated():
    for settings in (
        {"step_size": 0},
        {"label_noise": -1},
        {"pixel_noise": 0.5},
        {"speed": 21},
        {"seed": -1},
        {"equal_slopes": 2},
    ):
        with pytest.raises(traitlets.TraitError):
            HeatmapRace(**settings)


def test_run_step_and_reset(open_race):
    page = open_race()
    before = pictures(page)
    click(page, "Run 200 steps")
    after = pictures(page)
    assert [a != b for a, b in zip(before, after, strict=True)] == [False, True, True, True, True, True]
    assert "After 200 steps" in page.inner_text(".aw-summary")
    click(page, "Step")
    assert "After 201 steps" in page.inner_text(".aw-summary")
    click(page, "Reset")
    assert pictures(page) == before
    click(page, "Run 200 steps")
    assert pictures(page) == after, "the same settings give the same pictures"


def test_seed_decides_the_pictures(open_race):
    seen = []
    for seed in (0, 0, 1):
        page = open_race(seed=seed)
        click(page, "Run 200 steps")
        seen.append(pictures(page))
    assert seen[0] == seen[1] != seen[2]


def test_start_and_pause(open_race):
    page = open_race()
    before = pictures(page)
    page.wait_for_timeout(300)
    assert pictures(page) == before, "nothing moves before it is started"
    click(page, "Start")
    page.get_by_text("of step").wait_for()
    click(page, "Pause")
    stopped = pictures(page)
    assert stopped != before
    page.wait_for_timeout(300)
    assert pictures(page) == stopped


def test_keyboard_only(open_race):
    page = open_race()
    page.get_by_role("button", name="Run 200 steps").focus()
    page.keyboard.press("Enter")
    assert "After 200 steps" in page.inner_text(".aw-summary")
    page.get_by_label("Label noise").focus()
    page.keyboard.press("ArrowRight")
    assert page.get_by_label("Label noise").get_attribute("aria-valuetext") == "1.1 px"
    page.get_by_label("Equal steepest slope").focus()
    page.keyboard.press("Space")
    assert not page.get_by_label("Equal steepest slope").is_checked()
    page.locator("summary").focus()
    page.keyboard.press("Enter")
    assert page.locator("details table tbody tr").count() == 5


def test_text_alternative(open_race):
    page = open_race()
    click(page, "Run 200 steps")
    labels = page.eval_on_selector_all("canvas", "all => all.map((canvas) => canvas.getAttribute('aria-label'))")
    assert all(labels) and sum("after 200 steps: peak" in label for label in labels) == 5
    assert page.locator("svg.aw-chart").get_attribute("aria-label")
    assert page.locator("[role=status]").count() == 1


def test_reduced_motion_plays_nothing(open_race):
    page = open_race(page={"reduced_motion": "reduce"})
    assert not page.get_by_text("Start", exact=True).is_visible()
    assert not page.get_by_label("Steps a frame").is_visible()
    before = pictures(page)
    page.wait_for_timeout(200)
    assert pictures(page) == before
    click(page, "Run 200 steps")
    after = pictures(page)
    assert after != before
    page.wait_for_timeout(200)
    assert pictures(page) == after


def test_asking_for_less_motion_stops_a_running_race(open_race):
    page = open_race()
    click(page, "Start")
    page.emulate_media(reduced_motion="reduce")
    page.wait_for_function("!document.querySelector('.aw button').checkVisibility()")
    stopped = pictures(page)
    page.wait_for_timeout(200)
    assert pictures(page) == stopped


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_fits_a_phone(open_race, theme):
    page = open_race(page={"width": 400, "theme": theme})
    click(page, "Run 200 steps")
    page.locator("summary").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    assert page.locator("details").evaluate("details => details.scrollWidth <= details.clientWidth")


def test_two_copies_are_independent(open_race):
    page = open_race(copies=2)
    click(page, "Run 200 steps")
    first, second = page.locator(".aw-summary").all_inner_texts()
    assert "After 200 steps" in first and "Step 0" in second


def test_redraw_is_fast(open_race):
    page = open_race()
    page.get_by_label("Steps a frame").fill("20")
    click(page, "Start")
    page.wait_for_function("performance.getEntriesByName('aw-redraw').length > 90")
    click(page, "Pause")
    times = page.evaluate("performance.getEntriesByName('aw-redraw').map((entry) => entry.duration)")
    assert statistics.median(times) < 16
