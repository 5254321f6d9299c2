/* Notifiers of type email: addresses, and what the server is told how. */
#include "config/config_internal.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define ADDRESS_MAX 254 /* bytes; RFC 5321 with its erratum 1690 */
#define LOCAL_MAX   64
#define LABEL_MAX   63
/* What a name may have without quotes, RFC 5322: atext. Dots stand between. */
#define ATOM_SIGNS "!#$%&'*+-/=?^_`{|}~"

/* The words of a text between dots: none is empty, none longer than `max`, each of letters, digits
 * and `signs`. */
static bool is_dotted(const char *s, size_t len, size_t max, const char *signs)
{
	size_t word = 0;

	for (size_t i = 0; i < len; i++) {
		if (s[i] == '.' ? word == 0
				: !isascii((unsigned char)s[i]) ||
					  (!isalnum((unsigned char)s[i]) && !strchr(signs, s[i])))
			return false;
		word = s[i] == '.' ? 0 : word + 1;
		if (word > max)
			return false;
	}
	return word > 0;
}

/* "[192.0.2.1]", "[IPv6:2001:db8::1]" */
static bool is_literal(const char *s)
{
	char inner[INET6_ADDRSTRLEN];
	size_t len = strlen(s);
	struct in_addr a4;
	struct in6_addr a6;

	if (len < 2 || s[0] != '[' || s[len - 1] != ']' || len - 2 >= sizeof(inner) + 5)
		return false;
	s++;
	len -= 2;
	if (len >= 5 && strncasecmp(s, "IPv6:", 5) == 0) {
		if (len - 5 >= sizeof(inner))
			return false;
		memcpy(inner, s + 5, len - 5);
		inner[len - 5] = '\0';
		return inet_pton(AF_INET6, inner, &a6) == 1;
	}
	if (len >= sizeof(inner))
		return false;
	memcpy(inner, s, len);
	inner[len] = '\0';
	return inet_pton(AF_INET, inner, &a4) == 1;
}

const char *email_address_fault(const char *s)
{
	const char *at = strrchr(s, '@');

	if (strlen(s) > ADDRESS_MAX)
		return "is longer than 254 bytes";
	for (const char *c = s; *c; c++)
		if (!isascii((unsigned char)*c))
			return "is not ASCII; a domain has a form that is, with xn--";
	if (strpbrk(s, "<>,; \t"))
		return "is not one bare address, such as \"ops@example.org\"";
	if (!at || at - s > LOCAL_MAX || !is_dotted(s, (size_t)(at - s), LOCAL_MAX, ATOM_SIGNS) ||
	    (!is_dotted(at + 1, strlen(at + 1), LABEL_MAX, "-") && !is_literal(at + 1)))
		return "is not an address, such as \"ops@example.org\"";
	return NULL;
}

static bool check_address(struct load *l, const struct raw_section *s, const struct raw_option *o,
			  size_t i)
{
	const char *why = email_address_fault(o->values[i].text);

	if (why)
		fault_add(l, (struct place){o->at.file, o->values[i].line}, "'%s'%s: %s %s",
			  o->spec->name, fault_in_section(s).text,
			  fault_quote(o->values[i].text).text, why);
	return !why;
}

int email_apply_from(struct load *l, const struct raw_section *s, const struct raw_option *o,
		     void *t)
{
	return check_address(l, s, o, 0) ? value_text(l, s, o, t) : 0;
}

int email_apply_to(struct load *l, const struct raw_section *s, const struct raw_option *o, void *t)
{
	struct config_notifier *n = t;

	for (size_t i = 0; i < o->n; i++)
		check_address(l, s, o, i);
	if (o->n > CONFIG_RECIPIENTS_MAX)
		fault_add(l, o->at, "'to'%s: more than %d addresses; use a mailing list",
			  fault_in_section(s).text, CONFIG_RECIPIENTS_MAX);
	n->to = calloc(o->n + 1, sizeof(*n->to));
	if (!n->to)
		return -ENOMEM;
	for (size_t i = 0; i < o->n; i++) {
		n->to[i] = strdup(o->values[i].text);
		if (!n->to[i])
			return -ENOMEM;
	}
	return 0;
}

/* Whether TLS is asked for, and may be done without. */
static void check_plain(struct load *l, const struct raw_section *s, const struct url *u,
			struct config_notifier *n)
{
	n->plain = !u->https && (n->allow_plain || (u->loopback && !n->ca_file));
	if (u->https || !n->allow_plain)
		return;
	if (raw_find(s, "ca-file"))
		fault_add(
			l, raw_place(s, "ca-file"),
			"'ca-file'%s: with allow-plain = true there is no certificate to look at; "
			"leave out one of the two",
			fault_in_section(s).text);
	if (raw_find(s, "user") && !u->loopback)
		fault_add(
			l, raw_place(s, "allow-plain"),
			"'allow-plain'%s: a password is sent over TLS only; leave it out, and let "
			"the server offer STARTTLS, or use smtps://",
			fault_in_section(s).text);
}

static int check_server(struct load *l, const struct raw_section *s, struct config_notifier *n)
{
	const char *text = raw_text(s, "server"), *why;
	struct url u;

	if (!raw_find(s, "server"))
		fault_add(l, s->at, "%s needs 'server', such as \"smtps://mail.example.org\"",
			  fault_section(s).text);
	if (!text)
		return 0;
	if (config_server_parse(text, &u, &why) < 0) {
		fault_add(l, raw_place(s, "server"), "'server'%s: %s", fault_in_section(s).text,
			  why);
		return 0;
	}
	check_plain(l, s, &u, n);
	n->server = strdup(text);
	n->url_host = strdup(u.host);
	return n->server && n->url_host ? 0 : -ENOMEM;
}

static void check_login(struct load *l, const struct raw_section *s)
{
	static const char *const passwords[] = {"password-file", "password-credential"};
	bool given = false;

	for (size_t i = 0; i < ARRAY_LEN(passwords); i++) {
		given |= raw_find(s, passwords[i]) != NULL;
		if (raw_find(s, passwords[i]) && !raw_find(s, "user"))
			fault_add(l, raw_place(s, passwords[i]), "'%s'%s needs 'user', too",
				  passwords[i], fault_in_section(s).text);
	}
	if (raw_find(s, "user") && !given)
		fault_add(l, raw_place(s, "user"),
			  "'user'%s needs 'password-file' or 'password-credential', too",
			  fault_in_section(s).text);
}

int email_check(struct load *l, const struct raw_section *s, struct config_notifier *n)
{
	int r = check_server(l, s, n);

	for (size_t i = 0; i < 2; i++) {
		const char *option = (const char *[]){"from", "to"}[i];

		if (!raw_find(s, option))
			fault_add(l, s->at, "%s needs '%s', %s", fault_section(s).text, option,
				  i == 0 ? "the sender's address" : "a list of addresses");
	}
	check_login(l, s);
	return r < 0 ? r : keys_password(l, s, &n->password);
}
