"""Candles, volume and the last price of a table of bars."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, Final

import numpy as np
from matplotlib import rc_context
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.figure import Figure
from matplotlib.ticker import FixedFormatter, FixedLocator, FuncFormatter, MaxNLocator

from ctrader_twisted.charting.axis import labels
from ctrader_twisted.history.tables import moment

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from ctrader_twisted.history.tables import Bars

RISING: Final = "#26877c"
FALLING: Final = "#d1495b"
_INK: Final = "#30343b"
_GRID: Final = "#e3e6ea"
_BODY: Final = 0.7
"""How much of its room a candle's body takes."""


def candles(bars: Bars, *, width: float = 12.0, height: float = 6.75) -> Figure:
    """Draw bars as candles, with the volume below and a line at the last price.

    Every bar has the same room, whatever time is between two of them. Times are in UTC.

    :param bars: at least one.
    :param width: inches.
    :param height: inches.
    :raises ValueError: if there is none.
    """
    if not len(bars):
        raise ValueError(f"{bars.name}: there are no bars to draw")
    figure = Figure(figsize=(width, height), layout="constrained", facecolor="white")
    price, volume = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
    rising = bars.scaled.close >= bars.scaled.open
    _draw_candles(price, bars, rising)
    _draw_volume(volume, bars, rising)
    _draw_last(price, bars, bool(rising[-1]))
    _set_time(volume, bars)
    for axes in (price, volume):
        _dress(axes)
    price.tick_params(bottom=False)
    first, last = (moment(int(bars.opened[place])) for place in (0, -1))
    price.set_title(bars.name, loc="left", color=_INK, fontweight="bold")
    price.set_title(f"{first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC", loc="right", color=_INK, fontsize=9)
    return figure


def save(figure: Figure, file: BinaryIO, kind: str, *, dpi: int = 150) -> None:
    """Write a figure. The same figure gives the same bytes.

    :param kind: "svg" or "png".
    """
    with rc_context({"svg.hashsalt": "ctrader_twisted"}):
        metadata: dict[str, str | None] = {"Date": None} if kind == "svg" else {}
        figure.savefig(file, format=kind, dpi=dpi, metadata=metadata)


def _draw_candles(axes: Axes, bars: Bars, rising: NDArray[np.bool_]) -> None:
    places = np.arange(len(bars), dtype=np.float64)
    colours = np.where(rising, RISING, FALLING).tolist()
    wicks = np.stack((np.stack((places, bars.low), axis=1), np.stack((places, bars.high), axis=1)), axis=1)
    axes.add_collection(LineCollection(list(wicks), colors=colours, linewidths=0.9, gid="wicks"))
    low, high = np.minimum(bars.open, bars.close), np.maximum(bars.open, bars.close)
    axes.add_collection(
        PolyCollection(_boxes(places, low, high), facecolors=colours, edgecolors=colours, linewidths=0.6, gid="bodies")
    )
    bottom, top = float(bars.low.min()), float(bars.high.max())
    room = (top - bottom) * 0.04 or 10.0**-bars.digits
    axes.set_ylim(bottom - room, top + room)
    axes.set_xlim(-1, len(bars))
    axes.yaxis.set_major_locator(MaxNLocator(8))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda price, _: f"{price:.{bars.digits}f}"))


def _draw_volume(axes: Axes, bars: Bars, rising: NDArray[np.bool_]) -> None:
    places = np.arange(len(bars), dtype=np.float64)
    colours = np.where(rising, RISING, FALLING).tolist()
    ticks = bars.ticks.astype(np.float64)
    axes.add_collection(
        PolyCollection(_boxes(places, np.zeros(len(bars)), ticks), facecolors=colours, alpha=0.55, gid="volume")
    )
    axes.set_ylim(0, float(ticks.max()) * 1.08 or 1.0)
    axes.yaxis.set_major_locator(MaxNLocator(3, integer=True))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda count, _: f"{count:,.0f}"))
    axes.set_ylabel("ticks", color=_INK, fontsize=8)


def _draw_last(axes: Axes, bars: Bars, rising: bool) -> None:
    """Draw a line at the last price, and write the price where it meets the axis."""
    last = float(bars.close[-1])
    colour = RISING if rising else FALLING
    axes.axhline(last, color=colour, linewidth=0.8, linestyle=(0, (4, 3)), gid="last")
    axes.annotate(
        f"{last:.{bars.digits}f}",
        (1, last),
        xytext=(5, 0),
        xycoords=("axes fraction", "data"),
        textcoords="offset points",
        va="center",
        fontsize=8,
        color="white",
        bbox={"boxstyle": "round,pad=0.25", "facecolor": colour, "edgecolor": "none"},
    )


def _set_time(axes: Axes, bars: Bars) -> None:
    chosen = labels(bars.opened)
    axes.xaxis.set_major_locator(FixedLocator([label.place for label in chosen]))
    axes.xaxis.set_major_formatter(FixedFormatter([label.text for label in chosen]))


def _dress(axes: Axes) -> None:
    axes.set_axisbelow(True)
    axes.grid(color=_GRID, linewidth=0.7)
    axes.tick_params(labelsize=8, labelcolor=_INK, length=0)
    axes.yaxis.tick_right()
    axes.yaxis.set_label_position("left")
    for side in axes.spines.values():
        side.set_visible(False)


def _boxes(
    places: NDArray[np.float64], low: NDArray[np.float64], high: NDArray[np.float64]
) -> list[NDArray[np.float64]]:
    left, right = places - _BODY / 2, places + _BODY / 2
    corners = ((left, low), (left, high), (right, high), (right, low))
    return list(np.stack([np.stack(corner, axis=1) for corner in corners], axis=1))
