/* SPDX-License-Identifier: Apache-2.0 */
/* Runs in processes of their own. Changes when what they tell does. */
#include "sim/run.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE_SECONDS 300 /* of real time: such a run goes round in circles */

struct SimApart {
	SimRun run;
	pid_t pid;
	int fd;
	GByteArray *heard;
};

static void
put(int fd, const char *text)
{
	size_t left = strlen(text) + 1;
	while (left > 0) {
		ssize_t n = write(fd, text, left);
		if (n < 0)
			_exit(2);
		text += n;
		left -= (size_t)n;
	}
}

/* What it says on its way to death is heard, too: it goes the same way as the result. */
static void
run_here(const SimRun *run, int fd)
{
	SimResult result;
	dup2(fd, STDERR_FILENO);
	alarm(PATIENCE_SECONDS);
	sim_run_seed(run, &result);
	fflush(stdout);
	g_autofree char *numbers = g_strdup_printf("%d %" PRIx64 " %u %" PRId64, result.fine, result.trace_hash, result.strikes,
						   result.faulty_us);
	put(fd, "");
	put(fd, numbers);
	put(fd, result.line);
	put(fd, result.invariant ? result.invariant : "");
	put(fd, result.tail ? result.tail : "");
	_exit(0);
}

SimApart *
sim_apart_begin(const SimRun *run)
{
	SimApart *apart = g_new0(SimApart, 1);
	int ends[2];
	fflush(stdout);
	if (pipe(ends) != 0)
		g_error("no pipe: %s", g_strerror(errno));
	apart->run = *run;
	apart->heard = g_byte_array_new();
	apart->pid = fork();
	if (apart->pid < 0)
		g_error("no process: %s", g_strerror(errno));
	if (apart->pid == 0)
		run_here(run, ends[1]);
	close(ends[1]);
	apart->fd = ends[0];
	return apart;
}

int
sim_apart_fd(const SimApart *apart)
{
	return apart->fd;
}

bool
sim_apart_read(SimApart *apart)
{
	uint8_t room[16384];
	ssize_t n = read(apart->fd, room, sizeof room);
	if (n > 0)
		g_byte_array_append(apart->heard, room, (guint)n);
	return n > 0;
}

static void
take_death(const SimApart *apart, int status, SimResult *result)
{
	g_autofree char *why = g_strdup_printf(WIFSIGNALED(status) ? "signal %d" : "status %d",
					       WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	*result = (SimResult){
		.line = g_strdup_printf("seed %" G_GUINT64_FORMAT " %s %u+%d: dies with %s", apart->run.seed, apart->run.election,
					apart->run.voters, apart->run.observers, why),
		.invariant = g_strdup("dies"),
		.tail = g_strndup((const char *)apart->heard->data, apart->heard->len),
	};
}

/* Behind what it said to stderr: numbers, line, invariant, tail, a zero byte behind each. */
static void
take_result(const SimApart *apart, SimResult *result)
{
	const char *said = (const char *)apart->heard->data;
	const char *numbers = said + strlen(said) + 1, *line = numbers + strlen(numbers) + 1;
	const char *invariant = line + strlen(line) + 1, *tail = invariant + strlen(invariant) + 1;
	int fine;
	if (sscanf(numbers, "%d %" SCNx64 " %u %" SCNd64, &fine, &result->trace_hash, &result->strikes, &result->faulty_us) != 4)
		g_error("a run told \"%s\"", numbers);
	result->fine = fine != 0;
	result->line = g_strdup(line);
	result->invariant = *invariant ? g_strdup(invariant) : NULL;
	result->tail = *tail ? g_strdup(tail) : NULL;
}

SimRun
sim_apart_end(SimApart *apart, SimResult *result)
{
	int status;
	while (sim_apart_read(apart))
		continue;
	close(apart->fd);
	waitpid(apart->pid, &status, 0);
	*result = (SimResult){0};
	sim_run_draw(&apart->run);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		take_result(apart, result);
	else
		take_death(apart, status, result);
	SimRun run = apart->run;
	g_byte_array_unref(apart->heard);
	g_free(apart);
	return run;
}
