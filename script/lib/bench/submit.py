"""Durable submits, against pgbench running the same SQL on the same tables."""

import os
import tempfile

import figures
from application import running
from ladder import nginx_pids
from load import KEY, SECONDS, Step, pgbench
from machine import quiet, sql

ROUNDS = 5
CLIENTS = 16
PROMPT = "a paper boat drifts through a city in the rain, seen from above"
BODY = '{"model":"sora-2","prompt":"%s","seconds":"4","size":"720x1280"}' % PROMPT
# What Kinora's sessions say at their beginning (Sources/Store/Postgres/Connection.swift) and who they are.
SESSION = """-c search_path=kinora -c timezone=UTC -c statement_timeout=15s -c lock_timeout=5s
    -c idle_in_transaction_session_timeout=30s -c client_min_messages=warning -c role=kinora_app"""


def words(text):
    return " ".join(text.split())


def statement():
    """What Kinora has just run to submit a task, in the server's words."""
    lines = sql("""
        SELECT query FROM pg_stat_activity WHERE application_name = 'kinora' AND query LIKE '%task_input (%' LIMIT 1
    """)
    if not lines:
        raise RuntimeError("no session of Kinora has submitted anything")
    return "\n".join(line[0] for line in lines)


ROW = """
SELECT t.user_id, t.key_id, t.model_id, t.kind, t.category, i.dialect, i.prompt, i.parameters, t.price_micros,
    t.priority, t.piece_micros
FROM kinora.task t JOIN kinora.task_input i ON i.task_id = t.id
"""


def script(text):
    """pgbench's form of the statement. pgbench has numbers only where a value must differ each time, so the uuid is
    put together from two of them; it has no NULL, so NULLs stand in the text. All else is a parameter as it is in
    Kinora. No worker runs that could be told."""
    for number in range(17, 0, -1):
        name = "(:high || :low)" if number == 1 else "NULL" if number in (10, 11, 12, 17) else f":p{number}"
        text = text.replace(f"${number}", name)
    with tempfile.NamedTemporaryFile("w", suffix=".sql", delete=False) as file:
        file.write("\\set high random(1000000000000000, 9999999999999999)\n")
        file.write("\\set low random(1000000000000000, 9999999999999999)\n")
        file.write(text + ";\n")
    return file.name


# The model has a price and the user has quota: what is measured holds and writes it down. Loaded as a replica loads
# it, since the ledger refuses to be emptied; then filled by the ledger's own triggers.
EMPTY = """
SET session_replication_role = replica;
TRUNCATE kinora.task, kinora.ledger, kinora.wallet, kinora.key_spend CASCADE;
SET session_replication_role = origin;
INSERT INTO kinora.ledger (event, kind, debit, credit, user_id, amount_micros)
SELECT 'topup:bench', 'topup', 'issued', 'available', user_id, 1000000000000000
FROM kinora.api_key WHERE public_id = :'key';
INSERT INTO kinora.price (model_id, category, task_micros) VALUES ('sora-2', 't2v', 1000) ON CONFLICT DO NOTHING;
CHECKPOINT;
"""
# Other parts measure what costs nothing.
TAKE_DOWN = "DELETE FROM kinora.price"


def empty():
    """Every run begins with empty tables and nothing left to write back."""
    sql(EMPTY, f"key={KEY.split('_')[1]}")


def measure():
    try:
        return measure_priced()
    finally:
        sql(TAKE_DOWN)


def measure_priced():
    everything = [*nginx_pids(), int(os.environ["BENCH_POSTGRES_PID"])]
    bench, lost, broken = [], [], []
    empty()
    # No worker: what is measured is the acceptance, on both sides.
    with running("serve") as (kinora,):
        step = Step("submit", CLIENTS, [*everything, kinora.pid], "/v1/videos", key=KEY, method="POST", body=BODY)
        empty()
        step.measure(1)
        text = statement()
        kept = sql(ROW + "LIMIT 1")[0]
        names = ("p2", "p3", "p4", "p5", "p6", "p7", "p8", "p9", "p14", "p15", "p16")
        variables = {**dict(zip(names, kept)), "p13": "{}"}
        file = script(text)
        step.runs.clear()
        for _ in range(ROUNDS):
            with quiet():
                empty()
                run = step.measure()
                # wrk stops counting a moment before the last answers arrive.
                stored = int(sql("SELECT count(*) FROM kinora.task_input")[0][0])
                lost.append(max(0, run.requests - stored))
                empty()
                rate, made, failed = pgbench(file, variables, CLIENTS, words(SESSION))
                bench.append(rate)
                broken.append(failed + made - int(sql("SELECT count(*) FROM kinora.task_input")[0][0]))
                if sql(ROW + "GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11") != [kept]:
                    raise RuntimeError("pgbench's rows differ from Kinora's")
                if sql("SELECT * FROM kinora.v_ledger_fault"):
                    raise RuntimeError("the ledger does not agree with the tasks")
    how = f"wrk -c{CLIENTS} and pgbench -c{CLIENTS} -j2 -M prepared in turn, {SECONDS} s each, {ROUNDS} times, " \
        "empty tables, no worker, one key that pays for each; every row of both is the same but for its ids"
    return [
        figures.ratio("submit / pgbench", step.values("rate"), bench, "req/s", how, at_least=0.5),
        figures.bound("submits answered and not stored", [sum(lost)], "", "counted after each run", 0),
        figures.bound("failed submits, of either", [step.failed + sum(broken)], "", "all runs", 0),
    ], [step]
