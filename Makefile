# What a person types. Everything here works on a fresh Debian or Ubuntu as root
# or with sudo; elsewhere deploy/setup.sh says what to install.

GO ?= go
ARGS ?=

# The checkout may belong to another user than the one who builds.
export GOFLAGS := $(GOFLAGS) -buildvcs=false

# Packages whose goroutines share state: tested under the race detector each
# time. make race does it for all.
RACED := $(patsubst %/,./%,$(wildcard $(addsuffix /,$(addprefix services/, \
	bus embedded telemetry store pull merge writeback desk hub))))

# Tests of these packages that run without the race detector, each time: one
# measures times, one starts nats-server's JetStream anew under its clients, which
# races with itself in there, and one judges pages in a browser.
UNRACED := ^(TestLongDeadPlatform|TestDiskFull|TestBrowserFindsNoBarrier|TestBrowserFindsBarriers)$$

.PHONY: help build demo test chaos unit race lint setup-build setup-demo setup-test clean

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

build: setup-build ## build bin/heji
	$(GO) build -o bin/heji ./services/heji

demo: setup-demo ## run the demo district: make demo ARGS="--residents 3000 --headless --report r.json"
	$(GO) build -o bin/heji ./services/heji
	./bin/heji demo $(ARGS)

test: setup-test lint ## everything that must hold: format, vet, all tests, under the race detector where goroutines share state
	$(GO) test -race -p 2 -timeout 12m -skip '$(UNRACED)' $(RACED)
	$(GO) test -p 2 -timeout 12m -run '$(UNRACED)' ./services/desk ./services/hub
	$(GO) test -p 2 -timeout 12m $$($(GO) list ./... | grep -vxF "$$($(GO) list $(RACED))")

chaos: build ## kill, cut off and lie to a small district for an hour: make chaos ARGS="--rounds 100 --seed 2"
	./bin/heji chaos --rounds 500 $(ARGS)
	$(GO) test -count=1 -v ./services/lineage -run 'TestHistories$$' -histories 50000

unit: ## all tests, without the set-up
	$(GO) test -p 2 -timeout 12m ./...

race: setup-test ## all tests under the race detector
	$(GO) test -race -p 2 -timeout 40m -skip '$(UNRACED)' ./...

lint: ## gofmt and go vet
	@unformatted=$$(gofmt -l connectors deploy docs schema services); \
	if [ -n "$$unformatted" ]; then \
		echo "these files are not formatted; run: gofmt -w" $$unformatted >&2; exit 1; \
	fi
	$(GO) vet ./...

setup-build:
	@sh deploy/setup.sh build

setup-demo:
	@sh deploy/setup.sh demo

setup-test:
	@sh deploy/setup.sh test

clean: ## remove what was built; the data in .heji stays
	rm -rf bin
