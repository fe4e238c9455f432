"""Real servers on loopback for tests: OpenSSH's SFTP, and the S3 protocol. Each ends with its context."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lsi_match.transport.endpoints import EndpointSettings, set_up


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def wait_for(port: int) -> None:
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError("the server did not start")


@contextmanager
def sftp_server(folder: Path, *, marked: bool = True) -> Iterator[EndpointSettings]:
    """An OpenSSH server of this user's own, with one key that may come in; the place `folder/files`."""
    sshd, keygen = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin"), shutil.which("ssh-keygen")
    if not sshd or not keygen:
        pytest.skip("needs OpenSSH (apt-get install openssh-server)")
    pytest.importorskip("paramiko")
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    for name in ("host", "user"):
        subprocess.run([keygen, "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
    port, me = free_port(), Path.home().owner() if os.geteuid() else "root"
    shutil.copy(folder / "user.pub", folder / "authorized_keys")
    config = folder / "sshd_config"
    config.write_text(
        f"ListenAddress 127.0.0.1:{port}\nHostKey {folder}/host\nAuthorizedKeysFile {folder}/authorized_keys\n"
        f"PidFile none\nStrictModes no\nPasswordAuthentication no\nPermitRootLogin prohibit-password\nUsePAM no\n"
        f"Subsystem sftp internal-sftp\n"
    )
    if not os.geteuid():
        Path("/run/sshd").mkdir(exist_ok=True)
    public = (folder / "host.pub").read_text().split()[:2]
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {' '.join(public)}\n")
    server = subprocess.Popen([sshd, "-D", "-e", "-f", str(config)], stderr=subprocess.DEVNULL)
    try:
        wait_for(port)
        place = EndpointSettings(
            url=f"sftp://{me}@127.0.0.1:{port}{folder}/files",
            key_file=folder / "user",
            known_hosts=folder / "known_hosts",
        )
        if marked:
            set_up(place)
        yield place
    finally:
        server.terminate()
        server.wait()


@contextmanager
def s3_server(folder: Path, *, marked: bool = True) -> Iterator[EndpointSettings]:
    """A server that speaks S3; the place `files` in a bucket of its own, since servers of one process share what they hold."""
    server_module = pytest.importorskip("moto.server")
    pytest.importorskip("s3fs")

    port = free_port()
    server = server_module.ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
    server.start()
    folder.mkdir(parents=True, exist_ok=True)
    credentials = folder / "credentials"
    credentials.write_text("[default]\naws_access_key_id = test\naws_secret_access_key = test\n")
    credentials.chmod(0o600)
    endpoint = f"http://127.0.0.1:{port}"
    try:
        import boto3

        boto3.client(
            "s3",
            endpoint_url=endpoint,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        ).create_bucket(Bucket=f"lsi-{port}")
        place = EndpointSettings(url=f"s3://lsi-{port}/files", credentials=credentials, endpoint=endpoint)
        if marked:
            set_up(place)
        yield place
    finally:
        server.stop()
