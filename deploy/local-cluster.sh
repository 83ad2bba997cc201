#!/usr/bin/env bash
# A stock Ballista cluster on this machine: one scheduler and some executors on loopback, until Ctrl-C.
#
#     deploy/local-cluster.sh                      two executors, scheduler at df://127.0.0.1:50050
#     deploy/local-cluster.sh 4 51050              four executors, scheduler at port 51050
#     TASKS=8 deploy/local-cluster.sh              an executor runs eight tasks at a time, not four
#     BALLISTA_PROGRAMS=/opt/ballista deploy/local-cluster.sh   programs that are there already
#
# Then, in another shell:
#
#     snowtrail detect --lake ./lake --cluster df://127.0.0.1:50050 --cluster-parts 4
#
# Builds the programs first, from the crates that Ballista publishes, as deploy/ballista says (the first time some twenty
# minutes on two cores). A lake on S3 needs the AWS variables in the environment of this script: AWS_REGION and credentials, for another endpoint than AWS's
# AWS_ENDPOINT and AWS_ALLOW_HTTP=true. Executors take ports above the scheduler's, three each. Logs and shuffled rows go into
# a temporary folder that is removed at the end. Everything listens on loopback only: nothing here asks who is there.
set -euo pipefail

executors=${1:-2}
port=${2:-50050}
tasks=${TASKS:-4}
root=$(cd "$(dirname "$0")/.." && pwd)
if [ -z "${BALLISTA_PROGRAMS:-}" ]; then
    target=${CARGO_TARGET_DIR:-$root/target}/ballista
    (cd "$root/deploy/ballista" &&
        cargo build --release --locked --target-dir "$target" -p ballista-scheduler -p snowtrail-ballista --bins)
    BALLISTA_PROGRAMS=$target/release
fi

work=$(mktemp -d)
pids=()
end() { kill "${pids[@]}" 2>/dev/null || true; wait || true; rm -rf "$work"; }
trap end EXIT
trap 'exit 0' INT TERM

if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
    echo "error: something listens on port $port already; hint: $0 $executors OTHER_PORT" >&2
    exit 2
fi
large="--grpc-server-max-decoding-message-size 268435456 --grpc-server-max-encoding-message-size 268435456"
# Executors fetch tasks (pull-staged). A scheduler that pushes them forgets, when an executor is lost, what of the others' time
# is free again: their tasks' last word is about a stage that it has begun anew meanwhile (Ballista 55). Then all wait for ever.
# An executor asks for tasks twenty times a second: it needs room for more of them than it has cores.
# shellcheck disable=SC2086
"$BALLISTA_PROGRAMS/ballista-scheduler" $large --scheduler-policy pull-staged --grpc-client-max-message-size 268435456 --bind-host 127.0.0.1 --external-host 127.0.0.1 --bind-port "$port" \
    >"$work/scheduler.log" 2>&1 &
pids+=($!)
until (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do
    kill -0 "${pids[0]}" 2>/dev/null || { tail -5 "$work/scheduler.log" >&2; exit 3; }
    sleep 0.1
done
for number in $(seq 1 "$executors"); do
    base=$((port + 10 * number))
    mkdir "$work/$number"
    # shellcheck disable=SC2086
    "$BALLISTA_PROGRAMS/ballista-executor" $large --scheduler-host 127.0.0.1 --scheduler-port "$port" --bind-host 127.0.0.1 \
        --external-host 127.0.0.1 --bind-port "$base" --bind-grpc-port $((base + 1)) --bind-health-port $((base + 2)) \
        --task-scheduling-policy pull-staged --vcores "$tasks" --work-dir "$work/$number" >"$work/executor-$number.log" 2>&1 &
    pids+=($!)
done
echo "scheduler at df://127.0.0.1:$port, $executors executors of $tasks tasks at a time; logs in $work; Ctrl-C ends it" >&2
# The first that ends, ends all.
wait -n || true
tail -n 5 "$work"/*.log >&2
exit 3
