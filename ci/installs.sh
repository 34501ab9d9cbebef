#!/usr/bin/env bash
# The wheel with what users ask for, in an empty environment of each Python here: with the newest releases of everything, and on the
# oldest Python with the lower bound of every requirement, too.
set -euo pipefail
cd "$(dirname "$0")/.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
.venv/bin/python -m build --wheel --outdir "$work/dist" . >"$work/build.log" 2>&1 || {
    cat "$work/build.log"
    exit 1
}
pythons=$(bash ci/pythons.sh)
"$(head -n 1 <<<"$pythons" | cut -d ' ' -f 2-)" ci/lowest.py data plot >"$work/lowest.txt"
cat >"$work/use.py" <<'END'
"""What a user does first: bars of the simulated venue, as a table, as Arrow, as a chart."""

import sys
from datetime import UTC, datetime

from ctrader_twisted.blocking import connect
from ctrader_twisted.charting.candles import candles

with connect(simulator=True) as client:
    bars = client.account(client.account_ids[0]).bars("EURUSD", "H1", datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, 3, tzinfo=UTC))
assert len(bars) == 24 and bars.arrow().num_rows == 24, bars
candles(bars).savefig(sys.argv[1])
print(bars)
END

use() {
    local python=$1
    shift
    rm -rf "$work/venv"
    "$python" -m venv "$work/venv"
    "$work/venv/bin/python" -m pip --quiet --disable-pip-version-check install "$@" "$(echo "$work"/dist/*.whl)[cli,data,plot]"
    "$work/venv/bin/python" -m pip check --disable-pip-version-check
    (cd "$work" && venv/bin/python use.py chart.svg && grep -q '<svg' chart.svg && venv/bin/ctrader --help >/dev/null)
}

seen=
while read -r version python; do
    minor=${version%.*}
    [ "$minor" != "$seen" ] || continue
    [ -n "$seen" ] || {
        echo "Python $version, lowest"
        use "$python" --constraint "$work/lowest.txt"
    }
    seen=$minor
    echo "Python $version, newest"
    use "$python"
done <<<"$pythons"
