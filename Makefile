# What people, README and CI call. `make` alone lists it.
.DEFAULT_GOAL := help
.PHONY: help install demo test quick check snapshot schema images images-compare instance-types bench lock stop clean

VENV := .venv
INSTALLED := $(VENV)/installed
# The activated environment, without activating it.
export VIRTUAL_ENV := $(CURDIR)/$(VENV)
export PATH := $(VIRTUAL_ENV)/bin:$(PATH)
# Python keeps what it has compiled, whatever the shell says: the set-up compiles nothing.
export PYTHONDONTWRITEBYTECODE :=

help:
	@echo "make install   set up .venv: Python packages, Node and the CDK CLI"
	@echo "make demo      train the example, deploy it on this machine, ask it for a prediction"
	@echo "make test      every check and test"
	@echo "make quick     units and templates alone: while you work on something"
	@echo "make check     the checks alone: format, lint, types, who imports whom"
	@echo "make snapshot  accept the templates as they now are"
	@echo "make schema    write stages/stage.schema.json for editors, docs/settings.md and docs/inspection.md"
	@echo "make images    write catalogue/images.json anew, from the SageMaker SDK's data"
	@echo "make images-compare   ask the SDK itself the same, of everything (450 MB in build/)"
	@echo "make instance-types    write catalogue/instance_types.json anew, from moto's, cfn-lint's, botocore's data"
	@echo "make bench     what is claimed about speed, measured (4 GB of disk, some minutes)"
	@echo "make lock      pin the newest packages that the .in files allow"
	@echo "make stop      end the local cloud"
	@echo "make clean     end it, and remove all that was made here"

install: $(INSTALLED)

$(INSTALLED): requirements.txt requirements-dev.txt package-lock.json setup.sh
	@PATH="$${PATH#*:}"; exec ./setup.sh $(VENV)
	@touch $@

demo: $(INSTALLED)
	@ls model_artifact/model/* >/dev/null 2>&1 || python -m model_artifact.train
	python -m local_cloud exec -- cdk deploy --require-approval never
	python -m local_cloud exec -- python -m inference invoke iris-dev '{"instances": [[1.2, 2.3, 3.4, 4.5]]}'
	@echo
	@echo "That was a prediction of the model archive that cdk deploy uploaded. What to try next:"
	@echo "  . $(VENV)/bin/activate"
	@echo "  python -m local_cloud status                                  what is deployed"
	@echo "  python -m local_cloud logs iris-dev                           what its container wrote"
	@echo "  python -m model_artifact.train --inverse-regularization 0.01  another model"
	@echo "  python -m local_cloud exec -- cdk diff                        what that changes"
	@echo "  python -m local_cloud exec -- cdk deploy                      no request is lost"
	@echo "  python -m local_cloud stop                                    and all is gone"

# Four at a time on two cores: the CDK CLI spends most of a deployment between two polls.
test: check
	pytest --numprocesses 4 --dist worksteal

# What starts local clouds, containers, the CDK CLI or many other processes, or generates much.
SLOW := end_to_end examples local_cloud model_artifact/wheels infrastructure/test_matrix.py \
	container/test_process.py container/test_wheels.py infrastructure/test_bare_app.py \
	model_artifact/test_command.py model_artifact/inspection/test_pickles.py \
	model_artifact/test_preparation.py scripts/test_clean.py test_endings.py \
	model_artifact/inspection/test_hostile_archives.py model_artifact/inspection/test_rules.py \
	model_artifact/inspection/test_trial.py test_app.py test_leftovers.py test_setup.py

quick: $(INSTALLED)
	ruff check
	pytest --numprocesses 2 --dist worksteal $(SLOW:%=--ignore=tests/%)

check: $(INSTALLED)
	ruff format --check
	ruff check
	mypy
	for code in inference/code examples/*/code; do \
		(cd $$code && mypy --config-file $(CURDIR)/pyproject.toml \
			--cache-dir $(CURDIR)/.mypy_cache .) || exit 1; done
	lint-imports

snapshot: $(INSTALLED)
	pytest tests/infrastructure/test_snapshots.py --snapshot-update

schema: $(INSTALLED)
	python -m settings.stage > stages/stage.schema.json
	python -m scripts.build_settings_docs > docs/settings.md
	python -m model_artifact.inspection > docs/inspection.md

# The folder is marked as ours before anything is put into it.
BUILD := build/slipway.txt
$(BUILD): $(INSTALLED)
	python -c 'from pathlib import Path; from model_artifact.build import build_folder; \
		build_folder(Path()).claim()'

# The SDK whose data says which images AWS publishes. Write its newest version here, then
# `make images images-compare schema`.
SAGEMAKER_CORE := 2.27.0
SDK := build/sagemaker-core-$(SAGEMAKER_CORE)

images: $(INSTALLED) | $(BUILD)
	pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: \
		--dest $(SDK)-wheel "sagemaker-core==$(SAGEMAKER_CORE)"
	python scripts/build_images.py $(SDK)-wheel/*.whl build/images.json
	mv build/images.json catalogue/images.json

# In an environment of its own: the SDK brings 450 MB that nothing else here needs.
$(SDK)/installed: $(INSTALLED) | $(BUILD)
	uv venv --quiet --allow-existing $(SDK)
	uv pip install --quiet --python $(SDK)/bin/python "sagemaker-core==$(SAGEMAKER_CORE)"
	@touch $@

images-compare: $(SDK)/installed
	PYTHONPATH=. $(SDK)/bin/python scripts/compare_images.py

TYPES_WHEELS := build/instance-types

# From the releases that requirements.txt pins.
instance-types: $(INSTALLED) | $(BUILD)
	rm -rf $(TYPES_WHEELS)
	pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: \
		--dest $(TYPES_WHEELS) $$(grep -oE '^(moto|cfn-lint|botocore)==[^ ]+' requirements.txt)
	python scripts/build_instance_types.py $(TYPES_WHEELS)/moto-*.whl \
		$(TYPES_WHEELS)/cfn_lint-*.whl $(TYPES_WHEELS)/botocore-*.whl build/instance_types.json
	mv build/instance_types.json catalogue/instance_types.json

bench: $(INSTALLED)
	python -m benchmarks.archive
	python -m benchmarks.synth

LOCK := uv pip compile --quiet --no-config --upgrade --universal --python-version 3.11 \
	--no-annotate --generate-hashes --custom-compile-command "make lock"

lock: $(INSTALLED)
	$(LOCK) requirements.in -o requirements.txt
	$(LOCK) requirements-dev.in -o requirements-dev.txt

stop: $(INSTALLED)
	python -m local_cloud stop

clean:
	@test ! -e $(INSTALLED) || python -m local_cloud stop
	@python3 -m scripts.clean
