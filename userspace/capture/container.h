/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_CAPTURE_CONTAINER_H
#define SPANTAP_CAPTURE_CONTAINER_H

/* Which container is a process in, and which container does a name mean? */

#include "userspace/base/bytes.h"

#define CONTAINER_ID_SIZE 80

/*
 * The id of the innermost container in the content of /proc/PID/cgroup, for docker, podman, containerd, CRI-O,
 * Kubernetes (both cgroup drivers), ECS and their like: the last path component that is 64 hex digits, bare or
 * as PREFIX-ID.scope. Writes "" and returns false when there is none.
 */
bool container_id_in(struct bytes cgroup, char id[CONTAINER_ID_SIZE]);

/* The same for a live process. */
bool container_id_of(uint32_t pid, char id[CONTAINER_ID_SIZE]);

/* Whether a process is in the container that `what` (a full or short id, or a path component) names. */
bool container_matches(struct bytes cgroup, const char *what);

/*
 * A name as docker, podman, CRI-O and containerd (with Kubernetes' names) know it becomes an id, from their
 * sockets and files. False when none knows it.
 */
bool container_find(const char *name, char id[CONTAINER_ID_SIZE]);

/* The name of a container by its id, where an engine tells it; "" else. */
void container_name(const char *id, char *out, size_t size);

#endif
