"""Make .venv with everything the book and its tests need: python3 tools/bootstrap.py

Written for any Python 3, so that a too old one can be told so. Does nothing when .venv is up to date.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VENV = os.path.join(ROOT, ".venv")
VENV_PYTHON = os.path.join(VENV, "bin", "python")
READY = os.path.join(VENV, "ready")
LOG = os.path.join(VENV, "setup.log")
OLDEST = (3, 11)
FREE_GB = 4
# torch alone and first: a looser request later would let pip choose another, much larger build
STEPS = (
    ("PyTorch", ["torch==2.13.0"]),
    ("the book's tools and the library", ["-c", "requirements.lock", "-e", ".[book,test]"]),
)


def stop(message):
    sys.stderr.write("setup: " + message + "\n")
    sys.exit(2)


def use_new_enough_python():
    if sys.version_info >= OLDEST:
        return
    for minor in range(20, OLDEST[1] - 1, -1):
        other = shutil.which("python3.%d" % minor)
        if other:
            os.execv(other, [other] + sys.argv)
    stop("this is Python %d.%d; the book needs %d.%d or newer" % (sys.version_info[:2] + OLDEST))


def fingerprint():
    digest = hashlib.sha256(sys.version.encode() + ROOT.encode())
    for name in ("pyproject.toml", "requirements.lock", "tools/bootstrap.py"):
        with open(os.path.join(ROOT, name), "rb") as file:
            digest.update(file.read())
    return digest.hexdigest()


def up_to_date(wanted):
    try:
        with open(READY) as file:
            return file.read() == wanted and subprocess.call([VENV_PYTHON, "-c", ""]) == 0
    except OSError:
        return False


def make_venv():
    if os.path.exists(VENV_PYTHON) and subprocess.call([VENV_PYTHON, "-c", ""], stderr=subprocess.DEVNULL) == 0:
        return
    shutil.rmtree(VENV, ignore_errors=True)
    made = subprocess.run([sys.executable, "-m", "venv", VENV], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if made.returncode:
        shutil.rmtree(VENV, ignore_errors=True)
        stop("this Python cannot make virtual environments; install its venv module (Debian: apt install python3-venv)")


def install(what, arguments):
    start, seen = time.time(), ""
    print("setup: installing " + what, flush=True)
    command = [VENV_PYTHON, "-m", "pip", "install", "--disable-pip-version-check", "--progress-bar", "off"] + arguments
    options = {"cwd": ROOT, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "universal_newlines": True}
    with subprocess.Popen(command, **options) as process, open(LOG, "a") as log:
        for line in process.stdout:
            log.write(line)
            seen = (seen + line)[-20000:]
            if line.lstrip().startswith(("Downloading", "Processing", "Installing collected")):
                print("  " + " ".join(line.split()[:3])[:100], flush=True)
    if process.returncode:
        explain(seen)
    print("setup: %s done in %.0f s" % (what, time.time() - start), flush=True)


def explain(output):
    if "No space left" in output:
        stop("the disk is full; free %d GB and run this again" % FREE_GB)
    for sign in (
        "NewConnectionError",
        "Name or service",
        "name resolution",
        "ProxyError",
        "timed out",
        "ConnectTimeout",
    ):
        if sign in output:
            stop("the package index cannot be reached; check the network and run this again (details: %s)" % LOG)
    errors = [line for line in output.splitlines() if line.startswith("ERROR")] or output.splitlines()
    stop("%s (details: %s)" % (errors[-1] if errors else "pip failed", LOG))


def main():
    use_new_enough_python()
    wanted = fingerprint()
    if up_to_date(wanted):
        return
    if shutil.disk_usage(ROOT).free < FREE_GB * 1e9:
        stop("less than %d GB free at %s; make room and run this again" % (FREE_GB, ROOT))
    make_venv()
    for what, arguments in STEPS:
        install(what, arguments)
    with open(READY + ".new", "w") as file:
        file.write(wanted)
    os.replace(READY + ".new", READY)


if __name__ == "__main__":
    main()
