# PostgreSQL from initdb to its stop, with a crash and an orphan in between. Prints a line for each step; ends at the
# first that is not as it should be. Arguments: a folder of the user, shared_memory_type, dynamic_shared_memory_type.
set -eu
folder=$1 main=$2 dynamic=$3
bin=$(ls -d /usr/lib/postgresql/*/bin | tail -n 1)
data=$folder/data log=$folder/log
export PGHOST="$folder" PGUSER=postgres PGDATABASE=postgres LC_ALL=C
cd "$folder"

fail() {
    echo "$*"
    cat "$folder/said" "$log" || true
    exit 1
}
quietly() { "$@" >"$folder/said" 2>&1 || fail "failed: $*"; }
ask() { "$bin/psql" -XAtq -v ON_ERROR_STOP=1 -c "$1"; }
start() { "$bin/pg_ctl" -D "$data" -l "$log" -w -t 60 start >"$folder/said" 2>&1; }
postmaster() { head -n 1 "$data/postmaster.pid"; }
eventually() {
    tries=0
    until "$@" >/dev/null 2>&1; do
        tries=$((tries + 1))
        [ $tries -lt 300 ] || fail "never came true: $*"
        sleep 0.1
    done
}
# The process of the server that carries out the query which begins with $1.
backend() { ask "select pid from pg_stat_activity where query like '$1%' and state = 'active'"; }
busy() { [ -n "$(backend "$1")" ]; }
logged() { [ "$(grep -c "$1" "$log")" -ge "$2" ]; }
consistent() {
    ask 'select (select sum(abalance) from pgbench_accounts) = (select sum(delta) from pgbench_history)
           and (select sum(bbalance) from pgbench_branches) = (select sum(delta) from pgbench_history)'
}

quietly "$bin/initdb" --no-sync -D "$data" -A trust -U postgres -E UTF8 --locale=C
grep -o 'dynamic shared memory implementation ... posix' "$folder/said"
cat >>"$data/postgresql.conf" <<END
listen_addresses = ''
unix_socket_directories = '$folder'
shared_memory_type = $main
dynamic_shared_memory_type = $dynamic
shared_buffers = 32MB
fsync = off
END
start || fail 'no start'
ask 'show shared_memory_type; show dynamic_shared_memory_type'

quietly "$bin/pgbench" -i -q
quietly "$bin/pgbench" -n -c 2 -j 2 -t 500
grep -E 'transactions actually|failed' "$folder/said"
quietly "$bin/pgbench" -n -S -c 2 -j 2 -t 2000
grep -E 'transactions actually|failed' "$folder/said"
echo "consistent: $(consistent)"

ask "create table one as select g, md5(g::text) from generate_series(1, 100000) g;
     create table two as select * from one; analyze one; analyze two"
ask "set max_parallel_workers_per_gather = 2; set min_parallel_table_scan_size = 0; set parallel_setup_cost = 0;
     set parallel_tuple_cost = 0; set work_mem = '1MB';
     explain (analyze, costs off, timing off, summary off)
     select count(*), max(one.md5 || two.md5) from one join two using (g);
     select count(*) from one join two using (g)" >"$folder/said"
grep -oE 'Workers Launched: [0-9]+|Parallel Hash Join|^[0-9]+$' "$folder/said" || fail 'no parallel plan'

ask 'select pg_sleep(1000)' >/dev/null 2>&1 &
eventually busy 'select pg_sleep'
kill -9 "$(backend 'select pg_sleep')"
eventually logged 'all server processes terminated; reinitializing' 1
eventually logged 'database system is ready to accept connections' 2
echo "consistent after a crash: $(consistent)"

# It never waits, so it does not notice that the postmaster dies.
ask 'do $$ begin loop end loop; end $$' >/dev/null 2>&1 &
eventually busy 'do '
orphan=$(backend 'do ')
kill -9 "$(postmaster)"
if start; then fail 'started beside an orphan'; fi
grep -o 'pre-existing shared memory block .* still in use' "$log" | sed 's/(.*)/(...)/'
kill "$orphan"
eventually start
echo "consistent after an orphan: $(consistent)"

quietly "$bin/pg_ctl" -D "$data" -w -m fast stop
echo stopped
