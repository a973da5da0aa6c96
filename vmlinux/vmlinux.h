/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __VMLINUX_H__
#define __VMLINUX_H__

/*
 * The kernel types and fields that our BPF programs read, and nothing else: kept by hand, so the build
 * needs no running kernel's BTF. Everything inside the preserve_access_index pragma is relocated when the
 * program is loaded (CO-RE), so only names and types must be right; order and padding do not matter.
 * Outside of it are true layouts (system call ABI). See README.md here for how to add a type.
 */

typedef unsigned char __u8;
typedef signed char __s8;
typedef short unsigned int __u16;
typedef short int __s16;
typedef unsigned int __u32;
typedef int __s32;
typedef long long unsigned int __u64;
typedef long long int __s64;
typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s32 s32;
typedef __s64 s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u64 __be64;
typedef __u32 __wsum;
typedef __u16 __sum16;
typedef int pid_t;
typedef unsigned short umode_t;
typedef _Bool bool;
#define true 1
#define false 0
#define NULL ((void *)0)

/* include/uapi/linux/bpf.h */
enum bpf_map_type {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_LRU_HASH = 9,
	BPF_MAP_TYPE_SK_STORAGE = 24,
	BPF_MAP_TYPE_RINGBUF = 27,
	BPF_MAP_TYPE_TASK_STORAGE = 29,
};
enum {
	BPF_ANY = 0,
	BPF_NOEXIST = 1,
	BPF_F_NO_PREALLOC = 1,
	BPF_RB_NO_WAKEUP = 1,
	BPF_RB_FORCE_WAKEUP = 2,
	BPF_RB_AVAIL_DATA = 0,
	BPF_LOCAL_STORAGE_GET_F_CREATE = 1,
	BPF_HDR_START_NET = 1,
};

/* Helpers that not every kernel has: found by name (bpf_core_enum_value_exists). */
enum bpf_func_id {
	BPF_FUNC_task_pt_regs = 175,
};

/* The context of socket filters, as far as we use it: a true layout. */
struct __sk_buff {
	__u32 len;
	__u32 pkt_type;
	__u32 mark;
	__u32 queue_mapping;
	__u32 protocol;
	__u32 vlan_present;
	__u32 vlan_tci;
	__u32 vlan_proto;
	__u32 priority;
	__u32 ingress_ifindex;
	__u32 ifindex;
};

/* include/net/tcp_states.h */
enum {
	TCP_ESTABLISHED = 1,
	TCP_SYN_SENT = 2,
	TCP_FIN_WAIT1 = 4,
	TCP_CLOSE = 7,
	TCP_LAST_ACK = 9,
};

/* System call ABI of 64-bit callers: true layouts, read from user memory. */
struct iovec {
	void *iov_base;
	unsigned long iov_len;
};

struct user_msghdr {
	void *msg_name;
	int msg_namelen;
	struct iovec *msg_iov;
	unsigned long msg_iovlen;
	void *msg_control;
	unsigned long msg_controllen;
	unsigned int msg_flags;
};

struct mmsghdr {
	struct user_msghdr msg_hdr;
	unsigned int msg_len;
};

/* What the kernel pushed when the thread entered it: a true layout, not relocated (uprobe contexts are this). */
#if defined(__TARGET_ARCH_x86)
struct pt_regs {
	unsigned long r15, r14, r13, r12, bp, bx;
	unsigned long r11, r10, r9, r8, ax, cx, dx, si, di;
	unsigned long orig_ax, ip, cs, flags, sp, ss;
};
#elif defined(__TARGET_ARCH_arm64)
struct user_pt_regs {
	__u64 regs[31];
	__u64 sp;
	__u64 pc;
	__u64 pstate;
};
struct pt_regs {
	union {
		struct user_pt_regs user_regs;
		struct {
			u64 regs[31];
			u64 sp;
			u64 pc;
			u64 pstate;
		};
	};
	u64 orig_x0;
	s32 syscallno;
};
#else
#error "x86-64 and arm64 only"
#endif

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct {
	int counter;
} atomic_t;

struct ns_common {
	unsigned int inum;
};

struct net {
	struct ns_common ns;
};

typedef struct {
	struct net *net;
} possible_net_t;

struct in6_addr {
	union {
		__u8 u6_addr8[16];
	} in6_u;
};

struct inode {
	umode_t i_mode;
	unsigned long i_ino;
};

struct hlist_node {
	struct hlist_node *next;
};

struct hlist_head {
	struct hlist_node *first;
};

struct list_head {
	struct list_head *next;
};

struct file {
	struct inode *f_inode;
	void *private_data;
	unsigned int f_flags;
	struct hlist_head *f_ep; /* optional: since v5.11 */
};

struct file___before_5_11 {
	struct list_head f_ep_links;
};

struct epoll_filefd {
	int fd;
};

struct epoll_event {
	__u64 data;
};

struct epitem {
	struct epoll_filefd ffd;
	struct hlist_node fllink;
	struct epoll_event event;
};

struct epitem___before_5_11 {
	struct list_head fllink;
};

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
};

struct files_struct {
	struct fdtable *fdt;
};

struct socket;

struct sock_common {
	struct {
		__be32 skc_daddr;
		__be32 skc_rcv_saddr;
	};
	struct {
		__be16 skc_dport;
		__u16 skc_num;
	};
	short unsigned int skc_family;
	volatile unsigned char skc_state;
	possible_net_t skc_net;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
};

struct sk_buff_head {
	u32 qlen;
};

struct sock {
	struct sock_common __sk_common;
	struct socket *sk_socket;
	struct sk_buff_head sk_receive_queue;
	int sk_sndbuf;
	u16 sk_protocol;
	u16 sk_type;
	u8 sk_shutdown;
};

struct socket {
	struct file *file;
	struct sock *sk;
};

struct socket_alloc {
	struct socket socket;
	struct inode vfs_inode;
};

struct inet_sock {
	__be16 inet_sport;
};

struct tcp_sock {
	u32 rcv_nxt;
	u32 copied_seq;
	u32 snd_nxt;
	u32 write_seq;
	u64 bytes_received;
	u64 bytes_sent;
	u64 bytes_retrans;
};

struct inet_bind_bucket {
	signed char fastreuse;
};

struct tcp_ulp_ops;

struct inet_connection_sock {
	struct inet_bind_bucket *icsk_bind_hash;
	const struct tcp_ulp_ops *icsk_ulp_ops;
};

struct sockaddr_un {
	u16 sun_family;
	char sun_path[108];
};

struct unix_address {
	int len;
	struct sockaddr_un name[0];
};

struct unix_sock {
	struct unix_address *addr;
	struct sock *peer;
};

struct sched_entity {
	u64 exec_start;
	u64 sum_exec_runtime;
	u64 prev_sum_exec_runtime;
};

struct sched_info {
	unsigned long long run_delay;
	unsigned long long last_arrival;
};

struct signal_struct {
	atomic_t live;
};

struct thread_info {
	unsigned long flags;
	u32 status;
};

/* asm/processor.h of the architecture. */
#if defined(__TARGET_ARCH_x86)
struct thread_struct {
	unsigned long fsbase;
};
#else
struct thread_struct {
	struct {
		unsigned long tp_value;
	} uw;
};
#endif

struct task_struct {
	struct thread_info thread_info;
	unsigned int flags;
	struct sched_entity se;
	struct sched_info sched_info;
	void *stack;
	int *clear_child_tid;
	pid_t pid;
	pid_t tgid;
	struct files_struct *files;
	struct signal_struct *signal;
	struct task_struct *group_leader;
	long unsigned int nvcsw;
	struct thread_struct thread;
};

struct linux_binprm;

#pragma clang attribute pop

#endif
