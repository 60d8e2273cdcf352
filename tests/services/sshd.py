"""An SSH server on loopback, and tmux: Debian's packages, unpacked into the cache when the machine
does not have the programs.

Whoever runs it logs in as themselves, with the key that `facts` names. A test appends its own
lines, forced commands, to the file of authorized keys.
"""

import getpass
import os
import pathlib
import pwd
import shutil
import subprocess

import packages
from servers import Failed, Server, free_port


EXAMPLE = pathlib.Path(__file__).resolve().parents[2] / "deploy/sshd/90-netsec.conf"


def program(name: str, package: str) -> tuple[str, dict[str, str]]:
    """A program's path, and what its environment needs to find its libraries."""
    if found := shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin"):
        return found, {}
    root = packages.debian(package)
    for folder in ("usr/sbin", "usr/bin", "bin", "sbin"):
        if (root / folder / name).is_file():
            libraries = sorted({str(p.parent) for p in root.rglob("lib*.so*")})
            return str(root / folder / name), {"LD_LIBRARY_PATH": os.pathsep.join(libraries)}
    raise Failed(f"Debian's {package} has no {name}")


class Sshd(Server):
    name = "sshd"

    def start(self) -> None:
        sshd, needs = program("sshd", "sshd")
        self._ssh, self._ssh_needs = program("ssh", "sshd")
        keygen, keygen_needs = program("ssh-keygen", "sshd")
        self._tmux, self._tmux_needs = program("tmux", "tmux")
        if not self._set_up:
            self.port = free_port()
            for key in ("host_key", "key"):
                self._call([keygen, "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", str(self.home / key)], keygen_needs)
            host = (self.home / "host_key.pub").read_text().split()
            (self.home / "known_hosts").write_text(f"[127.0.0.1]:{self.port} {host[0]} {host[1]}\n")
            (self.home / "authorized_keys").touch()
            (self.home / "config").write_text(self._config())
            self._set_up = True
        self.spawn(self._command([sshd, "-D", "-e", "-f", str(self.home / "config")]), needs)
        self.wait_port(self.port)

    def _config(self) -> str:
        return f"""Port {self.port}
ListenAddress 127.0.0.1
HostKey {self.home}/host_key
PidFile none
AuthorizedKeysFile {self.home}/authorized_keys
# The file lies below a folder for temporary files.
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
ExposeAuthInfo yes
AcceptEnv LANG LC_* COLORTERM
PrintMotd no
PrintLastLog no
# What an operator's machine reads: who may say who somebody is.
Include {EXAMPLE}
"""

    def _command(self, sshd: list[str]) -> list[str]:
        """As root sshd wants a folder and a user of its own. Where the machine has them not, it
        gets them in a mount namespace, and the machine is left as it is."""
        if os.geteuid() != 0 or (has_user("sshd") and os.path.isdir("/run/sshd")):
            return sshd
        passwd = self.home / "passwd"
        lines = pathlib.Path("/etc/passwd").read_text()
        if not has_user("sshd"):
            lines += "sshd:x:64999:65534::/run/sshd:/usr/sbin/nologin\n"
        passwd.write_text(lines)
        passwd.chmod(0o644)
        script = (
            "mount --make-rprivate / && mount -t tmpfs none /run && mkdir -m 755 /run/sshd && "
            'mount --bind "$0" /etc/passwd && exec "$@"'
        )
        return ["unshare", "--mount", "sh", "-c", script, str(passwd), *sshd]

    def _call(self, command: list[str], needs: dict[str, str]) -> None:
        done = subprocess.run(command, env=self.environment() | needs, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode:
            raise Failed(f"{command[0]} failed: {done.stderr.strip()}")

    def facts(self) -> dict:
        return {
            "port": str(self.port),
            "user": getpass.getuser() if os.geteuid() else "root",
            "key": str(self.home / "key"),
            "public_key": (self.home / "key.pub").read_text().strip(),
            "known_hosts": str(self.home / "known_hosts"),
            "authorized_keys": str(self.home / "authorized_keys"),
            "ssh": self._ssh,
            "ssh_libraries": self._ssh_needs.get("LD_LIBRARY_PATH", ""),
            "tmux": self._tmux,
            "tmux_libraries": self._tmux_needs.get("LD_LIBRARY_PATH", ""),
        }


def has_user(name: str) -> bool:
    try:
        pwd.getpwnam(name)
        return True
    except KeyError:
        return False
