"""Exercises of the chapter "Gallery"."""

import numpy as np

from awing_lib.exercises import NotQuite, call, exercise, number

_WIDTH = 2 * np.sqrt(2 * np.log(2)) * 1.75


@exercise(
    "target-width",
    that_of_sigma_1=_WIDTH / 1.75,
    half_of_it=_WIDTH / 2,
    two_sigma=3.5,
    variance_instead_of_deviation=_WIDTH * 1.75,
    without_the_two_under_the_root=_WIDTH / np.sqrt(2),
)
def _target_width(answer: object) -> str:
    value = number(answer)
    hints = {
        _WIDTH / 1.75: "this is the width for a standard deviation of 1. This one is wider.",
        _WIDTH / 2: "this is the distance from the peak to one side. A bump has two.",
        3.5: "twice the standard deviation is where the bump has fallen to exp(-1/2) of its height, not to a half.",
        _WIDTH * 1.75: "the width grows with the standard deviation itself, not with its square.",
        _WIDTH / np.sqrt(2): "the exponent is divided by two sigma squared. Where has that 2 gone?",
    }
    for wrong, hint in hints.items():
        if abs(value - wrong) < 0.01 * wrong:
            raise NotQuite(hint)
    if abs(value - _WIDTH) > 0.01 * _WIDTH:
        raise NotQuite(f"{value:g} pixels are not it. Solve exp(-r^2 / (2 sigma^2)) = 1/2 for r, and take both sides.")
    return "a bump is 2.35 sigma wide at half of its height, so the official targets are 1.75 times as wide as ours."


@exercise(
    "low-peaks-warn",
    the_highest=lambda peaks, errors, share: (
        errors.ravel()[np.argsort(-peaks, axis=None)[: round(share * peaks.size)]].mean() / errors.mean()
    ),
    not_divided=lambda peaks, errors, share: errors[peaks <= np.quantile(peaks, share)].mean(),
    of_each_face=lambda peaks, errors, share: (
        np.take_along_axis(errors, np.argsort(peaks)[:, : round(share * peaks.shape[1])], 1).mean() / errors.mean()
    ),
    by_height_instead_of_share=lambda peaks, errors, share: (
        np.mean(errors[peaks < share]) / errors.mean() if (peaks < share).any() else 0.0
    ),
    the_largest_errors=lambda peaks, errors, share: (
        np.sort(errors, axis=None)[-round(share * errors.size) :].mean() / errors.mean()
    ),
)
def _low_peaks_warn(answer: object) -> str:
    random = np.random.default_rng(0)
    for faces, share in ((6, 0.25), (4, 0.5), (10, 0.1)):
        # whole faces are hard, so that the lowest peaks of each face are not the lowest of all
        peaks = random.uniform(0.2, 1, (faces, 1)) * random.uniform(0.5, 1, (faces, 10))
        errors = random.uniform(0.01, 0.03, peaks.shape) / peaks**2
        flat, count = errors.ravel(), round(share * peaks.size)
        order = np.argsort(peaks, axis=None)
        value, right = (
            number(call(answer, peaks.copy(), errors.copy(), share)),
            flat[order[:count]].mean() / flat.mean(),
        )
        if abs(value - right) < 1e-6:
            continue
        per_face = np.take_along_axis(errors, np.argsort(peaks)[:, : round(share * 10)], 1).mean() / flat.mean()
        hints = {
            flat[order[-count:]].mean() / flat.mean(): "these are the landmarks with the highest peaks.",
            right * flat.mean(): "this is an error. Divide it by the mean error of all landmarks.",
            per_face: "this takes the lowest peaks of each face. Of a face that is easy none may be low: sort the "
            "landmarks of all faces together.",
            np.sort(flat)[-count:].mean() / flat.mean(): "this chooses by the error, which one does not know of a new "
            "face. Choose by the peak.",
        }
        for wrong, hint in hints.items():
            if abs(value - wrong) < 1e-6:
                raise NotQuite(hint)
        raise NotQuite(
            f"for a share of {share:g} of {peaks.size} landmarks the answer is {value:.3f}, and should be {right:.3f}. "
            "The share says how many landmarks to take, not how low their peaks are."
        )
    return "the lowest peaks are found without any truth, and the ratio says how much worse they are than the rest."


@exercise("what-follows", better_data="a", better_everywhere="b", wrong_labels="d")
def _what_follows(answer: object) -> str:
    hints = {
        "a": "for which faces? Both networks were tested on drawings only, and one of them had seen such drawings.",
        "b": "nothing was measured on photos here. A network of drawings has never seen one.",
        "d": "the labels of the photos were not looked at here. A network can do badly for other reasons.",
    }
    choice = answer.strip().lower() if isinstance(answer, str) else answer
    if choice == "c":
        return "a test on the faces of one of the two tells how well each of them fits these faces, and no more."
    if isinstance(choice, str) and choice in hints:
        raise NotQuite(hints[choice])
    raise NotQuite('the answer should be one of "a", "b", "c", "d".')
