# SPDX-License-Identifier: MIT
# A thin front: each target installs the Debian packages it needs (quick when they are there) and calls CMake or a
# script. Everything built lands in build/.

PREFIX ?= /usr/local
FUZZ_SECONDS ?= 60
export CMAKE_C_COMPILER_LAUNCHER ?= $(shell command -v ccache)

all: packages
	@scripts/build release

demo: packages
	@scripts/build release
	@scripts/demo

check: test-packages
	@scripts/check

check-long: test-packages
	@scripts/check --long

# ONLY=family: one family of scripts/bench. TROVE_PEERS=folder: more tables to measure beside (bench/peers.cmake).
bench: bench-packages
	@scripts/build release -DTROVE_TESTS=ON $(if $(TROVE_PEERS),-DTROVE_PEERS='$(abspath $(TROVE_PEERS))')
	@scripts/bench

install: packages
	@scripts/build release
	@cmake --install build/release --prefix '$(PREFIX)'

asan tsan: test-packages
	@scripts/build $@ -DTROVE_TESTS=ON
	@scripts/steadily ctest --preset $@ -L 'unit|stress'

fuzz: test-packages
	@scripts/build fuzz -DTROVE_TESTS=ON
	@scripts/steadily tests/fuzz/run build/fuzz $(FUZZ_SECONDS)

format: test-packages
	@scripts/format

clean:
	rm -rf build

packages:
	@scripts/install-packages

test-packages:
	@scripts/install-packages --tests

bench-packages:
	@scripts/install-packages --bench

.PHONY: all demo check check-long bench install asan tsan fuzz format clean packages test-packages bench-packages
