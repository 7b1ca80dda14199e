from __future__ import annotations

import os
import socket

import pytest

from sluice.errors import StackError
from sluice.stack import ports


def test_a_taken_port_is_named_with_its_holder_and_the_variable_that_moves_us() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(StackError) as caught:
            ports.require_free(port, "SLUICE_AWS_PORT", "the embedded AWS")
    assert caught.value.code == "PORT_TAKEN"
    assert str(port) in caught.value.message
    assert str(os.getpid()) in caught.value.message
    assert "SLUICE_AWS_PORT" in caught.value.mend


def test_a_port_taken_on_every_interface_is_taken() -> None:
    with socket.create_server(("0.0.0.0", 0)) as server:
        assert not ports.is_free(server.getsockname()[1])


def test_a_port_is_free_as_soon_as_its_server_is_gone() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client, server.accept()[0] as accepted:
            accepted.close()  # the server closes first, which leaves the port in TIME_WAIT
            client.recv(1)
    assert ports.is_free(port)
    ports.require_free(port, "SLUICE_AWS_PORT", "the embedded AWS")
