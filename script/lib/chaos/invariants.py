"""What must hold after every scenario, whatever went wrong in it."""

import collections
import hashlib
import http.client
import os
from dataclasses import dataclass, field

import sandbox
from load import Line

MEDIA = os.environ["KINORA_MEDIA_DIR"]

TASKS = """
SELECT left(replace(i.uid::text, '-', ''), 12), t.state, coalesce(t.error_code, 'succeeded'), i.prompt,
    (SELECT count(*) FROM attempt p WHERE p.task_id = t.id),
    (SELECT count(*) FROM attempt p WHERE p.task_id = t.id AND p.outcome = 'succeeded'),
    (SELECT count(*) FROM task_asset a WHERE a.task_id = t.id AND a.role = 'result'),
    (SELECT string_agg(l.kind, ' ' ORDER BY l.id) FROM ledger l WHERE l.task_id = t.id)
FROM task t JOIN task_input i ON i.task_id = t.id WHERE t.id > {since}
"""
ATTEMPTS = """
SELECT a.name, p.vendor_task_id FROM attempt p JOIN account a ON a.id = p.account_id
WHERE p.vendor_task_id IS NOT NULL AND p.task_id > {since}
"""
SLOTS_LEFT = "SELECT a.name, count(*) FROM attempt p JOIN account a ON a.id = p.account_id " \
    "WHERE p.finished_at IS NULL GROUP BY a.name"
BEYOND = "SELECT count(*) FROM attempt p JOIN account a ON a.id = p.account_id WHERE p.slot > a.slots"
RESULTS = """
SELECT DISTINCT encode(sha256, 'hex'), media_type, bytes FROM asset
JOIN task_asset a ON a.asset_id = asset.id WHERE a.task_id > {since} AND a.role = 'result'
"""
EXTENSIONS = {"video/mp4": "mp4"}


@dataclass
class Task:
    """A row of the database."""

    short: str
    state: str
    end: str
    prompt: str
    attempts: int
    successes: int
    results: int
    transfers: str


@dataclass
class Evidence:
    """Everything that is known once a scenario is over."""

    instance: object
    load: object
    watch: object
    observer: object
    stage: object
    scenario: object
    since: int
    tasks: list = field(default_factory=list)
    vendor: dict = field(default_factory=dict)
    stats: dict = field(default_factory=dict)

    def gather(self):
        rows = self.instance.sql(TASKS.format(since=self.since))
        self.tasks = [Task(*row[:4], *map(int, row[4:7]), row[7]) for row in rows]
        self.vendor = {name: sandbox.tasks(credential) for name, credential in self.instance.credentials.items()}
        self.stats = sandbox.stats()
        return self

    @property
    def at_vendor(self):
        """How often the vendor has accepted each prompt."""
        return collections.Counter(prompt for videos in self.vendor.values() for _, prompt in videos)


def nothing_is_lost(seen):
    """every accepted id is a task, and every task was asked for once"""
    asked = {name.rpartition("-")[2] for name in seen.load.accepted.values()}
    kept = {task.short for task in seen.tasks}
    yield from (f"{short} was accepted and is no task" for short in asked - kept)
    yield from (f"{short} is a task that no client heard of" for short in kept - asked)
    yield from seen.load.refused
    if len(seen.load.accepted) != seen.load.count:
        yield f"{len(seen.load.accepted)} of {seen.load.count} submits were accepted"


def everything_ends_as_it_must(seen):
    """every task is in the final state that its scenario allows"""
    kinds = {seen.load.prompt(number): seen.load.kind(number) for number in range(seen.load.count)}
    for task in seen.tasks:
        if task.state not in ("succeeded", "failed", "cancelled", "expired"):
            yield f"{task.short} is {task.state}: {task.prompt}"
        elif task.end not in kinds[task.prompt].ends:
            yield f"{task.short} ended with {task.end}: {task.prompt}"


def nothing_is_submitted_twice(seen):
    """the vendor accepted each prompt once at most, and each that succeeded"""
    counts = seen.at_vendor
    yield from (f"accepted {count} times: {prompt}" for prompt, count in counts.items() if count > 1)
    yield from (f"succeeded, and the vendor never had it: {task.prompt}"
                for task in seen.tasks if task.state == "succeeded" and counts[task.prompt] == 0)
    if sum(counts.values()) != seen.stats["accepted"]:
        yield f"the vendor counts {seen.stats['accepted']} tasks and lists {sum(counts.values())}"


def everything_is_paid_once(seen):
    """a success has one result and one capture; anything else none, and its hold is released; the ledger is sound"""
    for task in seen.tasks:
        wanted = 1 if task.state == "succeeded" else 0
        if (task.successes, task.results) != (wanted, wanted):
            yield f"{task.short} {task.state}: {task.successes} successful attempts, {task.results} results"
        if task.transfers != ("hold capture" if wanted else "hold release"):
            yield f"{task.short} {task.state}: {task.transfers}"
    try:
        seen.instance.kinora("check", "--ledger")
    except RuntimeError as error:
        yield str(error)


def results_can_be_had(seen):
    """the bytes of every result are what their name says, and nginx sends them"""
    for sha256, kind, size in seen.instance.sql(RESULTS.format(since=seen.since)):
        path = f"{MEDIA}/{sha256[:2]}/{sha256}.{EXTENSIONS[kind]}"
        try:
            with open(path, "rb") as file:
                content = file.read()
        except OSError as error:
            yield f"{path}: {error.strerror}"
            continue
        if hashlib.sha256(content).hexdigest() != sha256 or len(content) != int(size):
            yield f"{path} holds other bytes"
    succeeded = {task.short for task in seen.tasks if task.state == "succeeded"}
    line = Line()
    for number, name in list(seen.load.accepted.items())[::50]:
        if name.rpartition("-")[2] in succeeded:
            try:
                status, _, content = line.ask("GET", f"/v1/videos/{name}/content", seen.load.key(number))
            except (OSError, http.client.HTTPException) as error:
                status, content = repr(error), b""
            if status != 200 or not content:
                yield f"the content of {name}: {status}, {len(content)} bytes"
    line.close()


def ends_are_final(seen):
    """no task that ended has changed since, in this scenario or later"""
    yield from seen.observer.changed()
    yield from seen.watch.broken


def slots_and_limits_hold(seen):
    """no account ran more than its slots, no key more than its limit, and no slot is still taken"""
    yield from seen.observer.broken
    yield from (f"{name} has {taken} slots taken" for name, taken in seen.instance.sql(SLOTS_LEFT))
    if beyond := seen.instance.number(BEYOND):
        yield f"{beyond} attempts had a slot beyond their account's"


def tasks_stay_with_their_account(seen):
    """whoever submitted a task asked for it, and nobody else"""
    if seen.stats["strangers"]:
        yield f"{seen.stats['strangers']} requests with another account's key"
    owners = {video: name for name, videos in seen.vendor.items() for video, _ in videos}
    for name, video in seen.instance.sql(ATTEMPTS.format(since=seen.since)):
        if owners.get(video) != name:
            yield f"{video} is of {owners.get(video)}, and the attempt says {name}"


def strangers_are_not_believed(seen):
    """who is not a vendor is refused"""
    yield from seen.stage.believed


def nobody_dies(seen):
    """no process ended but those that were told to"""
    yield from (f"{program.name} ended by itself with {program.process.returncode}"
                for program in seen.instance.programs if program.has_died)


def no_client_notices(seen):
    """where the situation is an ordinary one, no submit fails"""
    if seen.scenario.is_seamless:
        yield from seen.load.failed


def the_situation_was_felt(seen):
    """what went wrong left its traces in Kinora's logs: else nothing was proven"""
    said = "".join(program.said() for program in seen.instance.kinora_programs)
    yield from (f"no log says '{trace}'" for trace in seen.scenario.traces if trace not in said)


DELIVERIES = """
SELECT left(replace(i.uid::text, '-', ''), 12), count(d.id), 'msg_' || replace(min(d.uid::text), '-', '')
FROM task t JOIN task_input i ON i.task_id = t.id JOIN app_user u ON u.id = t.user_id
    LEFT JOIN webhook_delivery d ON d.task_id = t.id
WHERE u.name = 'client-1' GROUP BY i.task_id
"""


def ends_are_told(instance, receiver):
    """once all is over: who asked for it was told of every end, each time under the one id of its message"""
    told = {message: set(tasks) for message, tasks in receiver.came.items()}
    for task, count, message in instance.sql(DELIVERIES):
        if count != "1":
            yield f"{task} has {count} messages"
        elif told.pop(message, None) != {task}:
            yield f"{task}: its message {message} did not come, or told of another task"
    yield from (f"the message {message} is of no task" for message in told)


ALL = (nothing_is_lost, everything_ends_as_it_must, nothing_is_submitted_twice, everything_is_paid_once,
       results_can_be_had, ends_are_final, slots_and_limits_hold, tasks_stay_with_their_account,
       strangers_are_not_believed, nobody_dies, no_client_notices, the_situation_was_felt)
