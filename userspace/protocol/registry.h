/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_PROTOCOL_REGISTRY_H
#define SPANTAP_PROTOCOL_REGISTRY_H

/* One line per protocol: X(name) stands for `const struct protocol name_protocol` in name.c. */
#define PROTOCOLS(X) \
	X(http1)     \
	X(postgres)  \
	X(mysql)     \
	X(redis)     \
	X(fastcgi)

#endif
