# cython: language_level=3, binding=True
"""The end of a block that Ctrl-C cannot pass by.

Python looks for signals when it enters a function written in Python, before the first line of it. An interrupt that comes just
then, in an `__exit__`, leaves open what that was to end. It does not look for them where it enters compiled code.
"""


def leave(block, kind, error, trace):
    """`Block.__exit__`: what `block.end` does, until the block is closed; with an error where an interrupt came between."""
    interrupt = None
    while True:
        try:
            block.end(kind, error, trace)
        except KeyboardInterrupt as caught:
            if block.scope is None:
                raise
            interrupt = caught
            kind, error, trace = KeyboardInterrupt, caught, caught.__traceback__
            continue
        if interrupt is not None:
            raise interrupt
        return
