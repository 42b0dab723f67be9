# SPDX-License-Identifier: Apache-2.0
"""Runs a command on a terminal of its own, types lines when it asks, prints what the terminal showed.

usage: terminal.py LINES COMMAND [ARGUMENT]...     LINES are separated by "|"; each is typed behind "): ", "': ", "yes: ",
                                                   or what OpenSSL asks for pass phrases with;
                                                   one that begins with "!" before the command runs
"""
import os
import pty
import re
import sys
import time

ASKS = re.compile(rb"(\): |': |yes: |^Enter pass phrase for .*:)$")


def main():
    lines = [line.encode() + b"\n" for line in sys.argv[1].split("|")] if sys.argv[1] else []
    pid, terminal = pty.fork()
    if lines and lines[0].startswith(b"!"):
        os.write(terminal, lines.pop(0)[1:]) if pid else time.sleep(0.3)
    if pid == 0:
        os.execvp(sys.argv[2], sys.argv[2:])
    shown = b""
    while True:
        try:
            got = os.read(terminal, 4096)
        except OSError:  # EIO: the other side is closed
            break
        if not got:
            break
        shown += got
        if lines and ASKS.search(shown):
            os.write(terminal, lines.pop(0))
    sys.stdout.buffer.write(shown)
    sys.stdout.flush()
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


sys.exit(main())
