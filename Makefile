# `make demo` and `make test` are all a newcomer needs; both set up what they use.
.DEFAULT_GOAL := help
.PHONY: help demo first-mail test check tox benchmarks clean

SERVERS := postfix dovecot-core dovecot-imapd dovecot-pop3d dovecot-lmtpd postgresql

help:
	@echo "make demo        run the workspace on this machine: mail that you send to it becomes incidents"
	@echo "make first-mail  send a first mail with the library alone, and read it back"
	@echo "make test        run every test, against real mail servers"
	@echo "make check       lint and types"
	@echo "make tox         each package alone, documentation, wheels"
	@echo "make benchmarks  compare with peers, side by side"

.venv/ready: pyproject.toml $(wildcard */pyproject.toml plugins/*/pyproject.toml) scripts/setup
	scripts/setup

# DEMO_ARGS=--once plays the whole story without you.
demo: .venv/ready
	.venv/bin/mailport-workspace demo $(DEMO_ARGS)

first-mail: .venv/ready
	.venv/bin/python examples/first_mail.py

# Without the right to install, the tests that lack a server say so and skip; in CI that is an error.
test: .venv/ready
	scripts/debian-packages $(SERVERS) || [ -z "$$CI" ]
	.venv/bin/pytest --numprocesses $$(( $$(nproc) * 2 )) --dist loadgroup # they wait for servers half of their time

check: .venv/ready
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy core/src $(wildcard plugins/*/src) workspace/src tests/typing tests/peers examples

tox: .venv/ready
	.venv/bin/tox run --recreate # packages are installed, not linked: an old build would be tested

benchmarks: .venv/ready
	for benchmark in benchmarks/*.py; do echo "== $$benchmark"; .venv/bin/python $$benchmark || exit 1; done

clean:
	rm -rf .venv .tox build dist demo-data
