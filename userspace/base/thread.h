/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_BASE_THREAD_H
#define SPANTAP_BASE_THREAD_H

#include <pthread.h>

/* Starts a thread that takes no signals: those are the main thread's. 0 or negative errno. */
int thread_start(pthread_t *thread, void *(*run)(void *context), void *context);

#endif
