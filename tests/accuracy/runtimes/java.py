# SPDX-License-Identifier: GPL-2.0-only
"""OpenJDK: Tomcat with libraries, and servers of the JDK's own with threads of both kinds (apps/java_virtual)."""
import os

import fetch
from matrix import APPS, HERE, Program

MAIN, OTHERS = "17", ("21", "25")
TOMCAT, PLAIN = (os.path.join(APPS, name) for name in ("java", "java_virtual"))
JARS = os.path.join(TOMCAT, "jars.txt")
CENTRAL = "https://repo1.maven.org/maven2/"
HEAP = ("-Xmx256m", "-XX:ActiveProcessorCount=2")
NEEDS = {"jdbc": ("postgres",), "url": ("upstream",), "http": ("upstream",)}


def jars():
    def make(directory):
        for name in fetch.read(JARS).split():
            out = os.path.join(directory, os.path.basename(name))
            fetch.run([fetch.program("curl"), "-sSf", "--max-time", "120", "-o", out, CENTRAL + name])

    return os.path.join(fetch.once("java-jars", make, fetch.read(JARS)), "*")


def classes(name, source, path):
    """Compiled by the oldest version: they run on all."""

    def make(directory):
        fetch.run([fetch.program("javac"), "-d", directory, "-cp", path, source])

    return fetch.once(name, make, fetch.read(source), fetch.read(JARS))


def java(version):
    """The words that run it."""
    if version == MAIN:
        return [fetch.program("java"), *HEAP]
    home = fetch.run([os.path.join(HERE, "fetch_jdk"), version]).strip()
    return [os.path.join(home, "bin/java"), *HEAP]


def tomcat(pattern, version=MAIN, **options):
    """CLIENT SHAPE, then settings as NAME=VALUE."""
    client, shape, *rest = pattern.split()
    settings = {"CLIENT": client, "SHAPE": shape, **dict(word.split("=") for word in rest)}

    def start(place):
        built = classes("java-tomcat", os.path.join(TOMCAT, "Main.java"), jars())
        return [*java(version), "-cp", f"{built}:{jars()}", "Main", place.directory]

    needs = NEEDS.get(client, ())
    return Program("java", f"Java {version}", "Tomcat " + pattern, start, settings, needs, **options)


def plain(pattern, version=MAIN, **options):
    """THREADS SHAPE, then settings as NAME=VALUE."""
    threads, shape, *rest = pattern.split()
    settings = {"THREADS": threads, "SHAPE": shape, **dict(word.split("=") for word in rest)}

    def start(_place):
        built = classes("java-plain", os.path.join(PLAIN, "Main.java"), ".")
        return [*java(version), "-cp", built, "Main"]

    return Program("java", f"Java {version}", "plain " + pattern, start, settings, **options)


def main_programs():
    some = {"at_once": (10, 64), "pools": (3,)}
    yield tomcat("jedis sequence", quick=0.95)
    yield tomcat("jdbc sequence")
    yield tomcat("url sequence")
    yield tomcat("jedis executor", quick=0.6)
    yield tomcat("jedis fan")
    yield tomcat("jedis completable")
    yield tomcat("jedis executor WORKERS=forkjoin")
    yield plain("platform spread SERVER=http")
    yield plain("platform last SERVER=http")
    yield tomcat("jedis parallel", **some, ugly=True)
    yield tomcat("jedis timer", **some, ugly=True)
    yield tomcat("http sequence", **some, ugly=True)
    yield tomcat("jedis detached", **some)
    yield tomcat("jedis cancel", **some, calls=0, ugly=True)
    yield tomcat("jedis ticker", **some, ugly=True, quick=0.5)
    yield tomcat("jedis fan GC=1", **some, ugly=True)
    yield tomcat("jedis executor", **some, midway=True, ugly=True)
    yield tomcat("jedis executor", **some, leave=5, ugly=True)
    yield tomcat("jedis executor", **some, hung=2, ugly=True)


def other_programs():
    some = {"at_once": (10, 64), "pools": (3,)}
    for version in OTHERS:
        yield tomcat("jedis sequence", version, **some)
        yield tomcat("jedis executor", version, **some)
        yield tomcat("jedis completable", version, **some)
        yield tomcat("jedis sequence THREADS=virtual", version)
        yield tomcat("jedis fan THREADS=virtual WORKERS=virtual", version, **some)
        yield plain("virtual sequence", version)
        yield plain("virtual spread SERVER=http", version, **some)
        yield plain("virtual collect SERVER=http", version, **some)
        yield plain("mixed sequence SERVER=http", version, **some)
        yield plain("virtual detached", version, **some)


def programs():
    yield from main_programs()
    yield from other_programs()
