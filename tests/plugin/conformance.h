/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the conformance suites of all kinds have in common: how cases are run on a plugin, and what is asked of every
 * plugin before its kind is looked at.
 *
 * A suite is run on the static twins it is linked with, or, when its command line names .so files, on those.
 */
#ifndef CONFORMANCE_H
#define CONFORMANCE_H

#include <paddock/plugin.h>

/* The plugin in the file @path, which stays mapped. Ends the program with a message when there is none. */
const PdkPlugin *conformance_load(const char *path);

typedef struct {
	const char *name; /* the sentence it proves; NULL ends the table */
	void (*run)(void);
} ConformanceCase;

#define CONFORMANCE_CASE(name) { #name, name }

/* Runs @cases as the suite @name; returns how many failed. */
unsigned conformance_run(const char *name, const ConformanceCase *cases);

/* On which twin. */
typedef struct {
	const PdkPlugin *plugin; /* NULL ends the table */
	const char *name;
	const ConformanceCase *cases;
} ConformanceSuite;

/*
 * What main returns: @every_plugin was run on each .so file of the command line, or @suites where there is none. *@plugin is the
 * one that is run.
 */
int conformance_main(int argc, char **argv, const PdkPlugin **plugin, const ConformanceCase *every_plugin,
		     const ConformanceSuite *suites);

/* CUnit assertions: the head, the name, the texts, and that every option's default is allowed by the option itself. */
void conformance_check(const PdkPlugin *plugin, PdkKind kind);

#endif
