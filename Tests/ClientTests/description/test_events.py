"""Tasks that are followed event by event: by a program, and by the EventSource of a browser, which comes back by itself
when a stream ends.
"""

import http.server
import json
import os
import subprocess
import threading

import pytest
import requests

URL, CA, KEY = (os.environ[name] for name in ("KINORA_URL", "KINORA_CA", "KINORA_API_KEY"))
HEADERS = {"Authorization": "Bearer " + KEY}


def submitted():
    reply = requests.post(URL + "/v1/videos", json={"prompt": "a paper boat", "seconds": "4"}, headers=HEADERS,
                          verify=CA, timeout=60)
    reply.raise_for_status()
    return reply.json()["id"]


@pytest.fixture
def video():
    return submitted()


def follow(video, **headers):
    return requests.get(f"{URL}/v1/videos/{video}", headers={**HEADERS, "Accept": "text/event-stream", **headers},
                        verify=CA, timeout=60, stream=True)


def test_a_program_hears_of_each_change_until_the_end(video):
    with follow(video) as reply:
        assert reply.status_code == 200 and reply.headers["Content-Type"] == "text/event-stream; charset=utf-8"
        events = [json.loads(line[len(b"data: "):]) for line in reply.iter_lines() if line.startswith(b"data: ")]
    assert events[-1]["status"] == "completed" and events[-1]["progress"] == 100
    assert [event["progress"] for event in events] == sorted(event["progress"] for event in events)
    plain = requests.get(f"{URL}/v1/videos/{video}", headers=HEADERS, verify=CA, timeout=60).json()
    assert plain == events[-1]


PAGE = b"""<!doctype html><script>
const heard = [], source = new EventSource("events");
source.onmessage = event => heard.push([event.lastEventId, JSON.parse(event.data).status]);
source.onerror = () => {
  if (source.readyState === EventSource.CLOSED) fetch("report", { method: "POST", body: JSON.stringify(heard) });
};
</script>"""


class Site(http.server.BaseHTTPRequestHandler):
    """A site of the browser's own: an EventSource cannot send a key, so its server does. The first stream breaks after
    its first event.
    """

    def log_message(self, *_):
        pass

    def do_GET(self):
        if self.path != "/events":
            return self.answer(200 if self.path == "/" else 404, "text/html", PAGE)
        last = self.headers.get("Last-Event-ID")
        if not self.server.asked:
            # A browser may take longer to start than a video to be made.
            self.server.video = submitted()
        self.server.asked.append(last)
        assert self.headers["Accept"] == "text/event-stream"
        with follow(self.server.video, **({"Last-Event-ID": last} if last else {})) as reply:
            self.send_response(reply.status_code)
            if "Content-Type" in reply.headers:
                self.send_header("Content-Type", reply.headers["Content-Type"])
            self.end_headers()
            for line in reply.iter_lines():
                self.wfile.write(line + b"\n")
                if not line and len(self.server.asked) == 1:
                    break

    def do_POST(self):
        self.server.heard = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.answer(204, "text/plain", b"")
        self.server.reported.set()

    def answer(self, status, kind, body):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.end_headers()
        self.wfile.write(body)


def test_a_browser_comes_back_until_there_is_nothing_new(tmp_path):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site) as site:
        site.video, site.asked, site.heard, site.reported = None, [], None, threading.Event()
        threading.Thread(target=site.serve_forever, daemon=True).start()
        browser = subprocess.Popen(
            ["chromium", "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}",
             "--remote-debugging-port=0", f"http://127.0.0.1:{site.server_port}/"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            assert site.reported.wait(60), (site.asked, site.heard)
        finally:
            browser.terminate()
            browser.wait(60)
            site.shutdown()
    assert site.heard[0][1] != "completed" and site.heard[-1] == ["succeeded-100", "completed"]
    # At first nothing; what the broken stream said last; and the end, to which there is nothing new.
    assert len(site.asked) == 3 and site.asked == [None, site.heard[0][0], "succeeded-100"]
