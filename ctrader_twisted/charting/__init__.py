"""Charts: a table of bars becomes a figure. Needs matplotlib (the extra ``plot``).

* `candles` candles, volume and the last price.
* `axis` where the time axis has its labels, and what they say.

No state is shared: figures are made without pyplot, and drawn by Agg or as SVG when they are saved.
"""
