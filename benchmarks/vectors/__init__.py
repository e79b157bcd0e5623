"""Vector searches: `docstore` beside numpy, faiss, usearch, hnswlib, sqlite-vec, LanceDB and Chroma, recall in every row.

    python -m benchmarks.vectors                        100,000 vectors of 128 numbers, hard ones, drawn from a seed
    python -m benchmarks.vectors --data DIR             vectors.npy and queries.npy (or .f16.npy) of a directory, cosine
    python -m benchmarks.vectors --count 1000000        another number of drawn ones; a million takes some minutes
    python -m benchmarks.vectors --rows search filters  some of the parts: search, filters, writing, turnover, peers

Peers are measured where they are installed (`pip install '.[bench-vectors]'` installs those with wheels), and named where
they are not.

One thread. Times are CPU times of the process, so that a machine that is shared does not matter as much; a search of
`docstore` goes through the public interface: the query is built and run, and ten documents come back. The libraries give
identifiers alone.
"""
