/* SPDX-License-Identifier: Apache-2.0 */
/* Changes when the way effects and events meet GLib's main loop does. */
#include "host/loop.h"

#include "base/assert.h"
#include <sys/signalfd.h>
#include <unistd.h>

#define DRAIN_US 5000000
/* The transport reads off a closing peer for up to 1 s; it needs a moment more to say that it is done. */
#define FLUSH_US 1200000
/*
 * One client that asks again as soon as it is answered: to fall asleep and be woken costs more than to look
 * for its next request for so long. Not longer than its pauses have been, and not while a log sync is
 * awaited.
 */
#define SPIN_US 100
#define NEAR_US 100
/*
 * Clients that only write are heard when the log sync under way is over, all at once: each look at the sockets in
 * between would cost a sleep and find a few of them. Not held back for longer than this.
 */
#define HOLD_US 200

typedef enum {
	PHASE_SERVING,
	PHASE_DRAINING, /* what is proposed becomes durable and answered */
	PHASE_FLUSHING, /* connections close behind their output */
	PHASE_OVER,
} Phase;

/* The source of the loop; a GSource of this size is made by GLib. */
typedef struct {
	GSource source;
	PdkLoop *loop;
} Pump;

struct PdkLoop {
	PdkRuntime runtime;
	Pump *pump;
	gpointer lanes_tag, signal_tag;
	int signal_fd;
	void (*on_signal)(void);
	PdkCarrier *carrier; /* while running */
	Phase phase;
	uint64_t phase_timer;
	bool spin; /* the last pause was a short one */
};

/* When the pump has something to do at the latest. */
static int64_t
next_deadline(const PdkLoop *loop)
{
	int64_t timers = pdk_timers_next(loop->runtime.timers);
	int64_t carrier = loop->carrier ? pdk_carrier_deadline_us(loop->carrier) : INT64_MAX;

	return MIN(timers, carrier);
}

static gboolean
pump_prepare(GSource *source, gint *timeout_ms)
{
	int64_t deadline = next_deadline(((Pump *)source)->loop);

	*timeout_ms = -1;
	if (deadline == INT64_MAX)
		return FALSE;
	if (deadline == INT64_MIN)
		return TRUE;
	int64_t left = deadline - g_source_get_time(source);
	if (left <= 0)
		return TRUE;
	/* poll counts in milliseconds: what is nearer than a fraction of one is waited for awake. */
	*timeout_ms = left < NEAR_US ? 0 : (gint)MIN((left + 999) / 1000, G_MAXINT);
	return FALSE;
}

static gboolean
pump_check(GSource *source)
{
	PdkLoop *loop = ((Pump *)source)->loop;

	if (g_source_query_unix_fd(source, loop->lanes_tag) != 0)
		return TRUE;
	if (loop->signal_tag && g_source_query_unix_fd(source, loop->signal_tag) != 0)
		return TRUE;
	int64_t deadline = next_deadline(loop);
	return deadline != INT64_MAX && deadline <= g_source_get_time(source);
}

static void
read_signal(PdkLoop *loop)
{
	struct signalfd_siginfo info;

	if (read(loop->signal_fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return;
	pdk_log(loop->runtime.log, PDK_LOG_INFO, "stopping signal=%u", info.ssi_signo);
	if (loop->on_signal)
		loop->on_signal();
	pdk_loop_stop(loop);
}

static gboolean
pump_dispatch(GSource *source, GSourceFunc callback G_GNUC_UNUSED, gpointer data G_GNUC_UNUSED)
{
	PdkLoop *loop = ((Pump *)source)->loop;
	bool due = next_deadline(loop) <= g_get_monotonic_time();

	if (g_source_query_unix_fd(source, loop->lanes_tag) != 0)
		due = pdk_lanes_drain(loop->runtime.lanes) || due;
	due = pdk_timers_fire(loop->runtime.timers, g_get_monotonic_time()) || due;
	if (loop->signal_tag && g_source_query_unix_fd(source, loop->signal_tag) != 0)
		read_signal(loop);
	if (due && loop->carrier)
		pdk_carrier_turn(loop->carrier);
	return G_SOURCE_CONTINUE;
}

/* GLib takes it without const, and only reads it. */
static const GSourceFuncs pump_functions = {
	.prepare = pump_prepare,
	.check = pump_check,
	.dispatch = pump_dispatch,
};

PdkLoop *
pdk_loop_new(const PdkLog *log, PdkRegistry *registry, uint64_t seed, GError **error)
{
	g_autoptr(PdkLanes) lanes = pdk_lanes_new(error);
	if (lanes == NULL)
		return NULL;

	PdkLoop *loop = g_new0(PdkLoop, 1);
	loop->runtime = (PdkRuntime){
		.log = log,
		.lanes = g_steal_pointer(&lanes),
		.timers = pdk_timers_new(),
		.registry = registry,
		.random = pdk_random(seed),
		.context = g_main_context_new(),
	};
	loop->pump = (Pump *)(void *)g_source_new((GSourceFuncs *)(uintptr_t)&pump_functions, sizeof(Pump));
	loop->pump->loop = loop;
	/* It never does; but GLib need not take the descriptors out of its poll around each dispatch, and wake itself for it. */
	g_source_set_can_recurse(&loop->pump->source, TRUE);
	loop->lanes_tag = g_source_add_unix_fd(&loop->pump->source, pdk_lanes_fd(loop->runtime.lanes), G_IO_IN);
	return loop;
}

void
pdk_loop_free(PdkLoop *loop)
{
	if (loop == NULL)
		return;
	g_source_destroy(&loop->pump->source);
	g_source_unref(&loop->pump->source);
	pdk_lanes_free(loop->runtime.lanes);
	pdk_timers_free(loop->runtime.timers);
	g_main_context_unref(loop->runtime.context);
	g_free(loop);
}

PdkRuntime *
pdk_loop_runtime(PdkLoop *loop)
{
	return &loop->runtime;
}

static void enter(PdkLoop *loop, Phase phase);

static void
on_phase_over(void *data)
{
	PdkLoop *loop = data;

	loop->phase_timer = 0;
	if (loop->phase == PHASE_DRAINING)
		pdk_log(loop->runtime.log, PDK_LOG_WARNING, "drain_incomplete after_ms=%d", DRAIN_US / 1000);
	enter(loop, loop->phase + 1);
}

static void
enter(PdkLoop *loop, Phase phase)
{
	int64_t now_us = g_get_monotonic_time();

	pdk_timers_cancel(loop->runtime.timers, loop->phase_timer);
	loop->phase_timer = 0;
	loop->phase = phase;
	if (phase == PHASE_DRAINING) {
		loop->phase_timer = pdk_timers_add(loop->runtime.timers, loop, now_us + DRAIN_US, on_phase_over, loop);
		pdk_carrier_stop(loop->carrier);
	} else if (phase == PHASE_FLUSHING) {
		loop->phase_timer = pdk_timers_add(loop->runtime.timers, loop, now_us + FLUSH_US, on_phase_over, loop);
		pdk_carrier_close_all(loop->carrier);
	}
}

void
pdk_loop_stop(PdkLoop *loop)
{
	if (loop->carrier && loop->phase == PHASE_SERVING)
		enter(loop, PHASE_DRAINING);
}

static void
iterate(PdkLoop *loop)
{
	GMainContext *context = loop->runtime.context;
	int64_t begin_us = g_get_monotonic_time();

	if (pdk_carrier_awaits_log(loop->carrier))
		pdk_lanes_await(loop->runtime.lanes, CLAMP(next_deadline(loop) - begin_us, 0, HOLD_US));
	if (loop->spin && pdk_carrier_has_one_peer(loop->carrier))
		do {
			if (g_main_context_iteration(context, FALSE))
				return;
		} while (g_get_monotonic_time() - begin_us < SPIN_US);
	g_main_context_iteration(context, TRUE);
	loop->spin = g_get_monotonic_time() - begin_us < SPIN_US;
}

bool
pdk_loop_run(PdkLoop *loop, PdkCarrier *carrier, int signal_fd, void (*on_signal)(void))
{
	loop->carrier = carrier;
	loop->on_signal = on_signal;
	loop->signal_fd = signal_fd;
	loop->phase = PHASE_SERVING;
	/* After the transports: what they hear goes to the log before the answers of the batch that came back. */
	g_source_attach(&loop->pump->source, loop->runtime.context);
	if (signal_fd >= 0)
		loop->signal_tag = g_source_add_unix_fd(&loop->pump->source, signal_fd, G_IO_IN);
	while (loop->phase != PHASE_OVER && pdk_carrier_fatal(carrier) == NULL) {
		iterate(loop);
		if (loop->phase == PHASE_DRAINING && pdk_carrier_stopped(carrier))
			enter(loop, PHASE_FLUSHING);
		if (loop->phase == PHASE_FLUSHING && pdk_carrier_live(carrier) == 0)
			enter(loop, PHASE_OVER);
	}
	pdk_timers_cancel(loop->runtime.timers, loop->phase_timer);
	loop->phase_timer = 0;
	if (loop->signal_tag)
		g_source_remove_unix_fd(&loop->pump->source, loop->signal_tag);
	loop->signal_tag = NULL;
	loop->carrier = NULL;
	return pdk_carrier_fatal(carrier) == NULL;
}
