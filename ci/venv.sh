#!/bin/sh
# venv.sh DIRECTORY PYTHON...: make a virtual environment with the first of these that is Python 3.11 or newer and can make one.
set -eu

directory=$1
shift

old_enough=
for python in "$@"; do
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue
    old_enough="$old_enough $python"
    # Debian's python3 has venv but not ensurepip until python3-venv is installed; another candidate may have both.
    "$python" -c 'import ensurepip, venv' 2>/dev/null || continue
    echo "Making $directory with $("$python" --version) ..."
    if "$python" -m venv "$directory"; then
        exit 0
    fi
    rm -rf "$directory"
done

if [ -n "$old_enough" ]; then
    cat <<END
No virtual environment could be made with:$old_enough.
That Python comes without venv or ensurepip.  On Debian and Ubuntu:
    sudo apt-get install python3-venv
or name another Python:
    make PYTHON=/path/to/python3.12 ...
END
else
    cat <<END
ctrader_twisted needs Python 3.11 or newer; looked for: $*.
Install one, or name it:
    make PYTHON=/path/to/python3.12 ...
END
fi
exit 1
