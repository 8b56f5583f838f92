/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Election: who should lead. One verb, `step`: an event goes in, things to do come out through a table. A plugin is pure: no
 * clock, no socket, no file, no thread; the host owns the links between peers (dialling, handshake, which of two connections
 * stays, queues), the records and the timers. It steps for as long as the server runs, also while following and leading, for
 * it answers the peers that look for a leader.
 *
 * Naming a leader is all it does. That there is one leader an epoch, and that nothing committed is lost, is proven afterwards by
 * discovery (ZAB), so any answer is safe; a good one makes progress.
 *
 * Sources: FastLeaderElection, QuorumCnxManager; Lamport, "Paxos Made Simple".
 */
#ifndef PADDOCK_ELECTION_H
#define PADDOCK_ELECTION_H

#include <paddock/host.h>

G_BEGIN_DECLS

typedef struct PdkElection PdkElection;

/* What a server is doing; the values are those of FLE's notifications. */
typedef enum {
	PDK_PEER_LOOKING = 0,
	PDK_PEER_FOLLOWING = 1,
	PDK_PEER_LEADING = 2,
	PDK_PEER_OBSERVING = 3,
} PdkPeerState;

typedef struct {
	int64_t leader;     /* sid */
	int64_t zxid;       /* the last one logged by the leader-to-be */
	int64_t round;      /* FLE: electionEpoch, a logical clock; Paxos: the attempt */
	int64_t peer_epoch; /* FLE: currentEpoch of the leader-to-be; the new epoch once it is established */
} PdkVote;

/* What is known of the connection to a peer. */
typedef enum {
	PDK_PEER_LINK_DOWN = 0,    /* no connection, and no reason known yet; the state at first */
	PDK_PEER_LINK_UP = 1,
	PDK_PEER_LINK_REFUSED = 2, /* the peer is known to be down: nobody listens there, or its connection was reset */
} PdkPeerLink;

/*
 * The ensemble as it is configured. Lent by the host, the same pointer for the plugin's whole life; its content changes only
 * before a MEMBERS event. Text and arrays live until then.
 */
typedef struct {
	uint32_t size;
	void *context;
	int64_t self;
	bool observes;          /* this server is an observer of the committed configuration */
	bool votes;             /* it is a voter of the committed configuration; neither: it follows without a vote */
	const int64_t *voters;  /* of the committed configuration or the last-seen one, rising */
	unsigned n_voters;
	/* Versions; last_seen > committed while a reconfiguration is under way. */
	int64_t committed_version, last_seen_version;
	/* The committed configuration as text, with its version line; not terminated. */
	const char *committed_text;
	size_t committed_length;
	bool reconfig_enabled;  /* false: configurations heard from others are ignored */
	/* Is it a voter of the committed or the last-seen configuration? */
	bool (*is_voter)(void *context, int64_t sid);
	/* 0: it may not lead (hierarchical quorums); 1 where weights are not used. */
	int64_t (*weight)(void *context, int64_t sid);
	/* Do these sids hold a quorum of the committed configuration and, while there is a newer last-seen one, of that, too? */
	bool (*quorum)(void *context, const int64_t *sids, unsigned n);
} PdkEnsemble;

typedef enum {
	PDK_ELECTION_LOOK = 1, /* look for a leader: at the start, and whenever the last one was lost */
	/*
	 * This server's state changed by other means than `elected`, or its epoch became known: `settled` tells what LOOKING
	 * peers are to be told from now on. After synchronisation only peer_epoch differs from what was elected.
	 */
	PDK_ELECTION_SETTLED = 2,
	PDK_ELECTION_MESSAGE = 3,  /* from a peer */
	PDK_ELECTION_LINK = 4,     /* the connection to a peer came or went */
	PDK_ELECTION_DEADLINE = 5, /* the deadline asked for is here (or was near) */
	PDK_ELECTION_MEMBERS = 6,  /* the content of PdkEnsemble changed; while looking, a LOOK follows */
	PDK_ELECTION_SAVED = 7,    /* the record of the last `save` with this key is durable */
} PdkElectionEventKind;

typedef struct {
	PdkElectionEventKind kind;
	int64_t now_us; /* monotonic */
	int64_t sid;    /* MESSAGE, LINK: the peer */
	union {
		struct {
			int64_t zxid;          /* the last logged one, durable; -1: the database is not to be trusted */
			int64_t current_epoch; /* durable */
		} look;
		struct {
			PdkPeerState state;
			PdkVote vote;
		} settled;
		struct {
			const uint8_t *data; /* lent for the call */
			size_t length;
		} message;
		PdkPeerLink link;
		const char *saved; /* the key */
	};
} PdkElectionEvent;

/* What a step asks for. Called inside `step` (and `create` never); arguments are lent. */
typedef struct {
	uint32_t size;
	void *context;
	/* To a peer, this server included (then it comes back as a MESSAGE after the step). Queued as the ops table says. */
	void (*send)(void *context, int64_t sid, GBytes *message);
	/* One deadline, replacing the one before; INT64_MAX: none. Monotonic us. */
	void (*deadline)(void *context, int64_t at_us);
	/* The end of looking. @state is LEADING when vote->leader is this server. */
	void (*elected)(void *context, const PdkVote *vote, PdkPeerState state);
	/* A newer committed configuration was heard of (with its version line). While looking only. */
	void (*adopt)(void *context, const char *text, size_t length);
	/* Keep this record; answered by SAVED. At most one of a key under way. */
	void (*save)(void *context, const char *key, GBytes *value);
	/*
	 * What was elected will not come about: this server was named leader, but a quorum of voters follows another, or looks
	 * again; or the leader that was named looks again itself. The host looks again, too, unless this server's epoch is
	 * established, or it has heard from its leader. May be NULL.
	 */
	void (*doubt)(void *context);
	/*
	 * Said right before `elected`: every voter was heard in this round and names the leader, so that none of them holds more
	 * than it does. Then even a server that holds nothing may help to establish it. May be NULL.
	 */
	void (*unanimous)(void *context);
} PdkElectionOut;

/* Required: create, destroy, step. */
typedef struct {
	uint32_t size;
	/* How many unsent messages to a peer are kept; a further one replaces the oldest. 1 for FLE. */
	uint32_t queue_length;
	/* A new connection begins with the message sent last, if none is waiting (FLE needs it). */
	bool resend_last;

	/*
	 * @ensemble is lent for the instance's life. @record is what was saved last under @record_key (below), NULL: nothing.
	 */
	PdkElection *(*create)(const PdkHost *host, const PdkConfig *config, const PdkEnsemble *ensemble, GBytes *record,
			       GError **error);
	void (*destroy)(PdkElection *self);
	void (*step)(PdkElection *self, const PdkElectionEvent *event, const PdkElectionOut *out);

	/* The key of its record (a file name: letters and digits), NULL: it keeps none. */
	const char *record_key;
} PdkElectionOps;

/*
 * How members that run different elections notice: FLE's messages begin with a state 0..3, Paxos' with this number. Who hears
 * the other says so in one log line a peer.
 */
#define PDK_ELECTION_MAGIC_PAXOS UINT32_C(0x50445058)

G_END_DECLS

#endif
