"""What schemathesis cannot make up: media that are what they say. What a file is, its bytes tell, and no schema."""

import base64
import io
import json
import struct
import wave
import zlib

import schemathesis
from hypothesis import strategies


def picture(side=512):
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


# An MP4 that holds nothing: who wants a film refuses it, and says why.
MEDIA = {"image": picture(), "audio": sound(), "video": struct.pack(">I", 16) + b"ftypisom" + bytes(4)}
# As schemathesis has the bytes of a file.
FILE = (bytes, str)
TEXT = base64.b64encode(MEDIA["image"]).decode()
schemathesis.openapi.format("picture", strategies.sampled_from([TEXT, "data:image/png;base64," + TEXT]))
schemathesis.openapi.format("references", strategies.just(json.dumps([{"type": "image", "url": TEXT}])))
for kind in ("image/png", "image/jpeg", "image/webp", "audio/wav", "audio/mpeg", "video/mp4", "video/quicktime",
             "video/webm"):
    schemathesis.openapi.media_type(kind, strategies.just(MEDIA[kind.split("/")[0]]))


@schemathesis.serializer("application/jsonl")
def lines(ctx, value):
    """A batch of one line."""
    return json.dumps(value).encode()


@schemathesis.hook
def filter_body(ctx, body):
    """Text with U+0000 is refused wherever it stands, also in members that nobody reads: no schema can say that."""
    def holds(value):
        if isinstance(value, dict):
            return any(holds(part) for pair in value.items() for part in pair)
        return any(map(holds, value)) if isinstance(value, list) else isinstance(value, str) and "\0" in value

    return not holds(body)


@schemathesis.hook
def before_call(ctx, case, kwargs):
    """Puts media into the files of a form."""
    if case.media_type != "multipart/form-data" or not isinstance(case.body, dict):
        return
    content = case.operation.definition.raw["requestBody"]["content"]["multipart/form-data"]
    for name, encoding in content.get("encoding", {}).items():
        medium = MEDIA.get(encoding["contentType"].split("/")[0])
        value = case.body.get(name)
        if medium and isinstance(value, list):
            case.body[name] = [medium if isinstance(item, FILE) else item for item in value]
        elif medium and isinstance(value, FILE):
            case.body[name] = medium
