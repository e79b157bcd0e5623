"""What `pyproject.toml` cannot say: the compiled modules, which are left out where there is no C compiler."""

from Cython.Build import cythonize
from setuptools import Extension, setup

MODULES = ("conditions", "documents", "pages")

setup(
    ext_modules=cythonize(
        [
            Extension(
                f"docstore.native.{name}", [f"docstore/native/{name}.pyx"], extra_compile_args=["-O3"], optional=True
            )
            for name in MODULES
        ],
        build_dir="build",
    )
)
