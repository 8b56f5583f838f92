/* SPDX-License-Identifier: Apache-2.0 */
/* One server in this process: starts it from a configuration, serves, stops it in order. */
#ifndef PDK_HOST_DAEMON_H
#define PDK_HOST_DAEMON_H

#include "host/configuration.h"
#include "host/log.h"

/* The daemon's exit statuses. */
typedef enum {
	PDK_EXIT_STOPPED = 0, /* asked to stop, and did */
	PDK_EXIT_START = 1,   /* could not start: port, directory, plugin, damaged data */
	PDK_EXIT_CONFIG = 2,  /* a mistake in the configuration or on the command line */
	PDK_EXIT_FATAL = 3,   /* had to stop: the disk failed */
} PdkExit;

/*
 * Serves until @signal_fd (see pdk_loop_run) speaks. Says one line when it serves and one line for what keeps
 * it from serving. PDK_EXIT_FATAL: threads may still hang on the disk; leave the process at once.
 */
PdkExit pdk_daemon_run(PdkConfiguration *configuration, const PdkLog *log, int signal_fd, void (*on_signal)(void));

#endif
