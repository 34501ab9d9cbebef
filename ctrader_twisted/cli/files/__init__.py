"""Files of history: what `ctrader history` writes, reads back, and goes on with. Needs numpy.

* `contents` what a file holds: bars of a period, ticks of a side, quotes; its columns.
* `formats` CSV, JSON Lines and Parquet, by the file's suffix: `text`, `parquet`.
* `parts` what was fetched and is in no file yet, kept beside it.
* `merging` a file's rows and its parts, in order.
* `tally` rows and gaps, counted on the way.
* `target` one file with its parts: what is missing, what is kept, how it becomes a new file.
"""
