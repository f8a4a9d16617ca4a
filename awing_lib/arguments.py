"""Arguments that are numbers: Python's, NumPy's, and all others that :mod:`numbers` knows. True and False are none.

What is no number becomes NaN, which lies in no range. So one comparison refuses it together with what is out of range::

    if not 0.02 <= as_real(share) <= 1:
        raise ValueError(f"share must be a number from 0.02 to 1, got {share!r}")

Go on with what these functions return: PyTorch takes a number of NumPy for an array, and JSON does not take it.
"""

import math
from numbers import Integral, Real


def as_real(value: object) -> float:
    """The value as a float; NaN if it is no number, or one of more than 308 digits."""
    if not isinstance(value, Real) or isinstance(value, bool):
        return math.nan
    try:
        return float(value)
    except OverflowError:
        return math.nan


def as_whole(value: object) -> int:
    """The value as an int; NaN if it is no whole number, 3.0 among them."""
    if not isinstance(value, Integral) or isinstance(value, bool):
        return math.nan  # type: ignore[return-value]
    return int(value)


def number_above(name: str, value: object, bound: int = 0) -> float:
    """The value as a float.

    Raises:
        ValueError: it is no finite number above ``bound``; the message begins with ``name``.
    """
    number = as_real(value)
    if not bound < number < math.inf:
        raise ValueError(f"{name} must be a finite number above {bound}, got {value!r}")
    return number
