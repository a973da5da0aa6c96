/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_EXPORTERS_REGISTRY_H
#define SPANTAP_EXPORTERS_REGISTRY_H

/* One line per back end: X(name) stands for `const struct exporter name_exporter` in name.c. */
#define EXPORTERS(X) \
	X(otlp)      \
	X(datadog)

#endif
