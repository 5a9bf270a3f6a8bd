/* JSON texts to frozen data, without plain containers between.

   A text is decoded here only if it is plain: RFC 8259, numbers that are data, no key twice, texts without lone
   surrogates. All else is left to Python, which says what is wrong with it. */

#include "frozen.h"
#include <string.h>

#define MOST_CACHED_KEY 32
#define CACHED_KEYS 512
#define MOST_NUMBER 64
/* Digits of an integer that fits 63 bits, and of one that a double holds exactly. */
#define SURE_DIGITS 18
#define EXACT_DIGITS 15
#define EXACT_POWER 22

typedef struct {
    State *state;
    const unsigned char *at;
    const unsigned char *end;
    long since;
    PyObject *keys[CACHED_KEYS];
} Reader;

static const double POWERS[EXACT_POWER + 1] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                               1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

static PyObject *decoded_value(Reader *reader, long depth, Size *size);

static void
skip_space(Reader *reader)
{
    while (reader->at < reader->end
           && (*reader->at == ' ' || *reader->at == '\n' || *reader->at == '\r' || *reader->at == '\t')) {
        reader->at++;
    }
}

/* Go on behind an expected character. Return whether it was there. */
static int
took(Reader *reader, char expected)
{
    skip_space(reader);
    if (reader->at < reader->end && *reader->at == (unsigned char)expected) {
        reader->at++;
        return 1;
    }
    return 0;
}

static PyObject *
decoded_word(Reader *reader, const char *word, PyObject *value)
{
    size_t length = strlen(word);
    if ((size_t)(reader->end - reader->at) < length || memcmp(reader->at, word, length) != 0) {
        return NULL;
    }
    reader->at += length;
    return Py_NewRef(value);
}

static int
is_digit(const Reader *reader, const unsigned char *at)
{
    return at < reader->end && *at >= '0' && *at <= '9';
}

/* Return a float of at most MOST_NUMBER characters, or NULL if it is none or too large. */
static PyObject *
decoded_float(const unsigned char *from, const unsigned char *to)
{
    char text[MOST_NUMBER + 1];
    if (to - from > MOST_NUMBER) {
        return NULL;
    }
    memcpy(text, from, (size_t)(to - from));
    text[to - from] = '\0';
    double number = PyOS_string_to_double(text, NULL, NULL);
    if (PyErr_Occurred()) {
        if (PyErr_ExceptionMatches(PyExc_ValueError)) {
            PyErr_Clear();
        }
        return NULL;
    }
    return isfinite(number) ? PyFloat_FromDouble(number) : NULL;
}

static PyObject *
decoded_number(Reader *reader)
{
    const unsigned char *from = reader->at, *at = from;
    int negative = *at == '-';
    at += negative;
    if (!is_digit(reader, at)) {
        return NULL;
    }
    const unsigned char *digits_from = at;
    unsigned long long digits = 0;
    while (is_digit(reader, at)) {
        digits = digits * 10 + (*at++ - '0'); /* wraps for what is decided by its length below */
    }
    Py_ssize_t count = at - digits_from;
    if (*digits_from == '0' && count > 1) {
        return NULL;
    }
    int whole = 1;
    Py_ssize_t power = 0;
    if (at < reader->end && *at == '.') {
        whole = 0;
        const unsigned char *point = at++;
        while (is_digit(reader, at)) {
            digits = digits * 10 + (*at++ - '0');
        }
        power = at - point - 1;
        if (power == 0) {
            return NULL;
        }
        count += power;
    }
    int exponent = at < reader->end && (*at == 'e' || *at == 'E');
    if (exponent) {
        at++;
        if (at < reader->end && (*at == '+' || *at == '-')) {
            at++;
        }
        if (!is_digit(reader, at)) {
            return NULL;
        }
        while (is_digit(reader, at)) {
            at++;
        }
    }
    reader->at = at;
    if (whole && !exponent) {
        if (count > SURE_DIGITS || (negative && digits == 0)) {
            return NULL;
        }
        return PyLong_FromLongLong(negative ? -(long long)digits : (long long)digits);
    }
    if (!exponent && count <= EXACT_DIGITS && power <= EXACT_POWER) {
        /* Both are exact in a double, so that their quotient is rounded once (Clinger, PLDI 1990, fast path). */
        double number = (double)digits / POWERS[power];
        return PyFloat_FromDouble(negative ? -number : number);
    }
    return decoded_float(from, at);
}

/* Return four hexadecimal digits as a number, or -1. */
static long
four_digits(const unsigned char *at)
{
    long number = 0;
    for (int i = 0; i < 4; i++) {
        unsigned char digit = at[i];
        number <<= 4;
        if (digit >= '0' && digit <= '9') {
            number |= digit - '0';
        }
        else if ((digit | 32) >= 'a' && (digit | 32) <= 'f') {
            number |= (digit | 32) - 'a' + 10;
        }
        else {
            return -1;
        }
    }
    return number;
}

/* Write what an escape stands for in UTF-8. `at` is behind the backslash. Return where it ends, or NULL. */
static const unsigned char *
unescaped(const unsigned char *at, const unsigned char *end, unsigned char **to)
{
    static const char names[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    const char *found;
    if (at < end && *at != '\0' && (found = strchr(names, *at)) != NULL) {
        *(*to)++ = (unsigned char)meanings[found - names];
        return at + 1;
    }
    long code;
    if (end - at < 5 || *at != 'u' || (code = four_digits(at + 1)) < 0) {
        return NULL;
    }
    at += 5;
    if (code >= 0xD800 && code <= 0xDFFF) {
        long low;
        if (code > 0xDBFF || end - at < 6 || at[0] != '\\' || at[1] != 'u' || (low = four_digits(at + 2)) < 0xDC00
            || low > 0xDFFF) {
            return NULL;
        }
        at += 6;
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
        *(*to)++ = (unsigned char)(0xF0 | (code >> 18));
        *(*to)++ = (unsigned char)(0x80 | ((code >> 12) & 0x3F));
    }
    else if (code >= 0x800) {
        *(*to)++ = (unsigned char)(0xE0 | (code >> 12));
    }
    else if (code >= 0x80) {
        *(*to)++ = (unsigned char)(0xC0 | (code >> 6));
    }
    if (code >= 0x800) {
        *(*to)++ = (unsigned char)(0x80 | ((code >> 6) & 0x3F));
    }
    *(*to)++ = (unsigned char)(code >= 0x80 ? 0x80 | (code & 0x3F) : code);
    return at;
}

static PyObject *
text_of(const unsigned char *from, Py_ssize_t length)
{
    PyObject *text = PyUnicode_DecodeUTF8((const char *)from, length, "strict");
    if (text == NULL && PyErr_ExceptionMatches(PyExc_UnicodeDecodeError)) {
        PyErr_Clear();
    }
    return text;
}

/* Return the text between two places, which has escapes. */
static PyObject *
decoded_escapes(const unsigned char *from, const unsigned char *to)
{
    /* No escape is shorter than what it stands for. */
    unsigned char *buffer = PyMem_Malloc((size_t)(to - from)), *into = buffer;
    if (buffer == NULL) {
        return PyErr_NoMemory();
    }
    while (from != NULL && from < to) {
        if (*from == '\\') {
            from = unescaped(from + 1, to, &into);
        }
        else {
            *into++ = *from++;
        }
    }
    PyObject *text = from == NULL ? NULL : text_of(buffer, into - buffer);
    PyMem_Free(buffer);
    return text;
}

/* Return an ASCII text from the cache of keys. */
static PyObject *
cached_key(Reader *reader, const unsigned char *from, Py_ssize_t length)
{
    size_t hash = (size_t)length;
    for (Py_ssize_t i = 0; i < length; i++) {
        hash = hash * 31 + from[i];
    }
    PyObject **place = &reader->keys[hash % CACHED_KEYS];
    if (*place != NULL && PyUnicode_GET_LENGTH(*place) == length
        && memcmp(PyUnicode_1BYTE_DATA(*place), from, (size_t)length) == 0) {
        return Py_NewRef(*place);
    }
    PyObject *key = text_of(from, length);
    if (key != NULL) {
        Py_XSETREF(*place, Py_NewRef(key));
    }
    return key;
}

static PyObject *
decoded_text(Reader *reader, int is_key)
{
    if (!took(reader, '"')) {
        return NULL;
    }
    const unsigned char *from = reader->at, *at = from;
    unsigned char all = 0;
    int escapes = 0;
    while (at < reader->end && *at != '"') {
        if (*at < 0x20) {
            return NULL;
        }
        if (*at == '\\') {
            escapes = 1;
            at++;
            if (at == reader->end) {
                return NULL;
            }
        }
        all |= *at++;
    }
    if (at == reader->end) {
        return NULL;
    }
    reader->at = at + 1;
    if (escapes) {
        return decoded_escapes(from, at);
    }
    if (is_key && all < 0x80 && at - from <= MOST_CACHED_KEY) {
        return cached_key(reader, from, at - from);
    }
    return text_of(from, at - from);
}

static PyObject *
decoded_object(Reader *reader, long depth, Size *size)
{
    PyObject *frozen = new_object(reader->state);
    if (frozen == NULL) {
        return NULL;
    }
    Size whole = {2, 0};
    Py_ssize_t members = 0;
    int ended = took(reader, '}');
    while (!ended) {
        Size part = {0, 0};
        PyObject *key = decoded_text(reader, 1);
        PyObject *value = key != NULL && took(reader, ':') ? decoded_value(reader, depth + 1, &part) : NULL;
        int stored = value != NULL && PyDict_SetItem(frozen, key, value) == 0;
        if (stored) {
            whole.weight += PyUnicode_GET_LENGTH(key) + 4 + part.weight;
            whole.depth = part.depth > whole.depth ? part.depth : whole.depth;
            ended = took(reader, '}');
            stored = PyDict_GET_SIZE(frozen) == ++members && (ended || took(reader, ','));
        }
        Py_XDECREF(key);
        Py_XDECREF(value);
        if (!stored) {
            Py_DECREF(frozen);
            return NULL;
        }
    }
    whole.depth += 1;
    *size = whole;
    if (whole.weight > reader->state->max_weight || !seal_object(reader->state, frozen, whole)) {
        Py_CLEAR(frozen);
    }
    return frozen;
}

static PyObject *
decoded_list(Reader *reader, long depth, Size *size)
{
    PyObject *gathered = PyList_New(0);
    if (gathered == NULL) {
        return NULL;
    }
    Size whole = {2, 0};
    int ended = took(reader, ']');
    while (!ended) {
        Size part = {0, 0};
        PyObject *value = decoded_value(reader, depth + 1, &part);
        int stored = value != NULL && PyList_Append(gathered, value) == 0;
        Py_XDECREF(value);
        if (stored) {
            whole.weight += 2 + part.weight;
            whole.depth = part.depth > whole.depth ? part.depth : whole.depth;
            ended = took(reader, ']');
            stored = ended || took(reader, ',');
        }
        if (!stored) {
            Py_DECREF(gathered);
            return NULL;
        }
    }
    whole.depth += 1;
    *size = whole;
    if (whole.weight > reader->state->max_weight) {
        Py_DECREF(gathered);
        return NULL;
    }
    return sealed_list(reader->state, gathered, whole);
}

static PyObject *
decoded_value(Reader *reader, long depth, Size *size)
{
    give_way(&reader->since);
    skip_space(reader);
    if (reader->at == reader->end) {
        return NULL;
    }
    *size = (Size){reader->state->scalar_weight, 0};
    PyObject *text;
    switch (*reader->at) {
    case '"':
        text = decoded_text(reader, 0);
        size->weight = text == NULL ? 0 : PyUnicode_GET_LENGTH(text);
        return text;
    case '{':
        reader->at++;
        return depth < reader->state->max_depth ? decoded_object(reader, depth, size) : NULL;
    case '[':
        reader->at++;
        return depth < reader->state->max_depth ? decoded_list(reader, depth, size) : NULL;
    case 't':
        return decoded_word(reader, "true", Py_True);
    case 'f':
        return decoded_word(reader, "false", Py_False);
    case 'n':
        return decoded_word(reader, "null", Py_None);
    default:
        return decoded_number(reader);
    }
}

PyObject *
stretto_decoded(State *state, const char *text, Py_ssize_t length)
{
    Reader *reader = PyMem_Calloc(1, sizeof(Reader));
    if (reader == NULL) {
        return PyErr_NoMemory();
    }
    reader->state = state;
    reader->at = (const unsigned char *)text;
    reader->end = reader->at + length;
    Size size;
    PyObject *value = decoded_value(reader, 0, &size);
    skip_space(reader);
    if (value != NULL && reader->at != reader->end) {
        Py_CLEAR(value);
    }
    for (int i = 0; i < CACHED_KEYS; i++) {
        Py_XDECREF(reader->keys[i]);
    }
    PyMem_Free(reader);
    return value;
}
