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

echo "Setting up $venv with $("$python" --version), which takes a minute or two, once:"
echo "  the environment ..."
"$python" -m venv --clear "$venv"
echo "  Python packages and Node ..."
"$venv/bin/pip" install --quiet --disable-pip-version-check \
    --requirement requirements.txt --requirement requirements-dev.txt
echo "  the CDK CLI ..."
# Node and npm came with the packages; the lock file has the CDK CLI's hash.
PATH="$PWD/$venv/bin:$PATH" npm ci --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel=error
ln -sf ../../node_modules/aws-cdk/bin/cdk "$venv/bin/cdk"
echo "Done. To use it: . $venv/bin/activate"
