import hashlib
import json
import os
import signal
import subprocess
import sys
import wave
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from v2a.media import picture_digest
from v2a.version import __version__
from v2a_plugin.client import ServerChoice, connect

Start = Callable[..., Any]
Run = Callable[..., Any]


def n_samples(path: Path) -> int:
    with wave.open(str(path)) as file:
        return int(file.getnframes())


def test_help_and_version_need_no_server(run_v2a: Run) -> None:
    assert run_v2a("--version").out.strip() == f"v2a {__version__}"
    shown = run_v2a("--help").out
    for command in ("generate", "conform", "models", "doctor", "serve"):
        assert command in shown
    assert "--mux-keep" in run_v2a("generate", "--help").out


def test_commands_load_neither_torch_nor_the_server() -> None:
    program = (
        "import sys, v2a_plugin.cli, v2a_plugin.client, v2a_plugin.specs, v2a_plugin.prompts;"
        "import v2a_plugin.placement, v2a_plugin.progress, v2a_plugin.mixing;"
        "import v2a_plugin.commands.generate, v2a_plugin.commands.models, v2a_plugin.commands.doctor;"
        "print([name for name in ('torch', 'torchaudio', 'v2a_server', 'v2a_otio') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_making_a_sound_loads_no_number_cruncher_and_a_quiet_one_no_progress_bar() -> None:
    program = (
        "import sys, v2a_plugin.cli, v2a_plugin.commands.generate, v2a.media, v2a_plugin.client, v2a_plugin.specs;"
        "from v2a_plugin.progress import ProgressBars;"
        "ProgressBars(quiet=True).job('film');"
        "print([name for name in ('numpy', 'scipy', 'rich') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_one_sound_for_a_whole_clip(run_v2a: Run, fake_server: Start, film: Path, tmp_path: Path) -> None:
    server = fake_server()
    done = run_v2a("generate", film, "--server", server.address, "--prompt", "rain")
    assert done.status == 0
    assert "reel.wav: mix, take 1, 2.000 s, -23.5 LUFS" in done.out
    assert "Apache-2.0" in done.out
    assert "reel.mp4" in done.err  # progress
    assert n_samples(tmp_path / "reel.wav") == 96_000
    assert server.calls("create")[0]["prompt"] == "rain"


def test_a_range_is_exact_and_cues_are_counted_from_the_film_s_first_frame(
    run_v2a: Run, fake_server: Start, film: Path, tmp_path: Path
) -> None:
    server = fake_server()
    done = run_v2a(
        "generate", film, "--server", server.address, "--start", "0.1001", "--duration", "7f",
        "--cue", "0.3333", "--cue", "00:00:00:05", "--json",
    )  # fmt: skip
    assert done.status == 0
    report = json.loads(done.out)
    assert Fraction(report["end_s"]) - Fraction(report["start_s"]) == Fraction(7, 25)
    assert n_samples(tmp_path / "reel.wav") == round(0.3801 * 48_000) - round(0.1001 * 48_000)
    assert server.calls("create")[0]["cues"] == [[3333, 10_000, 1], [1, 5, 1]]


def test_events_that_were_seen_can_be_given_back_as_cues(run_v2a: Run, fake_server: Start, film: Path) -> None:
    server = fake_server()
    (seen,) = json.loads(run_v2a("generate", film, "--server", server.address, "--json").out)["files"]
    assert (seen["cues"], seen["cues_seen"]) == ([{"time_s": "0.125", "strength": 0.5}], True)
    text = "{time_s}@{strength}".format(**seen["cues"][0])
    (given,) = json.loads(run_v2a("generate", film, "--server", server.address, "--cue", text, "--json").out)["files"]
    assert server.calls("create")[1]["cues"] == [[1, 8, 0.5]]
    assert (given["cues"], given["cues_seen"]) == (seen["cues"], False)
    for wrong in ("1@", "1@2", "1@0", "1@loud"):
        assert run_v2a("generate", film, "--server", server.address, "--cue", wrong).status == 2


def test_layers_and_takes_get_names_and_json_tells_all(
    run_v2a: Run, fake_server: Start, film: Path, tmp_path: Path
) -> None:
    (tmp_path / "words.txt").write_text("Hello there.\n")
    server = fake_server()
    done = run_v2a(
        "generate", film, "-o", "out.wav", "--layer", "effects=steps", "--layer", "music=waltz, slow = sad",
        "--takes", 2, "--seed", 5, "--transcript", "words.txt", "--server", server.address, "--json",
    )  # fmt: skip
    assert done.status == 0
    assert done.err == ""
    report = json.loads(done.out)
    names = ["out.effects.take1.wav", "out.effects.take2.wav", "out.music.take1.wav", "out.music.take2.wav"]
    assert [file["path"] for file in report["files"]] == names
    for file in report["files"]:
        assert hashlib.sha256((tmp_path / file["path"]).read_bytes()).hexdigest() == file["sha256"]
        assert (file["n_samples"], file["rate_hz"], file["loudness_lufs"]) == (96_000, 48_000, -23.5)
    assert [(file["layer"], file["take"]) for file in report["files"][1:3]] == [("effects", 2), ("music", 1)]
    assert (report["seed"], report["model"]["name"], report["model"]["licence"]) == (
        5,
        "pocket",
        "Apache-2.0",
    )
    assert report["warnings"] == ["this model cannot speak: the transcript is passed over"]
    assert server.calls("create")[0]["transcript"] == "Hello there."
    assert sorted(path.name for path in tmp_path.glob("*.wav")) == names


def streams(path: Path) -> list[str]:
    with av.open(str(path)) as container:
        return [stream.type for stream in container.streams]


def test_mux_writes_the_film_with_the_sound_and_the_very_same_picture(
    run_v2a: Run, fake_server: Start, film: Path, tmp_path: Path
) -> None:
    done = run_v2a(
        "generate", film, "--mux", "out.mp4", "--start", "0.5", "--layer", "effects=steps",
        "--layer", "music=waltz",
        "--server", fake_server().address, "--json",
    )  # fmt: skip
    assert done.status == 0, done.err
    assert json.loads(done.out)["mux"] == "out.mp4"
    assert picture_digest(tmp_path / "out.mp4") == picture_digest(film)
    assert streams(tmp_path / "out.mp4") == ["video", "audio"]
    assert {path.name for path in tmp_path.glob("*.wav")} == {"reel.effects.wav", "reel.music.wav"}


def test_mux_keep_keeps_the_film_s_own_sound_behind_the_new(
    run_v2a: Run, fake_server: Start, make_film: Callable[..., Path], tmp_path: Path
) -> None:
    film = make_film(tmp_path / "talkie.mp4", sound_hz=440)
    done = run_v2a(
        "generate", film, "-o", "new.wav", "--mux", "out.mp4", "--mux-keep", "--server", fake_server().address
    )
    assert done.status == 0, done.err
    assert "out.mp4: the film with this sound" in done.out
    assert streams(tmp_path / "out.mp4") == ["video", "audio", "audio"]


def test_what_exists_is_replaced(run_v2a: Run, fake_server: Start, film: Path, tmp_path: Path) -> None:
    (tmp_path / "reel.wav").write_bytes(b"before")
    assert run_v2a("generate", film, "--server", fake_server().address).status == 0
    assert n_samples(tmp_path / "reel.wav") == 96_000


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["missing.mp4"], 1, "missing.mp4"),
        (["notes.txt"], 1, "notes.txt"),
        (["empty.mp4"], 1, "empty.mp4"),
        (["FILM", "--start", "2"], 2, "is 2 s long"),
        (["FILM", "--start", "1", "--duration", "1.001"], 2, "is 2 s long"),
        (["FILM", "--duration", "0"], 2, "empty"),
        (["FILM", "--start", "soon"], 2, "timecode"),
        (["FILM", "--start", "-1"], 2, "timecode"),
        (["FILM", "--cue", "1.5", "--duration", "1"], 2, "outside the range"),
        (["FILM", "--takes", "0"], 2, "takes must lie between"),
        (["FILM", "--takes", "x"], 2, "--takes"),
        (["FILM", "--steps", "1000"], 2, "steps"),
        (["FILM", "--guidance", "nan"], 2, "guidance"),
        (["FILM", "--seed", "-1"], 2, "seed"),
        (["FILM", "--quality", "superb"], 2, "choose from preview, standard, best"),
        (["FILM", "--prompt", "x" * 60_000], 2, "60,000 characters"),
        (["FILM", "--layer", "foley=x"], 2, "unknown layer 'foley'"),
        (["FILM", "--layer", "mix=x", "--prompt", "y"], 2, "named twice"),
        (["FILM", "--transcript", "missing.txt"], 1, "missing.txt"),
        (["FILM", "--transcript", "latin.txt"], 2, "UTF-8"),
        (["FILM", "-o", "out.mp3"], 2, ".wav"),
        (["FILM", "-o", "nowhere/out.wav"], 2, "nowhere does not exist"),
        (["FILM", "-o", "folder.wav"], 2, "is a folder"),
        (["FILM", "-o", "/proc/out.wav"], 1, "cannot be written"),
        (["FILM", "--mux", "FILM"], 2, "would replace"),
        (["FILM", "--mux", "out.avi"], 2, "out.avi"),
        (["FILM", "--mux", "out.mp4", "--takes", "2"], 2, "single take"),
        (["FILM", "--mux-keep"], 2, "--mux"),
        ([], 2, "CLIP"),
    ],
)
def test_bad_input_is_answered_before_any_server_is_asked(
    run_v2a: Run, film: Path, tmp_path: Path, arguments: list[str], status: int, message: str
) -> None:
    (tmp_path / "notes.txt").write_text("not a film")
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "latin.txt").write_bytes(b"Stra\xdfe")
    (tmp_path / "folder.wav").mkdir()
    before = set(tmp_path.iterdir())
    arguments = [str(film) if argument == "FILM" else argument for argument in arguments]
    done = run_v2a("generate", *arguments, "--server", f"unix:{tmp_path}/nobody")
    assert done.status == status
    assert message in done.err
    assert "Traceback" not in done.err
    assert done.out == ""
    assert set(tmp_path.iterdir()) == before


def test_what_the_server_says_reaches_the_user(run_v2a: Run, fake_server: Start, film: Path, tmp_path: Path) -> None:
    done = run_v2a("generate", film, "--server", fake_server("fails").address, "--json")
    assert (done.status, done.out) == (1, "")
    assert done.err == "v2a: error: the film is damaged at 3 s\n"
    assert not list(tmp_path.glob("*.wav"))


def test_an_unknown_model_is_answered_with_the_known_ones(run_v2a: Run, fake_server: Start, film: Path) -> None:
    done = run_v2a("generate", film, "--server", fake_server().address, "--model", "choir")
    assert done.status == 1
    assert "known: pocket" in done.err


def test_ctrl_c_cancels_one_s_own_job(fake_server: Start, film: Path, tmp_path: Path) -> None:
    server = fake_server("slow")
    command = [sys.executable, "-m", "v2a_plugin", "generate", str(film), "--server", server.address]
    # Where the tests run in the background of a shell, Ctrl-C is ignored by them and by all they start.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    signal.signal(signal.SIGINT, before)
    while not server.calls("watch"):
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "v2a: stopped" in err
    assert "Traceback" not in err
    assert len(server.calls("cancel")) == 1
    assert not list(tmp_path.glob("*.wav"))


@pytest.mark.parametrize("before", ["pass", "sys.stdout.close()", "sys.stdout = None"])
def test_ctrl_c_ends_the_process_whatever_still_runs_in_it(before: str) -> None:
    program = (
        "import sys, threading, v2a.media, v2a_plugin.cli\n"
        "def interrupted(*_):\n"
        "    threading.Thread(target=threading.Event().wait).start()  # Python's end waits for it, for ever\n"
        f"    {before}\n"
        "    raise KeyboardInterrupt\n"
        "v2a.media.probe = interrupted\n"
        "v2a_plugin.cli.main()\n"
    )
    command = [sys.executable, "-c", program, "generate", "reel.mp4"]
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode == 130
    assert done.stderr == "v2a: stopped: what was finished is kept, and the same command goes on from there\n"


def test_an_unexpected_error_is_one_line_and_a_log(
    run_v2a: Run, film: Path, v2a_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_down(*_: object) -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr("v2a.media.probe", break_down)
    done = run_v2a("generate", film)
    assert done.status == 1
    assert done.err.startswith("v2a: internal error: RuntimeError: boom. The details are at the end of ")
    assert done.err.count("\n") == 1
    assert "boom" in (v2a_home / "log" / "v2a.log").read_text()


def test_models_are_listed_and_described(run_v2a: Run, fake_server: Start) -> None:
    address = fake_server().address
    assert "pocket" in run_v2a("models", "--server", address).out
    listed = json.loads(run_v2a("models", "--server", address, "--json").out)
    assert [model["name"] for model in listed["models"]] == ["pocket"]
    available = {model["name"]: model for model in listed["available"]}
    assert "Apple-AMLR" in available["mmaudio-large-44k-v2"]["licence"]
    assert not available["mmaudio-large-44k-v2"]["commercial_use"]
    assert "mmaudio-tiny-16k" not in available, "it has no weights"
    assert "To be had by `v2a models get NAME`" in run_v2a("models", "--server", address).out
    assert json.loads(run_v2a("models", "--json", "show", "pocket", "--server", address).out) == listed["models"][0]
    assert "Apache-2.0" in run_v2a("models", "show", "pocket", "--server", address).out
    assert run_v2a("models", "show", "choir", "--server", address).status == 1


def test_doctor_checks_the_server_and_says_what_to_do(run_v2a: Run, fake_server: Start, tmp_path: Path) -> None:
    well = run_v2a("doctor", "--server", fake_server().address)
    assert well.status == 0
    assert "ok      server: software 9.9" in well.out
    assert "problem" not in well.out
    ill = run_v2a("doctor", "--server", f"unix:{tmp_path}/nobody")
    assert ill.status == 1
    assert "problem server: no answer. the server cannot be reached" in ill.out


def test_the_true_server_is_started_and_lists_its_models(v2a_home: Path) -> None:
    pytest.importorskip("v2a_server.command")
    with connect(ServerChoice()) as client:
        try:
            assert "pocket" in [model.name for model in client.models()]
            assert client.info().accepts_paths
        finally:
            os.kill(client.info().pid, signal.SIGTERM)


def test_a_film_whose_name_is_no_text_is_said(run_v2a: Run, fake_server: Start, film: Path, tmp_path: Path) -> None:
    odd = os.fsencode(tmp_path) + b"/caf\xe9.mp4"
    Path(os.fsdecode(odd)).write_bytes(film.read_bytes())
    done = run_v2a("generate", os.fsdecode(odd), "--server", fake_server().address)
    assert done.status == 2
    assert r"caf\udce9.mp4, is not UTF-8 text: rename it" in done.err


def test_layers_that_are_too_loud_together_are_said(
    run_v2a: Run, fake_server: Start, film: Path, tmp_path: Path
) -> None:
    layers = ("--layer", "effects=steps", "--layer", "music=waltz", "--layer", "ambience=hall")
    done = run_v2a("generate", film, "--mux", "out.mp4", *layers, "--server", fake_server("loud").address)
    assert done.status == 0
    assert "v2a: warning: the layers are too loud together" in done.err
