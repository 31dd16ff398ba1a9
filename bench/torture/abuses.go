package torture

// abuses are all there are, in the order in which they are carried out.
var abuses = []abuse{
	// Before the upgrade.
	{"silence", "200 clients connect and say nothing: they must be cut", silence},
	{"slow-handshake", "50 clients send their request a byte at a time: they must be cut", slowHandshake},
	{"half-handshake", "200 clients send half a request: they must be cut", halfHandshake},
	{"endless-head", "4 clients send 8 MiB of one line: they must be refused", endlessHead},
	{"header-flood", "4 clients send 200,000 fields: they must be refused", headerFlood},
	{"garbage-before", "100 clients send random bytes instead of a request: they must be cut", garbageBefore},
	{"tls-hello", "20 clients begin TLS on the plain port: they must be cut", tlsHello},
	{"resets", "5,000 connections are opened and reset", resets},

	// After it.
	{"resets-upgraded", "5,000 connections are upgraded, send a message and are reset", resetsUpgraded},
	{"half-close", "100 clients end their side right after the upgrade: the server must end its own", halfClose},
	{"garbage-after", "100 clients send random bytes instead of frames: they must be closed", garbageAfter},
	{"half-frames", "400 clients promise up to 2^62 bytes and send one: nothing may be reserved for the rest", halfFrames},
	{"dribble", "20 clients send a frame a byte at a time: it must be echoed", dribble},
	{"tiny-fragments", "10 clients send a message of 50,000 bytes in as many fragments: it must be echoed, or refused", tinyFragments},
	{"fragment-flood", "a client sends 2,000,000 empty fragments in one burst", fragmentFlood},
	{"tiny-frames", "4 clients send 100,000 messages of a byte each: all must be echoed", tinyFrames},
	{"never-reading", "4 clients send up to 64 MiB and read no echo: the server must not hold them all", neverReading},
	{"ping-flood", "4 clients send up to 64 MiB of pings and read no pong: the server must not hold them all", pingFlood},
	{"congested-resets", "60 clients leave up to 6 MiB of echoes unread and reset; those who come after must get nothing of it", congestedResets},
	{"close-storm", "50 clients send 1,000 close frames each: one must be answered", closeStorm},
	{"bad-closes", "clients send each kind of malformed close frame: none may be echoed", badCloses},
	{"fuzz", "300 clients send random frames, legal ones and others", fuzz},
	{"inflate-bomb", "a client sends about 1 MiB that inflates to 256 MiB, where the server takes permessage-deflate", inflateBomb},
	{"crowd", "3,000 clients upgrade and stay, idle", crowd},
}
