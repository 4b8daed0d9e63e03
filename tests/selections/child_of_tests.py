"""Runs the Python code on standard input, in a child process with limits."""

import sys

if __name__ == "__main__":
    exec(sys.stdin.read())  # noqa: S102  # The code of a test.
