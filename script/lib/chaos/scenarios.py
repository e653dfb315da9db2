"""The matrix: which bad situations there are, which tasks meet them, and how those may end."""

from dataclasses import dataclass
from typing import Callable

import situations as bad
from load import Kind


@dataclass(frozen=True)
class Scenario:
    """`traces`: words of Kinora's own logs that tell that the situation was felt; without them nothing was proven.
    `is_seamless`: no client may notice. `slow`: how the vendor takes its time for every call, so that processes die
    with calls in the air. `patience`: seconds after the situation until the last task must have ended. `is_quick`:
    script/test runs it too."""

    name: str
    what: str
    situation: Callable
    kinds: tuple = ()
    traces: tuple = ()
    is_seamless: bool = False
    slow: str = ""
    patience: int = 90
    is_quick: bool = False


def only(fault, ends, every):
    """One task in `every` meets a fault, and ends so; the others succeed."""
    return Kind(f"[sandbox:{fault}]", ends, every)


BROKEN_ANSWERS = tuple(Kind(f"[sandbox:{fault}]", every=every) for fault, every in (
    ("half_close submit", 23), ("truncated_json submit", 19), ("wrong_json submit", 17), ("half_close poll", 13),
    ("truncated_json poll", 11), ("wrong_json poll", 10), ("html poll", 9), ("unknown_status", 8),
    ("server_error poll", 7), ("bad_gateway poll", 6), ("half_close content", 5), ("server_error content", 3),
)) + (Kind("[sandbox:slow_body poll]", every=2, most=8),)

REFUSALS = (
    only("content_refusal", ("content_policy_violation",), 11), only("fail", ("generation_failed",), 7),
    only("empty_result", ("upstream_empty_result",), 5), only("not_found poll", ("upstream_expired",), 3),
)

HANGS = (Kind("[sandbox:hang submit]", every=9, most=5), Kind("[sandbox:hang poll]", every=7, most=5))

MATRIX = (
    Scenario("calm", "nothing but load from several clients, several servers, several workers", bad.nothing,
             is_seamless=True),
    Scenario("worker-killed", "kill -9 of one of three workers", bad.worker_killed, traces=("tasks taken over",),
             slow="hang"),
    Scenario("all-killed", "kill -9 of every worker and server at once", bad.all_killed,
             traces=("tasks taken over",), slow="slow_body", is_quick=True),
    Scenario("killed-over-and-over", "kill -9 of one process after the other", bad.killed_over_and_over,
             traces=("tasks taken over",), slow="slow_body"),
    Scenario("replaced", "every process asked to end and started again, one by one", bad.replaced_one_by_one,
             traces=("SIGTERM", '"clean":"true"'), is_seamless=True, slow="hang", is_quick=True),
    Scenario("no-notify", "no NOTIFY is sent or heard", bad.without_notifications),
    Scenario("postgres-restarted", "PostgreSQL stopped fast, and started", bad.postgres_restarted,
             traces=("database lost",), slow="slow_body"),
    Scenario("postgres-crashed", "PostgreSQL stopped immediately, and recovers", bad.postgres_crashed,
             traces=("database lost",), slow="slow_body", is_quick=True),
    Scenario("sessions-ended", "database sessions ended at random", bad.sessions_ended, traces=("KN502",),
             is_quick=True),
    Scenario("sessions-refused", "the server gives no more sessions", bad.sessions_refused,
             traces=("too many connections",)),
    Scenario("transaction-left-open", "an idle transaction holds tasks and an account", bad.transaction_left_open),
    Scenario("vendor-unavailable", "503 to everything", bad.storm("unavailable"), traces=("HTTP 503",)),
    Scenario("vendor-500", "500, 502 and HTML to submits, 500 to polls", bad.uncertain_storm,
             traces=("HTTP 500", "the vendor does not know the submitted task"), patience=240),
    Scenario("vendor-429", "429 without Retry-After", bad.storm("rate_limit"), traces=("HTTP 429",)),
    Scenario("vendor-429-later", "429 with Retry-After", bad.storm("rate_limit", retry_after=2),
             traces=("HTTP 429",)),
    Scenario("vendor-hangs", "submits and polls without an answer", bad.nothing, HANGS,
             traces=("Timeout was reached",), patience=240),
    Scenario("broken-answers", "cut off, cut short, slow, wrong JSON, HTML, a status nobody knows", bad.nothing,
             BROKEN_ANSWERS, traces=("pondering", "<html>", "JSON is malformed"), patience=150, is_quick=True),
    Scenario("lost-answers", "accepted, and the answer lost", bad.nothing,
             (Kind("[sandbox:lost_answer]", every=2),), is_quick=True),
    Scenario("refusals", "content refused, generation failed, no media, vendor forgot", bad.nothing, REFUSALS,
             is_quick=True),
    Scenario("no-credit", "accounts that cannot pay", bad.vendor_without_credit, traces=("insufficient_quota",)),
    Scenario("wrong-key", "accounts whose key is refused", bad.credential_refused, traces=("invalid_api_key",)),
    Scenario("account-disabled", "an account is disabled while its tasks run", bad.account_disabled),
    Scenario("callbacks-forged", "strangers call back", bad.callbacks_forged),
    Scenario("disk-full", "no room for results for a while", bad.disk_full, traces=("No space left",)),
    Scenario("clock-stepped", "the clock jumps a minute ahead and back, and a minute back", bad.clock_stepped,
             slow="hang", patience=150),
)
