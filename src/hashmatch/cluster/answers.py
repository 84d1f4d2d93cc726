"""What a node answers to a shard: one line of JSON for each part of each item.

A line is what a worker of the sandbox says to its supervisor, with the item's number in the shard
as the number of the job. So it is checked as that is, by the same code: bounded before it is
parsed, then field by field, then whether it may come next.
"""

from __future__ import annotations

from hashmatch.cluster.shard import Shard
from hashmatch.examine.sandbox import Reply
from hashmatch.examine.sandbox.jobs import ProtocolError
from hashmatch.examine.sandbox.protocol import LENGTH, decode_said, encode_said, parse_message

MAX_ANSWER = 256 * 1024 * 1024
"""Bytes of all lines of a shard. The largest archive alone may take 176 MiB."""


def encode_answer(reply: Reply, number: int) -> bytes:
    """A reply about the item of that number, as a line."""
    return encode_said(reply, number)[LENGTH.size :] + b"\n"


class Answers:
    """Checks the answers to one shard, and trusts nothing in them."""

    def __init__(self, shard: Shard) -> None:
        self._options = shard.work.options
        self._left = MAX_ANSWER
        self._open = {number: shard.job(number) for number in range(len(shard.items))}

    @property
    def complete(self) -> bool:
        """Whether every item has been answered."""
        return not self._open

    def take(self, line: bytes) -> tuple[int, Reply]:
        """Check a line, and return the number of the item and what is said about it.

        ``Reply.job`` means nothing there. Raises ``ProtocolError`` if no honest node says that.
        """
        self._left -= len(line)
        if self._left < 0:
            raise ProtocolError
        message = parse_message(line)
        number = message.get("job")
        if type(number) is not int or number not in self._open:
            raise ProtocolError
        job = self._open[number]
        job.pay(len(line))
        said = decode_said(message, job, number, self._options)
        if not isinstance(said, Reply):
            raise ProtocolError
        if said.member is not None:
            job.take(said.member, self._options)
        reply = job.take(said, self._options)
        if reply is None:
            raise ProtocolError
        if reply.end:
            del self._open[number]
        return number, reply
