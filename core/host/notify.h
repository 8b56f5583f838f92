/* SPDX-License-Identifier: Apache-2.0 */
/* Tells a service manager that the server is ready (systemd's protocol: a datagram to $NOTIFY_SOCKET). */
#ifndef PDK_HOST_NOTIFY_H
#define PDK_HOST_NOTIFY_H

/* Does nothing where nobody listens. */
void pdk_notify_ready(void);

#endif
