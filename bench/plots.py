"""A run as a picture: times in units of the copy, on a logarithmic scale, with the copy as a line."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from textwrap import fill
from typing import Any, TypeAlias

from report import COPY, OURS, Line, labels_of, seconds

Points: TypeAlias = list[tuple[float, float]]
Style: TypeAlias = dict[str, Any]

LIMIT = {"color": "crimson", "label": "copy: the limit", "linewidth": 1.5}


def _styles(pyplot: Any, labels: list[str]) -> dict[str, Style]:
    """A colour and marker for each contender; ours come last, so that they are drawn on top."""
    colours = pyplot.get_cmap("tab20").colors
    styles: dict[str, Style] = {}
    for i, label in enumerate(label for label in labels if label not in OURS):
        styles[label] = {"color": colours[i % 20], "marker": "osv^<>Dph"[i % 9], "markersize": 5, "alpha": 0.85}
    for label, style in zip(
        OURS[::-1], ({"color": "dimgray", "marker": "x"}, {"color": "black", "marker": "*"}), strict=True
    ):
        if label in labels:
            styles[label] = {**style, "markersize": 11 if label == OURS[0] else 6}
    return styles


def draw(lines: list[Line], sweep: str, statistic: str, title: str, path: Path) -> None:
    """Writes the plot of a run to a PNG file."""
    matplotlib = import_module("matplotlib")
    matplotlib.use("Agg")
    pyplot = import_module("matplotlib.pyplot")
    styles = _styles(pyplot, labels_of(lines))
    if sweep == "windows":
        figure = _by_window(pyplot, lines, styles, statistic)
    elif sweep == "threads":
        figure = _by_threads(pyplot, lines, styles, statistic)
    else:
        figure = _by_case(pyplot, lines, styles, statistic)
    figure.suptitle("\n".join(fill(part, 120) for part in title.splitlines()), fontsize=8)
    figure.savefig(path, dpi=130)


def _ratio(line: Line, label: str, statistic: str) -> float:
    return seconds(line.find(label), statistic) / seconds(line.find(COPY), statistic)


def _by_case(pyplot: Any, lines: list[Line], styles: dict[str, Style], statistic: str) -> Any:
    """A row per case, a mark per contender."""
    figure, axes = pyplot.subplots(figsize=(11, 2 + 0.3 * len(lines)), layout="constrained")
    axes.axvline(1, **LIMIT)
    for label, style in styles.items():
        ratios = [_ratio(line, label, statistic) for line in lines]
        axes.plot(ratios, range(len(lines)), linestyle="none", label=label, **style)
    axes.set(
        xscale="log", xlabel="time / time of a copy of as many bytes (left is better)", ylim=(len(lines) - 0.5, -0.5)
    )
    axes.set_yticks(range(len(lines)), [line.case.name for line in lines], fontsize=8)
    axes.grid(alpha=0.3)
    figure.legend(loc="outside right center", fontsize=8)
    return figure


def _by_window(pyplot: Any, lines: list[Line], styles: dict[str, Style], statistic: str) -> Any:
    """A panel per operation and element type, a curve per contender over the window size."""
    panels: dict[str, list[Line]] = {}
    for line in lines:
        panels.setdefault(f"{line.case.op} {line.case.dtype}", []).append(line)

    def points(panel: str, label: str) -> Points:
        return [(line.case.kernel[0], _ratio(line, label, statistic)) for line in panels[panel]]

    return _panels(pyplot, list(panels), styles, points, "window size k (k x k cells, stride 1)", log_x=True)


def _by_threads(pyplot: Any, lines: list[Line], styles: dict[str, Style], statistic: str) -> Any:
    """A panel per case, a curve per contender over the number of threads; the unit is one thread's copy."""
    cases = {line.case.name: line for line in lines}

    def points(panel: str, label: str) -> Points:
        line = cases[panel]
        counts = sorted({result.threads for result in line.results})
        unit = seconds(line.find(COPY, counts[0]), statistic)
        return [(count, seconds(line.find(label, count), statistic) / unit) for count in counts]

    styles = {**styles, COPY: {"color": LIMIT["color"], "marker": "."}}
    return _panels(pyplot, list(cases), styles, points, "threads (time in units of one thread's copy)", log_x=False)


def _panels(
    pyplot: Any,
    names: list[str],
    styles: dict[str, Style],
    points: Callable[[str, str], Points],
    x_label: str,
    *,
    log_x: bool,
) -> Any:
    columns = min(2, len(names))
    rows = -(-len(names) // columns)
    figure, grid = pyplot.subplots(
        rows, columns, figsize=(2 + 5 * columns, 1 + 3.2 * rows), squeeze=False, layout="constrained"
    )
    for axes, name in zip(grid.flat, names, strict=False):
        axes.set(title=name, xscale="log" if log_x else "linear", yscale="log", xlabel=x_label, ylabel="time / copy")
        ticks = [x for x, _ in points(name, OURS[0])]
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.set_xticks([], minor=True)
        if COPY not in styles:
            axes.axhline(1, **LIMIT)
        for label, style in styles.items():
            axes.plot(*zip(*points(name, label), strict=True), linewidth=1, label=label, **style)
        axes.grid(alpha=0.3)
    handles, labels = grid.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right center", fontsize=8)
    return figure
