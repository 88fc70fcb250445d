# Every target says after ## what it does; `make` alone lists them.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

BIN   := $(CURDIR)/.cache/bin
TOOLS := $(BIN)/staticcheck $(BIN)/gofumpt

# A race build needs a C compiler; without one the tests run without it and say so.
CC_FOUND := $(shell command -v $${CC:-cc} 2>/dev/null || command -v gcc 2>/dev/null)
# The race detector's check of pointers is left out in SQLite, C that was translated: there
# it finds nothing of ours and takes a quarter of the time.
RACE     := $(if $(CC_FOUND),-race -gcflags='modernc.org/...=-d=checkptr=0',)

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## build both programs into bin/
	CGO_ENABLED=0 go build -trimpath -o bin/ ./cmd/bestow ./cmd/bestow-agent

.PHONY: test
test: setup check test-all differential cross browser ## everything: installs what it needs, then lint, race, both databases, both programs, Chromium

.PHONY: setup
setup: ## install what `make test` needs (as root on Debian), or name what is missing
	scripts/setup.sh

.PHONY: check
check: $(TOOLS) ## build, vet, staticcheck, gofumpt, module checksums
	go build -mod=readonly ./...
	go mod verify
	go vet ./...
	$(BIN)/staticcheck ./...
	@out="$$($(BIN)/gofumpt -l $$(git ls-files '*.go'))"; [ -z "$$out" ] || { echo "not formatted (gofumpt):"; echo "$$out"; exit 1; }

.PHONY: test-all
test-all: ## every Go test, with the race detector, on SQLite and PostgreSQL
	scripts/with-postgres.sh go test $(RACE) -timeout 20m ./...

.PHONY: test-go
test-go: ## every Go test that needs Go alone
	@[ -n "$(RACE)" ] || echo "no C compiler: running without the race detector"
	go vet ./...
	go test $(RACE) -timeout 20m ./...

.PHONY: differential
differential: ## some thousands of ceremonies, judged here and by another implementation
	cd test/differential && go vet ./... && go test -count=1 ./...

.PHONY: mutate
mutate: ## break each check of the verifier in turn and see that a test notices; takes an hour
	go run ./test/mutate

.PHONY: browser
browser: build ## the pages in headless Chromium with a virtual authenticator
	scripts/browser.sh

.PHONY: cross
cross: ## both programs build without cgo for Linux, Windows and macOS
	@for os in linux windows darwin; do for arch in amd64 arm64; do \
	  echo "building for $$os/$$arch"; \
	  CGO_ENABLED=0 GOOS=$$os GOARCH=$$arch go build -o /dev/null ./cmd/bestow-agent; \
	done; CGO_ENABLED=0 GOOS=$$os GOARCH=amd64 go build -o /dev/null ./cmd/bestow; done

.PHONY: fuzz
fuzz: ## run every fuzz target for FUZZTIME (default 30s) each
	scripts/fuzz.sh $${FUZZTIME:-30s}

.PHONY: soak
soak: ## send every front nearly good requests for SOAKTIME (default 10m) each
	scripts/soak.sh $${SOAKTIME:-10m}

.PHONY: bench
bench: ## the figures of docs/bench.md, each beside its floor
	scripts/bench.sh

.PHONY: demo
demo: ## play the whole flow with a software key
	go run ./cmd/bestow demo

.PHONY: fmt
fmt: $(BIN)/gofumpt ## format the Go files
	$(BIN)/gofumpt -w $$(git ls-files '*.go')

.PHONY: clean
clean: ## remove what was built
	rm -rf bin .cache test/browser/node_modules

$(BIN)/%: tools/go.mod tools/go.sum
	@mkdir -p $(BIN)
	cd tools && go build -o $(BIN)/ tool
	@touch $(BIN)/staticcheck $(BIN)/gofumpt
