# make book: build and prove the book.  make test: every test.  make serve / lab / clean: read it / work on it / start over.
PYTHON ?= python3
BIN := .venv/bin
PORT ?= 8000

.PHONY: book test serve lab clean setup
book: setup
	@$(BIN)/python tools/build_book.py

test: setup
	@$(BIN)/python tools/build_book.py
	@$(BIN)/python -m pytest

serve: book
	@echo "http://localhost:$(PORT)/ (Ctrl-C to stop)"
	@$(BIN)/python -m http.server $(PORT) --bind 127.0.0.1 --directory _build/html

lab: setup
	@$(BIN)/jupyter lab book

clean:
	@rm -rf _build .venv *.egg-info .pytest_cache .hypothesis

setup:
	@command -v $(PYTHON) >/dev/null || { echo "make: $(PYTHON) not found; install Python 3.11 or newer" >&2; exit 2; }
	@$(PYTHON) tools/bootstrap.py
