#!/usr/bin/env bash
# Builds weir as it is and with bench/peers/gnet-read.patch applied to a copy of gnet, and measures what that gains:
# server CPU per message, in turn. The patched one is built with a go.mod of its own (-modfile), in a temporary
# folder: the repository's never has a replace.
# ROUNDS (5) and SECONDS_EACH (6) may be set.
set -euo pipefail
. "$(dirname "$0")/common.sh"
rounds=${ROUNDS:-5} each=${SECONDS_EACH:-6}
gnet=github.com/panjf2000/gnet/v2

cp -r "$(go list -m -f '{{.Dir}}' $gnet)" "$work/gnet"
chmod -R u+w "$work/gnet"
patch -s -p1 -d "$work/gnet" <bench/peers/gnet-read.patch
cp go.mod "$work/patched.mod"
cp go.sum "$work/patched.sum"
go mod edit -replace "$gnet=$work/gnet" "$work/patched.mod"

go build -o "$work/" ./cmd/weirbench
go build -o "$work/as-is" ./cmd/weir
go build -modfile "$work/patched.mod" -o "$work/patched" ./cmd/weir
compare as-is patched "echo -conns 64 -size 16" "echo -conns 1000 -size 128" "echo -conns 1000 -size 128 -depth 16" \
	"echo -conns 64 -size 16KiB"
echo "mean ratio $mean"
