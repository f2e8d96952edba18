# PostgreSQL in the store of an own `shm daemon`, whose broker is killed KILLS times while pgbench runs: each of its
# transactions is a new connection, some have parallel plans. Arguments: the folder with the program shm and this file,
# a folder of the user, KILLS. Prints a line for each step.
set -eu
reach=$1 folder=$2 kills=$3
bin=$(ls -d /usr/lib/postgresql/*/bin | tail -n 1)
data=$folder/data log=$folder/log
export PGHOST="$folder" PGUSER=postgres PGDATABASE=postgres LC_ALL=C
cd "$folder"

fail() {
    echo "$*"
    tail -n 40 "$folder/said" "$log" "$folder/daemon.log" || true
    exit 1
}
quietly() { "$@" >"$folder/said" 2>&1 || fail "failed: $*"; }

# The database's side, in the store.
if [ "$kills" = serve ]; then
    quietly "$bin/initdb" --no-sync -D "$data" -A trust -U postgres -E UTF8 --locale=C
    cat >>"$data/postgresql.conf" <<END_OF_CONFIGURATION
listen_addresses = ''
unix_socket_directories = '$folder'
shared_memory_type = sysv
dynamic_shared_memory_type = posix
shared_buffers = 32MB
fsync = off
max_connections = 40
min_parallel_table_scan_size = 0
parallel_setup_cost = 0
parallel_tuple_cost = 0
END_OF_CONFIGURATION
    quietly "$bin/pg_ctl" -D "$data" -l "$log" -w -t 60 start
    quietly "$bin/pgbench" -i -q
    echo 'select count(*), max(md5(one.filler || two.filler)) from pgbench_accounts one join pgbench_accounts two using (aid);' \
        >"$folder/parallel.sql"
    "$bin/psql" -XAtqc "explain $(cat "$folder/parallel.sql")" | grep -o 'Workers Planned: 2'
    : >"$folder/ready"
    "$bin/pgbench" -n -C -c 4 -j 2 -T 1000 -b tpcb-like@20 -f "$folder/parallel.sql@1" >"$folder/bench" 2>&1 &
    bench=$!
    until [ -e "$folder/enough" ]; do
        kill -0 $bench 2>/dev/null || { cat "$folder/bench" >>"$folder/said"; fail 'pgbench ended early'; }
        sleep 0.1
    done
    # It ends as at the end of its time: SIGALRM is its own timer.
    kill -ALRM $bench
    wait $bench || { cat "$folder/bench" >>"$folder/said"; fail 'pgbench failed'; }
    grep -m 1 -E 'failed' "$folder/bench"
    processed=$(sed -n 's/^number of transactions actually processed: \([0-9]*\).*/\1/p' "$folder/bench")
    [ "$processed" -gt 100 ] || fail "only $processed transactions"
    echo "$processed transactions" >&2
    consistent=$("$bin/psql" -XAtqc 'select (select sum(abalance) from pgbench_accounts) = (select sum(delta) from pgbench_history)')
    echo "consistent: $consistent"
    grep -E 'PANIC|FATAL|ERROR|terminated by signal' "$log" || echo 'nothing in the log'
    quietly "$bin/pg_ctl" -D "$data" -w -m fast stop
    exit 0
fi

"$reach/shm" daemon --store kills --size 1G 2>"$folder/daemon.log" &
daemon=$!
store=$XDG_RUNTIME_DIR/shmfs/kills
until [ -e "$store/socket" ]; do sleep 0.05; done
"$reach/shm" run --store kills -- sh "$reach/postgres.sh" "$reach" "$folder" serve &
server=$!
until [ -e "$folder/ready" ]; do
    kill -0 $server 2>/dev/null || fail 'no server'
    sleep 0.1
done
sleep 1
killed=0
while [ $killed -lt "$kills" ]; do
    broker=$(cat "$store/broker")
    kill -9 "$broker" || fail "no broker $broker after $killed kills"
    killed=$((killed + 1))
    sleep "0.$(((killed * 37 + $$) % 40 + 20))"
    tries=0
    while [ "$(cat "$store/broker")" = "$broker" ]; do
        tries=$((tries + 1))
        [ $tries -lt 200 ] || fail "no new broker after $killed kills"
        sleep 0.05
    done
done
: >"$folder/enough"
wait $server || fail 'the server failed'
echo "brokers killed: $killed"
used=$("$reach/shm" df --store kills --json | sed -n 's/.*"used_bytes": \([0-9]*\).*/\1/p')
echo "bytes used at the end: $used"
kill $daemon
wait $daemon || fail 'the daemon failed'
