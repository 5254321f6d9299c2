/* Jobs that are to be created: what is refused, what is sent, which id, and what is the same. */
#include "codec/sft_json.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "codec/json_util.h"
#include "codec/sft_fields.h"
#include "codec/text.h"
#include "support/rand.h"

#define TOLD_MAX (64UL << 10)

static void on_fault(void *user, unsigned line, enum sft_severity severity, const char *text)
{
	cr_assert(*text && text_is_utf8(text) && !text_has_control(text));
	cr_assert_eq(buf_printf(user, "%s%u: %s\n", severity == SFT_WARNING ? "warning " : "", line,
				text),
		     0);
}

/* All that is told, a line each; the job, where there is one. */
static int check(const char *text, size_t len, struct buf *told, struct sft_job **ret)
{
	struct sft_job *job = NULL;
	int r = sft_json_check(text, len, on_fault, told, &job);

	cr_assert(r == 0 || r == -EBADMSG);
	cr_assert((r == 0) == (job != NULL));
	if (ret)
		*ret = job;
	else
		sft_job_free(job);
	return r;
}

static void expect(const char *text, int want_r, const char *want)
{
	_cleanup_buf_ struct buf told = BUF_INIT(TOLD_MAX);
	int r = check(text, strlen(text), &told, NULL);

	cr_expect(r == want_r && strcmp(buf_str(&told), want) == 0, "%s\n-> %d\n%swanted:\n%s",
		  text, r, buf_str(&told), want);
}

static struct sft_job *job_of(const char *text)
{
	_cleanup_buf_ struct buf told = BUF_INIT(TOLD_MAX);
	struct sft_job *job;

	check(text, strlen(text), &told, &job);
	cr_assert(job, "%s\n%s", text, buf_str(&told));
	return job;
}

/* A job with these members beside the two that must be there, in line 2. */
#define JOB(members) "{\"dataset\":\"d\",\"baseModel\":\"m\",\n" members "}"

Test(sft_json, nothing_to_say)
{
	expect("{\"dataset\":\"d\",\"baseModel\":\"m\"}", 0, "");
	expect("{\"dataset\":\"d\",\"warmStartFrom\":\"m\"}", 0, "");
	expect("// a guide\n{/* of two */\"dataset\":\"d\",\"baseModel\":\"m\"}", 0, "");
	expect("{\"dataset\":\"d\",\"baseModel\":\"m\",\"warmStartFrom\":\"\"}", 0, "");
	expect("{\"dataset\":\"d\",\"baseModel\":null,\"warmStartFrom\":\"m\"}", 0, "");
	expect(JOB("\"epochs\":2147483647,\"loraRank\":-2147483648,\"learningRate\":1e-4"), 0, "");
	expect(JOB("\"learningRate\":3.4028234663852886e38,\"optimizerWeightDecay\":0"), 0, "");
	expect(JOB("\"earlyStop\":false,\"region\":\"EU\",\"wandbConfig\":{\"enabled\":true}"), 0,
	       "");
	expect(JOB("\"epochs\":null,\"earlyStop\":null,\"wandbConfig\":null,\"displayName\":null"),
	       0, "");
	/* As a GET shows them. */
	expect(JOB("\"nodes\":0,\"mtpEnabled\":false,\"wandbConfig\":{\"apiKey\":\"\"}"), 0, "");
}

Test(sft_json, no_json)
{
	expect("", -EBADMSG, "1: the document ends early\n");
	expect("{\n'dataset':'d'}", -EBADMSG,
	       "2: a name in single quotes instead of double ones\n");
	expect(JOB("\"learningRate\":NaN"), -EBADMSG, "2: not a JSON value\n");
	expect(JOB("\"epochs\":1") "\n x", -EBADMSG, "3: something stands behind the end\n");
	expect("\n[]", -EBADMSG, "2: a job is an object, not an array\n");
	expect("null", -EBADMSG, "1: a job is an object, not null\n");
	expect("1", -EBADMSG, "1: a job is an object, not a number\n");
	expect("\"{}\"", -EBADMSG, "1: a job is an object, not a string\n");
}

#define NO_DATASET "dataset is missing: the name of the dataset to train on\n"
#define NO_MODEL   "neither baseModel nor warmStartFrom: one of them must say what to train\n"
#define TWO_MODELS "both baseModel and warmStartFrom: only one of them says what to train\n"

Test(sft_json, what_must_be_there)
{
	expect("// x\n{}", -EBADMSG, "2: " NO_DATASET "2: " NO_MODEL);
	expect("{\"baseModel\":\"m\"}", -EBADMSG, "1: " NO_DATASET);
	expect("{\"baseModel\":\"m\",\"dataset\":\"\"}", -EBADMSG, "1: " NO_DATASET);
	expect("{\"baseModel\":\"m\",\"dataset\":null}", -EBADMSG, "1: " NO_DATASET);
	expect("{\"dataset\":\"d\"}", -EBADMSG, "1: " NO_MODEL);
	expect("{\"dataset\":\"d\",\"baseModel\":\"\",\"warmStartFrom\":null}", -EBADMSG,
	       "1: " NO_MODEL);
	expect("{\"dataset\":\"d\",\n\"baseModel\":\"m\",\n\"warmStartFrom\":\"w\"}", -EBADMSG,
	       "3: " TWO_MODELS);
	expect("{\"dataset\":\"d\",\n\"warmStartFrom\":\"w\",\n\"baseModel\":\"m\"}", -EBADMSG,
	       "3: " TWO_MODELS);
	/* One that is wrong is not missing as well. */
	expect("{\"dataset\":1,\"baseModel\":{}}", -EBADMSG,
	       "1: dataset must be a string, not a number\n"
	       "1: baseModel must be a string, not an object\n");
}

Test(sft_json, types)
{
	expect(JOB("\"epochs\":\"3\""), -EBADMSG,
	       "2: epochs must be a number (integer), not a string\n");
	expect(JOB("\"epochs\":3.0"), -EBADMSG,
	       "2: epochs must be a number (integer), without a fraction or an exponent\n");
	expect(JOB("\"epochs\":3e0"), -EBADMSG,
	       "2: epochs must be a number (integer), without a fraction or an exponent\n");
	expect(JOB("\"epochs\":3E0"), -EBADMSG,
	       "2: epochs must be a number (integer), without a fraction or an exponent\n");
	expect(JOB("\"epochs\":true"), -EBADMSG,
	       "2: epochs must be a number (integer), not true or false\n");
	expect(JOB("\"learningRate\":\"1e-4\""), -EBADMSG,
	       "2: learningRate must be a number, not a string\n");
	expect(JOB("\"earlyStop\":1"), -EBADMSG,
	       "2: earlyStop must be true or false, not a number\n");
	expect(JOB("\"displayName\":[]"), -EBADMSG,
	       "2: displayName must be a string, not an array\n");
	expect(JOB("\"purpose\":1"), -EBADMSG, "2: purpose must be a string, not a number\n");
	expect(JOB("\"wandbConfig\":true"), -EBADMSG,
	       "2: wandbConfig must be an object, not true or false\n");
	expect(JOB("\"wandbConfig\":{\n\"project\":1,\n\"enabled\":\"yes\"}"), -EBADMSG,
	       "3: wandbConfig.project must be a string, not a number\n"
	       "4: wandbConfig.enabled must be true or false, not a string\n");
	expect(JOB("\"awsS3Config\":{\"iamRoleArn\":1},\n\"azureBlobStorageConfig\":{\"tenantId\":1}"),
	       -EBADMSG,
	       "2: awsS3Config.iamRoleArn must be a string, not a number\n"
	       "3: azureBlobStorageConfig.tenantId must be a string, not a number\n");
}

#define INT32_FAULT "does not fit: it goes from -2147483648 to 2147483647\n"

Test(sft_json, numbers_that_do_not_fit)
{
	expect(JOB("\"epochs\":2147483648"), -EBADMSG, "2: epochs " INT32_FAULT);
	expect(JOB("\"epochs\":-2147483649"), -EBADMSG, "2: epochs " INT32_FAULT);
	expect(JOB("\"epochs\":4294967297"), -EBADMSG, "2: epochs " INT32_FAULT);
	expect(JOB("\"epochs\":99999999999999999999999"), -EBADMSG, "2: epochs " INT32_FAULT);
	expect(JOB("\"learningRate\":3.5e38"), -EBADMSG,
	       "2: learningRate does not fit: it is a float of 32 bits\n");
	expect(JOB("\"learningRate\":-1e999"), -EBADMSG,
	       "2: learningRate does not fit: it is a float of 32 bits\n");
	expect(JOB("\"x_y_z\":9223372036854775807"), 0,
	       "warning 2: x_y_z is not a known field; it is sent as it is\n");
	expect(JOB("\"x_y_z\":[9223372036854775808]"), -EBADMSG,
	       "warning 2: x_y_z is not a known field; it is sent as it is\n"
	       "2: x_y_z does not fit an integer of 64 bits\n");
	expect(JOB("\"x_y_z\":{\"n\":[0,\n1e999]}"), -EBADMSG,
	       "warning 2: x_y_z is not a known field; it is sent as it is\n"
	       "3: x_y_z.n does not fit a number of 64 bits\n");
}

Test(sft_json, names_twice)
{
	expect("{\"dataset\":\"d\",\n\"baseModel\":\"m\",\n\"dataset\":\"e\"}", -EBADMSG,
	       "3: dataset is there already, in line 1\n");
	expect(JOB("\"wandbConfig\":{\"project\":\"a\",\n\"project\":\"a\"}"), -EBADMSG,
	       "3: wandbConfig.project is there already, in line 2\n");
	/* An escape does not hide it, and three are two too many. */
	expect(JOB("\"epochs\":1,\n\"\\u0065pochs\":2,\n\"epochs\":3"), -EBADMSG,
	       "3: epochs is there already, in line 2\n4: epochs is there already, in line 3\n");
	expect(JOB("\"x_y_z\":[{\"a\":1,\n\"a\":1}]"), -EBADMSG,
	       "warning 2: x_y_z is not a known field; it is sent as it is\n"
	       "3: x_y_z.a is there already, in line 2\n");
	expect(JOB("\"x_y_z\":[{\"a\":1},{\"a\":1}]"), 0,
	       "warning 2: x_y_z is not a known field; it is sent as it is\n");
}

#define KEY_FAULT                                                                                  \
	": a W&B key does not belong in this file; put it into a file of its own, named by the "   \
	"account's wandb-api-key-file\n"

Test(sft_json, keys_are_not_taken)
{
	expect(JOB("\"wandbConfig\":{\n\"apiKey\":\"plantedsecret\"}"), -EBADMSG,
	       "3: wandbConfig.apiKey" KEY_FAULT);
	expect(JOB("\"wandbConfig\":{\"apiKey\":5}"), -EBADMSG, "2: wandbConfig.apiKey" KEY_FAULT);
	expect(JOB("\"wandbApiKey\":\"plantedsecret\""), -EBADMSG, "2: wandbApiKey" KEY_FAULT);
}

Test(sft_json, warnings)
{
	expect(JOB("\"base_model\":\"m\",\n\"epoch\":3"), 0,
	       "warning 2: base_model is not a known field, is it baseModel? It is sent as it is\n"
	       "warning 3: epoch is not a known field, is it epochs? It is sent as it is\n");
	expect(JOB("\"wandbConfig\":{\"projekt\":\"p\",\"apikey\":\"\"}"), 0,
	       "warning 2: wandbConfig.projekt is not a known field, is it project? It is sent as it "
	       "is\n"
	       "warning 2: wandbConfig.apikey is not a known field; it is sent as it is\n");
	expect(JOB("\"name\":\"n\",\"state\":5,\n\"jobProgress\":null"), 0,
	       "warning 2: name is not sent: only the API sets it\n"
	       "warning 2: state is not sent: only the API sets it\n"
	       "warning 3: jobProgress is not sent: only the API sets it\n");
	expect(JOB("\"wandbConfig\":{\"url\":\"u\"}"), 0,
	       "warning 2: wandbConfig.url is not sent: only the API sets it\n");
	expect(JOB("\"mtpEnabled\":true"), 0,
	       "warning 2: mtpEnabled is deprecated: the API may ignore it\n");
	expect(JOB("\"nodes\":\"2\""), -EBADMSG,
	       "warning 2: nodes is deprecated: the API may ignore it\n"
	       "2: nodes must be a number (integer), not a string\n");
	/* What is in an unknown field has names of its own. */
	expect(JOB("\"x_y_z\":{\"name\":1,\"epochs\":\"\",\"apiKey\":\"k\"}"), 0,
	       "warning 2: x_y_z is not a known field; it is sent as it is\n");
	/* A name is shown without what could move the cursor. */
	expect(JOB("\"q\\u001b[2J\\nq\\u0085\":1"), 0,
	       "warning 2: q [2J q  is not a known field; it is sent as it is\n");
}

Test(sft_json, all_faults_at_once)
{
	expect("{\n\"epochs\": \"3\",\n\"learningRate\": true,\n\"epoch\": 1,\n\"name\": \"n\"\n}",
	       -EBADMSG,
	       "2: epochs must be a number (integer), not a string\n"
	       "3: learningRate must be a number, not true or false\n"
	       "warning 4: epoch is not a known field, is it epochs? It is sent as it is\n"
	       "warning 5: name is not sent: only the API sets it\n"
	       "1: " NO_DATASET "1: " NO_MODEL);
}

static size_t count_lines(const struct buf *b, const char *start)
{
	size_t n = 0;

	for (const char *p = buf_str(b); *p; p = strchr(p, '\n') + 1)
		n += strncmp(p, start, strlen(start)) == 0;
	return n;
}

/* More warnings than are told of do not hide a fault. */
Test(sft_json, faults_have_a_maximum)
{
	_cleanup_buf_ struct buf text = BUF_INIT(SFT_JSON_MAX_BYTES), told = BUF_INIT(TOLD_MAX);

	cr_assert_eq(buf_puts(&text, "{"), 0);
	for (int i = 0; i < 200; i++)
		cr_assert_eq(buf_printf(&text, "\"zzz%d\":1e999,\n", i), 0);
	cr_assert_eq(buf_puts(&text, "\"x\":1}"), 0);
	cr_assert_eq(check(text.data, text.len, &told, NULL), -EBADMSG);
	cr_assert_eq(count_lines(&told, "warning "), SFT_FAULTS_MAX);
	cr_assert_eq(count_lines(&told, ""), 2 * SFT_FAULTS_MAX);
}

Test(sft_json, largest)
{
	_cleanup_free_ char *text = malloc(SFT_JSON_MAX_BYTES + 1);
	_cleanup_buf_ struct buf told = BUF_INIT(TOLD_MAX);
	const char *start = "{\"dataset\":\"d\",\"baseModel\":\"m\"}";

	cr_assert(text);
	memset(text, ' ', SFT_JSON_MAX_BYTES + 1);
	memcpy(text, start, strlen(start));
	cr_assert_eq(check(text, SFT_JSON_MAX_BYTES, &told, NULL), 0);
	cr_assert_eq(check(text, SFT_JSON_MAX_BYTES + 1, &told, NULL), -EBADMSG);
	cr_assert_str_eq(buf_str(&told), "1: larger than 1 MiB\n");
}

static void expect_body(const char *text, const char *key, const char *want)
{
	_cleanup_buf_ struct buf b = BUF_INIT(SFT_BODY_MAX_BYTES);
	struct sft_job *job = job_of(text);

	cr_assert_eq(sft_job_body(job, key, &b), 0);
	cr_expect_str_eq(buf_str(&b), want);
	sft_job_free(job);
}

Test(sft_json, body)
{
	expect_body(
		"{ /* c */ \"epochs\" : 3, // d\n \"learningRate\":1.50E-4, \"dataset\":\"\\u0064\","
		"\"baseModel\":\"é\\n\", \"zz\":[1, {\"b\":null,\"a\":-0.0}, true], \"loraRank\":0}",
		NULL,
		"{\"epochs\":3,\"learningRate\":1.50E-4,\"dataset\":\"d\","
		"\"baseModel\":\"é\\n\",\"zz\":[1,{\"b\":null,\"a\":-0.0},true],\"loraRank\":0}");
	/* What only the API sets is left out, an empty key too. */
	expect_body(
		"{\"name\":\"n\",\"dataset\":\"d\",\"state\":\"s\",\"baseModel\":\"m\","
		"\"wandbConfig\":{\"url\":\"u\",\"project\":\"p\",\"apiKey\":\"\"},\"wandbApiKey\":null}",
		NULL,
		"{\"dataset\":\"d\",\"baseModel\":\"m\",\"wandbConfig\":{\"project\":\"p\"}}");
}

Test(sft_json, body_with_a_key)
{
	expect_body(JOB("\"wandbConfig\":{\"enabled\":true},\"epochs\":1"), "k\"",
		    "{\"dataset\":\"d\",\"baseModel\":\"m\","
		    "\"wandbConfig\":{\"enabled\":true,\"apiKey\":\"k\\\"\"},\"epochs\":1}");
	expect_body(JOB("\"wandbConfig\":{}"), "k",
		    "{\"dataset\":\"d\",\"baseModel\":\"m\",\"wandbConfig\":{\"apiKey\":\"k\"}}");
	/* Nowhere else: not into other objects, and not where W&B is not spoken of. */
	expect_body(JOB("\"awsS3Config\":{\"iamRoleArn\":\"r\"},\"wandbConfig\":null"), "k",
		    "{\"dataset\":\"d\",\"baseModel\":\"m\",\"awsS3Config\":{\"iamRoleArn\":\"r\"},"
		    "\"wandbConfig\":null}");
}

/* What is kept is a job again, but for where a storage of one's own is. */
Test(sft_json, what_is_kept)
{
	struct sft_job *job = job_of(JOB("\"awsS3Config\":{\"iamRoleArn\":\"r\"},"
					 "\"azureBlobStorageConfig\":{\"tenantId\":\"t\"},"
					 "\"wandbConfig\":{\"enabled\":true},\"epochs\":1"));
	_cleanup_buf_ struct buf b = BUF_INIT(SFT_BODY_MAX_BYTES);

	cr_assert_eq(sft_job_kept(job, &b), 0);
	cr_expect_str_eq(buf_str(&b), "{\"dataset\":\"d\",\"baseModel\":\"m\","
				      "\"wandbConfig\":{\"enabled\":true},\"epochs\":1}");
	sft_job_free(job);
}

Test(sft_json, body_is_all_or_nothing)
{
	struct sft_job *job = job_of(JOB("\"epochs\":1"));
	_cleanup_buf_ struct buf b = BUF_INIT(20);

	cr_assert_eq(buf_puts(&b, "before"), 0);
	cr_assert_eq(sft_job_body(job, NULL, &b), -EMSGSIZE);
	cr_assert_str_eq(buf_str(&b), "before");
	sft_job_free(job);
}

static bool wants(const char *text)
{
	struct sft_job *job = job_of(text);
	bool ret = sft_job_wants_wandb(job);

	sft_job_free(job);
	return ret;
}

Test(sft_json, wants_wandb)
{
	cr_assert(wants(JOB("\"wandbConfig\":{\"project\":\"p\",\"enabled\":true}")));
	cr_assert_not(wants(JOB("\"wandbConfig\":{\"enabled\":false}")));
	cr_assert_not(wants(JOB("\"wandbConfig\":{\"enabled\":null}")));
	cr_assert_not(wants(JOB("\"wandbConfig\":{\"project\":\"p\"}")));
	cr_assert_not(wants(JOB("\"wandbConfig\":null")));
	cr_assert_not(wants(JOB("\"enabled\":true")));
}

static void id_of(const char *text, const char *account, char ret[NAME_ID_MAX + 1])
{
	struct sft_job *job = job_of(text);

	cr_assert_eq(sft_job_id(job, account, ret), 0);
	cr_assert(name_id_valid(ret), "%s", ret);
	sft_job_free(job);
}

static void expect_slug(const char *display_name, const char *want)
{
	char id[NAME_ID_MAX + 1], text[512];

	snprintf(text, sizeof(text), JOB("\"displayName\":\"%s\""), display_name);
	id_of(text, "acme", id);
	cr_assert(strlen(id) > 11 && id[strlen(id) - 11] == '-');
	id[strlen(id) - 11] = '\0';
	cr_expect_str_eq(id, want, "%s: %s", display_name, id);
}

Test(sft_json, slugs)
{
	expect_slug("Prod", "prod");
	expect_slug("prod-2026 Q4_(final)", "prod-2026-q4-final");
	expect_slug("--a---b--", "a-b");
	expect_slug("AZaz09@[`{/:", "azaz09");
	expect_slug("", "sft");
	expect_slug(" -- ", "sft");
	expect_slug("日本", "sft");
	expect_slug("Größe 7", "gr-e-7");
	expect_slug("0123456789012345678901234567890123456789", /* 40 */
		    "0123456789012345678901234567890123456789");
	expect_slug("0123456789012345678901234567890123456789a",
		    "0123456789012345678901234567890123456789");
	expect_slug("012345678901234567890123456789012345678-a", /* a dash would be the last */
		    "012345678901234567890123456789012345678");
	expect_slug("01234567890123456789012345678901234567-ab",
		    "01234567890123456789012345678901234567-a");
}

/* Golden, computed by other means: another id for the same content would train a second time. */
Test(sft_json, id_stays)
{
	char id[NAME_ID_MAX + 1];

	id_of("{\"dataset\":\"d\",\"baseModel\":\"m\"}", "acme", id);
	cr_assert_str_eq(id, "sft-5gvei1tqeu");
	id_of("{\"displayName\":\"Prod run\",\"dataset\":\"d\",\"baseModel\":\"m\",\"epochs\":3,"
	      "\"learningRate\":1e-4,\"earlyStop\":true,\"x\":[1.5,null,{\"b\":\"é\",\"a\":7}],"
	      "\"wandbConfig\":{\"enabled\":true,\"project\":\"p\"}}",
	      "acme", id);
	cr_assert_str_eq(id, "prod-run-i0hl1mrfcv");
}

Test(sft_json, ids_of_the_same_content)
{
	static const char *const same[] = {
		JOB("\"epochs\":3,\"learningRate\":1e-4,\"zz\":{\"b\":2,\"a\":1.5}"),
		"/* */{ \"zz\":{ \"a\":15e-1,\"b\":2.0 },\"learningRate\":0.0001, \"epochs\":3,"
		"\"baseModel\":\"m\",\"dataset\":\"d\" } //",
		JOB("\"epochs\":3,\"learningRate\":0.00010000000001,\"zz\":{\"b\":2,\"a\":1.5},"
		    "\"displayName\":\"\",\"loraRank\":0,\"isTurbo\":false,\"jinjaTemplate\":null,"
		    "\"purpose\":\"PURPOSE_UNSPECIFIED\",\"wandbConfig\":{\"enabled\":false,\"url\":\"u\"},"
		    "\"name\":\"n\",\"new\":[],\"newer\":{\"x\":0.0}"),
	};
	static const char *const others[] = {
		JOB("\"epochs\":4,\"learningRate\":1e-4,\"zz\":{\"b\":2,\"a\":1.5}"),
		JOB("\"epochs\":3,\"learningRate\":1.1e-4,\"zz\":{\"b\":2,\"a\":1.5}"),
		JOB("\"epochs\":3,\"learningRate\":1e-4,\"zz\":{\"b\":2,\"a\":1.5000001}"),
		JOB("\"epochs\":3,\"learningRate\":1e-4,\"zz\":{\"b\":1.5,\"a\":2}"),
		JOB("\"epochs\":3,\"learningRate\":1e-4,\"zz\":{\"b\":\"2\",\"a\":1.5}"),
		JOB("\"epochs\":3,\"learningRate\":1e-4,\"zz\":[{\"b\":2,\"a\":1.5}]"),
		JOB("\"epochs\":3,\"learningRate\":1e-4,\"zz\":{\"b\":2,\"a\":1.5},\"isTurbo\":true"),
		JOB("\"epochs\":3,\"learningRate\":1e-4,\"zz\":{\"b\":2,\"a\":1.5},\"region\":\"EU\""),
	};
	char first[NAME_ID_MAX + 1], id[NAME_ID_MAX + 1];

	id_of(same[0], "acme", first);
	for (size_t i = 1; i < ARRAY_LEN(same); i++) {
		id_of(same[i], "acme", id);
		cr_expect_str_eq(id, first, "%zu: %s", i, id);
	}
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		id_of(others[i], "acme", id);
		cr_expect_str_neq(id, first, "%zu", i);
	}
	id_of(same[0], "acmf", id);
	cr_expect_str_neq(id, first, "another account");
	/* Elements keep their order; large integers their last digit. */
	id_of(JOB("\"zz\":[1,2,9007199254740993]"), "acme", first);
	id_of(JOB("\"zz\":[2,1,9007199254740993]"), "acme", id);
	cr_expect_str_neq(id, first);
	id_of(JOB("\"zz\":[1,2,9007199254740992]"), "acme", id);
	cr_expect_str_neq(id, first);
}

static void on_difference(void *user, const char *field, const char *there, const char *here)
{
	cr_assert(text_is_utf8(there) && !text_has_control(there) && strlen(there) < 100);
	cr_assert(text_is_utf8(here) && !text_has_control(here) && strlen(here) < 100);
	cr_assert_eq(buf_printf(user, "%s: %s | %s\n", field, there, here), 0);
}

#define NAME "\"name\":\"accounts/acme/supervisedFineTuningJobs/abc\""

static void expect_differences(const char *text, const char *answer, const char *want)
{
	_cleanup_buf_ struct buf told = BUF_INIT(TOLD_MAX);
	struct sft_job *job = job_of(text);
	int r = sft_job_differences(job, answer, strlen(answer), on_difference, &told);

	cr_expect(r == 0 && strcmp(buf_str(&told), want) == 0, "%s\n%s\n-> %d\n%swanted:\n%s", text,
		  answer, r, buf_str(&told), want);
	sft_job_free(job);
}

/* The answer has NAME, dataset and baseModel, and these members. */
#define THERE(members) "{" NAME ",\"dataset\":\"d\",\"baseModel\":\"m\"" members "}"

Test(sft_json, the_same_job)
{
	/* What the file does not give, the API chooses. */
	expect_differences(JOB("\"epochs\":3"),
			   THERE(",\"epochs\":3,\"loraRank\":8,\"isTurbo\":true,\"state\":\"x\","
				 "\"jobProgress\":null,\"wandbConfig\":{\"apiKey\":\"k\"}"),
			   "");
	/* Also when it gives none. */
	expect_differences(JOB("\"loraRank\":0,\"displayName\":\"\",\"outputModel\":null,"
			       "\"purpose\":\"PURPOSE_UNSPECIFIED\""),
			   THERE(",\"loraRank\":8,\"displayName\":\"x\",\"outputModel\":\"y\","
				 "\"purpose\":\"PURPOSE_PILOT\""),
			   "");
	expect_differences(JOB("\"isTurbo\":false,\"earlyStop\":false,\"evalAutoCarveout\":false"),
			   THERE(",\"isTurbo\":null,\"evalAutoCarveout\":false"), "");
	expect_differences(JOB("\"wandbConfig\":{\"enabled\":false,\"project\":\"\"}"),
			   THERE(",\"wandbConfig\":null"), "");
	expect_differences(JOB("\"epochs\":3"), THERE(",\"epochs\":\"3\""), "");
	/* Only the API's: given, and not compared. */
	expect_differences(JOB("\"name\":\"n\",\"state\":\"JOB_STATE_RUNNING\""), THERE(""), "");
	expect_differences(JOB("\"wandbConfig\":{\"enabled\":true,\"url\":\"a\",\"runId\":\"r\"}"),
			   THERE(",\"wandbConfig\":{\"enabled\":true,\"url\":\"b\",\"runId\":\"r\","
				 "\"apiKey\":\"***\",\"project\":\"default\"}"),
			   "");
}

Test(sft_json, differences)
{
	expect_differences("{\"dataset\":\"e\",\"baseModel\":\"m\",\"epochs\":3,\"earlyStop\":true,"
			   "\"isTurbo\":false,\"displayName\":\"n\"}",
			   THERE(",\"epochs\":2,\"isTurbo\":true"),
			   "dataset: d | e\nepochs: 2 | 3\nearlyStop: none | true\n"
			   "isTurbo: true | false\ndisplayName: none | n\n");
	expect_differences(JOB("\"wandbConfig\":{\"enabled\":true,\"project\":\"p\"}"),
			   THERE(",\"wandbConfig\":{\"enabled\":true,\"project\":\"q\"}"),
			   "wandbConfig.project: q | p\n");
	expect_differences(JOB("\"wandbConfig\":{\"enabled\":true}"),
			   THERE(",\"wandbConfig\":null"), "wandbConfig.enabled: none | true\n");
	expect_differences(JOB("\"wandbConfig\":{\"enabled\":true}"), THERE(""),
			   "wandbConfig.enabled: none | true\n");
	/* Of another type than it should be. */
	expect_differences(JOB("\"displayName\":\"n\",\"epochs\":3,\"earlyStop\":true"),
			   THERE(",\"displayName\":[1],\"epochs\":\"x\",\"earlyStop\":{\"a\":1}"),
			   "displayName: […] | n\nepochs: x | 3\nearlyStop: {…} | true\n");
	expect_differences(JOB("\"isTurbo\":false"), THERE(",\"isTurbo\":\"yes\""),
			   "isTurbo: yes | false\n");
	expect_differences(JOB("\"purpose\":\"PURPOSE_PILOT\""),
			   THERE(",\"purpose\":\"PURPOSE_UNSPECIFIED\""),
			   "purpose: none | PURPOSE_PILOT\n");
}

Test(sft_json, resources)
{
	static const struct {
		const char *field, *here, *there;
		bool same;
	} cases[] = {
		{"baseModel", "x", "accounts/fireworks/models/x", true},
		{"baseModel", "accounts/fireworks/models/x", "x", true},
		{"baseModel", "x", "accounts/acme/models/x", true},
		{"baseModel", "x", "accounts/other/models/x", false},
		{"baseModel", "x", "accounts/acme/datasets/x", false},
		{"baseModel", "x", "accounts/acme/models/xy", false},
		{"baseModel", "accounts/acme/models/x", "accounts/fireworks/models/x", false},
		{"outputModel", "x", "accounts/acme/models/x", true},
		{"warmStartFrom", "x", "accounts/acme/models/x", true},
		{"dataset", "x", "accounts/acme/datasets/x", true},
		{"dataset", "x", "accounts/acme/models/x", false},
		{"evaluationDataset", "x", "accounts/acme/datasets/x", true},
		{"displayName", "x", "accounts/acme/models/x", false},
		{"displayName", "x", "accounts/acme/datasets/x", false},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *f = cases[i].field;
		bool model = strcmp(f, "baseModel") == 0 || strcmp(f, "warmStartFrom") == 0;
		char text[256], answer[256], want[256];

		snprintf(text, sizeof(text), "{%s%s\"%s\":\"%s\"}",
			 model ? "" : "\"baseModel\":\"m\",",
			 strcmp(f, "dataset") == 0 ? "" : "\"dataset\":\"d\",", f, cases[i].here);
		snprintf(answer, sizeof(answer), "{%s%s" NAME ",\"%s\":\"%s\"}",
			 model ? "" : "\"baseModel\":\"m\",",
			 strcmp(f, "dataset") == 0 ? "" : "\"dataset\":\"d\",", f, cases[i].there);
		snprintf(want, sizeof(want), "%s: %s | %s\n", f, cases[i].there, cases[i].here);
		expect_differences(text, answer, cases[i].same ? "" : want);
	}
}

Test(sft_json, floats_have_32_bits)
{
	static const struct {
		const char *here, *there;
		bool same;
	} cases[] = {
		{"1e-4", "9.999999747378752e-05", true},
		{"0.1", "0.10000000149011612", true},
		{"0.0001", "1e-4", true},
		{"1e-4", "1.0001e-4", false},
		{"1e-4", "0.00010000005", true},
		{"1e-4", "0.0001000005", false},
		{"1e-42", "1.0005271035279193e-42", true}, /* few bits are left */
		{"1.0005271035279193e-42", "1e-42", true},
		{"1e-4", "-1e-4", false},
		{"1e-4", "0", false},
		{"1e-4", "\"0.0001\"", true},
		{"1e-4", "true", false},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char text[128], answer[256];
		struct sft_job *job;
		_cleanup_buf_ struct buf told = BUF_INIT(TOLD_MAX);

		snprintf(text, sizeof(text), JOB("\"learningRate\":%s"), cases[i].here);
		snprintf(answer, sizeof(answer), THERE(",\"learningRate\":%s"), cases[i].there);
		job = job_of(text);
		cr_assert_eq(sft_job_differences(job, answer, strlen(answer), on_difference, &told),
			     0);
		cr_expect((told.len == 0) == cases[i].same, "%s %s", cases[i].here, cases[i].there);
		sft_job_free(job);
	}
	/* Integers are not floats. */
	expect_differences(JOB("\"maxContextLength\":16777217"),
			   THERE(",\"maxContextLength\":16777216"),
			   "maxContextLength: 16777216 | 16777217\n");
}

Test(sft_json, what_not_every_answer_has)
{
	expect_differences(JOB("\"region\":\"EU\",\"nodes\":2,\"zz\":1"), THERE(""), "");
	expect_differences(JOB("\"region\":\"EU\",\"nodes\":2,\"zz\":1"),
			   THERE(",\"region\":null,\"nodes\":1,\"zz\":null"),
			   "region: none | EU\nnodes: 1 | 2\nzz: none | 1\n");
	expect_differences(JOB("\"zz\":{\"a\":[1,{\"b\":true}],\"c\":0}"),
			   THERE(",\"zz\":{\"a\":[1.0,{\"b\":true,\"x\":1}],\"d\":4}"), "");
	expect_differences(JOB("\"zz\":{\"a\":[1,2]}"), THERE(",\"zz\":{\"a\":[1]}"),
			   "zz: {…} | {…}\n");
	expect_differences(JOB("\"zz\":{\"a\":1}"), THERE(",\"zz\":{\"b\":1}"), "zz: {…} | {…}\n");
	expect_differences(JOB("\"zz\":[1]"), THERE(",\"zz\":[1,2]"), "zz: […] | […]\n");
	expect_differences(JOB("\"zz\":[1]"), THERE(",\"zz\":[2]"), "zz: […] | […]\n");
}

Test(sft_json, values_that_are_not_shown)
{
	expect_differences(JOB("\"awsS3Config\":{\"iamRoleArn\":\"plantedsecret\"}"),
			   THERE(",\"awsS3Config\":{\"iamRoleArn\":\"plantedsecret2\"}"),
			   "awsS3Config.iamRoleArn: (not shown) | (not shown)\n");
	expect_differences(JOB("\"displayName\":\"a\\u001b[2J\\nb\""),
			   THERE(",\"displayName\":\"c\""), "displayName: c | a [2J b\n");
	/* Cut between characters: 92 bytes of 2 each, and the ellipsis. */
	expect_differences(
		JOB("\"displayName\":\"ééééééééééééééééééééééééééééééééééééééééééééééééé\""),
		THERE(",\"displayName\":\"xéééééééééééééééééééééééééééééééééééééééééééééééé\""),
		"displayName: xééééééééééééééééééééééééééééééééééééééééééééé… | "
		"éééééééééééééééééééééééééééééééééééééééééééééé…\n");
}

Test(sft_json, answers_that_are_no_job)
{
	static const char *const answers[] = {
		"",
		"<html>",
		"null",
		"[]",
		"{}",
		"{\"name\":1}",
		"{\"name\":\"abc\"}",
		"{\"name\":\"accounts/acme/dpoJobs/abc\"}",
		"{" NAME,
		"{" NAME "/**/}",
	};
	struct sft_job *job = job_of(JOB("\"epochs\":1"));

	for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
		_cleanup_buf_ struct buf told = BUF_INIT(TOLD_MAX);

		cr_expect_eq(sft_job_differences(job, answers[i], strlen(answers[i]), on_difference,
						 &told),
			     -EBADMSG, "%s", answers[i]);
		cr_expect_eq(told.len, 0);
	}
	sft_job_free(job);
}

/* A value that passes as the field's type. */
static void add_value(struct buf *b, const struct sft_field *field, struct rnd *rnd)
{
	unsigned n = (unsigned)rnd_below(rnd, 1000000);

	switch (field->type) {
	case SFT_TEXT:
	case SFT_ENUM:
		buf_printf(b, "\"T %u\"", n);
		return;
	case SFT_BOOL:
		buf_puts(b, n % 2 ? "true" : "false");
		return;
	case SFT_INT32:
	case SFT_ANY:
		buf_printf(b, "%u", n);
		return;
	case SFT_FLOAT:
		buf_printf(b, "%u.%ue-%u", n % 10, n, n % 30);
		return;
	case SFT_OBJECT:
		buf_puts(b, "{");
		for (size_t i = 0; i < field->members->n; i++) {
			const struct sft_field *f = &field->members->fields[i];

			if (f->role >= SFT_OUTPUT)
				continue;
			buf_printf(b, "%s\"%s\":", b->data[b->len - 1] == '{' ? "" : ",", f->name);
			add_value(b, f, rnd);
		}
		buf_puts(b, "}");
		return;
	}
}

/* Some of the fields, in any order; `answer` has a name as well. */
static void add_job(struct buf *b, struct rnd *rnd, uint64_t fields, bool answer, size_t turn)
{
	uint64_t seed = rnd->state;

	buf_printf(b, "{%s\"dataset\":\"d\",\"baseModel\":\"m\"", answer ? NAME "," : "");
	for (size_t k = 0; k < sft_fields.n; k++) {
		size_t i = (k + turn) % sft_fields.n;
		const struct sft_field *f = &sft_fields.fields[i];
		struct rnd own = {seed + i};

		if (f->role >= SFT_OUTPUT || !(fields >> i & 1) ||
		    strcmp(f->name, "dataset") == 0 || strcmp(f->name, "baseModel") == 0 ||
		    strcmp(f->name, "warmStartFrom") == 0)
			continue;
		buf_printf(b, ",\"%s\":", f->name);
		add_value(b, f, &own);
	}
	buf_puts(b, "}");
}

/* Any job: its body is the job again, in any order; as an answer it is the same, json-c reads it. */
Test(sft_json, any_job)
{
	struct rnd rnd = rnd_open("any_job");
	struct json_tokener *tok = json_util_tokener();

	cr_assert(sft_fields.n <= 64);
	for (int round = 0; round < 300; round++) {
		_cleanup_buf_ struct buf text = BUF_INIT(TOLD_MAX), turned = BUF_INIT(TOLD_MAX);
		_cleanup_buf_ struct buf answer = BUF_INIT(TOLD_MAX), body = BUF_INIT(TOLD_MAX);
		uint64_t fields = rnd_next(&rnd), turn = rnd_below(&rnd, sft_fields.n);
		char id[NAME_ID_MAX + 1], id_turned[NAME_ID_MAX + 1], id_body[NAME_ID_MAX + 1];
		struct json_object *tree;
		struct error e = ERROR_NONE;

		add_job(&text, &rnd, fields, false, 0);
		add_job(&turned, &rnd, fields, false, turn);
		add_job(&answer, &rnd, UINT64_MAX, true, turn);
		id_of(buf_str(&text), "acme", id);
		id_of(buf_str(&turned), "acme", id_turned);
		cr_assert_str_eq(id, id_turned);

		struct sft_job *job = job_of(buf_str(&text));
		cr_assert_eq(sft_job_body(job, NULL, &body), 0);
		sft_job_free(job);
		id_of(buf_str(&body), "acme", id_body);
		cr_assert_str_eq(id, id_body);
		expect_differences(buf_str(&text), buf_str(&answer), "");
		cr_assert_eq(json_util_parse(tok, body.data, body.len, &tree, &e), 0, "%s: %s",
			     e.text, body.data);
		json_object_put(tree);
	}
	json_tokener_free(tok);
}

/* The installed guide; `uncomment`: with the fields that are commented out in it. */
static void read_guide(struct buf *b, bool uncomment)
{
	const char *top = getenv("top_srcdir");
	char path[4096], line[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/conf/examples/sft.json", top ? top : "..");
	f = fopen(path, "r");
	cr_assert(f, "%s: run by `make check`, or with top_srcdir set", path);
	while (fgets(line, sizeof(line), f)) {
		const char *text = line + strspn(line, " ");

		if (uncomment &&
		    (strncmp(text, "// \"", 4) == 0 || strncmp(text, "//   \"", 6) == 0 ||
		     strncmp(text, "// }", 4) == 0))
			text += 3;
		cr_assert_eq(buf_puts(b, uncomment ? text : line), 0);
	}
	fclose(f);
}

/* Not as a part of another name. */
static bool has_word(const char *text, const char *word)
{
	size_t len = strlen(word);

	for (const char *p = text; (p = strstr(p, word)); p++)
		if (!isalnum((unsigned char)p[-1]) && !isalnum((unsigned char)p[len]))
			return true;
	return false;
}

static void expect_mentioned(const char *text, const struct sft_fields *fields)
{
	for (size_t i = 0; i < fields->n; i++) {
		const struct sft_field *f = &fields->fields[i];
		char quoted[64];

		snprintf(quoted, sizeof(quoted), "\"%s\":", f->name);
		cr_expect(f->role == SFT_INPUT ? !!strstr(text, quoted) : has_word(text, f->name),
			  "%s", f->name);
		if (f->members)
			expect_mentioned(text, f->members);
	}
}

Test(sft_json, the_guide)
{
	_cleanup_buf_ struct buf guide = BUF_INIT(TOLD_MAX), all = BUF_INIT(TOLD_MAX);

	read_guide(&guide, false);
	expect(buf_str(&guide), 0, "");
	expect_mentioned(buf_str(&guide), &sft_fields);

	/* All of it at once is as good, but for the second model. */
	read_guide(&all, true);
	cr_assert(strstr(buf_str(&all), "\n\"warmStartFrom\""));
	memcpy(strstr(all.data, "\n\"warmStartFrom\"") + 1, "//", 2);
	expect(buf_str(&all), 0, "");
}
