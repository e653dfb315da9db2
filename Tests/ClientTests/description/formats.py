"""Values that schemathesis cannot make up: media that are what they say."""

import base64
import io
import json
import struct
import wave
import zlib

import schemathesis
from hypothesis import strategies


def picture(side=64):
    """A grey PNG."""
    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    rows = b"".join(b"\0" + b"\x80" * side for _ in range(side))
    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def sound(seconds=3):
    """Silence, as WAV."""
    file = io.BytesIO()
    with wave.open(file, "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(8000)
        wav.writeframes(bytes(2 * 8000 * seconds))
    return file.getvalue()


TEXT = base64.b64encode(picture()).decode()
schemathesis.openapi.format("picture", strategies.sampled_from([TEXT, "data:image/png;base64," + TEXT]))
for name in ("image/png", "image/jpeg", "image/webp"):
    schemathesis.openapi.media_type(name, strategies.just(picture()))
for name in ("audio/wav", "audio/mpeg"):
    schemathesis.openapi.media_type(name, strategies.just(sound()))


@schemathesis.serializer("application/jsonl")
def lines(ctx, value):
    """A batch of one line."""
    return json.dumps(value).encode()
