# What people and CI run. `make test` works in a fresh clone: it installs what
# the tests need and finds missing.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
export CGO_ENABLED := 0

GOLANGCI_VERSION := v2.15.0
GOFUMPT_VERSION  := v0.12.0
CYCLONEDX_VERSION := v1.10.0
GOLANGCI := .bin/golangci-lint-$(GOLANGCI_VERSION)
GOFUMPT  := .bin/gofumpt-$(GOFUMPT_VERSION)
CYCLONEDX := .bin/cyclonedx-gomod-$(CYCLONEDX_VERSION)

# Three packages at a time: e2e, which waits for leases and channels' pauses most of
# its time, and two that use the two cores that CI has. `make lint` vets them.
TEST_FLAGS ?= -p 3 -vet=off -timeout 20m
# Further flags, such as -v or -run.
FLAGS ?=
# How long `make fuzz` stays with each fuzz test.
FUZZ_TIME ?= 20s

# How long refunds are asked for in `make soak`, in simulated time, and how many:
# enough that the smallest merchant has a 99th percentile.
SOAK_DURING ?= 12h
SOAK_ORDERS ?= 100000

# What `make soak-channels` refunds through, and how many refunds of each seed.
SOAK_CHANNELS ?= alipay chinaums stripe wechatpay
SOAK_REFUNDS  ?= 1000

# What `make sim` plays.
SIM_SEEDS ?= 1 2 3 4 5 6 7 8
SIM_STEPS ?= 20000

# Where `make screenshots` puts a picture of every page.
SCREENSHOTS ?= $(CURDIR)/screenshots

# Further flags of `make bench`, such as --json or --rounds 1.
BENCH_FLAGS ?=

# Where `make release` puts its archives, and what further it is told, such as
# -platforms linux/amd64.
DIST ?= dist
RELEASE_FLAGS ?=

# Where `make install` puts things; DESTDIR goes before it, for packages.
PREFIX ?= /usr/local

.PHONY: help build install release release-check run test e2e screenshots deploy-check bench bench-deep bench-parts bench-console sim soak soak-channels fuzz lint format \
	setup setup-postgresql setup-chromium setup-node setup-e2e setup-lint setup-systemd setup-promtool

help: ## show this
	@grep -E '^[a-z0-9-]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | expand -t 20

build: ## make the program: ./refundry, one file that needs nothing else
	go build -trimpath -o refundry ./cmd/refundry

install: build ## put program, manual page and completion below PREFIX (/usr/local)
	install -D -m 755 refundry $(DESTDIR)$(PREFIX)/bin/refundry
	install -d $(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/bash-completion/completions $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d
	./refundry man > $(DESTDIR)$(PREFIX)/share/man/man1/refundry.1
	./refundry completion bash > $(DESTDIR)$(PREFIX)/share/bash-completion/completions/refundry
	./refundry completion fish > $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/refundry.fish

release: $(CYCLONEDX) ## archives, inventories and checksums for five platforms, in dist/
	go run ./internal/release -inventory $(abspath $(CYCLONEDX)) -out $(DIST) $(RELEASE_FLAGS)

release-check: $(CYCLONEDX) ## build the release in two other folders with empty caches (minutes), and compare
	@work=$$(mktemp -d); trap 'rm -rf "$$work"' EXIT; \
	for folder in one a/longer/way; do git clone -q . "$$work/$$folder"; done; \
	for folder in one a/longer/way; do \
		GOCACHE="$$work/cache" $(MAKE) --no-print-directory -C "$$work/$$folder" release CYCLONEDX=$(CURDIR)/$(CYCLONEDX); \
		rm -rf "$$work/cache"; \
	done; \
	diff "$$work/one/dist/SHA256SUMS" "$$work/a/longer/way/dist/SHA256SUMS" && cat "$$work/one/dist/SHA256SUMS"

run: ## start the service with the demo merchant
	go run ./cmd/refundry serve --demo

# e2e stands first because it takes longest.
test: setup ## run all tests
	go test $(TEST_FLAGS) $(FLAGS) ./e2e ./...

screenshots: setup ## the README's pictures, and one of every page in each form in SCREENSHOTS
	go test ./e2e/browser -count=1 $(FLAGS) -args -browser.images $(CURDIR)/docs/images -browser.screenshots $(SCREENSHOTS)

e2e: setup ## run only the tests that see the program from outside
	go test $(TEST_FLAGS) -count=1 $(FLAGS) ./e2e/...

deploy-check: setup-systemd setup-promtool ## read the files below deploy/ as Helm, Docker, Compose, systemd and Prometheus do
	go -C e2e/deploy test -count=1 $(FLAGS) ./...
	promtool check rules $(filter-out %_test.yml,$(wildcard deploy/prometheus/*.yml))
	promtool test rules $(wildcard deploy/prometheus/*_test.yml)

bench: build setup-postgresql ## measure the service beside what the databases can do, against its targets (20 minutes; BENCH_FLAGS="--only accept" for some lines)
	./refundry bench table $(BENCH_FLAGS)

bench-deep: build setup-postgresql ## the lines about growth alone, with five million stored refunds
	./refundry bench table --rounds 1 --stored 5000000 --only stored --only unfinished $(BENCH_FLAGS)

bench-parts: ## go test -bench of every package
	go test -run '^$$' -bench . -benchmem $(FLAGS) ./...

sim: ## play a whole service, with crashes and faults, from each of SIM_SEEDS
	go build -o refundry ./cmd/refundry
	@for seed in $(SIM_SEEDS); do ./refundry sim --seed $$seed --steps $(SIM_STEPS) || exit 1; done

bench-console: ## load each console page and each list of the native API with a million refunds in PostgreSQL; REFUNDS=N, ENGINE=sqlite, DATABASE=URL to keep it
	REFUNDS=$${REFUNDS:-1000000} go test ./console -run none -bench Console -benchtime 1x -timeout 1h -v

soak: ## twelve simulated hours of many refunds, with five merchants in trouble in each of six ways
	go test ./sim -count=1 -timeout 6h -v $(FLAGS) -args -sim.during $(SOAK_DURING) -sim.orders $(SOAK_ORDERS) -sim.each 2000 -sim.variants 6

soak-channels: build ## three seeds of a thousand refunds through each simulated channel, while every fifth call fails
	for channel in $(SOAK_CHANNELS); do for seed in 1 2 3; do \
		./refundry channel-sim soak --channel $$channel --refunds $(SOAK_REFUNDS) --faults 0.2 --seed $$seed --per-cell 7; done; done

fuzz: ## fuzz each fuzz test for FUZZ_TIME
	@grep -rlE --include='*_test.go' --exclude-dir=node_modules '^func Fuzz' . | while read -r file; do \
		for name in $$(sed -nE 's/^func (Fuzz[A-Za-z0-9_]*)\(.*/\1/p' "$$file"); do \
			echo "$$(dirname "$$file"): $$name"; \
			go test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZ_TIME) "$$(dirname "$$file")" </dev/null; \
		done; \
	done

lint: setup-lint ## look for mistakes and for form
	$(GOLANGCI) run ./...
	go test ./internal/tidy

format: $(GOFUMPT) ## write every file in its form
	$(GOFUMPT) -w .

setup: setup-postgresql setup-promtool setup-chromium setup-e2e ## install what tests need, where missing

# $(call install,program,Debian package): as root we install, else we say what to do.
define install
	if [ "$$(id -u)" != 0 ]; then \
		echo 'make setup: $(1) is missing; install it, on Debian as root with: apt-get install $(2)' >&2; \
		exit 1; \
	fi; \
	export DEBIAN_FRONTEND=noninteractive; \
	apt-get update -q && apt-get install -q -y --no-install-recommends $(2)
endef

setup-postgresql: ## server binaries and pgbench; the tests start clusters of their own
	@[ -x /usr/lib/postgresql/15/bin/pgbench ] || command -v initdb >/dev/null \
	|| [ -x "$$(pg_config --bindir 2>/dev/null)/initdb" ] \
	|| { $(call install,PostgreSQL 15,postgresql-15); }

setup-chromium: ## for browser tests, with a font that has Chinese
	@command -v chromium >/dev/null && [ -e /usr/share/fonts/truetype/wqy/wqy-microhei.ttc ] || { $(call install,Chromium or its Chinese font,chromium fonts-wqy-microhei); }

setup-node: ## for the official clients
	@command -v npm >/dev/null || { $(call install,Node.js with npm,nodejs npm); }

setup-e2e: setup-node e2e/node_modules/.package-lock.json ## the official clients
	go -C e2e/wechatpaygo mod download
	go -C e2e/deploy/oidcprovider mod download
	go -C e2e/smartwalle mod download
	go -C e2e/stripemock mod download

e2e/node_modules/.package-lock.json: e2e/package-lock.json e2e/package.json e2e/.npmrc
	npm ci --prefix e2e --no-audit --no-fund
	@touch $@

setup-lint: $(GOLANGCI) ## the linters

setup-systemd: ## systemd-analyze
	@command -v systemd-analyze >/dev/null || { $(call install,systemd-analyze,systemd); }

setup-promtool: ## to read alert rules
	@command -v promtool >/dev/null || { $(call install,promtool,prometheus); }

$(GOLANGCI):
	GOBIN=$(CURDIR)/.bin go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)
	mv .bin/golangci-lint $@

$(CYCLONEDX):
	GOBIN=$(CURDIR)/.bin go install -trimpath github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@$(CYCLONEDX_VERSION)
	mv .bin/cyclonedx-gomod $@

$(GOFUMPT):
	GOBIN=$(CURDIR)/.bin go install mvdan.cc/gofumpt@$(GOFUMPT_VERSION)
	mv .bin/gofumpt $@
