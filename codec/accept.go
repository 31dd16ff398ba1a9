package codec

import (
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
)

const (
	// acceptGUID is what a server joins to the client's key to show that it understood it (RFC 6455 1.3).
	acceptGUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
	// keyLen is the length of the base64 form of the 16 bytes of a key.
	keyLen = 24
)

// NewKey returns a fresh value for the Sec-WebSocket-Key field: 16 random bytes in base64 (RFC 6455 4.1,
// item 7). Each connection needs its own. It is safe from any goroutine.
func NewKey() string {
	var nonce [16]byte
	rand.Read(nonce[:]) // never fails: without randomness it ends the process
	return base64.StdEncoding.EncodeToString(nonce[:])
}

// AcceptKey returns the value of the Sec-WebSocket-Accept field that answers key (RFC 6455 4.2.2, item 5.4).
func AcceptKey(key []byte) []byte { return AppendAccept(nil, key) }

// AppendAccept appends the value of the Sec-WebSocket-Accept field that answers key (RFC 6455 4.2.2, item
// 5.4): 28 bytes. It does not check the key: Request.CheckUpgrade does.
func AppendAccept(dst, key []byte) []byte {
	var joined [keyLen + len(acceptGUID)]byte // a good key fits; any other costs an allocation
	sum := sha1.Sum(append(append(joined[:0], key...), acceptGUID...))
	return base64.StdEncoding.AppendEncode(dst, sum[:])
}

// validKey reports whether key is the base64 form of 16 bytes: 21 digits for 126 bits, one for the last two
// bits with the rest of it zero (RFC 4648 3.5: an encoder MUST set these to zero), and the padding.
func validKey[T string | []byte](key T) bool {
	if len(key) != keyLen || key[22] != '=' || key[23] != '=' {
		return false
	}
	for i := range 21 {
		if c := key[i]; !isLetter(c) && classes[c]&classDigit == 0 && c != '+' && c != '/' {
			return false
		}
	}
	last := key[21]
	return last == 'A' || last == 'Q' || last == 'g' || last == 'w'
}
