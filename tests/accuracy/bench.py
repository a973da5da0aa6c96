# SPDX-License-Identifier: GPL-2.0-only
"""One cell of the matrix: start the program, trace it as anybody would, load it, judge what came out."""
import os
import signal
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../lib"))
import e2e  # noqa: E402
import load  # noqa: E402
import matrix  # noqa: E402
import score  # noqa: E402
import servers  # noqa: E402

WARM = 20  # requests before anybody looks: what is lazily made is there, as in a program that has run for a while
WARM_FIRST = 90000
MIDWAY_FIRST, MIDWAY_SECONDS = 50000, 0.5
ALONE_FIRST = 40000
SECOND_FIRST = 60000
HUNG_FIRST = 80000  # applications that know it never answer such a request
EXAMPLES = 5
FAILURE = 600  # characters of why


class Place(servers.Servers):
    """What applications need, each server started once, when it is asked for; and their own directories."""

    def __init__(self):
        super().__init__()
        self.ports = {}

    def once(self, name, start):
        if name not in self.ports:
            self.ports[name] = start()
        return self.ports[name]

    def environment_of(self, needs):
        found = {"REDIS_PORT": str(self.once("redis", lambda: self.redis()[1]))}
        if "postgres" in needs:
            self.once("postgres", self.start_postgres)
            found["POSTGRES_URL"] = self.database_url
            found["POSTGRES_PORT"] = str(self.settings["SHOP_POSTGRES_PORT"])
        if "mysql" in needs:
            found["MYSQL_PORT"] = str(self.once("mysql", lambda: self.mariadb()[1]))
        if "upstream" in needs:
            port = str(self.once("upstream", self.upstream))
            found.update(UPSTREAM_PORT=port, SECOND_PORT=port)
        return found

    def upstream(self):
        """Answers any request after some milliseconds."""
        def start(port):
            command = [servers.PYTHON, os.path.join(matrix.APPS, "upstream.py")]
            return self.start("upstream", command, signal.SIGKILL, env={"PORT": str(port)})

        return self.start_on_free_port("upstream", start, answers)[1]

    def end(self, kept):
        """All that was started since `kept` was the number of processes; each has a session of its own."""
        ended, self.started = self.started[kept:], self.started[:kept]
        for process, _signal in reversed(ended):
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            process.wait()

    def application(self, cell, command, environment):
        """Its process's id, and the port to ask."""
        program = cell.program
        environment = {**environment, "POOL": str(cell.pool), "PYTHONDONTWRITEBYTECODE": "1"}
        environment.update(program.settings)

        def start(port):
            words = [word.replace("{PORT}", str(port)) for word in command]
            env = {**environment, "PORT": str(port)}
            return self.start("application", words, signal.SIGKILL, env=env)

        pid, port = self.start_on_free_port("application", start, answers)
        return pid, program.front(self, port) if program.front else port

    def second_port(self, program):
        """Of a program that listens on two."""
        return {"THREAD_PORT": str(servers.free_port())} if program.two else {}


def answers(port):
    return servers.answers(("127.0.0.1", port))


def loaded(cell, trace, ports, requests):
    """The requests of a cell, traced; the numbers of those that count: none of those on the second port."""
    program, (port, second) = cell.program, ports
    options = {"keep": program.keep, "pieces": program.pieces}
    load.load(port, range(WARM_FIRST, WARM_FIRST + WARM), min(cell.at_once, WARM), **options)
    others = load.endless(port, MIDWAY_FIRST, cell.at_once, **options) if program.midway else None
    trace.start()
    if others:
        time.sleep(MIDWAY_SECONDS)
        others.stop()
    hung = load.Load(port, range(HUNG_FIRST, HUNG_FIRST + program.hung), max(program.hung, 1), lenient=True).start()
    load.load(port, range(ALONE_FIRST, ALONE_FIRST + program.alone), 1, **options)
    beside = load.endless(int(second), SECOND_FIRST, cell.at_once) if second else None
    numbers = range(score.FIRST, score.FIRST + requests)
    left = load.load(port, numbers, cell.at_once, leave=program.leave, **options)
    if beside:
        beside.stop()
    trace.stop()
    hung.ending = True
    return [number for number in numbers if number not in left] if left else numbers


def judged(cell, trace, numbers):
    calls = 0 if cell.program.leave else cell.program.calls
    found = score.measure(trace.spans, set(numbers), calls)
    conflicts = trace.summary.get("conflicts")
    row = matrix.ROWS[cell.program.row]
    met = found.precision >= row.precision
    met = met and (cell.program.ugly or row.recall is None or round(found.recall, 3) >= row.recall)
    return {
        "requests": found.requests, "right": found.right, "wrong": found.wrong, "none": found.none,
        "missed": max(found.wanted - found.right - found.none, 0), "nobodys": found.nobodys,
        "precision": round(found.precision, 4), "recall": round(found.recall, 4), "rules": found.rules,
        "conflicts": conflicts, "whole": round(found.whole / max(found.requests, 1), 4),
        "naive": round(found.naive, 4), "lost": trace.lost,
        "examples": found.examples[:EXAMPLES], "met": met,
    }  # fmt: skip


def described(cell):
    program = cell.program
    return {"row": program.row, "version": program.version, "pattern": program.title, "at_once": cell.at_once,
            "pool": cell.pool, "ugly": program.ugly}  # fmt: skip


def late(cell):
    return {**described(cell), "skipped": "no time left", "seconds": 0}


def run(cell, place, requests, keep_spans=None):
    """A dictionary: what the table's columns are made of, or `skipped` or `failed` with the reason."""
    begun, kept, trace = time.monotonic(), len(place.started), None
    result = described(cell)
    try:
        command = cell.program.start(place)
        environment = {**place.environment_of(cell.program.needs), **place.second_port(cell.program)}
        kept = len(place.started)
        pid, port = place.application(cell, command, environment)
        trace = e2e.Trace(pid, strict=False)
        numbers = loaded(cell, trace, (port, environment.get("THREAD_PORT")), requests)
        result.update(judged(cell, trace, numbers))
        if keep_spans:
            os.replace(trace.output, keep_spans)
    except matrix.Missing as error:
        result["skipped"] = str(error)
    except Exception as error:  # an application's trouble is not the end of the others
        said = [line for line in str(error).splitlines() if line.strip()] or [repr(error)]
        result["failed"] = f"{said[0]} {said[-1] if said[1:] else ''}"[:FAILURE]
    finally:
        if trace:
            trace.end()
        place.end(kept)
    result["seconds"] = round(time.monotonic() - begun, 1)
    return result
