"""The process that handles untrusted bytes: it receives open files and answers with hashes."""

from __future__ import annotations

import os
import socket
from collections import deque
from collections.abc import Iterator
from dataclasses import replace

from hashmatch.errors import DecodeError
from hashmatch.examine.examination import digest_file, examine_parts
from hashmatch.examine.sandbox.jobs import Job, Reply, Said
from hashmatch.examine.sandbox.protocol import HANDFUL, JOB, decode_job, encode_said
from hashmatch.examine.thumbnail import make_thumbnail
from hashmatch.model import Examination
from hashmatch.options import ExamineOptions, ThumbnailOptions


def serve(channel: socket.socket, options: ExamineOptions) -> None:
    """Answer one job after another until there are no more."""
    while True:
        received, descriptors, _, _ = socket.recv_fds(channel, HANDFUL * JOB.size, HANDFUL)
        jobs = _Jobs(channel, received)
        waiting = deque(descriptors)
        try:
            while waiting:
                number, job = decode_job(jobs.read(JOB.size), waiting[0], jobs.read)
                for said in answers(job, options):
                    channel.sendall(encode_said(said, number))
                os.close(waiting.popleft())
        except EOFError:
            return
        finally:
            for descriptor in waiting:
                os.close(descriptor)
        if not descriptors:
            return


class _Jobs:
    """What came with the descriptors, and what comes after it."""

    def __init__(self, channel: socket.socket, received: bytes) -> None:
        self._channel = channel
        self._received = received

    def read(self, length: int) -> bytes:
        """Return the next ``length`` bytes, or raise ``EOFError`` if the other side has gone."""
        while len(self._received) < length:
            more = self._channel.recvmsg(length - len(self._received))[0]
            if not more:
                raise EOFError
            self._received += more
        taken, self._received = self._received[:length], self._received[length:]
        return taken


def answers(job: Job, options: ExamineOptions) -> Iterator[Said]:
    """Do one job.

    Before each member of an archive, say which one it is, so that the supervisor knows what a
    worker was examining when it died.
    """
    if job.digest_only:
        yield Reply(job, None, digest_file(job.descriptor, options), end=True)
        return
    if job.thumbnail is not None:
        yield from _show(job, job.thumbnail, options)
        return
    if job.exact:
        options = replace(options, fast=False)
    if options.transforms is None:
        parts = examine_parts(job.descriptor, options, skip=job.skip, count=job.count)
    else:
        from hashmatch.examine.transform import (  # noqa: PLC0415 # the zygote has preloaded it
            examine_variants,
        )

        parts = examine_variants(job.descriptor, options, skip=job.skip)
    left = job.count
    for member, examination in parts:
        if examination is None:
            yield member
            continue
        if member is not None:
            left -= 1
        end = member is None or left == 0
        yield Reply(job, member, examination, end)
        if end:
            return


def _show(job: Job, wanted: ThumbnailOptions, options: ExamineOptions) -> Iterator[Said]:
    """Make a thumbnail. The job ends with it, or with the reason why there is none."""
    try:
        for small in make_thumbnail(job.descriptor, wanted, options):
            if small is None:
                yield None
            else:
                yield Reply(job, None, Examination(), end=True, thumbnail=small)
    except DecodeError as error:
        yield Reply(job, None, Examination.failed(error), end=True)
