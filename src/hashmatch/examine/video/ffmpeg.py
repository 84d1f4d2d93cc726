"""FFmpeg by PyAV, silenced, with all that PyAV would import when it first needs it."""

from __future__ import annotations

import av
import av.audio.codeccontext
import av.audio.stream
import av.logging
import av.subtitles.codeccontext
import av.subtitles.stream
import av.video.codeccontext
import av.video.stream

FFmpegError = av.FFmpegError
"""What everything here raises."""

open_container = av.open
"""Opens a file with a demuxer by name."""

to_frame = av.VideoFrame.from_image
"""A picture as a frame to encode."""

av.logging.set_level(av.logging.PANIC)  # files could speak on stderr
