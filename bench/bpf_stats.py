# SPDX-License-Identifier: GPL-2.0-only
"""How often a process's BPF programs ran, and for how long: the kernel counts while somebody holds a descriptor
(BPF_ENABLE_STATS, kernel 5.8), without kernel.bpf_stats_enabled being touched."""
import collections
import contextlib
import ctypes
import os
import platform
import struct

SYSCALLS = {"x86_64": 321, "aarch64": 280}
GET_FD_BY_ID, GET_INFO, ENABLE_STATS = 13, 15, 32
INFO_BYTES = 256
NAME_AT, NAME_BYTES = 64, 16  # bpf_prog_info.name
libc = ctypes.CDLL(None, use_errno=True)


def bpf(command, attributes):
    """The result of bpf(2), or OSError."""
    number = SYSCALLS.get(platform.machine())
    buffer = ctypes.create_string_buffer(attributes.ljust(128, b"\0"), 128)
    result = libc.syscall(number, command, buffer, 128) if number else -1
    if result < 0:
        raise OSError(ctypes.get_errno(), "bpf")
    return result


@contextlib.contextmanager
def enabled():
    """True where the kernel counts."""
    try:
        descriptor = bpf(ENABLE_STATS, struct.pack("I", 0))
    except OSError:
        yield False
        return
    try:
        yield True
    finally:
        os.close(descriptor)


def name_of(number):
    descriptor = bpf(GET_FD_BY_ID, struct.pack("I", number))
    info = ctypes.create_string_buffer(INFO_BYTES)
    try:
        bpf(GET_INFO, struct.pack("IIQ", descriptor, INFO_BYTES, ctypes.addressof(info)))
    finally:
        os.close(descriptor)
    return info.raw[NAME_AT : NAME_AT + NAME_BYTES].split(b"\0")[0].decode()


def of_process(pid):
    """{name: (runs, nanoseconds)} of the programs that it has loaded, those of one name added up."""
    programs = {}
    for descriptor in os.listdir(f"/proc/{pid}/fdinfo"):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/fdinfo/{descriptor}", encoding="ascii") as file:
            fields = dict(line.split(":", 1) for line in file.read().splitlines() if ":" in line)
            if "prog_id" in fields and "run_cnt" in fields:
                programs[int(fields["prog_id"])] = (int(fields["run_cnt"]), int(fields["run_time_ns"]))
    found = collections.defaultdict(lambda: (0, 0))
    for number, (runs, nanoseconds) in programs.items():
        name = name_of(number)
        found[name] = (found[name][0] + runs, found[name][1] + nanoseconds)
    return dict(found)
