"""Ports on the loopback interface: free, ours, or somebody else's."""

from __future__ import annotations

import socket

import psutil

from sluice.errors import StackError

HOST = "127.0.0.1"


def is_free(port: int) -> bool:
    """Whether a server could listen on 127.0.0.1:`port` now.

    Raises StackError when this user may not listen there at all.
    """
    # Binding alone does not tell on macOS when somebody listens on every interface; connecting does.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        if probe.connect_ex((HOST, port)) == 0:
            return False
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do; without it a port would count as taken for a minute after its server stopped.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except PermissionError as error:
            raise StackError(
                "PORT_DENIED", f"This user may not listen on port {port}", mend="Use a port above 1023."
            ) from error
        except OSError:
            return False
    return True


def holder(port: int) -> psutil.Process | None:
    """The process that listens on `port`; None when nobody does or the system does not tell."""
    try:
        connections = psutil.net_connections(kind="tcp")
    except psutil.AccessDenied:  # macOS tells only root
        return None
    for connection in connections:
        address = connection.laddr
        if not address or connection.status != psutil.CONN_LISTEN or connection.pid is None:
            continue
        if address.port == port:
            try:
                return psutil.Process(connection.pid)
            except psutil.NoSuchProcess:
                return None
    return None


def require_free(port: int, variable: str, what: str) -> None:
    """Raise StackError PORT_TAKEN unless `port` is free.

    `variable` is the setting that moves `what` to another port.
    """
    if is_free(port):
        return
    raise StackError(
        "PORT_TAKEN",
        f"Port {port}, needed for {what}, is taken by {_describe(holder(port))}",
        where=f"{HOST}:{port}",
        mend=f"Stop that process, or set {variable} to a free port.",
    )


def _describe(process: psutil.Process | None) -> str:
    if process is None:
        return "another process (the system does not say which)"
    try:
        # Its name only: the arguments of other people's processes may hold secrets.
        return f"process {process.pid} ({process.name()})"
    except psutil.Error:
        return f"process {process.pid}"
