// SPDX-License-Identifier: GPL-2.0-only
/* See replay.h: pcap file -> reassembly -> socket table -> stitch. */
#include "userspace/command/replay.h"

#include <errno.h>

#include "userspace/capture/packet_socket.h"
#include "userspace/capture/pcap.h"

#define PACKETS_A_STEP 4096

int replay_file(const char *path, struct stitch *s, const char *protocol, struct error *error)
{
	struct socket_options sockets = {
		.observer = &stitch_observer,
		.stitch = s,
		.only = protocol ? protocol_find(protocol) : NULL,
		.verdicts_fd = -1,
	};
	struct socket_table *table = socket_table_new(&sockets);
	struct reassembly_options options = { .consumer = &packet_socket_consumer };
	struct packet_sockets packets;
	struct reassembly *r = NULL;
	struct pcap_file *file = pcap_file_open(path, error);
	int err = file ? 0 : -EINVAL;

	packet_sockets_init(&packets, table, true);
	options.context = &packets;
	if (!err)
		r = table ? reassembly_new(&options) : NULL;
	if (!err && !r)
		err = error_set(error, -ENOMEM, "out of memory");
	while (!err) {
		err = pcap_file_feed(file, r, PACKETS_A_STEP, error);
		if (err <= 0)
			break;
		err = 0;
	}
	reassembly_free(r);
	socket_table_free(table);
	pcap_file_close(file);
	return err;
}
