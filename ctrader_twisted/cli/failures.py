"""How a command ends when it does not end well.

=====  ===========================================================
0      done
1      failed; one sentence on stderr says what, where and the remedy
2      the command line is wrong (click's own)
129    the terminal was closed
130    interrupted by Ctrl-C
143    ended by SIGTERM
=====  ===========================================================
"""

from typing import Final

HUNG_UP: Final = 129
INTERRUPTED: Final = 130
TERMINATED: Final = 143


class Interrupted(Exception):
    """The person pressed Ctrl-C where a question was asked."""


class CommandFailed(Exception):
    """A command can't do what it was asked; its text is the sentence to say."""
