package codec

import (
	"fmt"
	"slices"
	"testing"
)

// deflateBenchParams are ways to compress: without context takeover, with it, and with it in a small window.
var deflateBenchParams = []struct {
	name   string
	params DeflateParams
}{
	{"none", noTakeover},
	{"takeover", DeflateParams{}},
	{"takeover-9bits", DeflateParams{ServerMaxWindowBits: 9}},
}

// benchMessages are different messages of n bytes of one kind.
func benchMessages(n int) [][]byte {
	count := max(2, min(64, 1<<20/n))
	return slices.Collect(slices.Chunk(compressible(count*n), n))
}

func benchDeflate(b *testing.B, f func(b *testing.B, p DeflateParams, n int)) {
	for _, p := range deflateBenchParams {
		for _, size := range frameSizes[1:] {
			b.Run(fmt.Sprintf("%s/%s", p.name, size.name), func(b *testing.B) {
				b.SetBytes(int64(size.n))
				b.ReportAllocs()
				f(b, p.params, size.n)
			})
		}
	}
}

// BenchmarkDeflate compresses messages that resemble each other, and reports what is left of them.
func BenchmarkDeflate(b *testing.B) {
	benchDeflate(b, func(b *testing.B, p DeflateParams, n int) {
		messages := benchMessages(n)
		d := (&Deflate{Threshold: 1}).NewDeflater(p, Server)
		var out []byte
		total, k := 0, 0
		for b.Loop() {
			out = d.AppendFrame(out[:0], Binary, messages[k%len(messages)])
			total += len(out)
			k++
		}
		b.ReportMetric(float64(total)/float64(k*n), "ratio")
	})
}

// BenchmarkInflate decompresses them.
func BenchmarkInflate(b *testing.B) {
	benchDeflate(b, func(b *testing.B, p DeflateParams, n int) {
		d := (&Deflate{Threshold: 1}).NewDeflater(p, Server)
		i := NewInflater(p, Client)
		var compressed [][]byte
		for _, m := range benchMessages(n) {
			compressed = append(compressed, d.AppendMessage(nil, m))
		}
		var out []byte
		k := 0
		for b.Loop() {
			if k == len(compressed) { // the contexts begin anew
				k, i = 0, NewInflater(p, Client)
			}
			var err error
			if out, err = i.AppendMessage(out[:0], compressed[k], 1<<30, false); err != nil || len(out) != n {
				b.Fatal(len(out), err)
			}
			k++
		}
	})
}

// BenchmarkPreparedFrame sends one prepared message to a connection once more.
func BenchmarkPreparedFrame(b *testing.B) {
	prepared := Prepare(Text, compressible(1000))
	for _, p := range deflateBenchParams {
		b.Run(p.name, func(b *testing.B) {
			d := new(Deflate).NewDeflater(p.params, Server)
			b.ReportAllocs()
			for b.Loop() {
				d.PreparedFrame(prepared)
			}
		})
	}
}
