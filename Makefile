.PHONY: setup build build-tests demo test soak test-integration reference bench lint format release clean

SWIFT_SOURCES := Package.swift Sources Tests

setup: ## Installs what building needs; COMPLETION=bash, zsh or fish installs that shell's completion too
	@scripts/setup.sh
	@if [ -n "$(COMPLETION)" ]; then scripts/completion.sh "$(COMPLETION)"; fi

build: setup ## Builds drover (debug)
	swift build --product drover

build-tests: setup ## Builds drover and all tests (debug)
	swift build --build-tests

demo: build ## Plays the main story on loopback and checks every fact of it
	@"$$(swift build --show-bin-path)/drover" demo $(DEMO)

test: setup ## Builds and runs every test that needs no other system
	@scripts/swift-test.sh
	@echo "test: all tests passed"

soak: setup ## Plays long lives of an installation: SEEDS=100 WEEKS=4, or the one of SEED=N; LOG=N lines of a failure
	@SWIFT_DETERMINISTIC_HASHING=1 DROVER_SOAK_SEEDS=$(or $(SEEDS),100) DROVER_SOAK_WEEKS=$(or $(WEEKS),4) \
		DROVER_SOAK_LOG=$(LOG) $(if $(SEED),DROVER_SEED=$(SEED)) \
		scripts/swift-test.sh --filter LifeOfAnInstallationTests/lives

test-integration: setup ## Runs the suites against the real systems that are present or can be installed
	@scripts/test-integration.sh

reference: build ## Writes docs/reference from the sources
	@"$$(swift build --show-bin-path)/drover" reference --output docs/reference

bench: ## Prints figures as ratios against a named reference in the same run
	@scripts/bench.sh

lint: ## Fails on anything that the formatter or the linter would change, and on imports across the walls
	swift format lint --strict --parallel --recursive $(SWIFT_SOURCES)
	scripts/check_walls.py
	@echo "lint: clean"

format: ## Rewrites the sources as the linter wants them
	swift format --in-place --parallel --recursive $(SWIFT_SOURCES)

release: setup ## Builds dist/drover: optimised, stripped, needing only glibc; and packs the archive
	@scripts/release.sh
	@scripts/package.sh

clean: ## Removes what building made
	rm -rf .build .build-release Benchmarks/.build dist
