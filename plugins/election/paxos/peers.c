/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of the other servers; changes when a ballot's chances are judged by something else. */
#include "paxos.h"

/* More servers than any ensemble has: who is above is not remembered, and not listened to. */
#define PEERS_MAX 1024

PaxosPeer *
pdk_paxos_peer(PdkElection *self, int64_t sid)
{
	for (guint i = 0; i < self->peers->len; i++) {
		PaxosPeer *peer = self->peers->pdata[i];
		if (peer->sid == sid)
			return peer;
	}
	if (self->peers->len == PEERS_MAX)
		return NULL;

	PaxosPeer *peer = g_new0(PaxosPeer, 1);
	peer->sid = sid;
	peer->summary = (PaxosSummary){-1, -1};
	peer->follows = PAXOS_NOBODY;
	g_ptr_array_add(self->peers, peer);
	return peer;
}

void
pdk_paxos_peers_forget(PdkElection *self)
{
	for (unsigned i = 0; i < self->ensemble->n_voters; i++)
		if (self->ensemble->voters[i] != self->ensemble->self)
			(void)pdk_paxos_peer(self, self->ensemble->voters[i]); /* it counts, though silent */
	for (guint i = 0; i < self->peers->len; i++) {
		PaxosPeer *peer = self->peers->pdata[i];
		peer->heard = peer->looking = peer->untold = false;
		peer->k = 0;
		peer->summary = (PaxosSummary){-1, -1};
		peer->follows = PAXOS_NOBODY;
	}
}

bool
pdk_paxos_peers_all_heard(PdkElection *self)
{
	for (unsigned i = 0; i < self->ensemble->n_voters; i++) {
		int64_t sid = self->ensemble->voters[i];
		const PaxosPeer *peer = sid == self->ensemble->self ? NULL : pdk_paxos_peer(self, sid);
		if (peer && !peer->heard && peer->link != PDK_PEER_LINK_REFUSED)
			return false;
	}
	return true;
}

/* Do the peers of which @counts holds for @number, and this server if @with_self, make a quorum? */
static bool
quorum(PdkElection *self, bool with_self, bool (*counts)(const PaxosPeer *peer, int64_t number), int64_t number)
{
	g_autoptr(GArray) sids = g_array_new(FALSE, FALSE, sizeof(int64_t));

	if (with_self)
		g_array_append_val(sids, self->ensemble->self);
	for (guint i = 0; i < self->peers->len; i++) {
		const PaxosPeer *peer = self->peers->pdata[i];
		if (counts(peer, number))
			g_array_append_val(sids, peer->sid);
	}
	return self->ensemble->quorum(self->ensemble->context, (const int64_t *)(const void *)sids->data, sids->len);
}

static bool
looks(const PaxosPeer *peer, G_GNUC_UNUSED int64_t leader)
{
	return peer->looking;
}

bool
pdk_paxos_peers_quorum_looks(PdkElection *self)
{
	return quorum(self, true, looks, PAXOS_NOBODY);
}

static bool
follows(const PaxosPeer *peer, int64_t leader)
{
	return peer->heard && peer->follows == leader;
}

bool
pdk_paxos_peers_quorum_follows(PdkElection *self, int64_t leader)
{
	return quorum(self, false, follows, leader);
}

static bool
stays(const PaxosPeer *peer, int64_t k)
{
	return peer->heard && peer->k <= k;
}

static bool
may_stay(const PaxosPeer *peer, int64_t k)
{
	return (peer->heard || peer->link != PDK_PEER_LINK_REFUSED) && peer->k <= k;
}

bool
pdk_paxos_peers_quorum_stays(PdkElection *self, int64_t k, bool silent)
{
	return quorum(self, true, silent ? may_stay : stays, k);
}

bool
pdk_paxos_summary_beats(PaxosSummary a, int64_t a_sid, PaxosSummary b, int64_t b_sid)
{
	if (a.epoch != b.epoch)
		return a.epoch > b.epoch;
	if (a.zxid != b.zxid)
		return a.zxid > b.zxid;
	return a_sid > b_sid;
}

unsigned
pdk_paxos_peers_ahead(PdkElection *self)
{
	unsigned ahead = 0;

	for (guint i = 0; i < self->peers->len; i++) {
		const PaxosPeer *peer = self->peers->pdata[i];
		ahead += peer->looking &&
			 pdk_paxos_summary_beats(peer->summary, peer->sid, self->summary, self->ensemble->self);
	}
	return ahead;
}
