/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plays scripts and compares the stories they tell with what stands beside them. Changes when a script can say something new.
 *
 *     test_golden [--update] [NAME...]      all of tests/golden, or some; --update writes what is told as what is expected
 */
#include "base/buffer.h"
#include "data/acl.h"
#include "golden/teller.h"
#include "server/opcode.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AWAIT_SECONDS 60
#define SERVERS_MAX 9
#define OPTIONS_MAX 16

typedef struct Play Play;

/* One client a server, made when it is first needed. */
typedef struct {
	Play *play;
	unsigned server;
	SimEnd *end;
	bool greeted;
	int32_t xid;
	char *object;     /* of the request under way */
	const char *done; /* and what becomes of it */
	GByteArray *inbox;
} Visitor;

struct Play {
	SimParams params;
	const char *options[2 * OPTIONS_MAX + 1];
	unsigned n_options;
	Sim *sim; /* made by the first word that needs it */
	Teller *teller;
	Visitor visitors[SERVERS_MAX];
	char *mistake;
};

static void mistaken(Play *play, const char *format, ...) G_GNUC_PRINTF(2, 3);

static void
mistaken(Play *play, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	if (play->mistake == NULL)
		play->mistake = g_strdup_vprintf(format, arguments);
	va_end(arguments);
}

/* ---- clients ---- */

static void
visitor_lost(void *context)
{
	Visitor *visitor = context;
	visitor->end = NULL;
	visitor->greeted = false;
	if (visitor->object) {
		g_autofree char *line = g_strdup_printf("client of %u: lost its connection, was %s %s?", visitor->server + 1,
							visitor->object, visitor->done);
		teller_say(visitor->play->teller, TOPIC_CLIENT, line);
	}
	g_clear_pointer(&visitor->object, g_free);
}

static void
visitor_answered(Visitor *visitor, PdkJute *in)
{
	pdk_get_int(in);
	g_autofree char *zxid = words_zxid(pdk_get_long(in));
	int32_t code = pdk_get_int(in);
	g_autofree char *line =
		code == 0 ? g_strdup_printf("client of %u: %s is %s, zxid %s", visitor->server + 1, visitor->object, visitor->done,
					    zxid)
			  : g_strdup_printf("client of %u: %s is refused, %" PRId32, visitor->server + 1, visitor->object, code);
	teller_say(visitor->play->teller, TOPIC_CLIENT, line);
	g_clear_pointer(&visitor->object, g_free);
}

static void
visitor_received(void *context, const uint8_t *data, size_t length)
{
	Visitor *visitor = context;
	g_byte_array_append(visitor->inbox, data, (guint)length);
	while (visitor->inbox->len >= 4 && visitor->inbox->len >= 4 + pdk_load_u32(visitor->inbox->data)) {
		uint32_t frame = pdk_load_u32(visitor->inbox->data);
		PdkJute in = pdk_jute(visitor->inbox->data + 4, frame, INT32_MAX);
		if (visitor->greeted)
			visitor_answered(visitor, &in);
		visitor->greeted = true;
		g_byte_array_remove_range(visitor->inbox, 0, 4 + frame);
	}
}

static void
visitor_send(Visitor *visitor, PdkBuffer *body)
{
	PdkBuffer frame = {0};
	pdk_put_bytes(&frame, body->data, (int32_t)body->length);
	sim_send(visitor->play->sim, visitor->end, frame.data, frame.length);
	pdk_buffer_clear(&frame);
	pdk_buffer_clear(body);
}

static bool
is_greeted(Sim *sim, void *data)
{
	(void)sim;
	return ((Visitor *)data)->greeted;
}

/* A session without end, so that none expires in a story. */
static void
visitor_connect(Visitor *visitor)
{
	static const uint8_t no_password[16] = {0};
	Play *play = visitor->play;
	SimClient callbacks = {visitor_received, visitor_lost, visitor};
	PdkBuffer body = {0};
	visitor->end = sim_connect(play->sim, visitor->server, &callbacks);
	if (visitor->end == NULL) {
		mistaken(play, "server %u takes no client", visitor->server + 1);
		return;
	}
	pdk_put_int(&body, 0);
	pdk_put_long(&body, 0);
	pdk_put_int(&body, 40000);
	pdk_put_long(&body, 0);
	pdk_put_bytes(&body, no_password, sizeof no_password);
	visitor_send(visitor, &body);
	if (!sim_run_until(play->sim, is_greeted, visitor, sim_now(play->sim) + AWAIT_SECONDS * SIM_SECOND))
		mistaken(play, "server %u gives its client no session", visitor->server + 1);
}

/* Begins a request for @object, which is taken over; false: the server takes no client. */
static bool
visitor_begin(Visitor *visitor, char *object, const char *done, const char *asks, PdkBuffer *body, int32_t op)
{
	if (visitor->end == NULL)
		visitor_connect(visitor);
	if (visitor->play->mistake) {
		g_free(object);
		return false;
	}
	visitor->object = object;
	visitor->done = done;
	g_autofree char *line = g_strdup_printf("client of %u: %s %s", visitor->server + 1, asks, object);
	teller_say(visitor->play->teller, TOPIC_CLIENT, line);
	pdk_put_int(body, ++visitor->xid);
	pdk_put_int(body, op);
	return true;
}

static void
visitor_create(Visitor *visitor, const char *path)
{
	PdkBuffer body = {0};
	if (!visitor_begin(visitor, g_strdup(path), "created", "asks for", &body, PDK_OP_CREATE))
		return;
	pdk_put_string(&body, path);
	pdk_put_bytes(&body, "", 0);
	pdk_put_int(&body, 1);
	pdk_put_int(&body, PDK_PERM_ALL);
	pdk_put_string(&body, "world");
	pdk_put_string(&body, "anyone");
	pdk_put_int(&body, 0);
	visitor_send(visitor, &body);
}

/* A change of the list of members: one leaves. */
static void
visitor_remove(Visitor *visitor, const char *sid)
{
	PdkBuffer body = {0};
	if (!visitor_begin(visitor, g_strconcat("server ", sid, NULL), "removed", "asks to remove", &body, PDK_OP_RECONFIG))
		return;
	pdk_put_bytes(&body, NULL, -1);
	pdk_put_string(&body, sid);
	pdk_put_bytes(&body, NULL, -1);
	pdk_put_long(&body, -1);
	visitor_send(visitor, &body);
}

/* ---- the words of a script ---- */

static unsigned
server_of(Play *play, const char *word)
{
	guint64 sid = g_ascii_strtoull(word, NULL, 10);
	if (sid >= 1 && sid <= sim_servers(play->sim))
		return (unsigned)sid - 1;
	mistaken(play, "there is no server %s", word);
	return 0;
}

static void
do_start(Play *play, char **words)
{
	for (; *words; words++)
		sim_start(play->sim, server_of(play, *words));
}

static void
do_crash(Play *play, char **words)
{
	for (; *words; words++)
		sim_crash(play->sim, server_of(play, *words));
}

static void
do_wipe(Play *play, char **words)
{
	sim_wipe(play->sim, server_of(play, words[0]));
}

static void
do_cut(Play *play, char **words)
{
	unsigned a = server_of(play, words[0]), b = server_of(play, words[1]);
	sim_cut(play->sim, a, b);
	sim_cut(play->sim, b, a);
}

static void
do_slow(Play *play, char **words)
{
	sim_slow_disk(play->sim, server_of(play, words[0]), g_ascii_strtoll(words[1], NULL, 10) * SIM_MS);
}

static void
do_heal(Play *play, char **words)
{
	(void)words;
	sim_heal(play->sim);
}

static void
do_run(Play *play, char **words)
{
	sim_run(play->sim, sim_now(play->sim) + g_ascii_strtoll(words[0], NULL, 10) * SIM_MS);
}

static bool
is_met(Sim *sim, void *data)
{
	(void)sim;
	return teller_met(((Play *)data)->teller);
}

static void
do_until(Play *play, char **words)
{
	g_autofree char *text = g_strjoinv(" ", words + 1);
	teller_await(play->teller, server_of(play, words[0]), text);
	if (!sim_run_until(play->sim, is_met, play, sim_now(play->sim) + AWAIT_SECONDS * SIM_SECOND))
		mistaken(play, "nothing like '%s' happens at server %s within %d s", text, words[0], AWAIT_SECONDS);
}

static void
do_connect(Play *play, char **words)
{
	visitor_connect(&play->visitors[server_of(play, words[0])]);
}

static void
do_create(Play *play, char **words)
{
	visitor_create(&play->visitors[server_of(play, words[0])], words[1]);
}

static void
do_remove(Play *play, char **words)
{
	visitor_remove(&play->visitors[server_of(play, words[0])], words[1]);
}

static void
do_chapter(Play *play, char **words)
{
	g_autofree char *text = g_strjoinv(" ", words);
	teller_chapter(play->teller, text);
}

static void
do_tell(Play *play, char **words)
{
	static const struct {
		const char *name;
		unsigned topics;
	} names[] = {
		{"election", TOPIC_ELECTION | TOPIC_STATE},
		{"queries", TOPIC_QUERY},
		{"discovery", TOPIC_DISCOVERY | TOPIC_STATE},
		{"sync", TOPIC_SYNC | TOPIC_BROADCAST | TOPIC_STATE},
		{"broadcast", TOPIC_BROADCAST | TOPIC_CLIENT | TOPIC_STATE},
		{"links", TOPIC_LINKS},
		{"nothing", 0},
	};
	unsigned topics = 0;
	for (; *words; words++) {
		unsigned i = 0;
		while (i < G_N_ELEMENTS(names) && strcmp(names[i].name, *words) != 0)
			i++;
		if (i == G_N_ELEMENTS(names))
			mistaken(play, "there is nothing called '%s' to tell of", *words);
		else
			topics |= names[i].topics;
	}
	teller_topics(play->teller, topics);
}

/* The client of a story that changes members is no superuser. */
static void
open_to_all(PdkSettings *settings)
{
	settings->skip_acl = true;
}

/* What the world is like, before it begins. */
static bool
take_parameter(Play *play, char **words, unsigned n)
{
	unsigned number = n > 1 ? (unsigned)g_ascii_strtoull(words[1], NULL, 10) : 0;
	if (n == 2 && strcmp(words[0], "voters") == 0 && number >= 1 && number <= SERVERS_MAX)
		play->params.voters = number;
	else if (n == 1 && strcmp(words[0], "reconfig") == 0) {
		play->params.reconfig = true;
		play->params.settings = open_to_all;
	} else if (n == 2 && strcmp(words[0], "history") == 0)
		play->params.history_count = number;
	else if (n == 2 && strcmp(words[0], "election") == 0)
		play->params.election = g_intern_string(words[1]);
	else if (n == 3 && strcmp(words[0], "option") == 0 && play->n_options < OPTIONS_MAX) {
		play->options[2 * play->n_options] = g_intern_string(words[1]);
		play->options[2 * play->n_options++ + 1] = g_intern_string(words[2]);
	} else {
		return false;
	}
	return true;
}

static void
begin_world(Play *play)
{
	play->params.options = play->options;
	play->sim = sim_new(&play->params);
	play->teller = teller_new(play->sim);
	for (unsigned i = 0; i < SERVERS_MAX; i++)
		play->visitors[i] = (Visitor){.play = play, .server = i, .inbox = g_byte_array_new()};
}

static void
take_word(Play *play, char **words, unsigned n)
{
	static const struct {
		const char *name;
		unsigned least;
		void (*act)(Play *play, char **words);
	} acts[] = {
		{"start", 1, do_start},	    {"crash", 1, do_crash},   {"wipe", 1, do_wipe},   {"cut", 2, do_cut},
		{"heal", 0, do_heal},	    {"slow", 2, do_slow},     {"run", 1, do_run},     {"until", 2, do_until},
		{"connect", 1, do_connect}, {"create", 2, do_create}, {"chapter", 1, do_chapter}, {"tell", 1, do_tell},
		{"remove", 2, do_remove},
	};
	for (unsigned i = 0; i < G_N_ELEMENTS(acts); i++) {
		if (strcmp(acts[i].name, words[0]) != 0 || n <= acts[i].least)
			continue;
		if (play->sim == NULL)
			begin_world(play);
		acts[i].act(play, words + 1);
		return;
	}
	if (play->sim || !take_parameter(play, words, n))
		mistaken(play, "'%s' cannot be said, or not here, or needs more", words[0]);
}

static void
play_line(Play *play, const char *line)
{
	g_auto(GStrv) split = g_strsplit_set(line, " \t", -1);
	g_autoptr(GPtrArray) words = g_ptr_array_new();
	for (char **at = split; *at && **at != '#'; at++)
		if (**at)
			g_ptr_array_add(words, *at);
	unsigned n = words->len;
	g_ptr_array_add(words, NULL);
	if (n > 0)
		take_word(play, (char **)words->pdata, n);
	if (play->sim && sim_failure(play->sim))
		mistaken(play, "%s", sim_failure(play->sim));
}

static void
end_world(Play *play)
{
	if (play->sim == NULL)
		return;
	for (unsigned i = 0; i < SERVERS_MAX; i++)
		if (play->visitors[i].end)
			sim_forsake(play->visitors[i].end);
	teller_free(play->teller);
	sim_free(play->sim);
	for (unsigned i = 0; i < SERVERS_MAX; i++) {
		g_byte_array_unref(play->visitors[i].inbox);
		g_free(play->visitors[i].object);
	}
}

/* NULL: there is a mistake, which was said. */
static char *
play_script(const char *name, const char *script)
{
	Play play = {.params = {.seed = 1, .voters = 3, .election = "fle", .steady = true, .idle = true}};
	g_auto(GStrv) lines = g_strsplit(script, "\n", -1);
	g_autoptr(GString) preface = g_string_new(NULL);
	unsigned number = 0;
	for (; lines[number] && lines[number][0] == '#'; number++)
		g_string_append_printf(preface, "%s\n", lines[number]);
	while (lines[number] && play.mistake == NULL)
		play_line(&play, lines[number++]);
	char *story = g_strconcat(preface->str, "\n", play.teller ? teller_story(play.teller) : "", NULL);
	end_world(&play);
	if (play.mistake == NULL)
		return story;
	printf("%s%s.script:%u: %s\n", story, name, number, play.mistake);
	g_free(play.mistake);
	g_free(story);
	return NULL;
}

/* ---- comparing ---- */

/* The lines around the first that differs. */
static void
show_difference(const char *name, const char *expected, const char *told)
{
	g_auto(GStrv) old = g_strsplit(expected, "\n", -1);
	g_auto(GStrv) new = g_strsplit(told, "\n", -1);
	unsigned at = 0;
	while (old[at] && new[at] && strcmp(old[at], new[at]) == 0)
		at++;
	unsigned n_old = g_strv_length(old), n_new = g_strv_length(new), same = 0;
	while (same < n_old - at && same < n_new - at && strcmp(old[n_old - same - 1], new[n_new - same - 1]) == 0)
		same++;
	printf("--- %s.story\n+++ as it is told now, from line %u on\n", name, at + 1);
	for (unsigned i = at > 3 ? at - 3 : 0; i < at; i++)
		printf(" %s\n", old[i]);
	for (unsigned i = at; i < n_old - same; i++)
		printf("-%s\n", old[i]);
	for (unsigned i = at; i < n_new - same; i++)
		printf("+%s\n", new[i]);
	for (unsigned i = n_new - same; i < n_new && i < n_new - same + 3; i++)
		printf(" %s\n", new[i]);
}

static char *
read_beside(const char *directory, const char *name, const char *kind)
{
	g_autofree char *path = g_strconcat(directory, "/", name, kind, NULL);
	char *text = NULL;
	g_file_get_contents(path, &text, NULL, NULL);
	return text;
}

static bool
run_one(const char *directory, const char *name, bool update)
{
	g_autofree char *script = read_beside(directory, name, ".script");
	if (script == NULL) {
		printf("%s: no such script in %s\n", name, directory);
		return false;
	}
	g_autofree char *told = play_script(name, script);
	g_autofree char *again = told ? play_script(name, script) : NULL;
	if (again == NULL)
		return false;
	if (strcmp(told, again) != 0) {
		printf("%s: told twice, it is told differently\n", name);
		show_difference(name, told, again);
		return false;
	}
	if (update) {
		g_autofree char *path = g_strconcat(directory, "/", name, ".story", NULL);
		return g_file_set_contents(path, told, -1, NULL);
	}
	g_autofree char *expected = read_beside(directory, name, ".story");
	bool same = expected && strcmp(expected, told) == 0;
	if (!same)
		show_difference(name, expected ? expected : "", told);
	printf("%s: %s\n", name, same ? "as expected" : "another story");
	return same;
}

static gint
by_name(gconstpointer a, gconstpointer b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static GPtrArray *
all_names(const char *directory)
{
	GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GDir) dir = g_dir_open(directory, 0, NULL);
	for (const char *name = dir ? g_dir_read_name(dir) : NULL; name; name = g_dir_read_name(dir))
		if (g_str_has_suffix(name, ".script"))
			g_ptr_array_add(names, g_strndup(name, strlen(name) - strlen(".script")));
	g_ptr_array_sort(names, by_name);
	return names;
}

int
main(int argc, char **argv)
{
	const char *top = g_getenv("PADDOCK_SRCDIR");
	g_autofree char *directory = g_build_filename(top ? top : ".", "tests", "golden", NULL);
	bool update = argc > 1 && strcmp(argv[1], "--update") == 0;
	g_autoptr(GPtrArray) names = argc > (update ? 2 : 1) ? g_ptr_array_new_with_free_func(g_free) : all_names(directory);
	for (int i = update ? 2 : 1; i < argc; i++)
		g_ptr_array_add(names, g_strdup(argv[i]));
	unsigned bad = names->len == 0;
	for (guint i = 0; i < names->len; i++)
		bad += run_one(directory, g_ptr_array_index(names, i), update) ? 0 : 1;
	printf("%u stories, %u not as expected\n", names->len, bad);
	return bad == 0 ? 0 : 1;
}
