/* SPDX-License-Identifier: Apache-2.0 */
/* Changes when the host lends something else to a plugin. */
#include "host/instance.h"

#include "base/assert.h"
#include "host/files.h"
#include "host/options.h"

#define MAGIC 0x70646b69u

struct PdkInstance {
	PdkHost table; /* first: the pointer a plugin hands back leads here */
	uint32_t magic;
	PdkRuntime *runtime;
	char *domain;
	unsigned jobs;
};

static PdkInstance *
instance_of(const PdkHost *host)
{
	PdkInstance *instance = (PdkInstance *)(uintptr_t)host;

	pdk_assert(instance->magic == MAGIC);
	return instance;
}

static void host_log(const PdkHost *self, PdkLogLevel level, const char *format, ...) G_GNUC_PRINTF(3, 4);

static void
host_log(const PdkHost *self, PdkLogLevel level, const char *format, ...)
{
	PdkInstance *instance = instance_of(self);
	va_list arguments;

	if (level > instance->runtime->log->level)
		return;
	va_start(arguments, format);
	g_autofree char *text = g_strdup_vprintf(format, arguments);
	va_end(arguments);
	pdk_log_line(instance->runtime->log, level, instance->domain, text);
}

static int64_t
host_now_us(const PdkHost *self G_GNUC_UNUSED)
{
	return g_get_monotonic_time();
}

static int64_t
host_wall_ms(const PdkHost *self G_GNUC_UNUSED)
{
	return g_get_real_time() / 1000;
}

static uint64_t
host_random(const PdkHost *self)
{
	return pdk_random_next(&instance_of(self)->runtime->random);
}

static uint64_t
host_timer(const PdkHost *self, int64_t at_us, PdkWork fire, void *data)
{
	PdkInstance *instance = instance_of(self);

	return pdk_timers_add(instance->runtime->timers, instance, at_us, fire, data);
}

static void
host_timer_cancel(const PdkHost *self, uint64_t timer)
{
	pdk_timers_cancel(instance_of(self)->runtime->timers, timer);
}

static void
host_offload(const PdkHost *self, PdkLane lane, PdkWork work, PdkWork done, void *data)
{
	PdkInstance *instance = instance_of(self);

	pdk_lanes_offload(instance->runtime->lanes, lane, work, done, data, &instance->jobs);
}

static void
host_call(const PdkHost *self, PdkWork fn, void *data)
{
	PdkInstance *instance = instance_of(self);

	pdk_lanes_call(instance->runtime->lanes, instance, fn, data);
}

static PdkCounter *
host_counter(const PdkHost *self, const char *name, const char *help)
{
	return pdk_registry_counter(instance_of(self)->runtime->registry, name, help);
}

static PdkSummary *
host_summary(const PdkHost *self, const char *name, const char *help, bool percentiles)
{
	return pdk_registry_summary(instance_of(self)->runtime->registry, name, help, percentiles);
}

PdkInstance *
pdk_instance_new(PdkRuntime *runtime, const char *plugin_name)
{
	PdkInstance *instance = g_new(PdkInstance, 1);

	*instance = (PdkInstance){
		.table = {
			.size = sizeof(PdkHost),
			.log = host_log,
			.now_us = host_now_us,
			.wall_ms = host_wall_ms,
			.random = host_random,
			.timer = host_timer,
			.timer_cancel = host_timer_cancel,
			.offload = host_offload,
			.call = host_call,
			.files = pdk_files_system(),
			.context = runtime->context,
			.counter = host_counter,
			.summary = host_summary,
		},
		.magic = MAGIC,
		.runtime = runtime,
		.domain = g_strdup_printf("paddock-%s", plugin_name),
	};
	pdk_config_lend(&instance->table);
	return instance;
}

const PdkHost *
pdk_instance_host(const PdkInstance *instance)
{
	return &instance->table;
}

void
pdk_instance_settle(PdkInstance *instance)
{
	pdk_lanes_finish(instance->runtime->lanes, &instance->jobs);
}

void
pdk_instance_free(PdkInstance *instance)
{
	if (instance == NULL)
		return;
	pdk_assert(instance->jobs == 0);
	pdk_timers_cancel_owner(instance->runtime->timers, instance);
	pdk_lanes_forget(instance->runtime->lanes, instance);
	instance->magic = 0;
	g_free(instance->domain);
	g_free(instance);
}
