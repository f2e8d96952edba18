#!/bin/sh
# pgbench on the kernel and under `shm run`, in turn; prints transactions per second of every run, the medians and the
# ratio. The server's main memory is System V, its dynamic memory POSIX; it writes without fsync, so that the disk
# does not hide what shared memory costs. Each run starts from a copy of the same database.
#
# pgbench.sh SHM [PAIRS [SECONDS]]    SHM: the program, built with --release
set -eu
if [ $# -lt 1 ]; then
    sed -n 's/^# \(pgbench.sh\)/usage: \1/p' "$0"
    exit 2
fi
shm=$(realpath "$1") pairs=${2:-5} seconds=${3:-5}
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
export PGHOST="$folder" PGUSER=postgres PGDATABASE=postgres LC_ALL=C
trap '"$bin/pg_ctl" -D "$folder/data" -m immediate stop >/dev/null 2>&1 || true; rm -rf "$folder"' EXIT

"$bin/initdb" --no-sync -D "$folder/data" -A trust -U postgres -E UTF8 --locale=C >/dev/null
cat >>"$folder/data/postgresql.conf" <<END
listen_addresses = ''
unix_socket_directories = '$folder'
shared_memory_type = sysv
dynamic_shared_memory_type = posix
shared_buffers = 256MB
fsync = off
autovacuum = off
checkpoint_timeout = 1h
max_wal_size = 8GB
END
"$bin/pg_ctl" -D "$folder/data" -l "$folder/log" -w start >/dev/null
"$bin/pgbench" -i -q -s 10 2>/dev/null
"$bin/pg_ctl" -D "$folder/data" -w stop >/dev/null
mv "$folder/data" "$folder/made"

# One run of both kinds, in the folder $1 with the programs in $2 for $3 seconds each: "TPCB SELECT".
cat >"$folder/run.sh" <<'END'
set -eu
"$2/pg_ctl" -D "$1/data" -l "$1/log" -w start >/dev/null
"$2/pgbench" -n -S -c 2 -j 1 -t 5000 >/dev/null
tps() { "$2/pgbench" -n -c 2 -j 1 -T "$3" $4 | sed -n 's/^tps = \([0-9.]*\) .*/\1/p'; }
tpcb=$(tps "$1" "$2" "$3" "")
select=$(tps "$1" "$2" "$3" -S)
"$2/pg_ctl" -D "$1/data" -m fast -w stop >/dev/null
echo "$tpcb $select"
END

# run NAME COMMAND...: one run by way of a command.
run() {
    side=$1
    shift
    rm -rf "$folder/data"
    cp -r "$folder/made" "$folder/data"
    chmod 700 "$folder/data"
    said=$("$@" sh "$folder/run.sh" "$folder" "$bin" "$seconds")
    echo "$said" >>"$folder/$side"
    echo "$side $said"
}

median() { cut -d' ' -f"$2" "$folder/$1" | sort -n | sed -n "$((pairs / 2 + 1))p"; }

echo 'side, tpcb, select (transactions a second)'
pair=0
while [ "$pair" -lt "$pairs" ]; do
    # The one that goes first changes, so that a machine that gets slower or faster favours nobody.
    if [ $((pair % 2)) = 0 ]; then
        run kernel env
        run shmfs "$shm" run --
    else
        run shmfs "$shm" run --
        run kernel env
    fi
    pair=$((pair + 1))
done
for kind in 1 2; do
    echo "$(median kernel $kind) $(median shmfs $kind)" |
        awk -v kind="$(echo tpcb select | cut -d' ' -f$kind)" \
            '{ printf "%-6s kernel %.0f  shmfs %.0f  ratio of the medians %.3f (at least 0.95)\n", kind, $1, $2, $2 / $1 }'
done
