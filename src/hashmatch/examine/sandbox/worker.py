"""The process that meets untrusted bytes: it takes open files and answers with hashes."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from dataclasses import replace

from hashmatch.examine.examination import digest_file, examine_file
from hashmatch.examine.sandbox.protocol import JOB, Answer, encode_answer
from hashmatch.model import ExamineOptions


def serve(channel: socket.socket, options: ExamineOptions) -> None:
    """Answer jobs, one after the other, until there are no more."""
    while True:
        header, descriptors, _, _ = socket.recv_fds(channel, JOB.size, 1)
        if len(header) < JOB.size or not descriptors:
            return
        try:
            for answer in answers(header, descriptors[0], options):
                channel.sendall(encode_answer(answer))
        finally:
            for descriptor in descriptors:
                os.close(descriptor)


def answers(header: bytes, descriptor: int, options: ExamineOptions) -> Iterator[Answer]:
    """Do one job.

    Of an archive's member, say first that it is begun, so that the supervisor knows what a worker
    was on when it died.
    """
    job, exact, digest_only, skip, left = JOB.unpack(header)
    if digest_only:
        yield Answer(job, None, digest_file(descriptor, options), end=True)
        return
    if exact:
        options = replace(options, fast=False)
    if options.transforms is None:
        parts = examine_file(descriptor, options, skip=skip)
    else:
        from hashmatch.examine.transform import (  # noqa: PLC0415 # the zygote has preloaded it
            examine_variants,
        )

        parts = examine_variants(descriptor, options, skip=skip)
    for member, examination in parts:
        if member is not None and examination is not None:
            left -= 1
        end = member is None or (examination is not None and left == 0)
        yield Answer(job, member, examination, end)
        if end:
            return
