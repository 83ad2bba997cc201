#!/bin/sh
# Walks a log file through a worker on a running emulator: bucket, queue, topic, one stranger's read, and the page that
# comes of it. Start the emulator first (see README.md here); AWS_ENDPOINT_URL names it if it is not on port 4566.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
export AWS_ENDPOINT_URL=${AWS_ENDPOINT_URL:-http://127.0.0.1:4566} AWS_REGION=us-west-2
export AWS_ACCESS_KEY_ID=111122223333 AWS_SECRET_ACCESS_KEY=any
snowtrail=${SNOWTRAIL:-${CARGO_TARGET_DIR:-$here/../../target}/release/snowtrail}
python=$(dirname "$("$here/install.sh")")/python
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$python" "$here/try_worker.py" set-up >"$folder/names"
. "$folder/names"
"$snowtrail" worker --once --queue "$QUEUE" --lake "$LAKE" --publish "$TOPIC" --policy "$here/try_policy.toml" >/dev/null
"$python" "$here/try_worker.py" pages
