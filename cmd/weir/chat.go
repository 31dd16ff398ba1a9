package main

import (
	"sync"

	"example.org/weir/codec"
	"example.org/weir/reactor"
)

// chat passes every message on to all connections of the same room, the sender's included. The room
// is the path of the URL. A client that reads too slowly misses messages and is closed with 1013
// when that goes on.
type chat struct {
	mu    sync.RWMutex
	rooms map[string]map[*reactor.Conn]struct{}
}

func newChat() *chat {
	return &chat{rooms: make(map[string]map[*reactor.Conn]struct{})}
}

// setup makes srv tell the room.
func (ch *chat) setup(srv *reactor.Server) {
	srv.Upgrade = rememberPath
}

// OnOpen lets c into its room.
func (ch *chat) OnOpen(c *reactor.Conn) {
	name := pathOf(c)
	ch.mu.Lock()
	defer ch.mu.Unlock()
	room := ch.rooms[name]
	if room == nil {
		room = make(map[*reactor.Conn]struct{})
		ch.rooms[name] = room
	}
	room[c] = struct{}{}
}

// OnMessage passes m on.
func (ch *chat) OnMessage(c *reactor.Conn, m codec.Message) {
	frame := codec.Prepare(m.Opcode, m.Payload)
	ch.mu.RLock()
	defer ch.mu.RUnlock()
	for member := range ch.rooms[pathOf(c)] {
		_ = member.WritePrepared(frame) // who is gone or has no room left misses it
	}
}

// OnClose lets c out, and forgets a room that is empty.
func (ch *chat) OnClose(c *reactor.Conn, _ error) {
	name := pathOf(c)
	ch.mu.Lock()
	defer ch.mu.Unlock()
	delete(ch.rooms[name], c)
	if len(ch.rooms[name]) == 0 {
		delete(ch.rooms, name)
	}
}

func (ch *chat) close() {}
