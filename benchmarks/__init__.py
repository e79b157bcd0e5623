"""Named workloads on real documents, run on `docstore` and, beside it, on what a user would pick instead.

    python -m benchmarks                         all of them, at 63,666 documents
    python -m benchmarks --rows get scan         some of them
    python -m benchmarks --json results.json     the figures, for a program
    python -m benchmarks --picture ratios.svg    a picture of the ratios
    python -m benchmarks --large                 growth: generated documents, 10,000 to 1,000,000 (or `--large 10000000`)
    python -m benchmarks --guard baseline.json   a quick run against stored ratios: exits with 1 where one has halved

All stores run in one process, repetition by repetition in turn, so that noise of the machine meets all of them; the answers
of each workload are compared, and a difference is an error. Figures to quote are the ratios.
"""
