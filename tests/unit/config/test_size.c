/* Sizes as text. */
#include "config/config_internal.h"

#include <errno.h>

#include <criterion/criterion.h>

#define KIB 1024ULL
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)
#define TIB (1024 * GIB)

Test(size, good)
{
	static const struct {
		const char *text;
		uint64_t bytes;
		const char *written;
	} cases[] = {
		{"0", 0, "0"},
		{"1", 1, "1"},
		{"512B", 512, "512"},
		{"1024", KIB, "1KiB"},
		{"1025", 1025, "1025"},
		{"64K", 64 * KIB, "64KiB"},
		{"64KB", 64 * KIB, "64KiB"},
		{"64KiB", 64 * KIB, "64KiB"},
		{"10M", 10 * MIB, "10MiB"},
		{"1536M", 1536 * MIB, "1536MiB"},
		{"1GiB", GIB, "1GiB"},
		{"1 GiB", GIB, "1GiB"},
		{"2T", 2 * TIB, "2TiB"},
		{"1024T", 1024 * TIB, "1024TiB"},
		{"16777215T", 16777215 * TIB, "16777215TiB"},
		{"18446744073709551614", UINT64_MAX - 1, "18446744073709551614"},
		{"off", UINT64_MAX, "off"},
		{"infinity", UINT64_MAX, "off"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char written[CONFIG_SIZE_MAX];
		uint64_t bytes = 4711;

		cr_expect_eq(config_size_parse(cases[i].text, &bytes), 0, "%s", cases[i].text);
		cr_expect_eq(bytes, cases[i].bytes, "%s", cases[i].text);
		config_size_format(bytes, written);
		cr_expect_str_eq(written, cases[i].written);
	}
}

Test(size, bad)
{
	static const struct {
		const char *text;
		int r;
	} cases[] = {
		{"", -EINVAL},
		{"G", -EINVAL},
		{"-1", -EINVAL},
		{"+1", -EINVAL},
		{" 1", -EINVAL},
		{"1.5G", -EINVAL},
		{"1g", -EINVAL},
		{"1Gi", -EINVAL},
		{"1iB", -EINVAL},
		{"1GBB", -EINVAL},
		{"1G 1", -EINVAL},
		{"1P", -EINVAL},
		{"1GiB ", -EINVAL},
		{"Off", -EINVAL},
		{"18446744073709551615", -ERANGE},
		{"18446744073709551616", -ERANGE},
		{"16777216T", -ERANGE},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint64_t bytes = 4711;

		cr_expect_eq(config_size_parse(cases[i].text, &bytes), cases[i].r, "%s",
			     cases[i].text);
		cr_expect_eq(bytes, 4711, "%s: written on success only", cases[i].text);
	}
}
