package main

import (
	"crypto/sha256"
	"encoding/hex"
	"unique"

	"example.org/weir/codec"
	"example.org/weir/reactor"
)

// chat passes every message on to all connections of the same room, the sender's included. The room
// is the path of the URL. A client that reads too slowly is closed with 1013.
type chat struct {
	reactor.NopHandler
	srv *reactor.Server
}

// setup makes srv the one whose rooms these are.
func (ch *chat) setup(srv *reactor.Server) {
	ch.srv = srv
	srv.Upgrade = roomOfPath
}

// roomOfPath keeps the topic of the room. It does not show the path, in which
// may be what may not be in a topic.
func roomOfPath(c *reactor.Conn, u *reactor.Upgrade) error {
	sum := sha256.Sum256(u.Request.Path())
	keep(c, unique.Make("chat."+hex.EncodeToString(sum[:16])))
	return nil
}

func roomOf(c *reactor.Conn) string { return kept(c).(unique.Handle[string]).Value() }

// OnOpen lets c into its room.
func (*chat) OnOpen(c *reactor.Conn) {
	_ = c.Subscribe(roomOf(c)) // fails only if c has closed meanwhile
}

// OnMessage passes m on.
func (ch *chat) OnMessage(c *reactor.Conn, m codec.Message) {
	if err := ch.srv.Publish(roomOf(c), m.Opcode, m.Payload); err != nil {
		_ = c.Close(codec.CloseTryAgainLater, "more is said than can be passed on")
	}
}

func (*chat) close() {}
