package reactor

import (
	"sync"

	"github.com/valyala/bytebufferpool"

	"example.org/weir/codec"
)

// buffers lends buffers to the decoders.
type buffers struct{}

func (buffers) Get() *codec.Buffer  { return (*codec.Buffer)(getBuffer()) }
func (buffers) Put(b *codec.Buffer) { putBuffer((*bytebufferpool.ByteBuffer)(b)) }

// smallBuffers are those of up to maxSmall bytes. bytebufferpool alone does not keep the largest twentieth of
// what it is given, so that where nearly all messages are tiny the others would allocate each time.
var smallBuffers = sync.Pool{New: func() any { return bytebufferpool.Get() }}

const maxSmall = 2 * writerRoom

// getBuffer returns an empty buffer.
func getBuffer() *bytebufferpool.ByteBuffer { return smallBuffers.Get().(*bytebufferpool.ByteBuffer) }

// putBuffer gives a buffer back.
func putBuffer(b *bytebufferpool.ByteBuffer) {
	if cap(b.B) > maxSmall {
		bytebufferpool.Put(b)
		return
	}
	b.Reset()
	smallBuffers.Put(b)
}
