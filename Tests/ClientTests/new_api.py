"""A small stand-in for new-api, a popular gateway that uses services like Kinora as one of its channels.

It imitates the three generations of that gateway's task relay, of which many installations of each are about:

1. Sends its caller's bytes on as they are. Only HTTP 200 counts as success; the answer is decoded into fields of
   fixed types, as a Go program does; a status that it does not know fails a task for good.
2. Puts bodies together anew. Polls without a look at the HTTP status.
3. Sends numbers as they come, and one file under a name of its own. Takes any 2xx, and of a submit's answer the id
   alone; a task that is not found fails at once, other faults when there are twenty in a row. Content may be asked for
   in parts; a redirect to another origin is refused.
"""

import json
import urllib.parse
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
# What it knows of a request for pictures; everything else is dropped on the way.
IMAGE_FIELDS = {
    "model", "prompt", "n", "size", "quality", "response_format", "style", "user", "extra_fields", "background",
    "moderation", "output_format", "output_compression", "partial_images", "stream", "images", "mask",
    "input_fidelity", "watermark", "watermark_enabled", "user_id", "image",
}
FAULTS_MAX = 20


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
    faults: int = 0

    @property
    def is_final(self):
        return self.state in ("SUCCESS", "FAILURE")

    def fail(self, reason):
        self.state, self.progress, self.reason = "FAILURE", "100%", reason


class Channel:
    def __init__(self, base_url, key, trust, generation=1):
        self.base_url = base_url
        self.generation = generation
        self.http = httpx2.Client(
            verify=trust, trust_env=False, timeout=60, headers={"Authorization": f"Bearer {key}"}
        )

    def close(self):
        self.http.close()

    # Videos

    def submit(self, fields, picture=None, path="/v1/videos"):
        """JSON without a picture, else a form. Checks first what new-api checks before it sends anything."""
        if not fields.get("prompt"):
            raise ValueError("prompt is required")
        if "remix" not in path and not fields.get("model"):
            raise ValueError("model is required")
        if fields.get("size") and fields["size"] not in SIZES.get(fields.get("model"), {fields["size"]}):
            raise ValueError("size is invalid")
        if self.generation < 3:
            for name in ("seconds", "input_reference"):
                if not isinstance(fields.get(name, ""), str):
                    raise ValueError(f"{name} must be a string")
        reply = self.http.post(self.base_url + path, **self._body(fields, picture))
        is_taken = reply.status_code == 200 if self.generation < 3 else reply.is_success
        if not is_taken:
            raise FetchFailed(reply.status_code, reply.text)
        video = decode(reply.text) if self.generation < 3 else reply.json()
        id = video.get("id") or video.get("task_id")
        if not id:
            raise Undecodable("task_id is empty")
        # It charges by its own reading of the request.
        return Task(id, int(fields.get("seconds") or 4), fields.get("size") or "720x1280"), video

    def _body(self, fields, picture):
        if self.generation > 1:
            # Put together anew: the model has another name there, and comes first.
            fields = {"model": fields["model"], **fields} if "model" in fields else dict(fields)
        if self.generation == 3:
            if picture:
                texts = ((name, value if isinstance(value, str) else json.dumps(value)) for name, value in fields.items())
                fields = dict(texts)
            elif str(fields.get("seconds", "")).isdigit():
                fields["seconds"] = int(fields["seconds"])
        if not picture:
            return {"json": fields}
        return {"data": fields, "files": {"input_reference": ("reference.png", picture, "image/png")}}

    def remix(self, task, prompt):
        return self.submit({"prompt": prompt}, path=f"/v1/videos/{task.id}/remix")

    def poll(self, tasks):
        """One pass of the poller: one unfinished task after the other."""
        for task in tasks:
            if not task.is_final:
                reply = self.http.get(f"{self.base_url}/v1/videos/{task.id}")
                {1: self._read_first, 2: self._read_second, 3: self._read_third}[self.generation](task, reply)

    def _read_first(self, task, reply):
        """An unknown status fails a task for good."""
        self._take(task, decode(reply.text), reply.text)

    def _read_second(self, task, reply):
        """Whatever the HTTP status."""
        try:
            video = decode(reply.text)
        except Undecodable:
            return
        if video["status"] not in STATES and (video["error"] or {}).get("code") == "429":
            return
        self._take(task, video, reply.text)

    def _read_third(self, task, reply):
        if reply.status_code in (404, 410):
            return task.fail("the upstream has lost it")
        try:
            video = decode(reply.text)
        except Undecodable:
            video = {"status": "", "error": None}
        if not reply.is_success and STATES.get(video["status"]) != "FAILURE" or video["status"] not in STATES:
            task.faults += 1
            return task.fail("too many faults") if task.faults >= FAULTS_MAX else None
        task.faults = 0
        return self._take(task, video, reply.text)

    def _take(self, task, video, text):
        state = STATES.get(video["status"], "FAILURE")
        if state == "FAILURE":
            return task.fail((video["error"] or {}).get("message") or f"task failed ({video['status'] or text})")
        task.state, task.progress = state, self._progress(state, video["progress"])
        return None

    @staticmethod
    def _progress(state, percent):
        if state == "SUCCESS":
            return "100%"
        return f"{percent}%" if 1 <= percent <= 99 else {"QUEUED": "20%"}.get(state, "30%")

    def content(self, task, method="GET", **headers):
        """The whole file, redirects followed, for the first two; anything but 200 at the end is a 502 to the user. The
        third asks as its caller does."""
        url = f"{self.base_url}/v1/videos/{task.id}/content"
        if self.generation < 3:
            reply = self.http.get(url, follow_redirects=True)
            if reply.status_code != 200:
                raise FetchFailed(502, reply.text)
            return reply
        reply = self.http.request(method, url, headers=headers)
        for _ in range(10):
            if not reply.has_redirect_location:
                break
            target = urllib.parse.urljoin(str(reply.url), reply.headers["location"])
            if urllib.parse.urlsplit(target)[:2] != urllib.parse.urlsplit(str(reply.url))[:2]:
                raise FetchFailed(502, "artifact_request_rejected")
            reply = self.http.request(method, target, headers=headers)
        if reply.status_code not in (200, 206, 304, 416):
            raise FetchFailed({404: 410, 410: 410, 429: 503}.get(reply.status_code, 502), reply.text)
        return reply

    # Pictures

    def draw(self, fields):
        return self._pictures("/v1/images/generations", json=self._known(fields))

    def edit(self, fields, pictures=()):
        """Files under the names that it gives them; none: as JSON."""
        if not pictures:
            return self._pictures("/v1/images/edits", json=self._known(fields))
        name = "image" if len(pictures) == 1 else "image[]"
        files = [(name, (f"{number}.png", picture, "image/png")) for number, picture in enumerate(pictures)]
        return self._pictures("/v1/images/edits", data=fields, files=files)

    @staticmethod
    def _known(fields):
        return {name: value for name, value in fields.items() if name in IMAGE_FIELDS}

    def _pictures(self, path, **body):
        reply = self.http.post(self.base_url + path, **body)
        if reply.status_code != 200:
            raise FetchFailed(reply.status_code, reply.text)
        answer = reply.json()
        if type(answer.get("created")) is not int or not isinstance(answer.get("data"), list):
            raise Undecodable(reply.text)
        return answer["data"]
