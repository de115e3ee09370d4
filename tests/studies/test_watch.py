"""How a study is counted while it runs."""

from etude.studies.study import Study
from etude.studies.watch import Silent, Tally


def test_a_round_is_counted_from_the_reports_of_its_shards():
    tally = Tally(round=2, runs=10, done=4, remaining=600)
    tally.moved(shard=0, lane_steps=150, alive=2, left=1)
    tally.moved(shard=1, lane_steps=100, alive=3, left=0)
    status = tally.status()
    assert (status.round, status.runs, status.done, status.alive, status.diverged) == (2, 10, 4, 5, 1)
    assert status.seconds_left is not None
    assert abs(status.seconds_left * status.steps_per_second - 350) < 1e-6
    tally.finished(shard=0, runs=3, diverged=2)
    status = tally.status()
    assert (status.done, status.alive, status.diverged) == (7, 3, 2)


def test_before_the_first_report_there_is_no_time_left():
    status = Tally(round=1, runs=2, done=0, remaining=20).status()
    assert (status.steps_per_second, status.seconds_left) == (0.0, None)


class Listener(Silent):
    def __init__(self):
        self.last = {}

    def show(self, status):
        self.last[status.round] = status


def test_every_round_ends_with_all_runs_done_and_its_diverged_runs_counted(tmp_path, tiny):
    listener = Listener()
    answer = Study("convergence", out=tmp_path / "s", **tiny).run(workers=0, watcher=listener)
    assert all(s.done == s.runs and s.alive == 0 for s in listener.last.values())
    table = answer.stored.table
    assert sum(s.diverged for s in listener.last.values()) == int(table.diverged.sum()) > 0
