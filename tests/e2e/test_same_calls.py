#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""
What real drivers send, recorded live: call_hash is the same for the same call with the same values, however the driver
sends it, and connection is the socket.
"""
import csv
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
import e2e  # noqa: E402
import servers  # noqa: E402

REDIS = """
import redis, time
for client in (redis.Redis(port=PORT), redis.Redis(port=PORT), redis.Redis(port=PORT, db=1)):
    for key in ("a", "a", "b"):
        client.get(key)
    # Until it is known that this is Redis, less is copied; the kernel side asks at each 64th transfer.
    time.sleep(0.5)
    for _ in range(40):
        client.ping()
    pipe = client.pipeline(transaction=False)
    pipe.set("a", "x").set("a", "y").set("a", "x" * 9000).set("a", "x" * 9000).set("a", "x" * 30000)
    pipe.execute()
    client.close()
"""
PSYCOPG2 = """
import psycopg2
db = psycopg2.connect(host=HOST, port=PORT, user="shop", dbname="postgres")
db.autocommit = True
c = db.cursor()
for n in (1, 1, 2):
    c.execute("SELECT %s + 1", (n,))
"""
PSYCOPG3 = """
import psycopg
db = psycopg.connect(host=HOST, port=PORT, user="shop", dbname="postgres", autocommit=True)
# The sixth execution is the first of a prepared statement.
for n in [1] * 9 + [2, 2]:
    db.execute("SELECT %s + 1", (n,))
for text in ("x" * 2000, "x" * 2000, "x" * 1999 + "y"):
    db.execute("SELECT length(%s)", (text,))
with db.pipeline():
    for n in (3, 1, 3):
        db.execute("SELECT %s + 1", (n,))
"""
MARIADB = """
import ctypes
lib = ctypes.CDLL("libmariadb.so.3")
pointer, text, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_ulong
class Bind(ctypes.Structure):
    _fields_ = [(name, pointer) for name in ("length", "null", "buffer", "error", "row", "store", "fetch", "skip")] + [
        ("buffer_length", number), ("offset", number), ("length_value", number), ("flags", ctypes.c_uint),
        ("pack_length", ctypes.c_uint), ("buffer_type", ctypes.c_int), ("bytes", ctypes.c_char * 4),
        ("extension", pointer)]
lib.mysql_init.restype = lib.mysql_real_connect.restype = lib.mysql_stmt_init.restype = pointer
lib.mysql_real_connect.argtypes = [pointer, text, text, text, text, ctypes.c_uint, text, number]
for name in ("mysql_stmt_init", "mysql_stmt_execute", "mysql_stmt_store_result", "mysql_stmt_free_result"):
    getattr(lib, name).argtypes = [pointer]
lib.mysql_stmt_prepare.argtypes = [pointer, text, number]
lib.mysql_stmt_bind_param.argtypes = [pointer, pointer]
db = lib.mysql_init(None)
assert lib.mysql_real_connect(db, b"127.0.0.1", b"root", None, b"mysql", PORT, None, 0)
value = ctypes.c_int(0)
for values in ((1, 1, 2, 1), (1, 2)):
    statement = lib.mysql_stmt_init(db)
    sql = b"SELECT ? + 1"
    assert lib.mysql_stmt_prepare(statement, sql, len(sql)) == 0
    bind = Bind(buffer=ctypes.addressof(value), buffer_type=3)
    assert lib.mysql_stmt_bind_param(statement, ctypes.addressof(bind)) == 0
    for value.value in values:
        assert lib.mysql_stmt_execute(statement) == 0 and lib.mysql_stmt_store_result(statement) == 0
        lib.mysql_stmt_free_result(statement)
"""
HTTP = """
import http.client
for _ in range(2):
    client = http.client.HTTPConnection("127.0.0.1", PORT)
    for method, path, body in (("GET", "/a?b=1", None), ("GET", "/a?b=1", None), ("GET", "/a?b=2", None),
                               ("POST", "/a", b"x"), ("POST", "/a", b"x")):
        client.request(method, path, body)
        client.getresponse().read()
    client.close()
"""


class SameCalls(e2e.Case):
    def setUp(self):
        super().setUp()
        self.servers = self.enterContext(servers.Servers())
        self.directory = self.enterContext(tempfile.TemporaryDirectory(prefix="spantap-e2e."))

    def record(self, code, **values):
        """The rows of the client's spans, in order."""
        path = os.path.join(self.directory, "a.spantap")
        given = "".join(f"{name} = {value!r}\n" for name, value in values.items())
        capture = ["--capture", e2e.CAPTURE] if e2e.CAPTURE != "auto" else []
        command = [e2e.SPANTAP, "record", "-f", "-o", path, *capture, "--", e2e.PYTHON, "-c", given + code]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=e2e.environment())
        self.assertEqual(done.returncode, 0, done.stderr)
        done = subprocess.run([e2e.SPANTAP, "convert", path, "--to", "csv"], capture_output=True, text=True, check=True)
        rows = [row for row in csv.DictReader(done.stdout.splitlines()) if row["kind"] == "client"]
        return sorted(rows, key=lambda row: int(row["start_ns"]))

    def assert_same(self, rows, letters):
        """The same letter: the same call; '-': not known."""
        hashes = [row["call_hash"] for row in rows]
        names = {}
        seen = "".join("-" if not h else names.setdefault(h, chr(ord("a") + len(names))) for h in hashes)
        self.assertEqual(seen, letters, [row["name"] for row in rows])

    def assert_connections(self, rows, sizes):
        """So many calls on the first connection, so many on the second..."""
        self.assertTrue(all(row["connection"] for row in rows))
        self.assertEqual(list(e2e.counts(row["connection"] for row in rows).values()), sizes)

    def test_redis(self):
        self.need("redis-server")
        _pid, port, _path = self.servers.redis()
        rows = [row for row in self.record(REDIS, PORT=port) if row["name"] in ("GET", "SET", "SELECT")]
        self.assert_connections(rows, [8, 8, 9])
        # Database 1 is another one.
        self.assert_same([row for row in rows if row["name"] == "GET"], "aab" "aab" "ccd")
        # A pipeline begins at once, so its order is not known; the longest is longer than any copy.
        for connection in (rows[:8], rows[8:16], rows[16:]):
            hashes = e2e.counts(row["call_hash"] for row in connection if row["name"] == "SET")
            self.assertEqual(hashes.pop(""), 1)
            self.assertEqual(sorted(hashes.values()), [1, 1, 2])

    def test_postgres(self):
        self.need("psql")
        _pid, port, directory = self.servers.postgres()
        rows = [row for row in self.record(PSYCOPG2, HOST="127.0.0.1", PORT=port) if row["name"] == "SELECT"]
        self.assert_same(rows, "aab")
        try:
            subprocess.run([e2e.PYTHON, "-c", "import psycopg"], check=True, capture_output=True)
        except subprocess.CalledProcessError:
            self.skipTest("no psycopg: tools/install.sh test")
        for host in ("127.0.0.1",) if e2e.CAPTURE == "packet" else ("127.0.0.1", directory):
            rows = [row for row in self.record(PSYCOPG3, HOST=host, PORT=port) if row["name"] == "SELECT"]
            # Parameters may be longer than the copy.
            long = [row["call_hash"] for row in rows if "length" in row["attributes"]]
            self.assertTrue(not long[2] or long[2] not in long[:2])
            self.assertTrue(not (long[0] and long[1]) or long[0] == long[1])
            rows = [row for row in rows if "length" not in row["attributes"]]
            self.assert_same(rows, "a" * 9 + "bb" + "cac")
            self.assert_connections(rows, [14])

    def test_mariadb(self):
        self.need("mariadbd")
        _pid, port, _path = self.servers.mariadb()
        rows = [row for row in self.record(MARIADB, PORT=port) if row["name"] == "SELECT"]
        self.assert_same(rows, "aabaab")
        self.assert_connections(rows, [6])

    def test_http(self):
        self.need("nginx")
        port = self.servers.nginx("location / { return 200 ok; }")[1]
        rows = self.record(HTTP, PORT=port)
        self.assert_same(rows, "aab--aab--")
        self.assert_connections(rows, [5, 5])


e2e.main()
