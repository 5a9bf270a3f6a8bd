/* Values to frozen data: the same containers, weights and bounds as _freeze of frozen.py. */

#include "frozen.h"

/* Leave a value to the Python function: this error is seen by nobody else. */
static PyObject *
left_to_python(void)
{
    PyErr_SetNone(PyExc_OverflowError);
    return NULL;
}

static long long
slot_number(PyObject *container, Py_ssize_t offset)
{
    PyObject *number = *(PyObject **)((char *)container + offset);
    return number == NULL ? 0 : PyLong_AsLongLong(number);
}

/* Return the size of what is frozen. */
Size
stretto_size_of(State *state, PyObject *frozen)
{
    if (Py_TYPE(frozen) == state->object_type) {
        return (Size){slot_number(frozen, state->object_weight), (long)slot_number(frozen, state->object_depth)};
    }
    if (Py_TYPE(frozen) == state->list_type) {
        return (Size){slot_number(frozen, state->list_weight), (long)slot_number(frozen, state->list_depth)};
    }
    if (PyUnicode_CheckExact(frozen)) {
        return (Size){PyUnicode_GET_LENGTH(frozen), 0};
    }
    return (Size){state->scalar_weight, 0};
}

static int
is_out_of_bounds(State *state, Size size)
{
    return size.weight > state->max_weight || size.depth > state->max_depth;
}

static PyObject *
frozen_object(State *state, PyObject *value, long depth, long *since, Size *size)
{
    PyObject *frozen = new_object(state);
    if (frozen == NULL) {
        return NULL;
    }
    Size whole = {2, 0};
    Py_ssize_t position = 0, members = PyDict_GET_SIZE(value);
    PyObject *key, *member;
    while (PyDict_Next(value, &position, &key, &member)) {
        if (!PyUnicode_CheckExact(key) || !is_text(key)) {
            Py_DECREF(frozen);
            return left_to_python();
        }
        /* Other threads, and the code of a member's class, may run below and change the dict. */
        Py_INCREF(key);
        Py_INCREF(member);
        Size part = {0, 0};
        PyObject *data = stretto_frozen_of(state, member, depth + 1, since, &part);
        Py_DECREF(member);
        int stored = data == NULL ? -1 : PyDict_SetItem(frozen, key, data);
        whole.weight += PyUnicode_GET_LENGTH(key) + 4 + part.weight;
        Py_DECREF(key);
        Py_XDECREF(data);
        if (stored == 0 && PyDict_GET_SIZE(value) != members) {
            PyErr_SetString(PyExc_RuntimeError, "dictionary changed size during iteration");
            stored = -1;
        }
        if (stored < 0) {
            Py_DECREF(frozen);
            return NULL;
        }
        if (part.depth > whole.depth) {
            whole.depth = part.depth;
        }
    }
    whole.depth += 1;
    *size = whole;
    if (is_out_of_bounds(state, whole)) {
        Py_DECREF(frozen);
        return left_to_python();
    }
    if (!seal_object(state, frozen, whole)) {
        Py_CLEAR(frozen);
    }
    return frozen;
}

/* Freeze a list or a tuple. */
static PyObject *
frozen_list(State *state, PyObject *value, long depth, long *since, Size *size)
{
    Py_ssize_t count = PySequence_Fast_GET_SIZE(value);
    PyObject *gathered = PyList_New(count);
    if (gathered == NULL) {
        return NULL;
    }
    Size whole = {2, 0};
    for (Py_ssize_t index = 0; index < count; index++) {
        if (PySequence_Fast_GET_SIZE(value) != count) {
            PyErr_SetString(PyExc_RuntimeError, "list changed size during iteration");
            Py_DECREF(gathered);
            return NULL;
        }
        PyObject *member = PySequence_Fast_GET_ITEM(value, index);
        Py_INCREF(member);
        Size part = {0, 0};
        PyObject *data = stretto_frozen_of(state, member, depth + 1, since, &part);
        Py_DECREF(member);
        if (data == NULL) {
            Py_DECREF(gathered);
            return NULL;
        }
        PyList_SET_ITEM(gathered, index, data);
        whole.weight += 2 + part.weight;
        if (part.depth > whole.depth) {
            whole.depth = part.depth;
        }
    }
    whole.depth += 1;
    *size = whole;
    if (is_out_of_bounds(state, whole)) {
        Py_DECREF(gathered);
        return left_to_python();
    }
    return sealed_list(state, gathered, whole);
}

PyObject *
stretto_frozen_of(State *state, PyObject *value, long depth, long *since, Size *size)
{
    PyTypeObject *kind = Py_TYPE(value);
    give_way(since);
    if ((kind == &PyUnicode_Type && is_text(value)) || (kind == &PyLong_Type && is_data_integer(value))
        || (kind == &PyFloat_Type && isfinite(PyFloat_AS_DOUBLE(value))) || kind == &PyBool_Type || value == Py_None
        || kind == state->object_type || kind == state->list_type) {
        *size = stretto_size_of(state, value);
        return Py_NewRef(value);
    }
    if (depth < state->max_depth && kind == &PyDict_Type) {
        return frozen_object(state, value, depth, since, size);
    }
    if (depth < state->max_depth && (kind == &PyList_Type || kind == &PyTuple_Type)) {
        return frozen_list(state, value, depth, since, size);
    }
    PyObject *made = PyObject_CallFunction(state->other, "Ol", value, depth);
    if (made != NULL) {
        *size = stretto_size_of(state, made);
    }
    return made;
}
