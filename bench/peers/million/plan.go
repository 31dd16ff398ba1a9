package main

import (
	"errors"
	"fmt"
)

// What connections and processes take, in bytes, a little more than what was measured with 200,000: the
// plan is refused when there is not enough memory for it.
const (
	weirPerConn   = 1000
	workerPerConn = 2500
	kernelPerConn = 10500 // both ends: two sockets, inodes, directory entries, files and epoll items
	perServer     = 16 << 20
	perWorker     = 32 << 20
)

// otherFiles is how many descriptors a process needs besides those of its connections.
const otherFiles = 500

// sources is how many addresses of 127.0.0.0/8 the generators connect from at most.
const sources = 65_000

// plan says how many processes share the connections.
type plan struct {
	Conns   int `json:"conns"`
	Servers int `json:"servers"`
	Workers int `json:"workers"`
	// OfServer and OfWorker are the most connections that one has.
	OfServer int `json:"of_server"`
	OfWorker int `json:"of_worker"`
}

// planFor shares connections among as few processes as can be, of which each may hold as many
// descriptors as files, and is to have as many connections as most.
func planFor(conns, most, files int) (plan, error) {
	switch {
	case conns < 1 || most < 1:
		return plan{}, errors.New("-conns and -per-process must be positive")
	case files <= 2*otherFiles:
		return plan{}, fmt.Errorf("a process may have %d open files only; raise the limit (ulimit -n 20000)", files)
	}
	n := ceil(conns, min(most, files-otherFiles))
	p := plan{Conns: conns, Servers: n, Workers: n, OfWorker: ceil(conns, n)}
	// A worker's connections go to the servers in turn, beginning with the first.
	p.OfServer = min(conns, p.Workers*ceil(p.OfWorker, p.Servers))
	if p.OfServer > files-otherFiles/2 {
		return plan{}, fmt.Errorf("a server would have %d connections and may have %d open files; use a lower -per-process", p.OfServer, files)
	}
	return p, nil
}

// memory is how many bytes the plan takes.
func (p plan) memory() int64 {
	return int64(p.Conns)*(weirPerConn+workerPerConn+kernelPerConn) + int64(p.Servers)*perServer + int64(p.Workers)*perWorker
}

// ports is how many ports a client's address needs at most: those of all workers are the same.
func (p plan) ports() int { return p.Workers * ceil(p.OfWorker, sources) }

func ceil(a, b int) int { return (a + b - 1) / b }
