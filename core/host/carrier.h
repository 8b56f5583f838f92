/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between server and plugins: brings what transports and persistence report as events, and carries effects at
 * the end of each turn: append + sync, output, commands. Core thread only; nothing is carried while a step
 * runs.
 */
#ifndef PDK_HOST_CARRIER_H
#define PDK_HOST_CARRIER_H

#include "host/links.h"
#include "host/membership.h"
#include "server/server.h"

typedef struct PdkCarrier PdkCarrier;

/*
 * @server and @facts are borrowed and outlive the carrier, which keeps the sizes in @facts and the pairs of
 * `conf` in @settings fresh.
 */
PdkCarrier *pdk_carrier_new(PdkServer *server, PdkSettings *settings, PdkHostFacts *facts);
void pdk_carrier_free(PdkCarrier *carrier);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PdkCarrier, pdk_carrier_free)

/* Once, before the first event: starts and recovers. False: @error says what the disk held. */
bool pdk_carrier_recover(PdkCarrier *carrier, const PdkPersistenceOps *ops, PdkPersistence *persistence,
			 PdkRecovered *recovered, GError **error);
/* Once, after it: the server begins. @membership (borrowed): of an ensemble; NULL: stand-alone. */
void pdk_carrier_begin(PdkCarrier *carrier, PdkMembership *membership);
/* Starts the transport (its `start`); listening is the caller's. */
void pdk_carrier_add_transport(PdkCarrier *carrier, const PdkTransportOps *ops, PdkTransport *transport);

/* Steps with PDK_EVENT_TURN and carries. */
void pdk_carrier_turn(PdkCarrier *carrier);
/*
 * When the next turn is due at the latest (monotonic us); INT64_MIN: at once; INT64_MAX: when something
 * happens.
 */
int64_t pdk_carrier_deadline_us(const PdkCarrier *carrier);

/* Does all that was heard lately wait for a log sync? Then whoever asked is silent until it is over. */
bool pdk_carrier_awaits_log(const PdkCarrier *carrier);
/* Did the last input come from one connection alone, with nothing to be waited for from the log? */
bool pdk_carrier_has_one_peer(const PdkCarrier *carrier);

/* The drain of the end: no new connections, no new requests... */
void pdk_carrier_stop(PdkCarrier *carrier);
/* ...true when all that was proposed is answered... */
bool pdk_carrier_stopped(const PdkCarrier *carrier);
/* ...then every connection is closed behind its output... */
void pdk_carrier_close_all(PdkCarrier *carrier);
unsigned pdk_carrier_live(const PdkCarrier *carrier);
/* ...and, transports destroyed, the server learns that those left are gone. */
void pdk_carrier_forget_links(PdkCarrier *carrier);

/* Not NULL: the server must stop with this line, and nothing is carried any more. */
const char *pdk_carrier_fatal(const PdkCarrier *carrier);

#endif
