# SPDX-License-Identifier: GPL-2.0-only
"""Processor time of a running process and its descendants, read from /proc."""
import os


def children(pid):
    found = []
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/children") as file:
            found += [int(child) for child in file.read().split()]
    return found


def tree(pid):
    pids, pending = [], [pid]
    while pending:
        current = pending.pop()
        pids.append(current)
        pending += children(current)
    return pids


def cpu_ns(pid):
    """Nanoseconds on a processor of all threads that run now: exact, but blind to threads that ended."""
    total = 0
    for process in tree(pid):
        for task in os.listdir(f"/proc/{process}/task"):
            with open(f"/proc/{process}/task/{task}/schedstat") as file:
                total += int(file.read().split()[0])
    return total
