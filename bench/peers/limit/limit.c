/* limit echoes bytes over TCP: a bare loop around epoll, level-triggered, on one thread, without
 * WebSocket. It is what the system calls alone cost: one epoll_wait for a batch of connections, one
 * read and one write for each of them.
 *
 *   cc -O2 -o limit limit.c && ./limit -addr 127.0.0.1:8080
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READ_SIZE = 256 << 10, EVENTS = 1024, BACKLOG = 4096 };

/* What the kernel did not take yet. A connection is not read while it has some. */
struct pending {
	char *bytes;
	size_t begin, end;
};

static struct pending *waiting; /* by descriptor */
static int ep;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void drop(int fd)
{
	free(waiting[fd].bytes);
	waiting[fd].bytes = NULL;
	close(fd);
}

static void watch(int op, int fd, unsigned events)
{
	struct epoll_event ev = {.events = events, .data.fd = fd};
	if (epoll_ctl(ep, op, fd, &ev) < 0)
		die("epoll_ctl");
}

static void keep(int fd, const char *bytes, size_t n)
{
	struct pending *p = &waiting[fd];
	p->bytes = malloc(n);
	if (!p->bytes)
		die("malloc");
	memcpy(p->bytes, bytes, n);
	p->begin = 0;
	p->end = n;
	watch(EPOLL_CTL_MOD, fd, EPOLLOUT);
}

static void echo(int fd)
{
	static char buf[READ_SIZE];
	ssize_t n = read(fd, buf, sizeof buf);
	if (n <= 0) {
		if (n == 0 || (errno != EAGAIN && errno != EINTR))
			drop(fd);
		return;
	}
	ssize_t sent = write(fd, buf, n);
	if (sent < 0) {
		if (errno != EAGAIN && errno != EINTR) {
			drop(fd);
			return;
		}
		sent = 0;
	}
	if (sent < n)
		keep(fd, buf + sent, n - sent);
}

static void flush(int fd)
{
	struct pending *p = &waiting[fd];
	ssize_t sent = write(fd, p->bytes + p->begin, p->end - p->begin);
	if (sent < 0) {
		if (errno != EAGAIN && errno != EINTR)
			drop(fd);
		return;
	}
	p->begin += sent;
	if (p->begin == p->end) {
		free(p->bytes);
		p->bytes = NULL;
		watch(EPOLL_CTL_MOD, fd, EPOLLIN);
	}
}

static void accept_all(int listener)
{
	const int on = 1;
	int fd;
	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
		watch(EPOLL_CTL_ADD, fd, EPOLLIN);
	}
	if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
		die("accept4");
}

static int listen_on(char *addr)
{
	const int on = 1;
	struct sockaddr_in sa = {.sin_family = AF_INET};
	char *colon = strrchr(addr, ':');
	if (!colon) {
		fprintf(stderr, "limit: want -addr IPv4:PORT\n");
		exit(2);
	}
	*colon = 0;
	sa.sin_port = htons(atoi(colon + 1));
	if (inet_pton(AF_INET, addr, &sa.sin_addr) != 1) {
		fprintf(stderr, "limit: want -addr IPv4:PORT\n");
		exit(2);
	}
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		die("socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (bind(fd, (struct sockaddr *)&sa, sizeof sa) < 0)
		die("bind");
	if (listen(fd, BACKLOG) < 0)
		die("listen");
	return fd;
}

/* Go's runtime raises the limit of open files by itself; so that all are equal, this does too. */
static rlim_t raise_file_limit(void)
{
	struct rlimit r;
	if (getrlimit(RLIMIT_NOFILE, &r) < 0)
		die("getrlimit");
	r.rlim_cur = r.rlim_max;
	setrlimit(RLIMIT_NOFILE, &r);
	return r.rlim_cur;
}

int main(int argc, char **argv)
{
	if (argc != 3 || strcmp(argv[1], "-addr") != 0) {
		fprintf(stderr, "usage: limit -addr IPv4:PORT\n");
		return 2;
	}
	waiting = calloc(raise_file_limit(), sizeof *waiting);
	ep = epoll_create1(EPOLL_CLOEXEC);
	if (!waiting || ep < 0)
		die("start");
	int listener = listen_on(argv[2]);
	watch(EPOLL_CTL_ADD, listener, EPOLLIN);

	static struct epoll_event events[EVENTS];
	for (;;) {
		int n = epoll_wait(ep, events, EVENTS, -1);
		if (n < 0 && errno != EINTR)
			die("epoll_wait");
		for (int i = 0; i < n; i++) {
			int fd = events[i].data.fd;
			if (fd == listener)
				accept_all(listener);
			else if (waiting[fd].bytes)
				flush(fd);
			else
				echo(fd);
		}
	}
}
