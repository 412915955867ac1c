"""An operator at the Gateway who hears everything: gateway_client's socket, read in the background, so that requests and
events can be waited for in any order."""

from __future__ import annotations

import json
import socket
import threading
import time
from typing import Any, Callable

from gateway_client import ALL_SCOPES, Closed, Refused, Socket

WAIT = 30.0
DAY = 86_400.0


class Watcher:
    """Subscribed to sessions; every event that came stands in `events`, in order, as (name, payload)."""

    def __init__(self, gateway: Any) -> None:
        self.socket = Socket(gateway.port)
        self.news = threading.Condition()
        self.answers: dict[str, dict[str, Any]] = {}
        self.events: list[tuple[str, Any]] = []
        self.open = True
        self.last_id = 0
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        self.wait_event(lambda event, _: event == "connect.challenge")
        self.call("connect", minProtocol=4, maxProtocol=4, role="operator", scopes=ALL_SCOPES, auth={"token": gateway.token},
                  client={"id": "test", "mode": "test", "version": "1", "platform": "linux", "displayName": "Watcher"})
        self.call("sessions.subscribe")

    def _read(self) -> None:
        try:
            while True:
                frame = json.loads(self.socket.receive(DAY))
                with self.news:
                    if frame["type"] == "res":
                        self.answers[frame["id"]] = frame
                    else:
                        self.events.append((frame["event"], frame.get("payload")))
                    self.news.notify_all()
        except (Closed, OSError, ValueError):
            with self.news:
                self.open = False
                self.news.notify_all()

    def start(self, method: str, **params: Any) -> str:
        """Sends a request; answer() gives what comes back."""
        self.last_id += 1
        self.socket.send(json.dumps({"type": "req", "id": str(self.last_id), "method": method, "params": params}))
        return str(self.last_id)

    def answer(self, number: str, seconds: float = WAIT) -> Any:
        """The payload; Refused with the error. Closed when the connection ends before."""
        with self.news:
            came = self.news.wait_for(lambda: number in self.answers or not self.open, seconds)
            if number not in self.answers:
                raise Closed(1006, f"no answer to request {number}") if came else TimeoutError(f"no answer to request {number}")
            frame = self.answers.pop(number)
        if not frame["ok"]:
            raise Refused(frame["error"])
        return frame.get("payload")

    def call(self, method: str, **params: Any) -> Any:
        return self.answer(self.start(method, **params))

    def wait_event(self, holds: Callable[[str, Any], bool], seconds: float = WAIT, since: int = 0) -> Any:
        """The payload of the first event from number `since` on for which holds(name, payload)."""
        found: list[Any] = []

        def look() -> bool:
            found[:] = [payload for event, payload in self.events[since:] if holds(event, payload)]
            return bool(found) or not self.open
        with self.news:
            self.news.wait_for(look, seconds)
        assert found, f"the event did not come; these did: {[event for event, _ in self.events[since:]][-20:]}"
        return found[0]

    def close(self) -> None:
        try:
            self.socket.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()
        self.reader.join(5)


def eventually(read: Callable[[], Any], holds: Callable[[Any], bool], seconds: float = WAIT) -> Any:
    """Asks again until it holds; the last answer in the message when it never does."""
    end = time.monotonic() + seconds
    while True:
        value = read()
        if holds(value):
            return value
        assert time.monotonic() < end, f"still {str(value)[:2000]}"
        time.sleep(0.02)  # asking again: the condition decides
