#!/usr/bin/env bash
# Runs a scenario of weirbench against weir and leaves the server's profiles in $PROFILES (profiles).
# usage: profile.sh [scenario [flag...]]      default: echo -conns 1000 -depth 16
set -euo pipefail
. "$(dirname "$0")/common.sh"

[ $# -gt 0 ] || set -- echo -conns 1000 -depth 16
app=echo
[ "$1" != fanout ] || app=chat

go build -o "$work/" ./cmd/weir ./cmd/weirbench
start weir -app "$app"
$pin_client "$work/weirbench" "$@" -pid "$pid" -pprof "$pprof" -profiles "$out" "$url"
stop
cp "$work/weir" "$out/"
for p in cpu heap allocs mutex block; do
	printf '\n== %s\n' "$p"
	case $p in
	heap) go tool pprof -top -inuse_space -nodecount 15 "$out/weir" "$out/heap.pprof" ;;
	allocs) go tool pprof -top -alloc_space -nodecount 15 "$out/weir" "$out/allocs.pprof" ;;
	*) go tool pprof -top -nodecount 25 "$out/weir" "$out/$p.pprof" ;;
	esac 2>/dev/null
done
cat <<END

In $out: $(ls "$out" | tr '\n' ' ')
  go tool pprof -http=: $out/weir $out/cpu.pprof      flame graph, source, disassembly in a browser
  go tool pprof $out/weir $out/heap.pprof             the same on the terminal (top, list Func)
  go tool trace $out/trace.out                   what each P and goroutine did
END
