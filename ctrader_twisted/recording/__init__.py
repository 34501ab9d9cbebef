"""Market data and account events recorded as they come: Parquet or SQLite, by day, whole after any crash.

* `tables` what is recorded: three tables and their columns.
* `spans` spans of time: what they cover together, and what they leave out.
* `sides` spot events made into rows of both sides.
* `store` what a store takes and promises; `parquet`, `sqlite` the two that there are; `formats` one by its name;
  `parquet_files` what is in a file of Parquet.
* `holding` the right to write into a folder.
* `gathering` what one account tells until it is written, and what of it is covered; `keeping` has it written.
* `refilling` holes, filled from history.
* `recorder` `MarketRecorder`, the service; `embedding` an account that is recorded without the daemon.
"""

from ctrader_twisted.recording.holes import Hole, files, holes
from ctrader_twisted.recording.recorder import MarketRecorder

__all__ = ["Hole", "MarketRecorder", "files", "holes"]
