# Weir. `make` lists what there is to make.

GO          ?= go
STATICCHECK  = honnef.co/go/tools/cmd/staticcheck@v0.7.0
GOFUMPT      = mvdan.cc/gofumpt@v0.9.2
BENCHSTAT    = golang.org/x/perf/cmd/benchstat@v0.0.0-20260908200009-22c9c6c9d4da
GOVULNCHECK  = golang.org/x/vuln/cmd/govulncheck@v1.9.0
VULNDB      ?= https://vuln.go.dev
FUZZTIME    ?= 60s
BENCH       ?= .
COUNT       ?= 6
BENCHTIME   ?= 100ms
SOAK        ?= 10m

# The race detector needs a C compiler. Without one the tests run without it, and say so.
RACE := $(shell command -v $${CC:-cc} >/dev/null 2>&1 && echo -race)

# Modules of their own: their dependencies must not enter the library's go.mod.
MODULES = . bench/clients bench/peers

.PHONY: bun $(shell sed -n 's/^\([a-z-]*\):.*\#\# .*/\1/p' $(MAKEFILE_LIST))
.DEFAULT_GOAL := help

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## serve on http://localhost:8080 (ARGS="-app chat" and so on)
	$(GO) run ./cmd/weir $(ARGS)

build: ## build bin/weir
	$(GO) build -o bin/ ./cmd/...

test: bun ## run all tests, those with real clients too; installs what they need where it may
	@test -n "$(RACE)" || echo "no C compiler: the tests run without the race detector"
	@bash bench/clients/install.sh
	$(GO) test $(RACE) -shuffle=on ./...
	@test -z "$(RACE)" || $(GO) test -run 'Alloc|Memory' ./codec ./reactor # what the race detector makes uncountable
	cd bench/clients && $(GO) test -shuffle=on -count=1 ./...
	cd bench/peers && $(GO) test -shuffle=on -count=1 ./...

race: ## run the library's tests three times under the race detector
	$(GO) test -race -shuffle=on -count=3 ./...

# What is less covered than this has behaviour that no test holds.
cover: ## the part of the statements that tests run: codec 95 %, reactor 85 % at least
	@$(GO) test -cover ./codec ./reactor | awk ' \
	  BEGIN { least["example.org/weir/codec"] = 95; least["example.org/weir/reactor"] = 85 } \
	  { print } \
	  ($$2 in least) && match($$0, /coverage: [0-9.]+/) { \
	    if (substr($$0, RSTART + 10, RLENGTH - 10) + 0 < least[$$2]) { print $$2 ": less than " least[$$2] " %"; bad = 1 } \
	    delete least[$$2] \
	  } \
	  END { for (p in least) { print p ": not known"; bad = 1 } exit bad }'

fuzz: ## run each fuzz target for FUZZTIME (60s)
	@for p in $$($(GO) list ./...); do \
	  for f in $$($(GO) test -list '^Fuzz' $$p | grep '^Fuzz'); do \
	    echo "== $$p $$f"; \
	    $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) $$p || exit 1; \
	  done; \
	done

lint: ## gofumpt, vet, staticcheck, tidy go.mod
	@out=$$($(GO) run $(GOFUMPT) -l .); test -z "$$out" || { echo "gofumpt would change:"; echo "$$out"; exit 1; }
	@for m in $(MODULES); do (cd $$m && $(GO) vet ./... && $(GO) run $(STATICCHECK) ./... && $(GO) mod tidy -diff) || exit 1; done
	GOOS=darwin $(GO) build ./... # the tests are for Linux

# govulncheck ends with 3 when something vulnerable is called. Without a network there is nothing to ask, which is
# said and is no failure.
audit: ## verify the sums of dependencies, and ask the Go vulnerability database about them
	@GOBIN=$(CURDIR)/bin $(GO) install $(GOVULNCHECK)
	@for m in $(MODULES); do \
	  echo "== $$m"; \
	  (cd $$m && $(GO) mod verify) || exit 1; \
	  out=$$(cd $$m && $(CURDIR)/bin/govulncheck -db $(VULNDB) ./... 2>&1); status=$$?; \
	  echo "$$out"; \
	  case $$status:$$out in \
	    0:*) ;; \
	    1:*"fetching vulnerabilities"*) echo "NOT AUDITED: $(VULNDB) cannot be reached" ;; \
	    *) exit 1 ;; \
	  esac; \
	done

bench: ## the micro-benchmarks of BENCHMARKS.md (BENCH=regexp COUNT=6 BENCHTIME=100ms)
	@mkdir -p bin
	$(GO) test -run '^$$' -bench '$(BENCH)' -benchmem -benchtime $(BENCHTIME) -count $(COUNT) -cpu 1 ./codec ./reactor | tee bin/bench.txt
	$(GO) run $(BENCHSTAT) bin/bench.txt

bench-quick: bun ## compare Weir with its peers, in five minutes
	cd bench/peers && $(GO) run ./matrix -quick -plots results/plots $(ARGS)

bench-peers: bun ## compare Weir with its peers, into BENCHMARKS.md (ARGS="-rows ^echo" and so on)
	cd bench/peers && $(GO) run ./matrix -into ../../BENCHMARKS.md $(ARGS)

bench-goals: bun ## what Weir is to reach, and whether it does, in ten minutes, into BENCHMARKS.md
	cd bench/peers && $(GO) run ./matrix -goals -into ../../BENCHMARKS.md $(ARGS)

bench-features: bun ## permessage-deflate and TLS beside some peers, in five minutes, into BENCHMARKS.md
	cd bench/peers && $(GO) run ./matrix -features -into ../../BENCHMARKS.md $(ARGS)

bench-latency: bun ## latency in open loops beside some peers, in five minutes, into BENCHMARKS.md
	cd bench/peers && $(GO) run ./matrix -latency -into ../../BENCHMARKS.md $(ARGS)

bench-loops: ## one event loop beside two, in three minutes, into BENCHMARKS.md
	cd bench/peers && $(GO) run ./matrix -loops -into ../../BENCHMARKS.md $(ARGS)

million: ## a million connections on this machine, into BENCHMARKS.md (ARGS="-conns 100000" and so on)
	cd bench/peers && $(GO) run ./million -into ../../BENCHMARKS.md $(ARGS)

million-topics: ## one message to a million connections over NATS, into BENCHMARKS.md (ARGS="-conns 100000" and so on)
	cd bench/peers && $(GO) run ./million -topics -into ../../BENCHMARKS.md $(ARGS)

soak: ## connections of every kind for SOAK (10m); fails unless the server gives everything back
	cd bench/peers && $(GO) run ./soak -for $(SOAK)

# Bun is one of the peers; where it cannot be installed it is left out.
bun:
	@ls bench/peers/bun/node_modules/@oven/*/bin/bun >/dev/null 2>&1 || (cd bench/peers/bun && npm ci --ignore-scripts --silent) || echo "npm could not install Bun"

profile: ## profile weir under load into profiles/ (ARGS="churn -conns 64")
	@bash bench/profile/profile.sh $(ARGS)

heap: ## count what an idle connection takes of the heap, with a heap profile in profiles/
	@mkdir -p profiles
	$(GO) test -count 1 -run '^TestIdleMemory$$' -v -memprofilerate 1 ./reactor -args -heapprofile '$(CURDIR)/profiles/idle.pprof'
	$(GO) tool pprof -sample_index=inuse_space -top -nodecount 10 profiles/idle.pprof
	$(GO) tool pprof -sample_index=inuse_objects -top -nodecount 5 profiles/idle.pprof

gogc: ## measure what the default of GOGC in cmd/weir costs and gains (CONNS=15000 ROUNDS=3)
	@bash bench/profile/gogc.sh

upstream: ## measure what bench/peers/gnet-read.patch would gain in gnet, without changing go.mod (ROUNDS=5 SECONDS_EACH=6)
	@bash bench/profile/upstream.sh

broadcast: ## show what a message to 100,000 clients does to another one's latency (CONNS=100000 EVERY=1 DURATION=20)
	@bash bench/profile/broadcast.sh

read-buffer: ## measure what the size of the loops' read buffer is worth (ROUNDS=3 SECONDS_EACH=4)
	@bash bench/profile/readbuffer.sh

pgo: ## refresh cmd/weir/default.pgo, and keep it only if it gains
	@bash bench/profile/pgo.sh

clean: ## remove what make has built
	rm -rf bin profiles bench/clients/node/node_modules bench/peers/bin bench/peers/bun/node_modules
