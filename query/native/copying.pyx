# cython: language_level=3, boundscheck=False, wraparound=False, binding=False
"""Plain data copied and checked, as `query.values` does it in Python.

Of lists, tuples and dicts new ones are made; strings, whole numbers of 64 bits, finite floats, booleans and None are taken
as they are. All else, what is wrong and what is nested too deeply is left to a function in Python, which knows the errors.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.dict cimport PyDict_CheckExact, PyDict_Copy, PyDict_Next, PyDict_SetItem
from cpython.float cimport PyFloat_AS_DOUBLE, PyFloat_CheckExact
from cpython.list cimport PyList_CheckExact, PyList_GET_ITEM, PyList_GET_SIZE
from cpython.long cimport PyLong_AsLongLongAndOverflow, PyLong_CheckExact
from cpython.ref cimport PyObject
from cpython.tuple cimport PyTuple_CheckExact
from cpython.unicode cimport PyUnicode_CheckExact
from libc.math cimport isfinite

cdef extern from "Python.h":
    bint PyUnicode_IS_ASCII(object text)
    int PyUnicode_KIND(object text)
    void PyObject_GC_UnTrack(object container)


def unshared(value, /):
    """See `query.sharing`."""
    _unshare(value)
    return value


cdef inline bint _is_container(object value):
    return PyDict_CheckExact(value) or PyList_CheckExact(value)


cdef int _unshare(object value) except -1:
    cdef PyObject* name
    cdef PyObject* item
    cdef Py_ssize_t at = 0
    if PyDict_CheckExact(value):
        while PyDict_Next(value, &at, &name, &item):
            if _is_container(<object> item):
                if item.ob_refcnt > 1:
                    PyDict_SetItem(value, <object> name, _fresh(<object> item))  # of a name that there is: none moves
                else:
                    _unshare(<object> item)
    elif PyList_CheckExact(value):
        while at < PyList_GET_SIZE(value):
            item = <PyObject*> PyList_GET_ITEM(value, at)
            if _is_container(<object> item):
                if item.ob_refcnt > 1:
                    (<list> value)[at] = _fresh(<object> item)
                else:
                    _unshare(<object> item)
            at += 1
    return 0


cdef object _fresh(object value):
    """A copy of an array or an object, all the way down."""
    cdef dict made
    if PyDict_CheckExact(value):
        made = PyDict_Copy(value)
        for name, item in value.items():
            if _is_container(item):
                made[name] = _fresh(item)
        return made
    return [_fresh(item) if _is_container(item) else item for item in value]


def copied(data, int depth, int most, uncommon, tuple pseudo, bint untracked=False, /):
    """A copy of plain data inside `depth` arrays and objects, of which there may be `most`.

    `uncommon(data, depth)` copies, or refuses, what is not plain; `pseudo` is the name of the field that makes an object
    stand for another value, and what makes that value of such an object. `untracked` takes the lists and dicts that are made
    from the cyclic garbage collector: only for copies that nobody can put into themselves.
    """
    return _copied(data, depth, _Rules(most, uncommon, pseudo[0], pseudo[1], untracked))


def positive(const float[::1] numbers not None):
    """The bytes of numbers, with 0.0 for each -0.0."""
    cdef Py_ssize_t place
    data = PyBytes_FromStringAndSize(NULL, 4 * numbers.shape[0])
    cdef float* at = <float*> PyBytes_AS_STRING(data)
    for place in range(numbers.shape[0]):
        at[place] = numbers[place] + <float> 0
    return data


cdef class _Rules:
    cdef int most
    cdef object uncommon
    cdef object pseudo_name
    cdef object pseudo_value
    cdef bint untracked

    def __init__(self, most, uncommon, pseudo_name, pseudo_value, untracked):
        self.most, self.uncommon, self.untracked = most, uncommon, untracked
        self.pseudo_name, self.pseudo_value = pseudo_name, pseudo_value


cdef inline bint _is_plain(object data):
    """Whether this is a value that can be taken as it is. Text beyond Latin-1 may hold a lone surrogate."""
    cdef int overflow = 0
    if PyUnicode_CheckExact(data):
        return PyUnicode_IS_ASCII(data) or PyUnicode_KIND(data) == 1
    if PyLong_CheckExact(data):
        PyLong_AsLongLongAndOverflow(data, &overflow)
        return overflow == 0
    if PyFloat_CheckExact(data):
        return isfinite(PyFloat_AS_DOUBLE(data))
    return data is None or data is True or data is False


cdef object _copied(object data, int depth, _Rules rules):
    cdef list items
    if _is_plain(data):
        return data
    if depth < rules.most:
        if PyDict_CheckExact(data):
            return _object(<dict> data, depth + 1, rules)
        if PyList_CheckExact(data):
            items = [item if _is_plain(item) else _copied(item, depth + 1, rules) for item in <list> data]
            if rules.untracked:
                PyObject_GC_UnTrack(items)
            return items
        if PyTuple_CheckExact(data):
            return [item if _is_plain(item) else _copied(item, depth + 1, rules) for item in <tuple> data]
    return rules.uncommon(data, depth)


cdef object _object(dict data, int depth, _Rules rules):
    """An object whose depth counts already. What is in it is looked at in the copy, which nobody else can change."""
    cdef dict result = PyDict_Copy(data)
    cdef PyObject* name
    cdef PyObject* item
    cdef Py_ssize_t at = 0
    cdef bint is_common = True
    cdef list left = None
    while PyDict_Next(result, &at, &name, &item):
        if not PyUnicode_CheckExact(<object> name) or not (
            PyUnicode_IS_ASCII(<object> name) or PyUnicode_KIND(<object> name) == 1
        ):
            is_common = False
            break
        if not _is_plain(<object> item):
            if left is None:
                left = []
            left.append(<object> name)
    if not is_common:
        return rules.uncommon(data, depth - 1)
    if left is not None:
        for key in left:
            PyDict_SetItem(result, key, _copied(result[key], depth, rules))
    if rules.pseudo_name in result:
        return rules.pseudo_value(result)
    if rules.untracked:
        PyObject_GC_UnTrack(result)
    return result
