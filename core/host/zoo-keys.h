/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of zoo.cfg that Paddock knows and that set nothing of the server itself, with the reason. */
#ifndef PDK_HOST_ZOO_KEYS_H
#define PDK_HOST_ZOO_KEYS_H

typedef enum {
	PDK_ZOO_NO_EFFECT = 1, /* accepted; `reason` says why nothing happens */
	PDK_ZOO_PLUGIN,	       /* an option of a plugin; `reason` holds when no chosen plugin has it */
	PDK_ZOO_MEMBER,	       /* says who the members are, or how they agree; without effect on a server that stands alone */
	PDK_ZOO_PEERS,	       /* PDK_ZOO_UNABLE in an ensemble, without effect on a server that stands alone */
	PDK_ZOO_UNABLE,	       /* asks for what this version cannot do, unless its value is `harmless` */
} PdkZooClass;

typedef struct {
	const char *key; /* without "zookeeper."; a '*' at the end stands for anything */
	PdkZooClass class;
	const char *reason;
	const char *harmless;
} PdkZooKey;

/* NULL: nobody knows @key. */
const PdkZooKey *pdk_zoo_key_find(const char *key);

/* Every row, ended by a NULL key (for tests and manuals). */
const PdkZooKey *pdk_zoo_keys(void);

#endif
