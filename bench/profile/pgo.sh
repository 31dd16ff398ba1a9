#!/usr/bin/env bash
# Makes cmd/weir/default.pgo from a mix of loads, and measures what it gains: server CPU per message
# with and without it, in turn. The file is kept only if the gain is 2 % or more in the mean.
# ROUNDS (5) and SECONDS_EACH (6) may be set.
set -euo pipefail
. "$(dirname "$0")/common.sh"
rounds=${ROUNDS:-5} each=${SECONDS_EACH:-6}
profile=cmd/weir/default.pgo

mix=(
	"echo -conns 64 -size 16"
	"echo -conns 1000 -size 128"
	"echo -conns 1000 -size 128 -depth 16"
	"echo -conns 64 -size 16KiB"
	"churn -conns 64"
)

go build -o "$work/" ./cmd/weirbench
go build -pgo=off -o "$work/without" ./cmd/weir
for i in "${!mix[@]}"; do
	start without
	$pin_client "$work/weirbench" ${mix[$i]} -duration "$((each + 4))s" -quiet -pprof "$pprof" -profiles "$work/$i" "$url" >/dev/null
	stop
done
go tool pprof -proto "$work"/[0-9]*/cpu.pprof >"$work/mix.pgo" 2>/dev/null
go build -pgo="$work/mix.pgo" -o "$work/with" ./cmd/weir

compare without with "${mix[@]}"
if awk "BEGIN { exit !($mean <= 0.98) }"; then
	cp "$work/mix.pgo" "$profile"
	echo "mean ratio $mean: kept as $profile"
else
	rm -f "$profile"
	echo "mean ratio $mean: not worth keeping; there is no $profile"
fi
