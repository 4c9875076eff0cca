"""Jobs through a true bridge and a true server, whose worker makes tones."""

import json
import random
import subprocess
import sys
import time
import wave
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest

from tests.plugin.hosting import Host, job_for, tones, whole_s
from tests.server.running import Server, eventually
from v2a_host.bridge_client import BridgeError

NewHost = Callable[..., Host]


@pytest.fixture(scope="module")
def server(new_server: Callable[..., Server], make_film: Callable[..., Path]) -> Server:
    server = new_server()
    make_film(server.folder / "films" / "film.mp4", Fraction(25), 100)
    return server.start()


@pytest.fixture
def reel(server: Server) -> Path:
    return server.folder / "films" / "film.mp4"


@pytest.fixture
def host(new_host: NewHost, server: Server) -> Host:
    host = new_host()
    host.start(server=server.address)
    return host


def n_samples(path: str) -> int:
    with wave.open(path) as file:
        return int(file.getnframes())


def on_a_small_disk(folder: Path) -> list[str]:
    """The beginning of a command, before its Python, that runs the bridge with very little room in a folder."""
    folder.mkdir()
    namespace = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    tried = subprocess.run([*namespace, f"mount -t tmpfs none {folder}"], capture_output=True, check=False)
    if tried.returncode:
        pytest.skip("no file systems of a user's own here (unshare)")
    return [*namespace, f'mount -t tmpfs -o size=64k none {folder} && exec "$0" -m v2a_plugin bridge']


def test_a_job_is_told_of_from_its_submission_to_its_files(host: Host, reel: Path, tmp_path: Path) -> None:
    job = host.submit(
        reel, model="tones", layers=tones(steps=20, step_s=0.05, warning="a bird sings"), takes=2, seed=7,
        output=str(tmp_path / "new" / "sounds"), tag={"strip": "a"}, name="Tür 1/2", handles="0.5",
        pieces=[{"source": ["1", "2"], "presented": ["10", "11"]}], range=["10", "11"], available=["9", "11.2"],
    )  # fmt: skip
    ended = host.finish(job)
    assert ended["state"] == "succeeded"
    assert (ended["progress"], ended["text"], ended["tag"], ended["name"]) == (1.0, "done", {"strip": "a"}, "Tür 1/2")
    assert ended["warnings"] == ["a bird sings"]
    assert [Fraction(handle) for handle in ended["handles"]] == [Fraction(13, 25), Fraction(1, 5)]
    names = [Path(take["path"]).name for take in ended["takes"]]
    assert names == [f"Tur_1_2_{job}.mix.take1.wav", f"Tur_1_2_{job}.mix.take2.wav"]
    for take in ended["takes"]:
        assert n_samples(take["path"]) == take["n_samples"] == whole_s(ended) * 48_000
    assert sorted(path.name for path in (tmp_path / "new" / "sounds").iterdir()) == names
    told = host.told_of(job)
    assert {status["state"] for status in told} == {"waiting", "running", "succeeded"}
    sampling = [status for status in told if status["stage"] == "sampling"]
    assert len(sampling) >= 5
    assert sampling[-1]["text"] == f"sampling, {sampling[-1]['step']} of 20"
    done = [status["progress"] for status in told]
    assert done == sorted(done)
    assert all("parameters" not in status for status in told)
    listed = host.status(job)
    assert listed.pop("parameters")["seed"] == 7
    assert listed == ended


def test_the_folder_for_sounds_that_is_told_is_used(host: Host, reel: Path) -> None:
    hello = host.hello("edit", server=host.ask("server.status")["address"])
    ended = host.finish(host.submit(reel, model="tones", layers=tones()))
    assert {str(Path(take["path"]).parent) for take in ended["takes"]} == {hello["output"]}


def test_twenty_jobs_at_once_are_told_of_in_order_and_not_too_often(host: Host, reel: Path, tmp_path: Path) -> None:
    began_s = time.monotonic()
    jobs = [
        host.submit(
            reel,
            model="tones",
            layers=tones(steps=400 if seed == 0 else 40, step_s=0.005),
            seed=seed,
            output=str(tmp_path),
        )
        for seed in range(20)
    ]
    host.until(lambda: {status["job"] for _, status in host.told if status.get("state") == "succeeded"} == set(jobs))
    took_s = time.monotonic() - began_s  # however long that was: each is told of ten times a second at most
    for job in jobs:
        assert len(host.told_of(job)) <= 10 * took_s + 3
        assert any(status["queue"] for status in host.told_of(job)) or job == jobs[0]
    assert [status["job"] for _, status in host.told if status.get("state") == "succeeded"] == jobs
    assert [status["job"] for status in host.ask("jobs")["jobs"]] == jobs
    assert len(list(tmp_path.glob("*.wav"))) == 20


def test_cancelling_ends_one_job_here_and_at_the_server(host: Host, server: Server, reel: Path) -> None:
    slow = tones(steps=1000, step_s=0.02)
    first, second = (host.submit(reel, model="tones", layers=slow, seed=seed) for seed in (100, 101))
    host.until_sampling(first)
    host.ask("cancel", job=first)
    assert host.finish(first)["state"] == "cancelled"
    host.until_sampling(second)
    assert host.status(second)["state"] == "running"
    request = host.told_of(first)[-1]["request_id"]
    assert eventually(lambda: server.get(request).state == 5)
    host.ask("cancel", job=second)
    host.ask("cancel", job=second)
    assert host.finish(second)["state"] == "cancelled"


def test_jobs_that_are_cancelled_while_they_wait_hold_nobody_up(host: Host, reel: Path) -> None:
    jobs = [host.submit(reel, model="tones", layers=tones(steps=10, step_s=0.02), seed=300 + n) for n in range(8)]
    for job in jobs[1:6]:
        host.ask("cancel", job=job)
    states = [host.finish(job)["state"] for job in jobs]
    assert states == ["succeeded", *["cancelled"] * 5, "succeeded", "succeeded"]


def test_a_sound_that_two_want_is_made_though_one_of_them_cancels(
    new_host: NewHost, server: Server, reel: Path
) -> None:
    plan = tones(steps=50, step_s=0.02, who="two bridges")
    hosts = [new_host(), new_host()]
    for number, host in enumerate(hosts):
        host.start(f"edit{number}", server=server.address)
    jobs = [host.submit(reel, model="tones", layers=plan) for host in hosts]
    for host, job in zip(hosts, jobs, strict=True):
        host.until_sampling(job)
    hosts[0].ask("cancel", job=jobs[0])
    assert hosts[0].finish(jobs[0])["state"] == "cancelled"
    ended = hosts[1].finish(jobs[1])
    assert ended["state"] == "succeeded"
    assert server.get(ended["request_id"]).attempt == 2


def test_two_jobs_of_one_bridge_may_want_the_same(host: Host, server: Server, reel: Path) -> None:
    plan = tones(steps=50, step_s=0.02, who="one bridge")
    jobs = [host.submit(reel, model="tones", layers=plan, name=name) for name in ("a", "b")]
    for job in jobs:
        host.until_sampling(job)
    host.ask("cancel", job=jobs[0])
    ended = host.finish(jobs[1])
    assert (host.finish(jobs[0])["state"], ended["state"]) == ("cancelled", "succeeded")
    assert server.get(ended["request_id"]).attempt == 1


def test_a_killed_bridge_leaves_its_jobs_to_the_next(new_host: NewHost, server: Server, reel: Path) -> None:
    first = new_host()
    first.start(server=server.address)
    job = first.submit(reel, model="tones", layers=tones(steps=60, step_s=0.02, who="killed"))
    first.until_sampling(job)
    first.kill()
    assert "exit status -9" in first.ends[0]
    with pytest.raises(BridgeError, match="start it again"):
        first.ask("jobs")
    second = new_host()
    second.start(server=server.address)
    ended = second.finish(job)
    assert ended["state"] == "succeeded"
    assert n_samples(ended["takes"][0]["path"]) == 48_000
    assert server.get(ended["request_id"]).attempt == 1


def test_a_bridge_that_is_killed_at_any_moment_loses_nothing(new_host: NewHost, server: Server, reel: Path) -> None:
    host = new_host()
    chance = random.Random(5)  # noqa: S311
    jobs = []
    for seed in range(10):
        host.start(server=server.address)
        plan = tones(steps=4, step_s=0.02)
        jobs.append(host.submit(reel, model="tones", layers=plan, seed=400 + seed, takes=3))
        time.sleep(chance.uniform(0, 0.4))
        host.kill()
    host.told.clear()
    host.start(server=server.address)
    host.until(lambda: all(status["state"] == "succeeded" for status in host.ask("jobs")["jobs"]))
    ended = host.ask("jobs")["jobs"]
    assert [status["job"] for status in ended] == jobs
    paths = {Path(take["path"]) for status in ended for take in status["takes"]}
    assert set((host.home / "sounds").iterdir()) == paths
    assert len(paths) == 30
    assert {n_samples(str(path)) for path in paths} == {48_000}


def test_what_ended_while_the_host_was_away_is_fetched_at_the_next_hello(
    new_host: NewHost, server: Server, reel: Path
) -> None:
    host = new_host()
    host.start(server=server.address)
    job = host.submit(reel, model="tones", layers=tones(steps=10, step_s=0.02, who="away"))
    host.until_sampling(job)
    request = host.told_of(job)[-1]["request_id"]
    host.client.close()
    assert server.finish(request).state == 3
    host.start(server=server.address)
    assert host.finish(job)["state"] == "succeeded"


def test_one_of_two_bridges_of_a_document_attends_to_a_job(new_host: NewHost, server: Server, reel: Path) -> None:
    hosts = [new_host(), new_host()]
    for host in hosts:
        host.start(server=server.address)
    job = hosts[0].submit(reel, model="tones", layers=tones(steps=50, step_s=0.02, who="owner"))
    hosts[0].until_sampling(job)
    hosts[1].hello("edit", server=server.address)
    seen = hosts[1].status(job)
    assert (seen["state"], seen["text"]) == ("running", "another window attends to it")
    assert (seen["elsewhere"], hosts[0].status(job)["elsewhere"]) == (True, False)
    for method in ("cancel", "forget"):
        with pytest.raises(BridgeError) as refused:
            hosts[1].ask(method, job=job)
        assert refused.value.kind == "ConflictError"
    hosts[0].kill()
    hosts[1].hello("edit", server=server.address)
    assert hosts[1].finish(job)["state"] == "succeeded"


def test_a_former_document_is_not_told_of_and_goes_on(host: Host, server: Server, reel: Path) -> None:
    job = host.submit(reel, model="tones", layers=tones(steps=50, step_s=0.02, who="former"))
    host.until_sampling(job)
    host.hello("another", server=server.address)
    assert host.ask("jobs") == {"jobs": []}
    host.client.pump()
    told = len(host.told_of(job))
    time.sleep(0.5)
    host.client.pump()
    assert len(host.told_of(job)) == told
    request = host.told_of(job)[-1]["request_id"]
    server.finish(request)
    time.sleep(0.5)
    host.hello("edit", server=server.address)
    assert host.finish(job)["state"] == "succeeded"


def test_takes_are_deleted_and_jobs_forgotten_with_or_without_their_files(host: Host, reel: Path) -> None:
    job = host.submit(reel, model="tones", layers=tones(), takes=3)
    paths = [Path(take["path"]) for take in host.finish(job)["takes"]]
    host.ask("delete_take", job=job, layer="mix", take=2)
    assert [path.exists() for path in paths] == [True, False, True]
    assert [take["take"] for take in host.status(job)["takes"]] == [1, 3]
    host.until(lambda: [take["take"] for take in host.told_of(job)[-1]["takes"]] == [1, 3])
    with pytest.raises(BridgeError, match="no take 2"):
        host.ask("delete_take", job=job, layer="mix", take=2)
    again = host.ask("again", job=job)["job"]
    kept = [Path(take["path"]) for take in host.finish(again)["takes"]]
    host.ask("forget", job=again)
    host.ask("forget", job=job, files=True)
    assert not any(path.exists() for path in paths)
    assert all(path.exists() for path in kept)
    assert host.ask("jobs") == {"jobs": []}
    with pytest.raises(BridgeError) as refused:
        host.ask("forget", job=job)
    assert refused.value.kind == "NotFoundError"
    assert list((host.home / "bridge" / "edit").iterdir()) == []


def test_again_makes_one_layer_anew_with_the_next_seed(host: Host, reel: Path) -> None:
    layers = [*tones(), {"name": "effects", "prompt": "a door", "negative": "music"}]
    job = host.submit(reel, model="tones", layers=layers, seed=4, cues=[{"time": "0.5"}])
    assert {take["layer"] for take in host.finish(job)["takes"]} == {"mix", "effects"}
    again = host.ask("again", job=job, layer="mix", takes=2)["job"]
    ended = host.finish(again)
    assert [(take["layer"], take["take"], take["seed"]) for take in ended["takes"]] == [("mix", 1, 5), ("mix", 2, 5)]
    changed = host.status(again)["parameters"]
    assert (changed["seed"], [cue["time"] for cue in changed["cues"]]) == (5, ["1/2"])
    assert host.status(job)["parameters"]["layers"] == layers
    with pytest.raises(BridgeError, match="no layer 'music'"):
        host.ask("again", job=job, layer="music")
    with pytest.raises(BridgeError, match="job has no pace"):
        host.ask("again", job=job, pace=2)


def test_a_job_whose_server_dies_fails_with_what_to_do_and_works_again(
    new_host: NewHost, new_server: Callable[..., Server], make_film: Callable[..., Path]
) -> None:
    server = new_server().start()
    film = make_film(server.folder / "films" / "film.mp4")
    host = new_host()
    host.start(server=server.address)
    job = host.submit(film, model="tones", layers=tones(steps=30, step_s=0.05))
    host.until_sampling(job)
    server.kill()
    ended = host.finish(job)
    assert (ended["state"], ended["error"]["kind"]) == ("failed", "UnavailableError")
    assert "start it, then try this job again" in ended["error"]["message"]
    host.until(lambda: host.server_state == "unreachable")
    with pytest.raises(BridgeError, match="cannot be reached"):
        host.ask("models")
    server.start()
    host.until(lambda: host.server_state == "running")
    again = host.ask("again", job=job)["job"]
    assert host.finish(again)["state"] == "succeeded"
    assert [model["name"] for model in host.ask("models")["models"]] == ["tones"]


def test_a_full_disk_fails_the_job_and_keeps_the_sound_at_the_server(
    new_host: NewHost, server: Server, reel: Path, tmp_path: Path
) -> None:
    small = tmp_path / "small"
    host = new_host([*on_a_small_disk(small), sys.executable])
    host.start(server=server.address)
    job = host.submit(reel, model="tones", layers=tones(who="full"), output=str(small))
    ended = host.finish(job)
    assert (ended["state"], ended["error"]["kind"]) == ("failed", "StorageError")
    assert "the disk is full" in ended["error"]["message"]
    again = host.ask("again", job=job, output=str(tmp_path / "large"))["job"]
    ended = host.finish(again)
    assert ended["state"] == "succeeded"
    assert server.get(ended["request_id"]).attempt == 1


def test_a_full_disk_under_the_journal_is_said_and_leaves_no_half_job(
    new_host: NewHost, server: Server, reel: Path, tmp_path: Path, short_home: Path
) -> None:
    host = new_host([*on_a_small_disk(short_home), sys.executable])
    host.start(server=server.address)
    jobs: list[str] = []

    def fill() -> None:
        while len(jobs) < 100:
            words = [{"prompt": json.dumps({"who": "x" * 1900})}]
            jobs.append(host.submit(reel, model="tones", layers=words, output=str(tmp_path)))

    with pytest.raises(BridgeError, match="the disk is full") as refused:
        fill()
    assert refused.value.kind == "StorageError"
    assert [status["job"] for status in host.ask("jobs")["jobs"]] == jobs
    for job in jobs:
        assert host.finish(job)["state"] in ("succeeded", "failed")


def test_a_job_that_the_server_cannot_make_fails_with_its_words(host: Host, reel: Path) -> None:
    ended = host.finish(host.submit(reel, model="tones", layers=tones(error="the film is torn at 3 s")))
    assert ended["error"] == {"message": "the film is torn at 3 s", "kind": "MediaError"}
    assert ended["text"] == "the film is torn at 3 s"
    ended = host.finish(host.submit(reel, layers=tones()))
    assert (ended["state"], ended["model"]["name"]) == ("succeeded", "tones")
    ended = host.finish(host.submit(reel, model="choir"))
    assert ended["error"]["kind"] == "NotFoundError"
    assert "tones" in ended["error"]["message"]
    ended = host.finish(host.submit(reel, model="tones", layers=[{"name": "music"}]))
    assert "makes no music" in ended["error"]["message"]


def test_what_is_wrong_with_a_place_is_said_at_once(host: Host, reel: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BridgeError, match="cannot be written") as refused:
        host.submit(reel, output=str(tmp_path / "file" / "sounds"))
    assert refused.value.kind == "StorageError"
    with pytest.raises(BridgeError, match="moved or renamed") as refused:
        host.submit(tmp_path / "gone.mp4")
    assert refused.value.kind == "NotFoundError"
    assert host.ask("jobs") == {"jobs": []}


def test_a_film_that_is_moved_before_it_was_read_fails_the_job(host: Host, server: Server, reel: Path) -> None:
    moving = server.folder / "films" / "moving.mp4"
    moving.write_bytes(reel.read_bytes())
    job = host.submit(moving, model="tones", layers=tones(who="moved"))
    assert host.finish(job)["state"] == "succeeded"
    moving.unlink()
    with pytest.raises(BridgeError, match="moved or renamed"):
        host.ask("again", job=job)
    # One that was taken up has no submission left that could refuse it.
    host.client.close()
    path = host.home / "bridge" / "edit" / f"{job}.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "state": "running", "takes": []}))
    host.told.clear()
    host.start(server=server.address)
    ended = host.finish(job)
    assert (ended["state"], ended["error"]["kind"]) == ("failed", "NotFoundError")
    assert "moved or renamed" in ended["error"]["message"]


def test_a_job_of_another_format_fails_and_harms_no_other(host: Host, server: Server, reel: Path) -> None:
    good = host.submit(reel, model="tones", layers=tones(who="good"))
    bad = host.submit(reel, model="tones", layers=tones(who="bad"))
    host.finish(good)
    host.finish(bad)
    host.client.close()
    folder = host.home / "bridge" / "edit"
    changed = json.loads((folder / f"{bad}.json").read_text())
    changed["parameters"]["pieces"] = 5
    (folder / f"{bad}.json").write_text(json.dumps({**changed, "state": "running"}))
    (folder / "0123456789.json").write_text("torn")
    host.start(server=server.address)
    states = {status["job"]: status["state"] for status in host.ask("jobs")["jobs"]}
    assert states == {good: "succeeded", bad: "failed"}
    assert (folder / "0123456789.json").read_text() == "torn"


def test_a_job_without_words_needs_a_source_and_a_second_of_film(host: Host) -> None:
    with pytest.raises(BridgeError, match=r"job\.source must have one of"):
        host.ask("submit", job=job_for({}))
