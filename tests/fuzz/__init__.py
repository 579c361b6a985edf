"""Cases made from grammars, for `test_fuzz.py` and `python -m tests.fuzz`."""
