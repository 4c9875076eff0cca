"""The list of sounds as the panel shows it, and what waits to be placed."""

from typing import Any

import pytest

from v2a_blender.table import JobTable, Row, named_apart, read_back_differs, wrapped


def status(job: str, state: str = "succeeded", **said: Any) -> dict[str, Any]:
    return {"job": job, "name": f"shot {job}", "state": state, **said}


def test_jobs_come_newest_first_and_keep_what_was_told_before() -> None:
    table = JobTable()
    table.update(status("a", "waiting", tag={"scene": "s"}))
    table.update(status("b", "waiting"))
    row = table.update(status("a", "running", text="sampling, 7 of 24", progress=0.4))
    assert [row.id for row in table.newest_first()] == ["b", "a"]
    assert (row.text, row.progress, row.tag) == ("sampling, 7 of 24", 0.4, {"scene": "s"})
    assert table.n_active() == 2


@pytest.mark.parametrize(
    ("said", "text"),
    [
        (status("a", "waiting", queue=3), "waiting, 3 before it"),
        (status("a", "rendering"), "rendering the picture"),
        (status("a", "cancelled"), "cancelled"),
    ],
)
def test_what_a_job_does_in_words(said: dict[str, Any], text: str) -> None:
    assert Row(said).text == text


def test_each_sound_is_placed_once_and_again_on_demand() -> None:
    table = JobTable()
    table.update(status("a"))
    table.update(status("b", "running"))
    table.update(status("c", "failed"))
    assert [row.id for row in table.to_place()] == ["a"]
    table.settle("a", ["no channel is free"])
    assert table.to_place() == []
    row = table.get("a")
    assert row is not None
    assert row.messages == ["no channel is free"]
    table.unsettle("a")
    assert [row.id for row in table.to_place()] == ["a"]
    assert row.messages == []


def test_what_the_file_has_had_does_not_come_again() -> None:
    table = JobTable()
    table.settled |= {"a"}
    table.replace([status("a"), status("b")])
    assert [row.id for row in table.to_place()] == ["b"]


def test_what_the_bridge_does_not_know_any_more_goes() -> None:
    table = JobTable()
    table.update(status("a"))
    table.replace([status("b")])
    assert [row.id for row in table.newest_first()] == ["b"]
    table.forget("b")
    assert len(table) == 0
    assert "b" in table.settled


def test_errors_come_before_troubles_and_warnings() -> None:
    row = Row(status("a", "failed", error={"message": "no such film"}, warnings=["short"]), ["not placed"])
    assert row.messages == ["no such film", "not placed", "short"]


def test_a_licence_that_forbids_selling_says_so() -> None:
    model = {"name": "m", "title": "Big", "licence": "CC-BY-NC-4.0", "commercial_use": False}
    assert Row(status("a", model=model)).licence == "Big: CC-BY-NC-4.0, not for commercial use"
    assert Row(status("a", model={**model, "commercial_use": True})).licence == "Big: CC-BY-NC-4.0"
    assert Row(status("a")).licence == ""


def test_rerolls_are_one_family() -> None:
    table = JobTable()
    table.update(status("a"))
    table.update(status("b", tag={"replaces": ["a"]}))
    table.update(status("c", tag={"replaces": ["a", "b"]}))
    table.update(status("other"))
    assert table.family("a") == table.family("b") == table.family("c") == ["a", "b", "c"]
    assert table.family("other") == ["other"]


def test_each_roll_has_a_seed_of_its_own_though_the_former_are_under_way() -> None:
    table = JobTable()
    table.update(status("a", takes=[{"layer": "mix", "take": 1, "seed": 7}]))
    assert [table.next_seed("a"), table.next_seed("a")] == [8, 9]  # neither is listed yet
    table.update(status("b", "waiting", tag={"replaces": ["a"], "seed": 8}))
    table.update(status("c", "waiting", tag={"replaces": ["a"], "seed": 9}))
    assert table.next_seed("b") == 10
    assert table.next_seed("of a job that is not listed any more", known=40) == 41
    table.clear()  # the file was opened again: the bridge tells what was asked for
    table.update(status("a", parameters={"seed": 7}, takes=[]))
    table.update(status("b", "running", parameters={"seed": 12}, tag={"replaces": ["a"]}))
    assert table.next_seed("a") == 13


def test_one_sound_of_a_family_is_heard_in_whatever_order_they_come() -> None:
    table = JobTable()
    table.update(status("a"))
    table.update(status("b", tag={"replaces": ["a"]}))
    table.update(status("c", tag={"replaces": ["a"]}))
    assert [table.silenced_by(job) for job in "abc"] == [{"b", "c"}, {"a", "c"}, {"a", "b"}]
    table.forget("a")
    assert table.silenced_by("c") == {"a", "b"}


def test_a_deleted_take_leaves_the_list() -> None:
    table = JobTable()
    table.update(status("a", takes=[{"layer": "mix", "take": 1}, {"layer": "mix", "take": 2}]))
    table.drop_take("a", "mix", 1)
    row = table.get("a")
    assert row is not None
    assert row.takes == [{"layer": "mix", "take": 2}]


def test_messages_fit_a_narrow_panel() -> None:
    assert wrapped("run `v2a install`, then press Connect", 12) == ["run `v2a", "install`,", "then press", "Connect"]
    assert wrapped("see /a/very/long/path.log now", 10) == ["see", "/a/very/lo", "ng/path.lo", "g now"]
    assert wrapped("ended.\nlast words", 20) == ["ended.", "last words"]


def test_names_are_cut_as_blender_cuts_them_and_are_none_twice() -> None:
    items = [{"name": "door"}, {"name": "door"}, {"name": "ü" * 40}, {"name": "ü" * 40}]
    names = [item["name"] for item in named_apart(items, ["door"])]
    assert names == ["door 2", "door 3", "ü" * 31, "ü" * 30 + " 2"]
    assert all(len(name.encode()) <= 63 for name in names)


def test_what_lies_otherwise_than_planned_is_found_without_the_bridge() -> None:
    lies = {
        "layer": "mix",
        "take": 1,
        "path": "/a.wav",
        "name": "n",
        "channel": 2,
        "start": 1,
        "end": 9,
        "offset": 0,
        "muted": False,
    }
    item = {**lies, "color": 5}
    assert read_back_differs([item], [lies]) == []
    assert read_back_differs([item], [{**lies, "start": 2}]) == [item]
    assert read_back_differs([item], []) == [item]
