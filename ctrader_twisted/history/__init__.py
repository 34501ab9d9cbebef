"""History: bars and ticks, page after page, as tables of columns. Needs numpy (the extra ``data``).

* `plan` which page to ask for next, what of it is new, and when it is over.
* `fetching` asks for a page until it has it: quotas, losses, timeouts.
* `paging` what is common to bars and ticks: pages asked for, put in order, made into tables.
* `sources` the pages of bars, and those of ticks; `both_sides` those of bid and ask, joined.
* `series` what is iterated, with back-pressure, or had as a whole; `asking` whose line asks, for warnings.
* `tables` `Bars`, `Ticks` and `QuoteTicks`: columns, and rows, pandas, polars and Arrow out of them.
* `moments` datetimes as they are given, and ms since the epoch.
* `gaps` what is missing in a table, and why.

`ctrader_twisted.account` gives series: ``account.bars("EURUSD", "H1", start, end)``.
"""
