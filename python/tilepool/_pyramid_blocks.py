"""The levels of a pyramid on disk, made block by block by dask, and what a killed process had done of them."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from functools import partial
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

import numpy as np

from ._functions.pyramids import pyramid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ._types import Array

JOURNAL = "tilepool-journal"
UNFINISHED = ".partial"  # of a folder, and of a file (so does zarr name it)

Region = tuple[slice, ...]


class Plan(NamedTuple):
    """How a level is made of the one before: windows, and the blocks of that one, along every axis."""

    step: tuple[int, ...]
    block: tuple[int, ...]


def shrunk(shape: Sequence[int], step: Sequence[int]) -> tuple[int, ...]:
    return tuple(-(-n // s) for n, s in zip(shape, step, strict=True))


# ---- what has been done ----------------------------------------------------------------------------------------------


class Journal:
    """The blocks that are written, a line each, behind a line with what the job is. One process has it at a time."""

    def __init__(self, folder: Path, job: dict[str, Any]) -> None:
        self.path = folder / JOURNAL
        self.job = json.dumps(job).encode()
        self.done: set[str] = set()

    def __enter__(self) -> Journal:
        folder = self.path.parent
        folder.mkdir(parents=True, exist_ok=True)
        self.file = open(self.path, "a+b")  # read here; kept open for its lock
        try:
            fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.file.seek(0)
            *lines, cut = self.file.read().split(b"\n")
            if lines[:1] not in ([], [self.job]):
                raise FileExistsError(f"path must not have another unfinished pyramid: delete {str(folder)!r}")
            os.truncate(self.path, self.file.tell() - len(cut))  # what was killed in the middle of a line
            if not lines:
                note(self.path, self.job)
            self.done = {line.decode() for line in lines[1:]}
        except BlockingIOError:
            self.file.close()
            raise BlockingIOError(f"path must be written by one process at a time, as {str(folder)!r} is") from None
        except BaseException:
            self.file.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()


def note(path: Path, line: bytes) -> None:
    """Add a line, in one step, whoever else does."""
    with open(path, "ab", buffering=0) as file:
        file.write(line + b"\n")


# ---- the work --------------------------------------------------------------------------------------------------------


def graph(x: Any, arrays: list[Any], plans: list[Plan], wanted: dict[str, Any], journal: Journal) -> list[Any]:
    """A task for each block that is not done, which waits for those that write what it reads."""
    import dask

    lazy = hasattr(x, "to_delayed")  # of dask
    blocks = x.rechunk(plans[0].block).to_delayed() if lazy else None
    source = None if lazy else dask.delayed(x, name=f"x-{uuid4().hex}", traverse=False)
    tasks: dict[tuple[int, ...], Any] = {}
    for number, plan in enumerate(plans, 1):
        above, below = arrays[number - 1], arrays[number]
        for index in np.ndindex(shrunk(above.shape, plan.block)):
            line = " ".join(map(str, (number, *index)))
            if line in journal.done:
                continue
            ends = zip(index, plan.block, above.shape, strict=True)
            region = tuple(slice(i * size, min(n, (i + 1) * size)) for i, size, n in ends)
            smaller = tuple(
                slice(cells.start // s, -(-cells.stop // s)) for cells, s in zip(region, plan.step, strict=True)
            )
            make = partial(make_block, below, smaller, wanted | {"factors": [plan.step]}, journal.path, line)
            if number > 1:
                before = makers(region, plans[number - 2])
                after = [tasks[number - 1, *maker] for maker in before if (number - 1, *maker) in tasks]
                tasks[number, *index] = dask.delayed(partial(next_block, above, region, make), pure=False)(after)
            elif blocks is not None:
                tasks[1, *index] = dask.delayed(partial(first_block, above, region, make, ...), pure=False)(
                    blocks[index]
                )
            else:
                tasks[1, *index] = dask.delayed(partial(first_block, above, region, make, region), pure=False)(source)
    return list(tasks.values())


def makers(region: Region, plan: Plan) -> Iterator[tuple[int, ...]]:
    """The blocks whose results lie in a region."""
    along = zip(region, plan.step, plan.block, strict=True)
    return product(*(range(r.start * step // size, -(-r.stop * step // size)) for r, step, size in along))


def first_block(level: Any, region: Region, make: Callable[[Array], None], place: Any, source: Any) -> None:
    """Copy a region of x, which is at a place of the source, to level 0, and make one of level 1."""
    cells = np.asarray(source[place])
    if same_encoding(source, level):
        copy_files(source, level, region)
    else:
        level[region] = cells
    make(cells)


def next_block(level: Any, region: Region, make: Callable[[Array], None], _: object) -> None:
    make(np.asarray(level[region]))


def make_block(level: Any, region: Region, wanted: dict[str, Any], journal: Path, line: str, cells: Array) -> None:
    level[region] = pyramid(cells, **wanted)[1]
    note(journal, line.encode())


def same_encoding(source: Any, level: Any) -> bool:
    """Whether chunks of the source, in files, are those of the level."""
    import zarr
    from zarr.storage import LocalStore

    if not isinstance(source, zarr.Array) or not isinstance(source.store, LocalStore):
        return False
    names = ("data_type", "chunk_grid", "chunk_key_encoding", "codecs", "fill_value")
    one, other = source.metadata.to_dict(), level.metadata.to_dict()
    return all(name in one and repr(one[name]) == repr(other[name]) for name in names)  # NaN is not itself


def copy_files(source: Any, level: Any, region: Region) -> None:
    """The chunks of a region as they are, each put to its place when it is complete. Some need no file: fill values."""
    size = level.shards or level.chunks
    for chunk in product(*(range(r.start // c, -(-r.stop // c)) for r, c in zip(region, size, strict=True))):
        name = level.metadata.encode_chunk_key(chunk)
        given, copy = (Path(array.store.root) / array.path / name for array in (source, level))
        if given.exists():
            copy.parent.mkdir(parents=True, exist_ok=True)
            partly = copy.with_name(f"{copy.name}.{uuid4().hex}{UNFINISHED}")
            shutil.copyfile(given, partly)
            partly.replace(copy)
