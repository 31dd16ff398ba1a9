package reactor

import (
	"github.com/valyala/bytebufferpool"

	"example.org/weir/codec"
)

// buffers lends bytebufferpool's buffers to the decoders.
type buffers struct{}

func (buffers) Get() *codec.Buffer  { return (*codec.Buffer)(bytebufferpool.Get()) }
func (buffers) Put(b *codec.Buffer) { bytebufferpool.Put((*bytebufferpool.ByteBuffer)(b)) }
