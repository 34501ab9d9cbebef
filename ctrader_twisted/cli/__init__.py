"""The ``ctrader`` command. ``docs/command.md`` shows what it does.

* `command` the command and its sub commands, each loaded when it is called for.
* `terminal` what is written: data on stdout, talk on stderr.
* `running` a coroutine as a program: the reactor, Ctrl-C, errors as sentences, the exit status.
* `finding` what there is to connect with: the command line, the configuration, the environment.
* `access` the clients and the tokens of one run.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec

_NEEDED = ("click", "rich", "treq")


def main() -> None:
    """Run the command, or say in one sentence what has to be installed first.

    :raises SystemExit: always, with the exit status.
    """
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        names = " and ".join(missing) if len(missing) < 3 else ", ".join(missing)
        sys.stderr.write(
            f"ctrader needs {names}: pip install 'ctrader_twisted[cli]', or in a copy of the source pip install "
            "'.[cli]'\n"
        )
        raise SystemExit(1)
    try:
        from ctrader_twisted.cli.command import invoke

        raise SystemExit(invoke(sys.argv[1:]))
    except KeyboardInterrupt:  # while modules are imported, for instance
        raise SystemExit(130) from None
