"""How far a job is, in one number: as hosts are told, and as the terminal shows it."""

import pytest

from v2a_api.v1 import generation_pb2 as pb
from v2a_plugin.bridge.telling import Progress
from v2a_plugin.progress import ProgressBars


def told(*steps: tuple[str, int, int]) -> list[float]:
    """How far a job is after each step of a stage's total."""
    progress, done = Progress(), []
    for stage, step, total in steps:
        progress = progress.at_server(pb.Progress(stage=stage, step=step, total_steps=total), rendered=False)
        done.append(progress.done)
    return done


def test_stages_that_take_turns_move_the_bar_together() -> None:
    parts = 10
    done = told(
        ("reading", 1, 1),
        *(
            (stage, part, parts)
            for part in range(1, parts + 1)
            for stage in ("encoding", "sampling", "decoding", "writing")
        ),
    )
    after_each = done[4::4]
    assert after_each[4] == pytest.approx(0.5, abs=0.05)
    assert after_each == sorted(after_each)
    assert done[-1] == pytest.approx(0.98)


def test_what_was_not_told_of_is_done() -> None:
    """What the film shows was remembered."""
    assert told(("reading", 1, 1), ("sampling", 0, 8), ("sampling", 8, 8)) == pytest.approx([0.05, 0.3, 0.9])


def test_the_bar_does_not_go_back() -> None:
    assert told(("sampling", 4, 8), ("reading", 0, 1), ("sampling", 1, 8)) == pytest.approx([0.6, 0.6, 0.6])


def test_the_terminals_bar_is_of_the_whole_job() -> None:
    with ProgressBars() as bars:
        show = bars.job("reel.mp4")
        assert bars._progress is not None
        (task,) = bars._progress.tasks
        for stage, step, total in (("reading", 1, 1), ("encoding", 1, 2), ("sampling", 1, 2), ("encoding", 2, 2)):
            show(pb.GenerationEvent(progress=pb.Progress(stage=stage, step=step, total_steps=total)))
        assert task.description == "encoding"
        assert task.percentage == pytest.approx(60)
        show(pb.GenerationEvent(state=pb.StateChange(state=pb.STATE_SUCCEEDED)))
        assert task.percentage == 100
