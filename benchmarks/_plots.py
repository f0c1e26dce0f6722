"""
Plots of a benchmark's figures, as small SVG files that look the same after each drawing.

The ground is transparent and every colour is in the middle between black and white, so that
a plot can be read on a light page and on a dark one. Lines differ by their marks too, and
bars stand in the order of the legend.
matplotlib is imported when something is drawn: a benchmark runs without it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

GREY = "#7a7f87"
COLOURS = (
    "#3d85d9", "#db7a12", "#2f9e60", "#d64f5c", "#9268d8",
    "#1597a5", "#c65b9d", "#8d8f1f", "#a3733f", GREY,
)  # fmt: skip
MARKERS = "os^Dv*PXhd"
MANY = 40
"""From this many points on a line is drawn without markers."""

STYLE = {
    "svg.hashsalt": "meshlib",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 10,
    "text.color": GREY,
    "axes.edgecolor": GREY,
    "axes.labelcolor": GREY,
    "axes.titlesize": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "grid.color": GREY,
    "grid.alpha": 0.3,
    "grid.linewidth": 0.5,
}


@dataclass
class Plot:
    """
    One picture: *series* by name, each a list of points (x, y).

    *name* is the file's, without a suffix. A *kind* of `bar` stands the series side by side
    at each x, which is then only an order; *ticks* are what to write at the values of x
    instead of numbers. *log* is for the axis of y, *log_x* for that of x. *lines* are
    limits: horizontal, dashed, with what they say.
    """

    name: str
    title: str
    x: str
    y: str
    series: dict[str, list[tuple[float, float]]]
    log: bool = False
    kind: Literal["line", "bar"] = "line"
    ticks: dict[float, str] | None = None
    log_x: bool = False
    lines: dict[str, float] | None = None


def draw(plot: Plot, folder: str | Path) -> Path:
    """Write *plot* as SVG into *folder*, which is made if need be; the file."""
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    path = Path(folder, f"{plot.name}.svg")
    path.parent.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.2, 4.0), layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.add_subplot()
        (_bars if plot.kind == "bar" else _lines)(axes, plot)
        _dress(axes, plot)
        figure.savefig(
            path,
            format="svg",
            transparent=True,
            metadata={"Date": None, "Creator": None, "Title": plot.title},
        )
    path.write_text(_shortened(path.read_text("utf-8")), "utf-8")
    return path


def _lines(axes: Any, plot: Plot) -> None:
    for number, (name, points) in enumerate(plot.series.items()):
        xs, ys = zip(*points, strict=True) if points else ((), ())
        axes.plot(
            xs,
            ys,
            label=name,
            color=COLOURS[number % len(COLOURS)],
            marker=MARKERS[number % len(MARKERS)] if len(points) < MANY else None,
            linestyle=("-", "--", "-.", ":")[number // len(COLOURS) % 4],
            markersize=4.5,
            linewidth=1.5,
        )
    if plot.ticks:
        axes.set_xticks(list(plot.ticks), list(plot.ticks.values()))


def _bars(axes: Any, plot: Plot) -> None:
    places = sorted({x for points in plot.series.values() for x, _ in points})
    width = 0.8 / max(len(plot.series), 1)
    for number, (name, points) in enumerate(plot.series.items()):
        shift = (number - (len(plot.series) - 1) / 2) * width
        axes.bar(
            [places.index(x) + shift for x, _ in points],
            [y for _, y in points],
            width * 0.92,
            label=name,
            color=COLOURS[number % len(COLOURS)],
        )
    ticks = plot.ticks or {}
    axes.set_xticks(range(len(places)), [ticks.get(x, f"{x:g}") for x in places])
    if len(places) > 6:
        axes.tick_params(axis="x", rotation=30)


def _dress(axes: Any, plot: Plot) -> None:
    """Titles, scales, limits and the legend."""
    axes.set_title(plot.title)
    axes.set_xlabel(plot.x)
    axes.set_ylabel(plot.y)
    for name, value in (plot.lines or {}).items():
        axes.axhline(value, color=GREY, linestyle="--", linewidth=1, label=name)
    if plot.log_x:
        axes.set_xscale("log")
        if plot.ticks:  # a new scale brings its own
            axes.set_xticks(list(plot.ticks), list(plot.ticks.values()))
            axes.minorticks_off()
    if plot.log:
        axes.set_yscale("log")
    elif all(y >= 0 for points in plot.series.values() for _, y in points):
        axes.set_ylim(bottom=0)
    axes.grid(axis="y")
    axes.set_axisbelow(True)
    if len(plot.series) + len(plot.lines or ()) > 1:
        axes.figure.legend(loc="outside lower center", frameon=False, fontsize=8.5, ncols=4)


def _shortened(svg: str) -> str:
    """Coordinates to a hundredth of a point, and no white space at the ends of lines."""
    svg = re.sub(r"-?\d+\.\d{3,}", lambda found: f"{float(found[0]):.2f}", svg)
    return "\n".join(line.rstrip() for line in svg.splitlines()) + "\n"


def draw_all(plots: Iterable[Plot], folder: str | Path) -> list[Path]:
    """Write all of them; the files."""
    return [draw(plot, folder) for plot in plots]
