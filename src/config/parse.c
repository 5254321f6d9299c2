/*
 * One file to sections of raw options, by libConfuse, without stopping at the first fault.
 *
 * Every option is a list of user-defined values whose callback records the value with its line and
 * never fails; what a value means is looked at later. Unknown names make libConfuse stop, so they
 * are learned: the name is added to what is known, as something that reports itself, and the text
 * is parsed again. Callbacks carry no user pointer, so each option's "simple value" points to its
 * node.
 */
#include "config/config_internal.h"

#include <confuse.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROOT  "root"    /* libConfuse's name for the top */
#define SELF  "(self)"  /* marks the node of a section */
#define BEGIN "(begin)" /* has a default value: its callback runs when a section begins */

enum node_kind {
	NODE_SECTION, /* known, or the top */
	NODE_UNKNOWN_OPTION,
	NODE_UNKNOWN_TITLED, /* a section with a title */
	NODE_UNKNOWN_UNTITLED,
};

/* What may stand in one place of the file. */
struct node {
	void *slot; /* first: libConfuse is given its address, and stores NULLs here */
	struct parse *parse;
	enum node_kind kind;
	enum section_type type; /* of a known section */
	/* of an unknown name */
	struct node *home;
	char *name;
	unsigned line;     /* where it was met first */
	unsigned reported; /* the round in which it was reported last */

	struct node **children; /* the unknown names found inside */
	size_t n, cap;
};

struct parse {
	struct load *load;
	int file;
	struct node nodes[SECTION_COUNT_];
	size_t n_unknown;
	unsigned round; /* from 1 */
	/* of the present round */
	struct raw_section top;
	struct raw_section *sections;
	size_t n_sections, cap_sections;
	cfg_t *open; /* the known section that the parser is in */
	char *error; /* the first message */
	unsigned error_line;
	struct node *error_node;
	bool oom;
};

/* ---- libConfuse's callbacks ---- */

static struct node *node_of(const cfg_opt_t *opt)
{
	return (struct node *)(void *)opt->simple_value.ptr;
}

static bool is_top(cfg_t *cfg)
{
	return strcmp(cfg_name(cfg), ROOT) == 0;
}

static struct raw_section *section_of(struct parse *p, cfg_t *cfg)
{
	return is_top(cfg) ? &p->top : &p->sections[p->n_sections - 1];
}

/* True for the first value of an assignment; libConfuse leaves the flag to whom the value belongs. */
static bool take_reset(cfg_opt_t *opt)
{
	bool reset = opt->flags & CFGF_RESET;

	opt->flags &= ~CFGF_RESET;
	return reset;
}

/* Where else a name is known: the usual slip is a line in the wrong section. */
static const char *other_home(const char *name)
{
	for (enum section_type t = SECTION_ACCOUNT; t < SECTION_COUNT_; t++)
		if (option_find(t, name))
			return section_names[t];
	return option_find(SECTION_TOP, name) ? "no" : NULL;
}

static void report_unknown_option(struct parse *p, const struct node *home, const char *title,
				  const char *name, unsigned line)
{
	const char *names[OPTION_NAMES_MAX + SECTION_COUNT_], *other = other_home(name);
	struct raw_section s = {.type = home->type, .title = (char *)title};
	struct place at = {p->file, line};
	size_t n;

	if (home->kind != NODE_SECTION)
		return; /* the section itself is unknown, and reported */
	if (other) {
		fault_add(p->load, at, "unknown option %s%s; it belongs in %s%s section",
			  fault_quote(name).text, fault_in_section(&s).text,
			  strcmp(other, "account") == 0 ? "an "
			  : strcmp(other, "no") == 0    ? ""
							: "a ",
			  other);
		return;
	}
	n = option_names(home->type, names);
	if (home->type == SECTION_TOP)
		for (enum section_type t = SECTION_ACCOUNT; t < SECTION_COUNT_; t++)
			names[n++] = section_names[t];
	fault_add(p->load, at, "unknown option %s%s%s", fault_quote(name).text,
		  fault_in_section(&s).text, nearest_hint(name, names, n).text);
}

static struct node *node_child(const struct node *node, const char *name)
{
	for (size_t i = 0; i < node->n; i++)
		if (strcmp(node->children[i]->name, name) == 0)
			return node->children[i];
	return NULL;
}

static int on_unknown(cfg_t *cfg, cfg_opt_t *opt, const char *value, void *result)
{
	struct node *home = node_of(opt), *child = node_child(home, cfg_opt_name(opt));
	bool again = child && child->reported == home->parse->round;

	*(void **)result = NULL;
	if (child)
		child->reported = home->parse->round;
	if (take_reset(opt) || !again) /* "+=" is no new assignment */
		report_unknown_option(home->parse, home, cfg_title(cfg), cfg_opt_name(opt),
				      (unsigned)cfg->line);
	return 0;
}

static int on_value(cfg_t *cfg, cfg_opt_t *opt, const char *value, void *result)
{
	struct node *home = node_of(opt);
	struct parse *p = home->parse;
	const struct option_spec *spec = option_find(home->type, cfg_opt_name(opt));
	struct place at = {p->file, (unsigned)cfg->line};
	bool first = take_reset(opt);
	struct raw_section *s;
	struct raw_option *o;
	char *text;

	*(void **)result = NULL;
	if (p->oom)
		return -1;
	if (is_top(cfg) != (home->type == SECTION_TOP)) { /* libConfuse also knows "watch|kinds" */
		fault_add(p->load, at, "options of a section are set inside its braces");
		return 0;
	}
	s = section_of(p, cfg);
	o = raw_lookup(s, spec);
	if (o && first) {
		fault_add(p->load, at, "'%s' is given twice%s; first on line %u", spec->name,
			  fault_in_section(s).text, o->at.line);
		raw_option_clear(o);
	}
	if (!o)
		o = raw_add(s, spec, at);
	text = strdup(value);
	if (!o || !text || array_reserve(&o->values, o->n, &o->cap, sizeof(*o->values)) < 0) {
		wipe_free(text);
		p->oom = true;
		return -1;
	}
	o->values[o->n++] = (struct raw_value){text, at.line};
	return 0;
}

/* libConfuse calls nobody for an empty list, but leaves the flag of a new assignment. */
static void note_empty_lists(struct parse *p, cfg_t *cfg)
{
	struct raw_section *s = section_of(p, cfg);

	for (cfg_opt_t *opt = cfg->opts; opt->name; opt++) {
		const struct option_spec *spec;
		struct raw_option *o;

		if (!opt->simple_value.ptr || !(opt->flags & CFGF_RESET) ||
		    !(opt->flags & CFGF_MODIFIED))
			continue;
		spec = option_find(s->type, opt->name);
		if (!spec) {
			struct node *child = node_child(node_of(opt), opt->name);

			if (child && child->reported != p->round)
				report_unknown_option(p, node_of(opt), s->title, opt->name,
						      child->line);
			continue;
		}
		o = raw_lookup(s, spec);
		if (o)
			raw_option_clear(o);
		else if (!raw_add(s, spec, (struct place){p->file, s->at.line}))
			p->oom = true;
	}
}

static void report_unknown_section(struct parse *p, struct node *node, struct place at)
{
	const char *const *names = section_names + 1;

	node->reported = p->round;
	if (node->home->kind != NODE_SECTION) /* reported as a whole */
		return;
	if (node->home->type == SECTION_TOP)
		fault_add(p->load, at, "unknown section %s%s", fault_quote(node->name).text,
			  nearest_hint(node->name, names, SECTION_COUNT_ - 1).text);
	else
		fault_add(p->load, at, "no section %s can stand inside %s",
			  fault_quote(node->name).text, section_names[node->home->type]);
}

static int on_begin(cfg_t *cfg, cfg_opt_t *opt, const char *value, void *result)
{
	struct node *node = node_of(cfg->opts);
	struct parse *p = node->parse;
	struct place at = {p->file, (unsigned)cfg->line};
	struct raw_section s = {.type = node->type, .at = at};

	*(void **)result = NULL;
	if (node->kind != NODE_SECTION) {
		report_unknown_section(p, node, at);
		return 0;
	}
	if (p->open == cfg) { /* somebody wrote the name itself */
		report_unknown_option(p, node, cfg_title(cfg), BEGIN, at.line);
		return 0;
	}
	s.title = strdup(cfg_title(cfg));
	if (!s.title || raw_section_add(&p->sections, &p->n_sections, &p->cap_sections, s) < 0) {
		p->oom = true;
		return 0; /* a failing default makes libConfuse abort */
	}
	p->open = cfg;
	return 0;
}

static int on_end(cfg_t *cfg, cfg_opt_t *opt)
{
	struct parse *p = node_of(cfg->opts)->parse;

	if (p->oom)
		return -1;
	note_empty_lists(p, p->open);
	p->open = NULL;
	return 0;
}

_printf_(2, 0) static void on_error(cfg_t *cfg, const char *fmt, va_list ap)
{
	struct node *node = node_of(cfg->opts);
	struct parse *p = node->parse;

	if (p->error)
		return;
	if (vasprintf(&p->error, fmt, ap) < 0) {
		p->error = NULL;
		p->oom = true;
	}
	p->error_line = (unsigned)cfg->line;
	p->error_node = node;
}

/* ---- what libConfuse knows ---- */

static cfg_opt_t *opts_free(cfg_opt_t *opts)
{
	for (cfg_opt_t *o = opts; o && o->name; o++)
		opts_free(o->subopts);
	free(opts);
	return NULL;
}

static cfg_opt_t opt_value(struct node *node, const char *name, cfg_callback_t fn)
{
	cfg_opt_t opt = CFG_PTR_LIST_CB(name, NULL, CFGF_NODEFAULT, fn, NULL);

	opt.simple_value.ptr = &node->slot;
	return opt;
}

static bool is_section(const struct node *node)
{
	return node->kind == NODE_UNKNOWN_TITLED || node->kind == NODE_UNKNOWN_UNTITLED;
}

/* The table for one node; NULL when out of memory. */
static cfg_opt_t *opts_new(struct node *node)
{
	static char now[] = "now"; /* libConfuse copies it */
	const cfg_opt_t end = CFG_END();
	struct parse *p = node->parse;
	bool top = node == &p->nodes[SECTION_TOP];
	size_t n = 0;
	cfg_opt_t *opts = calloc(n_option_specs + SECTION_COUNT_ + node->n + 3, sizeof(*opts));

	if (!opts)
		return NULL;
	opts[n++] = opt_value(node, SELF, on_unknown);
	if (!top)
		opts[n++] = (cfg_opt_t)CFG_PTR_CB(BEGIN, now, CFGF_NONE, on_begin, NULL);
	for (size_t i = 0; i < n_option_specs && node->kind == NODE_SECTION; i++)
		if (option_specs[i].section == node->type)
			opts[n++] = opt_value(node, option_specs[i].name, on_value);
	for (enum section_type t = SECTION_ACCOUNT; top && t < SECTION_COUNT_; t++) {
		opts[n] = (cfg_opt_t)CFG_SEC(section_names[t], opts_new(&p->nodes[t]),
					     CFGF_MULTI | CFGF_TITLE);
		opts[n].validcb = on_end;
		if (!opts[n++].subopts)
			return opts_free(opts);
	}
	for (size_t i = 0; i < node->n; i++) {
		struct node *child = node->children[i];

		if (!is_section(child)) {
			opts[n++] = opt_value(node, child->name, on_unknown);
			continue;
		}
		opts[n] = (cfg_opt_t)
			CFG_SEC(child->name, opts_new(child),
				CFGF_MULTI | (child->kind == NODE_UNKNOWN_TITLED ? CFGF_TITLE : 0));
		if (!opts[n++].subopts)
			return opts_free(opts);
	}
	opts[n] = end;
	return opts;
}

static void node_done(struct node *node)
{
	for (size_t i = 0; i < node->n; i++) {
		node_done(node->children[i]);
		free(node->children[i]);
	}
	free(node->children);
	free(node->name);
}

/* ---- learning ---- */

/* The word that libConfuse quotes at the end of its messages; cuts it out of `error`. */
static char *error_word(char *error, const char *prefix)
{
	size_t len = strlen(prefix);
	char *end = strrchr(error, '\'');

	if (strncmp(error, prefix, len) != 0 || !end || end < error + len)
		return NULL;
	*end = '\0';
	return error + len;
}

static int learn_option(struct parse *p, struct node *home, const char *name)
{
	struct node *child;

	/* '|' is a path to libConfuse, and freeing a section called "root" ends its scanner */
	if (p->n_unknown >= CONFIG_UNKNOWN_MAX || strchr(name, '|') || strcmp(name, ROOT) == 0)
		return 0;
	if (array_reserve(&home->children, home->n, &home->cap, sizeof(*home->children)) < 0)
		return -ENOMEM;
	child = calloc(1, sizeof(*child));
	if (!child)
		return -ENOMEM;
	*child = (struct node){.parse = p,
			       .kind = NODE_UNKNOWN_OPTION,
			       .type = home->type,
			       .home = home,
			       .name = strdup(name),
			       .line = p->error_line};
	if (!child->name) {
		free(child);
		return -ENOMEM;
	}
	home->children[home->n++] = child;
	p->n_unknown++;
	return 1;
}

/* What the message of a syntax error says beyond an unknown name; shows no text of the file but
 * names and single signs, because the text may be a key. */
static void report_syntax(struct parse *p, const char *error)
{
	static const char token[] = "unexpected token '";
	struct place at = {p->file, p->error_line};

	if (strncmp(error, token, strlen(token)) == 0 && strlen(error) > strlen(token) + 2)
		fault_add(p->load, at, "syntax error: unexpected text after a value");
	else if (strcmp(fault_quote(error).text, "(hidden)") == 0)
		fault_add(p->load, at, "syntax error");
	else
		fault_add(p->load, at, "syntax error: %.200s", error);
}

/* At the end of a file whose braces are all closed: the unknown name that had no value. */
static struct node *cut_short(const struct node *home, const char *error)
{
	for (size_t i = home->n; i-- > 0 && strcmp(error, "premature end of file") == 0;)
		if (is_section(home->children[i]) &&
		    home->children[i]->reported != home->parse->round)
			return home->children[i];
	return NULL;
}

/*
 * Looks at why a round failed: 1 when something was learned and another round will come further, 0
 * when not, and the error is reported; -ENOMEM.
 */
static int learn(struct parse *p, bool complete)
{
	struct node *home = p->error_node, *child;
	char *word;
	int r;

	if (!p->error) {
		p->error_line = 0;
		report_syntax(p, "the file cannot be read as a configuration");
		return 0;
	}
	word = error_word(p->error, "no such option '");
	if (word) {
		r = node_child(home, word) ? 0 : learn_option(p, home, word);
		if (r != 0)
			return r;
		if (p->n_unknown >= CONFIG_UNKNOWN_MAX)
			fault_add(p->load, (struct place){p->file, p->error_line},
				  "too many unknown names; the rest of the file was not read");
		else
			report_unknown_option(p, home, "", word, p->error_line);
		return 0;
	}
	word = error_word(p->error, "missing equal sign after option '");
	child = word ? node_child(home, word) : NULL;
	if (child) {
		child->kind = NODE_UNKNOWN_TITLED;
		return 1;
	}
	if (!word) {
		word = error_word(p->error, "missing title for section '");
		child = word ? node_child(home, word) : NULL;
	}
	if (child && child->kind == NODE_UNKNOWN_TITLED) {
		child->kind = NODE_UNKNOWN_UNTITLED;
		return 1;
	}
	if (!word) {
		word = error_word(p->error, "missing opening brace for section '");
		child = word ? node_child(home, word) : NULL;
	}
	if (!word && complete)
		child = cut_short(home, p->error);
	if (child) {
		const char *title = p->open ? p->sections[p->n_sections - 1].title : "";

		report_unknown_option(p, home, title, child->name, child->line);
		return 0;
	}
	if (word) /* error_word() cut the quote off */
		word[strlen(word)] = '\'';
	if (complete)
		report_syntax(p, p->error);
	return 0;
}

/* ---- rounds ---- */

static void round_reset(struct parse *p)
{
	p->round++;
	raw_section_done(&p->top);
	for (size_t i = 0; i < p->n_sections; i++)
		raw_section_done(&p->sections[i]);
	p->n_sections = 0;
	p->open = NULL;
	free(TAKE_PTR(p->error));
	p->error_node = NULL;
}

/* 0 parsed, 1 the parser stopped, -ENOMEM. */
static int round_run(struct parse *p, const char *text)
{
	cfg_opt_t *opts = opts_new(&p->nodes[SECTION_TOP]);
	cfg_t *cfg;
	int r;

	if (!opts)
		return -ENOMEM;
	cfg = cfg_init(opts, CFGF_NONE);
	opts_free(opts);
	if (!cfg)
		return -ENOMEM;
	cfg_set_error_function(cfg, on_error);
	p->top.at = (struct place){p->file, 0};
	r = cfg_parse_buf(cfg, text) == CFG_SUCCESS ? 0 : 1;
	if (r == 0 && !p->oom)
		note_empty_lists(p, cfg);
	cfg_free(cfg); /* also resets the scanner, which a failed parse leaves inside a string */
	return p->oom ? -ENOMEM : r;
}

/* Options of the top: a later file wins over an earlier one. */
static int merge_top(struct load *l, struct raw_section *top)
{
	for (size_t i = 0; i < top->n; i++) {
		struct raw_option *o = raw_lookup(&l->top, top->options[i].spec);

		if (o)
			raw_option_done(o);
		else
			o = raw_add(&l->top, top->options[i].spec, top->options[i].at);
		if (!o)
			return -ENOMEM;
		*o = top->options[i];
		top->options[i] = (struct raw_option){0};
	}
	return 0;
}

static int merge(struct parse *p)
{
	struct load *l = p->load;
	int r = merge_top(l, &p->top);

	for (size_t i = 0; i < p->n_sections && r >= 0; i++) {
		r = raw_section_add(&l->sections, &l->n_sections, &l->cap_sections, p->sections[i]);
		p->sections[i] = (struct raw_section){0};
	}
	return r;
}

int parse_text(struct load *l, int file, char *text)
{
	struct parse p = {.load = l, .file = file};
	bool complete = text_prepare(l, file, text);
	size_t n_faults = l->n_faults;
	bool was_cut_short = l->cut_short || !complete;
	int r;

	for (enum section_type t = SECTION_TOP; t < SECTION_COUNT_; t++)
		p.nodes[t] = (struct node){.parse = &p, .type = t};
	do {
		round_reset(&p);
		fault_truncate(l, n_faults);
		r = round_run(&p, text);
		l->cut_short = was_cut_short || r > 0;
		if (r > 0)
			r = learn(&p, complete);
	} while (r > 0);
	if (r >= 0)
		r = merge(&p);
	round_reset(&p);
	free(p.sections);
	for (enum section_type t = SECTION_TOP; t < SECTION_COUNT_; t++)
		node_done(&p.nodes[t]);
	return r;
}
