/* SPDX-License-Identifier: Apache-2.0 */
/* Changes when the way between the core and I/O threads does. */
#include "threads.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define BLOCK_BYTES (256 * 1024)
#define BLOCK_NEWS 512
/* A block with less room than this goes on its way. */
#define LEAST_READ_BYTES (16 * 1024)
/* Blocks of one thread that may be under way, and free ones that are kept. */
#define BLOCKS_UNDER_WAY 16
#define BLOCKS_KEPT 3
/* A round of a thread that finds more and more to do hands its news over after this. */
#define ROUND_US 500
/* The clock is looked at after so much news. */
#define CLOCK_NEWS 64
#define CLOCK_BYTES (32 * 1024)

typedef struct PdkTcpThread PdkTcpThread;
typedef struct PdkTcpBlock PdkTcpBlock;

/* A batch of news with the bytes received. */
struct PdkTcpBlock {
	PdkTcpBlock *next;
	PdkTcpThread *thread;
	unsigned n_news;
	size_t used;
	PdkTcpNews news[BLOCK_NEWS];
	uint8_t bytes[BLOCK_BYTES];
};

typedef struct {
	PdkTcpConn *conn;
	PdkTcpCommandCode code;
	PdkTcpOutput output;
} PdkTcpCommand;

struct PdkTcpThread {
	PdkTcpThreads *threads;
	pthread_t thread;
	bool is_running;
	int wake_fd;

	/* The core's. */
	GArray *staged; /* PdkTcpCommand, not handed over yet */

	pthread_mutex_t lock; /* guards the next block */
	GArray *inbox;        /* PdkTcpCommand */
	PdkTcpBlock *free_blocks;
	unsigned n_free, n_under_way;
	bool is_stalled; /* waits for a block to come back */
	bool must_stop;

	/* The thread's own. */
	PdkTcpEngine engine;
	PdkTcpWatch wake;
	GArray *taken;
	PdkTcpBlock *block; /* being filled */
	bool lacks_block;
};

struct PdkTcpThreads {
	PdkTransport *transport;
	PdkTcpWatch wake;
	int wake_fd; /* tells the core of news */
	unsigned n, next;
	PdkTcpThread *all;

	pthread_mutex_t lock; /* guards the next two */
	PdkTcpBlock *first, *last;

	/* The core's: what it took, and how far it told it. */
	bool has_news;
	PdkTcpBlock *current;
	unsigned next_news;
};

static void
wake(int fd)
{
	uint64_t one = 1;
	/* A full counter is awake already. */
	if (write(fd, &one, sizeof(one)) < 0)
		g_assert(errno == EAGAIN);
}

static void
calm(int fd)
{
	uint64_t count;
	if (read(fd, &count, sizeof(count)) < 0)
		g_assert(errno == EAGAIN);
}

/* Blocks. */

static PdkTcpBlock *
take_block(PdkTcpThread *self, bool must)
{
	pthread_mutex_lock(&self->lock);
	PdkTcpBlock *block = self->free_blocks;
	bool may = must || self->n_under_way < BLOCKS_UNDER_WAY;
	if (may)
		self->n_under_way++;
	if (may && block) {
		self->free_blocks = block->next;
		self->n_free--;
	}
	pthread_mutex_unlock(&self->lock);
	if (!may)
		return NULL;
	if (block == NULL)
		block = g_malloc(sizeof(*block));
	block->next = NULL;
	block->thread = self;
	block->n_news = 0;
	block->used = 0;
	return block;
}

/* The core is done with @block. */
static void
give_back(PdkTcpBlock *block)
{
	PdkTcpThread *self = block->thread;
	pthread_mutex_lock(&self->lock);
	self->n_under_way--;
	bool wake_it = self->is_stalled;
	self->is_stalled = false;
	bool keep = self->n_free < BLOCKS_KEPT;
	if (keep) {
		block->next = self->free_blocks;
		self->free_blocks = block;
		self->n_free++;
	}
	pthread_mutex_unlock(&self->lock);
	if (!keep)
		g_free(block);
	if (wake_it)
		wake(self->wake_fd);
}

static void
post_block(PdkTcpThread *self)
{
	PdkTcpBlock *block = self->block;
	if (block == NULL || block->n_news == 0)
		return;
	self->block = NULL;
	PdkTcpThreads *threads = self->threads;
	pthread_mutex_lock(&threads->lock);
	bool was_empty = threads->first == NULL;
	if (was_empty)
		threads->first = block;
	else
		threads->last->next = block;
	threads->last = block;
	pthread_mutex_unlock(&threads->lock);
	if (was_empty)
		wake(threads->wake_fd);
}

/* The block to fill, with room for one piece of news and LEAST_READ_BYTES. NULL only when not @must. */
static PdkTcpBlock *
open_block(PdkTcpThread *self, bool must)
{
	PdkTcpBlock *block = self->block;
	if (block && (block->n_news == BLOCK_NEWS || BLOCK_BYTES - block->used < LEAST_READ_BYTES))
		post_block(self);
	if (self->block == NULL)
		self->block = take_block(self, must);
	return self->block;
}

static PdkTcpNews *
add_news(PdkTcpThread *self, PdkTcpConn *conn, PdkTcpNewsCode code)
{
	PdkTcpBlock *block = open_block(self, true);
	PdkTcpNews *news = &block->news[block->n_news++];
	*news = (PdkTcpNews){ .conn = conn, .code = (uint8_t)code };
	return news;
}

/* What a thread's engine reports. */

static uint8_t *
thread_space(void *owner, size_t *size)
{
	PdkTcpThread *self = owner;
	PdkTcpBlock *block = open_block(self, false);
	self->lacks_block = block == NULL;
	if (block == NULL)
		return NULL;
	*size = MIN(PDK_TCP_READ_BYTES, BLOCK_BYTES - block->used);
	return block->bytes + block->used;
}

static void
thread_received(void *owner, PdkTcpConn *conn, const uint8_t *data, size_t length)
{
	PdkTcpThread *self = owner;
	PdkTcpBlock *block = self->block;
	g_assert(data == block->bytes + block->used && block->n_news < BLOCK_NEWS);
	block->news[block->n_news++] = (PdkTcpNews){
		.conn = conn,
		.code = PDK_TCP_NEWS_RECEIVED,
		.offset = (uint32_t)block->used,
		.length = (uint32_t)length,
	};
	block->used += length;
	if (atomic_fetch_add(&conn->unread, (unsigned)length) + length <= PDK_TCP_UNREAD_MARK)
		return;
	conn->starved = true;
	atomic_store(&conn->throttled, true);
	/* The core may have consumed everything before it could see the flag: then nobody would say so. */
	if (atomic_load(&conn->unread) == 0 && atomic_exchange(&conn->throttled, false))
		conn->starved = false;
	pdk_tcp_engine_arm(&self->engine, conn);
}

static void
thread_ended(void *owner, PdkTcpConn *conn)
{
	add_news(owner, conn, PDK_TCP_NEWS_ENDED);
}

static void
thread_connects(void *owner, PdkTcpConn *conn)
{
	(void)owner;
	(void)conn;
	/* Dialled connections stay with the core's engine. */
	g_assert_not_reached();
}

static void
thread_drained(void *owner, PdkTcpConn *conn)
{
	add_news(owner, conn, PDK_TCP_NEWS_DRAINED);
}

static void
thread_closed(void *owner, PdkTcpConn *conn)
{
	PdkTcpNews *news = add_news(owner, conn, PDK_TCP_NEWS_CLOSED);
	news->reason = conn->reason;
	news->error = conn->error;
}

static const PdkTcpSink thread_sink = {
	.space = thread_space,
	.received = thread_received,
	.ended = thread_ended,
	.connecting = thread_connects,
	.connected = thread_connects,
	.drained = thread_drained,
	.closed = thread_closed,
};

/* The thread. */

static void
woken(PdkTcpEngine *engine, PdkTcpWatch *watch, uint32_t events)
{
	PdkTcpThread *self = engine->owner;
	(void)watch;
	(void)events;
	calm(self->wake_fd);
}

static void
carry_out(PdkTcpThread *self, PdkTcpCommand *command)
{
	PdkTcpEngine *engine = &self->engine;
	PdkTcpConn *conn = command->conn;
	switch (command->code) {
	case PDK_TCP_ADOPT:
		pdk_tcp_engine_arm(engine, conn);
		break;
	case PDK_TCP_SEND:
		pdk_tcp_engine_push(engine, conn, &command->output);
		break;
	case PDK_TCP_CLOSE_NOW:
		pdk_tcp_engine_close(engine, conn, PDK_CLOSE_NOW);
		break;
	case PDK_TCP_CLOSE_FLUSHED:
		pdk_tcp_engine_close(engine, conn, PDK_CLOSE_FLUSHED);
		break;
	case PDK_TCP_PAUSE:
		pdk_tcp_engine_pause(engine, conn);
		break;
	case PDK_TCP_RESUME:
		pdk_tcp_engine_resume(engine, conn);
		break;
	case PDK_TCP_CREDIT:
		conn->starved = false;
		pdk_tcp_engine_arm(engine, conn);
		break;
	case PDK_TCP_END:
		pdk_tcp_engine_end(engine, conn);
		break;
	case PDK_TCP_FREE:
		pdk_tcp_engine_bury(engine, conn);
		break;
	}
}

/* Takes and carries out what the core commanded. True: the thread must stop. */
static bool
obey(PdkTcpThread *self)
{
	pthread_mutex_lock(&self->lock);
	bool must_stop = self->must_stop;
	GArray *commands = self->inbox;
	self->inbox = self->taken;
	self->taken = commands;
	pthread_mutex_unlock(&self->lock);
	for (unsigned i = 0; i < commands->len; i++)
		carry_out(self, &g_array_index(commands, PdkTcpCommand, i));
	g_array_set_size(commands, 0);
	return must_stop;
}

/* Reading would find no block to read into: sleeps until one comes back, or the core has something to say. */
static void
wait_for_block(PdkTcpThread *self)
{
	pthread_mutex_lock(&self->lock);
	bool must_wait = self->n_under_way >= BLOCKS_UNDER_WAY;
	self->is_stalled = must_wait;
	pthread_mutex_unlock(&self->lock);
	self->lacks_block = must_wait;
	if (!must_wait)
		return;
	struct pollfd ready = { .fd = self->wake_fd, .events = POLLIN };
	poll(&ready, 1, -1);
	calm(self->wake_fd);
}

static void *
run(void *data)
{
	PdkTcpThread *self = data;
	while (!obey(self)) {
		post_block(self);
		if (self->lacks_block) {
			wait_for_block(self);
			continue;
		}
		int patience_ms = pdk_tcp_engine_patience_ms(&self->engine);
		pdk_tcp_engine_round(&self->engine, patience_ms, g_get_monotonic_time() + ROUND_US);
		post_block(self);
	}
	return NULL;
}

/* The core's side. */

static void
news_came(PdkTcpEngine *engine, PdkTcpWatch *watch, uint32_t events)
{
	PdkTcpThreads *self = ((PdkTransport *)engine->owner)->threads;
	(void)watch;
	(void)events;
	calm(self->wake_fd);
	self->has_news = true;
}

PdkTcpThread *
pdk_tcp_threads_pick(PdkTcpThreads *self)
{
	return &self->all[self->next++ % self->n];
}

void
pdk_tcp_threads_command(PdkTcpConn *conn, PdkTcpCommandCode code, PdkTcpOutput *output)
{
	PdkTcpCommand command = { .conn = conn, .code = code };
	if (output)
		command.output = *output;
	g_array_append_val(conn->thread->staged, command);
}

void
pdk_tcp_threads_hand_over(PdkTcpThreads *self)
{
	for (unsigned i = 0; i < self->n; i++) {
		PdkTcpThread *thread = &self->all[i];
		if (thread->staged->len == 0)
			continue;
		pthread_mutex_lock(&thread->lock);
		bool was_empty = thread->inbox->len == 0;
		g_array_append_vals(thread->inbox, thread->staged->data, thread->staged->len);
		pthread_mutex_unlock(&thread->lock);
		g_array_set_size(thread->staged, 0);
		if (was_empty)
			wake(thread->wake_fd);
	}
}

bool
pdk_tcp_threads_is_due(const PdkTcpThreads *self)
{
	if (self->has_news || self->current)
		return true;
	for (unsigned i = 0; i < self->n; i++) {
		if (self->all[i].staged->len > 0)
			return true;
	}
	return false;
}

static PdkTcpBlock *
take_news(PdkTcpThreads *self)
{
	pthread_mutex_lock(&self->lock);
	PdkTcpBlock *first = self->first;
	self->first = self->last = NULL;
	pthread_mutex_unlock(&self->lock);
	self->has_news = false;
	self->next_news = 0;
	return first;
}

unsigned
pdk_tcp_threads_deliver(PdkTcpThreads *self, int64_t until_us)
{
	if (self->current == NULL && self->has_news)
		self->current = take_news(self);
	unsigned told = 0;
	size_t bytes = 0;
	while (self->current) {
		PdkTcpBlock *block = self->current;
		if (self->next_news == block->n_news) {
			self->current = block->next;
			self->next_news = 0;
			give_back(block);
			continue;
		}
		const PdkTcpNews *news = &block->news[self->next_news++];
		pdk_tcp_exchange_news(self->transport, news, block->bytes + news->offset);
		bytes += news->length;
		if (++told % CLOCK_NEWS != 0 && bytes < CLOCK_BYTES)
			continue;
		bytes = 0;
		if (g_get_monotonic_time() >= until_us)
			break;
	}
	return told;
}

static void
thread_clear(PdkTcpThread *self)
{
	for (unsigned i = 0; i < self->inbox->len; i++)
		pdk_tcp_output_clear(&g_array_index(self->inbox, PdkTcpCommand, i).output);
	g_array_unref(self->staged);
	g_array_unref(self->inbox);
	g_array_unref(self->taken);
	while (self->free_blocks) {
		PdkTcpBlock *block = self->free_blocks;
		self->free_blocks = block->next;
		g_free(block);
	}
	g_free(self->block);
	pdk_tcp_engine_clear(&self->engine);
	close(self->wake_fd);
	pthread_mutex_destroy(&self->lock);
}

static void
free_blocks(PdkTcpBlock *block)
{
	while (block) {
		PdkTcpBlock *next = block->next;
		g_free(block);
		block = next;
	}
}

void
pdk_tcp_threads_free(PdkTcpThreads *self)
{
	pdk_tcp_threads_hand_over(self);
	for (unsigned i = 0; i < self->n; i++) {
		PdkTcpThread *thread = &self->all[i];
		pthread_mutex_lock(&thread->lock);
		thread->must_stop = true;
		pthread_mutex_unlock(&thread->lock);
		wake(thread->wake_fd);
	}
	for (unsigned i = 0; i < self->n; i++) {
		if (self->all[i].is_running)
			pthread_join(self->all[i].thread, NULL);
		thread_clear(&self->all[i]);
	}
	free_blocks(self->current);
	free_blocks(self->first);
	close(self->wake_fd);
	pthread_mutex_destroy(&self->lock);
	g_free(self->all);
	g_free(self);
}

static bool
thread_start(PdkTcpThread *self, PdkTcpThreads *threads, GError **error)
{
	if (!pdk_tcp_engine_init(&self->engine, &thread_sink, self, error))
		return false;
	self->threads = threads;
	self->staged = g_array_new(FALSE, FALSE, sizeof(PdkTcpCommand));
	self->inbox = g_array_new(FALSE, FALSE, sizeof(PdkTcpCommand));
	self->taken = g_array_new(FALSE, FALSE, sizeof(PdkTcpCommand));
	pthread_mutex_init(&self->lock, NULL);
	self->wake.ready = woken;
	self->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	threads->n++;
	int problem = self->wake_fd < 0 ? errno : 0;
	if (problem == 0 && !pdk_tcp_engine_watch(&self->engine, self->wake_fd, &self->wake, EPOLLIN, false))
		problem = errno;
	if (problem == 0) {
		/* Signals are for the core's thread. */
		sigset_t all, before;
		sigfillset(&all);
		pthread_sigmask(SIG_SETMASK, &all, &before);
		problem = pthread_create(&self->thread, NULL, run, self);
		pthread_sigmask(SIG_SETMASK, &before, NULL);
	}
	self->is_running = problem == 0;
	if (problem)
		g_set_error(error, PDK_TCP_ERROR, PDK_TCP_ERROR_SYSTEM, "cannot start an I/O thread: %s",
			    g_strerror(problem));
	return problem == 0;
}

PdkTcpThreads *
pdk_tcp_threads_new(PdkTransport *transport, unsigned n, GError **error)
{
	PdkTcpThreads *self = g_new0(PdkTcpThreads, 1);
	self->transport = transport;
	self->all = g_new0(PdkTcpThread, n);
	self->wake.ready = news_came;
	pthread_mutex_init(&self->lock, NULL);
	self->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (self->wake_fd < 0 ||
	    !pdk_tcp_engine_watch(&transport->engine, self->wake_fd, &self->wake, EPOLLIN, false)) {
		g_set_error(error, PDK_TCP_ERROR, PDK_TCP_ERROR_SYSTEM, "cannot wait for I/O threads: %s",
			    g_strerror(errno));
		pdk_tcp_threads_free(self);
		return NULL;
	}
	for (unsigned i = 0; i < n; i++) {
		if (!thread_start(&self->all[i], self, error)) {
			pdk_tcp_threads_free(self);
			return NULL;
		}
	}
	return self;
}
