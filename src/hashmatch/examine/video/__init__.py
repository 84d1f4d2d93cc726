"""Videos to hashes: a video is examined through stills of it, each at its time.

``examination`` calls ``examine_video`` with an open file whose first bytes ``video_format``
recognised. ``frames`` reads it with PyAV (the extra ``video``) and yields stills: the key frames,
and one frame a second where key frames are far apart. ``shots`` hashes their views, leaves out
stills that look like the one before, and makes the examination.

The demuxer is the one that belongs to the recognised format, never one that FFmpeg chooses: those
for playlists open other files. A video that cannot be read to its end, or is longer than the limits
allow, keeps the stills found so far, with the reason beside them. Runs in a worker, like all that
touches untrusted bytes.
"""
