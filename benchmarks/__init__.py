"""Named workloads on real documents, run on `docstore` and, beside it, on what a user would pick instead.

    python -m benchmarks                         all of them, at 63,666 documents
    python -m benchmarks --rows get scan         some of them
    python -m benchmarks --json results.json     the figures, for a program

All stores run in one process, repetition by repetition in turn, so that noise of the machine meets all of them; the answers
of each workload are compared, and a difference is an error. Figures to quote are the ratios.
"""
