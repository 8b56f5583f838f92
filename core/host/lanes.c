/* SPDX-License-Identifier: Apache-2.0 */
/* Changes when work is spread over threads in another way. */
#define _GNU_SOURCE /* ppoll */
#include "host/lanes.h"

#include "base/assert.h"
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define POOL_THREADS 2
#define STACK_BYTES (512 * 1024)

typedef struct Job Job;
struct Job {
	Job *next;
	PdkWork work; /* NULL: a call */
	PdkWork done;
	void *data;
	unsigned *out;	   /* jobs only; touched on the core thread */
	const void *owner; /* calls only */
};

typedef struct {
	Job *first, **end;
} Queue;

/* One queue of jobs and the threads that work on it. */
typedef struct {
	PdkLanes *lanes;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	Queue jobs;
	unsigned idle, running, limit;
	bool ending;
	pthread_t threads[POOL_THREADS];
} Crew;

struct PdkLanes {
	Crew log, pool;
	pthread_mutex_t lock; /* of `back` */
	Queue back;
	int fd;
};

static void
queue_put(Queue *queue, Job *job)
{
	job->next = NULL;
	*queue->end = job;
	queue->end = &job->next;
}

static Job *
queue_take(Queue *queue)
{
	Job *job = queue->first;

	queue->first = job->next;
	if (queue->first == NULL)
		queue->end = &queue->first;
	return job;
}

static void
bring_back(PdkLanes *lanes, Job *job)
{
	pthread_mutex_lock(&lanes->lock);
	bool was_empty = lanes->back.first == NULL;
	queue_put(&lanes->back, job);
	pthread_mutex_unlock(&lanes->lock);
	if (was_empty)
		eventfd_write(lanes->fd, 1);
}

static void *
work(void *data)
{
	Crew *crew = data;

	pthread_mutex_lock(&crew->lock);
	for (;;) {
		while (crew->jobs.first == NULL && !crew->ending) {
			crew->idle++;
			pthread_cond_wait(&crew->wake, &crew->lock);
			crew->idle--;
		}
		if (crew->jobs.first == NULL)
			break;
		Job *job = queue_take(&crew->jobs);
		pthread_mutex_unlock(&crew->lock);
		job->work(job->data);
		bring_back(crew->lanes, job);
		pthread_mutex_lock(&crew->lock);
	}
	pthread_mutex_unlock(&crew->lock);
	return NULL;
}

static void
crew_init(Crew *crew, PdkLanes *lanes, unsigned limit)
{
	crew->lanes = lanes;
	crew->limit = limit;
	crew->jobs.end = &crew->jobs.first;
	pthread_mutex_init(&crew->lock, NULL);
	pthread_cond_init(&crew->wake, NULL);
}

static void
crew_hire(Crew *crew)
{
	pthread_attr_t attributes;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_BYTES);
	int code = pthread_create(&crew->threads[crew->running], &attributes, work, crew);
	pthread_attr_destroy(&attributes);
	if (code == 0)
		crew->running++;
	else if (crew->running == 0)
		g_error("no thread for the %s lane: %s", crew->limit == 1 ? "log" : "pool", g_strerror(code));
}

static void
crew_put(Crew *crew, Job *job)
{
	pthread_mutex_lock(&crew->lock);
	queue_put(&crew->jobs, job);
	bool nobody = crew->idle == 0;
	pthread_mutex_unlock(&crew->lock);
	/* `running` changes on the core thread only. */
	if (nobody && crew->running < crew->limit)
		crew_hire(crew);
	pthread_cond_signal(&crew->wake);
}

static void
crew_dismiss(Crew *crew)
{
	pthread_mutex_lock(&crew->lock);
	crew->ending = true;
	pthread_mutex_unlock(&crew->lock);
	pthread_cond_broadcast(&crew->wake);
	for (unsigned i = 0; i < crew->running; i++)
		pthread_join(crew->threads[i], NULL);
	pdk_assert(crew->jobs.first == NULL);
	pthread_cond_destroy(&crew->wake);
	pthread_mutex_destroy(&crew->lock);
}

PdkLanes *
pdk_lanes_new(GError **error)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (fd < 0) {
		g_set_error(error, G_FILE_ERROR, (int)g_file_error_from_errno(errno), "eventfd: %s", g_strerror(errno));
		return NULL;
	}
	PdkLanes *lanes = g_new0(PdkLanes, 1);
	lanes->fd = fd;
	lanes->back.end = &lanes->back.first;
	pthread_mutex_init(&lanes->lock, NULL);
	crew_init(&lanes->log, lanes, 1);
	crew_init(&lanes->pool, lanes, POOL_THREADS);
	return lanes;
}

void
pdk_lanes_free(PdkLanes *lanes)
{
	if (lanes == NULL)
		return;
	crew_dismiss(&lanes->pool);
	crew_dismiss(&lanes->log);
	while (lanes->back.first != NULL)
		g_free(queue_take(&lanes->back));
	pthread_mutex_destroy(&lanes->lock);
	close(lanes->fd);
	g_free(lanes);
}

void
pdk_lanes_await(PdkLanes *lanes, int64_t us)
{
	struct pollfd ready = {.fd = lanes->fd, .events = POLLIN};
	struct timespec limit = {us / G_USEC_PER_SEC, us % G_USEC_PER_SEC * 1000};

	ppoll(&ready, 1, &limit, NULL);
}

int
pdk_lanes_fd(const PdkLanes *lanes)
{
	return lanes->fd;
}

void
pdk_lanes_offload(PdkLanes *lanes, PdkLane lane, PdkWork work_fn, PdkWork done, void *data, unsigned *out)
{
	Job *job = g_new(Job, 1);

	*job = (Job){.work = work_fn, .done = done, .data = data, .out = out};
	(*out)++;
	crew_put(lane == PDK_LANE_LOG ? &lanes->log : &lanes->pool, job);
}

void
pdk_lanes_call(PdkLanes *lanes, const void *owner, PdkWork fn, void *data)
{
	Job *job = g_new(Job, 1);

	*job = (Job){.done = fn, .data = data, .owner = owner};
	bring_back(lanes, job);
}

void
pdk_lanes_forget(PdkLanes *lanes, const void *owner)
{
	pthread_mutex_lock(&lanes->lock);
	Queue kept = {.end = &kept.first};
	while (lanes->back.first != NULL) {
		Job *job = queue_take(&lanes->back);
		if (job->work == NULL && job->owner == owner)
			g_free(job);
		else
			queue_put(&kept, job);
	}
	for (Job *job = kept.first; job != NULL; job = kept.first) {
		queue_take(&kept);
		queue_put(&lanes->back, job);
	}
	pthread_mutex_unlock(&lanes->lock);
}

bool
pdk_lanes_drain(PdkLanes *lanes)
{
	eventfd_t count;

	/* First the eventfd, then the queue: what comes in between makes it readable again. */
	eventfd_read(lanes->fd, &count);
	pthread_mutex_lock(&lanes->lock);
	Job *job = lanes->back.first;
	lanes->back.first = NULL;
	lanes->back.end = &lanes->back.first;
	pthread_mutex_unlock(&lanes->lock);
	if (job == NULL)
		return false;
	while (job != NULL) {
		Job *next = job->next;
		if (job->done)
			job->done(job->data);
		if (job->out)
			(*job->out)--;
		g_free(job);
		job = next;
	}
	return true;
}

void
pdk_lanes_finish(PdkLanes *lanes, const unsigned *out)
{
	while (*out > 0) {
		struct pollfd ready = {.fd = lanes->fd, .events = POLLIN};
		if (poll(&ready, 1, -1) > 0)
			pdk_lanes_drain(lanes);
	}
}
