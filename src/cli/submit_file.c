/* The file of a job that is to be submitted. */
#include "cli/submit_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "codec/sft_json.h"
#include "codec/text.h"

#define NAME_SHOWN_MAX 4096

static void print_fault(void *user, unsigned line, enum sft_severity severity, const char *text)
{
	fprintf(stderr, "%s:%u: %s%s\n", (const char *)user, line,
		severity == SFT_WARNING ? "warning: " : "", text);
}

/* One byte more than may be is enough to know that it is too large. */
static int read_all(FILE *in, struct buf *b)
{
	char chunk[16384];
	size_t n;
	int r = 0;

	while (r == 0 && (n = fread(chunk, 1, sizeof(chunk), in)) > 0) {
		r = buf_append(b, chunk, MIN(n, b->max - b->len));
		if (b->len == b->max)
			break;
	}
	return r == 0 && ferror(in) ? -EIO : r;
}

static int read_file(const char *path, struct buf *b)
{
	FILE *in = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	int r;

	if (!in)
		return cli_fail(EX_DATAERR, "cannot read %s: %s", path, strerror(errno));
	errno = 0;
	r = read_all(in, b);
	if (r == -EIO)
		cli_fail(EX_DATAERR, "cannot read %s: %s", path, strerror(errno ? errno : EIO));
	if (in != stdin)
		fclose(in);
	if (r == -EIO)
		return EX_DATAERR;
	return r < 0 ? cli_fail(EX_OSERR, "out of memory") : 0;
}

int submit_file_read(const char *path, struct buf *body)
{
	_cleanup_buf_ struct buf text = BUF_INIT(SFT_JSON_MAX_BYTES + 1);
	_cleanup_(sft_job_freep) struct sft_job *job = NULL;
	char shown[NAME_SHOWN_MAX];
	int r = read_file(path, &text);

	if (r)
		return r;
	snprintf(shown, sizeof(shown), "%s", strcmp(path, "-") == 0 ? "<stdin>" : path);
	text_clean(shown);
	r = sft_json_check(buf_str(&text), text.len, print_fault, shown, &job);
	if (r == -EBADMSG)
		return EX_DATAERR;
	if (r == 0)
		r = sft_job_body(job, NULL, body);
	return r < 0 ? cli_fail(EX_OSERR, "out of memory") : 0;
}
