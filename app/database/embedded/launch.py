"""Start a program that gets SIGINT when its owner ends: `launch.py OWNER USER GROUP PROGRAM ARGUMENT...`.

A script of its own, because code between fork and exec (`preexec_fn`) is unsafe in a process with threads. The
setting is made after the change of user, which would reset it.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main(owner: str, user: str, group: str, *command: str) -> None:
    """Change the user if one is given, and replace this process by the program."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # end without a traceback
    if user:
        os.setgroups([])
        os.setgid(int(group))
        os.setuid(int(user))
    prctl = getattr(ctypes.CDLL(None), "prctl", None)  # only Linux has it
    if prctl is not None:
        prctl(_PR_SET_PDEATHSIG, int(signal.SIGINT), 0, 0, 0)
        if os.getppid() != int(owner):  # the owner ended before `prctl` was called
            sys.exit(1)
    os.execv(command[0], command)  # noqa: S606 -- no shell, no untrusted argument


if __name__ == "__main__":
    main(*sys.argv[1:])
