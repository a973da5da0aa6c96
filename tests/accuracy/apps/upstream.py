# SPDX-License-Identifier: GPL-2.0-only
"""What applications call over HTTP: answers after up to 5 ms, with R and the number that the path holds, if any."""
import asyncio
import os
import random
import re


async def handle(reader, writer):
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            number = re.search(rb"(\d+)", head.split(b" ", 2)[1])
            await asyncio.sleep(random.random() / 200)
            body = b"R" + (number[1] if number else b"")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def main():
    async with await asyncio.start_server(handle, "127.0.0.1", int(os.environ["PORT"]), backlog=256) as server:
        await server.serve_forever()


asyncio.run(main())
