"""What `pyproject.toml` cannot say: the compiled modules, which are left out where there is no C compiler."""

from Cython.Build import cythonize
from setuptools import Extension, setup

MODULES = (
    "docstore.native.bits",
    "docstore.native.blocks",
    "docstore.native.conditions",
    "docstore.native.documents",
    "docstore.native.encoding",
    "docstore.native.keys",
    "docstore.native.making",
    "docstore.native.pages",
    "docstore.native.points",
    "docstore.native.rows",
    "docstore.native.scans",
    "docstore.native.splicing",
    "docstore.native.vectors",
    "query.native.copying",
)

setup(
    ext_modules=cythonize(
        [
            Extension(name, [f"{name.replace('.', '/')}.pyx"], extra_compile_args=["-O3"], optional=True)
            for name in MODULES
        ],
        build_dir="build",
    )
)
