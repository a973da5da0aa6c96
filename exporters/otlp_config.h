/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_EXPORTERS_OTLP_CONFIG_H
#define SPANTAP_EXPORTERS_OTLP_CONFIG_H

#include "exporters/exporter.h"

/* struct exporter's configure and wanted, for OTLP. */
int otlp_configure(struct exporter_config *config, const char *url, struct error *error);
bool otlp_wanted(void);

#endif
