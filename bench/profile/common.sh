# Sourced by the scripts beside it: builds and starts weir.

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
out=${PROFILES:-profiles}
mkdir -p "$out"
work=$(mktemp -d)
pids=()
trap 'for p in "${pids[@]}"; do kill "$p" 2>/dev/null || true; done; rm -rf "$work"' EXIT

# start NAME [flag...]: starts the binary NAME of $work and sets pid, url and pprof.
start() {
	local name=$1
	shift
	: >"$work/log" # of the one before
	$pin_server "$work/$name" -addr 127.0.0.1:0 -pprof 127.0.0.1:0 "$@" 2>"$work/log" &
	pid=$!
	pids+=("$pid")
	for _ in $(seq 100); do
		grep -q 'msg=listening' "$work/log" && grep -q 'msg=profiles' "$work/log" && break
		kill -0 "$pid" 2>/dev/null || { cat "$work/log" >&2; exit 1; }
		sleep 0.1
	done
	url=ws://$(sed -n 's/.*msg=listening addr=tcp:\/\/\([^ ]*\).*/\1/p' "$work/log" | head -1)/profile
	pprof=$(sed -n 's/.*msg=profiles url=\([^ ]*\).*/\1/p' "$work/log" | head -1)
}

# stop ends what start has started.
stop() {
	kill "$pid"
	wait "$pid" || true
	pids=("${pids[@]/$pid/}")
}

# cost LOAD: what a message of the load costs the server, in microseconds of its CPU, in $each seconds.
cost() {
	$pin_client "$work/weirbench" $1 -duration "${each}s" -quiet -pid "$pid" -json - "$url" |
		awk -F'[:,]' '/"server": *{/ { server = 1 } server && /"cpu_us_per_message"/ { print $2; exit }'
}

median() { sort -n | awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }

# try BINARY LOAD: what the load costs the binary.
try() {
	start "$1"
	cost "$2"
	stop
}

# compare A B LOAD...: prints what each load costs two binaries, in $rounds rounds of both in turn, and sets mean to
# the mean ratio.
compare() {
	local one=$1 other=$2 load a b ratio ratios=()
	shift 2
	printf '%-40s %12s %12s %8s\n' "server CPU, us per message (median of $rounds)" "$one" "$other" ratio
	for load in "$@"; do
		: >"$work/a"
		: >"$work/b"
		for _ in $(seq "$rounds"); do
			try "$one" "$load" >>"$work/a"
			try "$other" "$load" >>"$work/b"
		done
		a=$(median <"$work/a") b=$(median <"$work/b")
		ratio=$(awk "BEGIN { print $b / $a }")
		ratios+=("$ratio")
		printf '%-46s %12.3f %12.3f %8.3f\n' "$load" "$a" "$b" "$ratio"
	done
	mean=$(printf '%s\n' "${ratios[@]}" | awk '{ s += log($1) } END { print exp(s / NR) }')
}

# Server and generator have a core each where there are two.
pin_server= pin_client=
if command -v taskset >/dev/null && [ "$(nproc)" -ge 2 ]; then
	pin_server="taskset -c 0" pin_client="taskset -c 1"
fi
