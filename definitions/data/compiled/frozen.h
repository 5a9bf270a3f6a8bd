/* What freezing and decoding share: how frozen containers are made, and what a text or a number must be.

   The definition of frozen data is frozen.py. Here only what is plain is done; whatever is not, and whatever must be
   refused, is left to the Python functions, so that there is one place with the rules of subclasses and the messages.

   Frozen containers are taken from the collector: they hold scalars and frozen containers only, which were there
   before them, so that no cycle can go through one. */

#ifndef STRETTO_FROZEN_H
#define STRETTO_FROZEN_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>

/* Members after which other threads get the interpreter: 1 to 2 ms of work. */
#define MEMBERS_A_TURN 50000

typedef struct {
    PyTypeObject *object_type;
    PyTypeObject *list_type;
    Py_ssize_t object_weight, object_depth, list_weight, list_depth; /* where the slots are in an instance */
    PyObject *other;                                                 /* freezes what is not plain, or refuses it */
    PyObject *refusal;                                               /* the class that it refuses with */
    PyObject *no_arguments;
    long max_depth;
    long long max_weight;
    long long scalar_weight;
} State;

/* The weight and the depth of data, as frozen.py counts them. */
typedef struct {
    long long weight;
    long depth;
} Size;

/* Return a value as frozen data and its size, or NULL with an error. */
PyObject *stretto_frozen_of(State *state, PyObject *value, long depth, long *since, Size *size);

/* Return the size of what is frozen. */
Size stretto_size_of(State *state, PyObject *frozen);

/* Return a frozen container of frozen members, or NULL with an error. Of the first one, the size is known. */
PyObject *stretto_object_with(State *state, PyObject *members, Size size);
PyObject *stretto_object_of(State *state, PyObject *members);
PyObject *stretto_list_of(State *state, PyObject *members);

/* Return the data of a JSON text, NULL with an error, or NULL without one if the text is left to Python. */
PyObject *stretto_decoded(State *state, const char *text, Py_ssize_t length);

/* Return whether a text has no lone surrogate. */
static inline int
is_text(PyObject *text)
{
    Py_ssize_t length = PyUnicode_GET_LENGTH(text);
    if (PyUnicode_KIND(text) == PyUnicode_2BYTE_KIND) {
        const Py_UCS2 *units = PyUnicode_2BYTE_DATA(text);
        for (Py_ssize_t i = 0; i < length; i++) {
            if (Py_UNICODE_IS_SURROGATE(units[i])) {
                return 0;
            }
        }
    }
    else if (PyUnicode_KIND(text) == PyUnicode_4BYTE_KIND) {
        const Py_UCS4 *units = PyUnicode_4BYTE_DATA(text);
        for (Py_ssize_t i = 0; i < length; i++) {
            if (Py_UNICODE_IS_SURROGATE(units[i])) {
                return 0;
            }
        }
    }
    return 1;
}

/* Return whether an integer has at most 64 bits, signed or not. */
static inline int
is_data_integer(PyObject *number)
{
    int overflow;
    (void)PyLong_AsLongLongAndOverflow(number, &overflow);
    if (overflow <= 0) {
        return overflow == 0;
    }
    (void)PyLong_AsUnsignedLongLong(number);
    if (PyErr_Occurred()) {
        PyErr_Clear();
        return 0;
    }
    return 1;
}

/* Let other threads run after much work: what freezes a large value holds nobody up. */
static inline void
give_way(long *since)
{
    if (++*since >= MEMBERS_A_TURN) {
        *since = 0;
        Py_BEGIN_ALLOW_THREADS
        Py_END_ALLOW_THREADS
    }
}

static inline int
set_slot(PyObject *container, Py_ssize_t offset, long long number)
{
    PyObject *made = PyLong_FromLongLong(number);
    if (made == NULL) {
        return -1;
    }
    *(PyObject **)((char *)container + offset) = made;
    return 0;
}

/* Return a new frozen object whose slots are not set. */
static inline PyObject *
new_object(State *state)
{
    return PyDict_Type.tp_new(state->object_type, state->no_arguments, NULL);
}

/* Set a new object's slots, and take it from the collector. Return whether that worked. */
static inline int
seal_object(State *state, PyObject *frozen, Size size)
{
    if (set_slot(frozen, state->object_weight, size.weight) < 0 || set_slot(frozen, state->object_depth, size.depth) < 0) {
        return 0;
    }
    PyObject_GC_UnTrack(frozen);
    return 1;
}

/* Return a frozen list that takes over the room of a plain one, which is given up. NULL with an error. */
static inline PyObject *
sealed_list(State *state, PyObject *gathered, Size size)
{
    PyObject *frozen = PyList_Type.tp_new(state->list_type, state->no_arguments, NULL);
    if (frozen != NULL) {
        PyListObject *from = (PyListObject *)gathered, *to = (PyListObject *)frozen;
        to->ob_item = from->ob_item;
        to->allocated = from->allocated;
        Py_SET_SIZE(to, Py_SIZE(from));
        from->ob_item = NULL;
        from->allocated = 0;
        Py_SET_SIZE(from, 0);
        if (set_slot(frozen, state->list_weight, size.weight) < 0 || set_slot(frozen, state->list_depth, size.depth) < 0) {
            Py_CLEAR(frozen);
        }
        else {
            PyObject_GC_UnTrack(frozen);
        }
    }
    Py_DECREF(gathered);
    return frozen;
}

#endif
