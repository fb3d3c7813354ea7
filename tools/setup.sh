#!/usr/bin/env bash
# Installs the lock and this project into a virtual environment: tools/setup.sh VENV [PYTHON]
# Runs again only when the lock changed. Needs Python 3.10 to 3.12 and a package index; no compiler.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=$1 python=${2:-python3}

fits() {
    "$1" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))' ||
        die "$("$1" -V) at $(command -v "$1"), expected 3.10 to 3.12; try: make PYTHON=python3.11 (without an active environment)"
}
die() { printf 'setup: %s\n' "$@" >&2; exit 2; }

stamp=$venv/fgic-$({ pwd; cat requirements/lock.txt requirements/build.txt; } | sha256sum | cut -c1-16).ok
[ -e "$stamp" ] && exit 0

if [ ! -x "$venv/bin/python" ]; then
    command -v "$python" >/dev/null || die "no '$python' on the PATH; install Python 3.10, 3.11 or 3.12, or: make PYTHON=/path/to/python3"
    fits "$python"
    "$python" -m venv "$venv" || { rm -rf "$venv"; die "could not create $venv; on Debian or Ubuntu: apt install python3-venv"; }
fi
fits "$venv/bin/python"
if ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then  # uv and --without-pip make environments without it
    "$venv/bin/python" -m ensurepip --upgrade >/dev/null 2>&1 ||
        die "$venv has no pip, and its Python cannot bring one; make it anew: uv venv --seed $venv, or: python3 -m venv --clear $venv"
fi
need_kib=$((8 * 1024 * 1024)) have_kib=$(df -Pk "$venv" | awk 'NR == 2 {print $4}')
[ "$have_kib" -ge $need_kib ] || die "$venv: 8 GiB of free disk are needed, $((have_kib / 1024 / 1024)) GiB are free"

echo "setup: installing $(grep -c '==' requirements/lock.txt) pinned packages into $venv (about 5.4 GB, one to three minutes)"
pip() {
    local bars=(--quiet --progress-bar off)
    [ -t 1 ] && bars=()
    "$venv/bin/python" -m pip install "${bars[@]}" --disable-pip-version-check --no-deps --require-hashes --no-compile "$@" ||
        die "pip failed (its words are above); run the same command again, finished downloads are kept"
}
# onedl-mmcv has no wheel, and its setup.py compiles its operators for minutes when it can import torch. It may
# not: pipelines/openmm/compat/ops.py supplies them (docs/decisions.md, "No compiler").
hide=$(mktemp -d)
trap 'rm -rf "$hide"' EXIT
echo 'raise ModuleNotFoundError("hidden while onedl-mmcv is built")' >"$hide/torch.py"
pip -r requirements/build.txt
PYTHONPATH=$hide pip --no-build-isolation -r requirements/lock.txt

# A path file: from any working directory the project's packages, mmcv's operators and mmagic's GANs are importable.
"$venv/bin/python" pipelines/openmm/compat/startup.py
# Byte-compiled once, on all cores: imports take 4 s instead of 13. Some packages ship files for other Pythons.
env -u PYTHONDONTWRITEBYTECODE "$venv/bin/python" -m compileall -q -j 0 "$venv"/lib >/dev/null 2>&1 || true
rm -f "$venv"/fgic-*.ok
touch "$stamp"
echo "setup: done"
