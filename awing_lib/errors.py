"""The error that bad data raises."""


class AwingError(ValueError):
    """Bad data or settings. The message names the file, line or field, what was found and what is expected."""
