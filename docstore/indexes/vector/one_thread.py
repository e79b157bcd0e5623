"""Products of matrices in one thread, while vectors are written.

numpy's BLAS divides a product among all processors, and its threads go on spinning for a while when they have nothing to
do. The products of a build are small: 50,000 vectors of 384 numbers took as long in one thread as in two, and half of the
processors' time. The number of threads is the process's: products that others make at the same moment take one thread too.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cache
from typing import cast

from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]


def one_thread() -> AbstractContextManager[object]:
    """A block whose products of matrices take one thread; any thread may have one, and the first of several counts."""
    return cast(AbstractContextManager[object], _controller().limit(limits=1, user_api="blas"))


@cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()
