/* A JSON document that a person wrote. */
#include "codec/json_doc.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "codec/text.h"

#define CHUNK_NODES 64

struct chunk {
	struct chunk *next;
	size_t n;
	struct json_node nodes[CHUNK_NODES];
};

struct json_doc {
	struct chunk *chunks; /* the newest first */
	size_t n_values;
	char *texts; /* all keys, strings and numbers, each with its NUL: never longer than written */
	struct json_node *root;
};

struct parser {
	struct json_doc *doc;
	const char *p, *end;
	char *room; /* free in doc->texts */
	unsigned line;
	unsigned depth;
	bool comments;
	const char *why;
};

static int fail(struct parser *ps, const char *why)
{
	ps->why = why;
	return -EBADMSG;
}

static bool at(const struct parser *ps, const char *word)
{
	size_t len = strlen(word);

	return (size_t)(ps->end - ps->p) >= len && memcmp(ps->p, word, len) == 0;
}

static int skip_block_comment(struct parser *ps)
{
	const char *p = ps->p + 2;
	unsigned line = ps->line;

	for (; ps->end - p >= 2; p++) {
		if (p[0] == '*' && p[1] == '/') {
			ps->p = p + 2;
			ps->line = line;
			return 0;
		}
		line += *p == '\n';
	}
	return fail(ps, "a comment that begins here does not end");
}

/* White space and comments. */
static int skip_blank(struct parser *ps)
{
	while (ps->p < ps->end) {
		if (*ps->p == '\n') {
			ps->line++;
			ps->p++;
		} else if (*ps->p == ' ' || *ps->p == '\t' || *ps->p == '\r') {
			ps->p++;
		} else if (ps->comments && at(ps, "//")) {
			while (ps->p < ps->end && *ps->p != '\n')
				ps->p++;
		} else if (ps->comments && at(ps, "/*")) {
			int r = skip_block_comment(ps);

			if (r < 0)
				return r;
		} else {
			break;
		}
	}
	return 0;
}

/* To the next thing that counts, which must be there. */
static int to_next(struct parser *ps)
{
	int r = skip_blank(ps);

	if (r < 0)
		return r;
	return ps->p < ps->end ? 0 : fail(ps, "the document ends early");
}

static int parse_hex4(struct parser *ps, unsigned *ret)
{
	static const char digits[] = "0123456789abcdef";
	unsigned v = 0;

	if (ps->end - ps->p < 4)
		return fail(ps, "the document ends early");
	for (int i = 0; i < 4; i++, ps->p++) {
		unsigned char c = (unsigned char)*ps->p;

		if (!isxdigit(c))
			return fail(ps, "\\u without four hexadecimal digits");
		v = v * 16 + (unsigned)(strchr(digits, tolower(c)) - digits);
	}
	*ret = v;
	return 0;
}

static void put_utf8(struct parser *ps, unsigned c)
{
	unsigned char *out = (unsigned char *)ps->room;

	if (c < 0x80) {
		*out++ = (unsigned char)c;
	} else if (c < 0x800) {
		*out++ = (unsigned char)(0xc0 | c >> 6);
		*out++ = (unsigned char)(0x80 | (c & 0x3f));
	} else if (c < 0x10000) {
		*out++ = (unsigned char)(0xe0 | c >> 12);
		*out++ = (unsigned char)(0x80 | (c >> 6 & 0x3f));
		*out++ = (unsigned char)(0x80 | (c & 0x3f));
	} else {
		*out++ = (unsigned char)(0xf0 | c >> 18);
		*out++ = (unsigned char)(0x80 | (c >> 12 & 0x3f));
		*out++ = (unsigned char)(0x80 | (c >> 6 & 0x3f));
		*out++ = (unsigned char)(0x80 | (c & 0x3f));
	}
	ps->room = (char *)out;
}

/* Behind "\u": one character, which may take a pair of surrogates. */
static int parse_unicode(struct parser *ps)
{
	unsigned c, low;
	int r = parse_hex4(ps, &c);

	if (r < 0)
		return r;
	if (c >= 0xd800 && c <= 0xdbff) {
		if (!at(ps, "\\u"))
			return fail(ps, "half a surrogate pair in a text");
		ps->p += 2;
		r = parse_hex4(ps, &low);
		if (r < 0)
			return r;
		if (low < 0xdc00 || low > 0xdfff)
			return fail(ps, "half a surrogate pair in a text");
		c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
	} else if (c >= 0xdc00 && c <= 0xdfff) {
		return fail(ps, "half a surrogate pair in a text");
	}
	if (c == 0)
		return fail(ps, "a NUL in a text");
	put_utf8(ps, c);
	return 0;
}

static int parse_escape(struct parser *ps)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *found;

	ps->p++;
	if (ps->p == ps->end)
		return fail(ps, "the document ends early");
	if (*ps->p == 'u') {
		ps->p++;
		return parse_unicode(ps);
	}
	found = *ps->p ? strchr(from, *ps->p) : NULL;
	if (!found)
		return fail(ps, "a backslash before a character that needs none");
	*ps->room++ = to[found - from];
	ps->p++;
	return 0;
}

static int parse_string(struct parser *ps, const char **ret)
{
	const char *start = ps->room;

	ps->p++;
	while (ps->p < ps->end && *ps->p != '"') {
		size_t len;

		if (*ps->p == '\\') {
			int r = parse_escape(ps);

			if (r < 0)
				return r;
			continue;
		}
		if (*ps->p == '\n')
			return fail(ps, "a text does not end on its line");
		if ((unsigned char)*ps->p < 0x20)
			return fail(ps, "a control character in a text");
		len = text_char_bytes(ps->p, (size_t)(ps->end - ps->p));
		if (len == 0)
			return fail(ps, "a text is not UTF-8");
		memcpy(ps->room, ps->p, len);
		ps->room += len;
		ps->p += len;
	}
	if (ps->p == ps->end)
		return fail(ps, "the document ends early");
	ps->p++;
	*ps->room++ = '\0';
	*ret = start;
	return 0;
}

static size_t skip_digits(struct parser *ps)
{
	const char *start = ps->p;

	while (ps->p < ps->end && isdigit((unsigned char)*ps->p))
		ps->p++;
	return (size_t)(ps->p - start);
}

static int parse_number(struct parser *ps, const char **ret)
{
	const char *start = ps->p, *digits;
	size_t n;

	if (*ps->p == '-')
		ps->p++;
	digits = ps->p;
	n = skip_digits(ps);
	if (n == 0)
		return fail(ps, "a minus without a number");
	if (n > 1 && *digits == '0')
		return fail(ps, "a number that begins with 0");
	if (ps->p < ps->end && *ps->p == '.') {
		ps->p++;
		if (skip_digits(ps) == 0)
			return fail(ps, "a point without digits behind it");
	}
	if (ps->p < ps->end && (*ps->p == 'e' || *ps->p == 'E')) {
		ps->p++;
		if (ps->p < ps->end && (*ps->p == '+' || *ps->p == '-'))
			ps->p++;
		if (skip_digits(ps) == 0)
			return fail(ps, "an exponent without digits");
	}
	if (ps->p < ps->end && (isalnum((unsigned char)*ps->p) || strchr("_.+-", *ps->p)))
		return fail(ps, "not a number");
	*ret = ps->room;
	ps->room = mempcpy(ps->room, start, (size_t)(ps->p - start));
	*ps->room++ = '\0';
	return 0;
}

static struct json_node *new_node(struct json_doc *doc)
{
	struct chunk *c = doc->chunks;

	if (!c || c->n == CHUNK_NODES) {
		c = calloc(1, sizeof(*c));
		if (!c)
			return NULL;
		c->next = doc->chunks;
		doc->chunks = c;
	}
	doc->n_values++;
	return &c->nodes[c->n++];
}

static int parse_value(struct parser *ps, const char *key, unsigned line, struct json_node **ret);

/* The key and the colon behind it. */
static int parse_key(struct parser *ps, const char **ret)
{
	int r;

	if (*ps->p == '\'')
		return fail(ps, "a name in single quotes instead of double ones");
	if (*ps->p != '"')
		return fail(ps, "a name in double quotes is missing");
	r = parse_string(ps, ret);
	if (r == 0)
		r = to_next(ps);
	if (r < 0)
		return r;
	if (*ps->p != ':')
		return fail(ps, "a colon is missing behind a name");
	ps->p++;
	return to_next(ps);
}

/* Members or elements, up to `close` and past it. */
static int parse_children(struct parser *ps, struct json_node *node, char close)
{
	struct json_node **tail = &node->first;
	int r = to_next(ps);

	if (r == 0 && *ps->p == close) {
		ps->p++;
		return 0;
	}
	while (r == 0) {
		unsigned line = ps->line;
		const char *key = NULL;

		if (*ps->p == close)
			return fail(ps, "a comma behind the last value");
		if (node->type == JSON_DOC_OBJECT)
			r = parse_key(ps, &key);
		if (r == 0)
			r = parse_value(ps, key, key ? line : ps->line, tail);
		if (r == 0)
			r = to_next(ps);
		if (r < 0)
			break;
		node->n++;
		tail = &(*tail)->next;
		if (*ps->p == close) {
			ps->p++;
			return 0;
		}
		if (*ps->p != ',')
			return fail(ps, "a comma or a closing bracket is missing before this");
		ps->p++;
		r = to_next(ps);
	}
	return r;
}

static int parse_nested(struct parser *ps, struct json_node *node)
{
	int r;

	if (ps->depth == JSON_DOC_MAX_DEPTH)
		return fail(ps, "too many objects and arrays inside each other");
	ps->depth++;
	ps->p++;
	r = parse_children(ps, node, node->type == JSON_DOC_OBJECT ? '}' : ']');
	ps->depth--;
	return r;
}

static int parse_word(struct parser *ps, struct json_node *node)
{
	static const struct {
		const char *word;
		enum json_doc_type type;
		bool truth;
	} words[] = {
		{"true", JSON_DOC_BOOL, true},
		{"false", JSON_DOC_BOOL, false},
		{"null", JSON_DOC_NULL, false},
	};

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		size_t len = strlen(words[i].word);

		if (!at(ps, words[i].word))
			continue;
		if (ps->p + len < ps->end &&
		    (isalnum((unsigned char)ps->p[len]) || ps->p[len] == '_'))
			continue;
		ps->p += len;
		node->type = words[i].type;
		node->truth = words[i].truth;
		return 0;
	}
	if (*ps->p == '\'')
		return fail(ps, "a text in single quotes instead of double ones");
	if (*ps->p == '/')
		return fail(ps, ps->comments ? "a single slash" : "a comment, which JSON has not");
	return fail(ps, "not a JSON value");
}

static int parse_value(struct parser *ps, const char *key, unsigned line, struct json_node **ret)
{
	struct json_node *node;

	if (ps->doc->n_values == JSON_DOC_MAX_VALUES)
		return fail(ps, "too many values");
	node = new_node(ps->doc);
	if (!node)
		return -ENOMEM;
	*ret = node;
	node->key = key;
	node->line = line;
	node->text = "";
	if (*ps->p == '"') {
		node->type = JSON_DOC_STRING;
		return parse_string(ps, &node->text);
	}
	if (*ps->p == '-' || isdigit((unsigned char)*ps->p)) {
		node->type = JSON_DOC_NUMBER;
		return parse_number(ps, &node->text);
	}
	if (*ps->p == '{' || *ps->p == '[') {
		node->type = *ps->p == '{' ? JSON_DOC_OBJECT : JSON_DOC_ARRAY;
		return parse_nested(ps, node);
	}
	return parse_word(ps, node);
}

static int parse_document(struct parser *ps, size_t len)
{
	int r;

	if (len > JSON_DOC_MAX_BYTES)
		return fail(ps, "larger than 1 MiB");
	r = to_next(ps);
	if (r == 0)
		r = parse_value(ps, NULL, ps->line, &ps->doc->root);
	if (r == 0)
		r = skip_blank(ps);
	if (r < 0)
		return r;
	return ps->p == ps->end ? 0 : fail(ps, "something stands behind the end");
}

int json_doc_parse(const char *text, size_t len, bool comments, struct json_doc **ret,
		   unsigned *ret_line, const char **ret_why)
{
	_cleanup_(json_doc_freep) struct json_doc *doc = calloc(1, sizeof(*doc));
	struct parser ps = {
		.doc = doc, .p = text, .end = text + len, .line = 1, .comments = comments};
	int r;

	if (!doc)
		return -ENOMEM;
	/*
	 * A text and its NUL take no more than it and its quotes did; a number and its NUL no more
	 * than it and what ends it, but for one that is all of the document.
	 */
	doc->texts = malloc(MIN(len, JSON_DOC_MAX_BYTES) + 1);
	if (!doc->texts)
		return -ENOMEM;
	ps.room = doc->texts;
	r = parse_document(&ps, len);
	if (r == -EBADMSG) {
		*ret_line = ps.line;
		*ret_why = ps.why;
	}
	if (r < 0)
		return r;
	*ret = TAKE_PTR(doc);
	return 0;
}

struct json_doc *json_doc_free(struct json_doc *doc)
{
	if (!doc)
		return NULL;
	while (doc->chunks) {
		struct chunk *c = doc->chunks;

		doc->chunks = c->next;
		free(c);
	}
	free(doc->texts);
	free(doc);
	return NULL;
}

const struct json_node *json_doc_root(const struct json_doc *doc)
{
	return doc->root;
}

const struct json_node *json_doc_member(const struct json_node *object, const char *key)
{
	if (object->type != JSON_DOC_OBJECT)
		return NULL;
	for (const struct json_node *m = object->first; m; m = m->next)
		if (strcmp(m->key, key) == 0)
			return m;
	return NULL;
}

static int by_key(const void *a, const void *b)
{
	const char *key_a = (*(const struct json_node *const *)a)->key;
	const char *key_b = (*(const struct json_node *const *)b)->key;
	int order = strcmp(key_a, key_b);

	/* Keys stand in `texts` in the order of the document. */
	return order ? order : (key_a > key_b) - (key_a < key_b);
}

const struct json_node **json_doc_sorted(const struct json_node *object)
{
	const struct json_node **ret = calloc(object->n + 1, sizeof(*ret));
	size_t n = 0;

	if (!ret)
		return NULL;
	for (const struct json_node *m = object->first; m; m = m->next)
		ret[n++] = m;
	qsort(ret, n, sizeof(*ret), by_key);
	return ret;
}

/* As it stands in a JSON string, in up to 6 bytes; returns how many. */
static size_t escape(unsigned char c, char ret[6])
{
	static const char named[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
	static const char digits[] = "0123456789abcdef";
	const char *found;

	if (c >= 0x20 && c != '"' && c != '\\') {
		ret[0] = (char)c;
		return 1;
	}
	ret[0] = '\\';
	found = strchr(named, c);
	if (found) {
		ret[1] = letters[found - named];
		return 2;
	}
	memcpy(ret + 1, "u00", 3);
	ret[4] = digits[c >> 4];
	ret[5] = digits[c & 15];
	return 6;
}

int json_doc_quote(const char *text, struct buf *b)
{
	char chunk[512];
	size_t n = 0;
	int r = 0;

	chunk[n++] = '"';
	for (; *text && r == 0; text++) {
		n += escape((unsigned char)*text, chunk + n);
		if (n > sizeof(chunk) - 8) {
			r = buf_append(b, chunk, n);
			n = 0;
		}
	}
	chunk[n++] = '"';
	return r < 0 ? r : buf_append(b, chunk, n);
}
