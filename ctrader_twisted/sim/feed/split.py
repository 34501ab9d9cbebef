"""A bar cut into the bars inside it, and a minute's bar cut into its bids: the two joints of the price tree.

Prices here are in ticks of the symbol. What is cut always fits together again: the first part opens at the
bar's open, the last closes at its close, one touches the high, one the low, none goes beyond. A range is two
ticks or wider, which is what makes it possible for every bid to differ from the one before.
"""

from __future__ import annotations

from math import sqrt

from ctrader_twisted.sim.feed.chance import MASK, SHIFT, STEP

Prices = tuple[int, int, int, int]
"""Open, high, low, close, in ticks of the symbol."""


def shares(total: int, weights: list[float]) -> list[int]:
    """Divide ``total`` by weight into whole numbers that add up to it."""
    whole = sum(weights)
    parts = []
    passed, given = 0.0, 0
    for weight in weights[:-1]:
        passed += weight
        upto = int(total * passed / whole)
        parts.append(upto - given)
        given = upto
    parts.append(total - given)
    return parts


def split(bar: Prices, count: int, x: int, weights: list[float] | None = None) -> list[Prices]:
    """Cut a bar into ``count`` bars; ``x`` is 64 random bits, ``weights`` says how lively each part is (mean 1).

    Each part opens one tick away from where the one before closed.
    """
    if count == 1:
        return [bar]
    top, bottom = bar[1], bar[2]
    closes = _closes(bar, count, x, weights)
    x = (x * STEP + SHIFT ^ count) & MASK
    wick = int((top - bottom) / sqrt(count) * 0.4) + 1
    parts: list[Prices] = []
    opened = bar[0]
    highest, at_high, lowest, at_low = -1, 0, top + 1, 0
    for i, close in enumerate(closes):
        x = (x * STEP + SHIFT) & MASK
        high = (opened if opened > close else close) + ((x >> 40 & 0xFFF) * wick >> 12)
        low = (close if opened > close else opened) - ((x >> 52) * wick >> 12)
        if high > top:
            high = top
        if low < bottom:
            low = bottom
        if high - low < 2:
            high = low + 2
            if high > top:
                high, low = top, top - 2
        if high > highest:
            highest, at_high = high, i
        if low < lowest:
            lowest, at_low = low, i
        parts.append((opened, high, low, close))
        opened = close - 1 if close == top or (close != bottom and x & 1 << 39) else close + 1
    opened, _, low, close = parts[at_high]
    parts[at_high] = (opened, top, low, close)
    opened, high, _, close = parts[at_low]
    parts[at_low] = (opened, high, bottom, close)
    return parts


def _closes(bar: Prices, count: int, x: int, weights: list[float] | None) -> list[int]:
    """Where each part closes: bridges from the open by way of points near the high and the low to the close."""
    opened, top, bottom, close = bar
    scale = (top - bottom) / sqrt(count) * 1.2
    goals = [(count, close)]
    if count >= 4:
        x = (x * STEP + SHIFT) & MASK
        first = 1 + (x >> 40) % (count - 1)
        second = 1 + (x >> 20) % (count - 1)
        if second == first:
            second = first % (count - 1) + 1
        near = int(scale * 0.2) + 1
        high, low = top - (x >> 50) % near, bottom + (x >> 52) % near
        early, late = (low, high) if (close >= opened) == bool(x >> 62) else (high, low)
        goals = [(min(first, second), early), (max(first, second), late), *goals]
    closes: list[int] = []
    price, i = opened, 0
    for at, goal in goals:
        while i < at - 1:
            x = (x * STEP + SHIFT) & MASK
            drawn = ((x >> 40) / 8_388_608 - 1) * scale
            if weights is not None:
                drawn *= weights[i]
            price = int(price + (goal - price) / (at - i) + drawn)
            if price > top:
                price = max(2 * top - price, bottom)
            elif price < bottom:
                price = min(2 * bottom - price, top)
            closes.append(price)
            i += 1
        closes.append(goal)
        price, i = goal, at
    return closes


def bids(bar: Prices, count: int, x: int) -> list[int]:
    """``count`` bids (4 or more) that make up a minute's bar, each different from the one before."""
    opened, top, bottom, close = bar
    x = (x * STEP + SHIFT) & MASK
    early, late = (bottom, top) if (close >= opened) == bool(x >> 62) else (top, bottom)
    inner = [extreme for extreme in (early, late) if not (extreme == early == opened or extreme == late == close)]
    room = count - 2
    places = sorted((1 + (x >> 40) % room, 1 + (x >> 20) % room))
    if len(inner) == 2 and places[0] == places[1]:
        places = [places[0], places[0] + 1] if places[0] < room else [places[0] - 1, places[0]]
    goals = [*zip(places, inner, strict=False), (count - 1, close)]
    scale = (top - bottom) / sqrt(count) * 0.8
    if scale < 1.5:
        scale = 1.5
    path = [opened]
    price, i = opened, 1
    for at, goal in goals:
        while i < at:
            x = (x * STEP + SHIFT) & MASK
            left = at - i + 1
            drawn = round(price + (goal - price) / left + ((x >> 40) / 8_388_608 - 1) * scale)
            if drawn > top:
                drawn = top
            elif drawn < bottom:
                drawn = bottom
            if drawn == price:
                drawn = price - 1 if price == top or (price != bottom and x & 1 << 39) else price + 1
            if left == 2 and drawn == goal:
                drawn = next(
                    other
                    for other in (goal + 1, goal - 1, goal + 2, goal - 2)
                    if bottom <= other <= top and other != price
                )
            path.append(drawn)
            price = drawn
            i += 1
        path.append(goal)
        price, i = goal, at + 1
    return path
