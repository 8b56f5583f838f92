/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conformance of transports: what the core relies on. Every case runs once for each way of working a plugin has
 * (`io_threads` 0 and 2, where there is such an option).
 *
 *     transport [FILE.so...]      with files: on them instead of the twins
 */
#include "conformance.h"
#include "transport_bench.h"

#include <CUnit/Basic.h>
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

extern const PdkPlugin pdk_plugin_transport_tcp;

#define KIB ((size_t)1024)
#define MIB ((size_t)1024 * 1024)

/* The plugin under test, and its way of working. */
static const PdkPlugin *plugin;
static const char *io_threads;

static Bench *
bench_open(void)
{
	Bench *bench = bench_new(plugin, "io_threads", io_threads);
	bench_listen(bench, "127.0.0.1:0");
	return bench;
}

static void
the_plugin_says_what_it_is(void)
{
	conformance_check(plugin, PDK_KIND_TRANSPORT);
	const PdkTransportOps *ops = plugin->ops;
	CU_ASSERT_TRUE(PDK_HAS(ops, create) && PDK_HAS(ops, destroy) && PDK_HAS(ops, start));
	CU_ASSERT_TRUE(PDK_HAS(ops, listen) && PDK_HAS(ops, send) && PDK_HAS(ops, close));
	CU_ASSERT_TRUE(PDK_HAS(ops, pause) && PDK_HAS(ops, resume) && PDK_HAS(ops, peer));
}

static void
an_instance_that_was_never_started_can_be_destroyed(void)
{
	g_autoptr(FakeHost) host = fake_host_new();
	g_autoptr(PdkConfig) config = fake_config_new(plugin->options, NULL);
	const PdkTransportOps *ops = plugin->ops;
	PdkTransport *transport = ops->create(fake_host_table(host), config, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(transport);
	ops->destroy(transport);
}

static void
an_address_that_cannot_be_listened_on_is_an_error(void)
{
	g_autoptr(Bench) bench = bench_open();
	const char *addresses[] = {
		bench->listening, "nonsense", "127.0.0.1:", "127.0.0.1:70000", "::1:2181", "[::1", "",
	};
	for (unsigned i = 0; i < G_N_ELEMENTS(addresses); i++) {
		g_autoptr(GError) error = NULL;
		g_autofree char *bound =
			bench->ops->listen(bench->transport, PDK_PURPOSE_CLIENT, addresses[i], 0, &error);
		CU_ASSERT_PTR_NULL(bound);
		CU_ASSERT_PTR_NOT_NULL_FATAL(error);
		CU_ASSERT_TRUE(*addresses[i] == '\0' || strstr(error->message, addresses[i]) != NULL);
	}
}

static void
bytes_arrive_in_order_and_answers_leave_in_order(void)
{
	g_autoptr(Bench) bench = bench_open();
	int fd;
	Seen *seen = bench_connect_seen(bench, &fd);
	g_autofree uint8_t *bytes = bench_pattern(700001, 1), *answer = g_malloc(700001);
	CU_ASSERT_TRUE(bench_peer_write(bench, fd, bytes, 700001));
	CU_ASSERT_TRUE(bench_await_received(seen, 700001));
	CU_ASSERT_EQUAL(memcmp(seen->received->data, bytes, 700001), 0);
	for (size_t at = 0, step = 1; at < 700001; at += step, step = step * 3 + 1) {
		step = MIN(step, 700001 - at);
		bench_send_bytes(bench, seen->conn, bytes + at, step);
	}
	CU_ASSERT_TRUE(bench_peer_read(bench, fd, answer, 700001));
	CU_ASSERT_EQUAL(memcmp(answer, bytes, 700001), 0);
	CU_ASSERT_EQUAL(seen->n_closed, 0);
	close(fd);
	CU_ASSERT_TRUE(bench_await_closed(seen));
	CU_ASSERT_EQUAL(seen->reason, PDK_CLOSED_BY_PEER);
}

static void
answer_and_count(Bench *bench)
{
	for (unsigned i = 0; i < bench->seen->len; i++) {
		Seen *seen = g_ptr_array_index(bench->seen, i);
		if (seen->received->len == 0 || seen->n_closed)
			continue;
		bench_send_bytes(bench, seen->conn, seen->received->data, seen->received->len);
		g_byte_array_set_size(seen->received, 0);
	}
}

static void
answers_may_be_sent_in_the_turn(void)
{
	g_autoptr(Bench) bench = bench_open();
	bench->on_turn = answer_and_count;
	int fds[5];
	for (unsigned i = 0; i < 5; i++)
		bench_connect_seen(bench, &fds[i]);
	for (unsigned round = 0; round < 50; round++) {
		for (unsigned i = 0; i < 5; i++)
			CU_ASSERT_TRUE(bench_peer_write(bench, fds[i], "0123456789abcdef", 16));
		for (unsigned i = 0; i < 5; i++) {
			char echo[16];
			CU_ASSERT_TRUE(bench_peer_read(bench, fds[i], echo, 16));
			CU_ASSERT_EQUAL(memcmp(echo, "0123456789abcdef", 16), 0);
		}
	}
	CU_ASSERT_TRUE(bench->n_turns >= 50);
	for (unsigned i = 0; i < 5; i++)
		close(fds[i]);
}

static void
count_free(gpointer data)
{
	++*(unsigned *)data;
}

static void
parts_keep_their_order_and_owners_are_let_go(void)
{
	g_autoptr(Bench) bench = bench_open();
	int fd;
	Seen *seen = bench_connect_seen(bench, &fd);
	enum { N = 150, EACH = 30000 };
	g_autofree uint8_t *bytes = bench_pattern((size_t)N * EACH, 2), *answer = g_malloc((size_t)N * EACH);
	g_autofree PdkPart *parts = g_new0(PdkPart, N);
	unsigned n_freed = 0;
	for (unsigned i = 0; i < N; i++) {
		parts[i] = (PdkPart){ .data = bytes + (size_t)i * EACH, .length = EACH };
		if (i % 3 != 0)
			parts[i].owner = g_bytes_new_with_free_func(parts[i].data, EACH, count_free, &n_freed);
		else
			parts[i].data = g_memdup2(parts[i].data, EACH);
	}
	CU_ASSERT_TRUE(bench_send(bench, seen->conn, parts, N) <= (size_t)N * EACH);
	for (unsigned i = 0; i < N; i++) {
		if (parts[i].owner) {
			g_bytes_unref(parts[i].owner);
			continue;
		}
		memset((void *)parts[i].data, 0xee, EACH);
		g_free((void *)parts[i].data);
	}
	CU_ASSERT_TRUE(bench_peer_read(bench, fd, answer, (size_t)N * EACH));
	CU_ASSERT_EQUAL(memcmp(answer, bytes, (size_t)N * EACH), 0);
	bench_destroy_transport(bench);
	CU_ASSERT_EQUAL(n_freed, N - N / 3);
	close(fd);
}

static bool
has_drained(void *data)
{
	return ((Seen *)data)->unsent_at_drain != SIZE_MAX;
}

static void
a_slow_reader_is_told_by_send_and_then_by_drained(void)
{
	g_autoptr(Bench) bench = bench_open();
	int fd;
	Seen *seen = bench_connect_seen(bench, &fd);
	g_autofree uint8_t *bytes = bench_pattern(MIB, 3), *answer = g_malloc(MIB);
	size_t unsent = 0, n_sent = 0;
	while (unsent < 4 * MIB) {
		unsent = bench_send_bytes(bench, seen->conn, bytes, MIB);
		n_sent++;
		fake_host_run_for(bench->host, 2);
		CU_ASSERT_TRUE_FATAL(n_sent < 200);
	}
	/* Early ones may have gone out whole. */
	fake_host_settle(bench->host, 1000);
	unsigned n_drained = seen->n_drained;
	seen->unsent_at_drain = SIZE_MAX;
	for (size_t i = 0; i < n_sent; i++) {
		CU_ASSERT_TRUE_FATAL(bench_peer_read(bench, fd, answer, MIB));
		CU_ASSERT_EQUAL(memcmp(answer, bytes, MIB), 0);
	}
	CU_ASSERT_TRUE(fake_host_run_until(bench->host, has_drained, seen, BENCH_PATIENCE_MS));
	fake_host_settle(bench->host, 1000);
	CU_ASSERT_EQUAL(seen->n_drained, n_drained + 1);
	/* Less than the mark is nobody's concern. */
	bench_send_bytes(bench, seen->conn, bytes, 1000);
	CU_ASSERT_TRUE(bench_peer_read(bench, fd, answer, 1000));
	fake_host_settle(bench->host, 1000);
	CU_ASSERT_EQUAL(seen->n_drained, n_drained + 1);
	close(fd);
}

static void
a_paused_connection_is_silent_and_loses_nothing(void)
{
	g_autoptr(Bench) bench = bench_open();
	int fd;
	Seen *seen = bench_connect_seen(bench, &fd);
	CU_ASSERT_TRUE(bench_peer_write(bench, fd, "one ", 4));
	CU_ASSERT_TRUE(bench_await_received(seen, 4));
	bench_pause(bench, seen->conn);
	bench_pause(bench, seen->conn);
	CU_ASSERT_TRUE(bench_peer_write(bench, fd, "two ", 4));
	fake_host_run_for(bench->host, 30);
	CU_ASSERT_EQUAL(seen->n_received, 4);
	/* Sending goes on. */
	char answer[3];
	bench_send_bytes(bench, seen->conn, "yes", 3);
	CU_ASSERT_TRUE(bench_peer_read(bench, fd, answer, 3));
	bench_resume(bench, seen->conn);
	bench_resume(bench, seen->conn);
	CU_ASSERT_TRUE(bench_await_received(seen, 8));
	bench_pause(bench, seen->conn);
	bench_resume(bench, seen->conn);
	CU_ASSERT_TRUE(bench_peer_write(bench, fd, "three", 5));
	CU_ASSERT_TRUE(bench_await_received(seen, 13));
	CU_ASSERT_EQUAL(memcmp(seen->received->data, "one two three", 13), 0);
	close(fd);
}

static void
pause_at_once(Bench *bench, Seen *seen)
{
	bench_pause(bench, seen->conn);
}

static void
pausing_inside_received_holds_the_rest_back(void)
{
	g_autoptr(Bench) bench = bench_open();
	bench->on_received = pause_at_once;
	int fd;
	Seen *seen = bench_connect_seen(bench, &fd);
	g_autofree uint8_t *bytes = bench_pattern(MIB, 4);
	CU_ASSERT_TRUE(bench_peer_write(bench, fd, bytes, MIB));
	shutdown(fd, SHUT_WR);
	for (size_t before = 0; before < MIB;) {
		CU_ASSERT_TRUE_FATAL(bench_await_received(seen, before + 1));
		before = seen->n_received;
		fake_host_run_for(bench->host, 1);
		CU_ASSERT_EQUAL_FATAL(seen->n_received, before);
		CU_ASSERT_EQUAL(seen->n_closed, 0);
		bench_resume(bench, seen->conn);
	}
	CU_ASSERT_EQUAL(memcmp(seen->received->data, bytes, MIB), 0);
	CU_ASSERT_TRUE(bench_await_closed(seen));
	CU_ASSERT_EQUAL(seen->reason, PDK_CLOSED_BY_PEER);
	close(fd);
}

static void
a_paused_flood_stays_with_the_peer(void)
{
	g_autoptr(Bench) bench = bench_open();
	bench->forgets = true;
	int fd;
	Seen *seen = bench_connect_seen(bench, &fd);
	bench_pause(bench, seen->conn);
	g_autofree uint8_t *bytes = bench_pattern(MIB, 5);
	size_t total = 0;
	for (unsigned silent = 0; silent < 10;) {
		ssize_t n = send(fd, bytes, MIB, MSG_NOSIGNAL);
		total += n > 0 ? (size_t)n : 0;
		silent = n > 0 ? 0 : silent + 1;
		CU_ASSERT_TRUE_FATAL(total < 64 * MIB);
		fake_host_run_for(bench->host, 2);
	}
	CU_ASSERT_EQUAL(seen->n_received, 0);
	bench_resume(bench, seen->conn);
	CU_ASSERT_TRUE(bench_await_received(seen, total));
	close(fd);
	CU_ASSERT_TRUE(bench_await_closed(seen));
	CU_ASSERT_EQUAL(seen->n_received, total);
}

static void
a_flood_does_not_starve_the_neighbour(void)
{
	g_autoptr(Bench) bench = bench_open();
	bench->forgets = true;
	int flooding, between, modest;
	Seen *flood = bench_connect_seen(bench, &flooding);
	/* With one more between them, two threads in turn give both to the same. */
	bench_connect_seen(bench, &between);
	Seen *other = bench_connect_seen(bench, &modest);
	bench_pause(bench, flood->conn);
	fake_host_run_for(bench->host, 1);
	g_autofree uint8_t *bytes = bench_pattern(MIB, 6);
	size_t total = 0;
	for (ssize_t n = 1; n > 0; total += n > 0 ? (size_t)n : 0)
		n = send(flooding, bytes, MIB, MSG_NOSIGNAL);
	CU_ASSERT_EQUAL(send(modest, "x", 1, MSG_NOSIGNAL), 1);
	bench_resume(bench, flood->conn);
	CU_ASSERT_TRUE(bench_await_received(other, 1));
	CU_ASSERT_TRUE(flood->n_received < total || total < 256 * KIB);
	CU_ASSERT_TRUE(bench_await_received(flood, total));
	close(flooding);
	close(between);
	close(modest);
}

/* A core that has much to do with every piece. */
static void
work_hard(Bench *bench, Seen *seen)
{
	(void)bench;
	(void)seen;
	int64_t until_us = g_get_monotonic_time() + 300;
	while (g_get_monotonic_time() < until_us)
		continue;
}

static bool
have_all_received(void *data)
{
	Bench *bench = data;
	for (unsigned i = 0; i < bench->seen->len; i++) {
		if (((Seen *)g_ptr_array_index(bench->seen, i))->n_received < MIB)
			return false;
	}
	return true;
}

static void
floods_reach_a_slow_core_whole_and_in_order(void)
{
	g_autoptr(Bench) bench = bench_open();
	enum { N = 40 };
	int fds[N];
	g_autofree uint8_t *bytes = bench_pattern(MIB, 13);
	bench->on_received = work_hard;
	for (unsigned i = 0; i < N; i++)
		bench_connect_seen(bench, &fds[i]);
	size_t sent[N] = { 0 };
	/* Everything that fits first, so that all of them have much to say at once. */
	for (unsigned i = 0; i < N; i++) {
		ssize_t n = send(fds[i], bytes, MIB, MSG_NOSIGNAL);
		sent[i] = n > 0 ? (size_t)n : 0;
	}
	for (unsigned i = 0; i < N; i++)
		CU_ASSERT_TRUE(bench_peer_write(bench, fds[i], bytes + sent[i], MIB - sent[i]));
	CU_ASSERT_TRUE(fake_host_run_until(bench->host, have_all_received, bench, BENCH_PATIENCE_MS));
	for (unsigned i = 0; i < N; i++) {
		Seen *seen = g_ptr_array_index(bench->seen, i);
		CU_ASSERT_EQUAL_FATAL(seen->n_received, MIB);
		CU_ASSERT_EQUAL(memcmp(seen->received->data, bytes, MIB), 0);
		close(fds[i]);
	}
}

static void
reset_by_peer(int fd)
{
	struct linger hard = { .l_onoff = 1, .l_linger = 0 };
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	close(fd);
}

static void
close_now_is_answered_once_and_hushes_the_peer(void)
{
	g_autoptr(Bench) bench = bench_open();
	int fd;
	Seen *seen = bench_connect_seen(bench, &fd);
	CU_ASSERT_TRUE(bench_peer_write(bench, fd, "late", 4));
	bench_close(bench, seen->conn, PDK_CLOSE_NOW);
	bench_close(bench, seen->conn, PDK_CLOSE_NOW);
	CU_ASSERT_EQUAL(bench_send_bytes(bench, seen->conn, "x", 1), 0);
	CU_ASSERT_EQUAL(seen->n_closed, 0);
	CU_ASSERT_TRUE(bench_await_closed(seen));
	CU_ASSERT_EQUAL(seen->reason, PDK_CLOSED_BY_CORE);
	CU_ASSERT_EQUAL(seen->n_received, 0);
	CU_ASSERT_TRUE(bench_await_peer(bench, fd, POLLIN));
	close(fd);
	fake_host_settle(bench->host, 1000);
	CU_ASSERT_EQUAL(seen->n_closed, 1);
}

static void
close_flushed_delivers_the_last_byte_to_a_peer_that_keeps_sending(void)
{
	g_autoptr(Bench) bench = bench_open();
	int fd;
	Seen *seen = bench_connect_seen(bench, &fd);
	enum { LENGTH = 12000000 };
	g_autofree uint8_t *bytes = bench_pattern(LENGTH, 7), *answer = g_malloc(LENGTH);
	bench_send_bytes(bench, seen->conn, bytes, LENGTH);
	bench_close(bench, seen->conn, PDK_CLOSE_FLUSHED);
	bench_close(bench, seen->conn, PDK_CLOSE_FLUSHED);
	size_t n_answer = 0;
	for (bool at_end = false; !at_end;) {
		send(fd, bytes, 10000, MSG_NOSIGNAL);
		CU_ASSERT_TRUE_FATAL(bench_await_peer(bench, fd, POLLIN));
		ssize_t n = recv(fd, answer + n_answer, MIN(LENGTH - n_answer, 50000), 0);
		CU_ASSERT_TRUE_FATAL(n >= 0);
		n_answer += (size_t)n;
		at_end = n == 0 || n_answer == LENGTH;
	}
	CU_ASSERT_EQUAL(n_answer, LENGTH);
	CU_ASSERT_EQUAL(memcmp(answer, bytes, LENGTH), 0);
	/* An orderly end, not a reset, although there is unread input. */
	send(fd, bytes, 10000, MSG_NOSIGNAL);
	CU_ASSERT_EQUAL(bench_peer_read_to_end(bench, fd), 0);
	CU_ASSERT_EQUAL(seen->n_received, 0);
	shutdown(fd, SHUT_WR);
	CU_ASSERT_TRUE(bench_await_closed(seen));
	CU_ASSERT_EQUAL(seen->reason, PDK_CLOSED_BY_CORE);
	close(fd);
}

static void
close_flushed_does_not_wait_for_ever_for_the_peers_end(void)
{
	g_autoptr(Bench) bench = bench_open();
	int fd;
	Seen *seen = bench_connect_seen(bench, &fd);
	bench_send_bytes(bench, seen->conn, "bye", 3);
	int64_t before_us = g_get_monotonic_time();
	bench_close(bench, seen->conn, PDK_CLOSE_FLUSHED);
	CU_ASSERT_EQUAL(bench_peer_read_to_end(bench, fd), 3);
	CU_ASSERT_TRUE(bench_await_closed(seen));
	int64_t took_us = g_get_monotonic_time() - before_us;
	CU_ASSERT_TRUE(took_us > 700000);
	CU_ASSERT_TRUE(took_us < 5000000);
	CU_ASSERT_EQUAL(seen->reason, PDK_CLOSED_BY_CORE);
	close(fd);
}

static void
a_peer_that_fails_while_it_is_flushed_is_closed_by_the_core(void)
{
	g_autoptr(Bench) bench = bench_open();
	g_autofree uint8_t *bytes = bench_pattern(16 * MIB, 14);
	int fds[3];
	Seen *seen[3];
	for (unsigned i = 0; i < 3; i++) {
		seen[i] = bench_connect_seen(bench, &fds[i]);
		bench_send_bytes(bench, seen[i]->conn, bytes, i == 2 ? 1 : 16 * MIB);
		bench_close(bench, seen[i]->conn, PDK_CLOSE_FLUSHED);
	}
	fake_host_run_for(bench->host, 5);
	/* One resets, one goes without reading, one resets when everything is out. */
	reset_by_peer(fds[0]);
	close(fds[1]);
	reset_by_peer(fds[2]);
	for (unsigned i = 0; i < 3; i++) {
		CU_ASSERT_TRUE(bench_await_closed(seen[i]));
		CU_ASSERT_EQUAL(seen[i]->reason, PDK_CLOSED_BY_CORE);
	}
}

static void
close_now_cuts_a_close_flushed_short(void)
{
	g_autoptr(Bench) bench = bench_open();
	int fd;
	Seen *seen = bench_connect_seen(bench, &fd);
	g_autofree uint8_t *bytes = bench_pattern(16 * MIB, 8);
	bench_send_bytes(bench, seen->conn, bytes, 16 * MIB);
	bench_close(bench, seen->conn, PDK_CLOSE_FLUSHED);
	fake_host_run_for(bench->host, 20);
	CU_ASSERT_EQUAL(seen->n_closed, 0);
	int64_t before_us = g_get_monotonic_time();
	bench_close(bench, seen->conn, PDK_CLOSE_NOW);
	CU_ASSERT_TRUE(bench_await_closed(seen));
	CU_ASSERT_TRUE(g_get_monotonic_time() - before_us < 900000);
	CU_ASSERT_EQUAL(seen->reason, PDK_CLOSED_BY_CORE);
	close(fd);
}

static void
close_at_once(Bench *bench, Seen *seen)
{
	bench_send_bytes(bench, seen->conn, "hello", 5);
	bench_close(bench, seen->conn, PDK_CLOSE_FLUSHED);
}

static void
a_connection_may_be_used_and_closed_inside_accepted(void)
{
	g_autoptr(Bench) bench = bench_open();
	bench->on_accepted = close_at_once;
	int fd;
	Seen *seen = bench_connect_seen(bench, &fd);
	CU_ASSERT_EQUAL(bench_peer_read_to_end(bench, fd), 5);
	close(fd);
	CU_ASSERT_TRUE(bench_await_closed(seen));
	CU_ASSERT_EQUAL(seen->reason, PDK_CLOSED_BY_CORE);
}

static void
a_refused_connection_is_closed_without_a_further_event(void)
{
	g_autoptr(Bench) bench = bench_open();
	bench->refuses = true;
	int fd = bench_connect(bench);
	CU_ASSERT_TRUE(bench_await_accepted(bench, 1));
	CU_ASSERT_EQUAL(bench_peer_read_to_end(bench, fd), 0);
	close(fd);
	CU_ASSERT_EQUAL(bench->seen->len, 0);
	bench->refuses = false;
	bench->n_accepted = 0;
	Seen *seen = bench_connect_seen(bench, &fd);
	CU_ASSERT_TRUE(bench_peer_write(bench, fd, "x", 1));
	CU_ASSERT_TRUE(bench_await_received(seen, 1));
	close(fd);
}

static void
a_peer_that_shuts_its_side_still_gets_its_answer(void)
{
	g_autoptr(Bench) bench = bench_open();
	bench->on_turn = answer_and_count;
	int fd;
	Seen *seen = bench_connect_seen(bench, &fd);
	g_autofree uint8_t *bytes = bench_pattern(60000, 9), *answer = g_malloc(60000);
	CU_ASSERT_TRUE(bench_peer_write(bench, fd, bytes, 60000));
	shutdown(fd, SHUT_WR);
	CU_ASSERT_TRUE(bench_peer_read(bench, fd, answer, 60000));
	CU_ASSERT_EQUAL(memcmp(answer, bytes, 60000), 0);
	CU_ASSERT_TRUE(bench_await_closed(seen));
	CU_ASSERT_EQUAL(seen->reason, PDK_CLOSED_BY_PEER);
	CU_ASSERT_EQUAL(bench_peer_read_to_end(bench, fd), 0);
	close(fd);
}

static void
a_peer_that_shut_its_side_gets_all_unsent_output(void)
{
	g_autoptr(Bench) bench = bench_open();
	int fd;
	Seen *seen = bench_connect_seen(bench, &fd);
	g_autofree uint8_t *bytes = bench_pattern(8 * MIB, 10);
	bench_send_bytes(bench, seen->conn, bytes, 8 * MIB);
	shutdown(fd, SHUT_WR);
	fake_host_run_for(bench->host, 20);
	CU_ASSERT_EQUAL(bench_peer_read_to_end(bench, fd), 8 * MIB);
	CU_ASSERT_TRUE(bench_await_closed(seen));
	CU_ASSERT_EQUAL(seen->reason, PDK_CLOSED_BY_PEER);
	close(fd);
}

static void
a_reset_is_told_once_even_when_paused_or_sending(void)
{
	g_autoptr(Bench) bench = bench_open();
	int fds[3];
	Seen *seen[3];
	for (unsigned i = 0; i < 3; i++)
		seen[i] = bench_connect_seen(bench, &fds[i]);
	g_autofree uint8_t *bytes = bench_pattern(8 * MIB, 11);
	bench_send_bytes(bench, seen[0]->conn, bytes, 8 * MIB);
	bench_pause(bench, seen[1]->conn);
	for (unsigned i = 0; i < 3; i++)
		reset_by_peer(fds[i]);
	bench_send_bytes(bench, seen[2]->conn, "x", 1);
	bench_send_bytes(bench, seen[2]->conn, "y", 1);
	for (unsigned i = 0; i < 3; i++) {
		CU_ASSERT_TRUE(bench_await_closed(seen[i]));
		CU_ASSERT_EQUAL(seen[i]->reason, PDK_CLOSED_BY_PEER);
		/* The handle is spent; nothing happens. */
		CU_ASSERT_EQUAL(bench_send_bytes(bench, seen[i]->conn, "z", 1), 0);
		bench_close(bench, seen[i]->conn, PDK_CLOSE_FLUSHED);
		bench_pause(bench, seen[i]->conn);
		bench_resume(bench, seen[i]->conn);
		CU_ASSERT_PTR_NULL(bench->ops->peer(bench->transport, seen[i]->conn, PDK_PEER_ADDRESS));
	}
	fake_host_settle(bench->host, 1000);
}

static bool
all_closed(void *data)
{
	Bench *bench = data;
	for (unsigned i = bench->seen->len; i > 0; i--) {
		if (((Seen *)g_ptr_array_index(bench->seen, i - 1))->n_closed == 0)
			return false;
	}
	return true;
}

static void
thousands_of_connections_come_and_go_and_no_handle_comes_back(void)
{
	g_autoptr(Bench) bench = bench_open();
	struct rlimit limit;
	getrlimit(RLIMIT_NOFILE, &limit);
	unsigned at_once = limit.rlim_cur > 1200 ? 500 : (unsigned)(limit.rlim_cur - 100) / 2;
	g_autoptr(GHashTable) handles = g_hash_table_new(g_int64_hash, g_int64_equal);
	g_autofree int *fds = g_new(int, at_once);
	unsigned total = 0;
	for (; total < 2000; total += at_once) {
		for (unsigned i = 0; i < at_once; i++)
			fds[i] = bench_connect(bench);
		CU_ASSERT_TRUE_FATAL(bench_await_accepted(bench, total + at_once));
		for (unsigned i = 0; i < at_once; i++) {
			Seen *seen = g_ptr_array_index(bench->seen, total + i);
			CU_ASSERT_TRUE(g_hash_table_add(handles, &seen->conn));
			if (i % 4 == 1)
				bench_close(bench, seen->conn, PDK_CLOSE_NOW);
			if (i % 4 == 2)
				bench_close(bench, seen->conn, PDK_CLOSE_FLUSHED);
			if (i % 4 == 3)
				send(fds[i], "x", 1, MSG_NOSIGNAL);
		}
		for (unsigned i = 0; i < at_once; i++)
			close(fds[i]);
		CU_ASSERT_TRUE_FATAL(fake_host_run_until(bench->host, all_closed, bench, BENCH_PATIENCE_MS));
	}
	CU_ASSERT_EQUAL(bench->n_accepted, total);
	CU_ASSERT_EQUAL(g_hash_table_size(handles), total);
}

static void
running_out_of_descriptors_turns_peers_away_without_spinning(void)
{
	g_autoptr(Bench) bench = bench_open();
	int first, fds[20];
	Seen *seen = bench_connect_seen(bench, &first);
	for (unsigned i = 0; i < 20; i++)
		fds[i] = bench_connect(bench);
	int highest = dup(first);
	close(highest);
	struct rlimit before, low;
	getrlimit(RLIMIT_NOFILE, &before);
	low = before;
	low.rlim_cur = (rlim_t)highest;
	CU_ASSERT_EQUAL_FATAL(setrlimit(RLIMIT_NOFILE, &low), 0);
	for (unsigned i = 0; i < 20; i++) {
		CU_ASSERT_TRUE(bench_await_peer(bench, fds[i], POLLIN | POLLHUP));
		char byte;
		CU_ASSERT_TRUE(recv(fds[i], &byte, 1, 0) <= 0);
	}
	/* Others notice nothing. */
	CU_ASSERT_TRUE(bench_peer_write(bench, first, "x", 1));
	CU_ASSERT_TRUE(bench_await_received(seen, 1));
	struct rusage start, end;
	getrusage(RUSAGE_SELF, &start);
	fake_host_run_for(bench->host, 300);
	getrusage(RUSAGE_SELF, &end);
	struct timeval used;
	timersub(&end.ru_utime, &start.ru_utime, &used);
	CU_ASSERT_TRUE(used.tv_sec == 0 && used.tv_usec < 150000);
	setrlimit(RLIMIT_NOFILE, &before);
	int fd;
	unsigned n = bench->n_accepted;
	bench_connect_seen(bench, &fd);
	CU_ASSERT_EQUAL(bench->n_accepted, n + 1);
	close(fd);
	close(first);
	for (unsigned i = 0; i < 20; i++)
		close(fds[i]);
}

static void
stop_listening_keeps_the_connections(void)
{
	g_autoptr(Bench) bench = bench_open();
	if (!PDK_HAS(bench->ops, stop_listening))
		return;
	int fd;
	Seen *seen = bench_connect_seen(bench, &fd);
	bench->ops->stop_listening(bench->transport);
	bench->ops->stop_listening(bench->transport);
	CU_ASSERT_TRUE(bench_peer_write(bench, fd, "x", 1));
	CU_ASSERT_TRUE(bench_await_received(seen, 1));
	struct sockaddr_in at = {
		.sin_family = AF_INET, .sin_port = htons(bench->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int second = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CU_ASSERT_EQUAL(connect(second, (struct sockaddr *)&at, sizeof(at)), -1);
	CU_ASSERT_EQUAL(errno, ECONNREFUSED);
	close(second);
	/* And it may listen again, on the same port. */
	g_autofree char *address = g_strdup(bench->listening);
	bench_listen(bench, address);
	int third;
	bench_connect_seen(bench, &third);
	close(third);
	close(fd);
}

static void
destroy_drops_live_connections_in_every_state(void)
{
	Bench *bench = bench_open();
	g_autofree uint8_t *bytes = bench_pattern(8 * MIB, 12);
	int fds[6];
	for (unsigned i = 0; i < 6; i++) {
		Seen *seen = bench_connect_seen(bench, &fds[i]);
		if (i == 1 || i == 2 || i == 4)
			bench_send_bytes(bench, seen->conn, bytes, 8 * MIB);
		if (i == 2 || i == 3)
			bench_close(bench, seen->conn, PDK_CLOSE_FLUSHED);
		if (i == 4)
			bench_pause(bench, seen->conn);
		if (i == 5)
			bench_close(bench, seen->conn, PDK_CLOSE_NOW);
		send(fds[i], bytes, 100000, MSG_NOSIGNAL);
	}
	int unseen = bench_connect(bench);
	if (PDK_HAS(bench->ops, dial))
		bench_dial(bench, bench->listening, 5000);
	fake_host_run_for(bench->host, 5);
	for (unsigned i = 0; i < 6; i++)
		send(fds[i], bytes, 100000, MSG_NOSIGNAL);
	bench_free(bench);
	for (unsigned i = 0; i < 6; i++) {
		struct pollfd ready = { .fd = fds[i], .events = POLLIN };
		CU_ASSERT_EQUAL(poll(&ready, 1, BENCH_PATIENCE_MS), 1);
		close(fds[i]);
	}
	close(unseen);
}

static void
peers_are_written_as_java_writes_them(void)
{
	g_autoptr(Bench) bench = bench_open();
	int fd;
	Seen *seen = bench_connect_seen(bench, &fd);
	struct sockaddr_in own;
	socklen_t length = sizeof(own);
	getsockname(fd, (struct sockaddr *)&own, &length);
	g_autofree char *endpoint = g_strdup_printf("/127.0.0.1:%u", ntohs(own.sin_port));
	g_autofree char *local = g_strdup_printf("/127.0.0.1:%u", bench->port);
	CU_ASSERT_EQUAL(g_strcmp0(seen->address, "127.0.0.1"), 0);
	CU_ASSERT_EQUAL(g_strcmp0(seen->endpoint, endpoint), 0);
	CU_ASSERT_EQUAL(g_strcmp0(seen->local, local), 0);
	const char *kept = bench->ops->peer(bench->transport, seen->conn, PDK_PEER_ENDPOINT);
	close(fd);
	CU_ASSERT_EQUAL(g_strcmp0(kept, endpoint), 0);
}

static int
connect_v6(uint16_t port)
{
	struct sockaddr_in6 at = {
		.sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = IN6ADDR_LOOPBACK_INIT,
	};
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&at, sizeof(at)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static void
a_listener_on_all_addresses_serves_both_families(void)
{
	const char *all[] = { ":0", "*:0" };
	for (unsigned i = 0; i < G_N_ELEMENTS(all); i++) {
		g_autoptr(Bench) bench = bench_new(plugin, "io_threads", io_threads);
		bench_listen(bench, all[i]);
		int fd;
		Seen *seen = bench_connect_seen(bench, &fd);
		CU_ASSERT_EQUAL(g_strcmp0(seen->address, "127.0.0.1"), 0);
		CU_ASSERT_TRUE(g_str_has_prefix(seen->local, "/127.0.0.1:"));
		close(fd);
		/* A machine without IPv6 has nothing to show here. */
		fd = connect_v6(bench->port);
		if (fd < 0)
			continue;
		CU_ASSERT_TRUE_FATAL(bench_await_accepted(bench, 2));
		seen = g_ptr_array_index(bench->seen, 1);
		CU_ASSERT_EQUAL(g_strcmp0(seen->address, "0:0:0:0:0:0:0:1"), 0);
		CU_ASSERT_TRUE(g_str_has_prefix(seen->endpoint, "/[0:0:0:0:0:0:0:1]:"));
		close(fd);
	}
}

static void
a_dialled_connection_works_both_ways(void)
{
	g_autoptr(Bench) bench = bench_open();
	if (!PDK_HAS(bench->ops, dial))
		return;
	g_autofree char *by_name = g_strdup_printf("localhost:%u", bench->port);
	const char *addresses[] = { bench->listening, by_name };
	for (unsigned i = 0; i < G_N_ELEMENTS(addresses); i++) {
		Seen *caller = bench_dial(bench, addresses[i], BENCH_PATIENCE_MS);
		/* What is sent early waits. */
		bench_send_bytes(bench, caller->conn, "ping", 4);
		CU_ASSERT_TRUE_FATAL(bench_await_accepted(bench, i + 1));
		Seen *called = g_ptr_array_index(bench->seen, bench->seen->len - 1);
		CU_ASSERT_TRUE(bench_await_received(called, 4));
		bench_send_bytes(bench, called->conn, "pong", 4);
		CU_ASSERT_TRUE(bench_await_received(caller, 4));
		CU_ASSERT_EQUAL(caller->n_dialled, 1);
		CU_ASSERT_EQUAL(memcmp(called->received->data, "ping", 4), 0);
		CU_ASSERT_EQUAL(memcmp(caller->received->data, "pong", 4), 0);
		CU_ASSERT_EQUAL(g_strcmp0(caller->endpoint, called->local), 0);
		CU_ASSERT_EQUAL(g_strcmp0(caller->local, called->endpoint), 0);
		bench_close(bench, called->conn, PDK_CLOSE_NOW);
		CU_ASSERT_TRUE(bench_await_closed(caller));
		CU_ASSERT_EQUAL(caller->reason, PDK_CLOSED_BY_PEER);
	}
}

static void
a_dial_that_fails_says_whether_it_was_refused(void)
{
	g_autoptr(Bench) bench = bench_open();
	if (!PDK_HAS(bench->ops, dial))
		return;
	g_autofree char *address = g_strdup(bench->listening);
	bench->ops->stop_listening(bench->transport);
	Seen *refused = bench_dial(bench, address, BENCH_PATIENCE_MS);
	Seen *nonsense = bench_dial(bench, "nonsense", BENCH_PATIENCE_MS);
	Seen *unknown = bench_dial(bench, "no.such.host.invalid:1", BENCH_PATIENCE_MS);
	Seen *dropped = bench_dial(bench, address, BENCH_PATIENCE_MS);
	bench_close(bench, dropped->conn, PDK_CLOSE_NOW);
	CU_ASSERT_TRUE(bench_await_closed(refused));
	CU_ASSERT_EQUAL(refused->reason, PDK_CLOSED_REFUSED);
	CU_ASSERT_TRUE(bench_await_closed(nonsense));
	CU_ASSERT_EQUAL(nonsense->reason, PDK_CLOSED_UNREACHED);
	CU_ASSERT_TRUE(bench_await_closed(unknown));
	CU_ASSERT_EQUAL(unknown->reason, PDK_CLOSED_UNREACHED);
	/* Whether a name server can be asked at all depends on where the test runs. */
	CU_ASSERT_TRUE(strcmp(unknown->detail, gai_strerror(EAI_NONAME)) == 0 || strcmp(unknown->detail, gai_strerror(EAI_AGAIN)) == 0);
	CU_ASSERT_TRUE(bench_await_closed(dropped));
	CU_ASSERT_EQUAL(dropped->reason, PDK_CLOSED_BY_CORE);
	CU_ASSERT_EQUAL(refused->n_dialled + nonsense->n_dialled + unknown->n_dialled + dropped->n_dialled, 0);
}

static void
a_dial_that_nobody_answers_runs_out_of_time(void)
{
	g_autoptr(Bench) bench = bench_open();
	if (!PDK_HAS(bench->ops, dial))
		return;
	/* A listener whose queue is full answers no further peer. */
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(at);
	int deaf = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CU_ASSERT_EQUAL_FATAL(bind(deaf, (struct sockaddr *)&at, sizeof(at)), 0);
	CU_ASSERT_EQUAL_FATAL(listen(deaf, 0), 0);
	getsockname(deaf, (struct sockaddr *)&at, &length);
	int filler = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CU_ASSERT_EQUAL_FATAL(connect(filler, (struct sockaddr *)&at, sizeof(at)), 0);
	g_autofree char *address = g_strdup_printf("127.0.0.1:%u", ntohs(at.sin_port));
	Seen *seen = bench_dial(bench, address, 150);
	CU_ASSERT_TRUE(bench_await_closed(seen));
	CU_ASSERT_EQUAL(seen->reason, PDK_CLOSED_UNREACHED);
	CU_ASSERT_EQUAL(seen->n_dialled, 0);
	close(filler);
	close(deaf);
}

static void
peers_are_dialled_by_ipv6_too(void)
{
	g_autoptr(Bench) bench = bench_new(plugin, "io_threads", io_threads);
	if (!PDK_HAS(bench->ops, dial))
		return;
	bench_listen(bench, "*:0");
	int fd = connect_v6(bench->port);
	if (fd < 0)
		return; /* a machine without IPv6 */
	close(fd);
	g_autofree char *address = g_strdup_printf("[::1]:%u", bench->port);
	Seen *caller = bench_dial(bench, address, BENCH_PATIENCE_MS);
	CU_ASSERT_TRUE_FATAL(bench_await_accepted(bench, 2));
	bench_send_bytes(bench, caller->conn, "ping", 4);
	Seen *called = g_ptr_array_index(bench->seen, bench->seen->len - 1);
	CU_ASSERT_TRUE(bench_await_received(called, 4));
	CU_ASSERT_EQUAL(g_strcmp0(called->address, "0:0:0:0:0:0:0:1"), 0);
}

/* The purpose under which a caller of @address is let in. */
static PdkPurpose
purpose_at(Bench *bench, const char *address)
{
	unsigned before = bench->n_accepted;
	bench_dial(bench, address, BENCH_PATIENCE_MS);
	CU_ASSERT_TRUE_FATAL(bench_await_accepted(bench, before + 1));
	return ((Seen *)g_ptr_array_index(bench->seen, bench->seen->len - 1))->purpose;
}

static void
listeners_of_several_purposes_are_closed_apart(void)
{
	g_autoptr(Bench) bench = bench_open();
	if (!PDK_HAS(bench->ops, dial) || !PDK_HAS(bench->ops, stop_listening_for))
		return;
	const PdkPurpose purposes[] = { PDK_PURPOSE_QUORUM, PDK_PURPOSE_ELECTION, PDK_PURPOSE_ELECTION };
	g_auto(GStrv) addresses = g_new0(char *, G_N_ELEMENTS(purposes) + 1);
	for (unsigned i = 0; i < G_N_ELEMENTS(purposes); i++) {
		addresses[i] = bench->ops->listen(bench->transport, purposes[i], "127.0.0.1:0", 0, NULL);
		CU_ASSERT_PTR_NOT_NULL_FATAL(addresses[i]);
		CU_ASSERT_EQUAL(purpose_at(bench, addresses[i]), purposes[i]);
	}
	CU_ASSERT_EQUAL(purpose_at(bench, bench->listening), PDK_PURPOSE_CLIENT);
	Seen *stays = g_ptr_array_index(bench->seen, bench->seen->len - 2);

	bench->ops->stop_listening_for(bench->transport, PDK_PURPOSE_ELECTION);
	for (unsigned i = 1; i < G_N_ELEMENTS(purposes); i++) {
		Seen *refused = bench_dial(bench, addresses[i], BENCH_PATIENCE_MS);
		CU_ASSERT_TRUE(bench_await_closed(refused));
		CU_ASSERT_EQUAL(refused->reason, PDK_CLOSED_REFUSED);
	}
	CU_ASSERT_EQUAL(purpose_at(bench, addresses[0]), PDK_PURPOSE_QUORUM);
	CU_ASSERT_EQUAL(purpose_at(bench, bench->listening), PDK_PURPOSE_CLIENT);
	CU_ASSERT_EQUAL(stays->n_closed, 0);
	/* The port is free for the same purpose again. */
	g_autofree char *again = bench->ops->listen(bench->transport, PDK_PURPOSE_ELECTION, addresses[1], 0, NULL);
	CU_ASSERT_EQUAL(g_strcmp0(again, addresses[1]), 0);
}

static const ConformanceCase cases[] = {
	CONFORMANCE_CASE(the_plugin_says_what_it_is),
	CONFORMANCE_CASE(an_instance_that_was_never_started_can_be_destroyed),
	CONFORMANCE_CASE(an_address_that_cannot_be_listened_on_is_an_error),
	CONFORMANCE_CASE(bytes_arrive_in_order_and_answers_leave_in_order),
	CONFORMANCE_CASE(answers_may_be_sent_in_the_turn),
	CONFORMANCE_CASE(parts_keep_their_order_and_owners_are_let_go),
	CONFORMANCE_CASE(a_slow_reader_is_told_by_send_and_then_by_drained),
	CONFORMANCE_CASE(a_paused_connection_is_silent_and_loses_nothing),
	CONFORMANCE_CASE(pausing_inside_received_holds_the_rest_back),
	CONFORMANCE_CASE(a_paused_flood_stays_with_the_peer),
	CONFORMANCE_CASE(a_flood_does_not_starve_the_neighbour),
	CONFORMANCE_CASE(floods_reach_a_slow_core_whole_and_in_order),
	CONFORMANCE_CASE(close_now_is_answered_once_and_hushes_the_peer),
	CONFORMANCE_CASE(close_flushed_delivers_the_last_byte_to_a_peer_that_keeps_sending),
	CONFORMANCE_CASE(close_flushed_does_not_wait_for_ever_for_the_peers_end),
	CONFORMANCE_CASE(a_peer_that_fails_while_it_is_flushed_is_closed_by_the_core),
	CONFORMANCE_CASE(close_now_cuts_a_close_flushed_short),
	CONFORMANCE_CASE(a_connection_may_be_used_and_closed_inside_accepted),
	CONFORMANCE_CASE(a_refused_connection_is_closed_without_a_further_event),
	CONFORMANCE_CASE(a_peer_that_shuts_its_side_still_gets_its_answer),
	CONFORMANCE_CASE(a_peer_that_shut_its_side_gets_all_unsent_output),
	CONFORMANCE_CASE(a_reset_is_told_once_even_when_paused_or_sending),
	CONFORMANCE_CASE(thousands_of_connections_come_and_go_and_no_handle_comes_back),
	CONFORMANCE_CASE(running_out_of_descriptors_turns_peers_away_without_spinning),
	CONFORMANCE_CASE(stop_listening_keeps_the_connections),
	CONFORMANCE_CASE(destroy_drops_live_connections_in_every_state),
	CONFORMANCE_CASE(peers_are_written_as_java_writes_them),
	CONFORMANCE_CASE(a_listener_on_all_addresses_serves_both_families),
	CONFORMANCE_CASE(a_dialled_connection_works_both_ways),
	CONFORMANCE_CASE(a_dial_that_fails_says_whether_it_was_refused),
	CONFORMANCE_CASE(a_dial_that_nobody_answers_runs_out_of_time),
	CONFORMANCE_CASE(peers_are_dialled_by_ipv6_too),
	CONFORMANCE_CASE(listeners_of_several_purposes_are_closed_apart),
	{ NULL, NULL },
};

static bool
has_threads(void)
{
	for (const PdkOption *option = plugin->options; option && option->key; option++) {
		if (strcmp(option->key, "io_threads") == 0)
			return true;
	}
	return false;
}

static unsigned
run_all(const PdkPlugin *of)
{
	plugin = of;
	io_threads = "0";
	unsigned failed = conformance_run(plugin->name, cases);
	if (has_threads()) {
		io_threads = "2";
		g_autofree char *name = g_strdup_printf("%s with two I/O threads", plugin->name);
		failed += conformance_run(name, cases);
	}
	return failed;
}

int
main(int argc, char **argv)
{
	unsigned failed = 0;
	for (int i = 1; i < argc; i++)
		failed += run_all(conformance_load(argv[i]));
	if (argc == 1)
		failed += run_all(&pdk_plugin_transport_tcp);
	return failed > 0;
}
