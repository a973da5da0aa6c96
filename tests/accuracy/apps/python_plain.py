#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""
A web application of nothing but CPython's own library, 3.8 and later, for versions that have no packages:
/Q10031 makes three calls whose text holds K10031:1 to :3 (score.py). PORT, REDIS_PORT, POOL and SHAPE are
environment variables.
"""
import asyncio
import concurrent.futures
import contextvars
import functools
import os
import random
import re
import socket
import sys
import threading

PORT = int(os.environ["PORT"])
REDIS_PORT = int(os.environ["REDIS_PORT"])
SHAPE = os.environ.get("SHAPE", "sequence")
POOL = int(os.environ.get("POOL", "64"))
WORKERS = concurrent.futures.ThreadPoolExecutor(max_workers=8)
own = threading.local()
free = kept = None


def command(key):
    return b"*2\r\n$3\r\nGET\r\n$%d\r\n%s\r\n" % (len(key), key.encode())


async def call(key):
    reader, writer = await free.get()
    try:
        writer.write(command(key))
        await reader.readuntil(b"\r\n")
    finally:
        free.put_nowait((reader, writer))


def blocking(key):
    if not hasattr(own, "connection"):
        own.connection = socket.create_connection(("127.0.0.1", REDIS_PORT))
    own.connection.sendall(command(key))
    own.connection.recv(64)


def keep(coroutine):
    task = asyncio.get_running_loop().create_task(coroutine)
    kept.add(task)
    task.add_done_callback(kept.discard)
    return task


async def sequence(number):
    await call(f"K{number}:1")
    await asyncio.sleep(random.random() / 200)
    await call(f"K{number}:2")
    await call(f"K{number}:3")


async def gather(number):
    await call(f"K{number}:1")
    await asyncio.sleep(random.random() / 200)
    await asyncio.gather(call(f"K{number}:2"), call(f"K{number}:3"))


async def nested(number):
    async def inner():
        await asyncio.sleep(random.random() / 200)
        await keep(call(f"K{number}:2"))

    await keep(call(f"K{number}:1"))
    await asyncio.gather(inner(), asyncio.wait_for(call(f"K{number}:3"), 60))


async def to_thread(number):
    """asyncio.to_thread(), which 3.8 does not have yet."""
    await call(f"K{number}:1")
    for i in (2, 3):
        work = functools.partial(contextvars.copy_context().run, blocking, f"K{number}:{i}")
        await asyncio.get_running_loop().run_in_executor(None, work)


async def executor(number):
    await call(f"K{number}:1")
    for i in (2, 3):
        await asyncio.get_running_loop().run_in_executor(WORKERS, blocking, f"K{number}:{i}")


async def outlive(number):
    async def after():
        await call(f"K{number}:2")
        await asyncio.sleep(0.03)
        for i in range(3):
            await call(f"L{number}:{i}")

    await call(f"K{number}:1")
    keep(after())
    await asyncio.sleep(0.01)
    await call(f"K{number}:3")


async def serve(number):
    await globals()[SHAPE](number)


async def handle(reader, writer):
    """The connection's task serves its requests."""
    kept.add(asyncio.current_task())  # the loop of 3.8 would let it go
    try:
        while True:
            number = re.search(rb"/Q(\d+)", await reader.readuntil(b"\r\n\r\n"))[1].decode()
            await serve(number)
            writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(number) + 1}\r\n\r\nR{number}".encode())
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()
        kept.discard(asyncio.current_task())


async def main():
    global free, kept
    free, kept = asyncio.Queue(), set()
    for _ in range(POOL):
        free.put_nowait(await asyncio.open_connection("127.0.0.1", REDIS_PORT))
    server = await asyncio.start_server(handle, "127.0.0.1", PORT)
    print(sys.version, flush=True)
    await server.serve_forever()


asyncio.run(main())
