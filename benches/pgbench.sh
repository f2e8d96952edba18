#!/bin/sh
# pgbench on the kernel and under `shm run`; prints transactions a second, the medians and their ratio (wanted: 0.95 or
# more). Two servers, each with its database, run all the time, and pgbench turns from one to the other, so that a
# machine that gets slower or faster favours neither. Their main memory is System V, their dynamic memory POSIX; they
# write without fsync, lest the disk hides what shared memory costs.
#
# pgbench.sh SHM [PAIRS [SECONDS]]    SHM: the program, built with --release
set -eu
if [ $# -lt 1 ]; then
    sed -n 's/^# \(pgbench.sh\)/usage: \1/p' "$0"
    exit 2
fi
shm=$(realpath "$1") pairs=${2:-15} seconds=${3:-2}
bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | tail -n 1)
[ -x "$bin/pgbench" ] || { echo 'no pgbench; on Debian: apt-get install postgresql' >&2; exit 1; }

if [ "$(id -u)" = 0 ]; then
    # The server refuses root. The program must be where the user postgres can run it.
    reach=$(mktemp -d)
    trap 'rm -rf "$reach"' EXIT
    cp "$shm" "$reach/shm"
    cp "$0" "$reach/pgbench.sh"
    mkdir "$reach/runtime"
    chown -R postgres "$reach"
    cd /
    XDG_RUNTIME_DIR="$reach/runtime" TMPDIR="$reach" setpriv --reuid=postgres --regid=postgres --clear-groups \
        sh "$reach/pgbench.sh" "$reach/shm" "$pairs" "$seconds"
    exit
fi

folder=$(mktemp -d)
export PGUSER=postgres PGDATABASE=postgres LC_ALL=C

# One side, in the folder $1 with the programs in $2: serves, and runs pgbench with each line of its input as options.
cat >"$folder/side.sh" <<'END'
set -eu
export PGHOST="$1"
trap 'echo failed >"$1/said"' EXIT
"$2/initdb" --no-sync -D "$1/data" -A trust -E UTF8 --locale=C >/dev/null
cat >>"$1/data/postgresql.conf" <<CONFIGURATION
listen_addresses = ''
unix_socket_directories = '$1'
shared_memory_type = sysv
dynamic_shared_memory_type = posix
shared_buffers = 256MB
fsync = off
autovacuum = off
checkpoint_timeout = 1h
max_wal_size = 8GB
CONFIGURATION
"$2/pg_ctl" -D "$1/data" -l "$1/log" -w start >/dev/null
"$2/pgbench" -i -q -s 10 2>/dev/null
"$2/pgbench" -n -S -c 2 -T 1 >/dev/null
echo ready >"$1/said"
while read -r options; do
    "$2/pgbench" -n -c 2 -j 1 $options | sed -n 's/^tps = \([0-9]*\).*/\1/p' >"$1/said"
done <"$1/asked"
trap - EXIT
"$2/pg_ctl" -D "$1/data" -m fast -w stop >/dev/null
END
# The servers left the shell's process group: they are told one by one.
end() {
    for side in kernel shmfs; do
        "$bin/pg_ctl" -D "$folder/$side/data" -m immediate stop >/dev/null 2>&1 || true
    done
    rm -rf "$folder"
}
trap end EXIT
trap 'exit 1' INT TERM HUP
mkdir "$folder/kernel" "$folder/shmfs"
mkfifo "$folder/kernel/asked" "$folder/kernel/said" "$folder/shmfs/asked" "$folder/shmfs/said"
# For reading and writing, so that no read meets the end of a line's writer.
exec 3<>"$folder/kernel/said" 4<>"$folder/shmfs/said"
sh "$folder/side.sh" "$folder/kernel" "$bin" &
kernel=$!
"$shm" run -- sh "$folder/side.sh" "$folder/shmfs" "$bin" &
shmfs=$!
read -r kernel_is <&3
read -r shmfs_is <&4
[ "$kernel_is $shmfs_is" = 'ready ready' ] || { echo 'a server did not start' >&2; exit 1; }
exec 5>"$folder/kernel/asked" 6>"$folder/shmfs/asked"

# turn SIDE KIND OPTIONS: one run on one side.
turn() {
    if [ "$1" = kernel ]; then
        echo "-T $seconds $3" >&5
        read -r tps <&3
    else
        echo "-T $seconds $3" >&6
        read -r tps <&4
    fi
    [ "$tps" != failed ] || { echo "pgbench failed: $1" >&2; exit 1; }
    echo "$tps" >>"$folder/$1/$2"
}

median() { sort -n "$1" | sed -n "$((pairs / 2 + 1))p"; }

for kind in tpcb select; do
    options=
    [ $kind = tpcb ] || options=-S
    pair=0
    while [ $pair -lt "$pairs" ]; do
        if [ $((pair % 2)) = 0 ]; then
            turn kernel $kind "$options"
            turn shmfs $kind "$options"
        else
            turn shmfs $kind "$options"
            turn kernel $kind "$options"
        fi
        pair=$((pair + 1))
    done
    paste "$folder/kernel/$kind" "$folder/shmfs/$kind" | tee "$folder/both" | sed "s/^/$kind\t/"
    awk '{ printf "%.3f\n", $2 / $1 }' "$folder/both" >"$folder/ratios"
    kernel_tps=$(median "$folder/kernel/$kind") shmfs_tps=$(median "$folder/shmfs/$kind")
    ratio=$(echo "$shmfs_tps $kernel_tps" | awk '{ printf "%.3f", $1 / $2 }')
    echo "$kind: kernel $kernel_tps, shmfs $shmfs_tps transactions a second;" \
        "ratio of the medians $ratio, median of the ratios $(median "$folder/ratios")"
done
exec 5>&- 6>&-
wait $kernel $shmfs
