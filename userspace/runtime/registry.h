/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_RUNTIME_REGISTRY_H
#define SPANTAP_RUNTIME_REGISTRY_H

/* One line per runtime: X(name) stands for `const struct runtime name_runtime` in name.c. */
#define RUNTIMES(X) \
	X(cpython)  \
	X(go)       \
	X(jvm)      \
	X(nginx)    \
	X(node)     \
	X(ruby)     \
	X(tokio)

#endif
