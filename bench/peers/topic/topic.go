// Package topic is what the peers share that bring no topics of their own: who is in which topic,
// and a queue for each member, so that one who reads slowly does not hold up the others.
package topic

import (
	"strings"
	"sync"
)

// Of returns the topic of a request's path: NAME of /topic/NAME. Any other path has none.
func Of(path string) (name string, ok bool) {
	if name, ok = strings.CutPrefix(path, "/topic/"); !ok || name == "" {
		return "", false
	}
	return name, true
}

// Registry knows the members of topics. Its zero value is empty, and safe for concurrent use.
type Registry[M comparable] struct {
	mu     sync.RWMutex
	topics map[string]map[M]struct{}
}

// Join takes m into a topic.
func (r *Registry[M]) Join(name string, m M) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.topics == nil {
		r.topics = make(map[string]map[M]struct{})
	}
	members := r.topics[name]
	if members == nil {
		members = make(map[M]struct{})
		r.topics[name] = members
	}
	members[m] = struct{}{}
}

// Leave takes m out of a topic, and forgets the topic when it was the last.
func (r *Registry[M]) Leave(name string, m M) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.topics[name], m)
	if len(r.topics[name]) == 0 {
		delete(r.topics, name)
	}
}

// Each calls f for all members of a topic. f must not block, join or leave.
func (r *Registry[M]) Each(name string, f func(M)) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for m := range r.topics[name] {
		f(m)
	}
}
