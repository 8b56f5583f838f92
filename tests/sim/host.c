/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a plugin sees of its host in the simulator: a job's work runs whole at a moment that the world picks, the log lane in order,
 * the pool in any, and what it brought is told later. Changes when the host lends something else.
 */
#include "sim/world-private.h"

/* Now and then a job takes long: much may happen meanwhile. */
#define HICCUP_ONE_OF 30
#define HICCUP_US (300 * SIM_MS)
/* From the end of a job's work to its news on the core thread. */
#define BACK_MIN_US 2
#define BACK_MORE_US 30
/* A crash falls at one of so many operations of the job under way. */
#define OPERATIONS 8

typedef struct {
	uint64_t id;
	PdkLane lane;
	PdkWork work, done;
	void *data;
	bool worked;
} Job;

typedef struct {
	PdkWork fire;
	void *data;
} Timer;

static Node *
node_of(const PdkHost *host)
{
	return ((const SimHost *)host)->node;
}

static void G_GNUC_PRINTF(3, 4)
host_log(const PdkHost *self, PdkLogLevel level, const char *format, ...)
{
	(void)level;
	va_list arguments;
	va_start(arguments, format);
	g_autofree char *line = g_strdup_vprintf(format, arguments);
	va_end(arguments);
	g_autofree char *whole = g_strdup_printf("%s: %s", ((const SimHost *)self)->name, line);
	sim_tell_of(node_of(self), whole);
}

static int64_t
host_now_us(const PdkHost *self)
{
	return sim_clock_us(node_of(self));
}

static int64_t
host_wall_ms(const PdkHost *self)
{
	return sim_clock_wall_ms(node_of(self));
}

static uint64_t
host_random(const PdkHost *self)
{
	return pdk_random_next(&node_of(self)->sim->random);
}

static uint64_t
host_timer(const PdkHost *self, int64_t at_us, PdkWork fire, void *data)
{
	Node *node = node_of(self);
	Timer timer = {fire, data};
	uint64_t id = ++node->ids;
	g_hash_table_insert(node->timers, g_memdup2(&id, sizeof id), g_memdup2(&timer, sizeof timer));
	sim_push(node->sim, sim_clock_when(node, at_us),
		 (Happening){.what = HAPPENS_HOST, .news = HOST_TIMER, .node = node, .id = id});
	return id;
}

static void
host_timer_cancel(const PdkHost *self, uint64_t timer)
{
	g_hash_table_remove(node_of(self)->timers, &timer);
}

static int64_t
takes_us(Node *node)
{
	Sim *sim = node->sim;
	if (sim->params.steady)
		return STEADY_DISK_US + node->disk.extra_us;
	int64_t took = SYNC_MIN_US + (int64_t)pdk_random_below(&sim->random, SYNC_MORE_US) + node->disk.extra_us;
	if (pdk_random_below(&sim->random, HICCUP_ONE_OF) == 0)
		took += (int64_t)pdk_random_below(&sim->random, HICCUP_US);
	return took;
}

static int64_t
when_worked(Node *node, PdkLane lane)
{
	SimDisk *disk = &node->disk;
	int64_t took = takes_us(node), begin = MAX(disk->stuck_us, node->sim->now_us);
	if (lane != PDK_LANE_LOG)
		return begin + took;
	disk->free_us = MAX(disk->free_us, begin) + took;
	return disk->free_us;
}

static void
bring_back(Node *node, uint64_t id)
{
	Sim *sim = node->sim;
	int64_t took = sim->params.steady ? 0 : BACK_MIN_US + (int64_t)pdk_random_below(&sim->random, BACK_MORE_US);
	node->back_us = MAX(node->back_us, sim->now_us + took);
	sim_push(sim, node->back_us, (Happening){.what = HAPPENS_HOST, .news = HOST_DONE, .node = node, .id = id});
}

static Job *
job_new(Node *node, Job job)
{
	job.id = ++node->ids;
	Job *kept = g_memdup2(&job, sizeof job);
	g_queue_push_tail(&node->jobs, kept);
	return kept;
}

static void
host_offload(const PdkHost *self, PdkLane lane, PdkWork work, PdkWork done, void *data)
{
	Node *node = node_of(self);
	const Job *job = job_new(node, (Job){.lane = lane, .work = work, .done = done, .data = data});
	if (node->up)
		sim_push(node->sim, when_worked(node, lane),
			 (Happening){.what = HAPPENS_HOST, .news = HOST_WORK, .node = node, .id = job->id});
}

static void
host_call(const PdkHost *self, PdkWork fn, void *data)
{
	Node *node = node_of(self);
	bring_back(node, job_new(node, (Job){.done = fn, .data = data, .worked = true})->id);
}

static PdkCounter *
host_counter(const PdkHost *self, const char *name, const char *help)
{
	return pdk_registry_counter(node_of(self)->registry, name, help);
}

static PdkSummary *
host_summary(const PdkHost *self, const char *name, const char *help, bool percentiles)
{
	return pdk_registry_summary(node_of(self)->registry, name, help, percentiles);
}

const PdkHost *
sim_host_new(Node *node, const char *name)
{
	SimHost *host = g_new(SimHost, 1);
	*host = (SimHost){
		.host = {
			.size = sizeof(PdkHost),
			.log = host_log,
			.now_us = host_now_us,
			.wall_ms = host_wall_ms,
			.random = host_random,
			.timer = host_timer,
			.timer_cancel = host_timer_cancel,
			.offload = host_offload,
			.call = host_call,
			.files = forgetful_files_table(node->disk.files),
			.counter = host_counter,
			.summary = host_summary,
		},
		.node = node,
		.name = name,
	};
	pdk_config_lend(&host->host);
	g_ptr_array_add(node->hosts, host);
	return &host->host;
}

void
sim_host_begin(Node *node)
{
	node->hosts = g_ptr_array_new_with_free_func(g_free);
	node->timers = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
	node->back_us = 0;
	g_queue_init(&node->jobs);
}

void
sim_host_end(Node *node)
{
	g_assert(g_queue_is_empty(&node->jobs));
	g_ptr_array_unref(node->hosts);
	g_hash_table_unref(node->timers);
}

static Job *
job_of(Node *node, uint64_t id)
{
	for (GList *link = node->jobs.head; link; link = link->next)
		if (((Job *)link->data)->id == id)
			return link->data;
	g_assert_not_reached();
}

static void
work(Job *job)
{
	job->work(job->data);
	job->worked = true;
}

static void
finish(Node *node, Job *job)
{
	g_queue_remove(&node->jobs, job);
	if (job->done)
		job->done(job->data);
	g_free(job);
}

static void
fire(Node *node, uint64_t id)
{
	const Timer *found = g_hash_table_lookup(node->timers, &id);
	if (found == NULL)
		return;
	Timer timer = *found;
	g_hash_table_remove(node->timers, &id);
	timer.fire(timer.data);
}

void
sim_host_news(const Happening *happening)
{
	Node *node = happening->node;
	node->told = false;
	switch (happening->news) {
	case HOST_WORK:
		work(job_of(node, happening->id));
		if (!forgetful_files_crashed(node->disk.files))
			bring_back(node, happening->id);
		break;
	case HOST_DONE:
		finish(node, job_of(node, happening->id));
		break;
	case HOST_TIMER:
		fire(node, happening->id);
		break;
	}
	if (node->told)
		sim_carry(node);
	else
		sim_end_if_dead(node);
}

/* The power fails in the middle of the job that is first on @lane, or behind it. */
static void
break_off(Node *node, PdkLane lane)
{
	ForgetfulFiles *files = node->disk.files;
	for (GList *link = node->jobs.head; link; link = link->next) {
		Job *job = link->data;
		if (job->lane != lane || job->worked)
			continue;
		uint64_t after = 1 + pdk_random_below(&node->sim->random, OPERATIONS);
		forgetful_files_crash_at(files, forgetful_files_operations(files) + after);
		work(job);
		return;
	}
}

void
sim_host_fails(Node *node)
{
	PdkRandom *random = &node->sim->random;
	if (!node->sim->params.steady && pdk_random_below(random, 2))
		break_off(node, pdk_random_below(random, 2) ? PDK_LANE_LOG : PDK_LANE_POOL);
	forgetful_files_crash(node->disk.files);
	while (!g_queue_is_empty(&node->jobs)) {
		Job *job = g_queue_peek_head(&node->jobs);
		if (!job->worked)
			work(job);
		finish(node, job);
	}
}
