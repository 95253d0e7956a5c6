"""Pools a real photograph with max, avg and min at several window sizes and draws all results into one PNG.

The photograph comes with matplotlib (Grace Hopper, US Navy, public domain), so that no picture is shipped here.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.cbook import get_sample_data
from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotSpec
from matplotlib.image import imread

import tilepool as tp

SIZES = (4, 8, 16)

Image = npt.NDArray[np.uint8]  # height x width x 3


def pool(photo: Image, size: int) -> dict[str, Image]:
    """Pool height and width with neighbouring windows of size x size pixels; the three colours are never mixed."""
    return {
        "max": tp.max_pool(photo, size, axis=(0, 1)),
        "avg": tp.avg_pool(photo, size, axis=(0, 1), dtype="uint8"),  # the default would be float32
        "min": tp.min_pool(photo, size, axis=(0, 1)),
    }


def draw(photo: Image, sizes: Sequence[int]) -> Figure:
    """Draw the photograph large and, right of it, a column for each window size and a row for each pooling."""
    figure = Figure(figsize=(15.4, 8.9), layout="constrained")
    places = figure.add_gridspec(3, 1 + len(sizes), width_ratios=(3.25, *(1 for _ in sizes)))

    def show(place: SubplotSpec, image: Image, title: str) -> None:
        axes = figure.add_subplot(place)
        axes.imshow(image, interpolation="nearest")
        axes.set_title(title, fontsize=13)
        axes.set_axis_off()

    height, width, _ = photo.shape
    show(places[:, 0], photo, f"photograph, {height} x {width} x 3, {photo.dtype}")
    for column, size in enumerate(sizes, start=1):
        for row, (name, image) in enumerate(pool(photo, size).items()):
            height, width, _ = image.shape
            show(places[row, column], image, f"{name} {size} x {size} → {height} x {width}")
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(description="Pool a photograph and draw the results side by side.")
    parser.add_argument("--output", type=Path, default=Path("pooled_photo.png"), help="PNG to write (%(default)s)")
    output: Path = parser.parse_args().output

    photo: Image = imread(str(get_sample_data("grace_hopper.jpg", asfileobj=False)))
    draw(photo, SIZES).savefig(output, dpi=120)
    print(f"Pooled a photograph of {photo.shape[0]} x {photo.shape[1]} pixels by windows of {SIZES}: see {output}")


if __name__ == "__main__":
    main()
