"""Files that appear all together once they are complete, or not at all."""

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from awing_lib.errors import AwingError


class WritingError(AwingError):
    """A data set cannot be written. What was there before is still there, and nothing half-written is."""


def refuse_existing(root: str | os.PathLike, targets: Iterable[str]) -> None:
    """Refuse to write where something is.

    Raises:
        WritingError: naming the first of the targets that exists.
    """
    for target in targets:
        if os.path.lexists(Path(root) / target):
            raise WritingError(
                f"{Path(root) / target}: exists already and is kept; choose another folder, or --overwrite"
            )


@contextmanager
def staging(root: str | os.PathLike, targets: Iterable[str], *, overwrite: bool = False) -> Iterator[Path]:
    """A hidden folder inside ``root`` to write into; at the end, the targets move from there to their places.

    Args:
        root: where the targets belong; made if it does not exist.
        targets: names, below ``root``, of files and folders. They move in this order, so annotations go last. One that
            was not written is no error.
        overwrite: what stands in the place of a target is removed, once all is complete.

    Raises:
        WritingError: a target exists (without ``overwrite``), or the file system refuses: no permission, disk full.
    """
    root, targets = Path(root), list(targets)
    if not overwrite:
        refuse_existing(root, targets)
    made_root, folder = not os.path.lexists(root), None
    try:
        root.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=".writing-", dir=root))
        yield folder
        _move(folder, root, targets)
    except OSError as error:
        reason = error.strerror or " ".join(str(error).split())
        raise WritingError(f"{root}: cannot be written: {reason}; nothing was changed there") from error
    finally:
        if folder:
            shutil.rmtree(folder, ignore_errors=True)
        if made_root:
            with suppress(OSError):  # it holds the new files
                root.rmdir()


def _move(folder: Path, root: Path, targets: list[str]) -> None:
    replaced = Path(tempfile.mkdtemp(prefix=".replaced-", dir=folder))
    moves = []
    try:
        for number, target in enumerate(targets):
            source, place = folder / target, root / target
            # aside first: a folder cannot be renamed onto another
            steps = [(place, replaced / str(number)), (source, place)]
            for before, after in steps:
                if os.path.lexists(before):
                    after.parent.mkdir(parents=True, exist_ok=True)
                    os.rename(before, after)
                    moves.append((before, after))
    except BaseException:
        for before, after in reversed(moves):
            os.rename(after, before)
        raise
