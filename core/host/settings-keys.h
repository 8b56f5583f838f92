/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of the server's own settings: how each is called in both configuration files, its range, default
 * and help.
 */
#ifndef PDK_HOST_SETTINGS_KEYS_H
#define PDK_HOST_SETTINGS_KEYS_H

#include "server/settings.h"

typedef enum {
	PDK_SETTING_INT32 = 1,
	PDK_SETTING_INT64,
	PDK_SETTING_BOOL,
	PDK_SETTING_STRING,
	PDK_SETTING_LIST,
	PDK_SETTING_NUMBER, /* with a fraction */
} PdkSettingType;

typedef struct {
	const char *group; /* of paddock.conf; NULL: top level */
	const char *key;   /* in its group; NULL ends the table */
	const char *zoo;   /* of zoo.cfg, without "zookeeper." */
	PdkSettingType type;
	bool of_replica;	/* a field of PdkReplicaParams, not of PdkSettings */
	size_t offset;		/* in that */
	int64_t min, max;	/* of what is written */
	int64_t floor;		/* what is less is raised to it with a warning; min: nothing is */
	int64_t unit;		/* what is written times this is what is kept */
	const char *fallback;	/* the default as written; NULL: unset, or follows from other settings (see help) */
	const char *help;	/* one line; says the unit */
} PdkSettingKey;

/* In the order of --print-defaults: groups in a row, top level first. */
const PdkSettingKey *pdk_setting_keys(void);

/* NULL: no such. */
const PdkSettingKey *pdk_setting_find(const char *group, const char *key);
const PdkSettingKey *pdk_setting_find_zoo(const char *zoo);
bool pdk_setting_group_known(const char *group);
/* Does it matter to members of an ensemble only? */
bool pdk_setting_is_of_ensemble(const PdkSettingKey *key);

/*
 * From text, as zoo.cfg has it; *raised (may be NULL): it was less than `floor`. False: @error says found and
 * allowed.
 */
bool pdk_setting_set_text(const PdkSettingKey *key, PdkSettings *settings, const char *text, bool *raised, GError **error);
/* The setting as text (g_free), NULL when unset. Of an ensemble's, stand-alone: the default. */
char *pdk_setting_text(const PdkSettingKey *key, const PdkSettings *settings);

#endif
