"""Pictures that are sent, and films that come back."""

import json
import struct
import subprocess
import zlib


def png(width, height):
    """A real PNG: a colour gradient, 8-bit RGB."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    row = b"".join(bytes((x * 255 // width, 96, 160)) for x in range(width))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress((b"\0" + row) * height)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def probe(path):
    """What ffprobe says of a film: codec, size and length in seconds. Fails for anything that is no film."""
    command = ["ffprobe", "-v", "error", "-of", "json", "-show_streams", "-show_format", str(path)]
    report = json.loads(subprocess.run(command, check=True, capture_output=True, timeout=60).stdout)
    video = next(stream for stream in report["streams"] if stream["codec_type"] == "video")
    return {
        "codec": video["codec_name"],
        "size": f"{video['width']}x{video['height']}",
        "seconds": float(report["format"]["duration"]),
    }
