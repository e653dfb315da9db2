"""A small stand-in for new-api, a popular gateway that uses services like Kinora as one of its channels.

It imitates the first generation of that gateway's task relay, the strictest one: only HTTP 200 counts as success,
and the answer is decoded into fields of fixed types, as a Go program does. Whatever does not fit is an error.
"""

import json
from dataclasses import dataclass

import httpx2


class FetchFailed(Exception):
    """What new-api tells its own user: our status, and our body as the message."""

    def __init__(self, status, body):
        super().__init__(f"{status}: {body}")
        self.status = status
        self.answer = {"code": "fail_to_fetch_task", "message": body, "data": None}


class Undecodable(Exception):
    """The body does not fit the fields."""


# Go's encoding/json: null and a missing member leave the zero value; any other type is an error.
FIELDS = {
    **dict.fromkeys(("id", "task_id", "object", "model", "status", "seconds", "size", "remixed_from_video_id"), str),
    **dict.fromkeys(("progress", "created_at", "completed_at", "expires_at"), int),
}
STATES = {
    "queued": "QUEUED",
    "pending": "QUEUED",
    "processing": "IN_PROGRESS",
    "in_progress": "IN_PROGRESS",
    "completed": "SUCCESS",
    "failed": "FAILURE",
    "cancelled": "FAILURE",
}
SIZES = {"sora-2": {"720x1280", "1280x720"}, "sora-2-pro": {"720x1280", "1280x720", "1024x1792", "1792x1024"}}


def decode(body):
    try:
        members = json.loads(body)
    except ValueError as error:
        raise Undecodable(str(error)) from None
    if not isinstance(members, dict):
        raise Undecodable("not an object")
    if members.get("code") == "success":
        raise Undecodable("taken for an envelope of new-api's own")
    video = {}
    for name, kind in FIELDS.items():
        value = members.get(name)
        # In JSON 65.0 and "65" are no integers, and in Python True is one.
        if value is not None and type(value) is not kind:
            raise Undecodable(f"{name} is {value!r}")
        video[name] = kind() if value is None else value
    error = members.get("error")
    if error is not None:
        if not isinstance(error, dict) or not all(type(error.get(key, "")) is str for key in ("message", "code")):
            raise Undecodable(f"error is {error!r}")
    video["error"] = error
    return video


@dataclass
class Task:
    """A row of new-api's task table."""

    id: str
    billed_seconds: int
    billed_size: str
    state: str = "SUBMITTED"
    progress: str = "0%"
    reason: str = ""

    @property
    def is_final(self):
        return self.state in ("SUCCESS", "FAILURE")


class Channel:
    def __init__(self, base_url, key, trust):
        self.base_url = base_url
        self.http = httpx2.Client(
            verify=trust, trust_env=False, timeout=60, headers={"Authorization": f"Bearer {key}"}
        )

    def close(self):
        self.http.close()

    def submit(self, fields, picture=None, path="/v1/videos"):
        """JSON without a picture, else a form. Checks first what new-api checks before it sends anything."""
        if not fields.get("prompt"):
            raise ValueError("prompt is required")
        if "remix" not in path and not fields.get("model"):
            raise ValueError("model is required")
        if fields.get("size") and fields["size"] not in SIZES.get(fields.get("model"), {fields["size"]}):
            raise ValueError("size is invalid")
        for name in ("seconds", "input_reference"):
            if not isinstance(fields.get(name, ""), str):
                raise ValueError(f"{name} must be a string")
        files = {"input_reference": ("reference.png", picture, "image/png")} if picture else None
        reply = self.http.post(self.base_url + path, **({"data": fields, "files": files} if files else {"json": fields}))
        if reply.status_code != 200:
            raise FetchFailed(reply.status_code, reply.text)
        video = decode(reply.text)
        id = video["id"] or video["task_id"]
        if not id:
            raise Undecodable("task_id is empty")
        # It charges by its own reading of the request.
        return Task(id, int(fields.get("seconds") or 4), fields.get("size") or "720x1280"), video

    def remix(self, task, prompt):
        return self.submit({"prompt": prompt}, path=f"/v1/videos/{task.id}/remix")

    def poll(self, tasks):
        """One pass of the poller: one unfinished task after the other. An unknown status fails a task for good."""
        for task in tasks:
            if task.is_final:
                continue
            reply = self.http.get(f"{self.base_url}/v1/videos/{task.id}")
            video = decode(reply.text)
            task.state = STATES.get(video["status"], "FAILURE")
            task.progress = self._progress(task.state, video["progress"])
            if task.state == "FAILURE":
                task.reason = (video["error"] or {}).get("message") or f"task failed ({video['status'] or reply.text})"

    @staticmethod
    def _progress(state, percent):
        if state in ("SUCCESS", "FAILURE"):
            return "100%"
        return f"{percent}%" if 1 <= percent <= 99 else {"QUEUED": "20%"}.get(state, "30%")

    def content(self, task):
        """The whole file, redirects followed; anything but 200 at the end is a 502 to the user."""
        reply = self.http.get(f"{self.base_url}/v1/videos/{task.id}/content", follow_redirects=True)
        if reply.status_code != 200:
            raise FetchFailed(502, reply.text)
        return reply
