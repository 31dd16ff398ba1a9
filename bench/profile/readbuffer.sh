#!/usr/bin/env bash
# Measures what the size of the loops' read buffer is worth: server CPU in microseconds per message, medians of
# interleaved rounds. The default of reactor.Server.ReadBuffer is chosen by it.
# ROUNDS (3), SECONDS_EACH (4) and SIZES ("64KiB 128KiB 256KiB 512KiB 1MiB") may be set.
set -euo pipefail
. "$(dirname "$0")/common.sh"
rounds=${ROUNDS:-3} each=${SECONDS_EACH:-4} sizes=${SIZES:-64KiB 128KiB 256KiB 512KiB 1MiB}

loads=(
	"echo -conns 16 -size 1MiB"
	"echo -conns 64 -size 16KiB -depth 4"
	"echo -conns 1000 -size 128"
)

go build -o "$work/" ./cmd/weir ./cmd/weirbench
for _ in $(seq "$rounds"); do
	for i in "${!loads[@]}"; do
		for s in $sizes; do
			start weir -read-buffer "$s"
			cost "${loads[$i]}" >>"$work/cost.$i.$s"
			stop
		done
	done
done
printf '%-40s' 'server CPU, us per message'
printf '%10s' $sizes
echo
for i in "${!loads[@]}"; do
	printf '%-40s' "${loads[$i]}"
	for s in $sizes; do printf '%10.2f' "$(median <"$work/cost.$i.$s")"; done
	echo
done
