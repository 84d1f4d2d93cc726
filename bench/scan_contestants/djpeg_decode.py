"""A limit, not a contestant: libjpeg-turbo's program decodes luma at an eighth of the scale."""

from __future__ import annotations

import subprocess
import sys

from common import files, write

for path in files(sys.argv[2]):
    command = ["djpeg", "-scale", "1/8", "-grayscale", "-outfile", "/dev/null", path]
    subprocess.run(command, check=True)
write(sys.argv[3], {})
