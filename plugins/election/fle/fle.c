/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fle: Apache ZooKeeper's FastLeaderElection. Voters that look tell each other the best server they know of, in rounds; the
 * election ends where a quorum names the same. Changes when that algorithm does.
 *
 * Source: FastLeaderElection (lookForLeader, WorkerReceiver, WorkerSender). What waits there for a while is a deadline here.
 */
#include "notification.h"
#include "votes.h"

#include <paddock/host.h>
#include <paddock/plugin.h>

#define MS_US INT64_C(1000)
#define PEERS_MAX 512           /* peers remembered; more than an ensemble can have */
#define SAME_ANSWER_US 10000    /* between two answers to a peer that say the same */

static const PdkOption fle_options[] = {
	{.key = "finalize_wait_ms", .type = PDK_OPTION_INT, .fallback = "200", .min = 1, .max = 60000,
	 .help = "how long a quorum waits for better votes of voters that are silent, in ms"},
	{.key = "notification_min_ms", .type = PDK_OPTION_INT, .fallback = "200", .min = 1, .max = 60000,
	 .zoo_keys = "fastleader.minNotificationInterval",
	 .help = "first pause before a vote is sent again, in ms; each further pause is twice as long"},
	{.key = "notification_max_ms", .type = PDK_OPTION_INT, .fallback = "60000", .min = 1, .max = 3600000,
	 .zoo_keys = "fastleader.maxNotificationInterval", .help = "longest pause before a vote is sent again, in ms"},
	{0},
};

typedef struct {
	int64_t sid;
	PdkPeerLink link;
	bool was_up;                     /* some time: a refused dial tells that it went, not that it is about to come */
	bool told_paxos, told_malformed; /* the operator knows */
	int64_t asked_version;           /* of the last configuration of this peer that the host was asked to adopt */
	bool answered;                   /* on this connection: the next three are set */
	PdkVote answer;
	PdkPeerState answer_state;
	int64_t answered_us;
	bool waits;                      /* has no vote, and looked at looked_us */
	bool left;                       /* while leading: looks again, in a later round than it was elected in */
	bool looked;                     /* has one, and looked while this server did not: the next two are set */
	PdkVote looked_for;
	int64_t looked_us;
} Peer;

struct PdkElection {
	const PdkHost *host;
	const PdkEnsemble *ensemble;
	int64_t finalize_wait_us, interval_min_us, interval_max_us;
	const PdkElectionOut *out; /* during a step */
	int64_t now_us;
	GHashTable *peers; /* sid -> Peer */
	GArray *waiting;   /* sids of those that wait */

	PdkPeerState state; /* LOOKING also before the first search, when there is nothing to do or say */
	bool searches;      /* looks, and was told with what history */
	PdkVote current; /* currentVote: what peers that look are told while this server does not */
	int64_t clock;   /* logicalclock: the round. Rises only, also across changes of the configuration */

	/* While looking. */
	PdkVote initial, proposal; /* their rounds are not used: the clock is */
	Ballots received; /* recvset: of this round */
	Ballots outside;  /* outofelection: of those that follow or lead, any round */
	Ballots against;  /* while leading: of those that follow or lead, this round */
	int64_t began_us;
	int64_t interval_us, resend_us; /* the vote is sent again then */
	int64_t finalize_us;            /* a quorum agrees, and waits until then; INT64_MAX: none does */

	int64_t armed_us; /* the deadline the host knows of */
};

static PdkElection *
fle_create(const PdkHost *host, const PdkConfig *config, const PdkEnsemble *ensemble, GBytes *record G_GNUC_UNUSED,
	   GError **error G_GNUC_UNUSED)
{
	PdkElection *self = g_new0(PdkElection, 1);

	self->host = host;
	self->ensemble = ensemble;
	self->finalize_wait_us = host->option_int(config, "finalize_wait_ms") * MS_US;
	self->interval_min_us = host->option_int(config, "notification_min_ms") * MS_US;
	self->interval_max_us = MAX(host->option_int(config, "notification_max_ms") * MS_US, self->interval_min_us);
	self->peers = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, g_free);
	self->waiting = g_array_new(FALSE, FALSE, sizeof(int64_t));
	self->received.ballots = g_array_new(FALSE, FALSE, sizeof(Ballot));
	self->outside.ballots = g_array_new(FALSE, FALSE, sizeof(Ballot));
	self->against.ballots = g_array_new(FALSE, FALSE, sizeof(Ballot));
	self->resend_us = self->finalize_us = self->armed_us = INT64_MAX;
	return self;
}

static void
fle_destroy(PdkElection *self)
{
	g_hash_table_unref(self->peers);
	g_array_unref(self->waiting);
	g_array_unref(self->received.ballots);
	g_array_unref(self->outside.ballots);
	g_array_unref(self->against.ballots);
	g_free(self);
}

static bool
is_voter(const PdkElection *self, int64_t sid)
{
	return self->ensemble->is_voter(self->ensemble->context, sid);
}

/* NULL: more peers than an ensemble has. */
static Peer *
peer_of(PdkElection *self, int64_t sid)
{
	Peer *peer = g_hash_table_lookup(self->peers, &sid);

	if (peer || g_hash_table_size(self->peers) >= PEERS_MAX)
		return peer;
	peer = g_new0(Peer, 1);
	peer->sid = sid;
	g_hash_table_insert(self->peers, &peer->sid, peer);
	return peer;
}

/* ---- telling ---- */

static PdkVote
with_round(const PdkVote *vote, int64_t round)
{
	return (PdkVote){.leader = vote->leader, .zxid = vote->zxid, .round = round, .peer_epoch = vote->peer_epoch};
}

static bool
same_vote(const PdkVote *a, const PdkVote *b)
{
	return a->leader == b->leader && a->zxid == b->zxid && a->round == b->round && a->peer_epoch == b->peer_epoch;
}

static void
tell(PdkElection *self, int64_t sid, const PdkVote *vote, int64_t round)
{
	const PdkVote told = with_round(vote, round);
	g_autoptr(GBytes) message = notification_write(self->state, &told, self->ensemble->committed_text,
						       self->ensemble->committed_length);

	self->out->send(self->out->context, sid, message);
}

/*
 * Tells a peer, unless it was told the very same less than @again_us ago: two servers that do not count each other as voters
 * would answer each other's answers for ever, as fast as the network goes.
 */
static void
answer(PdkElection *self, int64_t sid, const PdkVote *vote, int64_t round, int64_t again_us)
{
	const PdkVote told = with_round(vote, round);
	Peer *peer = peer_of(self, sid);

	if (peer == NULL || sid == self->ensemble->self)
		return;
	if (peer->answered && peer->answer_state == self->state && same_vote(&peer->answer, &told) &&
	    self->now_us - peer->answered_us < again_us)
		return;
	peer->answered = true;
	peer->answer = told;
	peer->answer_state = self->state;
	peer->answered_us = self->now_us;
	tell(self, sid, vote, round);
}

/* sendNotifications: to this server, too, whose own vote comes back like any other. */
static void
tell_voters(PdkElection *self)
{
	for (unsigned i = 0; i < self->ensemble->n_voters; i++)
		tell(self, self->ensemble->voters[i], &self->proposal, self->clock);
	self->resend_us = self->now_us + self->interval_us;
}

/* ---- the end of looking ---- */

/* Those without a vote would learn who leads only when they ask again. */
static void
tell_waiting(PdkElection *self)
{
	for (unsigned i = 0; i < self->waiting->len; i++) {
		int64_t sid = g_array_index(self->waiting, int64_t, i);
		Peer *peer = g_hash_table_lookup(self->peers, &sid);
		peer->waits = false;
		answer(self, sid, &self->current, self->clock, SAME_ANSWER_US);
	}
	g_array_set_size(self->waiting, 0);
}

/* Did it say that it follows or leads, and that another leader than @leader does? */
static bool
settled_otherwise(const PdkElection *self, int64_t sid, int64_t leader)
{
	const Ballot *ballot = ballots_find(&self->outside, sid);

	return ballot && ballot->vote.leader != leader;
}

/*
 * Who counts on a vote that this server has changed, or on this server itself, would lead alone or follow one that does not
 * lead. Java says nothing here; there such a server waits for initLimit.
 */
static void
tell_mistaken(PdkElection *self, bool all)
{
	for (unsigned i = 0; i < self->ensemble->n_voters; i++) {
		int64_t sid = self->ensemble->voters[i];
		if (sid != self->ensemble->self && (all || settled_otherwise(self, sid, self->current.leader)))
			tell(self, sid, &self->current, self->clock);
	}
}

static void
end(PdkElection *self, const PdkVote *vote)
{
	bool votes = is_voter(self, self->ensemble->self);
	bool changed = vote->round == self->clock && vote->leader != self->proposal.leader;

	self->current = *vote;
	self->clock = vote->round;
	self->searches = false;
	self->state = vote->leader == self->ensemble->self ? PDK_PEER_LEADING :
		      self->ensemble->observes		   ? PDK_PEER_OBSERVING :
							     PDK_PEER_FOLLOWING;
	self->resend_us = self->finalize_us = INT64_MAX;
	self->host->log(self->host, PDK_LOG_INFO,
			"elected leader=%" G_GINT64_FORMAT " round=%" G_GINT64_FORMAT " zxid=0x%" G_GINT64_MODIFIER
			"x epoch=%" G_GINT64_FORMAT " after_ms=%" G_GINT64_FORMAT,
			vote->leader, vote->round, vote->zxid, vote->peer_epoch, (self->now_us - self->began_us) / MS_US);
	self->out->elected(self->out->context, vote, self->state);
	if (votes)
		tell_mistaken(self, changed);
	tell_waiting(self);
}

static Ballot
proposed(const PdkElection *self)
{
	return (Ballot){.vote = with_round(&self->proposal, self->clock), .state = PDK_PEER_LOOKING};
}

static bool
quorum_agrees(const PdkElection *self)
{
	const Ballot ballot = proposed(self);

	return ballots_quorum(&self->received, self->ensemble, &ballot);
}

static bool
is_down(const PdkElection *self, int64_t sid)
{
	const Peer *peer = g_hash_table_lookup(self->peers, &sid);

	return peer && peer->was_up && peer->link == PDK_PEER_LINK_REFUSED;
}

/*
 * Has every voter named the proposed leader in this round, with @but_down but for those known to be down? Servers that start
 * together refuse each other for a moment; who decides then splits the votes.
 */
static bool
all_agree(const PdkElection *self, bool but_down)
{
	for (unsigned i = 0; i < self->ensemble->n_voters; i++) {
		int64_t sid = self->ensemble->voters[i];
		const Ballot *ballot = ballots_find(&self->received, sid);
		bool agrees = ballot && ballot->vote.leader == self->proposal.leader;
		if (!agrees && !(but_down && is_down(self, sid)))
			return false;
	}
	return true;
}

static void
end_with_proposal(PdkElection *self)
{
	const Ballot ballot = proposed(self);

	if (all_agree(self, false) && PDK_HAS(self->out, unanimous))
		self->out->unanimous(self->out->context);
	end(self, &ballot.vote);
}

/* Nobody is left who could bring a better vote: the wait is over before its time. */
static void
end_early(PdkElection *self)
{
	if (self->finalize_us != INT64_MAX && all_agree(self, true) && quorum_agrees(self))
		end_with_proposal(self);
}

/* checkLeader: the others may believe in a leader that is dead, so it must have said itself that it leads. */
static bool
leader_confirms(const PdkElection *self, const Ballots *ballots, const PdkVote *vote)
{
	if (vote->leader == self->ensemble->self)
		return self->clock == vote->round;
	const Ballot *ballot = ballots_find(ballots, vote->leader);
	return ballot && ballot->state == PDK_PEER_LEADING;
}

/* ---- looking ---- */

static void
join_round(PdkElection *self, int64_t round, PdkVote proposal)
{
	self->clock = round;
	g_array_set_size(self->received.ballots, 0);
	self->proposal = proposal;
	self->finalize_us = INT64_MAX;
	tell_voters(self);
}

static void
hear_looking(PdkElection *self, int64_t sid, const PdkVote *vote)
{
	const Ballot ballot = proposed(self);

	if (self->initial.zxid == -1 || vote->zxid == -1)
		return; /* a database that is not to be trusted has no say */
	if (vote->round > self->clock) {
		join_round(self, vote->round, vote_beats(self->ensemble, vote, &self->initial) ? *vote : self->initial);
	} else if (vote->round < self->clock) {
		return; /* it was answered when it came */
	} else if (vote_beats(self->ensemble, vote, &self->proposal)) {
		self->proposal = *vote;
		self->finalize_us = INT64_MAX;
		tell_voters(self);
	} else if (!same_vote(vote, &ballot.vote) && is_voter(self, self->ensemble->self)) {
		/* Perhaps it did not look yet when it was told. Else it would hear only when votes are sent again. */
		answer(self, sid, &self->proposal, self->clock, INT64_MAX);
	}
	ballots_put(&self->received, &(Ballot){.sid = sid, .vote = *vote, .state = PDK_PEER_LOOKING});
	if (self->finalize_us != INT64_MAX || !quorum_agrees(self))
		return;
	self->finalize_us = self->now_us + self->finalize_wait_us;
}

static void
hear_settled(PdkElection *self, int64_t sid, const Notification *heard)
{
	const PdkPeerState state = (PdkPeerState)heard->state;
	const Ballot ballot = {.sid = sid, .vote = heard->vote, .state = state, .version = heard->version};

	if (heard->vote.round == self->clock) {
		const Ballot of_this_round = {.sid = sid, .vote = heard->vote, .state = state};
		ballots_put(&self->received, &of_this_round);
		if (ballots_quorum(&self->received, self->ensemble, &ballot) &&
		    leader_confirms(self, &self->received, &heard->vote)) {
			end(self, &heard->vote);
			return;
		}
	}
	ballots_put(&self->outside, &ballot);
	if (ballots_quorum(&self->outside, self->ensemble, &ballot) && leader_confirms(self, &self->outside, &heard->vote))
		end(self, &heard->vote);
}

/* While a quorum waits, only a better vote moves it on; an equal one of the round shortens the wait. */
static bool
waits_through(const PdkElection *self, const PdkVote *vote)
{
	return self->finalize_us != INT64_MAX && vote->round != self->clock &&
	       !vote_beats(self->ensemble, vote, &self->proposal);
}

/* The loop of lookForLeader. */
static void
hear_while_looking(PdkElection *self, int64_t sid, const Notification *heard)
{
	if (!is_voter(self, heard->vote.leader)) {
		/*
		 * A voter of a list under way that has no vote by the list in force names nobody until it hears of a leader, and is needed
		 * for a quorum of both: in a later round it would not hear.
		 */
		if (heard->state == PDK_PEER_LOOKING && heard->vote.round > self->clock)
			join_round(self, heard->vote.round, self->initial);
		return;
	}
	if (heard->state == PDK_PEER_LOOKING && !waits_through(self, &heard->vote))
		hear_looking(self, sid, &heard->vote);
	else if (heard->state == PDK_PEER_FOLLOWING || heard->state == PDK_PEER_LEADING)
		hear_settled(self, sid, heard);
	if (self->searches)
		end_early(self);
}

/*
 * Servers notice at different moments that a leader is gone. Who noticed first has spoken before this server searched, and will
 * not soon say it again, so its vote is kept for a while.
 */
static void
keep_for_search(PdkElection *self, int64_t sid, const PdkVote *vote)
{
	Peer *peer = peer_of(self, sid);

	if (peer == NULL)
		return;
	peer->looked = true;
	peer->looked_for = *vote;
	peer->looked_us = self->now_us;
}

static void
hear_what_was_kept(PdkElection *self)
{
	for (unsigned i = 0; i < self->ensemble->n_voters && self->searches; i++) {
		int64_t sid = self->ensemble->voters[i];
		Peer *peer = g_hash_table_lookup(self->peers, &sid);
		if (peer == NULL || !peer->looked)
			continue;
		peer->looked = false;
		const Notification kept = {.state = PDK_PEER_LOOKING, .vote = peer->looked_for};
		if (self->now_us - peer->looked_us < self->interval_min_us)
			hear_while_looking(self, sid, &kept);
	}
}

/* ---- messages ---- */

/*
 * A configuration newer than the committed one replaces it, and the search begins again: true, there is nothing more to do with
 * this message. A peer's configuration is offered once a version, for the host may refuse it.
 */
static bool
offer_config(PdkElection *self, int64_t sid, const Notification *heard)
{
	if (!self->ensemble->reconfig_enabled || !self->searches || heard->config == NULL)
		return false;
	int64_t version = notification_config_version(heard->config, heard->config_length);
	Peer *peer = peer_of(self, sid);
	if (version <= self->ensemble->committed_version || peer == NULL || peer->asked_version == version)
		return false;
	peer->asked_version = version;
	self->out->adopt(self->out->context, heard->config, heard->config_length);
	return true;
}

/* Observers and others without a vote ask; they are told of this server's vote, and of the next leader once there is one. */
static void
hear_without_vote(PdkElection *self, int64_t sid, bool looks)
{
	bool settled = self->state != PDK_PEER_LOOKING;
	Peer *peer = peer_of(self, sid);

	if (settled || self->searches)
		answer(self, sid, settled ? &self->current : &self->proposal, self->clock, SAME_ANSWER_US);
	if (!looks || peer == NULL)
		return;
	peer->looked_us = self->now_us;
	if (!peer->waits)
		g_array_append_val(self->waiting, sid);
	peer->waits = true;
}

/*
 * A voter that began to look later may win those over whose votes made this server leader, before they have heard that the
 * election is over. They will not come then, and there is no use in waiting for them.
 */
static void
hear_against(PdkElection *self, int64_t sid, const Notification *heard)
{
	const Ballot ballot = {.sid = sid, .vote = heard->vote, .state = (PdkPeerState)heard->state, .version = heard->version};
	int64_t leader = heard->vote.leader;

	if (heard->vote.round != self->clock)
		return; /* an older story, perhaps sent again over a new connection */
	ballots_put(&self->against, &ballot);
	if (leader == self->ensemble->self || !is_voter(self, leader) || self->out->doubt == NULL)
		return;
	if (ballots_quorum(&self->against, self->ensemble, &ballot) && leader_confirms(self, &self->against, &heard->vote))
		self->out->doubt(self->out->context);
}

static bool
stays(const PdkElection *self, int64_t sid)
{
	const Peer *peer = g_hash_table_lookup(self->peers, &sid);

	return sid == self->ensemble->self || (peer && !peer->left && peer->link == PDK_PEER_LINK_UP);
}

/*
 * A voter that looks in a later round lost this leader, or never reached it. Alone with its vote it cannot come back, for it
 * wants a quorum that follows; and who is left may be no quorum. Then nobody is to be waited for either.
 */
static void
hear_leaving(PdkElection *self, int64_t sid, const Notification *heard)
{
	const PdkEnsemble *ensemble = self->ensemble;
	Peer *peer = peer_of(self, sid);

	if (peer == NULL || heard->vote.round <= self->current.round || self->out->doubt == NULL)
		return;
	peer->left = true;
	g_autoptr(GArray) sids = g_array_new(FALSE, FALSE, sizeof(int64_t));
	for (unsigned i = 0; i < ensemble->n_voters; i++)
		if (stays(self, ensemble->voters[i]))
			g_array_append_val(sids, ensemble->voters[i]);
	if (!ensemble->quorum(ensemble->context, (const int64_t *)(const void *)sids->data, sids->len))
		self->out->doubt(self->out->context);
}

static void
forget_who_left(PdkElection *self)
{
	for (unsigned i = 0; i < self->ensemble->n_voters; i++) {
		Peer *peer = g_hash_table_lookup(self->peers, &self->ensemble->voters[i]);
		if (peer)
			peer->left = false;
	}
}

/* WorkerReceiver: what every message is, whatever this server does. */
static void
hear(PdkElection *self, int64_t sid, const Notification *heard)
{
	if (offer_config(self, sid, heard))
		return;
	bool settled = self->state != PDK_PEER_LOOKING, looks = heard->state == PDK_PEER_LOOKING;
	if (!is_voter(self, sid)) {
		hear_without_vote(self, sid, looks);
		return;
	}
	if (self->searches) {
		if (looks && heard->vote.round < self->clock)
			answer(self, sid, &self->proposal, self->clock, SAME_ANSWER_US);
		hear_while_looking(self, sid, heard);
		return;
	}
	if (!looks && self->state == PDK_PEER_LEADING)
		hear_against(self, sid, heard);
	if (!looks || sid == self->ensemble->self)
		return;
	if (self->state == PDK_PEER_LEADING)
		hear_leaving(self, sid, heard);
	keep_for_search(self, sid, &heard->vote);
	if (settled)
		tell(self, sid, &self->current, self->current.round);
}

static void
say_once(PdkElection *self, int64_t sid, NotificationStatus status, size_t length)
{
	Peer *peer = peer_of(self, sid);

	if (peer == NULL)
		return;
	if (status == NOTIFICATION_PAXOS && !peer->told_paxos) {
		peer->told_paxos = true;
		self->host->log(self->host, PDK_LOG_ERROR,
				"peer %" G_GINT64_FORMAT
				" runs paxos, this server runs fle: set the same election on all members",
				sid);
	}
	if (status == NOTIFICATION_MALFORMED && !peer->told_malformed) {
		peer->told_malformed = true;
		self->host->log(self->host, PDK_LOG_WARNING,
				"malformed notification from peer %" G_GINT64_FORMAT " length=%" G_GSIZE_FORMAT ": dropped", sid,
				length);
	}
}

static void
on_message(PdkElection *self, int64_t sid, const uint8_t *data, size_t length)
{
	Notification heard;
	NotificationStatus status = notification_read(data, length, &heard);

	if (status != NOTIFICATION_OK) {
		say_once(self, sid, status, length);
		return;
	}
	Peer *peer = g_hash_table_lookup(self->peers, &sid);
	if (peer)
		peer->told_paxos = peer->told_malformed = false;
	hear(self, sid, &heard);
}

/* ---- the other events ---- */

/* Who asked just before this server searched will wait for the end with it; who asked long ago has had its answer. */
static void
forget_answered(PdkElection *self)
{
	for (unsigned i = self->waiting->len; i > 0; i--) {
		int64_t sid = g_array_index(self->waiting, int64_t, i - 1);
		Peer *peer = g_hash_table_lookup(self->peers, &sid);
		if (self->now_us - peer->looked_us < self->interval_min_us)
			continue;
		peer->waits = false;
		g_array_remove_index(self->waiting, i - 1);
	}
}

/* A voter begins with itself; others name nobody, and an observer has no history to speak of. */
static void
on_look(PdkElection *self, int64_t zxid, int64_t current_epoch)
{
	const PdkEnsemble *ensemble = self->ensemble;

	self->initial = (PdkVote){
		.leader = ensemble->votes ? ensemble->self : INT64_MIN,
		.zxid = ensemble->observes ? INT64_MIN : zxid,
		.peer_epoch = ensemble->observes ? INT64_MIN : current_epoch,
	};
	self->proposal = self->initial;
	self->state = PDK_PEER_LOOKING;
	self->searches = true;
	self->clock++;
	g_array_set_size(self->received.ballots, 0);
	g_array_set_size(self->outside.ballots, 0);
	g_array_set_size(self->against.ballots, 0);
	self->began_us = self->now_us;
	self->interval_us = self->interval_min_us;
	self->finalize_us = INT64_MAX;
	forget_answered(self);
	forget_who_left(self);
	tell_voters(self);
	hear_what_was_kept(self);
}

static void
on_settled(PdkElection *self, PdkPeerState state, const PdkVote *vote)
{
	self->state = state;
	self->searches = false;
	g_array_set_size(self->against.ballots, 0);
	if (state != PDK_PEER_LOOKING)
		self->current = *vote;
	self->resend_us = self->finalize_us = INT64_MAX;
}

static void
on_link(PdkElection *self, int64_t sid, PdkPeerLink link)
{
	Peer *peer = peer_of(self, sid);

	if (peer == NULL)
		return;
	peer->link = link;
	peer->was_up |= link == PDK_PEER_LINK_UP;
	peer->answered = false; /* it may have been lost with the connection, or the peer be another by now */
	if (self->searches)
		end_early(self);
}

static void
on_deadline(PdkElection *self)
{
	self->armed_us = INT64_MAX;
	if (self->now_us >= self->finalize_us) {
		self->finalize_us = INT64_MAX;
		if (quorum_agrees(self)) {
			end_with_proposal(self);
			return;
		}
	}
	if (self->now_us < self->resend_us)
		return;
	self->interval_us = MIN(self->interval_us * 2, self->interval_max_us);
	tell_voters(self);
}

static void
fle_step(PdkElection *self, const PdkElectionEvent *event, const PdkElectionOut *out)
{
	self->out = out;
	self->now_us = event->now_us;
	switch (event->kind) {
	case PDK_ELECTION_LOOK:
		on_look(self, event->look.zxid, event->look.current_epoch);
		break;
	case PDK_ELECTION_SETTLED:
		on_settled(self, event->settled.state, &event->settled.vote);
		break;
	case PDK_ELECTION_MESSAGE:
		on_message(self, event->sid, event->message.data, event->message.length);
		break;
	case PDK_ELECTION_LINK:
		on_link(self, event->sid, event->link);
		break;
	case PDK_ELECTION_DEADLINE:
		on_deadline(self);
		break;
	case PDK_ELECTION_MEMBERS: /* read when it is needed; a LOOK follows where it matters */
	case PDK_ELECTION_SAVED:   /* nothing is kept: currentEpoch and the log are the host's */
		break;
	}
	int64_t deadline_us = MIN(self->resend_us, self->finalize_us);
	if (deadline_us != self->armed_us)
		out->deadline(out->context, deadline_us);
	self->armed_us = deadline_us;
	self->out = NULL;
}

static const PdkElectionOps fle_ops = {
	.size = sizeof(PdkElectionOps),
	.queue_length = 1,
	.resend_last = true,
	.create = fle_create,
	.destroy = fle_destroy,
	.step = fle_step,
};

PDK_PLUGIN_DEFINE(election, fle) = {
	PDK_PLUGIN_HEAD,
	.kind = PDK_KIND_ELECTION,
	.name = "fle",
	.version = PACKAGE_VERSION,
	.summary = "FastLeaderElection, as Apache ZooKeeper's servers speak it",
	.options = fle_options,
	.ops = &fle_ops,
};
