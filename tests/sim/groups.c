/* SPDX-License-Identifier: Apache-2.0 */
/* Groups and weights: how they are drawn, and what a quorum is, by other code than the servers'. Changes when quorums do. */
#include "sim/world-private.h"

#define MOST_GROUPS 3
#define MOST_WEIGHT 3
#define WEIGHTLESS_ONE_OF 4

/*
 * It is so in every list: who weighs nothing by one list and something by the next cannot be elected by those who know the first
 * only, and need not follow who holds less by those who know the second, too (as upstream's).
 */
static bool
is_weightless(const Sim *sim, int64_t sid)
{
	PdkRandom draw = pdk_random(sim->params.seed * 15485863 + 100 + (uint64_t)sid);
	return sid > 1 && pdk_random_below(&draw, WEIGHTLESS_ONE_OF) == 0;
}

bool
sim_all_weigh(const Sim *sim, const PdkSids *sids)
{
	for (unsigned i = 0; i < sids->n; i++)
		if (is_weightless(sim, sids->at[i]))
			return false;
	return true;
}

void
sim_groups_append(const Sim *sim, GString *text, PdkRandom *draw, const PdkSids *voters)
{
	unsigned n = 1 + (unsigned)pdk_random_below(draw, MIN(voters->n, MOST_GROUPS));
	GString *members[MOST_GROUPS] = {NULL};
	for (unsigned i = 0; i < voters->n; i++) {
		GString **group = &members[pdk_random_below(draw, n)];
		unsigned weight = is_weightless(sim, voters->at[i]) ? 0 : 1 + (unsigned)pdk_random_below(draw, MOST_WEIGHT);
		if (*group == NULL)
			*group = g_string_new(NULL);
		g_string_append_printf(*group, "%s%" PRId64, (*group)->len ? ":" : "", voters->at[i]);
		g_string_append_printf(text, "weight.%" PRId64 "=%u\n", voters->at[i], weight);
	}
	for (unsigned i = 0; i < n; i++) {
		if (members[i] == NULL)
			continue;
		g_string_append_printf(text, "group.%u=%s\n", i + 1, members[i]->str);
		g_string_free(members[i], TRUE);
	}
}

/* The sum of the weights in @group, of all who are in it or of those in @sids that vote. */
static int64_t
weight_of(const PdkMembers *members, int64_t group, const PdkSids *sids)
{
	int64_t sum = 0;
	for (unsigned i = 0; i < pdk_members_count(members); i++) {
		const PdkMember *member = pdk_members_at(members, i);
		if (member->group == group && (sids == NULL || (!member->observer && pdk_sids_has(sids, member->sid))))
			sum += member->weight;
	}
	return sum;
}

static bool
is_first_of_group(const PdkMembers *members, unsigned index)
{
	for (unsigned i = 0; i < index; i++)
		if (pdk_members_at(members, i)->group == pdk_members_at(members, index)->group)
			return false;
	return pdk_members_at(members, index)->group >= 0;
}

/* More than half of the groups that weigh something, each with more than half of its weight. */
static bool
groups_agree(const PdkMembers *members, const PdkSids *sids)
{
	unsigned agree = 0, all = 0;
	for (unsigned i = 0; i < pdk_members_count(members); i++) {
		if (!is_first_of_group(members, i))
			continue;
		int64_t group = pdk_members_at(members, i)->group, weight = weight_of(members, group, NULL);
		all += weight > 0;
		agree += 2 * weight_of(members, group, sids) > weight;
	}
	return 2 * agree > all;
}

bool
sim_quorum(const PdkMembers *members, const PdkSids *sids)
{
	unsigned agree = 0, all = 0;
	if (pdk_members_hierarchical(members))
		return groups_agree(members, sids);
	for (unsigned i = 0; i < pdk_members_count(members); i++) {
		const PdkMember *member = pdk_members_at(members, i);
		all += !member->observer;
		agree += !member->observer && pdk_sids_has(sids, member->sid);
	}
	return 2 * agree > all;
}
