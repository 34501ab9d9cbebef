#!/usr/bin/env bash
# `make demo SECONDS=10` ends by itself, and its stdout is JSON Lines and nothing else.
set -euo pipefail
cd "$(dirname "$0")/.."

output=$(mktemp)
trap 'rm -f "$output"' EXIT

timeout 60 make --no-print-directory demo SECONDS=10 >"$output" </dev/null
.venv/bin/python - "$output" <<'END'
import json
import sys

with open(sys.argv[1], encoding="utf-8") as file:
    lines = [json.loads(line) for line in file]
if not lines:
    sys.exit("the demo printed nothing")
print(f"{len(lines)} JSON Lines, the last: {json.dumps(lines[-1])}")
END
