// SPDX-License-Identifier: GPL-2.0-only
/* proc_tcp.c: lines of /proc/PID/net/tcp and tcp6, whole, cut and damaged; and this process's own
 * sockets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "userspace/capture/proc_tcp.h"

/* Addresses are written as native numbers. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define LINE4                                                                               \
	"   1: 0100007F:1F90 0200000A:C350 01 00000000:00000000 00:00000000 00000000   33 " \
	"       0 987654321 1 0000000000000000 20 4 30 10 -1\n"
#define LINE6                                                                                   \
	"   0: B80D0120000000000000000001000000:0050 00000000000000000000000000000000:0000 0A " \
	"00000000:00000000 00:00000000 00000000     0        0 12 1 0000000000000000 100 0\n"
#else
#error "write the addresses in the other byte order"
#endif

static void lines(void **state)
{
	const uint8_t v6[16] = { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 };
	struct packet_address address;
	struct proc_tcp s;

	assert_true(proc_tcp_parse(bytes_of_string(LINE4), false, &s));
	packet_address_ipv4(&address, (const uint8_t[4]){ 127, 0, 0, 1 }, 8080);
	assert_memory_equal(&s.local, &address, sizeof(address));
	packet_address_ipv4(&address, (const uint8_t[4]){ 10, 0, 0, 2 }, 50000);
	assert_memory_equal(&s.remote, &address, sizeof(address));
	assert_int_equal(s.state, PROC_TCP_ESTABLISHED);
	assert_int_equal(s.inode, 987654321);

	assert_true(proc_tcp_parse(bytes_of_string(LINE6), true, &s));
	assert_memory_equal(s.local.ip, v6, sizeof(v6));
	assert_int_equal(s.local.port, 80);
	assert_int_equal(s.state, PROC_TCP_LISTEN);
	assert_int_equal(s.inode, 12);
	assert_true(s.v6);
	(void)state;
}

static void not_lines(void **state)
{
	static const char *const texts[] = {
		"",
		"\n",
		"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when",
		"0: 0100007F 0200000A:C350 01 a b c d e 5",
		"0: 0100007F:1F90 0200000A:C350 0x1 a b c d e 5",
		"0: 0100007F:1F90 0200000A:1C350 01 a b c d e 5",
		"0: 0100007F:1F90 0200000A:C350 01 a b c d e -5",
	};
	struct bytes line = bytes_of_string(LINE4);
	struct proc_tcp s;
	size_t needed = line.len;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_false(proc_tcp_parse(bytes_of_string(texts[i]), false, &s));
	assert_false(proc_tcp_parse(line, true, &s));
	/* Cut before the inode's first digit it is no line. */
	while (needed && line.data[needed - 1] != '9')
		needed--;
	for (size_t len = 0; len < needed - 1; len++)
		assert_false(proc_tcp_parse(bytes_part(line, 0, len), false, &s) &&
			     s.inode == 987654321);
	(void)state;
}

struct found {
	uint64_t inode;
	uint16_t port;
	uint32_t inodes, sockets;
};

static void on_inode(void *context, uint32_t pid, uint64_t inode)
{
	struct found *f = context;

	assert_int_equal(pid, getpid());
	f->inodes += inode == f->inode;
}

static void on_socket(void *context, const struct proc_tcp *s)
{
	struct found *f = context;

	if (s->inode != f->inode)
		return;
	f->sockets++;
	assert_int_equal(s->local.port, f->port);
	assert_int_equal(s->state, PROC_TCP_LISTEN);
}

static void own_sockets(void **state)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t len = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct found f = { 0 };
	struct stat st;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
	assert_int_equal(fstat(fd, &st), 0);
	f.inode = st.st_ino;
	f.port = ntohs(address.sin_port);
	assert_int_equal(proc_tcp_inodes((uint32_t)getpid(), on_inode, &f), 0);
	assert_int_equal(proc_tcp_each((uint32_t)getpid(), on_socket, &f), 0);
	assert_int_equal(f.inodes, 1);
	assert_int_equal(f.sockets, 1);
	assert_true(proc_tcp_netns((uint32_t)getpid()) != 0);
	close(fd);
	assert_true(proc_tcp_inodes(0x7fffffff, on_inode, &f) < 0);
	assert_true(proc_tcp_each(0x7fffffff, on_socket, &f) < 0);
	assert_int_equal(proc_tcp_netns(0x7fffffff), 0);
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines),
		cmocka_unit_test(not_lines),
		cmocka_unit_test(own_sockets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
