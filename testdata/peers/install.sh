#!/bin/sh
# Installs a peer of the tests (an AWS emulator, other readers of a lake, or the linters of deploy/) into a folder of its
# own, and prints the path of its executable.
#
#     testdata/peers/install.sh                     the emulator, into target/peers/ministack
#     testdata/peers/install.sh FOLDER              the emulator, into FOLDER
#     testdata/peers/install.sh --peer lint         cfn-lint and hadolint; --peer moto: a second emulator
#     testdata/peers/install.sh --peer readers      deltalake, DuckDB and Polars: a Python that has them
#     testdata/peers/install.sh --peer awscli       AWS's own command line, for `verify` to be compared with
#     testdata/peers/install.sh --peer chromium     a browser for report_browser.py: the system's, else by apt-get
#
# Needs python3 with venv, and a package registry the first time. Whoever comes second finds the folder and is done at
# once, offline too. Only the path goes to stdout. Exit: 0 installed, 2 wrong use, 3 failed.
#
# The folder appears whole or not at all: it is built beside its place and renamed, so two processes may run this at
# the same moment, and the loser throws its own work away. It is marked with the pins it was made from, so a changed
# pin makes it anew.
set -eu

fail() { echo "install.sh: $*" >&2; exit 3; }

here=$(cd "$(dirname "$0")" && pwd)
peer=ministack
folder=
while [ $# -gt 0 ]; do
    case $1 in
        --peer) [ $# -ge 2 ] || { echo "install.sh: --peer needs a name: ministack, moto, readers, awscli, lint or chromium" >&2; exit 2; }
                peer=$2; shift ;;
        -h|--help) sed -n '2,/^set/s/^# \{0,1\}//p' "$0"; exit 0 ;;
        -*) echo "install.sh: unknown option $1" >&2; exit 2 ;;
        *) folder=$1 ;;
    esac
    shift
done
# No package of Python's: it is the system's, and is installed there.
if [ "$peer" = chromium ]; then
    command -v chromium || command -v chromium-browser || command -v google-chrome && exit 0
    command -v apt-get >/dev/null || fail "there is no chromium, and no apt-get to install it with"
    { apt-get update && apt-get install -y --no-install-recommends chromium; } >&2 || fail "apt-get could not install chromium"
    command -v chromium || fail "chromium was installed, but is not there"
    exit 0
fi
case $peer in
    ministack) executable=ministack ;;
    moto) executable=moto_server ;;
    readers) executable=python ;;
    awscli) executable=aws ;;
    lint) executable=cfn-lint ;;
    *) echo "install.sh: unknown peer $peer: one of ministack, moto, readers, awscli, lint, chromium" >&2; exit 2 ;;
esac
pins=$here/$peer.txt
folder=${folder:-${CARGO_TARGET_DIR:-$here/../../target}/peers/$peer}

# An absolute path, since it is printed and written into the scripts of the environment.
mkdir -p "$(dirname "$folder")"
folder=$(cd "$(dirname "$folder")" && pwd)/$(basename "$folder")

present() { [ -x "$folder/bin/python" ] && [ -x "$folder/bin/$executable" ] && cmp -s "$pins" "$folder/pins.txt"; }
if present; then
    echo "$folder/bin/$executable"
    exit 0
fi

command -v python3 >/dev/null || fail "python3 is missing; on Debian and Ubuntu: apt-get install python3 python3-venv"
python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' || fail "python3 is older than 3.10, which the peers need"
python3 -c 'import ensurepip, venv' 2>/dev/null \
    || fail "python3 has no venv; on Debian and Ubuntu: apt-get install python3-venv"

# What is there is replaced below; only an environment that this script made may be.
if [ -e "$folder" ] && [ ! -e "$folder/pins.txt" ] && [ -n "$(ls -A "$folder")" ]; then
    fail "$folder holds something else; give a new or empty folder"
fi

building=$folder.building.$$
trap 'rm -rf "$building"' EXIT
trap 'exit 3' HUP INT TERM
echo "install.sh: installing $peer into $folder" >&2
rm -rf "$building"
python3 -m venv "$building" >&2 || fail "python3 -m venv failed; on Debian and Ubuntu: apt-get install python3-venv"
"$building/bin/python" -m pip install --quiet --disable-pip-version-check --no-input -r "$pins" >&2 \
    || fail "pip could not install what $pins names; is the package registry reachable (PIP_INDEX_URL)?"
cp "$pins" "$building/pins.txt"

# An environment's scripts name its interpreter by its full path: they are told the final one before the rename.
# The rename is Python's, since `mv` would move into a folder that appeared meanwhile; on one that is there it fails.
"$building/bin/python" - "$building" "$folder" <<'PYTHON' >&2 || fail "could not put $building into its place"
import os, pathlib, shutil, sys

building, folder = sys.argv[1], sys.argv[2]
for script in pathlib.Path(building, "bin").iterdir():
    if script.is_file() and not script.is_symlink():
        body = script.read_bytes()
        if building.encode() in body and b"\0" not in body:
            script.write_bytes(body.replace(building.encode(), folder.encode()))
good = (os.access(os.path.join(folder, "bin", "python"), os.X_OK)
        and pathlib.Path(folder, "pins.txt").read_bytes() == pathlib.Path(building, "pins.txt").read_bytes())
if os.path.isdir(folder) and not good:
    # Made from other pins, or by a Python that is gone: out of the way in one step, then removed.
    try:
        os.rename(folder, building + ".old")
        shutil.rmtree(building + ".old")
    except FileNotFoundError:
        pass  # Another process does the same.
try:
    os.rename(building, folder)
except OSError:
    pass  # Another process was first. Whether what it left is good is asked below.
PYTHON
present || fail "$folder is not what was expected; remove it and run this again"
echo "$folder/bin/$executable"
