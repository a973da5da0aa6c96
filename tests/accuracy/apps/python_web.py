#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""
A web application in several frameworks, with several clients and shapes of work, for tests that judge parents:
/Q10031 makes three calls whose text holds K10031:1 to :3 (score.py). FRAMEWORK, CLIENT, SHAPE, LOOP and POOL are
environment variables, as are PORT, REDIS_PORT, POSTGRES_URL, UPSTREAM_PORT.
"""
import asyncio
import concurrent.futures
import os
import random
import re

PORT = int(os.environ["PORT"])
REDIS_PORT = int(os.environ.get("REDIS_PORT", "0"))
FRAMEWORK = os.environ.get("FRAMEWORK", "streams")
CLIENT = os.environ.get("CLIENT", "redis")
SHAPE = os.environ.get("SHAPE", "sequence")
LOOP = os.environ.get("LOOP", "asyncio")
POOL = int(os.environ.get("POOL", "64"))
kept = set()  # tasks: the loop itself holds them weakly
clients = {}


# ---- clients: call(text) makes one call whose text holds `text` ---------------------------------


async def open_redis():
    import redis.asyncio

    pool = redis.asyncio.BlockingConnectionPool(host="127.0.0.1", port=REDIS_PORT, max_connections=POOL, timeout=60)
    clients["call"] = redis.asyncio.Redis(connection_pool=pool).get


async def open_asyncpg():
    import asyncpg

    pool = await asyncpg.create_pool(os.environ["POSTGRES_URL"], min_size=1, max_size=POOL)

    async def call(text):
        await pool.fetch(f'SELECT $1::int AS "{text}"', 1)

    clients["call"] = call


async def open_psycopg():
    import psycopg

    free = asyncio.Queue()
    for _ in range(POOL):
        free.put_nowait(await psycopg.AsyncConnection.connect(os.environ["POSTGRES_URL"], autocommit=True))

    async def call(text):
        connection = await free.get()
        await (await connection.execute(f'SELECT 1 AS "{text}"')).fetchall()
        free.put_nowait(connection)

    clients["call"] = call


async def open_http():
    import aiohttp

    session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=POOL))
    clients["session"] = session

    async def call(text):
        async with session.get(f"http://127.0.0.1:{os.environ['UPSTREAM_PORT']}/{text}") as answer:
            await answer.read()

    clients["call"] = call


def open_blocking():
    import redis

    clients["blocking"] = redis.Redis(port=REDIS_PORT, max_connections=1000).get
    clients["workers"] = concurrent.futures.ThreadPoolExecutor(max_workers=min(POOL, 32))


async def open_clients():
    if "call" not in clients:
        open_blocking()
        await globals()["open_" + CLIENT]()
        if SHAPE == "ticker":
            keep(asyncio.create_task(tick()))


async def call(text):
    await clients["call"](text)


def keep(task):
    kept.add(task)
    task.add_done_callback(kept.discard)


async def pause():
    await asyncio.sleep(random.random() / 200)


async def tick():
    """A timer of the program's own, while requests come and go."""
    while True:
        await asyncio.sleep(0.002)
        await call("L0:1")


# ---- shapes -------------------------------------------------------------------------------------


async def sequence(number):
    await call(f"K{number}:1")
    await pause()
    await call(f"K{number}:2")
    await call(f"K{number}:3")


async def gather(number):
    await call(f"K{number}:1")
    await pause()
    await asyncio.gather(call(f"K{number}:2"), call(f"K{number}:3"))


async def nested(number):
    """Tasks of tasks."""

    async def inner():
        await pause()
        await asyncio.create_task(call(f"K{number}:2"))

    await asyncio.create_task(call(f"K{number}:1"))
    await asyncio.gather(inner(), asyncio.wait_for(call(f"K{number}:3"), 60))


async def to_thread(number):
    await call(f"K{number}:1")
    await asyncio.to_thread(clients["blocking"], f"K{number}:2")
    await asyncio.to_thread(clients["blocking"], f"K{number}:3")


async def executor(number):
    loop = asyncio.get_running_loop()
    await call(f"K{number}:1")
    await loop.run_in_executor(None, clients["blocking"], f"K{number}:2")
    await loop.run_in_executor(clients["workers"], clients["blocking"], f"K{number}:3")


async def timer(number):
    loop, done = asyncio.get_running_loop(), asyncio.Event()

    async def late():
        await call(f"K{number}:2")
        done.set()

    await call(f"K{number}:1")
    loop.call_later(0.003, lambda: keep(loop.create_task(late())))
    await done.wait()
    await call(f"K{number}:3")


async def outlive(number):
    """A task that is started for the request and still works when it has been answered."""

    begun = asyncio.Event()

    async def after():
        await call(f"K{number}:2")
        begun.set()
        await asyncio.sleep(0.03)
        for i in range(3):
            await call(f"L{number}:{i}")

    await call(f"K{number}:1")
    keep(asyncio.create_task(after()))
    await call(f"K{number}:3")
    await begun.wait()


async def cancel(number):
    async def lost():
        await call(f"K{number}:2")
        await asyncio.sleep(60)
        await call(f"L{number}:2")

    await call(f"K{number}:1")
    try:
        await asyncio.wait_for(lost(), 0.01)
    except asyncio.TimeoutError:
        pass
    await call(f"K{number}:3")


async def many(number):
    await asyncio.gather(*(call(f"K{number}:{i}") for i in range(500)))


async def work(number):
    await open_clients()
    await globals()["sequence" if SHAPE in ("background", "ticker", "middleware") else SHAPE](number)


# ---- frameworks ---------------------------------------------------------------------------------


async def streams():
    async def handle(reader, writer):
        try:
            while True:
                number = re.search(rb"/Q(\d+)", await reader.readuntil(b"\r\n\r\n"))[1].decode()
                await work(number)
                writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(number) + 1}\r\n\r\nR{number}".encode())
                await writer.drain()
                if SHAPE == "background":
                    await call(f"L{number}:1")
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    await open_clients()
    server = await asyncio.start_server(handle, "127.0.0.1", PORT)
    await server.serve_forever()


async def protocol():
    """A task for each request, started by the callback that has read it."""

    class Protocol(asyncio.Protocol):
        def connection_made(self, transport):
            self.transport = transport

        def data_received(self, data):
            keep(asyncio.get_running_loop().create_task(self.serve(re.search(rb"/Q(\d+)", data)[1].decode())))

        async def serve(self, number):
            await work(number)
            self.transport.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(number) + 1}\r\n\r\nR{number}".encode())
            if SHAPE == "background":
                await call(f"L{number}:1")

    await open_clients()
    server = await asyncio.get_running_loop().create_server(Protocol, "127.0.0.1", PORT)
    await server.serve_forever()


async def aiohttp():
    from aiohttp import web

    async def handle(request):
        await work(request.match_info["number"])
        return web.Response(text="R" + request.match_info["number"])

    application = web.Application()
    application.router.add_get("/Q{number}", handle)
    runner = web.AppRunner(application)
    await runner.setup()
    await open_clients()
    await web.TCPSite(runner, "127.0.0.1", PORT).start()
    await asyncio.Event().wait()


async def tornado():
    import tornado.web

    class Handler(tornado.web.RequestHandler):
        async def get(self, number):
            await work(number)
            await self.finish("R" + number)
            if SHAPE == "background":
                await call(f"L{number}:1")

    await open_clients()
    tornado.web.Application([(r"/Q(\d+)", Handler)]).listen(PORT, "127.0.0.1")
    await asyncio.Event().wait()


def starlette_application():
    from starlette.applications import Starlette
    from starlette.background import BackgroundTask
    from starlette.middleware import Middleware
    from starlette.middleware.base import BaseHTTPMiddleware
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route

    class Wrapped(BaseHTTPMiddleware):
        async def dispatch(self, request, call_next):
            return await call_next(request)

    async def after(number):
        await call(f"L{number}:1")
        await pause()
        await call(f"L{number}:2")

    async def handle(request):
        number = request.path_params["number"]
        await work(number)
        background = BackgroundTask(after, number) if SHAPE == "background" else None
        return PlainTextResponse("R" + number, background=background)

    middleware = [Middleware(Wrapped), Middleware(Wrapped)] if SHAPE == "middleware" else []
    return Starlette(routes=[Route("/Q{number}", handle)], middleware=middleware)


def fastapi_application():
    from fastapi import Depends, FastAPI
    from fastapi.responses import PlainTextResponse

    application = FastAPI()

    def blocking(number: str):
        """FastAPI runs what is not a coroutine in a thread."""
        if "blocking" not in clients:
            open_blocking()
        clients["blocking"](f"K{number}:1")
        return number

    @application.get("/Q{number}")
    async def handle(number: str, _=Depends(blocking)):
        await open_clients()
        await call(f"K{number}:2")
        await asyncio.gather(call(f"K{number}:3"))
        return PlainTextResponse("R" + number)

    @application.get("/thread/Q{number}")
    def thread(number: str):
        return PlainTextResponse("R" + number)

    return application


def gevent_main():
    """Greenlets and blocking clients."""
    import gevent
    import gevent.pywsgi
    import redis

    pool = redis.BlockingConnectionPool(host="127.0.0.1", port=REDIS_PORT, max_connections=POOL, timeout=60)
    get = redis.Redis(connection_pool=pool).get

    def deep(depth, text):
        return deep(depth - 1, text) if depth else get(text)

    def handle(environment, start_response):
        number = environment["PATH_INFO"][2:]
        get(f"K{number}:1")
        gevent.sleep(random.random() / 200)
        if SHAPE == "gather":
            gevent.joinall([gevent.spawn(get, f"K{number}:{i}") for i in (2, 3)])
        else:
            get(f"K{number}:2")
            deep(200 if SHAPE == "deep" else 0, f"K{number}:3")
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [f"R{number}".encode()]

    gevent.pywsgi.WSGIServer(("127.0.0.1", PORT), handle, log=None).serve_forever()


def uvicorn(application):
    import uvicorn as server

    http = os.environ.get("HTTP", "auto")
    server.run(application, host="127.0.0.1", port=PORT, loop=LOOP, http=http, log_level="warning")


def hypercorn(application):
    import hypercorn.asyncio
    import hypercorn.config

    settings = hypercorn.config.Config()
    settings.bind = [f"127.0.0.1:{PORT}"]
    run(hypercorn.asyncio.serve(application, settings))


def run(coroutine):
    if LOOP == "uvloop":
        import uvloop

        uvloop.install()
    asyncio.run(coroutine)


def main():
    if FRAMEWORK == "gevent":  # before anything imports socket
        import gevent.monkey

        gevent.monkey.patch_all()
    if FRAMEWORK in ("starlette", "fastapi"):
        uvicorn(globals()[FRAMEWORK + "_application"]())
    elif FRAMEWORK == "gevent":
        gevent_main()
    elif FRAMEWORK == "hypercorn":
        hypercorn(starlette_application())
    else:
        run(globals()[FRAMEWORK]())


main()
