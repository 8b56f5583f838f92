/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes when it does which words there are, who may use them, or what they need. Source:
 * FourLetterCommands.
 */
#include "fourletter.h"

#include <paddock/plugin.h>

#include <string.h>

typedef struct {
	char name[5];
	FourletterNext next;
	const char *text;    /* fourletter_text: the reply */
	const char *idle;    /* the reply of a server that does not serve; NULL: the same as ever */
	int argument_bytes;
} Word;

#define NOT_SERVING "This ZooKeeper instance is not currently serving requests"

static const Word words[] = {
	{ .name = "conf", .next = fourletter_conf, .idle = NOT_SERVING "\n" },
	{ .name = "cons", .next = fourletter_cons, .idle = NOT_SERVING "\n" },
	{ .name = "crst", .next = fourletter_crst, .idle = NOT_SERVING "\n" },
	{ .name = "dirs", .next = fourletter_dirs, .idle = NOT_SERVING "\n" },
	{ .name = "dump", .next = fourletter_dump, .idle = NOT_SERVING "\n" },
	{ .name = "envi", .next = fourletter_envi },
	{ .name = "gtmk", .next = fourletter_gtmk },
	{ .name = "hash", .next = fourletter_hash, .idle = NOT_SERVING },
	{ .name = "isro", .next = fourletter_isro },
	{ .name = "mntr", .next = fourletter_mntr, .idle = NOT_SERVING "\n" },
	{ .name = "ruok", .next = fourletter_text, .text = "imok" },
	{ .name = "srst", .next = fourletter_srst, .idle = NOT_SERVING "\n" },
	{ .name = "srvr", .next = fourletter_srvr, .idle = NOT_SERVING "\n" },
	{ .name = "stat", .next = fourletter_stat, .idle = NOT_SERVING "\n" },
	{ .name = "stmk", .next = fourletter_stmk, .argument_bytes = 8 },
	{ .name = "wchc", .next = fourletter_wchc, .idle = NOT_SERVING "\n" },
	{ .name = "wchp", .next = fourletter_wchp, .idle = NOT_SERVING "\n" },
	{ .name = "wchs", .next = fourletter_wchs, .idle = NOT_SERVING "\n" },
};

/*
 * What a telnet client sends when its user interrupts it: no word, but known, so that the connection is just
 * closed.
 */
static const char telnet_close[4] = { '\xff', '\xf4', '\xff', '\xfd' };

struct PdkAdmin {
	const PdkView *view;
	bool allowed[G_N_ELEMENTS(words)];
	char refusals[G_N_ELEMENTS(words)][64]; /* what a word that is not allowed is told */
};

/* The word's place in the table, or -1. */
static int
find_word(const char name[4])
{
	for (unsigned i = 0; i < G_N_ELEMENTS(words); i++) {
		if (memcmp(words[i].name, name, 4) == 0)
			return (int)i;
	}
	return -1;
}

bool
fourletter_is_on(const PdkView *view, const char *zoo_key)
{
	const char *value = view->setting_value(view->core, zoo_key);

	return value && (g_ascii_strcasecmp(value, "true") == 0 || g_ascii_strcasecmp(value, "yes") == 0);
}

static bool
is_allowed(const PdkAdmin *self, int word)
{
	if (self->allowed[word])
		return true;
	/* Clients look for servers in read-only mode with this one. */
	return memcmp(words[word].name, "isro", 4) == 0 && fourletter_is_on(self->view, "readonlymode.enabled");
}

static void
allow(PdkAdmin *self, const PdkHost *host, const char *entry)
{
	g_autofree char *name = g_strstrip(g_strdup(entry));
	int word = strlen(name) == 4 ? find_word(name) : -1;

	if (strcmp(name, "*") == 0) {
		for (unsigned i = 0; i < G_N_ELEMENTS(words); i++)
			self->allowed[i] = true;
		return;
	}
	if (word >= 0)
		self->allowed[word] = true;
	else if (*name)
		host->log(host, PDK_LOG_WARNING, "unknown_word option=whitelist word=%s", name);
}

static PdkAdmin *
fourletter_create(const PdkHost *host, const PdkConfig *config, const PdkView *view, GError **error G_GNUC_UNUSED)
{
	PdkAdmin *self = g_new0(PdkAdmin, 1);

	self->view = view;
	for (const char *const *entry = host->option_list(config, "whitelist"); *entry; entry++)
		allow(self, host, *entry);
	/* Always on: scripts that start and stop servers depend on it. */
	self->allowed[find_word("srvr")] = true;
	for (unsigned i = 0; i < G_N_ELEMENTS(words); i++)
		g_snprintf(self->refusals[i], sizeof(self->refusals[i]),
			   "%s is not executed because it is not in the whitelist.\n", words[i].name);
	return self;
}

static void
fourletter_destroy(PdkAdmin *self)
{
	g_free(self);
}

static int
fourletter_word(PdkAdmin *self, const char word[4])
{
	int index = find_word(word);

	if (index < 0)
		return memcmp(word, telnet_close, 4) == 0 ? 0 : -1;
	return is_allowed(self, index) ? words[index].argument_bytes : 0;
}

static PdkAdminReply *
make_reply(FourletterNext next, const char *text)
{
	PdkAdminReply *reply = g_new0(PdkAdminReply, 1);

	reply->next = next;
	reply->text = text;
	return reply;
}

static PdkAdminReply *
fourletter_begin(PdkAdmin *self, const char word[4], const uint8_t *argument, size_t length)
{
	int index = find_word(word);
	PdkServerFacts facts = { 0 };

	if (index < 0)
		return make_reply(fourletter_text, "");
	if (!is_allowed(self, index))
		return make_reply(fourletter_text, self->refusals[index]);
	if (length < (size_t)words[index].argument_bytes)
		return make_reply(fourletter_text, "");
	self->view->facts(self->view->core, &facts);
	if (!facts.serving && words[index].idle)
		return make_reply(fourletter_text, words[index].idle);

	PdkAdminReply *reply = make_reply(words[index].next, words[index].text);
	uint64_t mask = 0;
	for (int i = 0; i < words[index].argument_bytes; i++)
		mask = mask << 8 | argument[i];
	reply->mask = (int64_t)mask;
	return reply;
}

static bool
fourletter_next(PdkAdmin *self, PdkAdminReply *reply, GByteArray *out)
{
	FourletterPart part = {
		.out = out,
		.full = out->len + FOURLETTER_PART_BYTES,
		.steps = FOURLETTER_PART_STEPS,
	};

	return reply->next(reply, self->view, &part);
}

static void
fourletter_end(PdkAdmin *self G_GNUC_UNUSED, PdkAdminReply *reply)
{
	if (reply->path)
		g_string_free(reply->path, TRUE);
	fourletter_dump_free(reply->dump);
	g_free(reply);
}

static const PdkOption fourletter_options[] = {
	{ .key = "whitelist",
	  .type = PDK_OPTION_LIST,
	  .fallback = "srvr",
	  .zoo_keys = "4lw.commands.whitelist",
	  .help = "words that are answered, or * for all; srvr always is" },
	{ .key = NULL },
};

static const PdkAdminOps fourletter_ops = {
	.size = sizeof(PdkAdminOps),
	.create = fourletter_create,
	.destroy = fourletter_destroy,
	.word = fourletter_word,
	.begin = fourletter_begin,
	.next = fourletter_next,
	.end = fourletter_end,
};

PDK_PLUGIN_DEFINE(admin, fourletter) = {
	PDK_PLUGIN_HEAD,
	.kind = PDK_KIND_ADMIN,
	.name = "fourletter",
	.version = PACKAGE_VERSION,
	.summary = "the four-letter words on the client port",
	.options = fourletter_options,
	.ops = &fourletter_ops,
};
