"""A number and what it was measured with.

A number means little without the :class:`Protocol` that it was measured under, so the two go together in
:class:`Scores`.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields

import numpy as np

from awing_lib.entries import known_entries
from awing_lib.errors import AwingError
from awing_lib.intervals import Interval, bootstrap_interval
from awing_lib.metrics import checked_errors, checked_fraction, face_areas
from awing_lib.normalizers import NORMALIZERS


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """All that a number depends on besides the model; print it beside every number.

    Raises:
        ValueError: a field is wrong; the message names it.

    Example:
        >>> print(Protocol(data="WFLW", split="test", subset="pose", crop="given box + 10 %"))
        WFLW test/pose, NME by inter-ocular, FR > 10 %, AUC to 10 %, crop: given box + 10 %, no flip test
    """

    data: str
    """Name of the data set."""
    split: str
    crop: str
    """Where the face box comes from and how much is added, in words: a box of the true landmarks is easier."""
    subset: str | None = None
    """Part of the split; None for all of it."""
    normalizer: str = "inter-ocular"
    """One of :data:`awing_lib.normalizers.NORMALIZERS`."""
    failure_threshold: float = 0.10
    """A fraction; a face fails if its error is greater."""
    auc_limit: float = 0.10
    """A fraction."""
    flip_test: bool | None = False
    """Whether predictions are averaged with those on the mirrored image; None: not known."""

    def __post_init__(self) -> None:
        for name in ("data", "split", "crop", "subset"):
            text = getattr(self, name)
            if not (name == "subset" and text is None) and not (isinstance(text, str) and text.strip()):
                raise ValueError(f"protocol: {name} must be a text, got {text!r}")
        if self.normalizer not in NORMALIZERS:
            raise ValueError(f"protocol: normalizer must be one of {NORMALIZERS}, got {self.normalizer!r}")
        for name in ("failure_threshold", "auc_limit"):
            object.__setattr__(self, name, checked_fraction(f"protocol: {name}", getattr(self, name)))
        if not isinstance(self.flip_test, bool | None):
            raise ValueError(f"protocol: flip_test must be true, false or null, got {self.flip_test!r}")

    def __str__(self) -> str:
        where = f"{self.data} {self.split}" + (f"/{self.subset}" if self.subset else "")
        limits = f"FR > {self.failure_threshold * 100:g} %, AUC to {self.auc_limit * 100:g} %"
        flip = {True: "flip test", False: "no flip test", None: "flip test not known"}[self.flip_test]
        return f"{where}, NME by {self.normalizer}, {limits}, crop: {self.crop}, {flip}"

    def as_dict(self) -> dict:
        """The fields, for YAML and JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, entries: Mapping) -> "Protocol":
        """Back from :meth:`as_dict`.

        Raises:
            AwingError: a key is unknown (the nearest known one is named), missing, or its value is wrong.
        """
        try:
            return cls(**known_entries(cls, entries))
        except ValueError as error:
            raise AwingError(str(error)) from None


@dataclass(frozen=True)
class Scores:
    """NME, FR and AUC of one model on one set of faces, with intervals and the protocol. See :func:`summarize`."""

    protocol: Protocol
    nme: Interval
    """Fractions, as are ``failure_rate`` and ``auc``."""
    failure_rate: Interval
    auc: Interval
    faces: int
    """Measured faces; those left out are not among them."""
    skipped: int
    """Faces left out because nothing is marked or the normaliser is not known."""
    not_found: int
    """Faces with an infinite error: the model did not answer. They are among ``faces``."""
    people: int | None
    """How many people were resampled; None if faces were."""
    level: float
    resamples: int
    seed: int

    def __str__(self) -> str:
        people = "" if self.people is None else f" of {self.people} people"
        left_out = f", {self.skipped} left out" if self.skipped else ""
        left_out += f", {self.not_found} not found" if self.not_found else ""
        return (
            f"NME {self.nme:.2%}, FR {self.failure_rate:.2%}, AUC {self.auc:.4f}\n"
            f"{self.faces} faces{people}{left_out}; {self.level:.0%} intervals\n{self.protocol}"
        )

    def as_dict(self) -> dict:
        """Plain numbers, texts and dicts, for JSON."""
        entries = {field.name: getattr(self, field.name) for field in fields(self)}
        return {key: value.as_dict() if hasattr(value, "as_dict") else value for key, value in entries.items()}

    @classmethod
    def from_dict(cls, entries: Mapping) -> "Scores":
        """Back from :meth:`as_dict`. Raises AwingError, which names the key."""
        entries = dict(known_entries(cls, entries))
        intervals = {key: Interval.from_dict(entries[key]) for key in ("nme", "failure_rate", "auc")}
        return cls(**(entries | intervals | {"protocol": Protocol.from_dict(entries["protocol"])}))


def summarize(
    errors, protocol: Protocol, groups=None, *, level: float = 0.95, resamples: int = 2000, seed: int = 0
) -> Scores:
    """NME, FR and AUC of one error per face, at the protocol's thresholds, with bootstrap intervals.

    Args:
        errors: (N,) from :func:`awing_lib.metrics.normalized_mean_error`; faces with NaN are left out and counted.
        protocol: what the errors were measured with.
        groups: (N,) the person of each face, or None; `level`, `resamples`, `seed` as
            :func:`awing_lib.intervals.bootstrap_interval`.

    Raises:
        ValueError: no face is left, or an argument is wrong.
    """
    errors = np.asarray(errors, np.float64)
    measured = ~np.isnan(errors)
    if errors.ndim != 1 or not measured.any():
        raise ValueError(f"errors must be (N,), one for each face and at least one not NaN, got {errors.shape}")
    if groups is not None:
        groups = np.asarray(groups)
        if groups.shape != errors.shape:
            raise ValueError(f"groups must be {errors.shape}, one person for each face, got {groups.shape}")
        groups = groups[measured]
    skipped, errors = int((~measured).sum()), checked_errors(errors[measured])
    # each is a mean over faces, which makes its bootstrap quick
    failed = errors > protocol.failure_threshold
    nme, failures, auc = (
        bootstrap_interval(values, np.mean, groups, level, resamples, seed)
        for values in (errors, failed, face_areas(errors, protocol.auc_limit))
    )
    return Scores(
        protocol=protocol,
        nme=nme,
        failure_rate=failures,
        auc=auc,
        faces=len(errors),
        skipped=skipped,
        not_found=int(np.isinf(errors).sum()),
        people=None if groups is None else len(np.unique(groups)),
        level=float(level),  # JSON knows no numbers of NumPy
        resamples=int(resamples),
        seed=int(seed),
    )
