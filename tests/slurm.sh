#!/usr/bin/env bash
# A sweep as a job array on a real Slurm: two nodes on this machine, one task killed, one task repeated; then `amanah merge`
# must make the table of one machine, byte for byte.
# 0: it did · 77: skipped, with the reason · anything else: it did not. As root, with Debian's `slurm-wlm` and `munge`.
set -euo pipefail
cd "$(dirname "$0")/.."

skip() { echo "SKIPPED: $1" >&2; exit 77; }
[ "$(id -u)" = 0 ] || skip "Slurm's daemons start as root"
for program in slurmctld slurmd munged sbatch squeue scontrol; do
  PATH="$PATH:/usr/sbin" command -v "$program" >/dev/null || skip "there is no $program: apt-get install slurm-wlm munge"
done
PATH="$PATH:/usr/sbin"

if [ -z "${AMANAH:-}" ]; then
  cargo build
  AMANAH="$(cargo metadata --format-version 1 --no-deps | python3 -c 'import json,sys; print(json.load(sys.stdin)["target_directory"])')/debug/amanah"
fi
export AMANAH AMANAH_PAUSE=1

dir="$(mktemp -d)"
daemons=()
# Only what was started here, by its number.
cleanup() {
  [ ${#daemons[@]} = 0 ] || kill "${daemons[@]}" 2>/dev/null || true
  wait 2>/dev/null || true
  rm -rf "$dir"
}
trap cleanup EXIT
chmod 755 "$dir"
mkdir -m 700 "$dir/munge"
mkdir -m 755 "$dir/run" "$dir/state" "$dir/n1" "$dir/n2"
dd if=/dev/urandom of="$dir/munge/key" bs=1 count=1024 2>/dev/null
chmod 400 "$dir/munge/key"
munged --foreground --force --key-file="$dir/munge/key" --socket="$dir/run/munge.socket" --pid-file="$dir/run/munged.pid" \
  --log-file="$dir/munge/log" --seed-file="$dir/munge/seed" >"$dir/munge/out" 2>&1 &
daemons+=($!)

host="$(hostname -s)"
cat >"$dir/slurm.conf" <<CONF
ClusterName=amanah
SlurmctldHost=$host(127.0.0.1)
AuthType=auth/munge
AuthInfo=socket=$dir/run/munge.socket
CryptoType=crypto/munge
SlurmUser=root
SlurmctldPort=26900
SlurmctldPidFile=$dir/run/slurmctld.pid
SlurmdPidFile=$dir/run/slurmd-%n.pid
SlurmdSpoolDir=$dir/%n
StateSaveLocation=$dir/state
SlurmctldLogFile=$dir/slurmctld.log
SlurmdLogFile=$dir/slurmd-%n.log
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
JobRequeue=1
ReturnToService=2
MinJobAge=300
SchedulerParameters=batch_sched_delay=0,sched_interval=1
NodeName=n[1-2] NodeHostname=$host NodeAddr=127.0.0.1 Port=[26901-26902] CPUs=1 State=UNKNOWN
PartitionName=all Nodes=n[1-2] Default=YES MaxTime=INFINITE State=UP
CONF
export SLURM_CONF="$dir/slurm.conf"
slurmctld -D >"$dir/slurmctld.out" 2>&1 &
daemons+=($!)
for node in n1 n2; do
  slurmd -D -N "$node" >"$dir/$node.out" 2>&1 &
  daemons+=($!)
done

fail() {
  echo "FAILED: $1" >&2
  tail -n 20 "$dir"/*.log "$dir"/*.out "$dir"/task-* >&2 2>/dev/null || true
  exit 1
}
# until COMMAND succeeds, for a minute
until_true() {
  local what=$1
  shift
  for _ in $(seq 300); do
    "$@" && return 0
    sleep 0.2
  done
  fail "$what did not happen within a minute"
}
both_idle() { [ "$(sinfo -h -t idle -o %D 2>/dev/null)" = 2 ]; }
until_true "two idle nodes" both_idle

scenario=scenarios/sweeps/replicas-and-loss.yaml
arguments=(--set duration=2s --set 'matrix={ledger.replicas: [4, 7], network.loss: [0%, 1%], seed: [1, 2]}')
submitted="$(sbatch --parsable --array=0-3 --output="$dir/task-%a" --open-mode=append scenarios/many-machines/sweep.sbatch \
  "$scenario" "$dir/shared" "${arguments[@]}")"
echo "job array $submitted: 8 runs in 4 tasks on 2 nodes"

state() { scontrol show job "${submitted}_$1" -o 2>/dev/null | grep -o 'JobState=[A-Z_]*' | cut -d= -f2 | sort -u; }
# The process of task 0, by what Slurm gave it.
process() {
  for place in /proc/[0-9]*; do
    [ "$(cat "$place/comm" 2>/dev/null)" = amanah ] || continue
    if tr '\0' '\n' <"$place/environ" 2>/dev/null | grep -qx "SLURM_CONF=$SLURM_CONF"; then
      tr '\0' '\n' <"$place/environ" | grep -qx SLURM_ARRAY_TASK_ID=0 && basename "$place" && return 0
    fi
  done
  return 1
}
victim=
found() { victim="$(process)"; }
until_true "task 0 at work" found
kill -9 "$victim"
echo "task 0 (process $victim) killed at its work"
failed() { [ "$(state 0)" = FAILED ]; }
until_true "task 0 failed" failed
completed() { for task in "$@"; do [ "$(state "$task")" = COMPLETED ] || return 1; done; }
until_true "tasks 1 to 3 completed" completed 1 2 3
code=0
"$AMANAH" sweep status "$dir/shared" || code=$?
[ "$code" = 75 ] || fail "with a task killed, status ends with $code, not with 75"

scontrol requeue "${submitted}_0"
scontrol requeue "${submitted}_2"
echo "task 0 is tried again, task 2 is repeated though it was completed"
begun() { [ "$(state 0)" != FAILED ] && grep -q "2 runs are there already\|2 of 2 runs are there" "$dir/task-2"; }
until_true "tasks 0 and 2 started again" begun
until_true "all tasks completed" completed 0 1 2 3
"$AMANAH" sweep status "$dir/shared"
"$AMANAH" merge "$dir/shared" --quiet
"$AMANAH" sweep "$scenario" --out "$dir/one" "${arguments[@]}" --quiet
for file in results.csv results.parquet index.html; do
  cmp "$dir/shared/$file" "$dir/one/$file" || fail "$file of the array is not that of one machine"
done
diff -r "$dir/shared/cells" "$dir/one/cells" || fail "cells differ"
echo "tables, page and $(ls "$dir/one/cells" | wc -l) cells are those of one machine, byte for byte"
