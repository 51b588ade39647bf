"""A machine that refuses: no space, no permission, no network, another process; and a break."""

import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest
from asking import ask, ask_outside, check_refusal, files_of
from filelock import FileLock

RUN = ("run", "good.yaml", "--quiet", "--set", "output=runs/bad")
HALF = re.compile(r"(^|/)\..*\.(new|part|tmp)|\.(part|tmp|narrow)$|(^|/)\.(?!lock$)[^/]+$")


@contextmanager
def mounted(folder, options):
    """A file system of its own at `folder`; skips where it may not be mounted."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("this user may not mount file systems")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def no_half_files(folder):
    return [name for name in files_of(folder) if HALF.search(name)] == []


VARIABLES = {
    "a home that is a file": ("JOURNEYMAN_HOME", "train.csv", ("train.csv",)),
    "a home below a file": ("JOURNEYMAN_HOME", "train.csv/home", ("train.csv/home",)),
    "a home nowhere": ("JOURNEYMAN_HOME", "/proc/none", ("/proc/none",)),
    "a cache of garbage": ("JOURNEYMAN_CACHE_GB", "lots", ("'lots'", "unset it")),
    "a cache below nought": ("JOURNEYMAN_CACHE_GB", "-1", ("'-1'",)),
    "a cache of no number": ("JOURNEYMAN_CACHE_GB", "nan", ("'nan'",)),
    "a cache too small": ("JOURNEYMAN_CACHE_GB", "0.0000001", ("raise JOURNEYMAN_CACHE_GB",)),
}


@pytest.mark.parametrize("case", VARIABLES)
def test_a_bad_variable(place, monkeypatch, case):
    name, value, said = VARIABLES[case]
    monkeypatch.setenv(name, value)
    check_refusal(ask(*RUN), *said)
    assert not (place / "runs/bad/model").exists()
    assert no_half_files(place)


def test_a_data_folder_that_is_not_there(place, monkeypatch):
    monkeypatch.setenv("JOURNEYMAN_DATA", "nowhere")
    check_refusal(ask("datasets", "fetch", "banking77"), "JOURNEYMAN_DATA", "nowhere")


OUTPUTS = {
    "a file": ("train.csv", ("a file train.csv",)),
    "below a file": ("train.csv/run", ("train.csv/run", "--set output=")),
    "nowhere": ("/proc/run", ("/proc/run", "--set output=")),
}


@pytest.mark.parametrize("case", OUTPUTS)
def test_an_output_that_cannot_be_written(place, case):
    output, said = OUTPUTS[case]
    before = files_of(place)
    check_refusal(ask("run", "good.yaml", "-q", "--set", f"output={output}"), *said)
    assert files_of(place) == before


def test_a_read_only_output(place):
    with mounted(place / "disk", "ro"):
        for arguments in (
            ("run", "good.yaml", "-q", "--set", "output=disk/run"),
            ("init", "train.csv", "-o", "disk/new.yaml"),
        ):
            check_refusal(ask(*arguments), "disk/", "Read-only file system")


def test_a_read_only_home(place, monkeypatch):
    with mounted(place / "disk", "ro") as disk:
        monkeypatch.setenv("JOURNEYMAN_HOME", str(disk))
        check_refusal(ask(*RUN), str(disk), "JOURNEYMAN_HOME")


@pytest.mark.parametrize("kilobytes", [0, 4, 8, 16, 24, 40, 56, 80])
def test_no_space_for_the_run(place, kilobytes):
    with mounted(place / "disk", f"nr_inodes=200,size={max(kilobytes, 4)}k") as disk:
        if not kilobytes:
            (disk / "full").write_bytes(b"x" * 4096)
        arguments = ("run", "good.yaml", "-q", "--set", "output=disk/run")
        check_refusal(ask(*arguments), "disk/run", "No space left on device")
        assert no_half_files(disk)
        assert not (disk / "run/model").exists()


@pytest.mark.parametrize("kilobytes", [4, 12, 24, 48, 96])
def test_no_space_in_the_home(place, monkeypatch, kilobytes):
    with mounted(place / "disk", f"size={kilobytes}k") as disk:
        monkeypatch.setenv("JOURNEYMAN_HOME", str(disk))
        check_refusal(ask(*RUN), str(disk))
        assert no_half_files(disk)
        assert not (place / "runs/bad/model").exists()


def test_a_run_goes_on_once_there_is_space(place):
    with mounted(place / "disk", "size=24k") as disk:
        arguments = ("run", "good.yaml", "-q", "--set", "output=disk/run")
        check_refusal(ask(*arguments), "No space left")
        subprocess.run(["mount", "-o", "remount,size=16m", str(disk)], check=True)
        assert ask(*arguments).code == 0


NETWORK = {
    "a backbone of the hub": ("backbone=owner/none", "owner/none"),
    "data of the hub": ("data.train=hub:owner/none", "owner/none"),
}


@pytest.mark.parametrize("case", NETWORK)
def test_no_network(place, case):
    override, said = NETWORK[case]
    check_refusal(ask(*RUN, "--set", override), said, "OfflineModeIsEnabled")
    assert no_half_files(place)


def test_another_process_in_the_same_run(place):
    (place / "runs/bad").mkdir()
    before = files_of(place)
    with FileLock(place / "runs/bad/.lock"):
        check_refusal(ask(*RUN), "Another process", "runs/bad", "--set output=")
    assert set(files_of(place)) - set(before) <= {"runs/bad/.lock"}


def test_a_file_too_large_for_this_user(place, monkeypatch):
    """No byte code is written there: Python would cut it off, and later imports would fail."""
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    limited = ["prlimit", "--fsize=4096"]
    if shutil.which("prlimit") is None:
        pytest.skip("there is no prlimit")
    told = ask_outside(*RUN, prefix=limited)
    check_refusal(told, "cannot be written", "File too large")
    assert no_half_files(place)
    assert not (place / "runs/bad/model").exists()


@pytest.mark.parametrize(
    ("raised", "code", "said"),
    [
        (RuntimeError("odd"), 1, "a mistake of ours"),
        (EOFError("marshal data too short"), 1, "a mistake of ours"),
        (KeyboardInterrupt(), 130, "Interrupted"),
    ],
)
def test_a_mistake_of_ours_is_no_interrupt(monkeypatch, raised, code, said):
    """The end of a file too, which the library of the command line takes for one."""

    def broken(_):
        raise raised

    monkeypatch.setattr("journeyman.catalogue.listing.listing", broken)
    told = ask("backbones")
    assert told.code == code
    assert said in told.err
    assert (str(raised) in told.err and "Traceback" in told.err) == (code == 1)


def heeds_interrupts():
    """A shell starts what it runs in the background with interrupts ignored, and that is kept."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_an_interrupted_run_says_so_and_goes_on(place):
    override = "finetune={tuner: full, cut: 1, head: linear, epochs: 30, patience: 0}"
    command = ["run", "good.yaml", "--set", "output=runs/bad", "--set", override]
    process = subprocess.Popen(
        [sys.executable, "-m", "journeyman", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heeds_interrupts,
    )
    deadline = time.monotonic() + 60
    while not list(place.glob("runs/bad/checkpoints/*")) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert out == ""
    assert err.splitlines()[-1] == "Interrupted. Run the same command again to go on."
    assert "Traceback" not in err
    assert no_half_files(place)
    told = ask(*command)
    assert told.code == 0, told.err
    assert "collect: done before" in told.err
    assert (place / "runs/bad/report.html").is_file()
