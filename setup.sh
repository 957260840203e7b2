#!/bin/sh
# Make the environment in the folder $1: Python packages, Node, and the CDK CLI, all pinned.
# PYTHON=/path/to/python chooses which Python; otherwise the first that fits is taken.
set -eu
venv=$1

fits() {
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' 2>/dev/null
}

python=
for candidate in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do
    if fits "$candidate"; then
        python=$candidate
        break
    fi
done
if [ -z "$python" ]; then
    echo "Slipway needs Python 3.11, 3.12, 3.13 or 3.14, and ${PYTHON:-python3} is none of them" \
        "($(${PYTHON:-python3} --version 2>&1 || true))." >&2
    echo "Install one, and if it is not called python3, run: make install PYTHON=/path/to/it" >&2
    exit 1
fi
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    echo "$python cannot make virtual environments: its modules venv and ensurepip are missing." >&2
    echo "On Debian and Ubuntu they are in the package python3-venv." >&2
    exit 1
fi

# The mark says whose it is, also of an environment that was killed half-made.
mark=$venv/slipway.txt
if [ -n "$(ls -A "$venv" 2>/dev/null)" ] && [ ! -e "$mark" ] && [ ! -e "$venv/installed" ]; then
    echo "$venv is already here, and this set-up did not make it, so it is left as it is." >&2
    echo "Move it away or remove it, and run this again." >&2
    exit 1
fi

pinned() { # the lines of requirements.txt that pin $1, with its hashes
    sed -n "/^$1==/,/[^\\]\$/p" requirements.txt
}

# What is interrupted or fails leaves no environment, rather than half of one.
trap 'rm -rf "$venv"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

echo "Setting up $venv with $("$python" --version), once:"
echo "  the environment ..."
"$python" -m venv --clear "$venv"
echo "This environment belongs to Slipway's set-up. Keep packages of your own elsewhere." >"$mark"
pinned uv | "$venv/bin/pip" install --quiet --disable-pip-version-check \
    --require-hashes --only-binary :all: --requirement /dev/stdin
echo "  Python packages and Node ..."
# No package is built: what it is built with would come without a hash. Nothing is compiled to
# bytecode either, which takes longer than all else: Python does so for what it imports.
"$venv/bin/python" model_artifact/wheels/pip_settings.py \
    "$venv/bin/uv" pip install --quiet --no-config --python "$venv/bin/python" \
    --require-hashes --only-binary :all: \
    --requirement requirements.txt --requirement requirements-dev.txt
echo "  the CDK CLI ..."
# Node and npm came with the packages; the lock file has the CDK CLI's hash.
PATH="$PWD/$venv/bin:$PATH" npm ci --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel=error
ln -sf ../../node_modules/aws-cdk/bin/cdk "$venv/bin/cdk"
# Node itself: the package's own command is a Python program, which would answer Ctrl-C by itself.
ln -sf "$("$venv/bin/node" -p process.execPath)" "$venv/bin/node"
trap - EXIT
echo "Done. To use it: . $venv/bin/activate"
