"""What is wrong with a training's learning rate, if anything: one rule per file, each from a record to verdicts."""
