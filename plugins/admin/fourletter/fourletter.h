/* SPDX-License-Identifier: Apache-2.0 */
/* Changes when the words need something else in common: the reply, its parts, how numbers are printed. */
#ifndef PADDOCK_FOURLETTER_H
#define PADDOCK_FOURLETTER_H

#include <paddock/admin.h>

/* What one call of `next` may do: a reply of any length then stalls nobody. */
#define FOURLETTER_PART_BYTES (60 * 1024)
#define FOURLETTER_PART_STEPS 1000

typedef struct {
	GByteArray *out;
	size_t full;    /* length of @out that ends the part */
	unsigned steps; /* cursor steps left */
} FourletterPart;

/* Appends the next part of the reply; false: that was all. */
typedef bool (*FourletterNext)(PdkAdminReply *reply, const PdkView *view, FourletterPart *part);

typedef struct FourletterDump FourletterDump;

struct PdkAdminReply {
	FourletterNext next;
	const char *text;      /* fourletter_text: all of the reply */
	int64_t mask;          /* stmk: the argument */
	unsigned stage;        /* how far the reply is; every word counts for itself */
	uint64_t cursor;       /* of the walk at hand */
	GString *path;         /* wchp: the path whose watches are being listed */
	PdkLink link;          /* wchc: the connection whose watches are being listed */
	FourletterDump *dump;  /* dump: what was gathered */
};

/* Takes one step of the part's allowance; false: the part is full. */
static inline bool
fourletter_step(FourletterPart *part)
{
	if (part->steps == 0 || part->out->len >= part->full)
		return false;
	part->steps--;
	return true;
}

void fourletter_print(FourletterPart *part, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* Room for any double that fourletter_real writes. */
#define FOURLETTER_REAL_BYTES 40
/* @value rounded to four decimals as Java prints it: "0.0", "0.782", "1.0E-4", "1.2345678E7". Returns @into. */
const char *fourletter_real(double value, char into[FOURLETTER_REAL_BYTES]);

/* Is this setting of the server, by its zoo.cfg name, switched on? */
bool fourletter_is_on(const PdkView *view, const char *zoo_key);

/* The words, see words.c; and dump, which gathers before it prints. */
bool fourletter_text(PdkAdminReply *reply, const PdkView *view, FourletterPart *part);
bool fourletter_isro(PdkAdminReply *reply, const PdkView *view, FourletterPart *part);
bool fourletter_gtmk(PdkAdminReply *reply, const PdkView *view, FourletterPart *part);
bool fourletter_stmk(PdkAdminReply *reply, const PdkView *view, FourletterPart *part);
bool fourletter_conf(PdkAdminReply *reply, const PdkView *view, FourletterPart *part);
bool fourletter_envi(PdkAdminReply *reply, const PdkView *view, FourletterPart *part);
bool fourletter_srvr(PdkAdminReply *reply, const PdkView *view, FourletterPart *part);
bool fourletter_stat(PdkAdminReply *reply, const PdkView *view, FourletterPart *part);
bool fourletter_cons(PdkAdminReply *reply, const PdkView *view, FourletterPart *part);
bool fourletter_crst(PdkAdminReply *reply, const PdkView *view, FourletterPart *part);
bool fourletter_srst(PdkAdminReply *reply, const PdkView *view, FourletterPart *part);
bool fourletter_dirs(PdkAdminReply *reply, const PdkView *view, FourletterPart *part);
bool fourletter_wchs(PdkAdminReply *reply, const PdkView *view, FourletterPart *part);
bool fourletter_wchc(PdkAdminReply *reply, const PdkView *view, FourletterPart *part);
bool fourletter_wchp(PdkAdminReply *reply, const PdkView *view, FourletterPart *part);
bool fourletter_hash(PdkAdminReply *reply, const PdkView *view, FourletterPart *part);
bool fourletter_mntr(PdkAdminReply *reply, const PdkView *view, FourletterPart *part);
bool fourletter_dump(PdkAdminReply *reply, const PdkView *view, FourletterPart *part);
/* NULL is fine. */
void fourletter_dump_free(FourletterDump *dump);

#endif
