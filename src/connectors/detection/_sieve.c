/* Find where factors end in a text: the pass that `sieve.py` prepares the tables of, and says the meaning of.
 *
 * Each byte is of one of 64 kinds. Three kinds in a row that no factor begins with or holds are passed over, which most
 * are; at the others the few variants of factors that hold them are tried. A variant is tried by following the set of
 * all offsets that a match may have reached, so no text makes it slower than its length allows.
 */
#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030b0000
#include <Python.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define FORM 2           /* changes with the form of the tables */
#define KINDS 64
#define GRAMS (KINDS * KINDS * KINDS)
#define ANYTHING 0xffff  /* no class: a way may begin with any byte, or with none */
#define BLOCKS 32        /* of 64 offsets: as far as a variant may reach */
#define RELEASE 16384    /* bytes from which other threads may run meanwhile */

enum { RUN, GAP, EITHER, AHEAD, BORDER, LINE_START, LINE_END };

typedef struct {
    uint32_t code, code_length; /* its program */
    uint32_t run;               /* classes that stand around its three kinds */
    uint16_t factor, low, high; /* it begins between `low` and `high` bytes before the last of the three */
    uint8_t before, length;     /* where the classes begin before the last of the three, and how many they are */
    uint8_t blocks, far;        /* how much of a set it needs; whether it holds letters outside ASCII */
    uint16_t unused;
} Variant;

typedef struct { uint16_t variant, beside; } Entry;

typedef struct {
    PyObject_HEAD
    PyObject *parts; /* keeps alive what the pointers below lead to */
    const uint8_t *kinds, *classes;
    const uint8_t *hot;    /* a bit for each three kinds that some variant holds */
    const uint32_t *first; /* the first entry of each of them, in their order */
    const Entry *entries;
    const uint64_t (*beside)[2]; /* the kinds that may stand before and after three */
    const uint16_t *code;
    const Variant *variants;
    uint16_t rank[GRAMS / 8]; /* how many bits are set before each byte of `hot` */
    uint8_t ones[256];        /* and how many in a byte */
} Sieve;

typedef struct { uint64_t end; uint32_t factor; } Hit;

typedef struct {
    const Sieve *sieve;
    const uint8_t *data;
    int64_t size, base; /* `base` is the place of offset 0 of the sets */
    int blocks, ascii, failed;
    Hit *hits;
    size_t count, room;
} Scan;

static int holds(const Scan *scan, unsigned class, uint8_t byte)
{
    return scan->sieve->classes[class * 32 + (byte >> 3)] >> (byte & 7) & 1;
}

static int is_word(const Scan *scan, int64_t at)
{
    if (at < 0 || at >= scan->size) return 0;
    uint8_t c = scan->data[at];
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
}

static int stands(const Scan *scan, unsigned what, unsigned class, int64_t at)
{
    if (at > scan->size) return 0;
    if (what == AHEAD) return at < scan->size && holds(scan, class, scan->data[at]);
    if (what == BORDER) return is_word(scan, at - 1) != is_word(scan, at);
    if (what == LINE_START) return at == 0 || scan->data[at - 1] == '\n';
    return at == scan->size || scan->data[at] == '\n';
}

/* Move each offset of the set past `length` classes, or drop it. From the last on, as none may be moved twice. */
static int follow_run(const Scan *scan, const uint16_t *classes, int length, uint64_t *set)
{
    int any = 0;
    for (int block = scan->blocks - 1; block >= 0; block--) {
        uint64_t left = set[block];
        set[block] = 0;
        while (left) {
            int bit = 63 - __builtin_clzll(left), to = block * 64 + bit + length, n = 0;
            left &= ~(1ull << bit);
            const uint8_t *data = scan->data + scan->base + block * 64 + bit;
            if (scan->base + to > scan->size) continue;
            while (n < length && holds(scan, classes[n], data[n])) n++;
            if (n < length) continue;
            set[to >> 6] |= 1ull << (to & 63);
            any = 1;
        }
    }
    return any;
}

/* Turn the set into what is reached over up to `most` bytes of a class, where a byte of the class `next` follows. */
static int follow_gap(const Scan *scan, unsigned class, int most, unsigned next, uint64_t *set)
{
    uint64_t from[BLOCKS];
    const uint8_t *data = scan->data + scan->base;
    int64_t size = scan->size - scan->base, end = scan->blocks * 64;
    int any = 0, left = -1; /* how many more bytes may be passed; -1 where nothing leads */
    memcpy(from, set, scan->blocks * sizeof *set);
    memset(set, 0, scan->blocks * sizeof *set);
    for (int64_t at = 0; at < end && at <= size; at++) {
        uint64_t rest = from[at >> 6] >> (at & 63);
        if (rest & 1) {
            left = most;
        } else if (left < 0) {
            at = rest ? at + __builtin_ctzll(rest) - 1 : at | 63;
            continue;
        }
        if (next == ANYTHING || (at < size && holds(scan, next, data[at]))) {
            set[at >> 6] |= 1ull << (at & 63);
            any = 1;
        }
        left = left > 0 && at < size && holds(scan, class, data[at]) ? left - 1 : -1;
    }
    return any;
}

/* Drop the offsets at which something does not stand; tell whether any is left. */
static int keep_standing(const Scan *scan, unsigned what, unsigned class, uint64_t *set)
{
    int any = 0;
    for (int block = 0; block < scan->blocks; block++) {
        for (uint64_t left = set[block]; left; left &= left - 1)
            if (!stands(scan, what, class, scan->base + block * 64 + __builtin_ctzll(left)))
                set[block] &= ~(left & -left);
        any |= set[block] != 0;
    }
    return any;
}

static int is_empty(const uint64_t *set, int blocks)
{
    for (int n = 0; n < blocks; n++)
        if (set[n]) return 0;
    return 1;
}

/* Turn the set of offsets before a program into the set of those after it. */
static void follow(const Scan *scan, const uint16_t *at, const uint16_t *end, uint64_t *set)
{
    size_t bytes = scan->blocks * sizeof *set;
    while (at < end) {
        unsigned what = *at++;
        if (what == RUN) {
            if (!follow_run(scan, at + 1, at[0], set)) return;
            at += 1 + at[0];
        } else if (what == GAP) {
            if (!follow_gap(scan, at[0], at[1], at[2], set)) return;
            at += 3;
        } else if (what == EITHER) {
            uint64_t all[BLOCKS] = {0}, one[BLOCKS];
            int ways = *at++;
            for (int way = 0; way < ways; way++) {
                int length = at[0];
                memcpy(one, set, bytes);
                if (at[1] == ANYTHING || keep_standing(scan, AHEAD, at[1], one)) {
                    follow(scan, at + 2, at + 2 + length, one);
                    for (int n = 0; n < scan->blocks; n++) all[n] |= one[n];
                }
                at += 2 + length;
            }
            memcpy(set, all, bytes);
            if (is_empty(set, scan->blocks)) return;
        } else {
            unsigned class = what == AHEAD ? *at++ : 0;
            if (!keep_standing(scan, what, class, set)) return;
        }
    }
}

static void keep(Scan *scan, uint32_t factor, uint64_t end)
{
    if (scan->count == scan->room) {
        size_t room = scan->room ? scan->room * 2 : 64;
        Hit *hits = realloc(scan->hits, room * sizeof *hits);
        if (!hits) {
            scan->failed = 1;
            return;
        }
        scan->hits = hits;
        scan->room = room;
    }
    scan->hits[scan->count++] = (Hit){end, factor};
}

static void try_variant(Scan *scan, const Variant *variant, int64_t last)
{
    const Sieve *sieve = scan->sieve;
    int64_t run = last - variant->before, low = last - variant->high, high = last - variant->low;
    if ((scan->ascii && variant->far) || high < 0 || run < 0 || run + variant->length > scan->size) return;
    for (int n = 0; n < variant->length; n++)
        if (!holds(scan, sieve->code[variant->run + n], scan->data[run + n])) return;
    uint64_t set[BLOCKS];
    scan->blocks = variant->blocks;
    scan->base = low < 0 ? 0 : low;
    memset(set, 0, scan->blocks * sizeof *set);
    for (int64_t at = scan->base; at <= high; at++) set[(at - scan->base) >> 6] |= 1ull << ((at - scan->base) & 63);
    const uint16_t *code = sieve->code + variant->code;
    follow(scan, code, code + variant->code_length, set);
    for (int block = 0; block < scan->blocks; block++)
        for (uint64_t left = set[block]; left; left &= left - 1)
            keep(scan, variant->factor, scan->base + block * 64 + __builtin_ctzll(left));
}

static unsigned kind(const Scan *scan, int64_t at)
{
    return at < 0 || at >= scan->size ? 0 : scan->sieve->kinds[scan->data[at]];
}

static void try_gram(Scan *scan, unsigned gram, int64_t last)
{
    const Sieve *sieve = scan->sieve;
    unsigned lower = sieve->hot[gram >> 3] & ((1u << (gram & 7)) - 1);
    const uint32_t *first = sieve->first + sieve->rank[gram >> 3] + sieve->ones[lower];
    unsigned before = kind(scan, last - 3), after = kind(scan, last + 1);
    for (uint32_t n = first[0]; n < first[1]; n++) {
        Entry entry = sieve->entries[n];
        const uint64_t *beside = sieve->beside[entry.beside];
        if (beside[0] >> before & beside[1] >> after & 1) try_variant(scan, sieve->variants + entry.variant, last);
    }
}

/* A text begins and ends with bytes of kind 0, which no byte is of. */
static void pass(Scan *scan)
{
    const Sieve *sieve = scan->sieve;
    const uint8_t *kinds = sieve->kinds;
    const uint8_t *hot = sieve->hot;
    unsigned gram = 0;
    for (int64_t at = 0; at < scan->size; at++) {
        gram = (gram * KINDS + kinds[scan->data[at]]) & (GRAMS - 1);
        if (hot[gram >> 3] >> (gram & 7) & 1) try_gram(scan, gram, at);
    }
    for (int64_t at = scan->size; at < scan->size + 2 && scan->size; at++) {
        gram = gram * KINDS & (GRAMS - 1);
        if (hot[gram >> 3] >> (gram & 7) & 1) try_gram(scan, gram, at);
    }
}

static int in_order(const void *one, const void *other)
{
    const Hit *a = one, *b = other;
    if (a->end != b->end) return a->end < b->end ? -1 : 1;
    return (a->factor > b->factor) - (a->factor < b->factor);
}

static PyObject *as_list(Scan *scan)
{
    if (scan->failed) return PyErr_NoMemory();
    if (scan->count > 1) qsort(scan->hits, scan->count, sizeof *scan->hits, in_order);
    PyObject *list = PyList_New(0);
    for (size_t n = 0; list && n < scan->count; n++) {
        Hit hit = scan->hits[n];
        if (n && !in_order(&hit, &scan->hits[n - 1])) continue;
        PyObject *pair = Py_BuildValue("(IK)", hit.factor, (unsigned long long)hit.end);
        if (!pair || PyList_Append(list, pair) < 0) Py_CLEAR(list);
        Py_XDECREF(pair);
    }
    return list;
}

/* Look at a str as one byte per code point; what lies outside Latin-1 is a question mark. */
static PyObject *sieve_hits(PyObject *self, PyObject *text)
{
    if (!PyUnicode_Check(text)) return PyErr_Format(PyExc_TypeError, "a str is needed");
    Scan scan = {.sieve = (Sieve *)self};
    Py_ssize_t size = 0;
    PyObject *bytes = NULL;
    scan.data = (const uint8_t *)PyUnicode_AsUTF8AndSize(text, &size);
    scan.ascii = scan.data && size == PyUnicode_GetLength(text);
    if (!scan.ascii) {
        char *data;
        PyErr_Clear(); /* a lone surrogate has no UTF-8 */
        bytes = PyUnicode_AsEncodedString(text, "latin-1", "replace");
        if (!bytes || PyBytes_AsStringAndSize(bytes, &data, &size) < 0) return NULL;
        scan.data = (const uint8_t *)data;
    }
    scan.size = size;
    if (size < RELEASE) {
        pass(&scan);
    } else {
        Py_BEGIN_ALLOW_THREADS
        pass(&scan);
        Py_END_ALLOW_THREADS
    }
    PyObject *list = as_list(&scan);
    free(scan.hits);
    Py_XDECREF(bytes);
    return list;
}

/* Say where the part around `end` begins and ends: at most `reach` away, and before and after it no byte of `stops`. */
static PyObject *around(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    PyObject *text;
    Py_ssize_t end, known, reach, size, width;
    const char *stops;
    if (!PyArg_ParseTuple(arguments, "Unnny#", &text, &end, &known, &reach, &stops, &width)) return NULL;
    const uint8_t *data = (const uint8_t *)PyUnicode_AsUTF8AndSize(text, &size);
    if (!data) return NULL;
    if (width != 256 || end < 0 || known < 0 || end > size || known > size || size != PyUnicode_GetLength(text))
        return PyErr_Format(PyExc_ValueError, "an offset in an ASCII text is needed");
    Py_ssize_t low = end, high = known;
    while (low > 0 && low > end - reach && !stops[data[low - 1]]) low--;
    while (high < size && high < end + reach && !stops[data[high]]) high++;
    return Py_BuildValue("nnO", low, high, high < size && high < end + reach ? Py_True : Py_False);
}

static PyObject *sieve_new(PyTypeObject *type, PyObject *arguments, PyObject *names)
{
    const char *part[8];
    Py_ssize_t size[8];
    if (names && PyDict_Size(names)) return PyErr_Format(PyExc_TypeError, "no names are taken");
    if (!PyArg_ParseTuple(arguments, "y#y#y#y#y#y#y#y#", part, size, part + 1, size + 1, part + 2, size + 2, part + 3,
                          size + 3, part + 4, size + 4, part + 5, size + 5, part + 6, size + 6, part + 7, size + 7))
        return NULL;
    if (size[0] != 256 || size[2] != GRAMS / 8 || size[7] % (Py_ssize_t)sizeof(Variant))
        return PyErr_Format(PyExc_ValueError, "these are no tables of a sieve");
    allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    Sieve *self = (Sieve *)allocate(type, 0);
    if (!self) return NULL;
    Py_INCREF(arguments);
    self->parts = arguments;
    self->kinds = (const uint8_t *)part[0];
    self->classes = (const uint8_t *)part[1];
    self->hot = (const uint8_t *)part[2];
    self->first = (const uint32_t *)part[3];
    self->entries = (const Entry *)part[4];
    self->beside = (const uint64_t(*)[2])part[5];
    self->code = (const uint16_t *)part[6];
    self->variants = (const Variant *)part[7];
    for (int byte = 1; byte < 256; byte++) self->ones[byte] = self->ones[byte >> 1] + (byte & 1);
    for (int block = 1; block < GRAMS / 8; block++)
        self->rank[block] = self->rank[block - 1] + self->ones[self->hot[block - 1]];
    return (PyObject *)self;
}

static void sieve_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    Py_XDECREF(((Sieve *)self)->parts);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(self);
    Py_DECREF(type);
}

static PyMethodDef methods[] = {
    {"hits", sieve_hits, METH_O, "Return (factor, end) of each place where a factor ends, in order of their ends."},
    {NULL, NULL, 0, NULL},
};
static PyType_Slot slots[] = {
    {Py_tp_new, sieve_new}, {Py_tp_dealloc, sieve_dealloc}, {Py_tp_methods, methods}, {0, NULL}};
static PyType_Spec spec = {"connectors.detection._sieve.Sieve", sizeof(Sieve), 0, Py_TPFLAGS_DEFAULT, slots};

static int fill(PyObject *module)
{
    PyObject *type = PyType_FromSpec(&spec);
    int failed = !type || PyModule_AddObjectRef(module, "Sieve", type) < 0 || PyModule_AddIntConstant(module, "FORM", FORM) < 0;
    Py_XDECREF(type);
    return failed ? -1 : 0;
}

static PyModuleDef_Slot module_slots[] = {{Py_mod_exec, fill}, {0, NULL}};
static PyMethodDef functions[] = {
    {"around", around, METH_VARARGS, "Return where the part around an offset begins and ends, and whether a stop ends it."},
    {NULL, NULL, 0, NULL},
};
static PyModuleDef module = {PyModuleDef_HEAD_INIT, "_sieve", "The pass over factors.", 0, functions, module_slots, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__sieve(void)
{
    return PyModuleDef_Init(&module);
}
