"""Nova's fake hypervisor, whose servers answer over HTTP and fail when their metadata says so.

Each server listens on its own address, port 8080, from its start to its end: the network's
addresses are of the loopback range. `/health` says 200, `/in-flight` says 0.

Metadata of a server:
    testbed_fault=abort   its build is given up at once: ERROR
    testbed_fault=spawn   its start fails, and so does every other try: ERROR
    testbed_delay=<s>     it takes so long to start
    testbed_mute=true     it never answers
"""

import eventlet
from eventlet import wsgi
from nova import exception
from nova.virt import fake

PORT = 8080
NODES = 20
"""Nova's resource tracker reads the allocations of every server of a node at each claim, so one
node with 300 servers would take for ever."""
_ANSWERS = {"/health": b"ok", "/in-flight": b"0"}


class AnsweringDriver(fake.FakeDriver):
    """Twenty large nodes in one nova-compute."""

    vcpus = 1000
    memory_mb = 4_000_000
    local_gb = 600_000

    def __init__(self, *args, **kwargs) -> None:  # noqa: ANN002, ANN003 - Nova's own, untyped
        """No server is there."""
        super().__init__(*args, **kwargs)
        self._listeners: dict[str, list[Listener]] = {}

    def init_host(self, host: str) -> None:
        """Name the nodes."""
        self._host = host
        self._nodes = [f"{host}-{number:02}" for number in range(NODES)]

    def spawn(self, context, instance, *args, network_info=None, **kwargs) -> None:  # noqa: ANN001, ANN002, ANN003 - Nova's own, untyped
        """Start a server, as its metadata wants it."""
        wishes = instance.metadata or {}
        eventlet.sleep(float(wishes.get("testbed_delay", 0)))
        fault = wishes.get("testbed_fault")
        if fault == "abort":
            raise exception.BuildAbortException(instance_uuid=instance.uuid, reason="as asked")
        if fault == "spawn":
            raise exception.NovaException("as asked")
        super().spawn(context, instance, *args, network_info=network_info, **kwargs)
        if not wishes.get("testbed_mute"):
            self._listeners[instance.uuid] = [
                Listener(address["address"])
                for vif in network_info or ()
                for address in vif.fixed_ips()
            ]

    def destroy(self, context, instance, *args, **kwargs) -> None:  # noqa: ANN001, ANN002, ANN003 - Nova's own, untyped
        """End a server; it answers no more."""
        for listener in self._listeners.pop(instance.uuid, ()):
            listener.close()
        super().destroy(context, instance, *args, **kwargs)


class Listener:
    """What answers on one server's address."""

    def __init__(self, address: str) -> None:
        """Answers from now on."""
        self._socket = eventlet.listen((address, PORT))
        self._thread = eventlet.spawn(
            wsgi.server, self._socket, _application, log_output=False, keepalive=False
        )

    def close(self) -> None:
        """Connections are refused from now on."""
        self._thread.kill()
        self._socket.close()


def _application(environ, start_response) -> list[bytes]:  # noqa: ANN001 - WSGI's own
    answer = _ANSWERS.get(environ["PATH_INFO"])
    start_response("404 Not Found" if answer is None else "200 OK", [])
    return [answer or b"not found"]
