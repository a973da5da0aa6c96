# SPDX-License-Identifier: GPL-2.0-only
"""Runtimes and packages that a machine does not have, fetched once and kept in $ACCURACY_CACHE (/var/tmp/spantap-accuracy)."""
import fcntl
import hashlib
import os
import shutil
import subprocess

import matrix

CACHE = os.environ.get("ACCURACY_CACHE", "/var/tmp/spantap-accuracy")
SECONDS = 900
TOOLS = os.environ.get("PATH", "/usr/bin:/bin") + ":/usr/sbin:/sbin"
failed = {}  # name: reason; what could not be had is not tried again in the same run


def run(command, **options):
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False, **options)
    except FileNotFoundError:
        raise matrix.Missing(f"no {command[0]}") from None
    except subprocess.TimeoutExpired:
        raise matrix.Missing(f"{command[0]}: does not end") from None
    if done.returncode:
        said = [line for line in (done.stderr + done.stdout).splitlines() if line.strip() and "notice" not in line]
        raise matrix.Missing(f"{os.path.basename(command[0])}: {(said or ['failed'])[-1].strip()[:160]}")
    return done.stdout


def program(name):
    found = shutil.which(name, path=TOOLS)
    if not found:
        raise matrix.Missing(f"no {name}")
    return found


def once(name, make, *inputs):
    """
    The directory CACHE/NAME that make(directory) has filled; made again when `inputs` (texts, files' contents) change.
    """
    directory = os.path.join(CACHE, name)
    stamp, wanted = os.path.join(directory, ".made"), hashlib.sha256("\0".join(inputs).encode()).hexdigest()
    if name in failed:
        raise matrix.Missing(failed[name])
    os.makedirs(CACHE, exist_ok=True)
    with open(os.path.join(CACHE, name + ".lock"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.path.exists(stamp) and read(stamp) == wanted:
            return directory
        shutil.rmtree(directory, ignore_errors=True)
        os.makedirs(directory)
        try:
            make(directory)
        except matrix.Missing as error:
            failed[name] = str(error)
            raise
        with open(stamp, "w", encoding="ascii") as out:
            out.write(wanted)
    return directory


def read(path):
    with open(path, encoding="utf-8") as source:
        return source.read()


def suite(name, *packages):
    """Another Debian release with packages (fetch_suite): the words before a command that make it run there."""
    key = "suite " + " ".join((name, *packages))
    if key in failed:
        raise matrix.Missing(failed[key])
    try:
        run([os.path.join(matrix.HERE, "fetch_suite"), name, *packages])
    except matrix.Missing as error:
        failed[key] = str(error)
        raise
    return [os.path.join(matrix.HERE, "in_suite"), name]


def virtual_environment(name, python, requirements):
    """python: the words that run it, perhaps in a suite. The words that run the environment's."""
    requirements = os.path.join(matrix.APPS, requirements)

    def make(directory):
        run([*python, "-m", "venv", "--system-site-packages" if "site" in name else "--clear", directory])
        pip = [*python[:-1], os.path.join(directory, "bin/python"), "-m", "pip", "install", "-q", "--retries=1"]
        run([*pip, "--timeout=30", "--only-binary=:all:", "-r", requirements])

    directory = once(name, make, read(requirements), *python)
    return [*python[:-1], os.path.join(directory, "bin/python")]


def node_modules(name, package_json):
    """A directory for NODE_PATH."""

    def make(directory):
        shutil.copy(package_json, os.path.join(directory, "package.json"))
        run([program("npm"), "install", "--silent", "--no-audit", "--no-fund", "--omit=dev"], cwd=directory)

    return os.path.join(once(name, make, read(package_json)), "node_modules")


def built(name, command, *sources, env=None, cwd=None):
    """A program that `command` compiles: `{out}` in it is the file's path, which is returned."""

    def make(directory):
        words = [word.replace("{out}", os.path.join(directory, "program")) for word in command]
        run(words, env={**os.environ, **(env or {})}, cwd=cwd)

    texts = [read(source) for source in sources]
    return os.path.join(once(name, make, *texts, *command, str(env)), "program")
