/* SPDX-License-Identifier: Apache-2.0 */
/* The one message of FastLeaderElection, byte for byte; changes when Apache ZooKeeper's format does. */
#ifndef FLE_NOTIFICATION_H
#define FLE_NOTIFICATION_H

#include <paddock/election.h>

/* Format versions: 0 before 3.4.6, 1 before 3.5, 2 with the sender's configuration. */
#define NOTIFICATION_VERSION 2

typedef struct {
	int32_t state; /* a PdkPeerState once `notification_read` said so */
	PdkVote vote;
	int32_t version;
	const char *config; /* lent; NULL: version < 2 */
	size_t config_length;
} Notification;

typedef enum {
	NOTIFICATION_OK,
	NOTIFICATION_MALFORMED, /* too short, inconsistent, or a state or round that does not exist */
	NOTIFICATION_PAXOS,     /* the sender runs the other election */
} NotificationStatus;

NotificationStatus notification_read(const uint8_t *data, size_t length, Notification *into);
/* Always of the newest version, with @config. */
GBytes *notification_write(PdkPeerState state, const PdkVote *vote, const char *config, size_t config_length);

/* The version in a configuration's text; 0 without such a line, -1 when it is no number. */
int64_t notification_config_version(const char *config, size_t length);

#endif
