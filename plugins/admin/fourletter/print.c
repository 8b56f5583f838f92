/* SPDX-License-Identifier: Apache-2.0 */
/* Changes when the way numbers and lines are put into a reply does. */
#include "fourletter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
fourletter_print(FourletterPart *part, const char *format, ...)
{
	char line[512];
	va_list arguments;

	va_start(arguments, format);
	int length = vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	if (length < 0)
		return;
	if ((size_t)length < sizeof(line)) {
		g_byte_array_append(part->out, (const guint8 *)line, (guint)length);
		return;
	}
	va_start(arguments, format);
	g_autofree char *longer = g_strdup_vprintf(format, arguments);
	va_end(arguments);
	g_byte_array_append(part->out, (const guint8 *)longer, (guint)strlen(longer));
}

/*
 * The fewest digits that read back as @value, with an exponent: "1.0E-4". Java writes so below 0.001 and from
 * 10^7.
 */
static void
print_scientific(double value, char into[FOURLETTER_REAL_BYTES])
{
	char digits[FOURLETTER_REAL_BYTES];

	for (int precision = 1; precision <= 17; precision++) {
		char format[8];
		g_snprintf(format, sizeof(format), "%%.%de", precision);
		g_ascii_formatd(digits, sizeof(digits), format, value);
		if (g_ascii_strtod(digits, NULL) == value)
			break;
	}
	char *exponent = strchr(digits, 'e');
	*exponent = '\0';
	g_snprintf(into, FOURLETTER_REAL_BYTES, "%sE%d", digits, atoi(exponent + 1));
}

const char *
fourletter_real(double value, char into[FOURLETTER_REAL_BYTES])
{
	if (!(value < 1e15 && value > -1e15)) {
		g_strlcpy(into, "NaN", FOURLETTER_REAL_BYTES);
		return into;
	}

	/*
	 * Java rounds halves up, printf to even. Only odd multiples of 1/32 are exact halves of the fourth
	 * decimal.
	 */
	int64_t thirtyseconds = (int64_t)(value * 32);
	if ((double)thirtyseconds == value * 32 && thirtyseconds % 2 != 0)
		value += value > 0 ? 1e-6 : -1e-6;
	g_ascii_formatd(into, FOURLETTER_REAL_BYTES, "%.4f", value);

	double rounded = g_ascii_strtod(into, NULL), size = rounded < 0 ? -rounded : rounded;
	if (size != 0 && (size < 1e-3 || size >= 1e7)) {
		print_scientific(rounded, into);
		return into;
	}
	char *end = into + strlen(into) - 1;
	while (*end == '0' && end[-1] != '.')
		*end-- = '\0';
	return into;
}
