"""Print pip constraints that hold every requirement of setup.cfg at its lower bound.

python ci/lowest.py [EXTRA ...]   those of more extras, too
"""

import configparser
import re
import sys
from pathlib import Path

EXTRAS = ("parquet", "oauth", "cli")  # what users install; the tools that test it may be new


def main() -> None:
    setup = configparser.ConfigParser(interpolation=None)
    setup.read(Path(__file__).parents[1] / "setup.cfg")
    lines = setup["options"]["install_requires"].split("\n")
    for extra in (*EXTRAS, *sys.argv[1:]):
        lines += setup["options.extras_require"][extra].split("\n")
    constraints: dict[str, None] = {}
    for line in filter(None, lines):
        if line.startswith("ctrader_twisted["):
            continue
        match = re.fullmatch(r"([\w.-]+)(?:\[[\w,]+\])?>=([\d.]+)(?:,<[\d.]+)?(\s*;.*)?", line)
        if match is None:
            raise SystemExit(f"setup.cfg: {line!r} has no lower bound of the form name>=version")
        name, version, marker = match.groups()
        constraints[f"{name}=={version}{marker or ''}"] = None
    print(*constraints, sep="\n")


main()
