"""From traces to findings, with numpy and scipy alone."""
