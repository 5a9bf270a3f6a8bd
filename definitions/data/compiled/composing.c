/* Frozen containers of what is frozen already: the same weights and depths as in frozen.py, and no bounds.

   Callers promise frozen members. Where one is not, the container stays with the collector. */

#include "frozen.h"

/* Return whether the collector can do without a container of this member. */
static inline int
is_frozen_member(State *state, PyObject *member)
{
    PyTypeObject *kind = Py_TYPE(member);
    return kind == state->object_type || kind == state->list_type || kind == &PyUnicode_Type || kind == &PyLong_Type
        || kind == &PyFloat_Type || kind == &PyBool_Type || member == Py_None;
}

static int
set_slots(PyObject *container, Py_ssize_t weight_offset, Py_ssize_t depth_offset, Size size)
{
    return set_slot(container, weight_offset, size.weight) == 0 && set_slot(container, depth_offset, size.depth) == 0;
}

PyObject *
stretto_object_with(State *state, PyObject *members, Size size)
{
    PyObject *frozen = new_object(state);
    if (frozen == NULL) {
        return NULL;
    }
    if (PyDict_Update(frozen, members) < 0 || !set_slots(frozen, state->object_weight, state->object_depth, size)) {
        Py_DECREF(frozen);
        return NULL;
    }
    Py_ssize_t position = 0;
    PyObject *key, *member;
    while (PyDict_Next(frozen, &position, &key, &member)) {
        if (!is_frozen_member(state, member)) {
            return frozen;
        }
    }
    PyObject_GC_UnTrack(frozen);
    return frozen;
}

PyObject *
stretto_object_of(State *state, PyObject *members)
{
    PyObject *frozen = new_object(state);
    if (frozen == NULL || PyDict_Update(frozen, members) < 0) {
        Py_XDECREF(frozen);
        return NULL;
    }
    Size whole = {2, 0};
    int all_frozen = 1;
    Py_ssize_t position = 0;
    PyObject *key, *member;
    while (PyDict_Next(frozen, &position, &key, &member)) {
        Py_ssize_t length = PyObject_Size(key);
        if (length < 0) {
            Py_DECREF(frozen);
            return NULL;
        }
        Size part = stretto_size_of(state, member);
        whole.weight += length + 4 + part.weight;
        if (part.depth > whole.depth) {
            whole.depth = part.depth;
        }
        all_frozen &= is_frozen_member(state, member);
    }
    whole.depth += 1;
    if (!set_slots(frozen, state->object_weight, state->object_depth, whole)) {
        Py_DECREF(frozen);
        return NULL;
    }
    if (all_frozen) {
        PyObject_GC_UnTrack(frozen);
    }
    return frozen;
}

PyObject *
stretto_list_of(State *state, PyObject *members)
{
    PyObject *gathered = PySequence_List(members);
    if (gathered == NULL) {
        return NULL;
    }
    Size whole = {2, 0};
    int all_frozen = 1;
    for (Py_ssize_t index = 0; index < PyList_GET_SIZE(gathered); index++) {
        PyObject *member = PyList_GET_ITEM(gathered, index);
        Size part = stretto_size_of(state, member);
        whole.weight += 2 + part.weight;
        if (part.depth > whole.depth) {
            whole.depth = part.depth;
        }
        all_frozen &= is_frozen_member(state, member);
    }
    whole.depth += 1;
    PyObject *frozen = sealed_list(state, gathered, whole);
    if (frozen != NULL && !all_frozen) {
        PyObject_GC_Track(frozen);
    }
    return frozen;
}
