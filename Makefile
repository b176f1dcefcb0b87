# Every way into the project. Plain `make` lists the targets. Everything is installed inside this folder or in the caches of
# cargo, Maven and pip.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv/bin
AIRFLOW_VENV := .venv-airflow/bin
RELEASE_VENV := .venv-release/bin
MVN := mvn -q -B -f spark-connector/pom.xml
# Spark finds Python workers, and its own home, through these rather than through whatever is first on PATH.
export PYSPARK_PYTHON := $(CURDIR)/$(VENV)/python
export PYSPARK_DRIVER_PYTHON := $(CURDIR)/$(VENV)/python

JAR := spark-connector/target/downbeat-spark_4.2_2.13-0.1.0.jar
GATEWAY := .stores/versitygw
# An object store that the demo has its lake in; none: a folder.
STORE ?=
IN_STORE := $(STORE:%=stores/with-store.sh %)
LAKE_JARS := spark-connector/target/lake-jars/.made
RELEASE_JAR := target/release-jar/$(notdir $(JAR))
RELEASE_ARCHS := x86_64 aarch64
# The oldest that Rust's own standard library supports.
RELEASE_GLIBC := 2.17
RELEASE_LIBRARIES := $(foreach arch,$(RELEASE_ARCHS),linux-$(arch)=target/$(arch)-unknown-linux-gnu/release/libdownbeat_jni.so)
HOST := $(shell rustc -vV 2>/dev/null | sed -n 's/^host: //p')
# Instruments our own code and its crates: neither the standard library, nor C, nor what the JVM itself does with memory.
SANITIZED := RUSTC_BOOTSTRAP=1 RUSTFLAGS=-Zsanitizer=address cargo
SANITIZE_FLAGS := --release --locked --target $(HOST) --target-dir target/sanitize
STORES := versitygw minio fake-gcs-server
STORE_TESTS := connector/test_stores.py test_doctor.py test_lake.py test_lease.py test_log_store.py test_reader.py \
	test_ingest.py::test_a_lake_in_a_store_is_the_one_in_a_folder \
	test_kill.py::test_killed_at_any_moment_the_ingest_loses_and_doubles_nothing[store]
PROPERTIES := spark-connector/target/spark.properties
CLASSES := spark-connector/target/spark-classes.jsa
RUST_SOURCES := $(shell find rust proto -type f -not -path '*/target/*') Cargo.toml Cargo.lock rust-toolchain.toml
CONNECTOR_SOURCES := $(shell find spark-connector -type f -not -path '*/target/*')

.PHONY: help
help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: needs-build target/release/.made $(PROPERTIES) $(CLASSES) .venv/.made .venv-airflow/.made ## build the command, the Spark jar and both Python environments

.PHONY: release
release: needs-release $(JAR) .venv-release/.made ## build one jar for Linux on x86-64 and aarch64, glibc 2.17 or newer, into target/release-jar/
	rm -f $(RELEASE_JAR)
	rustup target add $(RELEASE_ARCHS:%=%-unknown-linux-gnu)
	PATH="$(CURDIR)/$(RELEASE_VENV):$$PATH" ZIG_GLOBAL_CACHE_DIR=$(CURDIR)/target/zig CARGO_ZIGBUILD_CACHE_DIR=$(CURDIR)/target/zig \
		cargo zigbuild --release --locked -p downbeat-jni --lib $(RELEASE_ARCHS:%=--target %-unknown-linux-gnu.$(RELEASE_GLIBC))
	$(RELEASE_VENV)/python release/check.py --glibc $(RELEASE_GLIBC) $(RELEASE_LIBRARIES)
	JDK_JAVA_OPTIONS=-Ddownbeat.native.path=$(CURDIR)/target/$(HOST)/release/libdownbeat_jni.so \
		$(MVN) test-compile scalatest:test
	$(RELEASE_VENV)/python release/pack.py $(JAR) $(RELEASE_JAR) $(RELEASE_LIBRARIES)

.PHONY: demo
demo: build $(STORE:%=.stores/%) ## serve events, ingest them with Spark, open the dashboard; STORE=versitygw or minio has the lake there; Ctrl-C stops all
	@exec $(IN_STORE) $(VENV)/python demo/demo.py $(STORE:%=--lake s3://lake/demo)

.PHONY: demo-check
demo-check: build needs-chromium $(STORE:%=.stores/%) ## the demo unattended: succeeds once the page shows numbers and the lake equals the truth
	@exec $(IN_STORE) $(VENV)/python demo/demo.py $(STORE:%=--lake s3://lake/demo) --check

.PHONY: airflow
airflow: build needs-airflow ## start a standalone Airflow on loopback with the DAGs ready to trigger
	@exec airflow_dags/standalone.sh

.PHONY: test
test: needs-test ## build and run every check and every test of every part
	# Side by side, for each waits for much: downloads; JVMs that start, stores, browsers.
	$(MAKE) -j2 -Otarget build $(GATEWAY)
	$(MAKE) lint test-rust test-connector
	$(MAKE) -j2 -Otarget test-python test-airflow

.PHONY: lint
lint: build ## formats, lints and types, with warnings denied
	cargo fmt --all --check
	cargo fmt --manifest-path benchmarks/generator/Cargo.toml --check
	cargo metadata -q --locked --manifest-path benchmarks/generator/Cargo.toml --format-version 1 > /dev/null
	cargo clippy --release --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc -q --release --locked --workspace --no-deps
	$(VENV)/ruff format --check .
	$(VENV)/ruff check .
	$(VENV)/mypy

.PHONY: test-rust
test-rust:
	cargo test --release --locked --workspace

.PHONY: test-connector
test-connector: build
	$(MVN) verify

.PHONY: test-python
test-python: build $(GATEWAY)
	$(VENV)/pytest -q tests/flight
	$(VENV)/pytest -q release/tests
	$(VENV)/pytest -q -n 2 --dist loadfile pyspark/tests
	$(VENV)/pytest -q streamlit/tests

.PHONY: test-airflow
test-airflow: build
	$(AIRFLOW_VENV)/pytest -q airflow_dags/tests

.PHONY: test-stores
test-stores: $(STORES:%=test-store-%) ## the tests of lakes in object stores on each store that there is, MinIO and Google's stand-in too

.PHONY: $(STORES:%=test-store-%)
$(STORES:%=test-store-%): test-store-%: build .stores/%
	DOWNBEAT_TEST_STORE=$* $(VENV)/pytest -q $(if $(filter fake-gcs-server,$*),-m "not s3") $(STORE_TESTS:%=pyspark/tests/%)
	DOWNBEAT_TEST_STORE=$* $(VENV)/pytest -q $(if $(filter fake-gcs-server,$*),-m "not s3") streamlit/tests/test_store.py

.PHONY: sanitize
sanitize: needs-sanitize $(JAR) ## run the kernels' and the native boundary's tests under the address sanitizer
	$(SANITIZED) test $(SANITIZE_FLAGS) --tests -p downbeat-kernels -p downbeat-jni
	$(SANITIZED) build $(SANITIZE_FLAGS) -p downbeat-jni --lib
	nm -D target/sanitize/$(HOST)/release/libdownbeat_jni.so | grep __asan_report >/dev/null
	LD_PRELOAD="$$(cc -print-file-name=libasan.so)" ASAN_OPTIONS=detect_leaks=0:handle_segv=0 \
		JDK_JAVA_OPTIONS=-Ddownbeat.native.path=$(CURDIR)/target/sanitize/$(HOST)/release/libdownbeat_jni.so \
		$(MVN) test-compile scalatest:test

.PHONY: soak
soak: build $(GATEWAY) ## the long form of the kill tests: fifty rounds of the ingest, 100 faults of a store and 200 kills of a cluster, output kept under benchmarks/
	DOWNBEAT_SOAK_ROUNDS=50 DOWNBEAT_SOAK_FAULTS=100 DOWNBEAT_SOAK_KILLS=200 $(VENV)/python benchmarks/run.py soak-ingest soak-store soak-source

.PHONY: bench
bench: build $(GATEWAY) ## measure what is claimed, into benchmarks/
	cargo build --release --locked --workspace
	$(VENV)/python benchmarks/run.py

.PHONY: format
format: .venv/.made ## format every language
	cargo fmt --all
	$(VENV)/ruff check -q --fix .
	$(VENV)/ruff format -q .
	$(MVN) spotless:apply

.PHONY: lock
lock: ## resolve the Python requirements again into their lock files (needs uv)
	uv pip compile -q --python-version 3.11 --generate-hashes requirements.in -o requirements.lock
	uv pip compile -q --python-version 3.11 --generate-hashes airflow_dags/requirements.in -o airflow_dags/requirements.lock
	uv pip compile -q --python-version 3.11 --generate-hashes release/requirements.in -o release/requirements.lock

.PHONY: clean
clean: ## remove everything that was built or installed here
	rm -rf target .stores spark-connector/target .venv .venv-airflow .venv-release .airflow .demo .bench .mypy_cache .pytest_cache .ruff_cache

.PHONY: needs-build
needs-build:
	@.ci/needs.sh cargo java mvn $(PYTHON)

.PHONY: needs-chromium
needs-chromium:
	@.ci/needs.sh chromium

.PHONY: needs-airflow
needs-airflow:
	@.ci/needs.sh pkill

.PHONY: needs-test
needs-test:
	@.ci/needs.sh chromium go openssl pkill readelf unshare

.PHONY: needs-sanitize
needs-sanitize: needs-build
	@.ci/needs.sh cc nm

.PHONY: needs-release
needs-release: needs-build
	@.ci/needs.sh rustup readelf

target/release/.made: $(RUST_SOURCES)
	cargo build --release --locked -p downbeat-cli -p downbeat-jni
	@touch $@

# After the jars of lakes, for two Mavens must not fetch at once.
$(JAR): target/release/.made $(CONNECTOR_SOURCES) | $(LAKE_JARS)
	$(MVN) -DskipTests package
	@touch $@

$(LAKE_JARS): spark-connector/lake-jars/pom.xml
	mvn -q -B -f spark-connector/lake-jars/pom.xml package
	@touch $@

$(PROPERTIES): $(JAR) $(LAKE_JARS) .venv/.made pyspark/src/downbeat_spark/session.py
	$(VENV)/python -m downbeat_spark.session > $@

$(CLASSES): .venv/.made pyspark/src/downbeat_spark/class_archive.py
	$(VENV)/python -m downbeat_spark.class_archive

.stores/%: stores/install.sh
	stores/install.sh $*
	@touch $@

.venv/.made: requirements.lock pyspark/pyproject.toml
	$(PYTHON) -m venv .venv
	$(VENV)/pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
	$(VENV)/pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e pyspark
	@touch $@

.venv-airflow/.made: airflow_dags/requirements.lock
	$(PYTHON) -m venv .venv-airflow
	$(AIRFLOW_VENV)/pip install -q --disable-pip-version-check --require-hashes -r airflow_dags/requirements.lock
	@touch $@

.venv-release/.made: release/requirements.lock
	$(PYTHON) -m venv .venv-release
	$(RELEASE_VENV)/pip install -q --disable-pip-version-check --require-hashes -r release/requirements.lock
	@touch $@
