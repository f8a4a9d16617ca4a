"""Exercises of the chapter "Training"."""

import random

import numpy as np

from awing_lib.exercises import NotQuite, call, exercise, number


@exercise(
    "paper-schedule",
    drops_one_epoch_late=lambda epoch: 1e-4 * 0.1 ** ((epoch > 80) + (epoch > 160)),
    drops_once=lambda epoch: 1e-4 if epoch < 80 else 1e-5,
    starts_over_from_the_first_rate=lambda epoch: 1e-5 if 80 <= epoch < 160 else 1e-4,
    falls_smoothly=lambda epoch: 1e-4 * 0.1 ** (epoch / 80),
    subtracts=lambda epoch: 1e-4 - 1e-5 * (epoch // 80),
)
def _paper_schedule(answer: object) -> str:
    # here, because every chapter loads all exercises, and only this one needs what trains
    from awing_lib.recipe_parts import learning_rate
    from awing_lib.recipes import load_recipe

    settings = load_recipe("paper-wflw").training
    found = {epoch: number(call(answer, epoch)) for epoch in (0, 40, 79, 80, 120, 159, 160, 239)}
    right = {epoch: learning_rate(settings, epoch, 1) for epoch in found}
    wrong = [epoch for epoch in found if abs(found[epoch] - right[epoch]) > 1e-6 * right[epoch]]
    if not wrong:
        return "the rate is divided by ten from epoch 80 on, and once more from epoch 160 on."
    if wrong == [80, 160]:
        raise NotQuite("only the epochs 80 and 160 themselves are wrong: the new rate holds from them on.")
    if found[40] != found[0]:
        raise NotQuite("the rate of the paper stays what it is for many epochs, and then drops at once.")
    if wrong == [160, 239] and found[160] == right[80]:
        raise NotQuite("there is a second drop, at epoch 160.")
    if found[160] == right[0]:
        raise NotQuite("at epoch 160 the rate is back where it began. The second drop comes on top of the first.")
    raise NotQuite(
        f"in epoch {wrong[0]} the rate is {found[wrong[0]]:g}, and should be {right[wrong[0]]:g}. A drop is a division "
        "by ten."
    )


@exercise(
    "count-the-steps",
    one_epoch=7500 // 16,
    the_last_batch_is_filled_up=-(-7500 // 16) * 240,
    faces_of_all_epochs_in_one_row=7500 * 240 // 16,
    rounds_counted_as_steps=7500 // 16 * 240 * 4,
    rounds_make_the_batch_larger=7500 // (16 * 4) * 240,
)
def _count_the_steps(answer: object) -> str:
    value = number(answer)
    hints = {
        7500 // 16: "these are the steps of one epoch.",
        -(-7500 // 16) * 240: "7500 faces make no whole number of batches. What is left at the end of an epoch is not "
        "a step of its own: those faces are left out of that epoch.",
        7500 * 240 // 16: "this lets a batch begin in one epoch and end in the next. Count the whole batches of each.",
        7500 // 16 * 240 * 4: "these are rounds. The optimiser makes one step when all rounds of a batch are done.",
        7500 // 64 * 240: "the batch is 16 faces in all. It is split into four rounds of four.",
    }
    right = 7500 // 16 * 240
    if value == right:
        return "468 whole batches in each of 240 epochs; in how many rounds a batch is worked through does not matter."
    if value in hints:
        raise NotQuite(hints[value])
    raise NotQuite(f"{value:g} is not it. How many whole batches of 16 are there in 7500 faces?")


@exercise(
    "order-of-an-epoch",
    global_random_state=lambda seed, epoch, count: np.random.permutation(count),
    the_same_in_each_epoch=lambda seed, epoch, count: np.random.default_rng(seed).permutation(count),
    the_same_for_each_seed=lambda seed, epoch, count: np.random.default_rng(epoch).permutation(count),
    seed_plus_epoch=lambda seed, epoch, count: np.random.default_rng(seed + epoch).permutation(count),
    with_replacement=lambda seed, epoch, count: np.random.default_rng([seed, epoch]).integers(count, size=count),
)
def _order_of_an_epoch(answer: object) -> str:
    def order(seed: int, epoch: int, count: int = 50) -> tuple:
        result = call(answer, seed, epoch, count)
        try:
            return tuple(int(place) for place in result)
        except (TypeError, ValueError):
            raise NotQuite(f"the answer should be {count} places in a row, not {type(result).__name__}.") from None

    known = np.random.get_state(), random.getstate()
    try:
        first, again = order(3, 5), []
        for disturbance in (0, 1):  # whoever else draws random numbers
            np.random.seed(disturbance)
            random.seed(disturbance)
            order(3, 4)
            again.append(order(3, 5))
    finally:
        np.random.set_state(known[0])
        random.setstate(known[1])
    if sorted(first) != list(range(50)):
        raise NotQuite("each face must occur exactly once in an epoch: a permutation of 0 to count - 1.")
    if set(again) != {first}:
        raise NotQuite(
            "asked twice for the same seed and epoch, it gives two orders. A run that is resumed cannot ask the global "
            "random state where it was."
        )
    if order(3, 6) == first:
        raise NotQuite("two epochs of a run have the same order. Then the same faces share a batch in every epoch.")
    if order(4, 5) == first:
        raise NotQuite("two seeds give the same order, so runs with other seeds would not see other batches.")
    if order(4, 4) == first or order(5, 3) == first:
        raise NotQuite(
            "seed 3 in epoch 5 has the order of another seed in another epoch. Runs that differ in their seed should "
            "share nothing. numpy.random.default_rng takes several numbers, as a list."
        )
    return "the order follows from seed and epoch, and from nothing else, so a resumed run finds it again."


@exercise("accumulate", the_step_size="a", the_number_of_steps="c", the_loss="d")
def _accumulate(answer: object) -> str:
    hints = {
        "a": "the gradients of the rounds are added, each divided by their number. Their sum is the mean over the "
        "batch, so the learning rate fits as it is.",
        "c": "the optimiser moves once a batch, after the last round.",
        "d": "the loss is a mean over faces. The mean of the means of equal rounds is the mean of all.",
    }
    choice = answer.strip().lower() if isinstance(answer, str) else answer
    if choice == "b":
        return "batch norm takes mean and variance from what passes at once, and that is one round."
    if isinstance(choice, str) and choice in hints:
        raise NotQuite(hints[choice])
    raise NotQuite('the answer should be one of "a", "b", "c", "d".')


def _epochs(record: dict) -> list[dict]:
    return [row for row in record["epochs"] if row.get("val_nme") is not None]


@exercise(
    "best-epoch",
    place_in_the_list=lambda record: int(np.argmin([row.get("val_nme", np.inf) for row in record["epochs"]])),
    lowest_loss=lambda record: min(record["epochs"], key=lambda row: row["loss"])["epoch"],
    the_last=lambda record: record["epochs"][-1]["epoch"],
    highest=lambda record: max(_epochs(record), key=lambda row: row["val_nme"])["epoch"],
    the_error_itself=lambda record: min(row["val_nme"] for row in _epochs(record)),
)
def _best_epoch(answer: object) -> str:
    for values in ((None, 9.0, None, 7.5, None, 8.0, None, 8.25), (None, None, 21.0, 15.0, 13.0, 17.0, 14.0, 15.0)):
        rows = [{"epoch": i + 1, "loss": 1 / (i + 1)} for i in range(len(values) - 1)]
        rows.append({"epoch": len(values), "loss": 1.0})  # the last step can be a bad one
        for row, value in zip(rows, values, strict=True):
            if value is not None:  # epochs without validation have no val_nme
                row["val_nme"] = value
        right = min(_epochs({"epochs": rows}), key=lambda row: row["val_nme"])["epoch"]
        found = number(call(answer, {"epochs": rows, "final": rows[-1]}))
        if found == right:
            continue
        known = [row["val_nme"] for row in _epochs({"epochs": rows})]
        hints = {
            right - 1: "this is the place in the list, which counts from 0. Epochs count from 1: each row has its own.",
            len(values) - 1: "this is the epoch with the lowest loss of training. Look at val_nme.",
            len(values): "this is the last epoch. It need not be the best one.",
            min(known): "this is the error. The epoch is asked for.",
            rows[values.index(max(known))]["epoch"]: "this is the epoch with the highest error.",
        }
        raise NotQuite(hints.get(found, f"the answer is {found:g}, and should be {right}."))
    return "rows without val_nme are left out, and the row itself says which epoch it is."
