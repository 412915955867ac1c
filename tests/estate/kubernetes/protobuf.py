"""Reads the one message that kubectl insists on sending as protobuf: a SelfSubjectAccessReview (`kubectl auth can-i`).

Everything else is JSON here; other protobuf bodies get 415, as from an aggregated API server that knows no protobuf.
"""

from __future__ import annotations

from typing import Any, Iterator

from .status import ApiError

MAGIC = b"k8s\x00"


def _number(data: bytes, at: int) -> tuple[int, int]:
    value, shift = 0, 0
    while True:
        byte = data[at]
        value, shift, at = value | (byte & 0x7F) << shift, shift + 7, at + 1
        if byte < 0x80:
            return value, at


def _fields(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The length-delimited fields of a message; others are skipped."""
    at = 0
    while at < len(data):
        key, at = _number(data, at)
        if key & 7 == 0:
            _, at = _number(data, at)
        elif key & 7 == 2:
            length, at = _number(data, at)
            if at + length > len(data):
                raise IndexError("a field ends behind its message")
            yield key >> 3, data[at:at + length]
            at += length
        else:
            raise ValueError(f"unexpected wire type {key & 7}")


def access_review(body: bytes) -> dict[str, Any]:
    """The review as JSON would have it (k8s.io/api/authorization/v1/generated.proto)."""
    names = {1: "namespace", 2: "verb", 3: "group", 4: "version", 5: "resource", 6: "subresource", 7: "name"}
    try:
        message = dict(_fields(body[len(MAGIC):]))[2]  # runtime.Unknown.raw
        spec = dict(_fields(message)).get(2, b"")
        attributes = dict(_fields(spec)).get(1, b"")
        found = {names[number]: value.decode() for number, value in _fields(attributes) if number in names}
    except (IndexError, KeyError, ValueError) as problem:
        raise ApiError(400, f"the protobuf body cannot be read: {problem}") from None
    return {"spec": {"resourceAttributes": found}}
