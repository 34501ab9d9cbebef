"""Candles, volume and the last price of a table of bars."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Final

import numpy as np
from matplotlib import rc_context
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.figure import Figure
from matplotlib.ticker import FixedFormatter, FixedLocator, FuncFormatter, MaxNLocator

from ctrader_twisted.charting.axis import days, labels
from ctrader_twisted.history.moments import moment
from ctrader_twisted.market.calendar import DAY, LENGTHS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from ctrader_twisted.history.tables import Bars


@dataclass(frozen=True, slots=True)
class Look:
    """Colours."""

    paper: str
    ink: str
    grid: str
    rising: str
    falling: str
    tag: str
    """What is written on `rising` and `falling`."""


LIGHT: Final = Look("#ffffff", "#30343b", "#e3e6ea", "#26877c", "#d1495b", "#ffffff")
DARK: Final = Look("#14171c", "#c9ced6", "#272c34", "#3fb8a5", "#ee6a78", "#14171c")

_BODY: Final = 0.7
"""How much of its room a candle's body takes."""
_CROWD: Final = 600
"""Bars from which on the volume is drawn as one outline: narrower than three points of a usual picture, bars would
vanish or widen at equal distances, and leave stripes that are not in the data."""
_FEWEST: Final = 30
"""Bars that there is room for at least: a few are no broader than usual."""


def candles(bars: Bars, *, width: float = 12.0, height: float = 6.75, look: Look = LIGHT) -> Figure:
    """Draw bars as candles, with the volume below and a line at the last price.

    Every bar has the same room, whatever time is between two of them. Times are in UTC; bars of a day or more are
    called by their trading day, which is named by the date on which it ends in New York.

    :param bars: at least one.
    :param width: inches.
    :param height: inches.
    :param look: `LIGHT`, `DARK`, or colours of your own.
    :raises ValueError: if there is none.
    """
    if not len(bars):
        raise ValueError(f"{bars.name}: there are no bars to draw")
    figure = Figure(figsize=(width, height), layout="constrained", facecolor=look.paper)
    price, volume = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
    rising = bars.scaled.close >= bars.scaled.open
    colours = np.where(rising, look.rising, look.falling).tolist()
    times = _times(bars)
    _draw_candles(price, bars, colours)
    _draw_volume(volume, bars, colours, look)
    _draw_last(price, bars, colours[-1], look)
    _set_time(volume, times)
    for axes in (price, volume):
        _dress(axes, look)
    price.tick_params(bottom=False)
    price.set_title(bars.name, loc="left", color=look.ink, fontweight="bold")
    price.set_title(span_written(bars), loc="right", color=look.ink, fontsize=9)
    return figure


def span_written(bars: Bars) -> str:
    """Write when the first bar and the last one open, as the picture calls them: by time in UTC, or by trading day."""
    times = _times(bars)
    first, last = (moment(int(times[place])) for place in (0, -1))
    if _daily(bars):
        return f"{first:%Y-%m-%d} to {last:%Y-%m-%d}"
    return f"{first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC"


def save(figure: Figure, file: BinaryIO, kind: str, *, dpi: int = 150) -> None:
    """Write a figure. The same figure gives the same bytes.

    :param kind: "svg" or "png".
    """
    with rc_context({"svg.hashsalt": "ctrader_twisted"}):
        metadata: dict[str, str | None] = {"Date": None} if kind == "svg" else {}
        figure.savefig(file, format=kind, dpi=dpi, metadata=metadata)


def _daily(bars: Bars) -> bool:
    return LENGTHS[bars.period] >= DAY


def _times(bars: Bars) -> NDArray[np.int64]:
    """Give what the bars are called by, in ms."""
    return days(bars.opened) if _daily(bars) else bars.opened


def _draw_candles(axes: Axes, bars: Bars, colours: list[str]) -> None:
    places = np.arange(len(bars), dtype=np.float64)
    wicks = np.stack((np.stack((places, bars.low), axis=1), np.stack((places, bars.high), axis=1)), axis=1)
    axes.add_collection(LineCollection(list(wicks), colors=colours, linewidths=0.9, gid="wicks"))
    low, high = np.minimum(bars.open, bars.close), np.maximum(bars.open, bars.close)
    axes.add_collection(
        PolyCollection(_boxes(places, low, high), facecolors=colours, edgecolors=colours, linewidths=0.6, gid="bodies")
    )
    bottom, top = float(bars.low.min()), float(bars.high.max())
    room = (top - bottom) * 0.04 or 10.0**-bars.digits
    axes.set_ylim(bottom - room, top + room)
    axes.set_xlim(min(-1, len(bars) - _FEWEST), len(bars))
    axes.yaxis.set_major_locator(MaxNLocator(8))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda price, _: f"{price:.{bars.digits}f}"))


def _draw_volume(axes: Axes, bars: Bars, colours: list[str], look: Look) -> None:
    places = np.arange(len(bars), dtype=np.float64)
    ticks = bars.ticks.astype(np.float64)
    if len(bars) < _CROWD:
        shapes, filled = _boxes(places, np.zeros(len(bars)), ticks), colours
    else:
        shapes, filled = [_outline(ticks)], [look.ink]
    axes.add_collection(PolyCollection(shapes, facecolors=filled, alpha=0.55, snap=False, gid="volume"))
    axes.set_ylim(0, float(ticks.max()) * 1.08 or 1.0)
    axes.yaxis.set_major_locator(MaxNLocator(3, integer=True))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda count, _: f"{count:,.0f}"))
    axes.set_ylabel("ticks", color=look.ink, fontsize=8)


def _draw_last(axes: Axes, bars: Bars, colour: str, look: Look) -> None:
    """Draw a line at the last price, and write the price where it meets the axis."""
    last = float(bars.close[-1])
    axes.axhline(last, color=colour, linewidth=0.8, linestyle=(0, (4, 3)), gid="last")
    axes.annotate(
        f"{last:.{bars.digits}f}",
        (1, last),
        xytext=(5, 0),
        xycoords=("axes fraction", "data"),
        textcoords="offset points",
        va="center",
        fontsize=8,
        color=look.tag,
        bbox={"boxstyle": "round,pad=0.25", "facecolor": colour, "edgecolor": "none"},
    )


def _set_time(axes: Axes, times: NDArray[np.int64]) -> None:
    chosen = labels(times)
    axes.xaxis.set_major_locator(FixedLocator([label.place for label in chosen]))
    axes.xaxis.set_major_formatter(FixedFormatter([label.text for label in chosen]))


def _dress(axes: Axes, look: Look) -> None:
    axes.set_facecolor(look.paper)
    axes.set_axisbelow(True)
    axes.grid(color=look.grid, linewidth=0.7)
    axes.tick_params(labelsize=8, labelcolor=look.ink, length=0)
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


def _outline(heights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give the outline of boxes that leave no room between them."""
    edges = np.repeat(np.arange(len(heights) + 1) - 0.5, 2)
    return np.stack((edges, np.concatenate(([0.0], np.repeat(heights, 2), [0.0]))), axis=1)
