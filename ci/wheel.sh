#!/usr/bin/env bash
# What users get: build the sdist, the wheel from it, install that alone into an empty environment, and use it from elsewhere.
set -euo pipefail
cd "$(dirname "$0")/.."

python=$PWD/.venv/bin/python
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$python" -m build --outdir "$work/dist" . >"$work/build.log" 2>&1 || {
    cat "$work/build.log"
    exit 1
}
"$python" -m twine check --strict "$work"/dist/*

"$python" -m venv "$work/venv"
"$work/venv/bin/python" -m pip --quiet --disable-pip-version-check install "$work"/dist/*.whl
"$work/venv/bin/python" -m pip check --disable-pip-version-check

cd "$work"
venv/bin/python - dist/*.whl <<'END'
import sys
from zipfile import ZipFile

names = ZipFile(sys.argv[1]).namelist()
for name in (
    "ctrader_twisted/py.typed",
    "ctrader_twisted/wire/schema/__init__.pyi",
    "ctrader_twisted/wire/schema/openapi.binpb",
    "twisted/plugins/ctrader_plugin.py",
):
    assert name in names, f"the wheel lacks {name}"
ours = ("ctrader_twisted/", "ctrader_twisted-", "twisted/plugins/ctrader_plugin.py")
strays = [name for name in names if not name.startswith(ours) or "__pycache__" in name]
assert not strays, f"the wheel carries {strays}"
print(f"the wheel carries {len(names)} files, all ours")
END

# Each listing is kept in a file: grep -q closing a pipe early would fail the command that writes to it.
venv/bin/twistd --help >help.txt
grep -E '^ +ctrader ' help.txt
grep -E '^ +ctrader-sim ' help.txt
venv/bin/twistd ctrader --help >ctrader.txt
grep -e '--config' ctrader.txt
grep -e '--seconds' ctrader.txt
venv/bin/twistd ctrader-sim --help >sim.txt
head -n 1 sim.txt

# The command needs an extra, and says so where it is missing.
status=0
venv/bin/ctrader --help >command.txt 2>&1 || status=$?
[ "$status" -eq 1 ] && grep -F "ctrader_twisted[cli]" command.txt
venv/bin/python -m pip --quiet --disable-pip-version-check install "$(echo dist/*.whl)[cli]"
venv/bin/ctrader --help >command.txt
grep -E '^ +(login|check|watch) ' command.txt

venv/bin/python - <<'END'
import sys

from twisted.application.service import IServiceMaker
from twisted.plugin import getPlugins

names = {plugin.tapname for plugin in getPlugins(IServiceMaker)}
assert {"ctrader", "ctrader-sim"} <= names, names
assert "ctrader_twisted" not in sys.modules, "a plugin scan imports ctrader_twisted"

import ctrader_twisted

assert "twisted.internet.reactor" not in sys.modules, "importing ctrader_twisted installs a reactor"
print("a plugin scan imports nothing of ours; the package installs no reactor")
END
