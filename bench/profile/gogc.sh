#!/usr/bin/env bash
# Measures what the garbage collector's pace (GOGC) costs and gains weir: resident bytes per idle connection,
# and server CPU per connection opened, as medians. cmd/weir's default is chosen by it.
# CONNS (15000), ROUNDS (3), HOLD (4, seconds) and VALUES ("25 50 75 100") may be set.
set -euo pipefail
. "$(dirname "$0")/common.sh"
conns=${CONNS:-15000} rounds=${ROUNDS:-3} hold=${HOLD:-4} values=${VALUES:-25 50 75 100}

go build -o "$work/" ./cmd/weir ./cmd/weirbench

# cpu is what the server's threads have run, in nanoseconds.
cpu() { awk '{ ns += $1 } END { printf "%d", ns }' /proc/"$pid"/task/*/schedstat; }

# round GOGC: opens the connections, holds them, and notes both figures.
round() {
	GOGC=$1 start weir -idle-timeout 0
	local before
	before=$(cpu)
	$pin_client "$work/weirbench" connect -conns "$conns" -source 127.0.0.0/8 -duration "${hold}s" -quiet \
		-pid "$pid" -json - "$url" |
		awk -F'[:,]' '/"bytes_per_connection"/ { print $2 }' >>"$work/rss.$1"
	awk "BEGIN { print ($(cpu) - $before) / 1000 / $conns }" >>"$work/cpu.$1"
	stop
}
for _ in $(seq "$rounds"); do
	for v in $values; do round "$v"; done
done
printf '%6s %26s %28s\n' GOGC "resident B per connection" "CPU us to open and close one"
for v in $values; do
	printf '%6s %26.0f %28.2f\n' "$v" "$(median <"$work/rss.$v")" "$(median <"$work/cpu.$v")"
done
