#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""MariaDB through pymysql and its own client, and from the server's side: the general log has each command."""
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
import e2e  # noqa: E402
import servers  # noqa: E402

UNCOPIED = {"decoder_lost_place", "bytes_undecoded"}
CONNECT = """
import pymysql
from pymysql.constants import CLIENT
def connect(**how):
    how = {"host": "127.0.0.1", "port": PORT, **how}
    return pymysql.connect(user="root", autocommit=True, client_flag=CLIENT.MULTI_STATEMENTS, **how)
before = connect(database="shop")
before.cursor().execute("DROP TABLE IF EXISTS pair")
before.cursor().execute("CREATE TABLE pair (id int primary key, note text)")
"""
SIMPLE = (
    CONNECT
    + """
ready()
c = connect(database="shop").cursor()
for n in range(20):
    assert c.execute("INSERT INTO pair VALUES (%s, %s)", (n, "secret-value")) == 1
assert before.cursor().execute("UPDATE pair SET note = 'changed' WHERE id < 10") == 10
assert c.execute("SELECT id, note FROM pair ORDER BY id") == 20
c.execute("SELECT 1; SELECT 2 FROM pair; DELETE FROM pair WHERE id = 19")
results = 1
while c.nextset():
    results += 1
assert results == 3
connect(host="::1").ping()
local = connect(unix_socket=PATH, database="shop")
local.cursor().execute("SELECT count(*) FROM pair")
local.select_db("mysql")
local.close()
"""
)
ERRORS = (
    CONNECT
    + """
ready()
c = before.cursor()
c.execute("INSERT INTO pair VALUES (1, 'a')")
for statement in ("SELECT * FROM nowhere", "INSERT INTO pair VALUES (1, 'a')", "SELEC 1", "SELECT 1; SELECT nothing"):
    try:
        c.execute(statement)
        while c.nextset():
            pass
    except pymysql.Error as error:
        print(error.args[0])
    else:
        raise SystemExit("no error")
try:
    connect(password="secret-value", user="nobody")
except (pymysql.Error, TypeError):
    pass
c.execute("SELECT 1")
"""
)
BINARY = """
import ctypes
lib = ctypes.CDLL("libmariadb.so.3")
pointer, text, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_ulong
lib.mysql_init.restype = lib.mysql_real_connect.restype = lib.mysql_stmt_init.restype = pointer
lib.mysql_real_connect.argtypes = [pointer, text, text, text, text, ctypes.c_uint, text, number]
lib.mysql_stmt_init.argtypes = lib.mysql_stmt_execute.argtypes = lib.mysql_stmt_close.argtypes = [pointer]
lib.mysql_stmt_store_result.argtypes = lib.mysql_stmt_num_rows.argtypes = [pointer]
lib.mysql_stmt_num_rows.restype = ctypes.c_ulonglong
lib.mysql_stmt_prepare.argtypes = [pointer, text, number]
db = lib.mysql_init(None)
assert lib.mysql_real_connect(db, b"127.0.0.1", b"root", None, b"mysql", PORT, None, 0)
def prepare(sql):
    statement = lib.mysql_stmt_init(db)
    assert lib.mysql_stmt_prepare(statement, sql, len(sql)) == 0
    return statement
def execute(statement, rows):
    assert lib.mysql_stmt_execute(statement) == 0 and lib.mysql_stmt_store_result(statement) == 0
    assert lib.mysql_stmt_num_rows(statement) == rows
old = prepare(b"SELECT seq FROM seq_1_to_7")
ready()
for n in range(5):
    execute(old, 7)
new = prepare(b"SELECT seq, 'secret-value' FROM seq_1_to_300")
for n in range(5):
    execute(new, 300)
lib.mysql_stmt_close(new)
"""
LARGE = (
    CONNECT
    + """
ready()
c = before.cursor()
for n in range(10):
    c.execute("SELECT repeat('x', 3000000)")
    assert len(c.fetchone()[0]) == 3000000
    c.execute("SELECT seq, 'some text' FROM seq_1_to_20000")
    assert len(c.fetchall()) == 20000
    c.execute("SELECT %s", ("y" * 200000,))
    c.execute("SELECT 1")
c.execute("SELECT %s", ("z" * 17000000,))  # more than one packet
c.execute("SELECT 1")
"""
)
PREPARED = """
PREPARE one FROM 'SELECT * FROM pair WHERE id = ?';
SET @a = 1;
EXECUTE one USING @a;
DEALLOCATE PREPARE one;
SELECT count(*) FROM pair;
"""


class MariaDB(e2e.Case):
    def setUp(self):
        super().setUp()
        self.need("mariadbd", "mariadb", "mariadb-install-db")
        self.servers = self.enterContext(servers.Servers())
        self.pid, self.port, self.path = self.servers.mariadb()
        self.client("CREATE DATABASE shop")

    def client(self, script, expect=0, options=()):
        """The mariadb client, run by spantap, reads the script; its output and the trace."""
        command = ["mariadb", "--no-defaults", "-h127.0.0.1", f"-P{self.port}", "-uroot", "--force", "-N"]
        return e2e.run(*command, stdin=script, expect=expect, options=options)

    def logged(self):
        """[command, argument] of each line of the general log, without logins and ends."""
        found = re.findall(
            r"^(?:\d{6} [ \d]\d:\d\d:\d\d)?\s+\d+ (Query|Init DB|Prepare|Execute|Close stmt|Ping|Field List|Statistics)"
            r"(?:\t| ?)([^\n]*)",
            self.servers.read("general.log"),
            re.MULTILINE,
        )
        return [list(pair) for pair in found]

    def traced(self, code, server=False, lossy=()):
        with e2e.Client(code, PORT=self.port, PATH=self.path) as client:
            old = len(self.logged())
            with e2e.Trace(self.pid if server else client.pid, lossy=lossy) as trace:
                client.go()
        trace.output = client.output
        trace.logged = self.logged()[old:]
        for span in trace.spans:
            self.assertEqual((span["protocol"], span["kind"]), ("mysql", "server" if server else "client"))
            self.assertNotIn("secret-value", str(span))
        return trace

    def queries(self, trace):
        return [span for span in trace.spans if span["attributes"].get("db.query.text")]

    def check(self, trace):
        """A span for each Query of the log, by the statement's first word; several sent at once are one of both."""
        texts = [span["attributes"]["db.query.text"] for span in self.queries(trace)]
        words = e2e.counts(re.match(r"\w+", text)[0].upper() for text in texts)
        logged = e2e.counts(re.match(r"\s*(\w+)", text)[1].upper() for kind, text in trace.logged if kind == "Query")
        self.assertEqual(words, logged)

    def check_simple(self, trace):
        self.check(trace)
        self.assertEqual({span["status"] for span in trace.spans}, {"unset"})
        rows = {
            s["attributes"]["db.query.text"]: s["attributes"].get("db.response.returned_rows")
            for s in self.queries(trace)
        }
        self.assertEqual(rows["SELECT id, note FROM pair ORDER BY id"], 20)
        new = [span for span in self.queries(trace) if span["name"].startswith("INSERT")]
        self.assertEqual(len(new), 20)
        self.assertEqual({span["attributes"].get("db.namespace") for span in new}, {"shop"})
        self.assertEqual({span["attributes"]["db.system.name"] for span in new}, {"mariadb"})

    def test_simple(self):
        trace = self.traced(SIMPLE)
        self.check_simple(trace)
        addresses = {span["attributes"].get("server.address") for span in trace.spans}
        self.assertEqual(addresses, {"127.0.0.1", "::1", self.path})

    def test_simple_server(self):
        self.check_simple(self.traced(SIMPLE, server=True))

    def check_errors(self, trace):
        codes = ["1146", "1062", "1064", "1054"]
        self.assertEqual(trace.output.split(), codes)
        seen = [s["attributes"].get("db.response.status_code") for s in self.queries(trace) if s["status"] == "error"]
        self.assertEqual(seen, codes)

    def test_errors(self):
        self.check_errors(self.traced(ERRORS))

    def test_errors_server(self):
        self.check_errors(self.traced(ERRORS, server=True))

    def check_binary(self, trace):
        """The text of what was prepared before spantap came is unknown, and is not guessed."""
        known = [s for s in self.queries(trace) if "PREPARE" not in s["name"]]
        self.assertEqual({s["attributes"]["db.query.text"] for s in known}, {"SELECT seq, ? FROM seq_1_to_300"})
        self.assertEqual(len(known), 5)
        rows = [s["attributes"].get("db.response.returned_rows") for s in trace.spans]
        self.assertEqual(rows.count(7), 5)
        self.assertEqual(set(rows) - {None, 7, 300}, set())  # not all are in the copied head
        self.assertEqual(len([s for s in trace.spans if "text_unknown" in s.get("incomplete", [])]), 5)
        self.assertEqual(len([kind for kind, _text in trace.logged if kind == "Execute"]), 10)

    def test_binary(self):
        self.check_binary(self.traced(BINARY))

    def test_binary_server(self):
        self.check_binary(self.traced(BINARY, server=True))

    def test_large(self):
        for server in (False, True):
            trace = self.traced(LARGE, server=server, lossy=UNCOPIED)
            self.assertEqual(len(self.queries(trace)), 42)
            rows = {span["attributes"].get("db.response.returned_rows") for span in trace.spans}
            self.assertEqual(rows - {None, 1, 20000}, set())
            self.check(trace)

    def test_mariadb_client(self):
        old = len(self.logged())
        script = "USE shop; CREATE TABLE pair (id int); INSERT INTO pair VALUES (1);" + PREPARED + "SELECT nothing;"
        _, trace = self.client(script)
        trace.logged = [pair for pair in self.logged()[old:]]
        words = e2e.counts(s["attributes"]["db.query.text"].split()[0] for s in self.queries(trace))
        for word in ("CREATE", "INSERT", "SET", "EXECUTE", "DEALLOCATE"):
            self.assertEqual(words.get(word), 1, words)
        codes = [s["attributes"].get("db.response.status_code") for s in trace.spans if s["status"] == "error"]
        self.assertEqual(codes, ["1054"])
        logged = [text for kind, text in trace.logged if kind == "Query"]
        self.assertEqual(len(self.queries(trace)), len(logged), logged)


if __name__ == "__main__":
    e2e.main()
