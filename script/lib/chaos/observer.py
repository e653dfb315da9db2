"""Looks into the database while things go wrong: what holds only at the end would prove too little."""

import threading

from instance import CONCURRENT_MAX, SQLFailed

# Every task that has just ended, as it ended. What the table holds already stays as it is.
REMEMBER = """
INSERT INTO public.chaos_final (task_id, was)
SELECT t.id, {how} FROM task t
WHERE t.finished_at IS NOT NULL AND NOT EXISTS (SELECT FROM public.chaos_final c WHERE c.task_id = t.id)
ON CONFLICT DO NOTHING;
"""
HOW = """concat_ws(' ', t.state, t.finished_at, t.progress, t.error_code, t.price_micros, t.attempt, t.claim,
    (SELECT string_agg(a.asset_id::text, ',') FROM task_asset a WHERE a.task_id = t.id AND a.role = 'result'))"""
CHANGED = f"""
SELECT i.uid, c.was, {HOW} FROM public.chaos_final c LEFT JOIN task t ON t.id = c.task_id
    LEFT JOIN task_input i ON i.task_id = c.task_id
WHERE t.id IS NULL OR c.was IS DISTINCT FROM {HOW}
"""
BUSIEST = """
SELECT coalesce(max(taken - slots), 0) FROM (
    SELECT a.slots, count(*) AS taken FROM attempt p JOIN account a ON a.id = p.account_id
    WHERE p.finished_at IS NULL GROUP BY a.id) busy;
"""
LIMITED = """
SELECT count(*) FROM task t JOIN api_key k ON k.id = t.key_id
WHERE k.public_id = '{key}' AND t.finished_at IS NULL;
"""


class Observer:
    """Looks twice a second, where the database answers."""

    def __init__(self, instance):
        self.instance, self.looks, self.broken = instance, 0, []
        self.stopping = threading.Event()
        self._thread = threading.Thread(target=self._look_on)

    def start(self):
        self._thread.start()

    def stop(self):
        self.stopping.set()
        self._thread.join()
        self.look()

    def _look_on(self):
        while not self.stopping.wait(0.5):
            try:
                self.look()
            except SQLFailed:
                continue

    def look(self):
        # One statement each, so that every count is of one moment.
        over, = self.instance.sql(BUSIEST)
        if int(over[0]) > 0:
            self.broken.append(f"an account ran {over[0]} tasks more than it has slots")
        unfinished, = self.instance.sql(LIMITED.format(key=self.instance.limited_key_id))
        if int(unfinished[0]) > CONCURRENT_MAX:
            self.broken.append(f"{unfinished[0]} unfinished tasks of a key that may have {CONCURRENT_MAX}")
        self.instance.sql(REMEMBER.format(how=HOW))
        self.looks += 1

    def changed(self):
        """Tasks that ended otherwise than they first did, in any scenario so far."""
        return [f"{uid or 'a task that is gone'} was '{was}', is '{now}'" for uid, was, now in
                self.instance.sql(CHANGED)]
