"""Pyramids on disk: the levels that `pyramid` gives, by whatever blocks they are made, also by a killed process."""

import doctest
import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import tilepool as tp
from interpreters import PEAK_MEMORY

zarr = pytest.importorskip("zarr")  # of the extra `arrays`, as is dask
dask: Any = pytest.importorskip("dask")
da = pytest.importorskip("dask.array")

from tilepool import _pyramid_blocks  # noqa: E402
from tilepool.ome_zarr import open_image, write_pyramid  # noqa: E402

Array = NDArray[Any]
ROOT = Path(__file__).parents[1]
SHAPE = (37, 70, 45)


def numbers(shape: tuple[int, ...] = SHAPE, dtype: str = "uint16") -> Array:
    return np.random.default_rng(2).integers(0, 9, shape).astype(dtype)


def stored(path: Path, x: Array, **options: Any) -> Any:
    array = zarr.create_array(path, shape=x.shape, dtype=x.dtype, **options)
    array[...] = x
    return array


def levels_of(path: Path) -> list[Array]:
    image = zarr.open_group(path, mode="r").attrs["ome"]["multiscales"][0]
    return [zarr.open_array(path / level["path"], mode="r")[...] for level in image["datasets"]]


def assert_levels(path: Path, levels: list[Array]) -> None:
    written = levels_of(path)
    assert len(written) == len(levels)
    for one, other in zip(written, levels, strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)
    assert not [name for name in path.rglob("*") if "partial" in name.name or "journal" in name.name]


# ---- what is written -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"levels": 2, "op": "mode"},
        {"op": "avg", "rounding": "floor", "levels": 1},
        {"op": "max", "factors": [(1, 2, 3), 2, 5]},
        {"chunks": 16},
        {"chunks": (8, 100, 7), "levels": 4},
        {"kernel_size": 3, "levels": 2, "op": "median"},
    ],
    ids=str,
)
def test_levels_are_those_of_the_array(options: dict[str, Any], tmp_path: Path) -> None:
    """Of every kind of array; chunks that are not those of x included."""
    x = numbers()
    wanted = tp.pyramid(x, axis=(0, 1, 2), **{name: value for name, value in options.items() if name != "chunks"})
    np.save(tmp_path / "x.npy", x)
    kinds = {
        "numpy": x,
        "memmap": np.load(tmp_path / "x.npy", mmap_mode="r"),
        "zarr": stored(tmp_path / "x.zarr", x, chunks=(10, 20, 15)),
        "sharded": stored(tmp_path / "sharded.zarr", x, chunks=(5, 10, 15), shards=(10, 20, 15)),
        "encoded": stored(tmp_path / "encoded.zarr", x, chunks=(16, 16, 16), compressors=None, fill_value=3),
        "v2": stored(tmp_path / "v2.zarr", x, chunks=(10, 20, 15), zarr_format=2),
        "dask": da.from_array(x, chunks=(13, 20, 45)),
    }
    for kind, array in kinds.items():
        write_pyramid(array, tmp_path / f"{kind}.ome.zarr", axes="zyx", **options)
        assert_levels(tmp_path / f"{kind}.ome.zarr", wanted)


def test_levels_are_encoded_as_x_is(tmp_path: Path) -> None:
    x = stored(tmp_path / "x.zarr", numbers(), chunks=(5, 10, 15), shards=(10, 20, 15), compressors=None, fill_value=3)
    write_pyramid(x, tmp_path / "y", axes="zyx")
    for number in range(4):
        level = zarr.open_array(tmp_path / "y" / str(number))
        assert (level.chunks, level.shards, level.compressors, level.fill_value) == (x.chunks, x.shards, (), 3)
    first = [(tmp_path / name / "c/0/0/1").read_bytes() for name in ("x.zarr", "y/0")]
    assert first[0] == first[1]


def test_fill_values_need_no_files(tmp_path: Path) -> None:
    x = zarr.create_array(tmp_path / "x.zarr", shape=(64, 64), chunks=(16, 16), dtype="float32", fill_value=np.nan)
    x[:16, :16] = 2
    write_pyramid(x, tmp_path / "y", 2, nan_policy="omit")
    assert_levels(tmp_path / "y", tp.pyramid(x[...], 2, axis=(0, 1), nan_policy="omit"))
    assert len(list((tmp_path / "y/0/c").rglob("[0-9]*/[0-9]*"))) == 1


def test_axes_and_metadata(tmp_path: Path) -> None:
    """Time and channels are not pooled; cells of a level lie where the middles of their windows are."""
    x = numbers((2, 3, 9, 30, 20), "uint8")
    scale = {"z": 2.0, "y": 0.5, "x": 0.5}
    write_pyramid(x, tmp_path / "image.ome.zarr", factors=[(1, 2, 2), 2], scale=scale, units={"z": "micrometer"})
    assert_levels(tmp_path / "image.ome.zarr", tp.pyramid(x, factors=[(1, 2, 2), 2], axis=(2, 3, 4)))
    attributes = json.loads((tmp_path / "image.ome.zarr/zarr.json").read_text())["attributes"]["ome"]
    (image,) = attributes["multiscales"]
    assert attributes["version"] == "0.5"
    assert (image["name"], image["type"]) == ("image", "avg")
    assert [(axis["name"], axis["type"]) for axis in image["axes"]] == [
        ("t", "time"), ("c", "channel"), ("z", "space"), ("y", "space"), ("x", "space"),
    ]  # fmt: skip
    assert [axis.get("unit") for axis in image["axes"]] == [None, None, "micrometer", None, None]
    moves = [[move[move["type"]] for move in level["coordinateTransformations"]] for level in image["datasets"]]
    assert moves == [
        [[1, 1, 2, 0.5, 0.5], [0, 0, 0, 0, 0]],
        [[1, 1, 2, 1, 1], [0, 0, 0, 0.25, 0.25]],
        [[1, 1, 4, 2, 2], [0, 0, 1, 0.75, 0.75]],
    ]
    array, known = open_image(tmp_path / "image.ome.zarr")
    assert np.array_equal(array[...], x)
    assert known == {"axes": "tczyx", "scale": {"t": 1, "c": 1, **scale}, "units": {"z": "micrometer"}}


@pytest.mark.filterwarnings("ignore")  # theirs
def test_readers_of_the_format_open_it(tmp_path: Path) -> None:
    x = numbers()
    write_pyramid(x, tmp_path / "x.ome.zarr", scale={"z": 3})
    wanted = tp.pyramid(x, axis=(0, 1, 2))
    readers = 0
    try:
        from ome_zarr.io import parse_url
        from ome_zarr.reader import Reader
    except ImportError:
        pass
    else:
        (node,) = Reader(parse_url(tmp_path / "x.ome.zarr"))()
        assert all(np.array_equal(one, other) for one, other in zip(node.data, wanted, strict=True))
        readers += 1
    try:
        import ngff_zarr
    except ImportError:
        pass
    else:
        images = ngff_zarr.from_ngff_zarr(tmp_path / "x.ome.zarr", validate=True).images
        assert all(np.array_equal(one.data, other) for one, other in zip(images, wanted, strict=True))
        assert images[1].scale == {"z": 6, "y": 2, "x": 2}
        assert images[1].translation == {"z": 1.5, "y": 0.5, "x": 0.5}
        readers += 1
    if readers == 0:
        pytest.skip("neither ome-zarr nor ngff-zarr is installed")


# ---- what is left, and resumed ---------------------------------------------------------------------------------------


# An array whose process is killed when it is read so often.
KILLED = """
import os, signal, sys
from tilepool.ome_zarr import open_image, write_pyramid

class Killing:
    def __init__(self, x, reads):
        self.x, self.reads, self.shape, self.dtype, self.chunks = x, reads, x.shape, x.dtype, x.chunks

    def __getitem__(self, region):
        self.reads -= 1
        if self.reads < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return self.x[region]

write_pyramid(Killing(open_image(sys.argv[1])[0], int(sys.argv[3])), sys.argv[2])
"""


@pytest.mark.slow
def test_a_killed_process_is_resumed(tmp_path: Path) -> None:
    """As often as it is killed; until it is complete nothing has the image's name, and no block is made twice."""
    x = numbers((90, 120, 70))
    stored(tmp_path / "x.zarr", x, chunks=(16, 16, 16))
    output, unfinished = tmp_path / "y.ome.zarr", tmp_path / "y.ome.zarr.partial"
    journal = unfinished / _pyramid_blocks.JOURNAL
    command: list[str | Path] = [sys.executable, "-c", KILLED, tmp_path / "x.zarr", output]
    done = [1]
    for reads in (5, 9):
        assert subprocess.run([*command, str(reads)], timeout=60).returncode == -signal.SIGKILL
        assert not output.exists()
        lines = journal.read_text().splitlines()
        assert done[-1] < len(lines) == len(set(lines))
        done.append(len(lines))
    with open(journal, "a") as file:
        file.write("1 0 0 ")  # the beginning of a line
    (unfinished / "1" / "c.0a1b.partial").write_bytes(b"the beginning of a chunk")
    assert subprocess.run([*command, "1000"], timeout=60).returncode == 0
    assert_levels(output, tp.pyramid(x, axis=(0, 1, 2)))


def test_the_page() -> None:
    results = doctest.testfile(str(ROOT / "docs/pyramids.md"), module_relative=False)
    assert results.attempted >= 10
    assert results.failed == 0


def test_the_example(tmp_path: Path) -> None:
    command: list[str | Path] = [
        sys.executable,
        "-W",
        "error",
        ROOT / "examples/ome_zarr_pyramid.py",
        "--size",
        "70",
        tmp_path / "y",
    ]
    printed = subprocess.run(command, capture_output=True, text=True, timeout=60).stdout
    assert "100% Completed" in printed
    assert printed.endswith("3 uint16 (5, 9, 9) cells of [8.0, 8.0, 8.0]\n")
    assert_levels(tmp_path / "y", tp.pyramid(zarr.open_array(tmp_path / "stack.zarr")[...], axis=(0, 1, 2)))


def test_blocks_that_are_done_are_not_read_again(tmp_path: Path) -> None:
    class Failing:
        """An array that can be read so often."""

        shape, dtype, chunks = SHAPE, np.dtype("uint16"), (16, 16, 16)

        def __init__(self, reads: int) -> None:
            self.reads = reads

        def __getitem__(self, region: Any) -> Array:
            self.reads -= 1
            if self.reads < 0:
                raise OSError("no more")
            return np.asarray(numbers()[region])

    one_by_one = dask.config.set(scheduler="synchronous")  # else others may be on their way
    with one_by_one, pytest.raises(OSError, match="no more"):
        write_pyramid(Failing(5), tmp_path / "y")
    assert not (tmp_path / "y").exists()
    blocks = 2 * 3 * 2  # of 32 cells along each axis
    again = Failing(blocks - 5)
    write_pyramid(again, tmp_path / "y")
    assert again.reads == 0
    assert_levels(tmp_path / "y", tp.pyramid(numbers(), axis=(0, 1, 2)))


def test_another_pyramid_is_not_mixed_in(tmp_path: Path) -> None:
    x = numbers()
    folder = tmp_path / "y.partial"
    for job in ({"op": "max"}, {"levels": 2}, {"rounding": "floor"}, {"chunks": 8}, {"axes": "cyx"}):
        folder.mkdir()
        (folder / _pyramid_blocks.JOURNAL).write_text('{"shape": [37, 70, 45]}\n')
        with pytest.raises(FileExistsError, match="path must not have another unfinished pyramid: delete"):
            write_pyramid(x, tmp_path / "y", **job)
        shutil.rmtree(folder)
    with _pyramid_blocks.Journal(folder, {}), pytest.raises(BlockingIOError, match="by one process at a time"):
        write_pyramid(x, tmp_path / "y")
    shutil.rmtree(folder)
    write_pyramid(x, tmp_path / "y")
    with pytest.raises(FileExistsError, match="path must not exist, as"):
        write_pyramid(x, tmp_path / "y")


@pytest.mark.slow
def test_memory_is_bounded(tmp_path: Path) -> None:
    """1 GB, of which no chunk is a file, in a process of at most half as much."""
    zarr.create_array(tmp_path / "x.zarr", shape=(512, 1024, 1024), chunks=(128, 128, 128), dtype="uint16")
    code = f"import sys, tilepool.__main__ as tool; tool.main()\n{PEAK_MEMORY}"
    command: list[str | Path] = [sys.executable, "-c", code, "pyramid", tmp_path / "x.zarr", tmp_path / "y"]
    done = subprocess.run([*command, "--memory", "500MB"], capture_output=True, text=True, check=True)
    assert int(done.stdout.split()[-1]) < 500e6
    assert levels_of(tmp_path / "y")[3].shape == (64, 128, 128)


# ---- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "exception", "sentence"),
    [
        ({"axes": "xyz"}, ValueError, "axes must be 3 of the letters 'tczyx', in this order, not 'xyz'"),
        ({"axes": "yx"}, ValueError, "axes must be 3 of the letters 'tczyx', in this order, not 'yx'"),
        ({"axes": 3}, ValueError, "axes must be 3 of the letters 'tczyx', in this order, not 3"),
        ({"scale": {"t": 2}}, ValueError, "scale must be of axes among 'zyx', not {'t': 2}"),
        ({"units": {"depth": "metre"}}, ValueError, "units must be of axes among 'zyx'"),
        ({"levels": 0}, ValueError, "levels must be positive, not 0"),
        ({"factors": [(2, 2)]}, ValueError, "factors must have one value for each of 3 pooled axes"),
        ({"op": "std"}, TypeError, "op must keep the dtype of x, and 'std' of uint16 gives float32"),
        ({"op": "max", "rounding": "floor"}, TypeError, "op 'max' has no argument 'rounding'"),
        ({"mask": np.ones(3, bool)}, TypeError, "write_pyramid has no argument 'mask'"),
        ({"chunks": (2, 2)}, ValueError, "chunks must have one value for each of 3"),
        ({"memory": "100MB"}, ValueError, "memory must be at least 25"),
        ({"memory": "much"}, ValueError, "much"),
    ],
    ids=str,
)
def test_refusals(arguments: dict[str, Any], exception: type[Exception], sentence: str, tmp_path: Path) -> None:
    with pytest.raises(exception, match=sentence):
        write_pyramid(numbers(), tmp_path / "y", **arguments)
    assert not list(tmp_path.iterdir())


def test_the_command_refuses_in_words(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", numbers())
    command: list[str | Path] = [sys.executable, "-m", "tilepool", "pyramid", tmp_path / "x.npy", tmp_path / "y"]
    result = subprocess.run([*command, "--axes", "tyx", "--op", "std"], capture_output=True, text=True)
    assert result.returncode == 1
    assert result.stderr.startswith("python -m tilepool pyramid: op must keep the dtype of x")
    assert subprocess.run([*command, "--axes", "tyx", "--op", "mode", "--levels", "2"]).returncode == 0
    assert_levels(tmp_path / "y", tp.pyramid(numbers(), 2, "mode", axis=(1, 2)))
    zarr.open_group(tmp_path / "group", mode="w")
    with pytest.raises(ValueError, match="path must be that of an array or of an OME-Zarr image"):
        open_image(tmp_path / "group")
