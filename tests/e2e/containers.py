#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Containers of real engines: docker, podman, containerd, runc. `make check-containers`.

Each engine runs for itself, in a directory of its own that goes afterwards, with a root file system of nothing but
busybox, whose httpd is the server. What an engine leaves behind elsewhere (cgroups) is removed.
"""
import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
import e2e  # noqa: E402

os.environ["PATH"] += ":/usr/sbin:/sbin"
GROUP = f"spantap-e2e-{os.getpid()}"  # parent of every cgroup that is made here
START_SECONDS = 60
REQUESTS = 5


def run(*command, env=None):
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, env={**os.environ, **(env or {})}, timeout=120
    )
    if done.returncode:
        raise AssertionError(f"{' '.join(command)}: {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout.strip()


def cgroups_removed():
    """Below every hierarchy, the deepest first; False while one is still in use."""
    left = [base for base, _, _ in os.walk("/sys/fs/cgroup") if os.path.basename(base) == GROUP]
    for base in left:
        for path, _, _ in os.walk(base, topdown=False):
            try:
                os.rmdir(path)
            except OSError:  # the last process has not quite gone
                pass
    return not any(map(os.path.exists, left))


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def make_root(directory):
    """A root file system: busybox, and no file that httpd could find."""
    for name in ("bin", "dev", "etc", "proc", "sys", "tmp", "www"):
        os.makedirs(os.path.join(directory, name))
    shutil.copy(shutil.which("busybox"), os.path.join(directory, "bin/busybox"))
    with open(os.path.join(directory, "etc/passwd"), "w", encoding="ascii") as f:
        f.write("root:x:0:0:root:/:/bin/sh\n")


def request(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", path)
    response = connection.getresponse()
    response.read()
    connection.close()
    return response.status


class Engine(e2e.Case):
    """What every engine must show. One server in one container, for all tests of a class."""

    programs = ()
    name = None  # as the engine knows the container; None: it gives none
    env = {}

    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.mkdtemp(prefix="spantap-", dir="/var/tmp")
        cls.daemon = cls.identity = None
        cls.trouble = e2e.unable() or ", ".join(f"no {p}" for p in ("busybox", *cls.programs) if not shutil.which(p))
        if cls.trouble:
            return
        cls.root = os.path.join(cls.directory, "root")
        make_root(cls.root)
        cls.port = free_port()
        cls.command = ["/bin/busybox", "httpd", "-f", "-p", f"127.0.0.1:{cls.port}", "-h", "/www"]
        try:
            cls.identity, cls.pid = cls.start()
            e2e.wait_until("the server", cls.answers, START_SECONDS)
        except (AssertionError, OSError, subprocess.SubprocessError) as error:
            cls.trouble = f"the engine does not work here: {error}".replace("\n", " ")[:300]

    @classmethod
    def answers(cls):
        try:
            return request(cls.port, "/ready")
        except OSError:
            return 0

    @classmethod
    def tearDownClass(cls):
        try:
            if cls.identity:
                cls.stop()
        finally:
            cls.end_daemon()
            subprocess.run(["sh", "-c", 'grep -o " %s/[^ ]*" /proc/mounts | sort -r | xargs -r umount -l' % cls.directory])
            shutil.rmtree(cls.directory, ignore_errors=True)
            e2e.wait_until("removal of cgroups", cgroups_removed, 10)

    @classmethod
    def start_daemon(cls, *command, ready):
        with open(os.path.join(cls.directory, "log"), "w", encoding="utf-8") as log:
            cls.daemon = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

        def is_ready():
            if cls.daemon.poll() is not None:
                raise AssertionError(f"{command[0]} ended: {open(log.name, encoding='utf-8').read()[-300:]}")
            return subprocess.run(ready, capture_output=True, env={**os.environ, **cls.env}).returncode == 0

        e2e.wait_until(command[0], is_ready, START_SECONDS)

    @classmethod
    def end_daemon(cls):
        if not cls.daemon or cls.daemon.poll() is not None:
            return
        cls.daemon.terminate()
        try:
            cls.daemon.wait(30)
        except subprocess.TimeoutExpired:
            cls.daemon.kill()
            cls.daemon.wait()

    def setUp(self):
        super().setUp()
        if self.trouble:
            self.skipTest(self.trouble)

    def trace(self, target):
        with e2e.Trace(options=["--container", target], env=self.env) as trace:
            for n in range(REQUESTS):
                self.assertEqual(request(self.port, f"/missing/{n}"), 404)
        self.assert_counts(
            [(s["kind"], s["attributes"].get("url.path"), s["container_id"]) for s in trace.spans],
            {("server", f"/missing/{n}", self.identity): 1 for n in range(REQUESTS)},
        )
        return trace

    def test_id(self):
        self.trace(self.identity)

    def test_short_id(self):
        self.trace(self.identity[:12])

    def test_pid_inside(self):
        self.trace(str(self.pid))

    def test_name(self):
        if not self.name:
            self.skipTest("it has no name")
        trace = self.trace(self.name)
        self.assertEqual({s["service"] for s in trace.spans}, {self.name})

    def test_duration(self):
        command = [e2e.SPANTAP, "trace", "--container", self.identity, "--json", "--duration", "4s"]
        with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            while process.poll() is None:  # attached at some time in between
                request(self.port, "/missing")
                time.sleep(0.1)
            lines = [json.loads(line) for line in process.stdout]
        self.assertEqual(process.returncode, 0)
        self.assertIn("summary", lines[-1])
        self.assertGreater(len(lines), 2)
        self.assertEqual({line["container_id"] for line in lines[:-1]}, {self.identity})

    def test_no_such_container(self):
        done = subprocess.run(
            [e2e.SPANTAP, "trace", "--container", "spantap-no-such-container"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env=e2e.environment(**self.env),
        )
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("no running container is named spantap-no-such-container", done.stderr)


class Docker(Engine):
    programs = ("dockerd", "docker", "containerd", "runc")
    name = f"spantap-docker-{os.getpid()}"

    @classmethod
    def start(cls):
        d = cls.directory
        cls.env = {"DOCKER_HOST": f"unix://{d}/docker.sock"}
        cls.start_daemon(
            "dockerd", "--data-root", f"{d}/data", "--exec-root", f"{d}/exec", "-H", f"unix://{d}/docker.sock",
            "-p", f"{d}/pid", "--storage-driver", "vfs", "--bridge", "none", "--iptables=false", "--ip6tables=false",
            ready=["docker", "version"],
        )  # fmt: skip
        run("sh", "-c", f"tar -C {cls.root} -c . | docker import - spantap-busybox", env=cls.env)
        identity = run(
            "docker", "run", "-d", "--name", cls.name, "--network", "host", "--cgroup-parent", f"/{GROUP}",
            "spantap-busybox", *cls.command, env=cls.env,
        )  # fmt: skip
        return identity, int(run("docker", "inspect", "-f", "{{.State.Pid}}", identity, env=cls.env))

    @classmethod
    def stop(cls):
        run("docker", "rm", "-f", cls.identity, env=cls.env)


class Podman(Engine):
    programs = ("podman", "conmon", "runc")
    name = f"spantap-podman-{os.getpid()}"

    @classmethod
    def podman(cls, *command):
        d = cls.directory
        return run(
            "podman", "--root", f"{d}/storage", "--runroot", f"{d}/run", "--tmpdir", f"{d}/tmp",
            "--storage-driver", "vfs", *command, env={"CONTAINERS_CONF": f"{d}/containers.conf"},
        )  # fmt: skip

    @classmethod
    def start(cls):
        with open(f"{cls.directory}/containers.conf", "w", encoding="ascii") as f:
            f.write('[containers]\ndefault_ulimits = []\n[engine]\nruntime = "runc"\n')
            f.write('cgroup_manager = "cgroupfs"\nevents_logger = "file"\n')
        identity = cls.podman(
            "run", "-d", "--name", cls.name, "--network", "host", "--cgroup-parent", f"/{GROUP}",
            "--rootfs", cls.root, *cls.command,
        )  # fmt: skip
        return identity, int(cls.podman("inspect", "-f", "{{.State.Pid}}", identity))

    @classmethod
    def stop(cls):
        cls.podman("rm", "-f", "-t", "0", cls.identity)


class Containerd(Engine):
    """As a kubelet has it: the id is a path component below a pod's."""

    programs = ("containerd", "ctr", "runc")

    @classmethod
    def ctr(cls, *command):
        return run("ctr", "-a", f"{cls.directory}/sock", "-n", "k8s.io", *command)

    @classmethod
    def start(cls):
        d = cls.directory
        with open(f"{d}/config.toml", "w", encoding="ascii") as f:
            f.write(f'version = 2\nroot = "{d}/data"\nstate = "{d}/state"\n[grpc]\naddress = "{d}/sock"\n')
            f.write('disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.grpc.v1.cri"]\n')
        cls.start_daemon(
            "containerd", "-c", f"{d}/config.toml", "--address", f"{d}/sock", ready=["ctr", "-a", f"{d}/sock", "version"]
        )
        identity = os.urandom(32).hex()
        pod = f"/{GROUP}/burstable/pod1f2e3d4c-5b6a-7988-a7b6-c5d4e3f2a1b0"
        cls.identity = identity
        cls.ctr("run", "-d", "--net-host", "--cgroup", f"{pod}/{identity}", "--rootfs", cls.root, identity, *cls.command)
        rows = [line.split() for line in cls.ctr("task", "ls").splitlines()]
        return identity, next(int(row[1]) for row in rows if row[0] == identity)

    @classmethod
    def stop(cls):
        subprocess.run(["ctr", "-a", f"{cls.directory}/sock", "-n", "k8s.io", "task", "rm", "-f", cls.identity], capture_output=True)
        subprocess.run(["ctr", "-a", f"{cls.directory}/sock", "-n", "k8s.io", "container", "rm", cls.identity], capture_output=True)


class Runc(Engine):
    """A path of our choice, here as CRI-O with systemd has it."""

    programs = ("runc",)

    @classmethod
    def start(cls):
        run("runc", "spec", "-b", cls.directory)
        path = os.path.join(cls.directory, "config.json")
        with open(path, encoding="utf-8") as f:
            config = json.load(f)
        identity = os.urandom(32).hex()
        config["process"].update(terminal=False, args=cls.command, rlimits=[])
        config["root"] = {"path": cls.root, "readonly": True}
        config["linux"]["cgroupsPath"] = f"/{GROUP}/kubepods-burstable.slice/crio-{identity}.scope"
        config["linux"]["namespaces"] = [n for n in config["linux"]["namespaces"] if n["type"] not in ("network", "cgroup")]
        config["mounts"] = [m for m in config["mounts"] if m["type"] in ("proc", "tmpfs", "devpts")]
        with open(path, "w", encoding="utf-8") as f:
            json.dump(config, f)
        # Its output is the server's: it must not keep a pipe of ours open.
        subprocess.run(
            ["runc", "--root", f"{cls.directory}/runc", "run", "-d", "-b", cls.directory, "--pid-file",
             f"{cls.directory}/pid", identity],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True, timeout=60,
        )  # fmt: skip
        with open(f"{cls.directory}/pid", encoding="ascii") as f:
            return identity, int(f.read())

    @classmethod
    def stop(cls):
        run("runc", "--root", f"{cls.directory}/runc", "delete", "-f", cls.identity)


sys.argv[1:] = sys.argv[1:] or ["Docker", "Podman", "Containerd", "Runc"]  # Engine itself is no test
e2e.main()
