/* SPDX-License-Identifier: Apache-2.0 */
/* What a leader hears that makes it doubt; changes when it should give way for something else. */
#include "fle.h"

/*
 * A voter that began to look later may win those over whose votes made this server leader, before they have heard that the
 * election is over. They will not come then, and there is no use in waiting for them.
 */
void
fle_hear_against(PdkElection *self, int64_t sid, const Notification *heard)
{
	const Ballot ballot = {.sid = sid, .vote = heard->vote, .state = (PdkPeerState)heard->state, .version = heard->version};
	int64_t leader = heard->vote.leader;

	if (heard->vote.round != self->clock)
		return; /* an older story, perhaps sent again over a new connection */
	ballots_put(&self->against, &ballot);
	if (leader == self->ensemble->self || !fle_is_voter(self, leader) || self->out->doubt == NULL)
		return;
	if (ballots_quorum(&self->against, self->ensemble, &ballot) && fle_leader_confirms(self, &self->against, &heard->vote))
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
void
fle_hear_leaving(PdkElection *self, int64_t sid, const Notification *heard)
{
	const PdkEnsemble *ensemble = self->ensemble;
	Peer *peer = fle_peer(self, sid);

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

void
fle_forget_who_left(PdkElection *self)
{
	for (unsigned i = 0; i < self->ensemble->n_voters; i++) {
		Peer *peer = g_hash_table_lookup(self->peers, &self->ensemble->voters[i]);
		if (peer)
			peer->left = false;
	}
}
