package codec

import (
	"math/rand/v2"
	"testing"
	"unicode/utf8"
)

// sampleTexts write about one line of text each, from a seeded source.
var sampleTexts = []struct {
	name string
	line func(*rand.Rand) string
}{
	{"ascii", func(r *rand.Rand) string { return word(r, 'a', 'z') + " " }},
	{"json", func(r *rand.Rand) string {
		names := []string{"Schmidt", "Müller", "Weber", "Schäfer"}
		cities := []string{"Köln", "Berlin", "Hamburg", "Bremen"}
		return `{"first":"` + word(r, 'a', 'z') + `","last":"` + names[r.IntN(len(names))] +
			`","city":"` + cities[r.IntN(len(cities))] + `","active":true},`
	}},
	{"2byte", func(r *rand.Rand) string { return word(r, 'а', 'я') + " " }},
	{"3byte", func(r *rand.Rand) string { return word(r, '一', '鿿') + word(r, '一', '鿿') + "," }},
	{"4byte", func(r *rand.Rand) string { return word(r, '😀', '🙏') + " " }},
}

// word returns two to nine code points of first..last.
func word(r *rand.Rand, first, last rune) string {
	w := make([]rune, 2+r.IntN(8))
	for i := range w {
		w[i] = first + r.Int32N(last-first+1)
	}
	return string(w)
}

// sampleText returns n bytes of valid text.
func sampleText(line func(*rand.Rand) string, n int) []byte {
	random := rand.New(rand.NewPCG(1, 2))
	var text []byte
	for len(text) < n {
		text = append(text, line(random)...)
	}
	text = text[:n]
	for i := n - 1; !utf8.Valid(text); i-- {
		text[i] = '.'
	}
	return text
}

func BenchmarkUTF8(b *testing.B) {
	kernels := []struct {
		name  string
		valid func([]byte) bool
	}{
		{"codec", ValidUTF8},
		{"std", utf8.Valid},
	}
	sizes := []struct {
		name string
		n    int
	}{{"16B", 16}, {"128B", 128}, {"1KiB", 1 << 10}, {"64KiB", 64 << 10}}
	for _, sample := range sampleTexts {
		for _, size := range sizes {
			text := sampleText(sample.line, size.n)
			for _, k := range kernels {
				b.Run(k.name+"/"+sample.name+"/"+size.name, func(b *testing.B) {
					b.SetBytes(int64(size.n))
					for b.Loop() {
						if !k.valid(text) {
							b.Fatal("sample text is not valid")
						}
					}
				})
			}
		}
	}
}
