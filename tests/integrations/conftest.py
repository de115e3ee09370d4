"""What tests of trainings share."""

import sys

import pytest


@pytest.fixture(autouse=True)
def nothing_compiled_before(monkeypatch):
    """A monitor watches a step before it reads inside where the process has called ``torch.compile``, as other tests do."""
    monkeypatch.delitem(sys.modules, "torch._inductor.compiler_bisector", raising=False)
