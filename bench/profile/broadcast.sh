#!/usr/bin/env bash
# Shows what a broadcast does to everybody else: CONNS (100000) clients have subscribed to one topic, on as many
# servers as they need, which NATS joins, and get a message every EVERY (1) seconds, while one other client asks the
# first of the servers something 200 times a second. How long it waits for answers is printed, without and with the
# broadcast. DURATION (20, seconds) may be set too. All servers share a core, and all generators the other.
set -euo pipefail
. "$(dirname "$0")/common.sh"
conns=${CONNS:-100000} every=${EVERY:-1} duration=${DURATION:-20} most=18000 # descriptors of a process
servers=$(((conns + most - 1) / most))

go build -o "$work/" ./cmd/weir ./cmd/weirbench github.com/nats-io/nats-server/v2
$pin_server "$work/nats-server" -a 127.0.0.1 -p -1 --ports_file_dir "$work" >"$work/nats.log" 2>&1 &
pids+=($!)
for _ in $(seq 100); do ls "$work"/nats-server_*.ports >/dev/null 2>&1 && break; sleep 0.1; done
nats=$(grep -o 'nats://127[^"]*' "$work"/nats-server_*.ports | head -1)

bases=()
for _ in $(seq "$servers"); do
	start weir -app topics -nats "$nats" -idle-timeout 0 -admin 127.0.0.1:0
	bases+=("${url%/profile}")
	[ -n "${admin:-}" ] || admin=$(sed -n 's/.*msg=admin url=\([^ ]*\).*/\1/p' "$work/log" | head -1)
done

echo '{"id":1,"op":"presence","topic":"nobody"}' >"$work/question"

# probe NAME: the latency of the one that is not concerned.
probe() {
	$pin_client "$work/weirbench" rate -conns 1 -rate 200 -lines "$work/question" -duration "${duration}s" -quiet -json "$work/probe" "${bases[0]}/" >/dev/null
	awk -F'[:,]' -v name="$1" '
		$1 ~ /"latency"/ { here = 1 } $1 ~ /"raw_latency"/ { here = 0 }
		here { gsub(/[" ]/, "", $1); ms[$1] = $2 / 1e6 }
		END { printf "%-24s %10.2f %10.2f %10.2f %10.2f\n", name, ms[50], ms[99], ms["99.9"], ms["max_ns"] }' "$work/probe"
}

printf '%-24s %10s %10s %10s %10s\n' 'latency in ms' p50 p99 p99.9 max
probe 'no subscribers'
for i in "${!bases[@]}"; do
	$pin_client "$work/weirbench" hold -conns $((conns / servers)) -ramp 2000 -source 127.0.0.0/8 -mute -quiet \
		-duration 10m "${bases[$i]}/room" >"$work/hold.$i" 2>&1 &
	pids+=($!)
done
echo "opening $conns connections to $servers servers" >&2
sleep $((conns / servers / 1000 + 10))
probe "$conns, and silence"
(while sleep "$every"; do
	curl -fsS -o /dev/null -H 'Content-Type: text/plain' -d "$(printf '%0100d' 0)" "$admin/publish?topic=room"
done) &
pids+=($!)
sleep 3
probe "$conns, one each ${every} s"
