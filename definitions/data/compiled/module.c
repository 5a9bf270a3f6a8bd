/* The module: a class whose instances know the types of frozen containers, and their bounds. */

#include "frozen.h"

/* COMPILED_VERSION of frozen.py: it changes with what the class offers. */
#define VERSION 2

typedef struct {
    PyObject_HEAD
    State state;
} Freezer;

static PyObject *
freezer_freeze(PyObject *self, PyObject *const *arguments, Py_ssize_t count)
{
    State *state = &((Freezer *)self)->state;
    if (count != 2) {
        PyErr_SetString(PyExc_TypeError, "freeze takes a value and its depth");
        return NULL;
    }
    long depth = PyLong_AsLong(arguments[1]);
    if (depth == -1 && PyErr_Occurred()) {
        return NULL;
    }
    long since = 0;
    Size size;
    PyObject *frozen = stretto_frozen_of(state, arguments[0], depth, &since, &size);
    if (frozen != NULL || !(PyErr_ExceptionMatches(PyExc_OverflowError) || PyErr_ExceptionMatches(state->refusal))) {
        return frozen;
    }
    /* The Python function says what is wrong, and where. */
    PyErr_Clear();
    return PyObject_CallFunction(state->other, "OO", arguments[0], arguments[1]);
}

static PyObject *
freezer_decode(PyObject *self, PyObject *text)
{
    if (!PyBytes_CheckExact(text)) {
        PyErr_Format(PyExc_TypeError, "decode takes bytes, not %s", Py_TYPE(text)->tp_name);
        return NULL;
    }
    PyObject *value = stretto_decoded(&((Freezer *)self)->state, PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text));
    if (value == NULL && !PyErr_Occurred()) {
        Py_RETURN_NOTIMPLEMENTED;
    }
    return value;
}

static PyObject *
freezer_object_with(PyObject *self, PyObject *const *arguments, Py_ssize_t count)
{
    if (count != 3) {
        PyErr_SetString(PyExc_TypeError, "object_with takes the members, the weight and the depth");
        return NULL;
    }
    Size size = {PyLong_AsLongLong(arguments[1]), PyLong_AsLong(arguments[2])};
    if (PyErr_Occurred()) {
        return NULL;
    }
    return stretto_object_with(&((Freezer *)self)->state, arguments[0], size);
}

static PyObject *
freezer_object_of(PyObject *self, PyObject *members)
{
    return stretto_object_of(&((Freezer *)self)->state, members);
}

static PyObject *
freezer_list_of(PyObject *self, PyObject *members)
{
    return stretto_list_of(&((Freezer *)self)->state, members);
}

static int
freezer_traverse(PyObject *self, visitproc visit, void *arg)
{
    State *state = &((Freezer *)self)->state;
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(state->object_type);
    Py_VISIT(state->list_type);
    Py_VISIT(state->other);
    Py_VISIT(state->refusal);
    Py_VISIT(state->no_arguments);
    return 0;
}

static int
freezer_clear(PyObject *self)
{
    State *state = &((Freezer *)self)->state;
    Py_CLEAR(state->object_type);
    Py_CLEAR(state->list_type);
    Py_CLEAR(state->other);
    Py_CLEAR(state->refusal);
    Py_CLEAR(state->no_arguments);
    return 0;
}

static void
freezer_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    (void)freezer_clear(self);
    type->tp_free(self);
    Py_DECREF(type);
}

/* Find where a slot of a class is in its instances. Return whether it is one. */
static int
find_slot(PyTypeObject *type, const char *name, Py_ssize_t *offset)
{
    PyObject *slot = PyObject_GetAttrString((PyObject *)type, name);
    if (slot == NULL) {
        return 0;
    }
    int found = Py_IS_TYPE(slot, &PyMemberDescr_Type);
    if (found) {
        *offset = ((PyMemberDescrObject *)slot)->d_member->offset;
    }
    else {
        PyErr_Format(PyExc_TypeError, "%s of %s is no slot", name, type->tp_name);
    }
    Py_DECREF(slot);
    return found;
}

static PyObject *
freezer_new(PyTypeObject *type, PyObject *arguments, PyObject *keywords)
{
    static char *names[] = {"object_type", "list_type",  "other",         "refusal",
                            "max_depth",   "max_weight", "scalar_weight", NULL};
    PyTypeObject *object_type, *list_type;
    PyObject *other, *refusal;
    long max_depth;
    long long max_weight, scalar_weight;
    if (!PyArg_ParseTupleAndKeywords(
            arguments, keywords, "O!O!OOlLL", names, &PyType_Type, &object_type, &PyType_Type, &list_type, &other,
            &refusal, &max_depth, &max_weight, &scalar_weight
        )) {
        return NULL;
    }
    if (!PyType_IsSubtype(object_type, &PyDict_Type) || !PyType_IsSubtype(list_type, &PyList_Type)) {
        PyErr_SetString(PyExc_TypeError, "the types of frozen containers must be subclasses of dict and list");
        return NULL;
    }
    Freezer *made = (Freezer *)type->tp_alloc(type, 0);
    if (made == NULL) {
        return NULL;
    }
    State *state = &made->state;
    state->object_type = (PyTypeObject *)Py_NewRef(object_type);
    state->list_type = (PyTypeObject *)Py_NewRef(list_type);
    state->other = Py_NewRef(other);
    state->refusal = Py_NewRef(refusal);
    state->max_depth = max_depth;
    state->max_weight = max_weight;
    state->scalar_weight = scalar_weight;
    state->no_arguments = PyTuple_New(0);
    if (state->no_arguments == NULL || !find_slot(object_type, "weight", &state->object_weight)
        || !find_slot(object_type, "depth", &state->object_depth) || !find_slot(list_type, "weight", &state->list_weight)
        || !find_slot(list_type, "depth", &state->list_depth)) {
        Py_DECREF(made);
        return NULL;
    }
    return (PyObject *)made;
}

static PyMethodDef freezer_methods[] = {
    {"freeze", (PyCFunction)(void (*)(void))freezer_freeze, METH_FASTCALL, "Freeze a value at a depth."},
    {"decode", freezer_decode, METH_O, "Return a JSON text's data, or NotImplemented if it is left to Python."},
    {"object_with", (PyCFunction)(void (*)(void))freezer_object_with, METH_FASTCALL,
     "Return a frozen object of frozen members, its weight and its depth."},
    {"object_of", freezer_object_of, METH_O, "Return a frozen object of frozen members."},
    {"list_of", freezer_list_of, METH_O, "Return a frozen list of frozen members."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot freezer_slots[] = {
    {Py_tp_new, freezer_new},         {Py_tp_methods, freezer_methods}, {Py_tp_traverse, freezer_traverse},
    {Py_tp_clear, freezer_clear},     {Py_tp_dealloc, freezer_dealloc}, {Py_tp_doc, "Freezes plain values and JSON texts."},
    {0, NULL},
};

static PyType_Spec freezer_spec = {
    .name = "stretto.definitions.data._compiled.Freezer",
    .basicsize = sizeof(Freezer),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = freezer_slots,
};

static int
fill_module(PyObject *module)
{
    PyObject *type = PyType_FromModuleAndSpec(module, &freezer_spec, NULL);
    if (type == NULL) {
        return -1;
    }
    int added = PyModule_AddObjectRef(module, "Freezer", type);
    Py_DECREF(type);
    return added < 0 ? added : PyModule_AddIntConstant(module, "VERSION", VERSION);
}

static PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, fill_module},
    {0, NULL},
};

static PyModuleDef module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_compiled",
    .m_doc = "Freezing and decoding, compiled: see frozen.py.",
    .m_size = 0,
    .m_slots = module_slots,
};

PyMODINIT_FUNC
PyInit__compiled(void)
{
    return PyModuleDef_Init(&module);
}
