"""The SDK builds its objects from whatever arrives, checked or not. Strict clients do not: so check."""

from openai.types import Video


def video(raw):
    """The video in a raw response, with every field of exactly its declared type."""
    return Video.model_validate_json(raw.http_response.content, strict=True)
