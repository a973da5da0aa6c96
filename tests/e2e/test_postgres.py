#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""PostgreSQL through psycopg2, psycopg and psql, and from the server's side: its log has what each client sent."""
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
import e2e  # noqa: E402
import servers  # noqa: E402

SIMPLE = """
import psycopg2
def connect(host=HOST):
    c = psycopg2.connect(host=host, port=PORT, user="shop", dbname="postgres", application_name=NAME)
    c.autocommit = True
    return c
before = connect()
before.cursor().execute("CREATE TABLE IF NOT EXISTS pair (id int primary key, note text)")
before.cursor().execute("TRUNCATE pair")
ready()
c = connect().cursor()
for n in range(20):
    c.execute("INSERT INTO pair VALUES (%s, %s)", (n, "secret-value"))
    assert c.rowcount == 1
before.cursor().execute("UPDATE pair SET note = 'changed' WHERE id < 10")
c.execute("SELECT id, note FROM pair ORDER BY id")
assert len(c.fetchall()) == 20
c.execute("SELECT %s", ("y" * 200000,))
c.execute("SELECT 1; SELECT 2")
connect("::1").cursor().execute("DELETE FROM pair WHERE id = 3")
connect(DIRECTORY).cursor().execute("SELECT count(*) FROM pair")
"""
UNCOPIED = {"decoder_lost_place", "bytes_undecoded"}
LARGE = """
import psycopg2
c = psycopg2.connect(host=HOST, port=PORT, user="shop", dbname="postgres", application_name=NAME)
c.autocommit = True
c = c.cursor()
ready()
for n in range(20):
    c.execute("SELECT repeat('x', 300000) FROM generate_series(1, 5)")
    assert len(c.fetchall()) == 5
    c.execute("SELECT n, 'some text' FROM generate_series(1, 20000) AS n")
    assert len(c.fetchall()) == 20000
    c.execute("SELECT 1")
"""
ERRORS = """
import psycopg2
c = psycopg2.connect(host=HOST, port=PORT, user="shop", dbname="postgres", application_name=NAME)
c.autocommit = True
c = c.cursor()
c.execute("CREATE TABLE IF NOT EXISTS once (id int primary key)")
c.execute("TRUNCATE once")
c.execute("INSERT INTO once VALUES (1)")
ready()
for statement in ("SELECT * FROM nowhere", "INSERT INTO once VALUES (1)", "SELECT 1 / 0", "SELEC 1"):
    try:
        c.execute(statement)
    except psycopg2.Error as error:
        print(error.pgcode)
    else:
        raise SystemExit("no error")
c.execute("SELECT 1")
"""
TRANSACTIONS = """
import io, psycopg2
c = psycopg2.connect(host=HOST, port=PORT, user="shop", dbname="postgres", application_name=NAME)
cursor = c.cursor()
cursor.execute("CREATE TABLE IF NOT EXISTS lines (id int, line text)")
cursor.execute("TRUNCATE lines")
c.commit()
ready()
cursor.execute("INSERT INTO lines VALUES (1, 'a')")
c.rollback()
cursor.copy_expert("COPY lines FROM STDIN", io.StringIO("".join(f"{n}\\tsecret-value\\n" for n in range(30000))))
c.commit()
out = io.StringIO()
cursor.copy_expert("COPY lines TO STDOUT", out)
assert out.getvalue().count("\\n") == 30000
c.commit()
try:
    cursor.copy_expert("COPY lines FROM STDIN", io.StringIO("not a number\\tx\\n"))
except psycopg2.Error as error:
    print(error.pgcode)
c.rollback()
cursor = c.cursor("named")
cursor.itersize = 100
cursor.execute("SELECT id FROM lines LIMIT 350")
assert len(list(cursor)) == 350
cursor.close()
c.commit()
"""
EXTENDED = """
import logging, psycopg
logging.disable()  # psycopg tells of the error that is wanted
c = psycopg.connect(f"host={HOST} port={PORT} user=shop dbname=postgres application_name={NAME}", autocommit=True)
c.execute("CREATE TABLE IF NOT EXISTS pair (id int primary key, note text)")
c.execute("TRUNCATE pair")
c.execute("SELECT note FROM pair WHERE id = %s", (0,), prepare=True)
ready()
for n in range(12):  # from the sixth on, psycopg prepares the statement
    c.execute("INSERT INTO pair VALUES (%s, %s)", (n, "secret-value"))
c.execute("SELECT note FROM pair WHERE id = %s", (1,), prepare=True)
with c.pipeline():
    for n in range(30):
        c.execute("UPDATE pair SET note = %s WHERE id = %s", ("secret-value", n), prepare=False)
try:
    with c.pipeline():
        c.execute("SELECT 1 + %s", (1,))
        c.execute("SELECT 1 / %s", (0,))
        c.execute("SELECT 2 + %s", (1,))
except psycopg.Error as error:
    print(error.sqlstate)
"""
PSQL = """
CREATE TABLE IF NOT EXISTS psql (id int);
INSERT INTO psql VALUES (1), (2);
PREPARE one AS SELECT * FROM psql WHERE id = $1;
EXECUTE one(1);
EXECUTE one(2);
DEALLOCATE one;
BEGIN;
SELECT count(*) FROM psql;
COMMIT;
SELECT * FROM nowhere;
"""
BIND = "SELECT $1::int + 1 \\bind 41 \\g\n"


class Postgres(e2e.Case):
    def setUp(self):
        super().setUp()
        self.need("psql")
        own = type(self)
        if not hasattr(own, "servers"):  # one for all tests: making a cluster takes seconds
            own.servers = self.enterClassContext(servers.Servers())
            own.pid, own.port, own.directory = own.servers.postgres()

    def traced(self, name, code, server=False, options=(), lossy=()):
        given = {"HOST": "127.0.0.1", "PORT": self.port, "NAME": name, "DIRECTORY": self.directory}
        with e2e.Client(code, **given) as client:
            old = len(self.logged(name))
            with e2e.Trace(self.pid if server else client.pid, options=options, lossy=lossy) as trace:
                client.go()
        trace.output = client.output
        trace.logged = self.logged(name)[old:]
        for span in trace.spans:
            self.assertEqual(span["protocol"], "postgresql")
            self.assertEqual(span["kind"], "server" if server else "client")
            self.assertNotIn("secret-value", str(span))
        return trace

    def logged(self, name):
        """What the server logged of a client: the texts of its statements, refused ones too."""
        texts = []
        lines = self.servers.postgres_log(name)
        for line in lines:
            found = re.match(r"LOG:  (?:statement|execute [^:]*): (.*)", line)
            if found:
                texts.append(found[1])
            elif line.startswith("ERROR:  syntax error"):
                texts.append("refused")
        return texts

    def words(self, texts):
        """First words: what survives of a statement on both sides, whatever was redacted."""
        return e2e.counts(re.match(r"\w+", text)[0].upper() for text in texts)

    def text(self, span):
        return span["attributes"].get("db.query.text", "UNKNOWN")

    def check(self, trace):
        """Each statement of the log is a span, and no span is anything else."""
        logged = self.words(trace.logged)
        self.assertEqual(self.words(map(self.text, trace.spans)), logged, trace.logged)

    def check_simple(self, trace):
        self.check(trace)
        rows = {self.text(span): span["attributes"].get("db.response.returned_rows") for span in trace.spans}
        self.assertEqual(rows["SELECT id, note FROM pair ORDER BY id"], 20)
        self.assertEqual({span["status"] for span in trace.spans}, {"unset"})
        new = [span for span in trace.spans if span["name"].startswith("INSERT")]
        self.assertEqual({span["attributes"].get("db.namespace") for span in new}, {"postgres"})

    def test_simple(self):
        trace = self.traced("simple", SIMPLE)
        self.check_simple(trace)
        addresses = {span["attributes"].get("server.address") for span in trace.spans}
        self.assertEqual(addresses, {"127.0.0.1", "::1", f"{self.directory}/.s.PGSQL.{self.port}"})

    def test_simple_server(self):
        self.check_simple(self.traced("simple_server", SIMPLE, server=True))

    def test_large_results(self):
        """Most rows are beyond the copied head: no span may be lost, a number of rows may be unknown."""
        for server in (False, True):
            options = ["--ring-bytes", "64M"]  # where rows are lost, more is copied: up to 16 KiB of each transfer
            trace = self.traced(f"large{server}", LARGE, server=server, options=options, lossy=UNCOPIED)
            self.check(trace)
            rows = [span["attributes"].get("db.response.returned_rows") for span in trace.spans]
            self.assertEqual(set(rows) - {None, 1, 5, 20000}, set())

    def test_statements(self):
        """pg_stat_statements counts the same."""
        begin = ["CREATE EXTENSION IF NOT EXISTS pg_stat_statements", "SELECT pg_stat_statements_reset()"]
        e2e.run(*self.psql("begin"), "-c", begin[0], "-c", begin[1])
        trace = self.traced("statements", SIMPLE)
        question = (
            "SELECT sum(calls) FROM pg_stat_statements WHERE query LIKE 'INSERT INTO pair%'"
            " OR query LIKE 'UPDATE pair%' OR query LIKE 'DELETE FROM pair%'"
        )
        counted, _ = e2e.run(*self.psql("question"), "-c", question)
        changing = [span for span in trace.spans if span["name"].split()[0] in ("INSERT", "UPDATE", "DELETE")]
        self.assertEqual(len(changing), int(counted))

    def check_errors(self, trace):
        self.check_codes(trace, ["42P01", "23505", "22012", "42601"])
        self.assertEqual(len(trace.spans), 5)
        if trace.output:
            self.assertEqual(len(trace.logged), 5)

    def check_codes(self, trace, codes):
        seen = [span["attributes"].get("db.response.status_code") for span in trace.spans if span["status"] == "error"]
        self.assert_counts(seen, e2e.counts(codes))
        self.assertEqual(trace.output.split(), codes)

    def test_errors(self):
        self.check_errors(self.traced("errors", ERRORS))

    def test_errors_server(self):
        self.check_errors(self.traced("errors_server", ERRORS, server=True))

    def test_transactions_and_copy(self):
        trace = self.traced("transactions", TRANSACTIONS, lossy=UNCOPIED)
        self.check(trace)
        self.check_codes(trace, ["22P02"])
        trace = self.traced("transactions_server", TRANSACTIONS, server=True, lossy=UNCOPIED)
        self.check(trace)

    def check_extended(self, trace):
        """One span per Execute. The text of what was prepared before is unknown, and is not guessed."""
        words = self.words(map(self.text, trace.spans))
        self.assertEqual(words.pop("UNKNOWN", 0), 1)
        self.assertEqual(words.get("INSERT"), 12)
        self.assertEqual(words.get("UPDATE"), 30)
        unknown = [span for span in trace.spans if "text_unknown" in span.get("incomplete", [])]
        self.assertEqual(len(unknown), 1)
        codes = [span["attributes"].get("db.response.status_code") for span in trace.spans if span["status"] == "error"]
        self.assertEqual([code for code in codes if code == "22012"], ["22012"])
        self.assertEqual(trace.output.split(), ["22012"])

    def need_psycopg(self):
        try:
            import psycopg  # noqa: F401
        except ImportError:
            self.skipTest("no psycopg: tools/install.sh test")

    def test_extended(self):
        self.need_psycopg()
        trace = self.traced("extended", EXTENDED, options=["--request-bytes", "16K", "--response-bytes", "16K"])
        self.check_extended(trace)

    def test_extended_server(self):
        self.need_psycopg()
        options = ["--request-bytes", "16K", "--response-bytes", "16K"]
        self.check_extended(self.traced("extended_server", EXTENDED, server=True, options=options))

    def psql(self, name):
        url = f"postgresql://shop@127.0.0.1:{self.port}/postgres?application_name={name}"
        return ["psql", "-AtXq", "-d", url]

    def test_psql(self):
        _, trace = e2e.run(*self.psql("psql"), "-f", self.servers.path("script.sql", PSQL))
        trace.logged = self.logged("psql")
        self.check(trace)
        self.assertEqual(len(trace.spans), 10)
        codes = [span["attributes"].get("db.response.status_code") for span in trace.spans if span["status"] == "error"]
        self.assertEqual(codes, ["42P01"])

    def test_psql_bind(self):
        version, _ = e2e.run("psql", "--version")
        if int(re.search(r"\d+", version)[0]) < 16:
            self.skipTest(f"{version.strip()} has no \\bind (16 has)")
        output, trace = e2e.run(*self.psql("bind"), stdin=BIND)
        self.assertEqual(output, "42\n")
        self.assertEqual([self.text(span) for span in trace.spans], ["SELECT $1::int + ?"])

    def test_refused(self):
        """A login that fails is an error, and shows no password."""
        url = f"postgresql://nobody:secret-value@127.0.0.1:{self.port}/nowhere"
        _, trace = e2e.run("psql", "-d", url, "-c", "SELECT 1", expect=2)
        self.assertNotIn("secret-value", str(trace.spans))
        self.assertEqual([s for s in trace.spans if "SELECT" in s["name"]], [])


if __name__ == "__main__":
    e2e.main()
