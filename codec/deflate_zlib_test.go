package codec

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// zlibPeers are zlib behind other languages' WebSocket libraries. Each program reads lines of the size of the
// window in bits, takeover ("1" or "0"), and messages in base64, all between spaces, and answers each with as
// many: the program's arguments say whether it inflates compressed messages with a window of just that size, or
// deflates.
var zlibPeers = []struct {
	name    string
	command []string
	env     string // if this is set, the peer must be there
	minBits uint8  // that it compresses a raw stream with
}{
	// zlib has refused to deflate a raw stream with a window of 8 bits since 1.2.9.
	{"python3", []string{"python3", "-c", pythonZlib}, "", 9},
	// Node takes 8 for 9 there.
	{"node", []string{"node", "-e", nodeZlib, "--"}, "WEIR_REQUIRE_CLIENTS", 8},
}

const pythonZlib = `
import sys, zlib, base64
tail = b"\0\0\xff\xff"
for line in sys.stdin:
    bits, takeover, *messages = line.split()
    codec, out = None, []
    for m in messages:
        m = base64.b64decode(m[1:])
        if sys.argv[1] == "inflate":
            if codec is None or takeover == "0":
                codec = zlib.decompressobj(-int(bits))
            m = codec.decompress(m + tail)
            assert not codec.eof and not codec.unconsumed_tail and not codec.unused_data
        else:
            if codec is None or takeover == "0":
                codec = zlib.compressobj(6, zlib.DEFLATED, -int(bits), 8)
            m = codec.compress(m) + codec.flush(zlib.Z_SYNC_FLUSH)
            assert m.endswith(tail)
            m = m[:-4]
        out.append("=" + base64.b64encode(m).decode())
    print(*out)
`

const nodeZlib = `
const zlib = require("zlib"), tail = Buffer.from([0, 0, 255, 255]);
const inflating = process.argv[1] === "inflate";
async function run(codec, m) {
  const out = [];
  const collect = (b) => out.push(b);
  codec.on("data", collect);
  await new Promise((resolve, reject) => {
    codec.once("error", reject);
    codec.write(m);
    if (inflating) codec.write(tail);
    if (inflating) codec.flush(resolve);
    else codec.flush(zlib.constants.Z_SYNC_FLUSH, resolve);
  });
  codec.off("data", collect);
  codec.removeAllListeners("error");
  const all = Buffer.concat(out);
  if (inflating) return all;
  if (!all.subarray(-4).equals(tail)) throw new Error("no flush");
  return all.subarray(0, -4);
}
(async () => {
  for await (const line of require("readline").createInterface({ input: process.stdin })) {
    const [bits, takeover, ...messages] = line.split(" ");
    let codec, out = [];
    for (const m of messages) {
      if (!codec || takeover === "0")
        codec = (inflating ? zlib.createInflateRaw : zlib.createDeflateRaw)({ windowBits: Number(bits) });
      out.push("=" + (await run(codec, Buffer.from(m.slice(1), "base64"))).toString("base64"));
    }
    console.log(out.join(" "));
  }
})().catch((e) => { console.error(e); process.exit(1); });
`

// zlibCase is a connection: the messages that go over it one way.
type zlibCase struct {
	params   DeflateParams
	messages [][]byte
}

// runZlib has a peer inflate or deflate the messages of each case, and returns what it made of them.
func runZlib(t *testing.T, command []string, mode string, cases []zlibCase) [][][]byte {
	t.Helper()
	var in bytes.Buffer
	for _, c := range cases {
		takeover, bits := c.params.of(Server)
		flag := "0"
		if takeover {
			flag = "1"
		}
		fmt.Fprint(&in, bits, " ", flag)
		for _, m := range c.messages {
			fmt.Fprint(&in, " =", base64.StdEncoding.EncodeToString(m))
		}
		in.WriteByte('\n')
	}
	cmd := exec.CommandContext(t.Context(), command[0], append(command[1:], mode)...)
	var errs bytes.Buffer
	cmd.Stdin, cmd.Stderr = &in, &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", command[0], err, errs.Bytes())
	}
	var all [][][]byte
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var messages [][]byte
		for _, field := range strings.Fields(lines.Text()) {
			m, err := base64.StdEncoding.DecodeString(field[1:])
			if err != nil {
				t.Fatal(err)
			}
			messages = append(messages, m)
		}
		all = append(all, messages)
	}
	if len(all) != len(cases) {
		t.Fatalf("%d answers to %d lines", len(all), len(cases))
	}
	return all
}

// zlibCases returns a case for each way to compress with a window of at least minBits, with every kind of
// message.
func zlibCases(minBits uint8) (cases []zlibCase) {
	for bits := minBits; bits <= maxWindowBits; bits++ {
		for _, takeover := range []bool{false, true} {
			c := zlibCase{params: paramsOf(takeover, bits)}
			for _, sample := range deflateSamples {
				for _, n := range []int{1, 64, 127, 128, 300, 5000} {
					c.messages = append(c.messages, sample.make(n))
				}
			}
			c.messages = append(c.messages, compressible(70000), []byte("x"), compressible(200))
			cases = append(cases, c)
		}
	}
	return cases
}

// What we compress, zlib reads with a window of just the size that was agreed on; what it compresses, we read.
func TestDeflateZlib(t *testing.T) {
	for _, peer := range zlibPeers {
		t.Run(peer.name, func(t *testing.T) {
			if _, err := exec.LookPath(peer.command[0]); err != nil {
				if peer.env != "" && os.Getenv(peer.env) != "" {
					t.Fatal(err)
				}
				t.Skip(err)
			}
			t.Run("inflates", func(t *testing.T) {
				plain := zlibCases(minWindowBits)
				compressed := make([]zlibCase, len(plain))
				for n, c := range plain {
					d := (&Deflate{Context: 1 << 15}).NewDeflater(c.params, Server)
					compressed[n].params = c.params
					for _, m := range append(c.messages, nil) {
						compressed[n].messages = append(compressed[n].messages, d.AppendMessage(nil, m))
					}
				}
				for n, got := range runZlib(t, peer.command, "inflate", compressed) {
					wantMessages(t, plain[n].params, got, append(plain[n].messages, nil))
				}
			})
			t.Run("deflates", func(t *testing.T) {
				plain := zlibCases(peer.minBits)
				for n, compressed := range runZlib(t, peer.command, "deflate", plain) {
					i := NewInflater(plain[n].params, Client)
					var got [][]byte
					for _, m := range compressed {
						message, err := i.AppendMessage(nil, m, 1<<20, false)
						if err != nil {
							t.Errorf("%v: message %d: %v", plain[n].params, len(got), err)
						}
						got = append(got, message)
					}
					wantMessages(t, plain[n].params, got, plain[n].messages)
				}
			})
		})
	}
}

func wantMessages(t *testing.T, p DeflateParams, got, want [][]byte) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%v: %d messages, want %d", p, len(got), len(want))
	}
	for n := range want {
		if !bytes.Equal(got[n], want[n]) {
			t.Errorf("%v: message %d has %d bytes, want %d, or others", p, n, len(got[n]), len(want[n]))
		}
	}
}
