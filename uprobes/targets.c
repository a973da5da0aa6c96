// SPDX-License-Identifier: GPL-2.0-only
/* See target.h. */
#include "uprobes/target.h"

/* A new target is its pair of files and two lines here. */
extern const struct uprobe_target openssl_target;
extern const struct uprobe_target cpython_target;
extern const struct uprobe_target go_target;
extern const struct uprobe_target node_target;
extern const struct uprobe_target uvloop_target;
extern const struct uprobe_target queue_target;
extern const struct uprobe_target greenlet_target;
extern const struct uprobe_target tokio_target;

const struct uprobe_target *const uprobe_targets[] = {
	&openssl_target,
	&cpython_target,
	&go_target,
	&node_target,
	&uvloop_target,
	&queue_target,
	&greenlet_target,
	&tokio_target,
	NULL,
};
