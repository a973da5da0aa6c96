/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_EXPORTERS_DATADOG_CONFIG_H
#define SPANTAP_EXPORTERS_DATADOG_CONFIG_H

#include "exporters/exporter.h"

/* struct exporter's configure and wanted, for a Datadog agent. */
int datadog_configure(struct exporter_config *config, const char *url, struct error *error);
bool datadog_wanted(void);

#endif
