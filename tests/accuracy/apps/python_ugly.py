#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""
What real programs do besides answering requests, with nothing but CPython's own library: /Q10031 makes calls whose
text holds K10031:1 and so on; what is called after the answer, or for nobody, holds L10031 (score.py). /Q80001 is
never answered. PORT, REDIS_PORT, POOL and SHAPE are environment variables; SHAPE=two serves threads on THREAD_PORT, too.
"""
import asyncio
import concurrent.futures
import contextvars
import gc
import os
import queue
import random
import re
import socket
import socketserver
import sys
import threading
import time

PORT = int(os.environ["PORT"])
REDIS_PORT = int(os.environ["REDIS_PORT"])
SHAPE = os.environ.get("SHAPE", "reuse")
POOL = int(os.environ.get("POOL", "8"))
HUNG = 80000
LINGER_SECONDS = 0.003
CHILDREN = 500
free = kept = jobs = loop = None
own = threading.local()
thread_jobs = queue.Queue()
open_requests = set()
number_of = contextvars.ContextVar("number_of")


# ---- one call ------------------------------------------------------------------------------------


def command(key):
    return b"*2\r\n$3\r\nGET\r\n$%d\r\n%s\r\n" % (len(key), key.encode())


async def connect():
    return await asyncio.open_connection("127.0.0.1", REDIS_PORT)


async def call(key):
    """On whichever connection is free; one whose call was cancelled is thrown away."""
    reader, writer = await free.get()
    try:
        writer.write(command(key))
        await reader.readuntil(b"\r\n")
    except BaseException:
        writer.close()
        keep(replace())
        raise
    free.put_nowait((reader, writer))


async def replace():
    free.put_nowait(await connect())


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


async def answered(number):
    """The answer is written, and a moment has passed."""
    while number in open_requests:
        await asyncio.sleep(LINGER_SECONDS)
    await asyncio.sleep(LINGER_SECONDS)


def wait_answered(number):
    while number in open_requests:
        time.sleep(LINGER_SECONDS)
    time.sleep(LINGER_SECONDS)


async def pause():
    await asyncio.sleep(random.random() / 200)


# ---- shapes: called for each request; what they put off happens after its answer -----------------


async def reuse(number):
    """Tasks of one request take turns on few connections with those of others."""
    await asyncio.gather(*(keep(call(f"K{number}:{i}")) for i in (1, 2, 3)))


async def task_after(number):
    async def after():
        await answered(number)
        await asyncio.gather(call(f"L{number}:1"), call(f"L{number}:2"))

    await call(f"K{number}:1")
    keep(after())
    await call(f"K{number}:2")


async def timer_after(number):
    await call(f"K{number}:1")

    def ring():
        if number in open_requests:
            loop.call_later(LINGER_SECONDS, ring)
        else:
            keep(call(f"L{number}:1"))

    loop.call_later(LINGER_SECONDS, ring)
    await call(f"K{number}:2")


async def thread_after(number):
    def after():
        wait_answered(number)
        blocking(f"L{number}:1")

    await call(f"K{number}:1")
    threading.Thread(target=after).start()
    await call(f"K{number}:2")


async def pool_after(number):
    """An executor's thread that goes on when nobody waits any more."""

    def after():
        blocking(f"K{number}:2")
        loop.call_soon_threadsafe(called.set)
        wait_answered(number)
        blocking(f"L{number}:1")

    called = asyncio.Event()
    loop.run_in_executor(None, after)
    await called.wait()
    await call(f"K{number}:1")


async def retry(number):
    for i in range(1, 4):
        try:
            await asyncio.wait_for(call(f"K{number}:{i}"), 10 if i == 3 else 0.0002)
        except asyncio.TimeoutError:
            await pause()


async def cancel(number):
    """What was cancelled would have gone on; what is shielded does, after the answer."""

    async def lost():
        await call(f"K{number}:1")
        await answered(number)
        await call(f"L{number}:1")

    async def shielded():
        await answered(number)
        await call(f"L{number}:2")

    for work in (lost(), asyncio.shield(keep(shielded()))):
        try:
            await asyncio.wait_for(work, 0.005)
        except asyncio.TimeoutError:
            pass
    await call(f"K{number}:2")


async def workers(number):
    """Tasks that live as long as the program."""
    for i in (1, 2, 3):
        done = asyncio.get_running_loop().create_future()
        jobs.put_nowait((f"K{number}:{i}", done))
        await done


async def thread_workers(number):
    """queue.Queue and threads."""
    for i in (1, 2, 3):
        done = asyncio.get_running_loop().create_future()
        thread_jobs.put((f"K{number}:{i}", done))
        await done


async def children(number):
    await asyncio.gather(*(call(f"K{number}:{i}") for i in range(CHILDREN)))


async def collect(number):
    number_of.set([number])
    cycle = [contextvars.copy_context() for _ in range(20)]
    cycle.append(cycle)
    await call(f"K{number}:1")
    gc.collect()
    await asyncio.gather(call(f"K{number}:2"), call(f"K{number}:3"))


async def two(number):
    await reuse(number)


# ---- beside the requests -------------------------------------------------------------------------


async def work():
    while True:
        key, done = await jobs.get()
        await call(key)
        done.set_result(None)


def work_for_threads():
    while True:
        key, done = thread_jobs.get()
        blocking(key)
        loop.call_soon_threadsafe(done.set_result, None)


class Handler(socketserver.StreamRequestHandler):
    """A thread for each connection; its calls run on the event loop of the other half."""

    def handle(self):
        while line := self.rfile.readline():
            number = re.search(rb"/Q(\d+)", line)[1].decode()
            while self.rfile.readline() not in (b"\r\n", b""):
                pass
            blocking(f"K{number}:1")
            for i in (2, 3):
                asyncio.run_coroutine_threadsafe(call(f"K{number}:{i}"), loop).result()
            self.wfile.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(number) + 1}\r\n\r\nR{number}".encode())


def serve_threads():
    socketserver.ThreadingTCPServer.allow_reuse_address = True
    socketserver.ThreadingTCPServer.request_queue_size = 128
    server = socketserver.ThreadingTCPServer(("127.0.0.1", int(os.environ["THREAD_PORT"])), Handler)
    server.daemon_threads = True
    server.serve_forever()


async def answer(reader, writer):
    number = re.search(rb"/Q(\d+)", await reader.readuntil(b"\r\n\r\n"))[1].decode()
    if int(number) // 1000 == HUNG // 1000:
        await call(f"K{number}:1")
        await asyncio.Event().wait()
    open_requests.add(number)
    try:
        await globals()[SHAPE](number)
    except BaseException:
        open_requests.discard(number)
        raise
    writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(number) + 1}\r\n\r\nR{number}".encode())
    open_requests.discard(number)
    await writer.drain()


async def handle(reader, writer):
    kept.add(asyncio.current_task())  # the loop of 3.8 would let it go
    try:
        while True:
            await answer(reader, writer)
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()
    kept.discard(asyncio.current_task())


async def main():
    global free, kept, jobs, loop
    free, kept, jobs, loop = asyncio.Queue(), set(), asyncio.Queue(), asyncio.get_running_loop()
    loop.set_default_executor(concurrent.futures.ThreadPoolExecutor(max_workers=64))
    for _ in range(POOL):
        await replace()
    for _ in range(4):
        keep(work())
    for target in [work_for_threads] * 4 + ([serve_threads] if SHAPE == "two" else []):
        threading.Thread(target=target, daemon=True).start()
    server = await asyncio.start_server(handle, "127.0.0.1", PORT, backlog=128)
    print(sys.version, flush=True)
    await server.serve_forever()


asyncio.run(main())
