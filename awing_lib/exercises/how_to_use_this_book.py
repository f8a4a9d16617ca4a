"""Exercise of the page "How to use this book": a first number."""

import torch

from awing_lib.exercises import NotQuite, exercise, number
from awing_lib.losses import adaptive_wing_loss


def _loss(prediction: float, target: float) -> float:
    return adaptive_wing_loss(torch.tensor([prediction]), torch.tensor([target])).item()


@exercise(
    "missed-landmark",
    swaps_prediction_and_target=_loss(1.0, 0.0),
    stays_on_the_logarithm_beyond_theta=14 * torch.log1p(torch.tensor(1.0)).item(),
    takes_the_squared_error=1.0,
)
def missed_landmark(answer: object) -> str:
    value = number(answer)
    if abs(value - _loss(0.0, 1.0)) < 0.006:
        return "missing a landmark costs more than inventing one, because the smaller exponent makes the curve steeper."
    if abs(value - _loss(1.0, 0.0)) < 0.006:
        raise NotQuite("that is the background pixel predicted as 1; prediction and target are swapped.")
    if abs(value - 14 * torch.log1p(torch.tensor(1.0)).item()) < 0.006:
        raise NotQuite(
            "an error of 1 is beyond theta = 0.5, so the logarithm no longer applies; the straight line does."
        )
    if abs(value - 1.0) < 0.006:
        raise NotQuite("that is the squared (or absolute) error; use adaptive_wing_loss.")
    raise NotQuite("call adaptive_wing_loss with a prediction of 0 and a target of 1, both as tensors.")
